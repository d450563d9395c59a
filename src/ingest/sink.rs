use std::{any::Any, error::Error, time::Duration};

use async_trait::async_trait;

use super::Delivery;
use crate::{
    error::{BoxError, ErrorCode, ErrorRecord, IntegrationError, Language},
    image::RegistryKind,
    inventory::Change,
};

/// Where the images go: the scanner, or whatever passes them on to it.
///
/// Deliveries run at once, as many as the ingester may have in hand, all on the task that runs the
/// ingester. What blocks the thread belongs into `spawn_blocking`, lest leases end unrenewed.
#[async_trait]
pub trait ImageSink: Send + Sync + 'static {
    /// Takes an image. `Ok` means that it is the sink's own from now on: it is acknowledged and
    /// not handed over again. While this runs the lease is renewed.
    ///
    /// An image comes again only after a failure, after the process died, or after its lease ended
    /// before the acknowledgement. [`Delivery::fence`] grows each time, so that a sink can refuse
    /// a late twin.
    ///
    /// # Errors
    /// Any error converts into a [`SinkError`]: the image is tried again later. A panic counts as
    /// an error.
    async fn ingest(&self, delivery: Delivery) -> Result<(), SinkError>;

    /// Learns that something changed for an image that it knows, without a new digest: it is in
    /// another repository too, its tags moved, or it is gone from there. Changes come one at a
    /// time, in order and apart from the speed limit, and again where the process died before this
    /// returned or where several processes share the inventory.
    ///
    /// A sink that keeps nothing about an image once it is scanned returns `Ok(())`.
    ///
    /// # Errors
    /// Any error: the same change comes again later, and those behind it wait.
    async fn changed(&self, change: Change) -> Result<(), BoxError>;
}

/// Why a sink did not take an image.
///
/// Made from any error by `?`. As it is no [`Error`] itself, its cause is read by
/// [`error`](Self::error).
///
/// ```
/// use registry_intake::ingest::SinkError;
///
/// fn parse(manifest: &[u8]) -> Result<(), SinkError> {
///     let text = std::str::from_utf8(manifest)?; // tried again later
///     if text.is_empty() {
///         return Err(SinkError::permanent("the manifest is empty")); // parked at once
///     }
///     Ok(())
/// }
/// # assert!(parse(b"").is_err());
/// ```
#[derive(Debug)]
pub struct SinkError {
    error: BoxError,
    retry: Retry,
}

#[derive(Debug, Clone, Copy)]
enum Retry {
    Growing,
    After(Duration),
    Never,
}

impl SinkError {
    /// A failure that another try cannot mend: the image is parked at once and spends no further
    /// token of the speed limit.
    #[must_use]
    pub fn permanent(error: impl Into<BoxError>) -> Self {
        Self {
            error: error.into(),
            retry: Retry::Never,
        }
    }

    /// A failure after which to try again when `pause` has passed.
    #[must_use]
    pub fn retry_after(error: impl Into<BoxError>, pause: Duration) -> Self {
        Self {
            error: error.into(),
            retry: Retry::After(pause),
        }
    }

    /// What happened.
    #[must_use]
    pub fn error(&self) -> &(dyn Error + Send + Sync + 'static) {
        &*self.error
    }

    /// How long to wait before the next try, where `growing` is what the ingester would wait; none
    /// where there shall be no next try.
    pub(super) fn pause(&self, growing: Duration) -> Option<Duration> {
        match self.retry {
            Retry::Growing => {
                let asked = integration_error(&*self.error).and_then(IntegrationError::retry_after);
                Some(growing.max(asked.unwrap_or_default()))
            }
            Retry::After(pause) => Some(pause),
            Retry::Never => None,
        }
    }
}

impl<E: Into<BoxError>> From<E> for SinkError {
    fn from(error: E) -> Self {
        Self {
            error: error.into(),
            retry: Retry::Growing,
        }
    }
}

/// What can go wrong with a sink beside the errors that it returns.
#[derive(Debug, thiserror::Error)]
pub(super) enum SinkFault {
    #[error("the sink panicked: {0}")]
    Panicked(String),
    #[error("the ingester was stopped before the sink had answered")]
    Stopped,
}

/// A panic as an error, with its message where it has one.
pub(super) fn panicked(panic: &(dyn Any + Send)) -> SinkFault {
    let message = panic
        .downcast_ref::<String>()
        .map(String::as_str)
        .or_else(|| panic.downcast_ref::<&str>().copied());
    SinkFault::Panicked(message.unwrap_or("without a message").to_owned())
}

/// The storable form of a sink's error. A registry's error among its causes gives the code.
pub(super) fn record(error: &(dyn Error + 'static), registry: RegistryKind) -> ErrorRecord {
    let Some(cause) = integration_error(error) else {
        let code = ErrorCode::SinkFailed;
        return ErrorRecord::new(code, error, &code.guidance(registry, Language::English));
    };
    let known = ErrorRecord::from(cause);
    ErrorRecord {
        message: ErrorRecord::new(known.code, error, &cause.guidance(Language::English)).message,
        ..known
    }
}

fn integration_error<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a IntegrationError> {
    let mut cause = Some(error);
    while let Some(error) = cause {
        if let Some(found) = error.downcast_ref() {
            return Some(found);
        }
        cause = error.source();
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::{ErrorContext, Step};

    #[derive(Debug, thiserror::Error)]
    #[error("the image could not be pulled")]
    struct PullFailed(#[source] IntegrationError);

    fn rate_limited() -> PullFailed {
        let host = "harbor.example.com:443";
        PullFailed(IntegrationError::RateLimited {
            context: Box::new(ErrorContext::new(RegistryKind::HarborV2, host, Step::Pull)),
            retry_after: Some(Duration::from_secs(90)),
        })
    }

    #[test]
    fn a_registrys_error_keeps_its_code_below_the_sinks_own_words() {
        let record = record(&rate_limited(), RegistryKind::HarborV2);
        assert_eq!(record.code, ErrorCode::RateLimited);
        assert!(
            record
                .message
                .starts_with("the image could not be pulled: the registry limits")
        );
        assert_eq!(record.step, Some(Step::Pull));
    }

    #[test]
    fn the_pause_is_the_sinks_wish_or_at_least_the_registrys() {
        let minute = Duration::from_secs(60);
        let hour = Duration::from_secs(3600);
        let registrys = SinkError::from(rate_limited());
        assert_eq!(registrys.pause(minute), Some(Duration::from_secs(90)));
        assert_eq!(registrys.pause(hour), Some(hour));
        assert_eq!(
            SinkError::retry_after("busy", minute).pause(hour),
            Some(minute)
        );
        assert_eq!(SinkError::permanent("broken").pause(hour), None);
    }
}
