use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

const IN_QUERY: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// Text as a part of a query, save that a space is no plus.
pub(in crate::simulator) fn in_query(text: &str) -> String {
    utf8_percent_encode(text, IN_QUERY).to_string()
}
