/// How a server tells what has changed, where that is known to be true.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Signal {
    /// `update_time` of its repositories follows pushes, moves and deletions of tags and artifacts.
    UpdateTime,
    /// The audit log at this path has a row for every push and every tag set.
    AuditLog(&'static str),
}

/// Since when `update_time` follows pushes.
const FOLLOWS_PUSHES: Version = (2, 15, 2);

/// The audit logs that were recorded or read in the source, by the first version that has them.
const LOGS: [(Version, &str); 2] = [((2, 13, 0), "/auditlog-exts"), ((2, 5, 0), "/audit-logs")];

/// These write no row where the digest of a push is known already.
const FORGETFUL: [Version; 3] = [(2, 11, 1), (2, 11, 2), (2, 12, 0)];

type Version = (u32, u32, u32);

impl Signal {
    /// That of the version that the server states: `v2.15.2-080b0220`. A build that is no commit's,
    /// such as a release candidate, may be any code.
    pub(super) fn of(version: &str) -> Option<Self> {
        let version = released(version)?;
        if version >= FOLLOWS_PUSHES {
            return Some(Self::UpdateTime);
        }
        let log = LOGS.into_iter().find(|(since, _)| version >= *since);
        log.filter(|_| !FORGETFUL.contains(&version))
            .map(|(_, path)| Self::AuditLog(path))
    }
}

fn released(version: &str) -> Option<Version> {
    let version = version.strip_prefix('v')?;
    let (numbers, commit) = version
        .split_once('-')
        .map_or((version, None), |(numbers, commit)| (numbers, Some(commit)));
    let is_commit = |text: &str| text.len() >= 7 && text.bytes().all(|it| it.is_ascii_hexdigit());
    let mut numbers = numbers.split('.').map(|number| number.parse().ok());
    let version = (numbers.next()??, numbers.next()??, numbers.next()??);
    (numbers.next().is_none() && commit.is_none_or(is_commit)).then_some(version)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_versions_known_to_tell_the_truth_are_believed() {
        let (old, new) = (
            Some(Signal::AuditLog("/audit-logs")),
            Some(Signal::AuditLog("/auditlog-exts")),
        );
        for (version, signal) in [
            ("v2.0.6-0abcdef1", None),
            ("v2.4.3", None),
            ("v2.5.0-9b0ac301", old),
            ("v2.10.3-b8a0c3d1", old),
            ("v2.11.0-b2a8d6e1", old),
            ("v2.11.1-b2a8d6e1", None),
            ("v2.11.2-35f09d55", None),
            ("v2.12.0-6b4981d4", None),
            ("v2.12.1-6b4981d4", old),
            ("v2.13.0-6b4981d4", new),
            ("v2.14.9-6b4981d4", new),
            ("v2.15.1-080b0220", new),
            ("v2.15.2-080b0220", Some(Signal::UpdateTime)),
            ("v3.0.0", Some(Signal::UpdateTime)),
            ("v2.15.2-rc1-080b0220", None),
            ("v2.15-080b0220", None),
            ("v2.15.2.1", None),
            ("2.15.2", None),
            ("dev", None),
            ("", None),
        ] {
            assert_eq!(Signal::of(version), signal, "{version}");
        }
    }
}
