//! The decision of the speed limit against governor's own.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stdout)]

mod ratio;

use std::{
    hint::black_box,
    num::NonZeroU32,
    time::{Duration, Instant},
};

use criterion::{Criterion, criterion_group, criterion_main};
use governor::{Quota, RateLimiter, clock::FakeRelativeClock};
use ratio::{Way, compare};
use registry_intake::{
    clock::Timestamp,
    pace::{Decision, Pace, PaceState},
};

/// Rounds from which a ratio is taken.
const ROUNDS: usize = 601;

/// Decisions in one round.
const TIMES: u64 = 500;

/// Images arrive exactly as fast as they may enter, or ten times as fast.
const ARRIVALS: [(&str, u32); 2] = [("every decision grants", 1), ("one in ten grants", 10)];

fn pace(criterion: &mut Criterion) {
    for limit in [10, 1_000] {
        let limit = NonZeroU32::new(limit).unwrap();
        let period = Duration::from_nanos(3_600_000_000_000_u64.div_ceil(limit.get().into()));
        for (arrival, per_period) in ARRIVALS {
            let step = period / per_period;
            let mut ways = vec![
                Way::new("governor", governor(period, step)),
                Way::new("spread", decide(Pace::Spread(limit), step)),
                Way::new("burst", decide(Pace::Burst(limit), step)),
            ];
            let what = format!("{limit} an hour, {arrival}");
            let mut group = criterion.benchmark_group(&what);
            for way in &mut ways {
                group.bench_function(way.name, |bencher| {
                    bencher.iter_custom(|times| (way.work)(times));
                });
            }
            group.finish();
            compare(&what, ROUNDS, TIMES, ways);
        }
    }
}

fn governor(period: Duration, step: Duration) -> impl FnMut(u64) -> Duration {
    let clock = FakeRelativeClock::default();
    let quota = Quota::with_period(period).unwrap();
    let limiter = RateLimiter::direct_with_clock(quota, clock.clone());
    move |times| {
        let begun = Instant::now();
        for _ in 0..times {
            clock.advance(step);
            let _ = black_box(limiter.check());
        }
        begun.elapsed()
    }
}

fn decide(pace: Pace, step: Duration) -> impl FnMut(u64) -> Duration {
    let mut now = Timestamp::UNIX_EPOCH;
    let mut state = PaceState::default();
    move |times| {
        let begun = Instant::now();
        for _ in 0..times {
            now = now.saturating_add(step);
            if let Decision::Grant(next) = black_box(pace.decide(&state, now)) {
                state = next;
            }
        }
        begun.elapsed()
    }
}

criterion_group! {
    name = benches;
    config = Criterion::default()
        .sample_size(20)
        .warm_up_time(Duration::from_millis(200))
        .measurement_time(Duration::from_millis(500));
    targets = pace
}
criterion_main!(benches);
