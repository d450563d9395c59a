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
    config::{IntegrationConfig, IntegrationConfigBuilder, RegistryType, Secret},
    connector::{RegistryConnector, connect},
    error::ErrorCode,
    image::{Exclusion, Proof, RegistryKind, Scope},
    inventory::{
        Binding, ImageState, Inventory, InventoryError, RunKind, RunRequest, RunStart,
        SqliteInventory,
    },
    simulator::{
        Action, Fault, HarborV2,
        harbor_v2::{Contents, Project, Push},
    },
    sync::{InventorySync, SyncError, SyncEvent},
};
use tokio::sync::Notify;

use crate::harbor_v2::{as_admin, as_robot, connector, jumping_clock, shown, start};

const NAME: &str = "harbor";

/// A simulated Harbor and the inventory that is to follow it.
struct Stage {
    harbor: HarborV2,
    clock: Arc<dyn Clock>,
    inventory: Arc<dyn Inventory>,
}

/// Repository and digest, with the tags.
type Held = BTreeMap<(String, String), Vec<String>>;

impl Stage {
    async fn of(contents: Contents) -> Self {
        let (harbor, clock) = start(HarborV2::builder().contents(contents)).await;
        let inventory = SqliteInventory::in_memory(Arc::clone(&clock)).await;
        Self {
            harbor,
            clock,
            inventory: Arc::new(inventory.unwrap()),
        }
    }

