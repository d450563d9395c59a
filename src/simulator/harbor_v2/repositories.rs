use serde::Serialize;

use super::{
    Asked,
    account::Permission,
    query::{Query, Style, directed},
    records::Repository,
    refusal::Refusal,
    stamp,
};
use crate::{clock::Timestamp, simulator::exchange::Answer};

/// Columns, or fields of the Go struct. `id`, though the rows call it that, is neither.
const SORT_KEYS: &[&str] = &[
    "repository_id",
    "RepositoryID",
    "name",
    "creation_time",
    "update_time",
    "project_id",
    "pull_count",
];

#[derive(Serialize)]
struct Row<'a> {
    artifact_count: u64,
    creation_time: String,
    id: u64,
    name: &'a str,
    project_id: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pull_count: Option<u64>,
    update_time: String,
}

impl Asked<'_> {
    /// `GET /repositories`
    pub(super) fn list_all_repositories(&self) -> Result<Answer, Refusal> {
        let visible = self.contents.projects.values();
        let visible = visible.filter(|project| self.viewer.sees(project));
        self.list_repositories(visible.flat_map(|project| &project.repositories))
    }

    /// `GET /projects/NAME/repositories`
    pub(super) fn list_repositories_of(&self, project: &str) -> Result<Answer, Refusal> {
        let project = self.project_by_name(project)?;
        self.viewer.may(Permission::RepositoryList, project)?;
        self.list_repositories(&project.repositories)
    }

    /// `GET /projects/NAME/repositories/NAME`
    pub(super) fn get_repository(&self, project: &str, name: &str) -> Result<Answer, Refusal> {
        let project = self.project_by_name(project)?;
        self.viewer.may(Permission::RepositoryRead, project)?;
        let repository = self.repository(&project.name, name)?;
        Ok(Answer::json(
            200,
            "application/json",
            &self.repository_row(repository),
        ))
    }

    pub(super) fn repository(&self, project: &str, name: &str) -> Result<&Repository, Refusal> {
        let path = format!("{project}/{name}");
        self.contents
            .repository_at(&path)
            .ok_or(Refusal::NoRepository(path))
    }

    fn list_repositories<'a>(
        &self,
        ids: impl IntoIterator<Item = &'a u64>,
    ) -> Result<Answer, Refusal> {
        let query = Query::parse(self.request, self.release(), Style::Usual)?;
        let mut repositories = Vec::new();
        for id in ids {
            if let Some(repository) = self.contents.repositories.get(id)
                && self.repository_matches(repository, &query)?
            {
                repositories.push(repository);
            }
        }
        let newest_first = |a: &Repository, b: &Repository| b.id.cmp(&a.id);
        repositories.sort_by(|a, b| {
            query
                .sort(SORT_KEYS)
                .map(|(key, reversed)| {
                    let ordering = match key {
                        "name" => a.path.cmp(&b.path),
                        "repository_id" | "RepositoryID" => a.id.cmp(&b.id),
                        "project_id" => a.project.cmp(&b.project),
                        "creation_time" => a.created.cmp(&b.created),
                        "update_time" => self.updated(a).cmp(&self.updated(b)),
                        _ => std::cmp::Ordering::Equal,
                    };
                    directed(ordering, reversed)
                })
                .find(|ordering| ordering.is_ne())
                .unwrap_or_else(|| newest_first(a, b))
        });
        let page = query.page(&repositories).iter();
        let rows: Vec<_> = page.map(|it| self.repository_row(it)).collect();
        let answer = Answer::json(200, "application/json", &rows);
        let total = repositories.len() as u64;
        Ok(query.paged(answer, &self.request.path, total, Style::Usual))
    }

    fn repository_matches(&self, repository: &Repository, query: &Query) -> Result<bool, Refusal> {
        for (key, pattern) in query.filters() {
            let holds = match key.as_str() {
                "name" => pattern.holds_text(&repository.path),
                "repository_id" => pattern.holds_number(repository.id)?,
                "project_id" => pattern.holds_number(repository.project)?,
                "creation_time" => pattern.holds_time(repository.created)?,
                "update_time" => pattern.holds_time(self.updated(repository))?,
                _ => true,
            };
            if !holds {
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn updated(&self, repository: &Repository) -> Timestamp {
        let own = if self.release().update_time_follows_pushes() {
            repository.changed
        } else {
            repository.created
        };
        repository.pulled.map_or(own, |pulled| pulled.max(own))
    }

    /// Only pulls by [`Contents::pull`](super::Contents::pull) count; on the real server those of
    /// manifests do, some seconds later.
    fn repository_row<'a>(&self, repository: &'a Repository) -> Row<'a> {
        Row {
            artifact_count: self.contents.rows([repository], self.release()).total(),
            creation_time: stamp(repository.created),
            id: repository.id,
            name: &repository.path,
            project_id: repository.project,
            pull_count: (!self.release().is_legacy()).then_some(repository.pulls),
            update_time: stamp(self.updated(repository)),
        }
    }
}
