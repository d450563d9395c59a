//! Random runs by several processes that die, freeze and take over, held against a simple model.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use proptest::prelude::*;
use registry_intake::{
    clock::{Clock, Timestamp},
    image::{Cursor, Image, Proof, Scope},
    inventory::{
        ImageState, InventoryError, ResumedRun, RunEnd, RunKind, RunRequest, RunStart, RunTicket,
        ScopeOutcome,
    },
};

use super::stage::{LEASE, Stage, error_record, image, run_end, run_request, sightings};

const IMAGES: u32 = 4;
const TEAMS: u32 = 2;
const HANDLES: usize = 2;

#[derive(Debug, Clone)]
enum Step {
    Begin(RunKind, RunStart),
    /// The lease of whoever holds the run ends, and this process goes on with it.
    TakeOver,
    /// The images of a team that are there, and whether the team's list goes on behind them.
    Page(u32, bool),
    Close(u32, ScopeOutcome),
    Finish(Option<Proof>, bool),
    /// The process forgets its run.
    Die,
    Push(u32),
    Delete(u32),
    Advance(Duration),
    SetBack(Duration),
}

fn step() -> impl Strategy<Value = Step> {
    let kind = prop_oneof![5 => Just(RunKind::Full), 1 => Just(RunKind::Incremental)];
    let start = prop_oneof![6 => Just(RunStart::Resume), 1 => Just(RunStart::Anew)];
    let proof = prop_oneof![
        1 => Just(None),
        3 => Just(Some(Proof::Totals)),
        3 => Just(Some(Proof::ReadTwice)),
    ];
    let outcome = prop_oneof![
        5 => Just(ScopeOutcome::Listed),
        1 => Just(ScopeOutcome::Skipped(error_record("HTTP 500"))),
    ];
    prop_oneof![
        5 => (kind, start).prop_map(|(kind, start)| Step::Begin(kind, start)),
        3 => Just(Step::TakeOver),
        8 => (0..TEAMS, any::<bool>()).prop_map(|(team, goes_on)| Step::Page(team, goes_on)),
        6 => (0..TEAMS, outcome).prop_map(|(team, outcome)| Step::Close(team, outcome)),
        3 => (proof, prop::bool::weighted(0.2)).prop_map(|(proof, fails)| Step::Finish(proof, fails)),
        1 => Just(Step::Die),
        5 => (0..IMAGES).prop_map(Step::Push),
        4 => (0..IMAGES).prop_map(Step::Delete),
        1 => (0..900_u64).prop_map(|seconds| Step::Advance(Duration::from_secs(seconds))),
        1 => (0..50_000_u64).prop_map(|seconds| Step::Advance(Duration::from_secs(seconds))),
        1 => (0..4000_u64).prop_map(|seconds| Step::SetBack(Duration::from_secs(seconds))),
    ]
}

fn team_of(number: u32) -> u32 {
    number % TEAMS
}

fn scope(team: u32) -> Scope {
    Scope::Namespace(format!("team-{team}"))
}

fn shown(number: u32) -> Image {
    image(&format!("team-{}/app", team_of(number)), number, &["v1"])
}

/// What the run knows of a team.
#[derive(Debug, Default)]
struct Team {
    seen: BTreeSet<u32>,
    goes_on: bool,
    outcome: Option<ScopeOutcome>,
}

#[derive(Debug)]
struct Run {
    ticket: RunTicket,
    kind: RunKind,
    started_at: Timestamp,
    lease: (Timestamp, Timestamp),
    takeovers: u32,
    teams: BTreeMap<u32, Team>,
}

impl Run {
    fn renew(&mut self, now: Timestamp) {
        self.lease = (now, now.saturating_add(LEASE));
    }

    /// Who takes over starts over where nothing says where to go on.
    fn taken_over(&mut self, ticket: &RunTicket, now: Timestamp) {
        assert!(ticket.fence > self.ticket.fence);
        self.ticket = ticket.clone();
        self.takeovers += 1;
        self.renew(now);
        for team in self.teams.values_mut() {
            let skipped = matches!(team.outcome, Some(ScopeOutcome::Skipped(_)));
            team.goes_on &= !skipped;
            if !team.goes_on && team.outcome != Some(ScopeOutcome::Listed) {
                team.seen.clear();
            }
        }
    }

