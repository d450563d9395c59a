use std::{fmt, num::NonZeroU32};

use serde::{Serialize, Serializer};

/// How many images may enter the scanner. In a configuration `10` or `"unlimited"`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SpeedLimit {
    /// At most this many images in any hour.
    PerHour(NonZeroU32),
    /// As fast as the scanner takes them. Discouraged: a scanner that pulls many images an hour
    /// takes bandwidth from the services that use the registry.
    Unlimited,
}

impl SpeedLimit {
    /// The documented default, 10 images per hour.
    pub const DEFAULT: Self = match NonZeroU32::new(10) {
        Some(images) => Self::PerHour(images),
        None => Self::Unlimited,
    };

    pub(super) const ALLOWED: &str =
        "images per hour, a whole number from 1 to 4294967295, or \"unlimited\"";

    /// The limit in images per hour. `None` without a limit.
    #[must_use]
    pub const fn per_hour(self) -> Option<NonZeroU32> {
        match self {
            Self::PerHour(images) => Some(images),
            Self::Unlimited => None,
        }
    }
}

impl Default for SpeedLimit {
    fn default() -> Self {
        Self::DEFAULT
    }
}

impl fmt::Display for SpeedLimit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::PerHour(images) => write!(f, "{images} per hour"),
            Self::Unlimited => f.write_str("unlimited"),
        }
    }
}

/// As in a configuration: a number, or `"unlimited"`.
impl Serialize for SpeedLimit {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::PerHour(images) => serializer.serialize_u32(images.get()),
            Self::Unlimited => serializer.serialize_str("unlimited"),
        }
    }
}
