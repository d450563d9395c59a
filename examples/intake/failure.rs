//! How a command ends.

use std::{io, process::ExitCode};

use registry_intake::{
    config::ConfigErrors,
    error::{ErrorCode, ErrorRecord, IntegrationError},
    intake::IntakeError,
    inventory::InventoryError,
    network::{address_pools::PoolError, forwarding::ForwardingError},
    sync::SyncError,
};
use serde::Serialize;

/// How a command ended that left its report, from best to worst.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Verdict {
    Done,
    /// What was read is not all that there is.
    Incomplete,
    Failed,
}

impl Verdict {
    /// The exit code of wrong usage.
    pub(crate) const USAGE: u8 = 2;
}

impl From<Verdict> for ExitCode {
    fn from(verdict: Verdict) -> Self {
        Self::from(match verdict {
            Verdict::Done => 0,
            Verdict::Incomplete => 3,
            Verdict::Failed => 1,
        })
    }
}

/// Why a command left no report.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The arguments make no sense together.
    Usage(String),
    /// Nobody reads the output any more.
    Closed,
    /// Anything else.
    Error(Explained),
}

/// An error as it is reported.
#[derive(Debug, Serialize)]
pub(crate) struct Explained {
    pub(crate) code: Option<ErrorCode>,
    pub(crate) message: String,
    pub(crate) remedy: Option<String>,
}

impl From<ErrorRecord> for Explained {
    fn from(record: ErrorRecord) -> Self {
        Self {
            code: Some(record.code),
            message: record.message,
            remedy: Some(record.remedy),
        }
    }
}

macro_rules! explained {
    ($($error:ty),+) => {$(
        impl From<$error> for Failure {
            fn from(error: $error) -> Self {
                Self::Error(ErrorRecord::from(&error).into())
            }
        }
    )+};
}

explained!(ConfigErrors, IntegrationError, InventoryError, SyncError);

impl From<IntakeError> for Failure {
    fn from(error: IntakeError) -> Self {
        match error {
            IntakeError::Config(error) => error.into(),
            IntakeError::Integration(error) => error.into(),
            IntakeError::Inventory(error) => error.into(),
            other => Self::Usage(other.to_string()),
        }
    }
}

/// What stands in the configuration or in the operator's own table keeps the answer away.
impl From<PoolError> for Failure {
    fn from(error: PoolError) -> Self {
        let remedy = match error {
            PoolError::RegionMissing => {
                "Set region_id to the region in which the registry lies; `intake regions` has the ids."
            }
            PoolError::UnknownRegion { .. } | PoolError::NoAddresses { .. } => {
                "Correct the region, or give a table of your own by --pools."
            }
            _ => "Correct the table of addresses; docs/example-contract.md has its form.",
        };
        Self::Error(Explained {
            code: Some(ErrorCode::ConfigInvalid),
            message: with_causes(&error),
            remedy: Some(remedy.to_owned()),
        })
    }
}

/// Asked for something that is not done: no registry is at fault.
impl From<ForwardingError> for Failure {
    fn from(error: ForwardingError) -> Self {
        Self::Error(Explained {
            code: None,
            message: error.to_string(),
            remedy: None,
        })
    }
}

fn with_causes(error: &dyn std::error::Error) -> String {
    let mut message = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        message.push_str(": ");
        message.push_str(error.to_string().trim_end());
        cause = error.source();
    }
    message
}

/// Of standard output or of the machine: no registry is at fault, so it has no code.
impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        if error.kind() == io::ErrorKind::BrokenPipe {
            return Self::Closed;
        }
        Self::Error(Explained {
            code: None,
            message: error.to_string(),
            remedy: None,
        })
    }
}