    fn assert_told(&self, resumed: &ResumedRun) {
        assert_eq!(resumed.takeovers, self.takeovers);
        let (closed, open): (Vec<_>, Vec<_>) = self
            .teams
            .iter()
            .partition(|(_, team)| team.outcome.is_some());
        let told = resumed.closed.iter();
        let told = told.map(|closed| (closed.scope.clone(), Some(closed.outcome.clone())));
        let known = closed.into_iter();
        let known = known.map(|(team, known)| (scope(*team), known.outcome.clone()));
        assert_eq!(told.collect::<Vec<_>>(), known.collect::<Vec<_>>());
        let told = resumed.open.iter();
        let told = told.map(|open| (open.scope.clone(), open.cursor.is_some()));
        let known = open.into_iter();
        let known = known.map(|(team, known)| (scope(*team), known.goes_on));
        assert_eq!(told.collect::<Vec<_>>(), known.collect::<Vec<_>>());
    }
}

#[derive(Debug, Default)]
struct Location {
    gone: bool,
    missed_by: Option<i64>,
}

#[derive(Debug, Default)]
struct Model {
    registry: BTreeSet<u32>,
    locations: BTreeMap<u32, Location>,
    current: Option<Run>,
    complete: Option<i64>,
    last: i64,
}

impl Model {
    /// The run, if this ticket is the one that is good.
    fn run_of(&mut self, ticket: &RunTicket) -> Option<&mut Run> {
        self.current.as_mut().filter(|run| run.ticket == *ticket)
    }

    fn begun(
        &mut self,
        request: &RunRequest<'_>,
        begun: Result<registry_intake::inventory::BegunRun, InventoryError>,
        now: Timestamp,
    ) -> Option<RunTicket> {
        let resumes = match &mut self.current {
            Some(run) if request.start == RunStart::Resume => {
                let (since, until) = run.lease;
                if since > now {
                    run.lease = (now, now.saturating_add(until.since(since)));
                }
                if run.lease.1 > now {
                    let InventoryError::RunInProgress { until, .. } = begun.unwrap_err() else {
                        panic!("the lease is good");
                    };
                    assert_eq!(until, run.lease.1);
                    return None;
                }
                let age = now.since(run.started_at);
                run.kind == request.kind && age < RunRequest::RESUMED_WITHIN
            }
            _ => false,
        };
        let begun = begun.unwrap();
        match (&mut self.current, &begun.resumed) {
            (Some(run), Some(resumed)) if resumes => {
                run.taken_over(&begun.ticket, now);
                run.assert_told(resumed);
                assert_eq!(begun.started_at, run.started_at);
            }
            (_, None) if !resumes => {
                assert!(begun.ticket.run > self.last);
                self.last = begun.ticket.run;
                self.current = Some(Run {
                    ticket: begun.ticket.clone(),
                    kind: request.kind,
                    started_at: now,
                    lease: (now, begun.lease_until),
                    takeovers: 0,
                    teams: BTreeMap::new(),
                });
            }
            (run, resumed) => panic!("{resumed:?} of {run:?}, which resumes: {resumes}"),
        }
        Some(begun.ticket)
    }

    fn page(&mut self, ticket: &RunTicket, team: u32, goes_on: bool, now: Timestamp) -> bool {
        let there: Vec<_> = self.there(team).collect();
        let Some(run) = self.run_of(ticket) else {
            return false;
        };
        run.renew(now);
        let known = run.teams.entry(team).or_default();
        known.goes_on |= goes_on;
        known.seen.extend(&there);
        for number in there {
            self.locations.insert(number, Location::default());
        }
        true
    }

    fn there(&self, team: u32) -> impl Iterator<Item = u32> {
        let numbers = self.registry.iter().copied();
        numbers.filter(move |number| team_of(*number) == team)
    }

    fn close(
        &mut self,
        ticket: &RunTicket,
        team: u32,
        outcome: ScopeOutcome,
        now: Timestamp,
    ) -> bool {
        let Some(run) = self.run_of(ticket) else {
            return false;
        };
        run.renew(now);
        run.teams.entry(team).or_default().outcome = Some(outcome);
        true
    }

    /// How many are gone and how many are held, if the ticket is good.
    fn finish(&mut self, ticket: &RunTicket, end: &RunEnd) -> Option<(u64, u64)> {
        self.run_of(ticket)?;
        let run = self.current.take()?;
        let (mut gone, mut held) = (0, 0);
        let Some(proof) = end.proof.filter(|_| run.kind == RunKind::Full) else {
            return Some((gone, held));
        };
        let complete = end.failure.is_none();
        for (number, location) in &mut self.locations {
            let team = run.teams.get(&team_of(*number));
            let missed = team.is_some_and(|team| {
                team.outcome == Some(ScopeOutcome::Listed) && !team.seen.contains(number)
            });
            if location.gone || !missed {
                continue;
            }
            let twice =
                complete && location.missed_by.is_some() && location.missed_by == self.complete;
            location.gone = twice || proof == Proof::Totals;
            if complete {
                location.missed_by = Some(run.ticket.run);
            }
            *(if location.gone { &mut gone } else { &mut held }) += 1;
        }
        if complete {
            self.complete = Some(run.ticket.run);
        }
        Some((gone, held))
    }

