use std::{hash::BuildHasher, hash::RandomState, time::Duration};

use crate::clock::Timestamp;

/// How often a request is sent in all when connections fail.
pub(super) const CONNECTION_ATTEMPTS: u32 = 3;
/// How often a request is sent in all when the registry asks for patience.
pub(super) const THROTTLED_ATTEMPTS: u32 = 5;
/// The same while somebody waits.
pub(super) const BRIEF_ATTEMPTS: u32 = 4;
pub(super) const LONGEST_BRIEF_THROTTLE: Duration = Duration::from_secs(10);
pub(super) const FIRST_DELAY: Duration = Duration::from_millis(500);
pub(super) const LONGEST_DELAY: Duration = Duration::from_secs(30);
/// How long the registry can put one request off in all, from the first time that it does.
pub(super) const LONGEST_THROTTLE: Duration = Duration::from_secs(300);
/// The longest wait that a server can ask for.
pub(super) const LONGEST_RETRY_AFTER: Duration = Duration::from_secs(300);

/// Whether a request is worth repeating.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Patience {
    /// It is: a failure would cost a long run.
    #[default]
    Run,
    /// It is not: somebody waits for the verdict.
    Probe,
    /// Somebody waits for the verdict, and the registry may put it off by some seconds: asking for
    /// patience is a matter of course there.
    BriefWaits,
}

/// What one request has been through.
#[derive(Debug)]
pub(super) struct Attempts {
    patience: Patience,
    broken: u32,
    throttled: u32,
    /// When the registry first asked for patience, by the monotonic clock.
    throttled_since: Option<Duration>,
}

impl Attempts {
    pub(super) const fn new(patience: Patience) -> Self {
        Self {
            patience,
            broken: 0,
            throttled: 0,
            throttled_since: None,
        }
    }

    /// How long to wait after a failed connection, or `None` where it was the last attempt.
    pub(super) fn after_break(&mut self) -> Option<Duration> {
        self.broken += 1;
        let may_repeat = self.patience == Patience::Run && self.broken < CONNECTION_ATTEMPTS;
        may_repeat.then(|| delay(self.broken))
    }

    /// The same after an answer that asks for patience, perhaps for so much.
    pub(super) fn after_throttle(
        &mut self,
        asked: Option<Duration>,
        now: Duration,
    ) -> Option<Duration> {
        self.throttled += 1;
        let since = *self.throttled_since.get_or_insert(now);
        let (attempts, longest) = match self.patience {
            Patience::Run => (THROTTLED_ATTEMPTS, LONGEST_THROTTLE),
            Patience::BriefWaits => (BRIEF_ATTEMPTS, LONGEST_BRIEF_THROTTLE),
            Patience::Probe => return None,
        };
        if self.throttled >= attempts {
            return None;
        }
        let asked = asked.filter(|asked| !asked.is_zero());
        let pause = asked.unwrap_or_else(|| delay(self.throttled));
        let put_off = now.saturating_sub(since).saturating_add(pause);
        (put_off <= longest).then_some(pause)
    }
}

fn delay(failed: u32) -> Duration {
    jittered(backoff(failed), fraction())
}

/// Doubles with each failed attempt.
fn backoff(failed: u32) -> Duration {
    FIRST_DELAY
        .saturating_mul(1 << (failed - 1).min(16))
        .min(LONGEST_DELAY)
}

/// Between half of the delay and the whole, so that clients that failed together part.
fn jittered(delay: Duration, fraction: f64) -> Duration {
    delay.mul_f64(0.5 + fraction / 2.0)
}

/// A number in `[0, 1)`. The keys of each `RandomState` differ, which is all that jitter needs.
fn fraction() -> f64 {
    let bits = RandomState::new().hash_one(()) >> 32;
    bits as f64 / f64::from(u32::MAX).next_up()
}

