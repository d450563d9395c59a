use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use tokio::task_local;

use crate::{clock::Clock, error::PresentedCertificate};

task_local! {
    /// The connection that is being made, while it is polled.
    static ATTEMPT: Attempt;
    /// Where [`observed`] collects.
    static OBSERVED: Arc<Mutex<Option<Phases>>>;
}

/// How long each part took of making a connection; the one that failed is the last of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Phases {
    /// Looking the name up; none where there was nothing to look up.
    pub(crate) dns: Option<Duration>,
    /// The TCP connection, the way through a proxy included; none where no address was found.
    pub(crate) connect: Option<Duration>,
    /// The TLS handshake; none where it did not begin.
    pub(crate) tls: Option<Duration>,
}

impl Phases {
    /// All of them together.
    pub(crate) fn total(&self) -> Duration {
        [self.dns, self.connect, self.tls]
            .into_iter()
            .flatten()
            .sum()
    }
}

/// Runs `work` and tells how the last connection to the registry itself came to stand meanwhile; none
/// where all requests went over one that stood already.
pub(crate) async fn observed<F: Future>(work: F) -> (F::Output, Option<Phases>) {
    let seen = Arc::new(Mutex::new(None));
    let output = OBSERVED.scope(Arc::clone(&seen), work).await;
    let phases = *seen.lock().unwrap_or_else(PoisonError::into_inner);
    (output, phases)
}

/// One attempt to connect, and the moments of it that were noted.
#[derive(Debug, Clone)]
pub(super) struct Attempt {
    clock: Arc<dyn Clock>,
    marks: Arc<Mutex<Marks>>,
}

#[derive(Debug, Default)]
struct Marks {
    begun: Option<Duration>,
    lookup_begun: Option<Duration>,
    lookup_ended: Option<Duration>,
    encrypting: Option<Duration>,
    ended: Option<Duration>,
    refused: Option<PresentedCertificate>,
}

impl Attempt {
    pub(super) fn new(clock: Arc<dyn Clock>) -> Self {
        Self {
            clock,
            marks: Arc::default(),
        }
    }

    /// The connection begins; whatever an earlier one of the same request noted is over.
    pub(super) fn begin(&self) {
        self.note(|marks, now| {
            *marks = Marks {
                begun: Some(now),
                ..Marks::default()
            };
        });
    }

    /// Polls the connection, so that the layers below find the attempt.
    pub(super) fn while_polling<T>(&self, poll: impl FnOnce() -> T) -> T {
        ATTEMPT.sync_scope(self.clone(), poll)
    }

    /// The connection stands, or has failed.
    pub(super) fn end(&self) {
        self.note(|marks, now| {
            marks.ended.get_or_insert(now);
        });
    }

    /// Whether the handshake had begun.
    pub(super) fn is_encrypting(&self) -> bool {
        self.note(|marks, _| marks.encrypting.is_some())
    }

    /// The certificate that was refused.
    pub(super) fn refused_certificate(&self) -> Option<PresentedCertificate> {
        self.note(|marks, _| marks.refused.clone())
    }

    /// How long each part took, until now for one that has not ended; none where no connection was made.
    pub(super) fn phases(&self) -> Option<Phases> {
        self.note(|marks, now| {
            let begun = marks.begun?;
            let end = marks.ended.unwrap_or(now);
            let looked_up = match (marks.lookup_begun, marks.lookup_ended) {
                (Some(from), until) => Some((from, until.unwrap_or(end))),
                (None, _) => None,
            };
            let has_address = marks.lookup_begun.is_none() || marks.lookup_ended.is_some();
            let from = looked_up.map_or(begun, |(_, until)| until);
            let until = marks.encrypting.unwrap_or(end);
            Some(Phases {
                dns: looked_up.map(|(from, until)| until.saturating_sub(from)),
                connect: has_address.then(|| until.saturating_sub(from)),
                tls: marks.encrypting.map(|from| end.saturating_sub(from)),
            })
        })
    }

    /// Tells [`observed`], if it runs.
    pub(super) fn tell(&self) {
        if let Some(phases) = self.phases() {
            let _ = OBSERVED.try_with(|observed| {
                *observed.lock().unwrap_or_else(PoisonError::into_inner) = Some(phases);
            });
        }
    }

    fn note<T>(&self, change: impl FnOnce(&mut Marks, Duration) -> T) -> T {
        let now = self.clock.monotonic();
        let mut marks = self.marks.lock().unwrap_or_else(PoisonError::into_inner);
        change(&mut marks, now)
    }
}

fn noted(change: impl FnOnce(&mut Marks, Duration)) {
    let _ = ATTEMPT.try_with(|attempt| attempt.note(change));
}

/// A name is being looked up.
pub(super) fn looking_up() {
    noted(|marks, now| {
        marks.lookup_begun.get_or_insert(now);
    });
}

/// Addresses were found.
pub(super) fn looked_up() {
    noted(|marks, now| {
        marks.lookup_ended.get_or_insert(now);
    });
}

/// The connection stands, and the handshake on it begins.
#[cfg_attr(not(feature = "rustls"), allow(dead_code))]
pub(super) fn encrypting() {
    noted(|marks, now| {
        marks.encrypting.get_or_insert(now);
    });
}

/// The server showed a certificate that is not trusted.
#[cfg_attr(not(feature = "rustls"), allow(dead_code))]
pub(super) fn refused(certificate: PresentedCertificate) {
    noted(|marks, _| marks.refused = Some(certificate));
}
