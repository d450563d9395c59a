use serde_json::json;

use super::{Asked, json as json_answer};
use crate::simulator::exchange::Answer;

impl Asked<'_> {
    /// `GET /api/search?q=PART`: projects and repositories with the part in their names, in one
    /// unpaged answer; all that the viewer sees where it is empty.
    pub(super) fn search(&self) -> Answer {
        let part = self.parameter("q").unwrap_or_default();
        let mut projects: Vec<_> = self.contents.projects.values().collect();
        projects.retain(|project| self.viewer.sees(project));
        // Whoever is no administrator gets the public ones first (read from the source).
        let is_administrator = self.viewer.is_administrator();
        projects.sort_by_key(|project| (!is_administrator && !project.public, &project.name));
        let mut repositories = Vec::new();
        for project in &projects {
            let homes = self.contents.known_in(project);
            for home in homes.filter(|home| home.path.contains(&part)) {
                repositories.push(json!({
                    "project_id": project.id,
                    "project_name": project.name,
                    "project_public": project.public,
                    "pull_count": home.pulls,
                    "repository_name": home.path,
                    "tags_count": home.tags_count(),
                }));
            }
        }
        repositories.sort_by_key(|row| row["repository_name"].as_str().map(str::to_owned));
        projects.retain(|project| project.name.contains(&part));
        let projects = projects.into_iter();
        let projects = projects.map(|project| self.project_row(project).without_roles());
        json_answer(&json!({
            "project": projects.collect::<Vec<_>>(),
            "repository": repositories,
        }))
    }
}
