use std::{
    pin::pin,
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use futures_util::future::select;
use tokio::sync::{Mutex, MutexGuard, watch};

use crate::clock::Clock;

/// A 401 that comes sooner was not weighed: Harbor answers a locked user name at once and a
/// refused password only after 1.5 s.
const FAST_REFUSAL: Duration = Duration::from_millis(1200);
/// How long such a lock can last, and a little more.
const LOCK_OUT: Duration = Duration::from_millis(1600);

/// Stands before every request of one account, so that a refused password is sent once.
///
/// Servers lock a user name, or raise an alarm, on repeated failures. So while nothing speaks for
/// the credentials, one request at a time is let through; a first 401 that may be a lock-out is
/// asked again after it, by one request for all; and a 401 that is a verdict closes the gate.
#[derive(Debug)]
pub(super) struct Gate {
    state: watch::Sender<State>,
    alone: Mutex<()>,
    lockouts: AtomicU64,
    /// Every 401 is a verdict.
    unforgiving: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// Nothing was answered yet.
    Untried,
    /// A fast 401 came; the lock, if it is one, ends at `until` of the monotonic clock.
    Doubted { until: Duration },
    /// Some answer was no 401.
    Open,
    /// The credentials were refused; `weighed` where an answer took as long as that takes.
    Closed { weighed: bool },
}

/// The right to send one request. Whoever drops it unjudged leaves the question to the next.
#[derive(Debug)]
pub(super) struct Pass<'a> {
    gate: &'a Gate,
    alone: Option<MutexGuard<'a, ()>>,
}

/// The credentials were refused: nothing is sent any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Refused;

/// What follows from an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It stands.
    Stands,
    /// It may be a lock-out: ask again.
    AskAgain,
}

impl Gate {
    pub(super) fn new() -> Self {
        Self {
            state: watch::Sender::new(State::Untried),
            alone: Mutex::new(()),
            lockouts: AtomicU64::new(0),
            unforgiving: false,
        }
    }

    /// A gate that takes the first 401 for the verdict, however soon it came.
    pub(super) fn unforgiving() -> Self {
        Self {
            unforgiving: true,
            ..Self::new()
        }
    }

    /// Waits until a request may be sent.
    pub(super) async fn enter(&self, clock: &dyn Clock) -> Result<Pass<'_>, Refused> {
        if let Some(pass) = self.settled()? {
            return Ok(pass);
        }
        let alone = self.alone.lock().await;
        loop {
            if let Some(pass) = self.settled()? {
                return Ok(pass);
            }
            let until = match self.state() {
                State::Doubted { until } => until,
                _ => Duration::ZERO,
            };
            let left = until.saturating_sub(clock.monotonic());
            if left.is_zero() {
                return Ok(Pass {
                    gate: self,
                    alone: Some(alone),
                });
            }
            // A neighbour that was under way may be told the verdict before the lock ends.
            let mut state = self.state.subscribe();
            let closed = pin!(state.wait_for(|state| matches!(state, State::Closed { .. })));
            select(clock.sleep(left), closed).await;
        }
    }

    fn settled(&self) -> Result<Option<Pass<'_>>, Refused> {
        match self.state() {
            State::Closed { .. } => Err(Refused),
            State::Open => Ok(Some(Pass {
                gate: self,
                alone: None,
            })),
            State::Untried | State::Doubted { .. } => Ok(None),
        }
    }

    /// How many answers may have been lock-outs.
    pub(super) fn lockouts(&self) -> u64 {
        self.lockouts.load(Ordering::Relaxed)
    }

    /// Whether the credentials were refused, and by nothing but what may be lock-outs: somebody
    /// else may keep the user name locked for longer than one is waited for.
    pub(super) fn was_closed_unweighed(&self) -> bool {
        self.state() == State::Closed { weighed: false }
    }

    /// Whether the credentials were refused.
    pub(super) fn is_closed(&self) -> bool {
        matches!(self.state(), State::Closed { .. })
    }

    /// Takes a refusal by other means for the verdict.
    pub(super) fn close(&self) {
        self.state.send_replace(State::Closed { weighed: true });
    }

    fn state(&self) -> State {
        *self.state.borrow()
    }
}

