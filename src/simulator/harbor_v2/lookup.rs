use std::{borrow::Cow, time::Duration};

use super::{
    contents::{BEGINNING, Contents},
    push::Kind,
    records::{Artifact, ProjectRecord, Repository, Tag},
    release::Release,
};
use crate::{
    clock::Timestamp,
    simulator::{
        Platform,
        made_up::{digest_of, id_in, size_of},
        rows::Rows,
        sized::Even,
    },
};

impl Contents {
    /// What the lists of these repositories page through.
    pub(super) fn rows<'a>(
        &self,
        repositories: impl IntoIterator<Item = &'a Repository>,
        release: Release,
    ) -> Rows {
        let mut rows = Rows::default();
        for repository in repositories {
            rows.add_range(repository.generated.clone(), &repository.gone);
            for id in &repository.stored {
                let Some(artifact) = self.artifacts.get(id) else {
                    continue;
                };
                if artifact.takes_a_row(release) {
                    rows.add(*id);
                } else if release.filters_after_paging() && artifact.kind == Kind::Signature {
                    rows.add_hidden(*id);
                }
            }
        }
        rows.settle();
        rows
    }

    pub(super) fn project_named(&self, name: &str) -> Option<&ProjectRecord> {
        self.projects.values().find(|project| project.name == name)
    }

    pub(super) fn repository_at(&self, path: &str) -> Option<&Repository> {
        self.repositories.get(self.by_path.get(path)?)
    }

    /// The repository that holds this artifact, deleted or not.
    pub(super) fn home_of(&self, id: u64) -> Option<u64> {
        self.artifacts
            .get(&id)
            .map(|artifact| artifact.repository)
            .or_else(|| self.even.repository_of(id))
    }

    pub(super) fn artifact(&self, repository: u64, id: u64) -> Option<Cow<'_, Artifact>> {
        if let Some(artifact) = self.artifacts.get(&id) {
            return (artifact.repository == repository).then_some(Cow::Borrowed(artifact));
        }
        let home = self.repositories.get(&repository)?;
        (home.generated.contains(&id) && !home.gone.contains(&id))
            .then(|| Cow::Owned(self.generated(home, id)))
    }

    /// By tag or by digest.
    pub(super) fn find(
        &self,
        repository: &Repository,
        reference: &str,
    ) -> Option<Cow<'_, Artifact>> {
        let id = if reference.contains(':') {
            self.id_of_digest(repository.id, reference)
        } else {
            self.id_of_tag(repository, reference)
        }?;
        self.artifact(repository.id, id)
    }

    /// In alphabetical order, accessories' tags included.
    pub(super) fn tags_of(&self, repository: &Repository) -> Vec<String> {
        let generated = repository.generated.clone();
        let mut tags: Vec<_> = generated
            .filter(|id| !repository.gone.contains(id))
            .map(|id| Even::tag(id - repository.generated.start))
            .chain(repository.tags.keys().cloned())
            .collect();
        tags.sort();
        tags
    }

    pub(super) fn has_tags(&self, repository: &Repository) -> bool {
        let mut generated = repository.generated.clone();
        !repository.tags.is_empty() || generated.any(|id| !repository.gone.contains(&id))
    }

    pub(super) fn accessories_of(&self, artifact: &Artifact) -> Vec<&Artifact> {
        let home = self.repositories.get(&artifact.repository);
        home.into_iter()
            .flat_map(|home| &home.stored)
            .filter_map(|id| self.artifacts.get(id))
            .filter(|other| other.subject.as_ref() == Some(&artifact.digest))
            .collect()
    }

    fn generated(&self, home: &Repository, id: u64) -> Artifact {
        let pushed = self.generated_at(id);
        Artifact {
            id,
            repository: home.id,
            digest: digest_of(id),
            kind: Kind::Image,
            docker: id.is_multiple_of(2),
            platform: Platform::default(),
            artifact_type: None,
            pushed,
            size: size_of(id),
            tags: vec![Tag {
                id,
                name: Even::tag(id - home.generated.start),
                pushed,
            }],
            references: Vec::new(),
            subject: None,
            parents: 0,
        }
    }

    pub(super) fn generated_at(&self, id: u64) -> Timestamp {
        // The projects and repositories took a second each before.
        let before = self.even.namespaces + self.even.repositories;
        BEGINNING.saturating_add(Duration::from_secs(before + id))
    }

    pub(super) fn locate(&self, path: &str, digest: &str) -> Option<(u64, u64)> {
        let repository = *self.by_path.get(path)?;
        Some((repository, self.id_of_digest(repository, digest)?))
    }

    pub(super) fn id_of_digest(&self, repository: u64, digest: &str) -> Option<u64> {
        let guess = id_in(digest).filter(|id| {
            self.artifact(repository, *id)
                .is_some_and(|artifact| artifact.digest == digest)
        });
        let home = self.repositories.get(&repository)?;
        guess.or_else(|| {
            home.stored
                .iter()
                .copied()
                .find(|id| self.artifacts.get(id).is_some_and(|it| it.digest == digest))
        })
    }

    pub(super) fn id_of_tag(&self, home: &Repository, name: &str) -> Option<u64> {
        let generated = Even::index_of_tag(name)
            .map(|index| home.generated.start + index)
            .filter(|id| home.generated.contains(id) && !home.gone.contains(id));
        home.tags.get(name).copied().or(generated)
    }
}
