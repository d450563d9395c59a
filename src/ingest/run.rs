use std::{future::pending, pin::pin, sync::Arc, time::Duration};

use futures_util::{
    FutureExt, StreamExt,
    future::{BoxFuture, Either, select},
    stream::FuturesUnordered,
};
use tokio::sync::watch;

use super::{
    Delivery, ImageIngester, IngestEvent, IngestReport, Until,
    changes::{Told, tell},
    hand::Hand,
    ingester::SHORTEST_PAUSE,
    patience::{Abandon, Pauses, is_transient},
    sink,
};
use crate::{
    clock::Timestamp,
    inventory::{Claim, ClaimRequest, ClaimedImage, InventoryError},
    pace::Pace,
};

/// How often in a row the inventory may fail a claim before the run ends.
const CLAIM_TRIES: u32 = 8;

/// When something is to be done next, in monotonic time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Due {
    At(Duration),
    UnderWay,
}

enum Turn {
    Stop,
    Woken,
    Repaced,
    Claimed(Result<Claim, InventoryError>),
    Settled(IngestEvent),
    Told(Told),
}

/// One run of an ingester: decides what is to be done, and nothing else. Claims, deliveries and
/// changes are futures that it drives all at once.
pub(super) struct Run<'a> {
    ingester: &'a ImageIngester,
    until: Until,
    observe: &'a mut (dyn FnMut(IngestEvent) + Send),
    work: FuturesUnordered<BoxFuture<'a, Turn>>,
    report: IngestReport,
    in_hand: usize,
    pace: watch::Receiver<Pace>,
    claim: Due,
    claim_failures: u32,
    tell: Due,
    tell_failures: u32,
    /// The last claim found nothing waiting, and nothing was settled since.
    idle: bool,
    /// Something was settled while a claim was under way, which may not have seen it.
    unseen: bool,
    /// The pace changed while a claim was under way, which was decided by the old one.
    repaced: bool,
    /// The sink was told every change that it takes.
    quiet: bool,
    /// The last [`IngestEvent::Waiting`] or [`IngestEvent::Idle`] with nothing handed since.
    rest: Option<IngestEvent>,
    stopped: bool,
    abandon: watch::Sender<bool>,
    abandon_at: Option<Duration>,
    fatal: Option<InventoryError>,
}

impl<'a> Run<'a> {
    pub(super) fn new(
        ingester: &'a ImageIngester,
        until: Until,
        observe: &'a mut (dyn FnMut(IngestEvent) + Send),
    ) -> Self {
        let now = ingester.clock.monotonic();
        Self {
            ingester,
            until,
            observe,
            work: FuturesUnordered::new(),
            report: IngestReport::default(),
            in_hand: 0,
            pace: ingester.pace.subscribe(),
            claim: Due::At(now),
            claim_failures: 0,
            tell: Due::At(now),
            tell_failures: 0,
            idle: false,
            unseen: false,
            repaced: false,
            quiet: false,
            rest: None,
            stopped: false,
            abandon: watch::Sender::new(false),
            abandon_at: None,
            fatal: None,
        }
    }

    pub(super) async fn drive(
        mut self,
        stop: impl Future<Output = ()> + Send,
    ) -> Result<IngestReport, InventoryError> {
        let mut stop = pin!(stop.fuse());
        loop {
            // Asked before anything is begun, not only beside it.
            if (&mut stop).now_or_never().is_some() {
                self.stop();
            }
            let wake_at = if self.is_closing() {
                if self.in_hand == 0 && self.claim != Due::UnderWay && self.tell != Due::UnderWay {
                    break;
                }
                self.abandon_at
            } else {
                self.launch()
            };
            match self.turn(&mut stop, wake_at).await {
                Turn::Stop => self.stop(),
                Turn::Claimed(answer) => self.claimed(answer),
                Turn::Settled(event) => self.settled(event),
                Turn::Told(told) => self.told(told),
                Turn::Woken if self.abandon_at.is_some_and(|at| at <= self.now()) => {
                    self.abandon_at = None;
                    self.abandon.send_replace(true);
                }
                Turn::Repaced if self.claim == Due::UnderWay => self.repaced = true,
                Turn::Repaced => self.claim = Due::At(self.now()),
                Turn::Woken => {}
            }
        }
        self.fatal.map_or(Ok(self.report), Err)
    }

