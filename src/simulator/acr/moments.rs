//! Times as ACR writes and reads them.

use std::time::{Duration, UNIX_EPOCH};

use crate::clock::Timestamp;

/// As HTTP does.
pub(super) fn http_date(time: Timestamp) -> String {
    httpdate::fmt_http_date(UNIX_EPOCH + time.since(Timestamp::UNIX_EPOCH))
}

/// Since 1970.
pub(super) fn milliseconds(time: Timestamp) -> i64 {
    time.as_unix_nanos().div_euclid(1_000_000)
}

/// The second in which it lies.
pub(super) fn whole_seconds(time: Timestamp) -> Timestamp {
    let second = 1_000_000_000;
    Timestamp::from_unix_nanos(time.as_unix_nanos().div_euclid(second) * second)
}

/// `YYYY-MM-DDTHH:MM:SSZ` and nothing else.
pub(super) fn parse(text: &str) -> Option<Timestamp> {
    let is_exact = text.len() == "2026-01-02T03:04:05Z".len() && text.ends_with('Z');
    text.parse().ok().filter(|_| is_exact)
}

pub(super) fn apart(one: Timestamp, other: Timestamp) -> Duration {
    one.since(other).max(other.since(one))
}
