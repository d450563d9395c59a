use serde::Serialize;
use serde_json::{Value, json};

use super::{
    Asked, NEVER, json as json_answer, paging::Paging, records::ProjectRecord, refusal::Refusal,
};
use crate::simulator::exchange::Answer;

/// Who created all projects.
const OWNER: &str = "admin";

#[derive(Serialize)]
pub(super) struct Row<'a> {
    project_id: u64,
    owner_id: u64,
    name: &'a str,
    creation_time: String,
    update_time: String,
    deleted: bool,
    owner_name: &'a str,
    current_user_role_id: u64,
    current_user_role_ids: Option<[u64; 1]>,
    repo_count: usize,
    chart_count: u64,
    metadata: Value,
    cve_whitelist: Whitelist,
}

#[derive(Serialize)]
struct Whitelist {
    id: u64,
    project_id: u64,
    items: Option<[u64; 0]>,
    creation_time: &'static str,
    update_time: &'static str,
}

impl Asked<'_> {
    /// `GET /api/projects`, by name; it cannot be sorted otherwise.
    pub(super) fn list_projects(&self) -> Result<Answer, Refusal> {
        let paging = Paging::of(self.request)?;
        let public = match self.parameter("public").filter(|text| !text.is_empty()) {
            None => None,
            Some(text) => Some(boolean(&text).ok_or_else(|| {
                // Not recorded.
                Refusal::BadRequest(format!("invalid public: {text}"))
            })?),
        };
        let name = self.parameter("name").unwrap_or_default();
        let owner = self.parameter("owner").unwrap_or_default();
        let mut projects: Vec<_> = self.contents.projects.values().collect();
        projects.retain(|project| {
            self.viewer.sees(project)
                && project.name.contains(&name)
                && public.is_none_or(|public| project.public == public)
                && (owner.is_empty() || owner == OWNER)
        });
        projects.sort_by(|a, b| a.name.cmp(&b.name));
        let page = paging.of_rows(&projects).iter();
        let rows: Vec<_> = page.map(|project| self.project_row(project)).collect();
        // An empty list is `null`.
        let rows = (!rows.is_empty()).then_some(rows);
        Ok(paging.head(json_answer(&rows), projects.len()))
    }

    /// `HEAD /api/projects?project_name=NAME`
    pub(super) fn head_project(&self) -> Result<Answer, Refusal> {
        let name = self.parameter("project_name").unwrap_or_default();
        if name.is_empty() {
            return Err(Refusal::BadRequest("project_name is needed".to_owned()));
        }
        match self.contents.project_named(&name) {
            Some(_) => Ok(Answer::empty(200)),
            None => Err(Refusal::NotFound(format!("project {name} not found"))),
        }
    }

    /// `GET /api/projects/ID`; a name is no route.
    pub(super) fn get_project(&self, id: &str) -> Result<Answer, Refusal> {
        let id: u64 = id.parse().map_err(|_| Refusal::NoPage)?;
        // That others are told of a missing project too is read from the source.
        let project = self.contents.projects.get(&id);
        let project =
            project.ok_or_else(|| Refusal::NotFound(format!("project {id} not found")))?;
        // Members by API: a robot's project is not its own here.
        if !self.viewer.sees(project) {
            return Err(self.viewer.denied());
        }
        let mut row = self.project_row(project);
        row.cve_whitelist.project_id = id;
        row.cve_whitelist.items = Some([]);
        Ok(json_answer(&row))
    }

    pub(super) fn project_row<'a>(&self, project: &'a ProjectRecord) -> Row<'a> {
        let role = self.viewer.role_in(project);
        let created = project.created.to_string();
        Row {
            project_id: project.id,
            owner_id: 1,
            name: &project.name,
            creation_time: created.clone(),
            update_time: created,
            deleted: false,
            owner_name: "",
            current_user_role_id: role,
            current_user_role_ids: (role > 0).then_some([role]),
            repo_count: self.contents.known_in(project).count(),
            chart_count: 0,
            metadata: json!({ "public": project.public.to_string() }),
            cve_whitelist: Whitelist {
                id: 0,
                project_id: 0,
                items: None,
                creation_time: NEVER,
                update_time: NEVER,
            },
        }
    }
}

impl Row<'_> {
    /// Which the search leaves out.
    pub(super) fn without_roles(mut self) -> Self {
        self.current_user_role_ids = None;
        self
    }
}

/// As Go reads it.
pub(super) fn boolean(text: &str) -> Option<bool> {
    match text {
        "1" | "t" | "T" | "true" | "TRUE" | "True" => Some(true),
        "0" | "f" | "F" | "false" | "FALSE" | "False" => Some(false),
        _ => None,
    }
}
