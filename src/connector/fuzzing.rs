//! What registries send, for whatever bytes: pages, `Link`, challenges, tokens.

use super::{acr, challenge, harbor, pull_token, quay};
use crate::{
    clock::ManualClock,
    clock::Timestamp,
    http::Answer,
    image::{Digest, Image, RepositoryName},
};

fn repository() -> RepositoryName {
    let parsed = "team/api".parse();
    parsed.unwrap_or_else(|_| unreachable!("a name"))
}

fn digest() -> Digest {
    let parsed = format!("sha256:{}", "0".repeat(64)).parse();
    parsed.unwrap_or_else(|_| unreachable!("a digest"))
}

fn read(data: &[u8], page: impl Fn(&Answer) -> Vec<Image>) {
    for status in [200, 404] {
        let images = page(&Answer::made_up(status, &[], data));
        assert!(images.len() <= data.len());
        for image in &images {
            assert_eq!(
                image.repository.as_str().parse(),
                Ok(image.repository.clone())
            );
            assert_eq!(image.digest.as_str().parse(), Ok(image.digest.clone()));
            for tag in &image.tags {
                assert_eq!(tag.name.as_str().parse(), Ok(tag.name.clone()));
            }
        }
    }
}

pub(crate) fn harbor_v1_page(data: &[u8]) {
    read(data, |answer| {
        harbor::v1::fuzzing::page(answer, &repository())
    });
}

pub(crate) fn harbor_v2_page(data: &[u8]) {
    read(data, |answer| {
        harbor::v2::fuzzing::page(answer, &repository())
    });
}

pub(crate) fn quay_page(data: &[u8]) {
    read(data, |answer| {
        quay::fuzzing::page(answer, &repository(), &digest())
    });
}

pub(crate) fn acr_page(data: &[u8]) {
    read(data, |answer| acr::fuzzing::page(answer, &repository()));
}

pub(crate) fn link(data: &[u8]) {
    harbor::v1::fuzzing::link(data);
    harbor::v2::fuzzing::link(data);
}

/// A parameter of a challenge is no longer than the header.
pub(crate) fn www_authenticate(data: &[u8]) {
    let Ok(header) = std::str::from_utf8(data) else {
        return;
    };
    for name in ["realm", "service", "scope"] {
        let value = challenge::parameter(header, name);
        assert!(value.is_none_or(|value| value.len() <= header.len()));
    }
}

/// A token is read without a panic, and never outlives what it says by this clock.
pub(crate) fn token(data: &[u8]) {
    let clock = ManualClock::jumping_at(Timestamp::UNIX_EPOCH);
    let answer = Answer::made_up(200, &[], data);
    let _ = pull_token::is_for_nobody(&answer);
    if let Ok(token) = pull_token::read(&answer, None, &clock) {
        assert!(token.expires_at > Timestamp::UNIX_EPOCH);
    }
}
