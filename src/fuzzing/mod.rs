//! Every reader of what a server sends, by name, for whatever bytes.
//!
//! There is no such module in an ordinary build: the flag `--cfg fuzzing`, which fuzzers set, and the
//! tests open it. A target panics where its reader does, or where what it makes of the bytes breaks a
//! rule. `fuzz/` runs the targets under libFuzzer, the tests below replay what was found and more.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::{
    clock::Timestamp,
    connector::fuzzing as connector,
    http::fuzzing as http,
    image::{Digest, Reference, RepositoryName, Tag},
    network::refusal,
};

/// A reader under its name.
type Target = (&'static str, fn(&[u8]));

/// Every target.
pub const TARGETS: &[Target] = &[
    ("acr_page", connector::acr_page),
    #[cfg(any(feature = "rustls", fuzzing))]
    ("certificate", http::certificate),
    ("digest", digest),
    ("egress", egress),
    ("error_body", http::error_body),
    ("harbor_v1_page", connector::harbor_v1_page),
    ("harbor_v2_page", connector::harbor_v2_page),
    ("link", connector::link),
    ("quay_page", connector::quay_page),
    ("reference", reference),
    ("retry_after", http::retry_after_header),
    ("time", time),
    ("token", connector::token),
    ("www_authenticate", connector::www_authenticate),
];

/// Runs the target of that name.
///
/// # Panics
/// Where the reader breaks a rule, and for a name that is none.
pub fn run(name: &str, data: &[u8]) {
    let target = TARGETS.iter().find(|(known, _)| *known == name);
    let (_, target) = target.unwrap_or_else(|| panic!("no target {name}"));
    target(data);
}

fn text(data: &[u8]) -> &str {
    std::str::from_utf8(data).unwrap_or_default()
}

/// A digest is what it was read from.
fn digest(data: &[u8]) {
    if let Ok(digest) = text(data).parse::<Digest>() {
        assert_eq!(digest.as_str().parse(), Ok(digest.clone()));
        assert!(digest.as_str().is_ascii());
    }
}

/// Names are what they were read from, and hold nothing that a path or a header could be led astray by.
fn reference(data: &[u8]) {
    let text = text(data);
    if let Ok(repository) = text.parse::<RepositoryName>() {
        assert_eq!(repository.as_str().parse(), Ok(repository.clone()));
        assert!(!repository.as_str().contains(char::is_control));
    }
    if let Ok(tag) = text.parse::<Tag>() {
        assert_eq!(tag.as_str().parse(), Ok(tag.clone()));
        assert!(!tag.as_str().contains(['/', '\r', '\n', ' ']));
    }
    if let Ok(reference) = text.parse::<Reference>() {
        assert_eq!(reference.to_string().parse(), Ok(reference));
    }
}

/// A time is read back from how it is written.
fn time(data: &[u8]) {
    if let Ok(time) = text(data).parse::<Timestamp>() {
        assert_eq!(time.to_string().parse().ok(), Some(time));
    }
}

/// An IPv4 address that is refused is refused in every IPv6 address that stands for it.
fn egress(data: &[u8]) {
    if let Ok(address) = text(data).parse::<IpAddr>() {
        judged(address);
    }
    if let Some(bytes) = data.first_chunk::<4>() {
        judged(Ipv4Addr::from(*bytes).into());
    }
    if let Some(bytes) = data.first_chunk::<16>() {
        judged(Ipv6Addr::from(*bytes).into());
    }
}

fn judged(address: IpAddr) {
    let verdict = refusal(address);
    let IpAddr::V4(v4) = address else {
        return;
    };
    if verdict.is_none() {
        return;
    }
    let [a, b, c, d] = v4.octets();
    let (high, low) = (u16::from_be_bytes([a, b]), u16::from_be_bytes([c, d]));
    for spelling in [
        v4.to_ipv6_mapped(),
        Ipv6Addr::new(0x64, 0xff9b, 0, 0, 0, 0, high, low),
        Ipv6Addr::new(0x2002, high, low, 0, 0, 0, 0, 1),
    ] {
        assert!(refusal(spelling.into()).is_some(), "{spelling}");
    }
}

#[cfg(test)]
mod tests;
