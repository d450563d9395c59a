use serde::Serialize;

use super::{Asked, json, paging::Paging, records::Repository, refusal::Refusal};
use crate::{clock::Timestamp, simulator::exchange::Answer};

#[derive(Serialize)]
struct Row<'a> {
    id: u64,
    name: &'a str,
    project_id: u64,
    description: &'a str,
    pull_count: u64,
    star_count: u64,
    tags_count: u64,
    labels: [(); 0],
    creation_time: String,
    update_time: String,
}

impl Asked<'_> {
    /// `GET /api/repositories?project_id=ID`
    pub(super) fn list_repositories(&self) -> Result<Answer, Refusal> {
        let asked = self.parameter("project_id").unwrap_or_default();
        let id = asked.parse::<u64>().ok().filter(|id| *id > 0);
        let id = id.ok_or_else(|| Refusal::BadRequest(format!("invalid project_id {asked}")))?;
        let project = self.contents.projects.get(&id);
        let is_shown = project.is_some_and(|project| self.viewer.sees(project));
        if !is_shown && !self.viewer.is_administrator() {
            return Err(self.viewer.denied());
        }
        let missing = || Refusal::NotFound(format!("project {id} not found"));
        let project = project.ok_or_else(missing)?;
        let paging = Paging::of(self.request)?;
        let part = self.parameter("q").unwrap_or_default();
        let mut homes: Vec<_> = self.contents.known_in(project).collect();
        homes.retain(|home| home.path.contains(&part));
        self.sort(&mut homes);
        let page = paging.of_rows(&homes).iter();
        let rows: Vec<_> = page.map(|home| row(home)).collect();
        Ok(paging.head(json(&rows), homes.len()))
    }

    /// By name unless by something else that can be sorted by.
    fn sort(&self, homes: &mut [&Repository]) {
        let key = self.parameter("sort").unwrap_or_default();
        let bare = key.strip_prefix('-');
        match bare.unwrap_or(&key) {
            "creation_time" => homes.sort_by_key(|home| home.created),
            "update_time" => homes.sort_by_key(|home| updated(home)),
            key => {
                homes.sort_by(|a, b| a.path.cmp(&b.path));
                if key != "name" {
                    return;
                }
            }
        }
        if bare.is_some() {
            homes.reverse();
        }
    }
}

/// Pushes and deletions leave it alone.
fn updated(home: &Repository) -> Timestamp {
    home.pulled.unwrap_or(home.created)
}

fn row(home: &Repository) -> Row<'_> {
    Row {
        id: home.id.unwrap_or_default(),
        name: &home.path,
        project_id: home.project,
        description: "",
        pull_count: home.pulls,
        star_count: 0,
        tags_count: home.tags_count(),
        labels: [],
        creation_time: home.created.to_string(),
        update_time: updated(home).to_string(),
    }
}
