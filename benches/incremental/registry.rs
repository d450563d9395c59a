//! The simulated registries, and what happens in them.

use std::{cell::Cell, fmt, sync::Arc};

use registry_intake::{
    clock::{Clock, ManualClock},
    config::{IntegrationConfig, Protocol, RegistryType, RegistryVersion, Secret},
    connector::{RegistryConnector, connect},
    simulator::{
        HarborV2, Quay,
        harbor_v2::{self, Release},
        quay,
    },
};

const NAMESPACES: u64 = 50;
const IMAGES_PER_REPOSITORY: u64 = 10;

/// The rows of a page, of changes too.
const PAGE: u64 = 100;

/// What an incremental sync of a Harbor may ask beside its changes and their repositories.
const ALLOWANCE: u64 = 5;

/// A registry by the signal of its changes.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Server {
    Harbor(Release),
    Quay,
}

impl Server {
    pub(crate) const ALL: [Self; 4] = [
        Self::Harbor(Release::V2_15),
        Self::Harbor(Release::V2_12),
        Self::Harbor(Release::V2_9),
        Self::Quay,
    ];
}

impl fmt::Display for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Harbor(release) if *release >= Release::V2_15 => {
                write!(f, "Harbor {release}, by `update_time`")
            }
            Self::Harbor(release) => write!(f, "Harbor {release}, by its audit log"),
            Self::Quay => f.write_str("Quay, by `last_modified`"),
        }
    }
}

enum Simulated {
    Harbor(HarborV2),
    Quay(Quay),
}

/// A registry and the way to it.
pub(crate) struct Registry {
    simulated: Simulated,
    /// In order of their namespaces.
    repositories: Vec<String>,
    /// How many repositories were changed so far.
    changed: Cell<usize>,
}

impl Registry {
    pub(crate) async fn start(server: Server, images: u64) -> Self {
        let repositories = images / IMAGES_PER_REPOSITORY;
        // Later than all that happens in the registry.
        let later = "2026-06-01T00:00:00Z".parse().unwrap();
        let clock: Arc<dyn Clock> = Arc::new(ManualClock::jumping_at(later));
        let (simulated, mut repositories) = match server {
            Server::Harbor(release) => {
                let harbor = HarborV2::builder().release(release).clock(clock);
                let harbor = harbor.sized(NAMESPACES, repositories, images);
                let harbor = harbor.start().await.unwrap();
                let rows = harbor.listed().into_iter().map(|row| row.repository);
                let repositories: Vec<_> = rows.collect();
                (Simulated::Harbor(harbor), repositories)
            }
            Server::Quay => {
                let quay = Quay::builder().clock(clock);
                let quay = quay.sized(NAMESPACES, repositories, images);
                let quay = quay.start().await.unwrap();
                let organizations = quay.organizations().into_iter();
                let rows = organizations.flat_map(|name| quay.listed(&name));
                let repositories: Vec<_> = rows.map(|row| row.repository).collect();
                (Simulated::Quay(quay), repositories)
            }
        };
        repositories.dedup();
        Self {
            simulated,
            repositories,
            changed: Cell::new(0),
        }
    }

    /// Pushes so many new images, so many `each` to a repository, to repositories all over the
    /// registry that have not been changed yet. Returns how many that are.
    pub(crate) fn change(&self, changes: u64, each: u64) -> u64 {
        let (count, all) = (changes.div_ceil(each), self.repositories.len() as u64);
        let round = self.changed.replace(self.changed.get() + 1) as u64;
        let mut left = changes;
        for index in 0..count {
            let at = (index * all / count + round) % all;
            let path = &self.repositories[usize::try_from(at).unwrap()];
            for tag in 0..each.min(left) {
                self.push(path, &format!("new-{round}-{tag}"));
            }
            left = left.saturating_sub(each);
        }
        count
    }

    fn push(&self, path: &str, tag: &str) {
        match &self.simulated {
            Simulated::Harbor(harbor) => {
                let image = harbor_v2::Push::image().tag(tag);
                harbor.change(|contents| contents.push(path, image));
            }
            Simulated::Quay(quay) => {
                let image = quay::Push::image().tag(tag);
                quay.change(|contents| contents.push(path, image));
            }
        }
    }

    /// How often an incremental sync may ask. Quay's lists of repositories are in no order of
    /// their changes, so that all of them are read.
    pub(crate) fn allowed(&self, changes: u64, changed: u64) -> u64 {
        match &self.simulated {
            Simulated::Harbor(_) => changes.div_ceil(PAGE) + changed + ALLOWANCE,
            Simulated::Quay(_) => {
                let namespace = |path: &String| path.split_once('/').unwrap().0.to_owned();
                let of_namespaces = self
                    .repositories
                    .chunk_by(|one, other| namespace(one) == namespace(other));
                let pages = of_namespaces.map(|chunk| (chunk.len() as u64).div_ceil(PAGE));
                pages.sum::<u64>() + changed
            }
        }
    }

    /// Requests that were answered since the last question.
    pub(crate) fn answered(&self) -> u64 {
        let log = match &self.simulated {
            Simulated::Harbor(harbor) => harbor.log(),
            Simulated::Quay(quay) => quay.log(),
        };
        let answered = log.total();
        log.reset();
        answered
    }

    pub(crate) fn connector(&self) -> Arc<dyn RegistryConnector> {
        let config = IntegrationConfig::builder("bench")
            .version(RegistryVersion::V2)
            .protocol(Protocol::Http)
            .domain("127.0.0.1");
        let config = match &self.simulated {
            Simulated::Harbor(harbor) => config
                .registry_type(RegistryType::Harbor)
                .port(harbor.address().port())
                .username(HarborV2::USERNAME)
                .password(Secret::new(HarborV2::PASSWORD)),
            Simulated::Quay(quay) => {
                let config = config
                    .registry_type(RegistryType::Quay)
                    .port(quay.address().port());
                let organizations = quay.organizations().into_iter();
                organizations.fold(config, |config, name| {
                    config.namespace(name, Secret::new(Quay::AUTH_TOKEN))
                })
            }
        };
        connect(&config.build().unwrap()).unwrap()
    }
}
