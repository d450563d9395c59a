//! A registry that pages by number, is read twice, and tells its changes by time.

use std::collections::BTreeSet;

use registry_intake::{
    conformance::Shown,
    image::BlindSpot,
    simulator::{
        Quay,
        quay::{Contents, Organization, Push},
    },
};

use super::{
    mortal::{Death, dies_in},
    *,
};
use crate::quay::as_owner;

const NAME: &str = "quay";

struct QuayStage {
    quay: Quay,
    /// The registry's and the connector's, who do not wait.
    clock: ManualClock,
    /// The run's and the inventory's.
    time: ManualClock,
    inventory: Arc<dyn Inventory>,
}

impl QuayStage {
    async fn of(contents: Contents) -> Self {
        let clock = ManualClock::jumping_at("2026-06-01T00:00:00Z".parse().unwrap());
        let builder = Quay::builder().contents(contents);
        let quay = builder.clock(Arc::new(clock.clone())).start().await;
        let time = ManualClock::at(Timestamp::UNIX_EPOCH);
        let inventory = SqliteInventory::in_memory(Arc::new(time.clone())).await;
        Self {
            quay: quay.unwrap(),
            clock,
            time,
            inventory: Arc::new(inventory.unwrap()),
        }
    }

    fn sync(&self) -> InventorySync {
        self.sync_to(Arc::clone(&self.inventory))
    }

    fn sync_to(&self, inventory: Arc<dyn Inventory>) -> InventorySync {
        let clock: Arc<dyn Clock> = Arc::new(self.clock.clone());
        let registry = crate::quay::connector(as_owner(&self.quay), &clock);
        InventorySync::new(NAME, registry, inventory).with_clock(Arc::new(self.time.clone()))
    }

    /// Changes at the present, and lets some time pass.
    fn change<T>(&self, change: impl FnOnce(&mut Contents) -> T) -> T {
        let changed = self.quay.change(|contents| {
            contents.at(self.clock.now());
            change(contents)
        });
        self.clock.advance(Duration::from_secs(60));
        changed
    }

    async fn held(&self) -> BTreeSet<Shown> {
        let stored = self.inventory.images(NAME, None, 1000).await.unwrap();
        let live = stored
            .into_iter()
            .filter(|stored| stored.state != ImageState::Gone);
        live.map(|stored| Shown {
            repository: stored.image.repository.to_string(),
            digest: stored.image.digest.to_string(),
            tags: sorted(stored.image.tags.iter().map(|tag| tag.name.to_string())),
        })
        .collect()
    }

    fn there(&self) -> BTreeSet<Shown> {
        let shown = crate::quay::shown(&self.quay, &["acme".to_owned()]).into_iter();
        shown
            .map(|image| Shown {
                tags: sorted(image.tags),
                ..image
            })
            .collect()
    }

    fn tag_pages(&self) -> usize {
        let sent = self.quay.log().recent().into_iter();
        sent.filter(|request| request.target.contains("/tag/"))
            .count()
    }
}

fn sorted(tags: impl IntoIterator<Item = String>) -> Vec<String> {
    let mut tags: Vec<_> = tags.into_iter().collect();
    tags.sort();
    tags
}

fn contents(repositories: u64) -> Contents {
    let mut contents = Contents::empty();
    contents.create_organization(Organization::new("acme"));
    for number in 0..120 {
        contents.push("acme/app-0", Push::image().tag(&format!("v{number}")));
    }
    for number in 1..repositories {
        contents.push(&format!("acme/app-{number}"), Push::image().tag("1"));
    }
    contents
}

#[tokio::test]
async fn an_incremental_run_costs_what_has_changed_and_says_what_it_cannot_see() {
    let stage = QuayStage::of(contents(250)).await;
    assert!(stage.sync().run().await.unwrap().is_complete());
    stage.change(|contents| {
        for number in 0..10 {
            contents.push("acme/app-1", Push::image().tag(&format!("new-{number}")));
        }
        contents.push("acme/new", Push::image().tag("1"));
        contents.delete_tag("acme/app-0", "v7")
    });
    let before = stage.quay.log().total();
    let incremental = stage.sync().with_kind(RunKind::Incremental);
    let report = incremental.run().await.unwrap();
    assert_eq!(
        (report.kind, report.is_successful()),
        (RunKind::Incremental, true)
    );
    assert_eq!(report.requests, stage.quay.log().total() - before);
    // One page of changes, two changed repositories, and five.
    assert!(report.requests <= 1 + 2 + 5, "{}", report.requests);
    assert_eq!(
        report.blind_to,
        [BlindSpot::Deletions, BlindSpot::RemovedTags]
    );
    assert_eq!((report.new, report.gone), (11, 0), "{report:?}");
    for _ in 0..2 {
        assert!(stage.sync().run().await.unwrap().is_complete());
    }
    assert_eq!(stage.held().await, stage.there());
}

#[tokio::test]
async fn wherever_a_run_is_killed_it_goes_on_and_a_repository_is_read_from_its_start() {
    let mut killed = 0;
    loop {
        let stage = QuayStage::of(contents(5)).await;
        stage.sync().run().await.unwrap();
        stage.change(|contents| {
            contents.push("acme/app-0", Push::image().tag("new"));
            contents.delete_tag("acme/app-1", "1")
        });
        let sync = |inventory| stage.sync_to(inventory);
        if !dies_in(&stage.inventory, Death::After(killed + 1), sync).await {
            break;
        }
        killed += 1;
        let open = stage.inventory.integrations().await.unwrap()[0].open_run;
        stage.time.advance(InventorySync::LEASE);
        let report = stage.sync().run().await.unwrap();
        assert!(report.is_complete(), "{killed}: {report:?}");
        assert_eq!(report.takeovers, u32::from(open.is_some()), "{killed}");
        assert_eq!(report.new + report.unchanged, 124, "{killed}");
        // Read twice, what is missing is gone after two complete runs.
        assert_eq!(report.gone, u64::from(open.is_none()), "{killed}");
        let next = stage.sync().run().await.unwrap();
        assert_eq!(next.gone, u64::from(open.is_some()), "{killed}");
        assert_eq!(stage.held().await, stage.there(), "{killed}");
    }
    assert!(killed > 8, "{killed} writes");
}

#[tokio::test]
async fn repositories_that_were_read_to_their_end_are_not_read_again() {
    let stage = QuayStage::of(contents(5)).await;
    let sync = |inventory| stage.sync_to(inventory);
    assert!(dies_in(&stage.inventory, Death::AtTheEnd, sync).await);
    assert!(stage.tag_pages() >= 6);
    stage.quay.log().reset();
    stage.time.advance(InventorySync::LEASE);
    let report = stage.sync().run().await.unwrap();
    assert_eq!((report.is_complete(), report.takeovers), (true, 1));
    assert_eq!((report.listed, stage.tag_pages()), (124, 0));
    assert_eq!(stage.held().await, stage.there());
}
