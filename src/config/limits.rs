use super::{fault::Faults, read::TableReader};

/// How much of an answer is read, in bytes, after decompression.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct SizeLimits {
    /// Of a page of a list, and of any other answer that is none of those below. By default 64 MiB.
    pub page: usize,
    /// Of an image's manifest or index. By default 8 MiB; the distribution specification has registries
    /// take 4 MiB.
    pub manifest: usize,
    /// Of an answer that tells of an error; what comes behind is not read. By default 64 KiB.
    pub error_body: usize,
}

impl SizeLimits {
    /// The least that each may be set to, in bytes.
    pub const LEAST: usize = 1 << 10;
    /// The most that each may be set to, in bytes.
    pub const MOST: usize = 1 << 30;
}

impl Default for SizeLimits {
    fn default() -> Self {
        Self {
            page: 64 << 20,
            manifest: 8 << 20,
            error_body: 64 << 10,
        }
    }
}

/// What stands in the configuration for [`SizeLimits`], before it is judged.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct LimitsDraft {
    pub(super) page: Option<i128>,
    pub(super) manifest: Option<i128>,
    pub(super) error_body: Option<i128>,
}

impl LimitsDraft {
    pub(super) fn read(reader: &mut TableReader<'_>) -> Self {
        Self {
            page: reader.integer("page"),
            manifest: reader.integer("manifest"),
            error_body: reader.integer("error_body"),
        }
    }

    pub(super) const fn of(limits: &SizeLimits) -> Self {
        Self {
            page: Some(limits.page as i128),
            manifest: Some(limits.manifest as i128),
            error_body: Some(limits.error_body as i128),
        }
    }

    pub(super) fn limits(self, faults: &mut Faults) -> SizeLimits {
        let default = SizeLimits::default();
        let mut limit = |field, given: Option<i128>, default| match given {
            Some(bytes) => {
                let range = SizeLimits::LEAST..=SizeLimits::MOST;
                super::validate::in_range(faults, field, bytes, range).unwrap_or(default)
            }
            None => default,
        };
        SizeLimits {
            page: limit("limits.page", self.page, default.page),
            manifest: limit("limits.manifest", self.manifest, default.manifest),
            error_body: limit("limits.error_body", self.error_body, default.error_body),
        }
    }
}
