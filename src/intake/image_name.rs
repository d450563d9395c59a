use super::IntakeError;
use crate::image::{Reference, RepositoryName};

/// An image as people name it: `host[:port]/repository[:tag][@digest]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ImageName {
    /// In lower case, without the brackets of an IPv6 address.
    pub(super) host: String,
    pub(super) port: Option<u16>,
    pub(super) repository: RepositoryName,
    pub(super) reference: Reference,
}

impl ImageName {
    /// Reads a name. Without tag and digest it is the tag `latest`, as for every client of a
    /// registry; with both it is the digest.
    pub(super) fn parse(text: &str) -> Result<Self, IntakeError> {
        Self::read(text).ok_or_else(|| IntakeError::NoImageName {
            text: text.to_owned(),
        })
    }

    /// Host and port as they were named.
    pub(super) fn authority(&self) -> String {
        match self.port {
            Some(port) => format!("{}:{port}", self.host),
            None => self.host.clone(),
        }
    }

    fn read(text: &str) -> Option<Self> {
        let (authority, rest) = text.split_once('/')?;
        let (host, port) = read_authority(authority)?;
        let (path, digest) = match rest.split_once('@') {
            Some((path, digest)) => (path, Some(digest)),
            None => (rest, None),
        };
        let (path, tag) = match path.rsplit_once(':') {
            Some((path, tag)) => (path, Some(tag)),
            None => (path, None),
        };
        let reference = match (digest, tag) {
            (Some(digest), _) => Reference::Digest(digest.parse().ok()?),
            (None, tag) => Reference::Tag(tag.unwrap_or("latest").parse().ok()?),
        };
        Some(Self {
            host,
            port,
            repository: path.parse().ok()?,
            reference,
        })
    }
}

fn read_authority(authority: &str) -> Option<(String, Option<u16>)> {
    let (host, port) = match authority.strip_prefix('[') {
        Some(rest) => {
            let (host, port) = rest.split_once(']')?;
            (host, port.strip_prefix(':'))
        }
        None => match authority.split_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (authority, None),
        },
    };
    let port = port.map(str::parse).transpose().ok()?;
    (!host.is_empty()).then(|| (host.to_ascii_lowercase(), port))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    const DIGEST: &str = "sha256:09d636b0036b242693f593921c2df4ed34f38ff58e91bb1651995f704761ff69";

    #[test]
    fn host_port_repository_and_what_is_meant_in_it_are_told_apart() {
        for (text, host, port, repository, reference) in [
            (
                "harbor.example.com/library/nginx:1.27",
                "harbor.example.com",
                None,
                "library/nginx",
                "1.27",
            ),
            (
                "Harbor.Example.com:8443/a/b/c",
                "harbor.example.com",
                Some(8443),
                "a/b/c",
                "latest",
            ),
            ("[::1]:5000/a/b:v1", "::1", Some(5000), "a/b", "v1"),
            ("[::1]/a/b:v1", "::1", None, "a/b", "v1"),
        ] {
            let name = ImageName::parse(text).unwrap();
            assert_eq!((name.host.as_str(), name.port), (host, port), "{text}");
            assert_eq!(name.repository.as_str(), repository);
            assert_eq!(name.reference.to_string(), reference);
        }
    }

    #[test]
    fn a_digest_is_meant_also_where_a_tag_stands_before_it() {
        for text in [
            format!("h.io/a/b@{DIGEST}"),
            format!("h.io/a/b:v1@{DIGEST}"),
        ] {
            let name = ImageName::parse(&text).unwrap();
            assert_eq!(name.reference, Reference::Digest(DIGEST.parse().unwrap()));
            assert_eq!(name.repository.as_str(), "a/b");
        }
    }

    #[test]
    fn what_names_no_image_is_refused_with_the_form_that_does() {
        for text in [
            "",
            "nginx",
            "/a/b:v1",
            "h.io/",
            "h.io/a/b:",
            "h.io/a/b:a b",
            "h.io:port/a/b",
            "h.io:70000/a/b",
            "h.io/a/b@sha256:12",
            "[::1/a/b",
        ] {
            let error = ImageName::parse(text).unwrap_err();
            assert!(
                error.to_string().contains("host/repository:tag"),
                "{text}: {error}"
            );
        }
    }
}