    fn states(&self) -> BTreeMap<u32, bool> {
        let gone = |(number, location): (&u32, &Location)| (*number, location.gone);
        self.locations.iter().map(gone).collect()
    }
}

#[track_caller]
fn assert_written<T>(answer: Result<T, InventoryError>, good: bool) {
    match answer {
        Ok(_) => assert!(good, "a void ticket has written"),
        Err(InventoryError::RunSuperseded { .. }) => assert!(!good, "the ticket was good"),
        Err(error) => panic!("{error}"),
    }
}

async fn play(stage: Stage, steps: Vec<(usize, Step)>) {
    let Stage { inventory, clock } = stage;
    let mut processes = Vec::new();
    for _ in 0..HANDLES {
        let stage = Stage::new(Arc::clone(&inventory), clock.clone()).await;
        processes.push((stage, None::<RunTicket>));
    }
    let mut model = Model::default();
    for (process, step) in steps {
        let (stage, held) = &mut processes[process];
        let now = clock.now();
        let ticket = held.clone();
        match (step, ticket) {
            (Step::Begin(kind, start), _) => {
                let request = run_request(kind, start);
                let begun = stage.inventory.begin_run(&request).await;
                if let Some(ticket) = model.begun(&request, begun, now) {
                    *held = Some(ticket);
                }
            }
            (Step::TakeOver, _) => {
                clock.advance(LEASE);
                let kind = model.current.as_ref().map_or(RunKind::Full, |run| run.kind);
                let request = run_request(kind, RunStart::Resume);
                let begun = stage.inventory.begin_run(&request).await;
                if let Some(ticket) = model.begun(&request, begun, clock.now()) {
                    *held = Some(ticket);
                }
            }
            (Step::Page(team, goes_on), Some(ticket)) => {
                let images: Vec<_> = model.there(team).map(shown).collect();
                let (scope, images) = (scope(team), sightings(&images));
                let cursor = goes_on.then(|| Cursor::new("further on"));
                let page = stage
                    .inventory
                    .store_page(&ticket, &scope, &images, cursor.as_ref());
                assert_written(page.await, model.page(&ticket, team, goes_on, now));
            }
            (Step::Close(team, outcome), Some(ticket)) => {
                let scope = scope(team);
                let closed = stage.inventory.close_scope(&ticket, &scope, &outcome);
                let closed = closed.await;
                assert_written(closed, model.close(&ticket, team, outcome, now));
            }
            (Step::Finish(proof, fails), Some(ticket)) => {
                let end = RunEnd {
                    failure: fails.then(|| error_record("one project could not be read")),
                    ..run_end(proof)
                };
                let report = stage.inventory.finish_run(&ticket, &end).await;
                let expected = model.finish(&ticket, &end);
                let found = report
                    .as_ref()
                    .ok()
                    .map(|report| (report.gone, report.held));
                assert_eq!(found, expected);
                assert_written(report, expected.is_some());
                let states = stage.states().await.into_iter();
                let gone = states.map(|((_, number), state)| (number, state == ImageState::Gone));
                assert_eq!(gone.collect::<BTreeMap<_, _>>(), model.states());
            }
            (Step::Die, _) => *held = None,
            (Step::Push(number), _) => {
                model.registry.insert(number);
            }
            (Step::Delete(number), _) => {
                model.registry.remove(&number);
            }
            (Step::Advance(duration), _) => clock.advance(duration),
            (Step::SetBack(duration), _) => clock.set_wall(now.saturating_sub(duration)),
            (_, None) => {}
        }
    }
}

macro_rules! on {
    ($store:ident, $stage:path, $cases:literal) => {
        mod $store {
            use super::*;

            proptest! {
                #![proptest_config(ProptestConfig::with_cases($cases))]

                #[test]
                fn whoever_dies_or_wakes_a_run_judges_only_by_what_it_read(
                    steps in prop::collection::vec((0..HANDLES, step()), 50..200),
                ) {
                    let playing = async {
                        if let Some(stage) = Option::from($stage().await) {
                            play(stage, steps).await;
                        }
                    };
                    tokio::runtime::Builder::new_current_thread()
                        .enable_all()
                        .build()
                        .unwrap()
                        .block_on(playing);
                }
            }
        }
    };
}

on!(sqlite, crate::inventory::sqlite::in_memory, 60);
on!(postgres, crate::inventory::postgres::of_its_own, 15);