impl Pass<'_> {
    /// Whether it is still good, after some other wait.
    pub(super) fn holds(&self) -> bool {
        match self.gate.state() {
            State::Open => true,
            State::Untried | State::Doubted { .. } => self.alone.is_some(),
            State::Closed { .. } => false,
        }
    }

    /// Whether some answer spoke for the credentials, and none against them since.
    pub(super) fn is_proven(&self) -> bool {
        self.gate.state() == State::Open
    }

    /// Judges the answer that the request got after `elapsed`. `asked_before` says that this
    /// request has already been answered by a 401 that might have been a lock-out.
    pub(super) fn judge(
        self,
        unauthorized: bool,
        elapsed: Duration,
        asked_before: bool,
        clock: &dyn Clock,
    ) -> Result<Verdict, Refused> {
        let alone = self.alone.is_some();
        let weighed = elapsed > FAST_REFUSAL || self.gate.unforgiving;
        let lock_ends = clock.monotonic().saturating_add(LOCK_OUT);
        self.gate.state.send_if_modified(|state| {
            let next = match *state {
                State::Closed { weighed: before } => State::Closed {
                    weighed: before || (unauthorized && weighed),
                },
                State::Untried | State::Doubted { .. } if !unauthorized && alone => State::Open,
                unchanged if !unauthorized => unchanged,
                _ if weighed || asked_before => State::Closed { weighed },
                State::Doubted { .. } if alone => State::Closed { weighed },
                State::Doubted { until } => State::Doubted {
                    until: until.max(lock_ends),
                },
                State::Untried | State::Open => State::Doubted { until: lock_ends },
            };
            std::mem::replace(state, next) != next
        });
        match self.gate.state() {
            // Also for an answer that is no 401: it may be the view of an anonymous client.
            State::Closed { .. } => Err(Refused),
            _ if unauthorized => {
                self.gate.lockouts.fetch_add(1, Ordering::Relaxed);
                Ok(Verdict::AskAgain)
            }
            _ => Ok(Verdict::Stands),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use crate::clock::{ManualClock, Timestamp};

    const AT_ONCE: Duration = Duration::from_millis(1);

    fn clock() -> ManualClock {
        ManualClock::jumping_at(Timestamp::UNIX_EPOCH)
    }

    async fn opened(clock: &ManualClock) -> Gate {
        let gate = Gate::new();
        let pass = gate.enter(clock).await.unwrap();
        pass.judge(false, AT_ONCE, false, clock).unwrap();
        gate
    }

    #[tokio::test]
    async fn a_refusal_after_exactly_the_limit_may_be_a_lock_and_a_later_one_is_none() {
        let clock = clock();
        for (elapsed, verdict) in [
            (FAST_REFUSAL, Ok(Verdict::AskAgain)),
            (FAST_REFUSAL + Duration::from_nanos(1), Err(Refused)),
        ] {
            let gate = opened(&clock).await;
            let pass = gate.enter(&clock).await.unwrap();
            assert_eq!(pass.judge(true, elapsed, false, &clock), verdict);
        }
    }

    #[tokio::test]
    async fn a_request_that_was_asked_again_is_not_asked_a_third_time() {
        let clock = clock();
        let gate = opened(&clock).await;
        let pass = gate.enter(&clock).await.unwrap();
        assert_eq!(pass.judge(true, AT_ONCE, true, &clock), Err(Refused));
        assert_eq!(gate.enter(&clock).await.unwrap_err(), Refused);
    }

    #[tokio::test]
    async fn whoever_asks_after_the_lock_brings_the_verdict_for_all() {
        let clock = clock();
        let gate = opened(&clock).await;
        let first = gate.enter(&clock).await.unwrap();
        first.judge(true, AT_ONCE, false, &clock).unwrap();
        let newcomer = gate.enter(&clock).await.unwrap();
        assert_eq!(clock.monotonic(), LOCK_OUT);
        assert_eq!(newcomer.judge(true, AT_ONCE, false, &clock), Err(Refused));
    }

    #[tokio::test]
    async fn the_lock_is_waited_for_from_the_last_answer_that_shows_it() {
        let clock = clock();
        let gate = opened(&clock).await;
        let first = gate.enter(&clock).await.unwrap();
        let second = gate.enter(&clock).await.unwrap();
        first.judge(true, AT_ONCE, false, &clock).unwrap();
        clock.advance(Duration::from_secs(1));
        second.judge(true, AT_ONCE, false, &clock).unwrap();
        let _again = gate.enter(&clock).await.unwrap();
        assert_eq!(clock.monotonic(), Duration::from_secs(1) + LOCK_OUT);
    }

    #[tokio::test]
    async fn an_answer_to_a_request_from_before_the_doubt_does_not_end_it() {
        let clock = clock();
        let gate = opened(&clock).await;
        let before = gate.enter(&clock).await.unwrap();
        let doubtful = gate.enter(&clock).await.unwrap();
        doubtful.judge(true, AT_ONCE, false, &clock).unwrap();
        assert!(!before.holds());
        before.judge(false, AT_ONCE, false, &clock).unwrap();
        let again = gate.enter(&clock).await.unwrap();
        assert_eq!(clock.monotonic(), LOCK_OUT);
        assert!(again.holds());
        again.judge(false, AT_ONCE, true, &clock).unwrap();
        assert!(gate.enter(&clock).await.unwrap().holds());
    }

    #[tokio::test]
    async fn a_closure_by_fast_refusals_alone_is_told_from_one_by_a_slow_one() {
        let (clock, slow) = (clock(), Duration::from_secs(2));
        for (first, second, unweighed) in [(AT_ONCE, AT_ONCE, true), (AT_ONCE, slow, false)] {
            let gate = opened(&clock).await;
            let late = gate.enter(&clock).await.unwrap();
            let asked = gate.enter(&clock).await.unwrap();
            asked.judge(true, first, false, &clock).unwrap();
            let again = gate.enter(&clock).await.unwrap();
            assert_eq!(again.judge(true, second, true, &clock), Err(Refused));
            assert_eq!(gate.was_closed_unweighed(), unweighed);
            assert_eq!(late.judge(true, slow, false, &clock), Err(Refused));
            assert!(!gate.was_closed_unweighed());
        }
        assert!(!opened(&clock).await.was_closed_unweighed());
    }

    #[tokio::test]
    async fn a_verdict_stands_though_a_later_answer_is_no_refusal() {
        let clock = clock();
        let gate = opened(&clock).await;
        let (slow, fast) = (
            gate.enter(&clock).await.unwrap(),
            gate.enter(&clock).await.unwrap(),
        );
        fast.judge(true, AT_ONCE, false, &clock).unwrap();
        let again = gate.enter(&clock).await.unwrap();
        assert_eq!(
            slow.judge(true, Duration::from_secs(2), false, &clock),
            Err(Refused)
        );
        assert!(!again.holds());
        assert_eq!(again.judge(false, AT_ONCE, true, &clock), Err(Refused));
        assert_eq!(gate.enter(&clock).await.unwrap_err(), Refused);
    }
}
