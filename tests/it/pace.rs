use std::num::NonZeroU32;

use proptest::prelude::*;
use registry_intake::{
    clock::Timestamp,
    pace::{Decision, Pace, PaceState},
};

const HOUR: i64 = 3_600_000_000_000;

fn period(per_hour: u32) -> i64 {
    (HOUR + i64::from(per_hour) - 1) / i64::from(per_hour)
}

fn spread(per_hour: u32) -> Pace {
    Pace::Spread(NonZeroU32::new(per_hour).unwrap())
}

fn burst(per_hour: u32) -> Pace {
    Pace::Burst(NonZeroU32::new(per_hour).unwrap())
}

fn at(nanos: i64) -> Timestamp {
    Timestamp::from_unix_nanos(nanos)
}

/// The state as the inventory keeps it: text, read anew by every process for every decision.
struct Stored(String);

impl Stored {
    fn new() -> Self {
        Self(serde_json::to_string(&PaceState::default()).unwrap())
    }

    fn peek(&self, pace: Pace, now: i64) -> Decision {
        pace.decide(&serde_json::from_str(&self.0).unwrap(), at(now))
    }

    /// The moment to wait for, or nothing where an image entered.
    fn ask(&mut self, pace: Pace, now: i64) -> Option<i64> {
        let (until, state) = match self.peek(pace, now) {
            Decision::Grant(state) => (None, Some(state)),
            Decision::Wait { until, rebased } => (Some(until.as_unix_nanos()), rebased),
        };
        if let Some(state) = state {
            self.0 = serde_json::to_string(&state).unwrap();
        }
        until
    }
}

#[derive(Debug, Clone, Copy)]
enum Step {
    /// Somebody asks after so many nanoseconds.
    After(i64),
    /// Somebody asks so many nanoseconds before or after the moment that was told last.
    Due(i64),
    /// The clock is set back.
    SetBack(i64),
}

fn steps(with_jumps: bool) -> impl Strategy<Value = Vec<Step>> {
    let gap = prop_oneof![
        Just(0),
        Just(1),
        0..5_000_000_000_i64,
        0..HOUR / 4,
        0..2 * HOUR
    ];
    let due = prop_oneof![Just(0_i64), Just(-1), Just(1)];
    let back = prop_oneof![Just(1), 0..10_000_000_000_i64, 0..30 * HOUR];
    let jumps = u32::from(with_jumps);
    let step = prop_oneof![
        4 => gap.prop_map(Step::After),
        12 => due.prop_map(Step::Due),
        jumps => back.prop_map(Step::SetBack),
    ];
    prop::collection::vec(step, 1..60)
}

fn per_hour() -> impl Strategy<Value = u32> {
    prop_oneof![1..=4_u32, 1..=20_u32, 1..=1000_u32]
}

