//! Random work by several handles of one inventory, held against a simple model.

use std::{collections::BTreeMap, num::NonZeroU32, sync::Arc, time::Duration};

use proptest::prelude::*;
use registry_intake::{
    clock::{Clock, ManualClock, Timestamp},
    image::Image,
    inventory::{
        Claim, ClaimRequest, ClaimedImage, Failure, ImageState, InventoryError, Lease, Paused,
    },
    pace::{Decision, Pace, PaceState},
};

use super::{
    place::Place,
    stage::{LEASE, PROD, Stage, binding, claim_request, digest, error_record, image, noon},
};

const APP: &str = "team-a/app";
const IMAGES: u32 = 5;
const HANDLES: usize = 3;
const MAX_ATTEMPTS: u32 = 3;
const RESCAN_AFTER: Duration = Duration::from_secs(2500);

#[derive(Debug, Clone)]
enum Step {
    /// A complete run that sees each image with a tag, without one, or not at all.
    Sync(Vec<Option<bool>>),
    Claim,
    Acknowledge(usize),
    Fail(usize, Option<Duration>),
    Renew(usize),
    Request(u32),
    /// Found by hand, whether a run has seen it or not.
    Admit(u32),
    Requeue(Option<u32>),
    Pause(bool),
    Advance(Duration),
    SetBack(Duration),
    Reopen,
}

