use std::time::UNIX_EPOCH;

use crate::clock::Timestamp;

/// As HTTP writes times.
pub(in crate::simulator) fn http_date(time: Timestamp) -> String {
    httpdate::fmt_http_date(UNIX_EPOCH + time.since(Timestamp::UNIX_EPOCH))
}