fn pace() -> impl Strategy<Value = Pace> {
    (per_hour(), any::<bool>()).prop_map(|(n, spreads)| if spreads { spread(n) } else { burst(n) })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn no_hour_holds_more_than_the_limit_however_the_clock_is_set_back(
        pace in pace(),
        steps in steps(true),
    ) {
        let limit = pace.per_hour().unwrap().get() as usize;
        let mut stored = Stored::new();
        let (mut time, mut set_back, mut due) = (0_i64, 0_i64, 0_i64);
        let mut granted: Vec<i64> = Vec::new();
        for step in steps.iter().cycle().take(steps.len().max(2 * limit + 10)) {
            match step {
                Step::After(gap) => time += gap,
                // Time itself never runs backwards.
                Step::Due(offset) => time = time.max(due + set_back + offset),
                Step::SetBack(by) => set_back += by,
            }
            let shown = time - set_back;
            match stored.ask(pace, shown) {
                None => granted.push(time),
                Some(until) => due = until,
            }
        }
        for (first, beyond) in granted.iter().zip(granted.iter().skip(limit)) {
            prop_assert!(beyond - first >= HOUR, "{first} and {beyond} with {limit} per hour");
        }
    }

    #[test]
    fn a_grant_is_given_exactly_when_it_is_due(pace in pace(), steps in steps(false)) {
        let limit = pace.per_hour().unwrap().get();
        let mut stored = Stored::new();
        let mut now = 0;
        let mut granted: Vec<i64> = Vec::new();
        for step in steps.iter().cycle().take(steps.len().max(2 * limit as usize + 10)) {
            let due = match pace {
                Pace::Burst(_) => granted.iter().rev().nth(limit as usize - 1).map(|t| t + HOUR),
                _ => granted.last().map(|t| t + period(limit)),
            };
            let due = due.unwrap_or(0);
            match step {
                Step::After(gap) => now += gap,
                Step::Due(offset) => now = now.max(due + offset),
                Step::SetBack(_) => unreachable!(),
            }
            let answer = stored.ask(pace, now);
            prop_assert_eq!(answer, (now < due).then_some(due));
            if answer.is_none() {
                granted.push(now);
            }
        }
    }

    #[test]
    fn a_clock_set_back_delays_the_next_grant_by_one_period_or_one_hour_at_most(
        pace in pace(),
        steps in steps(false),
        back in prop_oneof![0..10_000_000_000_i64, 0..3000 * HOUR],
        patience in 0..1_000_000_000_i64,
    ) {
        let mut stored = Stored::new();
        let (mut now, mut due) = (0, 0);
        for step in steps {
            match step {
                Step::After(gap) => now += gap,
                Step::Due(offset) => now = now.max(due + offset),
                Step::SetBack(_) => unreachable!(),
            }
            due = stored.ask(pace, now).unwrap_or(now);
        }
        now -= back;
        let delay = match pace {
            Pace::Burst(_) => HOUR,
            _ => period(pace.per_hour().unwrap().get()),
        };
        if let Some(until) = stored.ask(pace, now) {
            prop_assert!(until - now <= delay, "{until} is {} after {now}", until - now);
            let asked_again = now + patience.min(until - now - 1);
            prop_assert_eq!(stored.ask(pace, asked_again), Some(until), "the wait slides");
            prop_assert_eq!(stored.ask(pace, until), None);
        }
    }

    #[test]
    fn an_hour_that_spans_a_change_of_pace_holds_at_most_the_larger_limit(
        paces in prop::collection::vec((pace(), prop_oneof![1..5_usize, 1..40_usize]), 1..6),
        steps in steps(false),
    ) {
        let mut stored = Stored::new();
        let (mut now, mut due) = (0, 0);
        let mut granted: Vec<(i64, u32)> = Vec::new();
        let mut steps = steps.iter().cycle();
        for (pace, asked) in paces.iter().cycle().take(40) {
            for step in steps.by_ref().take(*asked) {
                match step {
                    Step::After(gap) => now += gap,
                    Step::Due(offset) => now = now.max(due + offset),
                    Step::SetBack(_) => unreachable!(),
                }
                match stored.ask(*pace, now) {
                    None => granted.push((now, pace.per_hour().unwrap().get())),
                    Some(until) => {
                        prop_assert!(until - now <= HOUR + 1000, "a wait of {}", until - now);
                        due = until;
                    }
                }
            }
        }
        for (index, (from, _)) in granted.iter().enumerate() {
            let hour = || granted[index..].iter().take_while(|(time, _)| time - from < HOUR);
            let largest = hour().map(|(_, limit)| *limit).max().unwrap();
            prop_assert!(hour().count() <= largest as usize, "{:?}", hour().collect::<Vec<_>>());
        }
    }
}

#[test]
fn a_limit_that_does_not_divide_the_hour_is_kept_to_the_nanosecond() {
    let mut stored = Stored::new();
    let mut granted = Vec::new();
    let mut now = 0;
    while granted.len() < 20 {
        match stored.ask(spread(7), now) {
            None => granted.push(now),
            Some(until) => now = until,
        }
    }
    assert_eq!(granted[1], 514_285_714_286);
    assert!(granted[7] >= HOUR, "the eighth lies outside the first hour");
}

