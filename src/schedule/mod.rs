//! When an integration is synced by itself: the calendar of its full runs, in its own time zone,
//! and how often it is read incrementally in between.
//!
//! Everything here is pure: what is due next follows from the schedule, the integration's name and
//! the times given, so that every process of a service comes to the same answer.

mod cron;

pub use cron::ParseCronError;

use std::{fmt, num::NonZeroU8, ops::Range, time::Duration};

use jiff::{civil, tz::TimeZone};

use self::cron::CronExpression;
use crate::clock::Timestamp;

/// The time zone of integrations that lie in the Chinese mainland, by their region.
const CHINA: &str = "Asia/Shanghai";

const UTC: &str = "UTC";

/// After so many hours what has changed is read, unless something else is said.
const INCREMENTAL_EVERY: Option<NonZeroU8> = NonZeroU8::new(6);

/// The hours of the day within which daily runs begin.
const EARLY_MORNING: Range<i8> = 2..5;

/// When an integration is synced by itself.
///
/// ```
/// use registry_intake::{clock::Timestamp, schedule::Schedule};
///
/// let schedule = Schedule::daily().in_zone("Asia/Shanghai")?;
/// let now: Timestamp = "2026-11-21T12:00:00Z".parse()?;
/// let next = schedule.next_full("harbor-prod", now);
/// // 03:03 in Shanghai, every day: the minute follows from the name.
/// assert_eq!(next, Some("2026-11-21T19:03:00Z".parse()?));
/// assert_eq!(
///     schedule.to_string(),
///     "daily in the early morning, incremental every 6 hours, Asia/Shanghai"
/// );
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Schedule {
    full: Calendar,
    zone: Option<TimeZone>,
    incremental_every: Option<NonZeroU8>,
}

#[derive(Debug, Clone, PartialEq)]
enum Calendar {
    Daily,
    Manual,
    Cron(Box<CronExpression>),
}

/// There is no such time zone.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("no time zone of the IANA database")]
pub struct UnknownTimeZone;

impl Schedule {
    /// One full run every day, at a minute from 02:00 to 04:59 that is drawn from the integration's
    /// name, so that many integrations do not all begin at once. In UTC unless
    /// [`in_zone`](Self::in_zone) says otherwise.
    #[must_use]
    pub const fn daily() -> Self {
        Self::by(Calendar::Daily)
    }

    /// No run but those that are asked for.
    #[must_use]
    pub const fn manual() -> Self {
        Self::by(Calendar::Manual)
    }

    /// A full run whenever a cron expression of five fields says so: minute, hour, day of the month,
    /// month, day of the week.
    ///
    /// A time of day that a change of the clocks skips is made up right behind the gap; one that
    /// comes twice is taken once, the first time.
    ///
    /// # Errors
    /// [`ParseCronError`] where it is none, or names no time that ever comes.
    pub fn cron(expression: &str) -> Result<Self, ParseCronError> {
        let expression = expression.parse()?;
        Ok(Self::by(Calendar::Cron(Box::new(expression))))
    }

    const fn by(full: Calendar) -> Self {
        let incremental_every = match full {
            Calendar::Manual => None,
            Calendar::Daily | Calendar::Cron(_) => INCREMENTAL_EVERY,
        };
        Self {
            full,
            zone: None,
            incremental_every,
        }
    }