/// The wait that a `Retry-After` header asks for, in seconds or as a date, at most five minutes.
pub(super) fn retry_after(value: &str, now: Timestamp) -> Option<Duration> {
    let value = value.trim();
    let asked = if !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit()) {
        Duration::from_secs(value.parse().unwrap_or(u64::MAX))
    } else {
        Timestamp::from(httpdate::parse_http_date(value).ok()?).since(now)
    };
    Some(asked.min(LONGEST_RETRY_AFTER))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::time::{SystemTime, UNIX_EPOCH};

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn every_date_form_of_the_standard_is_read() {
        let now = "1994-11-06T08:49:07Z".parse().unwrap();
        for date in [
            "Sun, 06 Nov 1994 08:49:37 GMT",
            "Sunday, 06-Nov-94 08:49:37 GMT",
            "Sun Nov  6 08:49:37 1994",
        ] {
            assert_eq!(
                retry_after(date, now),
                Some(Duration::from_secs(30)),
                "{date}"
            );
        }
    }

    #[test]
    fn what_is_neither_seconds_nor_a_date_asks_for_nothing() {
        for value in ["", "-1", "1.5", "soon", "+5", "1994-11-06"] {
            assert_eq!(retry_after(value, Timestamp::UNIX_EPOCH), None, "{value}");
        }
    }

    #[test]
    fn delays_double_up_to_a_limit_and_keep_at_least_half() {
        assert_eq!(backoff(1), Duration::from_millis(500));
        assert_eq!(backoff(4), Duration::from_secs(4));
        assert_eq!(backoff(u32::MAX), LONGEST_DELAY);
        assert_eq!(jittered(LONGEST_DELAY, 0.0), LONGEST_DELAY / 2);
        let drawn: Vec<_> = (0..100).map(|_| fraction()).collect();
        assert!(drawn.iter().all(|drawn| (0.0..1.0).contains(drawn)));
        assert!(drawn.iter().any(|drawn| *drawn < 0.5) && drawn.iter().any(|drawn| *drawn > 0.5));
    }

    #[test]
    fn a_probe_is_never_repeated_and_a_run_is_until_its_attempts_are_spent() {
        let mut probe = Attempts::new(Patience::Probe);
        assert_eq!(
            (
                probe.after_break(),
                probe.after_throttle(None, Duration::ZERO)
            ),
            (None, None)
        );
        let mut run = Attempts::new(Patience::Run);
        let mut repeats = 0;
        while run.after_throttle(None, Duration::ZERO).is_some() {
            repeats += 1;
        }
        assert_eq!(repeats, 4);
        assert!(run.after_break().is_some() && run.after_break().is_some());
        assert_eq!(run.after_break(), None);
    }

    proptest! {
        #[test]
        fn seconds_are_taken_as_they_are_up_to_the_cap(seconds: u64) {
            let asked = retry_after(&seconds.to_string(), Timestamp::UNIX_EPOCH);
            prop_assert_eq!(asked, Some(Duration::from_secs(seconds.min(300))));
        }

        #[test]
        fn a_date_asks_for_the_time_until_it_and_never_for_more_than_the_cap(
            now in 0_u64..4_000_000_000,
            ahead in -1000_i64..1000,
        ) {
            let moment = |seconds: u64| UNIX_EPOCH + Duration::from_secs(seconds);
            let date: SystemTime = moment(now.saturating_add_signed(ahead));
            let asked = retry_after(&httpdate::fmt_http_date(date), Timestamp::from(moment(now)));
            let expected = u64::try_from(ahead).unwrap_or(0).min(300);
            prop_assert_eq!(asked, Some(Duration::from_secs(expected)));
        }

        #[test]
        fn no_header_can_make_the_parser_panic_or_ask_for_more_than_the_cap(value: String, now: i64) {
            let asked = retry_after(&value, Timestamp::from_unix_nanos(now));
            prop_assert!(asked.is_none_or(|asked| asked <= LONGEST_RETRY_AFTER));
        }
    }
}
