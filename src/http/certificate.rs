//! What a certificate says of itself, for an operator to read: nothing is decided by it.
//!
//! Names, subject and issuer are three fields of a structure that rustls has checked already, so that
//! this reads them itself (X.690 and RFC 5280) instead of bringing a parser for all of X.509 along.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::error::PresentedCertificate;

/// Of more names the rest is left out, and of longer texts their ends.
const NAMES: usize = 8;
const LENGTH: usize = 128;

const SEQUENCE: u8 = 0x30;
const SET: u8 = 0x31;
const OBJECT_ID: u8 = 0x06;
const OCTETS: u8 = 0x04;
const UTF8: u8 = 0x0c;
const UTF16: u8 = 0x1e;
/// The strings of one byte a letter: printable, teletex, IA5, visible.
const LATIN: [u8; 4] = [0x13, 0x14, 0x16, 0x1a];
const VERSION: u8 = 0xa0;
const EXTENSIONS: u8 = 0xa3;
const DNS_NAME: u8 = 0x82;
const IP_ADDRESS: u8 = 0x87;

const ALTERNATIVE_NAMES: &[u8] = &[0x55, 0x1d, 0x11];

/// The attributes of a distinguished name that are shown, by the last byte of `2.5.4.x`.
const ATTRIBUTES: [(u8, &str); 6] = [
    (3, "CN"),
    (10, "O"),
    (11, "OU"),
    (7, "L"),
    (8, "ST"),
    (6, "C"),
];

/// None where the bytes are no certificate.
pub(crate) fn read(der: &[u8]) -> Option<PresentedCertificate> {
    let mut certificate = Der(der).inside(SEQUENCE)?;
    let mut fields = certificate.inside(SEQUENCE)?;
    if fields.0.first() == Some(&VERSION) {
        fields.next()?;
    }
    let (_serial_number, _algorithm) = (fields.next()?, fields.next()?);
    let issuer = distinguished_name(fields.inside(SEQUENCE)?)?;
    let _validity = fields.next()?;
    let subject = distinguished_name(fields.inside(SEQUENCE)?)?;
    let _public_key = fields.next()?;
    let mut names = Vec::new();
    while let Some((tag, content)) = fields.next() {
        if tag == EXTENSIONS {
            names = alternative_names(Der(content))?;
        }
    }
    Some(PresentedCertificate::new(names, subject, issuer))
}

fn alternative_names(mut content: Der<'_>) -> Option<Vec<String>> {
    let mut extensions = content.inside(SEQUENCE)?;
    let mut names = Vec::new();
    while let Some((_, extension)) = extensions.next() {
        let mut extension = Der(extension);
        if extension.next()? != (OBJECT_ID, ALTERNATIVE_NAMES) {
            continue;
        }
        let value = std::iter::from_fn(|| extension.next()).find(|(tag, _)| *tag == OCTETS)?;
        let mut listed = Der(value.1).inside(SEQUENCE)?;
        let mut left_out = 0;
        while let Some((tag, name)) = listed.next() {
            let name = match tag {
                DNS_NAME => bounded(&String::from_utf8_lossy(name)),
                IP_ADDRESS => match ip_address(name) {
                    Some(address) => address.to_string(),
                    None => continue,
                },
                _ => continue,
            };
            if names.len() < NAMES {
                names.push(name);
            } else {
                left_out += 1;
            }
        }
        if left_out > 0 {
            names.push(format!("+{left_out}"));
        }
    }
    Some(names)
}

fn ip_address(bytes: &[u8]) -> Option<IpAddr> {
    if let Ok(bytes) = <[u8; 4]>::try_from(bytes) {
        return Some(Ipv4Addr::from(bytes).into());
    }
    let bytes = <[u8; 16]>::try_from(bytes).ok()?;
    Some(Ipv6Addr::from(bytes).into())
}

fn distinguished_name(mut name: Der<'_>) -> Option<String> {
    let mut parts: Vec<String> = Vec::new();
    while let Some((tag, set)) = name.next() {
        if tag != SET {
            return None;
        }
        let mut set = Der(set);
        while let Some((_, attribute)) = set.next() {
            let mut attribute = Der(attribute);
            let (_, id) = attribute.next()?;
            let (tag, value) = attribute.next()?;
            let [0x55, 0x04, last] = id else {
                continue;
            };
            let label = ATTRIBUTES.iter().find(|(known, _)| known == last);
            if let (Some((_, label)), Some(value)) = (label, text(tag, value))
                && parts.len() < NAMES
            {
                parts.push(format!("{label}={}", bounded(&value)));
            }
        }
    }
    Some(parts.join(", "))
}

