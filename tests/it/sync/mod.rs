//! Sync: what a run makes of the inventory, against a simulated Harbor and SQLite.

use std::{
    collections::BTreeMap,
    pin::pin,
    sync::{Arc, Mutex},
    time::Duration,
};

use futures_util::future::{Either, join, select};
use registry_intake::{
    clock::{Clock, ManualClock, Timestamp},
    config::{IntegrationConfigBuilder, Secret},
    connector::RegistryConnector,
    error::ErrorCode,
    image::{Exclusion, Proof, RegistryKind, Scope},
    inventory::{
        Binding, Claim, ClaimRequest, ImageState, Inventory, InventoryError, Lease, RunKind,
        RunReport, RunRequest, RunStart, SqliteInventory,
    },
    pace::Pace,
    simulator::{
        Action, Fault, HarborV2,
        harbor_v2::{Contents, Project, Push, Release},
    },
    sync::{InventorySync, SyncError, SyncEvent},
};
use tokio::sync::Notify;

use crate::harbor_v2::{as_admin, as_robot, connector, jumping_clock, shown, start};

mod binding;
mod deletions;
mod incremental;
mod mortal;
mod quay;
mod resumption;
mod runs;
mod selection;

const NAME: &str = "harbor";

/// A simulated Harbor and the inventory that is to follow it.
struct Stage {
    harbor: HarborV2,
    /// The registry's and the connector's, who do not wait.
    clock: Arc<dyn Clock>,
    /// The run's and the inventory's.
    time: ManualClock,
    inventory: Arc<dyn Inventory>,
}

/// Repository and digest, with the tags.
type Held = BTreeMap<(String, String), Vec<String>>;

impl Stage {
    async fn of(contents: Contents) -> Self {
        Self::on(Release::default(), contents).await
    }

    async fn on(release: Release, contents: Contents) -> Self {
        let builder = HarborV2::builder().release(release).contents(contents);
        let (harbor, clock) = start(builder).await;
        let time = ManualClock::at(Timestamp::UNIX_EPOCH);
        let inventory = SqliteInventory::in_memory(Arc::new(time.clone())).await;
        Self {
            harbor,
            clock,
            time,
            inventory: Arc::new(inventory.unwrap()),
        }
    }

    fn sync_by(&self, config: IntegrationConfigBuilder) -> InventorySync {
        self.sync_to(config, Arc::clone(&self.inventory))
    }

    fn sync_to(
        &self,
        config: IntegrationConfigBuilder,
        inventory: Arc<dyn Inventory>,
    ) -> InventorySync {
        let registry = connector(config, &self.clock);
        InventorySync::new(NAME, registry, inventory).with_clock(Arc::new(self.time.clone()))
    }

    /// Lets the lease of a run end whose process is dead.
    fn pass_lease(&self) {
        self.time.advance(InventorySync::LEASE);
    }

    fn sync(&self) -> InventorySync {
        self.sync_by(as_admin(&self.harbor))
    }

    /// What the inventory holds and does not call gone.
    async fn held(&self) -> Held {
        let stored = self.inventory.images(NAME, None, 1000).await.unwrap();
        let live = stored
            .into_iter()
            .filter(|stored| stored.state != ImageState::Gone);
        live.map(|stored| {
            let image = stored.image;
            let tags = image.tags.iter().map(|tag| tag.name.to_string()).collect();
            let place = (image.repository.to_string(), image.digest.to_string());
            (place, tags)
        })
        .collect()
    }

    /// What a complete inventory would hold now.
    fn there(&self) -> Held {
        let rows = shown(self.harbor.listed()).into_iter();
        rows.map(|row| ((row.repository, row.digest), row.tags))
            .collect()
    }
}

/// Two private projects, one public, a proxy cache, and one that may vanish.
fn contents() -> Contents {
    let mut contents = Contents::empty();
    contents.create_project(Project::public("library"));
    contents.create_project(Project::private("team"));
    contents.create_project(Project::private("doomed"));
    contents.create_project(Project::private("mirror").proxy_cache(1));
    for number in 0..120 {
        contents.push("team/app", Push::image().tag(&format!("v{number}")));
    }
    contents.push("library/nginx", Push::image().tag("1.27").tag("latest"));
    contents.push("library/deep/er/name", Push::image());
    contents.push("doomed/one", Push::image().tag("a"));
    contents.push("doomed/two", Push::image().tag("b"));
    contents.push("mirror/alpine", Push::image().tag("3.20"));
    contents
}

/// Pushes, a moved tag and a deletion: two images are new, one is changed, one is gone.
fn change(contents: &mut Contents) {
    contents.push("team/new", Push::image().tag("v1"));
    contents.push("library/nginx", Push::image().tag("latest"));
    contents.delete_repository("doomed/two");
}
