//! A registry that changes and fails at random, held against its inventory: after a complete run the
//! two are equal, and no image is ever marked as gone that was there throughout a run.

mod registry;
mod tally;
mod world;

use std::sync::Arc;

use proptest::{prelude::*, test_runner::TestRunner};
use registry_intake::{
    inventory::RunKind,
    simulator::{Action, harbor_v2::Release},
};

use self::{
    registry::Subject,
    tally::{Happening, Tally},
    world::World,
};

const NAMESPACES: usize = 3;
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
    DeleteNamespace(usize),
}

#[derive(Debug, Clone)]
enum Step {
    Changes(Vec<Change>),
    Run(Run),
    /// The registry moves, a Harbor as another release: what was listed by project is listed by
    /// repository, or the other way round.
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
        12 => (repository.clone(), image.clone(), tag.clone())
            .prop_map(|(repository, image, tag)| Change::Push { repository, image, tag }),
        2 => (repository.clone(), tag).prop_map(|(repository, tag)| Change::Untag { repository, tag }),
        3 => (repository.clone(), image)
            .prop_map(|(repository, image)| Change::Delete { repository, image }),
        1 => repository.prop_map(Change::DeleteRepository),
        1 => (0..NAMESPACES).prop_map(Change::DeleteNamespace),
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
    let action = prop_oneof![
        1 => Just(Action::StripCredentials),
        2 => prop::sample::select(actions()),
    ];
    let release = prop_oneof![
        Just(Release::V2_0),
        Just(Release::V2_5),
        Just(Release::V2_11),
        Just(Release::V2_15)
    ];
    prop_oneof![
        10 => prop::collection::vec(change(), 1..9).prop_map(Step::Changes),
        8 => run(action).prop_map(Step::Run),
        1 => release.prop_map(Step::Become),
    ]
}

fn run(action: impl Strategy<Value = Action>) -> impl Strategy<Value = Run> {
    let request = 1..30_u64;
    (
        prop_oneof![3 => Just(RunKind::Full), 2 => Just(RunKind::Incremental)],
        prop::option::weighted(0.6, (action, request.clone())),
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

fn namespace(number: usize) -> String {
    format!("team-{}", number % NAMESPACES)
}

fn path(repository: usize) -> String {
    format!("{}/app-{repository}", namespace(repository))
}

fn digest(image: u64) -> String {
    format!("sha256:{:064x}", image + 1)
}

fn tag(tag: u8) -> String {
    format!("v{tag}")
}

/// `INTAKE_TRUTH_CASES` makes it longer.
fn cases(usual: u32) -> u32 {
    let asked = std::env::var("INTAKE_TRUTH_CASES").ok();
    asked.map_or(usual, |asked| asked.parse().unwrap())
}

/// Runs so many cases of 90 steps, and returns what has happened in them.
fn live_through(cases: u32, subject: impl Strategy<Value = Subject>) -> Arc<Tally> {
    let tally = Arc::new(Tally::default());
    let config = ProptestConfig {
        failure_persistence: None,
        ..ProptestConfig::with_cases(cases)
    };
    let lives = (subject, prop::collection::vec(step(), 90));
    let lived = TestRunner::new(config).run(&lives, |(subject, steps)| {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        runtime.block_on(async {
            let mut world = World::new(subject, Arc::clone(&tally)).await;
            for step in &steps {
                world.take(step).await;
            }
            world.end().await;
        });
        Ok(())
    });
    lived.unwrap_or_else(|failure| panic!("{failure}"));
    tally
}

#[test]
fn after_a_complete_run_inventory_equals_harbor_and_the_living_are_never_gone() {
    let cases = cases(16);
    let subject = prop_oneof![
        Just(Subject::HarborForAdministrator),
        Just(Subject::HarborForRobot)
    ];
    let tally = live_through(cases, subject);
    tally.assert_at_least(cases, &[(Happening::StrategyChange, 10)]);
    tally.assert_at_least(cases, &USUAL);
}

#[test]
fn after_a_complete_run_inventory_equals_quay_and_the_living_are_never_gone() {
    let cases = cases(16);
    let tally = live_through(cases, Just(Subject::Quay));
    tally.assert_at_least(cases, &USUAL);
}

/// How often things happen in ten cases at the least: about a third of what they do on average.
const USUAL: [(Happening, u64); 8] = [
    (Happening::Push, 400),
    (Happening::Deletion, 300),
    (Happening::Retag, 150),
    (Happening::Fault, 15),
    (Happening::CredentialStrip, 15),
    (Happening::Kill, 15),
    (Happening::TakeOver, 6),
    (Happening::Comparison, 20),
];

#[tokio::test]
async fn no_fault_at_any_request_makes_a_run_complete_that_is_not() {
    for release in [Release::V2_0, Release::V2_5, Release::V2_11, Release::V2_15] {
        for action in actions() {
            for nth in 1..14 {
                let (subject, tally) = (Subject::HarborForAdministrator, Arc::default());
                let mut world = World::new(subject, tally).await;
                world.take(&Step::Become(release)).await;
                let pushes = (0..4).map(|repository| Change::Push {
                    repository,
                    image: 1,
                    tag: 1,
                });
                world.take(&Step::Changes(pushes.collect())).await;
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