#[test]
fn a_changed_limit_scales_the_wait_still_due() {
    let mut stored = Stored::new();
    let minutes = |n: i64| n * 60_000_000_000;
    assert_eq!(stored.ask(spread(10), 0), None);
    assert_eq!(stored.ask(spread(10), minutes(3)), Some(minutes(6)));
    assert_eq!(
        stored.ask(spread(20), minutes(3)),
        Some(minutes(4) + minutes(1) / 2)
    );
    assert_eq!(stored.ask(spread(1), minutes(4)), Some(minutes(14)));
    assert_eq!(stored.ask(spread(1), minutes(14)), None);
    assert_eq!(stored.ask(spread(1), minutes(15)), Some(minutes(74)));
}

#[test]
fn what_a_burst_has_spent_is_not_granted_again_by_spreading() {
    let mut stored = Stored::new();
    for _ in 0..10 {
        assert_eq!(stored.ask(burst(10), 0), None);
    }
    assert_eq!(stored.ask(burst(10), 0), Some(HOUR));
    assert_eq!(stored.ask(spread(10), 1), Some(HOUR));
    assert_eq!(stored.ask(spread(10), HOUR - 1), Some(HOUR));
    assert_eq!(stored.ask(spread(10), HOUR), None);
    assert_eq!(
        stored.ask(spread(10), HOUR + 1),
        Some(HOUR + period(10)),
        "from here on the bucket decides"
    );
}

#[test]
fn what_spreading_has_spent_is_not_granted_again_by_a_burst() {
    let mut stored = Stored::new();
    let mut now = 0;
    for _ in 0..10 {
        assert_eq!(stored.ask(spread(10), now), None);
        now += period(10);
    }
    assert_eq!(stored.ask(burst(10), now - 1), Some(HOUR));
    assert_eq!(stored.ask(burst(10), now), None);
    assert_eq!(stored.ask(burst(10), now), Some(HOUR + period(10)));
    assert_eq!(
        stored.ask(spread(20), now + 1),
        Some(now + period(20)),
        "spread from the last grant on, whoever gave it"
    );
}

#[test]
fn a_wait_cut_short_by_a_larger_limit_is_not_taken_for_a_whole_period_later() {
    let mut stored = Stored::new();
    let minutes = |n: i64| n * 60_000_000_000;
    assert_eq!(stored.ask(spread(2), 0), None);
    assert_eq!(
        stored.ask(spread(1000), minutes(1)),
        Some(minutes(1) + 3_480_000_000)
    );
    assert_eq!(
        stored.ask(spread(2), minutes(2)),
        None,
        "the bucket was full by then"
    );
    assert_eq!(stored.ask(burst(2), minutes(32)), Some(minutes(60)));
}

#[test]
fn without_a_limit_everything_enters_and_the_limit_before_it_is_remembered() {
    let mut stored = Stored::new();
    assert_eq!(stored.ask(spread(1), 0), None);
    for now in 0..1000 {
        assert_eq!(stored.ask(Pace::Unlimited, now), None);
    }
    assert_eq!(stored.ask(spread(1), 1000), Some(HOUR));
}

#[test]
fn the_state_of_a_spread_pace_stays_small() {
    let mut stored = Stored::new();
    let start = 1_900_000_000_000_000_000;
    for hour in 0..1000 {
        assert_eq!(stored.ask(spread(1000), start + hour * period(1000)), None);
    }
    assert!(stored.0.len() < 120, "{}", stored.0);
}

#[test]
fn times_at_both_ends_of_the_range_are_decided_without_overflow() {
    for now in [i64::MIN, i64::MIN + 1, i64::MAX - 1, i64::MAX] {
        for pace in [spread(1), spread(u32::MAX), burst(2)] {
            let mut stored = Stored::new();
            assert_eq!(stored.ask(pace, now), None);
            let _ = stored.ask(pace, i64::MIN);
            let _ = stored.ask(pace, i64::MAX);
        }
    }
}
