//! The registries that change, as their simulators hold them.

use std::{collections::BTreeSet, sync::Arc};

use registry_intake::{
    clock::Clock,
    connector::RegistryConnector,
    simulator::{
        Faults, HarborV2, Quay, RequestLog,
        harbor_v2::{self, Project, Release},
        quay::{self, Organization},
    },
};

use super::{Change, NAMESPACES, digest, namespace, path, tag, tally::Tally};
use crate::{
    harbor_v2::{as_admin, as_robot, connector},
    quay::as_owner,
};

/// Repository, digest and tags.
pub(super) type Shown = (String, String, Vec<String>);

/// Whose images they are, and as whom they are listed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Subject {
    HarborForAdministrator,
    HarborForRobot,
    Quay,
}

pub(super) enum Registry {
    Harbor(HarborV2),
    Quay(Quay),
}

impl Registry {
    pub(super) async fn empty(subject: Subject, clock: Arc<dyn Clock>) -> Self {
        if subject == Subject::Quay {
            let mut contents = quay::Contents::empty();
            for number in 0..NAMESPACES {
                contents.create_organization(Organization::new(&namespace(number)));
            }
            let quay = Quay::builder().contents(contents).clock(clock);
            return Self::Quay(quay.start().await.unwrap());
        }
        Self::harbor(Release::V2_15, harbor_v2::Contents::empty(), clock).await
    }

    async fn harbor(
        release: Release,
        contents: harbor_v2::Contents,
        clock: Arc<dyn Clock>,
    ) -> Self {
        let builder = HarborV2::builder().release(release).contents(contents);
        Self::Harbor(builder.clock(clock).start().await.unwrap())
    }

    /// The same contents at another address; a Harbor as another release.
    pub(super) async fn moved(&self, release: Release, clock: Arc<dyn Clock>) -> Self {
        match self {
            Self::Harbor(harbor) => {
                let contents = harbor.change(|contents| contents.clone());
                Self::harbor(release, contents, clock).await
            }
            Self::Quay(quay) => {
                let contents = quay.change(|contents| contents.clone());
                let quay = Quay::builder().contents(contents).clock(clock);
                Self::Quay(quay.start().await.unwrap())
            }
        }
    }

    pub(super) fn connector(
        &self,
        subject: Subject,
        clock: &Arc<dyn Clock>,
    ) -> Arc<dyn RegistryConnector> {
        let config = match self {
            Self::Harbor(harbor) if subject == Subject::HarborForRobot => as_robot(harbor),
            Self::Harbor(harbor) => as_admin(harbor),
            Self::Quay(quay) => as_owner(quay),
        };
        connector(config, clock)
    }

    /// How it is listed: by which scope.
    pub(super) fn strategy(&self) -> &'static str {
        match self {
            Self::Harbor(harbor) if harbor.release() >= Release::V2_11 => "by project",
            Self::Harbor(_) => "by repository",
            Self::Quay(_) => "by organisation",
        }
    }

    pub(super) fn faults(&self) -> &Faults {
        match self {
            Self::Harbor(harbor) => harbor.faults(),
            Self::Quay(quay) => quay.faults(),
        }
    }

    pub(super) fn log(&self) -> &RequestLog {
        match self {
            Self::Harbor(harbor) => harbor.log(),
            Self::Quay(quay) => quay.log(),
        }
    }

    /// Part of the addresses of lists that are proved or read twice. That something is missing from
    /// another list, whose total agrees, nobody can tell.
    pub(super) const fn proved_list(&self) -> &'static str {
        match self {
            Self::Harbor(_) => "_id",
            Self::Quay(_) => "/api/v1/repository?",
        }
    }

    pub(super) fn change(&self, change: &Change, tally: &Tally) {
        match self {
            Self::Harbor(harbor) => harbor.change(|contents| make(contents, change, tally)),
            Self::Quay(quay) => quay.change(|contents| make(contents, change, tally)),
        }
    }

    /// Makes the change before the request of this number.
    pub(super) fn change_before(&self, due: u64, change: Change, tally: Arc<Tally>) {
        match self {
            Self::Harbor(harbor) => harbor.before_request(move |number, _, contents| {
                if number == due {
                    make(contents, &change, &tally);
                }
            }),
            Self::Quay(quay) => quay.before_request(move |number, _, contents| {
                if number == due {
                    make(contents, &change, &tally);
                }
            }),
        }
    }

    pub(super) fn rest(&self) {
        match self {
            Self::Harbor(harbor) => harbor.before_request(|_, _, _| {}),
            Self::Quay(quay) => quay.before_request(|_, _, _| {}),
        }
    }

    pub(super) fn shown(&self) -> BTreeSet<Shown> {
        match self {
            Self::Harbor(harbor) => harbor.change(|contents| contents.shown()),
            Self::Quay(quay) => quay.change(|contents| contents.shown()),
        }
    }
}

fn make(contents: &mut impl Contents, change: &Change, tally: &Tally) {
    let before = contents.shown();
    contents.make(change);
    tally.changed(&before, &contents.shown());
}

trait Contents {
    fn make(&mut self, change: &Change);
    fn shown(&self) -> BTreeSet<Shown>;
}

impl Contents for harbor_v2::Contents {
    fn make(&mut self, change: &Change) {
        match *change {
            Change::Push {
                repository,
                image,
                tag: number,
            } => {
                self.create_project(Project::private(&namespace(repository)));
                let push = harbor_v2::Push::image().digest(&digest(image));
                self.push(&path(repository), push.tag(&tag(number)));
            }
            Change::Untag {
                repository,
                tag: number,
            } => {
                self.delete_tag(&path(repository), &tag(number));
            }
            Change::Delete { repository, image } => {
                self.delete_artifact(&path(repository), &digest(image));
            }
            Change::DeleteRepository(repository) => {
                self.delete_repository(&path(repository));
            }
            Change::DeleteNamespace(number) => {
                self.delete_project(&namespace(number));
            }
        }
    }

    fn shown(&self) -> BTreeSet<Shown> {
        // All that is pushed here shows itself in every release alike.
        let rows = self.listed(Release::V2_15).into_iter();
        rows.map(|row| (row.repository, row.digest, row.tags))
            .collect()
    }
}

/// An organisation is configured, so it stays; a manifest without a tag is not shown.
impl Contents for quay::Contents {
    fn make(&mut self, change: &Change) {
        match *change {
            Change::Push {
                repository,
                image,
                tag: number,
            } => {
                let push = quay::Push::image().digest(&digest(image));
                self.push(&path(repository), push.tag(&tag(number)));
            }
            Change::Untag {
                repository,
                tag: number,
            } => {
                self.delete_tag(&path(repository), &tag(number));
            }
            Change::Delete { repository, image } => {
                for (at, found, tags) in self.shown() {
                    if at == path(repository) && found == digest(image) {
                        for tag in tags {
                            self.delete_tag(&at, &tag);
                        }
                    }
                }
            }
            Change::DeleteRepository(repository) => {
                self.delete_repository(&path(repository));
            }
            Change::DeleteNamespace(number) => {
                for (repository, _, _) in self.shown() {
                    if repository.starts_with(&namespace(number)) {
                        self.delete_repository(&repository);
                    }
                }
            }
        }
    }

    fn shown(&self) -> BTreeSet<Shown> {
        let organizations = (0..NAMESPACES).map(namespace);
        let rows = organizations.flat_map(|name| self.listed(&name, self.last_change()));
        rows.map(|row| (row.repository, row.digest, row.tags))
            .collect()
    }
}