    /// Whether nothing new is begun any more.
    const fn is_closing(&self) -> bool {
        let held = self.until.leases && self.report.leased_elsewhere_until.is_some();
        let idle = self.idle && self.quiet && self.in_hand == 0 && !held;
        self.stopped
            || (self.until.idle && idle)
            || self.fatal.is_some()
            || self.report.handed >= self.until.images
    }

    /// Begins what is due, and returns when the next thing will be.
    fn launch(&mut self) -> Option<Duration> {
        let (ingester, now) = (self.ingester, self.now());
        let mut wake_at = None::<Duration>;
        match self.tell {
            Due::At(at) if at <= now => {
                self.tell = Due::UnderWay;
                let telling = tell(ingester, self.abandon());
                self.work.push(telling.map(Turn::Told).boxed());
            }
            Due::At(at) => wake_at = Some(at),
            Due::UnderWay => {}
        }
        match self.claim {
            _ if self.in_hand >= ingester.in_hand.get() => {}
            Due::At(at) if at <= now => {
                self.claim = Due::UnderWay;
                (self.idle, self.unseen, self.repaced) = (false, false, false);
                let pace = *self.pace.borrow_and_update();
                let claiming = async move {
                    let request = ClaimRequest {
                        integration: &ingester.integration,
                        pace: &pace,
                        lease: ingester.lease,
                        max_attempts: ingester.max_attempts,
                        rescan_after: ingester.rescan_after,
                    };
                    Turn::Claimed(ingester.inventory.claim(&request).await)
                };
                self.work.push(claiming.boxed());
            }
            Due::At(at) => wake_at = Some(wake_at.map_or(at, |other| other.min(at))),
            Due::UnderWay => {}
        }
        wake_at
    }

    async fn turn(
        &mut self,
        stop: &mut (impl Future<Output = ()> + Send + Unpin),
        wake_at: Option<Duration>,
    ) -> Turn {
        let clock = &self.ingester.clock;
        let pace = &mut self.pace;
        let waking = async {
            let sleeping = async {
                match wake_at {
                    Some(at) => clock.sleep(at.saturating_sub(clock.monotonic())).await,
                    None => pending().await,
                }
            };
            match select(pin!(pace.changed()), pin!(sleeping)).await {
                Either::Left((Ok(()), _)) => Turn::Repaced,
                Either::Left((Err(_), sleeping)) => {
                    sleeping.await;
                    Turn::Woken
                }
                Either::Right(_) => Turn::Woken,
            }
        };
        let work = &mut self.work;
        let working = async {
            match work.next().await {
                Some(done) => done,
                None => pending().await,
            }
        };
        match select(stop, select(pin!(working), pin!(waking))).await {
            Either::Left(_) => Turn::Stop,
            Either::Right((Either::Left((turn, _)) | Either::Right((turn, _)), _)) => turn,
        }
    }

    fn stop(&mut self) {
        self.stopped = true;
        self.abandon_at = Some(self.now().saturating_add(self.ingester.grace));
        let in_hand = self.in_hand;
        self.announce(IngestEvent::Stopping { in_hand });
    }

