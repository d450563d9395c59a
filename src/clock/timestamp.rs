use std::{
    fmt,
    str::FromStr,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// A moment in UTC, to the nanosecond, between the years 1677 and 2262.
///
/// Written and read as RFC 3339.
///
/// ```
/// use registry_intake::clock::Timestamp;
///
/// let pushed: Timestamp = "2026-11-21T19:33:20.839Z".parse()?;
/// assert_eq!(pushed.to_string(), "2026-11-21T19:33:20.839Z");
/// # Ok::<(), registry_intake::clock::ParseTimestampError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp {
    unix_nanos: i64,
}

impl Timestamp {
    /// 1970-01-01T00:00:00Z.
    pub const UNIX_EPOCH: Self = Self { unix_nanos: 0 };

    /// The moment `nanos` nanoseconds after (or, negative, before) the Unix epoch.
    #[must_use]
    pub const fn from_unix_nanos(nanos: i64) -> Self {
        Self { unix_nanos: nanos }
    }

    /// Nanoseconds since the Unix epoch.
    #[must_use]
    pub const fn as_unix_nanos(self) -> i64 {
        self.unix_nanos
    }

    /// This moment plus `duration`, or the latest moment there is.
    #[must_use]
    pub fn saturating_add(self, duration: Duration) -> Self {
        Self::from_unix_nanos(self.unix_nanos.saturating_add(nanos(duration)))
    }

    /// This moment less `duration`, or the earliest moment there is.
    #[must_use]
    pub fn saturating_sub(self, duration: Duration) -> Self {
        Self::from_unix_nanos(self.unix_nanos.saturating_sub(nanos(duration)))
    }

    /// How long after `earlier` this moment is; zero where it is not.
    #[must_use]
    pub fn since(self, earlier: Self) -> Duration {
        let nanos = i128::from(self.unix_nanos) - i128::from(earlier.unix_nanos);
        u64::try_from(nanos).map_or(Duration::ZERO, Duration::from_nanos)
    }
}

fn nanos(duration: Duration) -> i64 {
    i64::try_from(duration.as_nanos()).unwrap_or(i64::MAX)
}

impl From<SystemTime> for Timestamp {
    fn from(time: SystemTime) -> Self {
        match time.duration_since(UNIX_EPOCH) {
            Ok(after) => Self::UNIX_EPOCH.saturating_add(after),
            Err(before) => Self::UNIX_EPOCH.saturating_sub(before.duration()),
        }
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The range of an i64 of nanoseconds lies within jiff's, so this cannot fail.
        match jiff::Timestamp::from_nanosecond(i128::from(self.unix_nanos)) {
            Ok(time) => time.fmt(f),
            Err(_) => Err(fmt::Error),
        }
    }
}

/// The text is no RFC 3339 time, or lies outside the years 1677 to 2262.
#[derive(Debug, thiserror::Error)]
#[error("not an RFC 3339 time between the years 1677 and 2262")]
pub struct ParseTimestampError(#[source] Option<jiff::Error>);

impl FromStr for Timestamp {
    type Err = ParseTimestampError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let time: jiff::Timestamp = text
            .parse()
            .map_err(|error| ParseTimestampError(Some(error)))?;
        i64::try_from(time.as_nanosecond())
            .map(Self::from_unix_nanos)
            .map_err(|_| ParseTimestampError(None))
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<str>::deserialize(deserializer)?;
        text.parse().map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn offsets_are_read_as_the_same_moment_in_utc() {
        let here: Timestamp = "2026-11-21T20:00:00+01:00".parse().unwrap();
        assert_eq!(here.to_string(), "2026-11-21T19:00:00Z");
    }

    #[test]
    fn times_outside_the_range_are_refused_and_not_bent() {
        assert!("0001-01-01T00:00:00.000Z".parse::<Timestamp>().is_err());
        assert!("yesterday".parse::<Timestamp>().is_err());
    }

    #[test]
    fn arithmetic_stops_at_the_ends() {
        let last = Timestamp::from_unix_nanos(i64::MAX);
        assert_eq!(last.saturating_add(Duration::MAX), last);
        assert_eq!(Timestamp::UNIX_EPOCH.since(last), Duration::ZERO);
        let first = Timestamp::from_unix_nanos(i64::MIN);
        assert_eq!(first.saturating_sub(Duration::MAX), first);
        assert_eq!(last.since(first), Duration::from_nanos(u64::MAX));
    }
}