    fn sync_by(&self, config: IntegrationConfigBuilder) -> InventorySync {
        let registry = connector(config, &self.clock);
        InventorySync::new(NAME, registry, Arc::clone(&self.inventory))
            .with_clock(Arc::clone(&self.clock))
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

#[tokio::test]
async fn the_first_run_finds_everything_new_and_counts_its_requests() {
    let stage = Stage::of(contents()).await;
    let report = stage.sync().run().await.unwrap();
    assert!(report.is_complete(), "{report:?}");
    assert_eq!(report.proof, Some(Proof::Totals));
    assert_eq!((report.listed, report.new), (124, 124));
    assert_eq!((report.changed, report.unchanged, report.gone), (0, 0, 0));
    assert_eq!((report.excluded, report.skipped, report.held), (1, 0, 0));
    assert_eq!(report.requests, stage.harbor.log().total());
    assert_eq!(stage.held().await, stage.there());
}

#[tokio::test]
async fn a_run_over_the_same_contents_changes_nothing() {
    let stage = Stage::of(contents()).await;
    let sync = stage.sync();
    sync.run().await.unwrap();
    let report = sync.run().await.unwrap();
    assert_eq!((report.listed, report.unchanged), (124, 124));
    assert_eq!((report.new, report.changed, report.gone), (0, 0, 0));
    let summary = &stage.inventory.integrations().await.unwrap()[0];
    assert_eq!(summary.last_complete_run, Some(report));
    assert_eq!(summary.binding.registry, stage.harbor.address().to_string());
}

#[tokio::test]
async fn pushes_moved_tags_and_deletions_are_told_apart() {
    let stage = Stage::of(contents()).await;
    let sync = stage.sync();
    sync.run().await.unwrap();
    stage.harbor.change(|contents| {
        contents.push("team/new", Push::image().tag("v1"));
        // Takes the tag from the image before: one new, one changed.
        contents.push("library/nginx", Push::image().tag("latest"));
        contents.delete_repository("doomed/two");
    });
    let report = sync.run().await.unwrap();
    assert!(report.is_complete(), "{report:?}");
    assert_eq!((report.new, report.changed), (2, 1));
    assert_eq!((report.gone, report.unchanged), (1, 122));
    assert_eq!(stage.held().await, stage.there());
}

#[tokio::test]
async fn a_project_that_vanishes_in_mid_run_is_gone_in_the_next() {
    let stage = Stage::of(contents()).await;
    let sync = stage.sync();
    sync.run().await.unwrap();
    let before = stage.held().await;
    stage.harbor.before_request(|_, target, contents| {
        if target.contains("/projects/3/artifacts") {
            contents.delete_project("doomed");
        }
    });
    let skipped = Mutex::new(Vec::new());
    let report = sync.run_observed(|event| {
        if let SyncEvent::Skipped(scope, error) = event {
            skipped.lock().unwrap().push((scope, error.code()));
        }
    });
    let report = report.await.unwrap();
    let vanished = (
        Scope::Namespace("doomed".to_owned()),
        ErrorCode::NamespaceNotFound,
    );
    assert_eq!(skipped.into_inner().unwrap(), [vanished]);
    assert_eq!((report.skipped, report.gone), (1, 0), "{report:?}");
    assert_eq!(stage.held().await, before);

    let report = sync.run().await.unwrap();
    assert_eq!((report.is_complete(), report.gone), (true, 2));
    assert_eq!(stage.held().await, stage.there());
}

#[tokio::test]
async fn a_broken_off_listing_is_a_report_that_says_why_and_nothing_is_gone() {
    let stage = Stage::of(contents()).await;
    let sync = stage.sync();
    sync.run().await.unwrap();
    let before = stage.held().await;
    stage
        .harbor
        .change(|contents| contents.delete_project("doomed"));
    stage
        .harbor
        .faults()
        .arm(Fault::new(Action::status(500)).on_path("/statistics"));
    let events = Mutex::new(Vec::new());
    let report = sync.run_observed(|event| events.lock().unwrap().push(event));
    let report = report.await.unwrap();
    assert!(!report.is_complete());
    assert_eq!((report.proof, report.gone), (None, 0));
    let failure = report.failure.unwrap();
    let last = events.into_inner().unwrap().pop();
    assert!(
        matches!(&last, Some(SyncEvent::Failed(error)) if error.code() == failure.code),
        "{last:?}"
    );
    assert_eq!(failure.host, Some(stage.harbor.address().to_string()));
    assert_eq!(stage.held().await, before);

    stage.harbor.faults().clear();
    assert_eq!(sync.run().await.unwrap().gone, 2);
}

#[tokio::test]
async fn an_unread_scope_keeps_its_images_and_the_others_are_judged() {
    let stage = Stage::of(contents()).await;
    let sync = stage.sync();
    sync.run().await.unwrap();
    stage.harbor.change(|contents| {
        contents.delete_repository("doomed/two");
        contents.delete_repository("library/deep/er/name");
    });
    stage
        .harbor
        .faults()
        .arm(Fault::new(Action::status(500)).on_path("/projects/3/artifacts"));
    let report = sync.run().await.unwrap();
    assert!(!report.is_complete());
    assert_eq!(report.proof, Some(Proof::Totals));
    assert_eq!(report.failure.unwrap().code, ErrorCode::IncompleteListing);
    assert_eq!((report.skipped, report.gone), (1, 1));
    let held = stage.held().await;
    let has = |name: &str| held.keys().any(|(repository, _)| repository == name);
    assert!(has("doomed/two") && !has("library/deep/er/name"));
}

#[tokio::test]
async fn by_a_robot_an_image_is_gone_only_after_two_runs() {
    let stage = Stage::of(contents()).await;
    let sync = stage.sync_by(as_robot(&stage.harbor));
    let report = sync.run().await.unwrap();
    assert_eq!(report.proof, Some(Proof::ReadTwice));
    assert_eq!((report.is_complete(), report.new), (true, 124));
    assert_eq!(report.requests, stage.harbor.log().total());
    stage
        .harbor
        .change(|contents| contents.delete_repository("doomed/two"));
    let report = sync.run().await.unwrap();
    assert_eq!((report.gone, report.held), (0, 1));
    let report = sync.run().await.unwrap();
    assert_eq!((report.gone, report.held), (1, 0));
    assert_eq!(stage.held().await, stage.there());
}

#[tokio::test]
async fn an_account_that_sees_nothing_takes_nothing_away() {
    let stage = Stage::of(contents()).await;
    stage.sync().run().await.unwrap();
    let before = stage.held().await;
    let wrong = as_admin(&stage.harbor).password(Secret::new("wrong"));
    let report = stage.sync_by(wrong).run().await.unwrap();
    let failure = report.failure.unwrap();
    assert_eq!(failure.code, ErrorCode::FailedToVerifyUsernameOrPwd);
    assert_eq!((report.listed, report.gone), (0, 0));
    assert_eq!(stage.held().await, before);
}

#[tokio::test]
async fn progress_adds_up_to_the_report() {
    let stage = Stage::of(contents()).await;
    let (mut new, mut listed, mut excluded, mut proofs) = (0, Vec::new(), Vec::new(), Vec::new());
    let sync = stage.sync();
    let report = sync.run_observed(|event| match event {
        SyncEvent::Page { changes, .. } => {
            assert!(proofs.is_empty(), "the proof comes last");
            new += changes.new;
        }
        SyncEvent::Listed(scope) => listed.push(scope.to_string()),
        SyncEvent::Excluded(scope, reason) => excluded.push((scope.to_string(), reason)),
        SyncEvent::Proved(proof) => proofs.extend(proof.proof),
        other => panic!("{other:?}"),
    });
    let report = report.await.unwrap();
    listed.sort();
    assert_eq!(new, report.new);
    let scopes = ["doomed", "library", "team"].map(|name| format!("namespace {name}"));
    assert_eq!(listed[..3], scopes);
    assert_eq!(listed[3..], ["registry"]);
    let mirror = ("namespace mirror".to_owned(), Exclusion::ProxyCache);
    assert_eq!((excluded, proofs), (vec![mirror], vec![Proof::Totals]));
}

#[tokio::test]
async fn a_name_stays_with_its_registry() {
    let stage = Stage::of(contents()).await;
    stage.sync().run().await.unwrap();
    let other = Stage::of(contents()).await;
    let registry = connector(as_admin(&other.harbor), &other.clock);
    let moved = InventorySync::new(NAME, registry, Arc::clone(&stage.inventory));
    let error = moved.run().await.unwrap_err();
    assert_eq!(error.code(), ErrorCode::IntegrationRebound);
    assert_eq!(other.harbor.log().total(), 0);
}

#[tokio::test]
async fn a_listing_that_never_begins_binds_nothing_and_is_reported() {
    let stage = Stage::of(contents()).await;
    let wrong = as_admin(&stage.harbor).password(Secret::new("wrong"));
    let failed = Mutex::new(Vec::new());
    let sync = stage.sync_by(wrong);
    let report = sync.run_observed(|event| failed.lock().unwrap().push(event));
    let report = report.await.unwrap();
    let events = failed.into_inner().unwrap();
    assert!(matches!(&events[..], [SyncEvent::Failed(_)]), "{events:?}");
    assert_eq!((report.run, report.proof, report.listed), (None, None, 0));
    assert_eq!(report.requests, stage.harbor.log().total());
    let failure = report.failure.unwrap();
    assert_eq!(failure.code, ErrorCode::FailedToVerifyUsernameOrPwd);
    assert_eq!(stage.inventory.integrations().await.unwrap(), []);

    // The name is free for the registry that was meant.
    let meant = Stage::of(contents()).await;
    let registry = connector(as_admin(&meant.harbor), &meant.clock);
    let sync = InventorySync::new(NAME, registry, Arc::clone(&stage.inventory));
    assert!(sync.run().await.unwrap().is_complete());
}

#[tokio::test]
async fn a_name_moves_on_purpose_once_the_new_registry_has_answered() {
    let stage = Stage::of(contents()).await;
    stage.sync().run().await.unwrap();
    let before = stage.held().await;
    let bound_to = async || {
        let summary = stage.inventory.integrations().await.unwrap().remove(0);
        summary.binding.registry
    };
    let other = Stage::of(contents()).await;
    let there = |config| {
        let registry = connector(config, &other.clock);
        InventorySync::new(NAME, registry, Arc::clone(&stage.inventory)).rehoming()
    };
    let wrong = as_admin(&other.harbor).password(Secret::new("wrong"));
    let report = there(wrong).run().await.unwrap();
    assert_eq!((report.run, report.is_complete()), (None, false));
    assert_eq!(bound_to().await, stage.harbor.address().to_string());
    assert_eq!(stage.held().await, before);

    let report = there(as_admin(&other.harbor)).run().await.unwrap();
    assert!(report.is_complete(), "{report:?}");
    assert_eq!(bound_to().await, other.harbor.address().to_string());
    assert_eq!(report.gone, 0);
    let report = there(as_admin(&other.harbor)).run().await.unwrap();
    assert_eq!(report.unchanged, 124);
}

#[tokio::test]
async fn a_registry_that_cannot_be_kept_is_refused_before_anything_is_written() {
    let stage = Stage::of(Contents::empty()).await;
    let config = IntegrationConfig::builder("acr")
        .registry_type(RegistryType::AcrPersonal)
        .domain("registry.example.com")
        .username("key")
        .password(Secret::new("secret"));
    let registry: Arc<dyn RegistryConnector> = connect(&config.build().unwrap()).unwrap();
    let sync = InventorySync::new("acr", registry, Arc::clone(&stage.inventory));
    let error = sync.run().await.unwrap_err();
    assert!(matches!(&error, SyncError::Refused(_)), "{error}");
    assert_eq!(error.code(), ErrorCode::NotSupported);
    assert_eq!(stage.inventory.integrations().await.unwrap(), []);
}

/// Notified when the artifacts of a project are asked for.
fn asked_for_artifacts(harbor: &HarborV2) -> Arc<Notify> {
    let asked = Arc::new(Notify::new());
    let hook = Arc::clone(&asked);
    harbor.before_request(move |_, target, _| {
        if target.contains("/artifacts") {
            hook.notify_one();
        }
    });
    asked
}

/// Runs until the registry is asked for something that it answers never.
async fn run_into_a_hang(stage: &Stage, sync: &InventorySync) {
    let asked = asked_for_artifacts(&stage.harbor);
    let hang = Fault::new(Action::Hang).on_path("/artifacts");
    stage.harbor.faults().arm(hang);
    match select(pin!(asked.notified()), pin!(sync.run())).await {
        Either::Left(_) => stage.harbor.faults().clear(),
        Either::Right((end, _)) => panic!("the run ended: {end:?}"),
    }
}

#[tokio::test]
async fn a_dropped_run_marks_nothing_and_the_next_takes_its_place() {
    let stage = Stage::of(contents()).await;
    let sync = stage.sync();
    sync.run().await.unwrap();
    let before = stage.held().await;
    stage
        .harbor
        .change(|contents| contents.delete_project("doomed"));
    run_into_a_hang(&stage, &sync).await;
    assert_eq!(stage.held().await, before);
    let report = sync.run().await.unwrap();
    assert_eq!((report.is_complete(), report.gone), (true, 2));
}

#[tokio::test]
async fn a_run_that_was_overtaken_writes_nothing_more() {
    // Answers come when this clock has moved on, the first page after the later run has begun.
    let time = ManualClock::at(Timestamp::UNIX_EPOCH);
    let builder = HarborV2::builder().contents(contents());
    let harbor = builder.clock(Arc::new(time.clone())).start().await;
    let clock = jumping_clock();
    let inventory = SqliteInventory::in_memory(Arc::clone(&clock)).await;
    let stage = Stage {
        harbor: harbor.unwrap(),
        clock,
        inventory: Arc::new(inventory.unwrap()),
    };
    let binding = Binding {
        integration: NAME.to_owned(),
        kind: RegistryKind::HarborV2,
        registry: stage.harbor.address().to_string(),
    };
    stage.inventory.bind(&binding).await.unwrap();
    let second = Duration::from_secs(1);
    let slow = Fault::new(Action::Delay(second)).on_path("/artifacts");
    stage.harbor.faults().arm(slow);
    let overtaken = asked_for_artifacts(&stage.harbor);
    let later = async {
        overtaken.notified().await;
        let anew = RunRequest {
            integration: NAME,
            kind: RunKind::Full,
            lease: Duration::from_secs(60),
            start: RunStart::Anew,
            mark: None,
        };
        let later = stage.inventory.begin_run(&anew).await.unwrap();
        stage.harbor.faults().clear();
        while time.sleepers() == 0 {
            tokio::task::yield_now().await;
        }
        time.advance(second);
        later
    };
    let sync = stage.sync();
    let (earlier, later) = join(sync.run(), later).await;
    let error = earlier.unwrap_err();
    assert!(
        matches!(
            &error,
            SyncError::Inventory(InventoryError::RunSuperseded { .. })
        ),
        "{error}"
    );
    assert_eq!(stage.held().await, Held::new());
    assert_eq!(later.ticket.integration, NAME);
}