    fn claimed(&mut self, answer: Result<Claim, InventoryError>) {
        if answer.is_ok() {
            self.claim_failures = 0;
        }
        match answer {
            Ok(Claim::Granted(image)) => {
                self.claim = Due::At(self.now());
                self.hand(image);
            }
            Ok(Claim::Wait { .. }) if std::mem::take(&mut self.repaced) => {
                self.claim = Due::At(self.now());
            }
            Ok(Claim::Wait { until, pending }) => {
                self.claim = self.due_by(Some(until));
                self.rest(IngestEvent::Waiting { until, pending });
            }
            Ok(Claim::Idle { .. }) if self.unseen => self.claim = Due::At(self.now()),
            Ok(Claim::Idle { lease_ends_at }) => {
                self.claim = self.due_by(lease_ends_at);
                self.idle = true;
                if self.in_hand == 0 {
                    self.report.leased_elsewhere_until = lease_ends_at;
                    self.rest(IngestEvent::Idle { lease_ends_at });
                }
            }
            Ok(Claim::Paused) => {
                self.claim = self.due_by(None);
                self.idle = true;
                self.rest(IngestEvent::Paused);
            }
            Err(error) => {
                self.claim_failures += 1;
                let pause = Pauses::INVENTORY.after(self.claim_failures);
                self.claim = self.due_in(pause);
                self.trouble(error, pause);
            }
        }
    }

    fn hand(&mut self, image: ClaimedImage) {
        self.in_hand += 1;
        self.rest = None;
        self.announce(IngestEvent::Handed {
            digest: image.lease.digest.clone(),
            locations: image.locations.clone(),
            attempt: image.attempt,
        });
        let hand = Hand::new(self.ingester, &image, self.abandon());
        let delivery = Delivery::new(image, Arc::clone(&self.ingester.connector));
        let delivering = hand.deliver(delivery).map(Turn::Settled);
        self.work.push(delivering.boxed());
    }

    fn settled(&mut self, event: IngestEvent) {
        self.in_hand -= 1;
        // What was settled may wait again.
        self.unseen = true;
        if std::mem::take(&mut self.idle) {
            self.claim = Due::At(self.now());
        }
        self.announce(event);
    }

    fn told(&mut self, told: Told) {
        let failures = self.tell_failures + 1;
        self.tell_failures = 0;
        self.quiet = !matches!(told, Told::Change(_));
        match told {
            Told::Nothing | Told::Abandoned => self.tell = self.due_by(None),
            Told::Change(change) => {
                self.tell = Due::At(self.now());
                self.announce(IngestEvent::Told(change));
            }
            Told::Refused(change, error) => {
                self.tell_failures = failures;
                let pause = self.ingester.retry_pauses.after(failures);
                self.tell = self.due_in(pause);
                self.announce(IngestEvent::ChangeRefused {
                    change,
                    error: sink::record(&*error, self.ingester.connector.kind()),
                    retry_at: self.ingester.clock.now().saturating_add(pause),
                });
            }
            Told::Failed(error) => {
                self.tell_failures = failures;
                let pause = Pauses::INVENTORY.after(failures);
                self.tell = self.due_in(pause);
                self.trouble(error, pause);
            }
        }
    }

    /// An inventory that fails is asked again after `pause`, unless it is of no use.
    fn trouble(&mut self, error: InventoryError, pause: Duration) {
        if is_transient(&error) && self.claim_failures < CLAIM_TRIES {
            self.announce(IngestEvent::InventoryFailed {
                error: (&error).into(),
                retry_at: self.ingester.clock.now().saturating_add(pause),
            });
        } else {
            self.fatal = Some(error);
        }
    }

    fn due_in(&self, pause: Duration) -> Due {
        Due::At(self.now().saturating_add(pause))
    }

    /// Due at `moment`, though not later than the next look for what is new.
    fn due_by(&self, moment: Option<Timestamp>) -> Due {
        let longest = self.ingester.poll_interval;
        let pause = moment.map_or(longest, |moment| {
            let wait = moment.since(self.ingester.clock.now());
            if wait.is_zero() {
                SHORTEST_PAUSE
            } else {
                wait.min(longest)
            }
        });
        self.due_in(pause)
    }

    fn rest(&mut self, event: IngestEvent) {
        if self.rest.as_ref() != Some(&event) {
            self.rest = Some(event.clone());
            self.announce(event);
        }
    }

    fn announce(&mut self, event: IngestEvent) {
        self.report.count(&event);
        (self.observe)(event);
    }

    fn abandon(&self) -> Abandon {
        Abandon::new(self.abandon.subscribe())
    }

    fn now(&self) -> Duration {
        self.ingester.clock.monotonic()
    }
}