    /// The name of the time zone for a region where none is configured: `Asia/Shanghai` for
    /// `cn-...`, else `UTC`.
    #[must_use]
    pub fn zone_of_region(region_id: Option<&str>) -> &'static str {
        match region_id {
            Some(region) if region.starts_with("cn-") => CHINA,
            _ => UTC,
        }
    }

    /// The same, in the time zone of the region where it has none yet.
    pub(crate) fn or_in_zone_of_region(mut self, region_id: Option<&str>) -> Self {
        if self.zone.is_none() {
            self.zone = TimeZone::get(Self::zone_of_region(region_id)).ok();
        }
        self
    }

    fn zone(&self) -> &TimeZone {
        static DEFAULT: TimeZone = TimeZone::UTC;
        self.zone.as_ref().unwrap_or(&DEFAULT)
    }

    /// Reads the calendar by the clocks of a time zone of the IANA database, such as
    /// `Europe/Berlin`: the machine's own database, or the one built in.
    ///
    /// # Errors
    /// [`UnknownTimeZone`].
    pub fn in_zone(mut self, name: &str) -> Result<Self, UnknownTimeZone> {
        self.zone = Some(TimeZone::get(name).map_err(|_| UnknownTimeZone)?);
        Ok(self)
    }

    /// Reads what has changed every so many hours between full runs; every six unless this or
    /// [`without_incremental`](Self::without_incremental) says otherwise.
    #[must_use]
    pub const fn with_incremental_every(mut self, hours: NonZeroU8) -> Self {
        self.incremental_every = Some(hours);
        self
    }

    /// Reads everything or nothing.
    #[must_use]
    pub const fn without_incremental(mut self) -> Self {
        self.incremental_every = None;
        self
    }

    /// The name of the time zone by which the calendar is read.
    #[must_use]
    pub fn time_zone(&self) -> &str {
        self.zone().iana_name().unwrap_or(UTC)
    }

    /// Whether full runs begin only when they are asked for.
    #[must_use]
    pub const fn is_manual(&self) -> bool {
        matches!(self.full, Calendar::Manual)
    }

    /// How long after a run what has changed is read; none where it is not.
    #[must_use]
    pub fn incremental_every(&self) -> Option<Duration> {
        self.incremental_every
            .map(|hours| Duration::from_secs(3600 * u64::from(hours.get())))
    }

    /// The first moment after `after` at which a full run of this integration is due. None where
    /// runs are asked for, or where no such moment ever comes.
    #[must_use]
    pub fn next_full(&self, integration: &str, after: Timestamp) -> Option<Timestamp> {
        let begin = zoned(after, self.zone())?;
        let next = match &self.full {
            Calendar::Manual => return None,
            Calendar::Cron(expression) => expression.next(&begin)?,
            Calendar::Daily => {
                let time = early_minute(integration);
                // A day that is left out when a zone crosses the date line has the moment of the
                // next.
                (0..=2).find_map(|days| {
                    let date = begin
                        .date()
                        .checked_add(jiff::Span::new().days(days))
                        .ok()?;
                    let moment = date.to_datetime(time).to_zoned(self.zone().clone()).ok()?;
                    (moment > begin).then_some(moment)
                })?
            }
        };
        let nanos = next.timestamp().as_nanosecond();
        i64::try_from(nanos).ok().map(Timestamp::from_unix_nanos)
    }
}

impl Default for Schedule {
    fn default() -> Self {
        Self::daily()
    }
}

impl fmt::Display for Schedule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.full {
            Calendar::Daily => f.write_str("daily in the early morning")?,
            Calendar::Manual => return f.write_str("manual"),
            Calendar::Cron(expression) => write!(f, "cron {expression}")?,
        }
        if let Some(hours) = self.incremental_every {
            write!(f, ", incremental every {hours} hours")?;
        }
        write!(f, ", {}", self.time_zone())
    }
}

fn zoned(time: Timestamp, zone: &TimeZone) -> Option<jiff::Zoned> {
    let time = jiff::Timestamp::from_nanosecond(i128::from(time.as_unix_nanos())).ok()?;
    Some(time.to_zoned(zone.clone()))
}

/// The minute of the early morning that belongs to a name: the 64 bits of FNV-1a over its UTF-8
/// bytes, modulo the minutes. It stays the same in every version of the crate.
fn early_minute(integration: &str) -> civil::Time {
    const OFFSET_BASIS: u64 = 0xcbf2_9ce4_8422_2325;
    const PRIME: u64 = 0x0000_0100_0000_01b3;
    let hash = integration.bytes().fold(OFFSET_BASIS, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(PRIME)
    });
    let hours = EARLY_MORNING.len() as u64;
    let minute = i8::try_from(hash % 60).unwrap_or(0);
    let hour = EARLY_MORNING.start + i8::try_from(hash / 60 % hours).unwrap_or(0);
    civil::time(hour, minute, 0, 0)
}

#[cfg(test)]
mod tests;
