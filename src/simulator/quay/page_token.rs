use std::time::Duration;

use base64::{Engine as _, prelude::BASE64_URL_SAFE};

use crate::{clock::Timestamp, simulator::made_up::digest_of};

/// How long a token is understood; read from the source.
const LIFETIME: Duration = Duration::from_secs(2 * 24 * 3600);

/// What every token of the real server starts with, which encrypts them.
const MARK: &str = "gAAAAABr";

/// An opaque token of the page that starts with the repository of this id. It ends in an equals
/// sign or two, as the real ones do.
pub(super) fn write(start: u64, now: Timestamp) -> String {
    let content = format!("{start} {}", now.as_unix_nanos());
    let seal = seal(&content);
    let token = BASE64_URL_SAFE.encode(format!("{content} {seal}"));
    format!("{MARK}{token}")
}

/// Where the page starts, if the token is one from here and not outdated. The real server says
/// nothing of what it does not understand, and neither does this.
pub(super) fn read(token: &str, now: Timestamp) -> Option<u64> {
    let token = BASE64_URL_SAFE.decode(token.strip_prefix(MARK)?).ok()?;
    let token = String::from_utf8(token).ok()?;
    let (content, given) = token.rsplit_once(' ')?;
    let (start, written) = content.split_once(' ')?;
    let written = Timestamp::from_unix_nanos(written.parse().ok()?);
    let is_understood = given == seal(content) && now.since(written) < LIFETIME;
    start.parse().ok().filter(|_| is_understood)
}

/// Of a length with which the encoded token needs an equals sign.
fn seal(content: &str) -> String {
    let sum = content.bytes().fold(0_u64, |sum, byte| {
        sum.wrapping_mul(31).wrapping_add(u64::from(byte))
    });
    let digest = digest_of(sum);
    let length = 16 + (2 + 2 * (content.len() + 17)) % 3;
    digest["sha256:".len()..][..length].to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_understood_for_two_days_and_ends_in_an_equals_sign() {
        let now = Timestamp::from_unix_nanos(1_767_225_600_000_000_000);
        for start in [1, 23, 456, 7890] {
            let token = write(start, now);
            assert!(token.ends_with('='), "{token}");
            assert_eq!(read(&token, now), Some(start));
            let last = now.saturating_add(LIFETIME - Duration::from_nanos(1));
            assert_eq!(read(&token, last), Some(start));
            assert_eq!(read(&token, now.saturating_add(LIFETIME)), None);
            assert_eq!(read(&token.replace("gAAAAABr", "gAAAAABs"), now), None);
        }
        assert_eq!(read("garbage", now), None);
        assert_eq!(read("", now), None);
    }
}
