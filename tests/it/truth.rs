//! A registry that changes and fails at random, held against its inventory: after a complete run the
//! two are equal, and no image is ever marked as gone that was there throughout a run.

use std::{
    collections::BTreeSet,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use futures_util::future::{Either, select};
use proptest::prelude::*;
use registry_intake::{
    clock::{Clock, ManualClock, Timestamp},
    connector::RegistryConnector,
    inventory::{ImageState, Inventory, RunKind, RunReport, SqliteInventory},
    simulator::{
        Action, Fault, HarborV2,
        harbor_v2::{Contents, Project, Push, Release},
    },
    sync::InventorySync,
};
use tokio::sync::Notify;

use crate::harbor_v2::{as_admin, as_robot, connector};

const NAME: &str = "harbor";
const PROJECTS: usize = 3;
const REPOSITORIES: usize = 6;
const IMAGES: u64 = 8;

/// What happens to a registry.
#[derive(Debug, Clone)]
enum Change {
    Push {
        repository: usize,
        image: u64,
        tag: u8,
    },
    Untag {
        repository: usize,
        tag: u8,
    },
    Delete {
        repository: usize,
        image: u64,
    },
    DeleteRepository(usize),
    DeleteProject(usize),
}

#[derive(Debug, Clone)]
enum Step {
    Change(Change),
    Run(Run),
    /// The registry becomes another release: what was listed by project is listed by repository, or
    /// the other way round.
    Become(Release),
}

#[derive(Debug, Clone)]
struct Run {
    kind: RunKind,
    /// What goes wrong, and with which of its requests.
    fault: Option<(Action, u64)>,
    /// What changes meanwhile, before which of its requests.
    change: Option<(Change, u64)>,
    /// It is killed after so many of its events.
    killed_after: Option<u64>,
}

fn change() -> impl Strategy<Value = Change> {
    let (repository, image, tag) = (0..REPOSITORIES, 0..IMAGES, 0..4_u8);
    prop_oneof![
        8 => (repository.clone(), image.clone(), tag.clone())
            .prop_map(|(repository, image, tag)| Change::Push { repository, image, tag }),
        2 => (repository.clone(), tag).prop_map(|(repository, tag)| Change::Untag { repository, tag }),
        3 => (repository.clone(), image)
            .prop_map(|(repository, image)| Change::Delete { repository, image }),
        1 => repository.prop_map(Change::DeleteRepository),
        1 => (0..PROJECTS).prop_map(Change::DeleteProject),
    ]
}

fn actions() -> Vec<Action> {
    vec![
        Action::StripCredentials,
        Action::Reset,
        Action::CutBody,
        Action::status(500),
        Action::Html,
        Action::unavailable(Some("1")),
        Action::TotalOffBy(-1),
        Action::Shrink(1),
    ]
}

fn step() -> impl Strategy<Value = Step> {
    let action = prop::sample::select(actions());
    let release = prop_oneof![
        Just(Release::V2_0),
        Just(Release::V2_5),
        Just(Release::V2_11),
        Just(Release::V2_15)
    ];
    prop_oneof![
        10 => change().prop_map(Step::Change),
        6 => run(action).prop_map(Step::Run),
        1 => release.prop_map(Step::Become),
    ]
}

fn run(action: impl Strategy<Value = Action>) -> impl Strategy<Value = Run> {
    let request = 1..30_u64;
    (
        prop_oneof![3 => Just(RunKind::Full), 2 => Just(RunKind::Incremental)],
        prop::option::weighted(0.5, (action, request.clone())),
        prop::option::weighted(0.3, (change(), request)),
        prop::option::weighted(0.2, 1..12_u64),
    )
        .prop_map(|(kind, fault, change, killed_after)| Run {
            kind,
            fault,
            change,
            killed_after,
        })
}

fn path(repository: usize) -> String {
    format!("project-{}/app-{repository}", repository % PROJECTS)
}

fn digest(image: u64) -> String {
    format!("sha256:{:064x}", image + 1)
}

fn tag(tag: u8) -> String {
    format!("v{tag}")
}

impl Change {
    fn make(&self, contents: &mut Contents) {
        match *self {
            Self::Push {
                repository,
                image,
                tag: number,
            } => {
                let project = format!("project-{}", repository % PROJECTS);
                contents.create_project(Project::private(&project));
                let push = Push::image().digest(&digest(image)).tag(&tag(number));
                contents.push(&path(repository), push);
            }
            Self::Untag {
                repository,
                tag: number,
            } => {
                contents.delete_tag(&path(repository), &tag(number));
            }
            Self::Delete { repository, image } => {
                contents.delete_artifact(&path(repository), &digest(image));
            }
            Self::DeleteRepository(repository) => {
                contents.delete_repository(&path(repository));
            }
            Self::DeleteProject(project) => {
                contents.delete_project(&format!("project-{project}"));
            }
        }
    }
}

type Shown = (String, String, Vec<String>);
type Place = (String, String);

/// The registry of the moment, its inventory, and who syncs one into the other.
struct World {
    harbor: Arc<HarborV2>,
    clock: ManualClock,
    connector: Arc<dyn RegistryConnector>,
    inventory: Arc<dyn Inventory>,
    is_admin: bool,
    /// How many complete runs in a row have found the registry as it is now.
    proved: u32,
    /// What the registry held when the run began that has not ended, and what of it is there still.
    unfinished: Option<(BTreeSet<Shown>, BTreeSet<Place>)>,
}

impl World {
    async fn new(is_admin: bool) -> Self {
        let clock = ManualClock::jumping_at(Timestamp::UNIX_EPOCH);
        let inventory = SqliteInventory::in_memory(Arc::new(clock.clone()));
        let inventory = inventory.await.unwrap();
        let (harbor, connector) =
            Self::start(Release::V2_15, Contents::empty(), &clock, is_admin).await;
        Self {
            harbor,
            clock,
            connector,
            inventory: Arc::new(inventory),
            is_admin,
            proved: 0,
            unfinished: None,
        }
    }

    async fn start(
        release: Release,
        contents: Contents,
        clock: &ManualClock,
        is_admin: bool,
    ) -> (Arc<HarborV2>, Arc<dyn RegistryConnector>) {
        let clock: Arc<dyn Clock> = Arc::new(clock.clone());
        let builder = HarborV2::builder().release(release).contents(contents);
        let harbor = builder.clock(Arc::clone(&clock)).start().await.unwrap();
        let config = if is_admin {
            as_admin(&harbor)
        } else {
            as_robot(&harbor)
        };
        let connector = connector(config, &clock);
        (Arc::new(harbor), connector)
    }

    async fn take(&mut self, step: &Step) {
        match step {
            Step::Change(change) => {
                self.harbor.change(|contents| change.make(contents));
                self.proved = 0;
                let now = places(&self.listed());
                if let Some((_, there)) = &mut self.unfinished {
                    there.retain(|place| now.contains(place));
                }
            }
            Step::Become(release) => {
                // It stands under another address, and what was missed once counts no more.
                self.proved = 0;
                let contents = self.harbor.change(|contents| contents.clone());
                (self.harbor, self.connector) =
                    Self::start(*release, contents, &self.clock, self.is_admin).await;
            }
            Step::Run(run) => self.run(run).await,
        }
    }

    async fn run(&mut self, run: &Run) {
        self.harbor.faults().clear();
        if let Some((action, nth)) = &run.fault {
            let fault = Fault::new(action.clone()).nth(*nth);
            // That an artifact is missing from a list whose total agrees, nobody can tell.
            let fault = match action {
                Action::Shrink(_) => fault.on_path("_id"),
                _ => fault,
            };
            self.harbor.faults().arm(fault);
        }
        if let Some((change, nth)) = run.change.clone() {
            let due = self.harbor.log().total() + nth;
            self.harbor.before_request(move |number, _, contents| {
                if number == due {
                    change.make(contents);
                }
            });
        }
        let now = self.listed();
        let there = places(&now);
        let (before, mut there) = self.unfinished.take().unwrap_or((now, there));
        let gone_before = self.gone().await;
        let report = self.sync(run).await;
        self.harbor.before_request(|_, _, _| {});
        self.harbor.faults().clear();

        let after = self.listed();
        let now = places(&after);
        there.retain(|place| now.contains(place));
        let lost: Vec<_> = self
            .gone()
            .await
            .into_iter()
            .filter(|place| there.contains(place) && !gone_before.contains(place))
            .collect();
        assert!(
            lost.is_empty(),
            "gone though there throughout: {lost:?}, {report:?}"
        );

        let Some(report) = report else {
            // Its lease ends before the next one begins.
            self.clock.advance(InventorySync::LEASE * 2);
            self.unfinished = Some((before, there));
            self.proved = 0;
            return;
        };
        let is_true = report.is_complete() && before == after;
        self.proved = if is_true { self.proved + 1 } else { 0 };
        // A robot sees no totals: what is missing is gone once two complete runs have missed it.
        if self.proved >= if self.is_admin { 1 } else { 2 } {
            assert_eq!(self.live().await, after, "{report:?}");
        } else if is_true {
            assert!(self.live().await.is_superset(&after), "{report:?}");
        }
    }

    async fn sync(&self, run: &Run) -> Option<RunReport> {
        let (connector, inventory) = (Arc::clone(&self.connector), Arc::clone(&self.inventory));
        let sync = InventorySync::new(NAME, connector, inventory)
            .with_kind(run.kind)
            .rehoming();
        let (told, enough) = (AtomicU64::new(0), Notify::new());
        let syncing = sync.run_observed(|_| {
            if Some(told.fetch_add(1, Ordering::Relaxed) + 1) == run.killed_after {
                enough.notify_one();
            }
        });
        match select(std::pin::pin!(syncing), std::pin::pin!(enough.notified())).await {
            Either::Left((report, _)) => Some(report.unwrap()),
            Either::Right(_) => None,
        }
    }

    fn listed(&self) -> BTreeSet<Shown> {
        let rows = self.harbor.listed().into_iter();
        rows.map(|row| (row.repository, row.digest, row.tags))
            .collect()
    }

    async fn live(&self) -> BTreeSet<Shown> {
        let stored = self.inventory.images(NAME, None, 1000).await.unwrap();
        let live = stored
            .into_iter()
            .filter(|stored| stored.state != ImageState::Gone);
        live.map(|stored| {
            let tags = stored.image.tags.iter().map(|tag| tag.name.to_string());
            let (repository, digest) = (&stored.image.repository, &stored.image.digest);
            (repository.to_string(), digest.to_string(), tags.collect())
        })
        .collect()
    }

    async fn gone(&self) -> BTreeSet<Place> {
        let stored = self.inventory.images(NAME, None, 1000).await.unwrap();
        let gone = stored
            .into_iter()
            .filter(|stored| stored.state == ImageState::Gone);
        gone.map(|stored| {
            (
                stored.image.repository.to_string(),
                stored.image.digest.to_string(),
            )
        })
        .collect()
    }
}

fn places(shown: &BTreeSet<Shown>) -> BTreeSet<Place> {
    let places = shown.iter();
    places
        .map(|(repository, digest, _)| (repository.clone(), digest.clone()))
        .collect()
}

/// `INTAKE_TRUTH_CASES` makes it longer.
fn cases() -> u32 {
    let asked = std::env::var("INTAKE_TRUTH_CASES").ok();
    asked.and_then(|asked| asked.parse().ok()).unwrap_or(16)
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(cases()) })]

    #[test]
    fn after_a_complete_run_inventory_equals_registry_and_the_living_are_never_gone(
        is_admin: bool,
        steps in prop::collection::vec(step(), 90),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let mut world = World::new(is_admin).await;
            for step in &steps {
                world.take(step).await;
            }
        });
    }
}

#[tokio::test]
async fn no_fault_at_any_request_makes_a_run_complete_that_is_not() {
    for release in [Release::V2_0, Release::V2_5, Release::V2_11, Release::V2_15] {
        for action in actions() {
            for nth in 1..14 {
                let mut world = World::new(true).await;
                world.take(&Step::Become(release)).await;
                for repository in 0..4 {
                    let (image, tag) = (1, 1);
                    let push = Change::Push {
                        repository,
                        image,
                        tag,
                    };
                    world.take(&Step::Change(push)).await;
                }
                let run = Run {
                    kind: RunKind::Full,
                    fault: Some((action.clone(), nth)),
                    change: None,
                    killed_after: None,
                };
                world.run(&run).await;
            }
        }
    }
}
