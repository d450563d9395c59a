//! Ways to do the same, as ratios of their times.

use std::time::Duration;

/// A way to do something: does it so many times and says how long that took.
pub(crate) struct Way<'a> {
    pub(crate) name: &'static str,
    pub(crate) work: Box<dyn FnMut(u64) -> Duration + 'a>,
}

impl<'a> Way<'a> {
    pub(crate) fn new(name: &'static str, work: impl FnMut(u64) -> Duration + 'a) -> Self {
        Self {
            name,
            work: Box::new(work),
        }
    }
}

/// Prints the ratio of each way to the first, between medians of so many rounds in which all take
/// turns: a busy machine slows all alike.
pub(crate) fn compare(what: &str, rounds: usize, times: u64, mut ways: Vec<Way<'_>>) {
    let mut taken = vec![Vec::with_capacity(rounds); ways.len()];
    for _ in 0..rounds {
        for (way, taken) in ways.iter_mut().zip(&mut taken) {
            taken.push((way.work)(times));
        }
    }
    let medians: Vec<Duration> = taken
        .into_iter()
        .map(|mut taken| *taken.select_nth_unstable(rounds / 2).1)
        .collect();
    for (way, median) in ways.iter().zip(&medians).skip(1) {
        let ratio = median.as_secs_f64() / medians[0].as_secs_f64();
        println!(
            "{what}: {} takes {ratio:.1} times {} ({:.0?})",
            way.name, ways[0].name, medians[0]
        );
    }
}
