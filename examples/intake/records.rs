//! How images are written, wherever they come from.

use std::io::{self, Write};

use registry_intake::{
    clock::Timestamp,
    image::{Image, ImageKind, Platform},
    inventory::ImageState,
};
use serde::Serialize;

#[derive(Serialize)]
pub(crate) struct ImageRecord<'a> {
    repository: &'a str,
    digest: &'a str,
    tags: Vec<&'a str>,
    /// Of a stored image alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    state: Option<ImageState>,
    kind: ImageKind,
    media_type: Option<&'a str>,
    size: Option<u64>,
    platforms: Vec<String>,
    pushed_at: Option<Timestamp>,
}

impl<'a> From<&'a Image> for ImageRecord<'a> {
    fn from(image: &'a Image) -> Self {
        Self {
            repository: image.repository.as_str(),
            digest: image.digest.as_str(),
            tags: image.tags.iter().map(|tag| tag.name.as_str()).collect(),
            state: None,
            kind: image.kind,
            media_type: image.media_type.as_deref(),
            size: image.size,
            platforms: image.platforms.iter().map(platform).collect(),
            pushed_at: image.pushed_at,
        }
    }
}

impl ImageRecord<'_> {
    pub(crate) fn in_state(self, state: ImageState) -> Self {
        Self {
            state: Some(state),
            ..self
        }
    }

    /// Aligned columns, then what has no common width.
    pub(crate) fn text(&self, to: &mut Vec<u8>) -> io::Result<()> {
        if let Some(state) = self.state {
            write!(to, "{:<8}  ", state.as_str())?;
        }
        write!(
            to,
            "{}  {:<7} {:>9}  {}",
            short(self.digest),
            self.kind.as_str(),
            self.size.map_or_else(|| "-".to_owned(), bytes),
            self.repository
        )?;
        match self.tags.as_slice() {
            [] => write!(to, "  (untagged)")?,
            tags => write!(to, ":{}", tags.join(","))?,
        }
        if !self.platforms.is_empty() {
            write!(to, "  {}", self.platforms.join(" "))?;
        }
        writeln!(to)
    }
}

/// `os/architecture/variant`, the system's version in brackets behind its name: the notation of
/// containerd.
fn platform(platform: &Platform) -> String {
    match &platform.os_version {
        Some(version) => {
            let text = platform.to_string();
            let rest = text.strip_prefix(&platform.os).unwrap_or_default();
            format!("{}({version}){rest}", platform.os)
        }
        None => platform.to_string(),
    }
}

/// The first twelve hexadecimal digits.
pub(crate) fn short(digest: &str) -> &str {
    let hex = digest.split_once(':').map_or(digest, |(_, hex)| hex);
    hex.get(..12).unwrap_or(hex)
}

/// For people, who do not read nanoseconds.
pub(crate) fn to_the_second(time: Timestamp) -> Timestamp {
    const SECOND: i64 = 1_000_000_000;
    Timestamp::from_unix_nanos(time.as_unix_nanos().div_euclid(SECOND) * SECOND)
}

fn bytes(size: u64) -> String {
    indicatif::DecimalBytes(size).to_string()
}
