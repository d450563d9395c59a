use serde::de::DeserializeOwned;

use super::{
    api::tags_path,
    listing::V1Listing,
    manifests::Manifests,
    wire::{NameWire, RepositoryWire, TagWire},
};
use crate::{
    connector::harbor::answers::refusal,
    error::{IntegrationError, NetworkPhase, Step, Violation},
    image::{Cursor, Entry, EntryPage, Next, RepositoryName},
};

/// How many tags are asked for at once with their details, which a server needs some 8 ms each to
/// find out before it says a word (2.3 s for 276, measured on a 1.10).
const AT_ONCE: u64 = 1000;

/// How many tags make a page where they are asked for one by one.
const PORTION: usize = 100;

impl V1Listing {
    /// The tags of a repository: all at once, or by name where there are too many for that.
    pub(super) async fn tags(
        &self,
        repository: &RepositoryName,
        after: Option<&Cursor>,
    ) -> Result<EntryPage, IntegrationError> {
        let count = self.projects.tags_of(repository);
        if after.is_some() || count.is_some_and(|count| count > AT_ONCE) {
            return self.tags_by_name(repository, after).await;
        }
        match self.all_tags(repository).await {
            Err(IntegrationError::NetworkConnectError {
                phase: NetworkPhase::ResponseTimeout,
                ..
            }) => self.tags_by_name(repository, None).await,
            page => page,
        }
    }

    async fn all_tags(&self, repository: &RepositoryName) -> Result<EntryPage, IntegrationError> {
        let rows: Vec<TagWire> = self.ask_for_tags(repository, &[]).await?;
        let mut manifests = Manifests::new(&self.api, repository);
        let mut entries = Vec::with_capacity(rows.len());
        for row in rows {
            entries.extend(manifests.of(row).await?.map(Entry::Tag));
        }
        Ok(EntryPage {
            entries,
            settled: false,
            next: Next::End,
        })
    }

    /// The tags whose names come next. The names alone cost a hundredth of the details; a tag that is
    /// set or deleted meanwhile moves no other.
    async fn tags_by_name(
        &self,
        repository: &RepositoryName,
        after: Option<&Cursor>,
    ) -> Result<EntryPage, IntegrationError> {
        let query = [("detail", "false")];
        let rows: Vec<NameWire> = self.ask_for_tags(repository, &query).await?;
        let mut names: Vec<_> = rows.into_iter().map(|row| row.name).collect();
        names.retain(|name| after.is_none_or(|after| name.as_str() > after.as_str()));
        names.sort_unstable();
        let has_more = names.len() > PORTION;
        names.truncate(PORTION);
        let mut manifests = Manifests::new(&self.api, repository);
        let mut entries = Vec::with_capacity(names.len());
        for name in &names {
            if let Some(row) = self.api.tag(repository, name).await? {
                entries.extend(manifests.of(row).await?.map(Entry::Tag));
            }
        }
        let last = names.last().filter(|_| has_more);
        Ok(EntryPage {
            entries,
            settled: false,
            next: last.map_or(Next::End, |last| Next::Page(Cursor::new(last.as_str()))),
        })
    }

    async fn ask_for_tags<T: DeserializeOwned>(
        &self,
        repository: &RepositoryName,
        query: &[(&str, &str)],
    ) -> Result<Vec<T>, IntegrationError> {
        let path = tags_path(repository);
        let answer = self.api.get(Step::Listing, &path, query).await?;
        if answer.status() != 200 {
            return Err(refusal(&answer, self.identity));
        }
        let rows: Vec<T> = answer.json::<Option<_>>()?.unwrap_or_default();
        if rows.is_empty() && self.has_tags(repository).await? {
            return Err(answer.violation(Violation::Body));
        }
        Ok(rows)
    }

    /// Whether a repository still has the tags that it had when the lists were read. A repository
    /// that does not exist has an empty list of tags, and so has one whose registry cannot find it.
    async fn has_tags(&self, repository: &RepositoryName) -> Result<bool, IntegrationError> {
        let had_tags = self.projects.tags_of(repository).unwrap_or_default() > 0;
        let project = self.projects.id(repository.namespace());
        let Some(id) = project.filter(|_| had_tags) else {
            return Ok(false);
        };
        let id = id.to_string();
        let query = [("project_id", id.as_str()), ("q", repository.as_str())];
        let rows = self
            .api
            .all::<RepositoryWire>("/repositories", &query, self.identity)
            .await?;
        let mut rows = rows.iter();
        Ok(rows.any(|row| row.name == *repository && row.tags_count > 0))
    }
}