fn step() -> impl Strategy<Value = Step> {
    let seconds = |most: u64| (0..most).prop_map(Duration::from_secs);
    let lease = 0..8_usize;
    prop_oneof![
        2 => prop::collection::vec(prop_oneof![4 => Just(Some(true)), 1 => Just(Some(false)),
            1 => Just(None)], IMAGES as usize).prop_map(Step::Sync),
        8 => Just(Step::Claim),
        4 => lease.clone().prop_map(Step::Acknowledge),
        2 => (lease.clone(), prop::option::of(seconds(1000)))
            .prop_map(|(lease, pause)| Step::Fail(lease, pause)),
        2 => lease.prop_map(Step::Renew),
        2 => (0..IMAGES).prop_map(Step::Request),
        1 => (0..IMAGES).prop_map(Step::Admit),
        1 => prop::option::of(0..IMAGES).prop_map(Step::Requeue),
        1 => prop::bool::weighted(0.3).prop_map(Step::Pause),
        6 => seconds(900).prop_map(Step::Advance),
        1 => seconds(4000).prop_map(Step::SetBack),
        1 => Just(Step::Reopen),
    ]
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Progress {
    Pending,
    InHand,
    Ingested,
    Parked,
}

#[derive(Debug)]
struct Item {
    tagged: Option<bool>,
    progress: Progress,
    requested: bool,
    held: Option<(Timestamp, Timestamp)>,
    fence: i64,
    attempts: u32,
    ingested_at: Option<Timestamp>,
    requests: u32,
    rescans: u32,
    acknowledged: u32,
    leased_until_truly: Duration,
}

impl Item {
    const fn seen(tagged: bool) -> Self {
        Self {
            tagged: Some(tagged),
            progress: Progress::Pending,
            requested: false,
            held: None,
            fence: 0,
            attempts: 0,
            ingested_at: None,
            requests: 0,
            rescans: 0,
            acknowledged: 0,
            leased_until_truly: Duration::ZERO,
        }
    }

    fn is_due_again(&self, now: Timestamp) -> bool {
        let ingested = self.progress == Progress::Ingested && self.tagged == Some(true);
        let due = |at: Timestamp| at <= now.saturating_sub(RESCAN_AFTER);
        ingested && self.ingested_at.is_some_and(due)
    }

    /// Asked for by hand.
    fn requested(&mut self) {
        (self.requested, self.attempts) = (true, 0);
        if self.progress != Progress::InHand {
            self.answered();
            self.progress = Progress::Pending;
            self.requests += 1;
        }
    }

    fn state(&self) -> ImageState {
        match (self.progress, self.tagged) {
            (Progress::InHand, _) => ImageState::InHand,
            (_, None) => ImageState::Gone,
            (Progress::Pending, Some(false)) if !self.requested => ImageState::LeftOut,
            (Progress::Pending, _) => ImageState::Pending,
            (Progress::Ingested, _) => ImageState::Ingested,
            (Progress::Parked, _) => ImageState::Parked,
        }
    }
}

#[derive(Default)]
struct Model {
    items: BTreeMap<u32, Item>,
    pace: PaceState,
    paused: bool,
    grants: Vec<Duration>,
}

impl Model {
    fn sync(&mut self, seen: &[Option<bool>]) {
        for (number, tagged) in (0..).zip(seen) {
            match self.items.get_mut(&number) {
                Some(item) => item.tagged = *tagged,
                None => {
                    let item = tagged.map(Item::seen);
                    self.items.extend(item.map(|item| (number, item)));
                }
            }
        }
    }

    /// What any claim does before it takes an image.
    fn settle(&mut self, now: Timestamp) {
        for item in self.items.values_mut() {
            let Some((since, until)) = item.held else {
                continue;
            };
            let (since, until) = if since > now {
                (now, now.saturating_add(until.since(since)))
            } else {
                (since, until)
            };
            item.held = Some((since, until));
            if until <= now {
                item.held = None;
                let given_up = item.progress == Progress::InHand && item.attempts >= MAX_ATTEMPTS;
                item.progress = if given_up {
                    Progress::Parked
                } else {
                    Progress::Pending
                };
            }
        }
    }

    /// Holds the answer to a claim against what it may be.
    fn claimed(&mut self, claim: &Claim, pace: Pace, now: Timestamp, truly: Duration) {
        if self.paused {
            assert_eq!(claim, &Claim::Paused);
            return;
        }
        self.settle(now);
        let pending = |item: &Item| item.state() == ImageState::Pending;
        let ready = |item: &Item| pending(item) && item.held.is_none();
        let waiting = self.items.values().filter(|item| pending(item)).count() as u64;
        let in_hand = |item: &&Item| item.progress == Progress::InHand;
        let first_end = |items: &mut dyn Iterator<Item = &Item>| {
            items
                .filter_map(|item| item.held)
                .map(|(_, until)| until)
                .min()
        };
        let due = |item: &Item| item.is_due_again(now);
        let expected = if !self.items.values().any(|item| ready(item) || due(item)) {
            let lease_ends_at = first_end(&mut self.items.values().filter(in_hand));
            let mut held = self
                .items
                .values()
                .filter(|item| pending(item) || in_hand(item));
            match first_end(&mut held) {
                Some(until) if waiting > 0 => Some(Claim::Wait {
                    until,
                    pending: waiting,
                }),
                _ => Some(Claim::Idle { lease_ends_at }),
            }
        } else {
            match pace.decide(&self.pace, now) {
                Decision::Wait { until, rebased } => {
                    self.pace = rebased.unwrap_or_else(|| self.pace.clone());
                    Some(Claim::Wait {
                        until,
                        pending: waiting,
                    })
                }
                Decision::Grant(state) => {
                    self.pace = state;
                    None
                }
            }
        };
        match (claim, expected) {
            (Claim::Granted(image), None) => {
                let asked_for = self
                    .items
                    .values()
                    .any(|item| ready(item) && item.requested);
                let for_the_first_time = self.items.values().any(ready);
                let due = self.items.values().filter(|item| due(item));
                let longest_ago = due.filter_map(|item| item.ingested_at).min();
                let number = number_of(&image.lease);
                let item = self.items.get_mut(&number).unwrap();
                if for_the_first_time {
                    assert!(ready(item), "{number} was handed over as {item:?}");
                } else {
                    assert_eq!(item.ingested_at, longest_ago, "{number} comes again");
                    item.rescans += 1;
                }
                assert!(
                    item.requested || !asked_for,
                    "what was asked for by hand comes first"
                );
                self.grants.push(truly);
                item.handed_over(image, now, truly);
            }
            (claim, expected) => assert_eq!(Some(claim), expected.as_ref()),
        }
    }

    /// The item, if the lease on it is good.
    fn held_by(&mut self, lease: &Lease) -> Option<&mut Item> {
        let item = self.items.get_mut(&number_of(lease)).unwrap();
        (item.fence == lease.fence).then_some(item)
    }
}

impl Item {
    fn handed_over(&mut self, image: &ClaimedImage, now: Timestamp, truly: Duration) {
        assert!(
            truly >= self.leased_until_truly,
            "handed over twice at a time: {self:?}"
        );
        self.leased_until_truly = truly + LEASE;
        self.fence += 1;
        self.attempts += 1;
        self.progress = Progress::InHand;
        self.held = Some((now, image.lease_until));
        assert_eq!(
            (image.lease.fence, image.attempt),
            (self.fence, self.attempts)
        );
        assert_eq!(image.lease_until, now.saturating_add(LEASE));
        assert_eq!(image.locations.len(), 1);
    }

    fn answered(&mut self) {
        self.fence += 1;
        self.held = None;
        self.leased_until_truly = Duration::ZERO;
    }
}

fn number_of(lease: &Lease) -> u32 {
    (0..IMAGES)
        .find(|number| digest(*number) == lease.digest)
        .unwrap()
}

async fn open(place: &Place, clock: &ManualClock) -> Stage {
    let inventory = place.open_at(Arc::new(clock.clone())).await;
    Stage::new(inventory, clock.clone()).await
}

fn assert_answer(answer: &Result<(), InventoryError>, good: bool) {
    let lost = matches!(answer, Err(InventoryError::LeaseLost { .. }));
    assert!(
        if good { answer.is_ok() } else { lost },
        "{answer:?} to a lease that is good: {good}"
    );
}

async fn play(place: Place, pace: Pace, steps: Vec<(usize, Step)>) {
    let clock = ManualClock::at(noon());
    let mut handles = Vec::new();
    for _ in 0..HANDLES {
        handles.push(open(&place, &clock).await);
    }
    let mut model = Model::default();
    let mut leases: Vec<Lease> = Vec::new();
    for (handle, step) in steps {
        let stage = &mut handles[handle];
        let (now, truly) = (clock.now(), clock.monotonic());
        let nth = |back: usize| leases.iter().rev().nth(back).cloned();
        match step {
            Step::Sync(seen) => {
                let tags = |tagged: bool| if tagged { &["v1"][..] } else { &[] };
                let page: Vec<Image> = (0..)
                    .zip(&seen)
                    .filter_map(|(number, tagged)| Some(image(APP, number, tags((*tagged)?))))
                    .collect();
                stage.sync(&page).await;
                model.sync(&seen);
            }
            Step::Claim => {
                let request = ClaimRequest {
                    rescan_after: Some(RESCAN_AFTER),
                    ..claim_request(&pace)
                };
                let claim = stage.inventory.claim(&request).await.unwrap();
                model.claimed(&claim, pace, now, truly);
                if let Claim::Granted(image) = claim {
                    leases.push(image.lease);
                }
            }
            Step::Acknowledge(back) => {
                let Some(lease) = nth(back) else { continue };
                let answer = stage.inventory.acknowledge(&lease).await;
                let item = model.held_by(&lease);
                assert_answer(&answer, item.is_some());
                if let Some(item) = item {
                    item.answered();
                    item.progress = Progress::Ingested;
                    (item.requested, item.attempts) = (false, 0);
                    item.ingested_at = Some(now);
                    item.acknowledged += 1;
                    let wanted = 1 + item.requests + item.rescans;
                    assert!(item.acknowledged <= wanted, "{item:?}");
                }
            }
            Step::Fail(back, pause) => {
                let Some(lease) = nth(back) else { continue };
                let retry_at = pause.map(|pause| now.saturating_add(pause));
                let error = error_record("no");
                let answer = stage
                    .inventory
                    .fail(&lease, &Failure { error, retry_at })
                    .await;
                let item = model.held_by(&lease);
                assert_answer(&answer, item.is_some());
                if let Some(item) = item {
                    item.answered();
                    item.held = retry_at.map(|until| (now, until));
                    item.progress = retry_at.map_or(Progress::Parked, |_| Progress::Pending);
                }
            }
            Step::Renew(back) => {
                let Some(lease) = nth(back) else { continue };
                let until = now.saturating_add(LEASE);
                let answer = stage.inventory.renew(&lease, until).await;
                let item = model.held_by(&lease);
                assert_answer(&answer, item.is_some());
                if let Some(item) = item {
                    item.progress = Progress::InHand;
                    item.held = Some((now, until));
                    item.leased_until_truly = truly + LEASE;
                }
            }
            Step::Request(number) => {
                let found = stage.request(&digest(number)).await;
                let live = |item: &&mut Item| item.tagged.is_some();
                let item = model.items.get_mut(&number).filter(live);
                assert_eq!(found, item.is_some());
                if let Some(item) = item {
                    item.requested();
                }
            }
            Step::Admit(number) => {
                let found = image(APP, number, &["v1"]);
                stage.inventory.admit(&binding(PROD), &found).await.unwrap();
                let item = model
                    .items
                    .entry(number)
                    .or_insert_with(|| Item::seen(true));
                item.tagged = item.tagged.or(Some(true));
                item.requested();
            }
            Step::Requeue(number) => {
                let named = number.map(digest);
                let requeued = stage.inventory.requeue(PROD, named.as_ref()).await.unwrap();
                let meant = |other| number.is_none_or(|number| number == other);
                let items = model.items.iter_mut().filter(|(other, _)| meant(**other));
                let parked = items.filter(|(_, item)| item.state() == ImageState::Parked);
                let mut expected = 0;
                for (_, item) in parked {
                    item.answered();
                    (item.progress, item.attempts) = (Progress::Pending, 0);
                    expected += 1;
                }
                assert_eq!(requeued, expected);
            }
            Step::Pause(ingestion) => {
                let paused = Paused {
                    sync: false,
                    ingestion,
                };
                stage.inventory.set_paused(PROD, paused).await.unwrap();
                model.paused = ingestion;
            }
            Step::Advance(duration) => clock.advance(duration),
            Step::SetBack(duration) => clock.set_wall(now.saturating_sub(duration)),
            Step::Reopen => *stage = open(&place, &clock).await,
        }
    }
    let states = handles[0].states().await;
    let expected = model.items.iter().map(|(number, item)| {
        let state = item.tagged.map_or(ImageState::Gone, |_| item.state());
        ((APP.to_owned(), *number), state)
    });
    assert_eq!(states, expected.collect());
    if let Some(limit) = pace.per_hour() {
        let beyond = model.grants.iter().skip(limit.get() as usize);
        for (first, beyond) in model.grants.iter().zip(beyond) {
            assert!(*beyond - *first >= Duration::from_secs(3600));
        }
    }
}

fn pace() -> impl Strategy<Value = Pace> {
    let limit = || (1..20_u32).prop_map(|limit| NonZeroU32::new(limit).unwrap());
    prop_oneof![
        2 => Just(Pace::Unlimited),
        1 => limit().prop_map(Pace::Spread),
        1 => limit().prop_map(Pace::Burst),
    ]
}

macro_rules! on {
    ($store:ident, $place:ident, $cases:literal) => {
        mod $store {
            use super::*;

            proptest! {
                #![proptest_config(ProptestConfig::with_cases($cases))]

                #[test]
                fn whatever_happens_no_image_is_lost_or_handed_over_twice_at_a_time(
                    pace in pace(),
                    steps in prop::collection::vec((0..HANDLES, step()), 20..120),
                ) {
                    let Some(place) = Place::$place() else { return Ok(()) };
                    tokio::runtime::Builder::new_current_thread()
                        .enable_all()
                        .build()
                        .unwrap()
                        .block_on(play(place, pace, steps));
                }
            }
        }
    };
}

on!(sqlite, file, 40);
on!(postgres, schema, 15);
