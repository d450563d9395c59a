use std::borrow::Cow;

use super::{
    Asked,
    account::Permission,
    artifact_row::Flags,
    query::{Pattern, Query, Style, directed},
    records::{Artifact, Repository},
    refusal::Refusal,
};
use crate::simulator::{exchange::Answer, rows::Rows};

const SORT_KEYS: &[&str] = &[
    "id",
    "push_time",
    "pull_time",
    "digest",
    "size",
    "type",
    "media_type",
    "repository_name",
];

impl Asked<'_> {
    /// `GET /projects/NAME/repositories/NAME/artifacts`
    pub(super) fn list_artifacts(&self, project: &str, name: &str) -> Result<Answer, Refusal> {
        let project = match self.project_by_name(project) {
            // An administrator is told nothing of the missing project.
            Err(Refusal::NoProject(_)) => return self.artifact_list(&[]),
            found => found?,
        };
        self.viewer.may(Permission::ArtifactList, project)?;
        match self.repository(&project.name, name) {
            Ok(repository) => self.artifact_list(&[repository]),
            Err(_) => self.artifact_list(&[]),
        }
    }

    /// `GET /projects/NAME_OR_ID/artifacts`: needs an account even where the project is public.
    pub(super) fn list_artifacts_of_project(&self, project: &str) -> Result<Answer, Refusal> {
        if self.viewer.account.is_none() {
            return Err(Refusal::Unauthorized);
        }
        let project = self.project_by_name_or_id(project)?;
        self.viewer.may(Permission::ArtifactList, project)?;
        let repositories: Vec<_> = project
            .repositories
            .iter()
            .filter_map(|id| self.contents.repositories.get(id))
            .collect();
        self.artifact_list(&repositories)
    }

    /// `GET /projects/NAME/repositories/NAME/artifacts/REFERENCE`
    pub(super) fn get_artifact(
        &self,
        project: &str,
        name: &str,
        reference: &str,
    ) -> Result<Answer, Refusal> {
        let project = self.project_by_name(project)?;
        self.viewer.may(Permission::ArtifactRead, project)?;
        let repository = self.repository(&project.name, name)?;
        let artifact = self
            .contents
            .find(repository, reference)
            .ok_or_else(|| Refusal::NoArtifact(repository.path.clone(), reference.to_owned()))?;
        let query = Query::parse(self.request, self.release(), Style::Usual)?;
        let row = self.artifact_row(repository, &artifact, &Flags::of(&query));
        Ok(Answer::json(200, "application/json", &row))
    }

    fn artifact_list(&self, repositories: &[&Repository]) -> Result<Answer, Refusal> {
        let query = Query::parse(self.request, self.release(), Style::Usual)?;
        let mut rows = self
            .contents
            .rows(repositories.iter().copied(), self.release());
        let is_plain = clip_by_id(&mut rows, &query)?
            && query
                .sort(SORT_KEYS)
                .all(|(key, _)| matches!(key, "id" | "push_time"));
        let (page, total) = if is_plain {
            let descending = query.sort(SORT_KEYS).next().is_none_or(|(_, it)| it);
            let page = rows.page(descending, query.offset(), query.limit());
            (page, rows.total())
        } else {
            self.searched(&rows, &query)?
        };
        let flags = Flags::of(&query);
        let listed = page.into_iter().filter_map(|id| {
            let (home, artifact) = self.artifact(id)?;
            Some(self.artifact_row(home, &artifact, &flags))
        });
        let listed: Vec<_> = listed.collect();
        let answer = Answer::json(200, "application/json", &listed);
        Ok(query.paged(answer, &self.request.path, total, Style::Usual))
    }

    /// The page and the total where more than ids decides, so that every row must be looked at.
    fn searched(&self, rows: &Rows, query: &Query) -> Result<(Vec<u64>, u64), Refusal> {
        let mut found = Vec::new();
        for id in rows.ids() {
            if let Some((home, artifact)) = self.artifact(id)
                && self.artifact_matches(home, &artifact, query)?
            {
                found.push((home, artifact));
            }
        }
        found.sort_by(|(home_a, a), (home_b, b)| {
            query
                .sort(SORT_KEYS)
                .map(|(key, reversed)| {
                    let ordering = match key {
                        "digest" => a.digest.cmp(&b.digest),
                        "size" => a.size.cmp(&b.size),
                        "type" => a.type_name().cmp(&b.type_name()),
                        "media_type" => a.media_type().cmp(b.media_type()),
                        "repository_name" => home_a.path.cmp(&home_b.path),
                        "pull_time" => std::cmp::Ordering::Equal,
                        _ => a.id.cmp(&b.id),
                    };
                    directed(ordering, reversed)
                })
                .find(|ordering| ordering.is_ne())
                .unwrap_or_else(|| b.id.cmp(&a.id))
        });
        let ids: Vec<_> = found.iter().map(|(_, artifact)| artifact.id).collect();
        let total = ids.iter().filter(|id| !rows.is_hidden(**id)).count();
        let mut page = query.page(&ids).to_vec();
        page.retain(|id| !rows.is_hidden(*id));
        Ok((page, total as u64))
    }

    fn artifact(&self, id: u64) -> Option<(&Repository, Cow<'_, Artifact>)> {
        let home = self
            .contents
            .repositories
            .get(&self.contents.home_of(id)?)?;
        Some((home, self.contents.artifact(home.id, id)?))
    }

    fn artifact_matches(
        &self,
        home: &Repository,
        artifact: &Artifact,
        query: &Query,
    ) -> Result<bool, Refusal> {
        for (key, pattern) in query.filters() {
            let holds = match key.as_str() {
                "tags" => tags_match(artifact, pattern),
                "push_time" => pattern.holds_time(artifact.pushed)?,
                "digest" => pattern.holds_text(&artifact.digest),
                "type" => pattern.holds_text(&artifact.type_name()),
                "media_type" => pattern.holds_text(artifact.media_type()),
                "manifest_media_type" => pattern.holds_text(artifact.manifest_media_type()),
                "artifact_type" => pattern.holds_text(artifact.artifact_type()),
                "repository_id" => pattern.holds_number(home.id)?,
                "repository_name" => pattern.holds_text(&home.path),
                _ => true,
            };
            if !holds {
                return Ok(false);
            }
        }
        Ok(true)
    }
}

/// Applies the bounds on the id, and says whether there is no filter besides.
fn clip_by_id(rows: &mut Rows, query: &Query) -> Result<bool, Refusal> {
    let mut is_alone = true;
    for (key, pattern) in query.filters() {
        match key.as_str() {
            "id" => {
                let (first, last) = pattern.bounds()?;
                rows.clip(first, last);
            }
            "tags"
            | "push_time"
            | "digest"
            | "type"
            | "media_type"
            | "manifest_media_type"
            | "artifact_type"
            | "repository_id"
            | "repository_name" => is_alone = false,
            // Unknown keys are ignored in silence.
            _ => {}
        }
    }
    Ok(is_alone)
}

fn tags_match(artifact: &Artifact, pattern: &Pattern) -> bool {
    match pattern {
        Pattern::Exactly(all) if all == "*" => !artifact.tags.is_empty(),
        Pattern::Exactly(none) if none == "nil" => artifact.tags.is_empty(),
        pattern => artifact
            .tags
            .iter()
            .any(|tag| pattern.holds_text(&tag.name)),
    }
}