fn text(tag: u8, bytes: &[u8]) -> Option<String> {
    match tag {
        UTF8 => Some(String::from_utf8_lossy(bytes).into_owned()),
        UTF16 => {
            let (units, _) = bytes.as_chunks::<2>();
            let units: Vec<_> = units.iter().map(|unit| u16::from_be_bytes(*unit)).collect();
            Some(String::from_utf16_lossy(&units))
        }
        tag if LATIN.contains(&tag) => Some(bytes.iter().copied().map(char::from).collect()),
        _ => None,
    }
}

fn bounded(text: &str) -> String {
    text.chars().take(LENGTH).collect()
}

/// A row of tagged values.
#[derive(Debug, Clone, Copy)]
struct Der<'a>(&'a [u8]);

impl<'a> Der<'a> {
    /// The next value's tag and content. None at the end, and where what follows is none.
    fn next(&mut self) -> Option<(u8, &'a [u8])> {
        let (&tag, rest) = self.0.split_first()?;
        // No tag of a certificate takes more than a byte.
        if tag & 0x1f == 0x1f {
            return None;
        }
        let (&first, rest) = rest.split_first()?;
        let (length, rest) = match first {
            0..=0x7f => (usize::from(first), rest),
            0x81..=0x84 => {
                let (bytes, rest) = rest.split_at_checked(usize::from(first & 0x7f))?;
                let length = bytes
                    .iter()
                    .fold(0, |length, byte| (length << 8) | usize::from(*byte));
                (length, rest)
            }
            _ => return None,
        };
        let (content, rest) = rest.split_at_checked(length)?;
        self.0 = rest;
        Some((tag, content))
    }

    /// The content of the next value, if it has this tag.
    fn inside(&mut self, wanted: u8) -> Option<Self> {
        let (tag, content) = self.next()?;
        (tag == wanted).then_some(Self(content))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use proptest::prelude::*;
    use rcgen::{CertificateParams, DnType, DnValue, KeyPair};

    use super::*;

    fn certificate(names: &[&str], change: impl Fn(&mut CertificateParams)) -> Vec<u8> {
        let names: Vec<_> = names.iter().map(|&name| name.to_owned()).collect();
        let mut params = CertificateParams::new(names).unwrap();
        change(&mut params);
        let key = KeyPair::generate().unwrap();
        params.self_signed(&key).unwrap().der().to_vec()
    }

    #[test]
    fn names_subject_and_issuer_are_read() {
        let der = certificate(
            &["harbor.example.com", "192.0.2.7", "2001:db8::7"],
            |params| {
                let name = &mut params.distinguished_name;
                name.push(DnType::CommonName, "仓库");
                name.push(
                    DnType::OrganizationName,
                    DnValue::Utf8String("Example".to_owned()),
                );
            },
        );
        let read = read(&der).unwrap();
        assert_eq!(
            read.names,
            ["harbor.example.com", "192.0.2.7", "2001:db8::7"]
        );
        assert!(read.issuer.contains("O=Example"), "{read:?}");
        assert!(read.subject.contains("CN=仓库"), "{read:?}");
    }

    #[test]
    fn many_names_are_counted_and_not_shown() {
        let names: Vec<_> = (0..300).map(|name| format!("{name}.example.com")).collect();
        let names: Vec<_> = names.iter().map(String::as_str).collect();
        let read = read(&certificate(&names, |_| {})).unwrap();
        assert_eq!(read.names.len(), NAMES + 1);
        assert_eq!(read.names.last().unwrap(), "+292");
    }

    #[test]
    fn a_certificate_that_is_cut_anywhere_is_none() {
        let der = certificate(&["harbor.example.com"], |_| {});
        for length in 0..der.len() {
            assert_eq!(read(&der[..length]), None);
        }
    }

    proptest! {
        #[test]
        fn whatever_the_bytes_what_is_read_is_bounded(bytes: Vec<u8>, place: usize, byte: u8) {
            let mut der = certificate(&["harbor.example.com"], |_| {});
            let place = place % der.len();
            der[place] = byte;
            for bytes in [&bytes, &der] {
                if let Some(read) = read(bytes) {
                    prop_assert!(read.names.len() <= NAMES + 1);
                    let room = NAMES * (LENGTH + 6);
                    prop_assert!(read.subject.chars().count() <= room);
                }
            }
        }
    }
}
