//! A registry of which this crate knows nothing: simulated, connected and held to the suite by the
//! public API alone, as another crate would.

mod connector;
mod registry;

use std::{
    collections::BTreeSet,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
};

use registry_intake::{
    clock::SystemClock,
    conformance::{Shown, Subject},
    connector::RegistryConnector,
    error::{ErrorCode, Step},
    image::{Location, RegistryKind},
    inventory::{Inventory, SqliteInventory},
    simulator::{Faults, Handler, RequestLog, Server},
};

use self::{
    connector::ShelfConnector,
    registry::{Change, PASSWORD, Shelf},
};

struct OwnRegistry {
    shelf: Arc<Shelf>,
    server: Server,
}

impl OwnRegistry {
    async fn start() -> Self {
        let image = |number: u64| Shown {
            repository: if number < 7 {
                "team/app"
            } else {
                "team/doomed"
            }
            .to_owned(),
            digest: format!("sha256:{number:064x}"),
            tags: (1..number % 3 + 1).map(|tag| format!("v{tag}")).collect(),
        };
        let shelf = Arc::new(Shelf {
            images: Mutex::new((1..=8).map(|number| (number, image(number))).collect()),
            password: Mutex::new(PASSWORD),
            failed_logins: AtomicU64::new(0),
            due: Mutex::new(None),
        });
        let handler = Arc::clone(&shelf) as Arc<dyn Handler>;
        let server = Server::start(0, SystemClock::shared(), handler)
            .await
            .unwrap();
        Self { shelf, server }
    }

    fn after(&self, requests: u64, change: Change) {
        let number = self.server.log().total() + requests + 1;
        *self.shelf.due.lock().unwrap() = Some((number, change));
    }
}

impl Subject for OwnRegistry {
    fn connector(&self) -> Arc<dyn RegistryConnector> {
        Arc::new(ShelfConnector::new(self.server.address()))
    }

    fn contents(&self) -> BTreeSet<Shown> {
        self.shelf
            .images
            .lock()
            .unwrap()
            .values()
            .cloned()
            .collect()
    }

    fn faults(&self) -> &Faults {
        self.server.faults()
    }

    fn log(&self) -> &RequestLog {
        self.server.log()
    }

    /// None: the registry as a whole is the only scope.
    fn scope_lists(&self) -> &[&str] {
        &[]
    }

    fn entries(&self) -> &str {
        "/images?"
    }

    fn failed_logins(&self) -> u64 {
        self.shelf.failed_logins.load(Ordering::Relaxed)
    }

    fn change_password_after(&self, requests: u64) {
        self.after(requests, Change::Password);
    }

    fn delete_scope_after(&self, requests: u64) {
        self.after(requests, Change::Deletion);
    }
}

#[tokio::test]
async fn the_whole_suite_holds_a_connector_of_another_crate() {
    registry_intake::conformance::all(OwnRegistry::start, async || {
        let inventory = SqliteInventory::in_memory(SystemClock::shared()).await;
        Arc::new(inventory.unwrap()) as Arc<dyn Inventory>
    })
    .await;
}

#[tokio::test]
async fn another_crate_can_report_a_verification_and_grant_a_pull() {
    let registry = OwnRegistry::start().await;
    let connector = registry.connector();
    assert!(connector.verify().await.is_ok());
    registry.after(0, Change::Password);
    let report = registry.connector().verify().await;
    let failure = report.failure().unwrap();
    assert_eq!(failure.context().registry, RegistryKind::Other);
    assert_eq!(failure.context().step, Step::Credentials);

    let location = Location {
        repository: "team/app".parse().unwrap(),
        digest: format!("sha256:{:064x}", 1).parse().unwrap(),
        tags: Vec::new(),
    };
    let access = connector.pull_access(&location).await.unwrap();
    let port = registry.server.address().port();
    assert_eq!(access.dial, Some(registry.server.address().ip()));
    assert!(
        access
            .reference()
            .starts_with(&format!("shelf.example.com:{port}/team/app@sha256:"))
    );
    let token = connector.pull_token(&location).await.unwrap_err();
    assert_eq!(token.code(), ErrorCode::NotSupported);
    assert_eq!(token.context().registry, RegistryKind::Other);
}
