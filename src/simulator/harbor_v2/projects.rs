use serde::Serialize;
use serde_json::{Map, Value, json};

use super::{
    Asked, NEVER,
    account::Permission,
    query::{Query, Style, directed},
    records::ProjectRecord,
    refusal::Refusal,
    stamp,
};
use crate::simulator::exchange::Answer;

const SORT_KEYS: &[&str] = &["name", "project_id", "creation_time", "update_time"];

impl Asked<'_> {
    /// `GET /projects`
    pub(super) fn list_projects(&self) -> Result<Answer, Refusal> {
        let style = if self.release().is_legacy() {
            Style::Legacy
        } else {
            Style::Usual
        };
        let query = Query::parse(self.request, self.release(), style)?;
        let mut projects = Vec::new();
        for project in self.contents.projects.values() {
            if self.viewer.sees(project) && matches(project, &query, style)? {
                projects.push(project);
            }
        }
        projects.sort_by(|a, b| {
            query
                .sort(SORT_KEYS)
                .map(|(key, reversed)| {
                    let ordering = match key {
                        "name" => a.name.cmp(&b.name),
                        "project_id" => a.id.cmp(&b.id),
                        _ => a.created.cmp(&b.created),
                    };
                    directed(ordering, reversed)
                })
                .find(|ordering| ordering.is_ne())
                .unwrap_or_else(|| a.name.cmp(&b.name))
        });
        let detailed = query.value("with_detail") != Some("false");
        let rows: Vec<_> = query
            .page(&projects)
            .iter()
            .map(|project| self.project_row(project, detailed, false))
            .collect();
        // The code of 1.x writes null for an empty page.
        let body = if style == Style::Legacy && rows.is_empty() {
            Value::Null
        } else {
            Value::Array(rows)
        };
        let answer = self.old_style_json(&body);
        Ok(query.paged(answer, &self.request.path, projects.len() as u64, style))
    }

    /// `HEAD /projects?project_name=NAME`
    pub(super) fn head_project(&self) -> Result<Answer, Refusal> {
        let query = Query::parse(self.request, self.release(), Style::Usual)?;
        let name = query.value("project_name").ok_or_else(|| {
            Refusal::Unprocessable("project_name in query is required".to_owned())
        })?;
        match self.contents.project_named(name) {
            Some(_) => Ok(Answer {
                headers: Vec::new(),
                ..Answer::new(200, "", "")
            }),
            None => Err(Refusal::NoProject(name.to_owned())),
        }
    }

    /// `GET /projects/NAME_OR_ID`
    pub(super) fn get_project(&self, name_or_id: &str) -> Result<Answer, Refusal> {
        let project = self.project_by_name_or_id(name_or_id)?;
        self.viewer.may(Permission::ProjectRead, project)?;
        Ok(self.old_style_json(&self.project_row(project, true, true)))
    }

    /// `GET /statistics`: the true totals for a system administrator, zero for everybody else.
    pub(super) fn statistics(&self) -> Result<Answer, Refusal> {
        let Some(account) = &self.viewer.account else {
            return Err(Refusal::Unauthorized);
        };
        let is_administrator = account.is_administrator();
        let counted = |public: bool| {
            let mut counts = (0_u64, 0_usize);
            for project in self.contents.projects.values() {
                let is_own = is_administrator || self.viewer.role_in(project).is_some();
                if project.public == public && (public || is_own) {
                    counts.0 += 1;
                    counts.1 += project.repositories.len();
                }
            }
            counts
        };
        let ((private, private_repositories), (public, public_repositories)) =
            (counted(false), counted(true));
        let total = |count: usize| if is_administrator { count } else { 0 };
        let mut body = json!({
            "private_project_count": private,
            "private_repo_count": private_repositories,
            "public_project_count": public,
            "public_repo_count": public_repositories,
            "total_project_count": total(self.contents.projects.len()),
            "total_repo_count": total(self.contents.repositories.len()),
        });
        // No body of 2.0 is recorded, only that its totals are right.
        if !self.release().is_legacy() {
            body["total_storage_consumption"] = json!(0);
        }
        Ok(self.old_style_json(&body))
    }

    /// A number is an id, unless the header says that it is a name.
    pub(super) fn project_by_name_or_id(
        &self,
        name_or_id: &str,
    ) -> Result<&ProjectRecord, Refusal> {
        let is_name = self.request.header("X-Is-Resource-Name") == Some("true");
        match name_or_id.parse::<u64>() {
            Ok(id) if !is_name => {
                let project = self.contents.projects.get(&id);
                project.ok_or_else(|| match self.viewer.is_administrator() {
                    true => Refusal::NoProject(name_or_id.to_owned()),
                    false => self.viewer.denied(),
                })
            }
            _ => self.project_by_name(name_or_id),
        }
    }

    pub(super) fn project_by_name(&self, name: &str) -> Result<&ProjectRecord, Refusal> {
        self.contents.project_named(name).ok_or_else(|| {
            if !self.viewer.is_administrator() {
                self.viewer.denied()
            } else if self.release().forbids_unknown_projects() {
                Refusal::Forbidden
            } else {
                Refusal::NoProject(name.to_owned())
            }
        })
    }

    fn project_row(&self, project: &ProjectRecord, detailed: bool, is_single: bool) -> Value {
        if self.release().is_legacy() {
            return self.legacy_project_row(project, is_single);
        }
        let role = self.viewer.role_in(project);
        let mut row = Map::new();
        let mut put = |key: &str, value: Value| row.insert(key.to_owned(), value);
        if self.release().has_notary_and_chartmuseum() {
            put("chart_count", json!(0));
        }
        put("creation_time", json!(stamp(project.created)));
        if let Some(role) = role {
            put("current_user_role_id", json!(role));
        }
        put("current_user_role_ids", json!(role.map(|role| [role])));
        let mut allowlist = json!({ "creation_time": NEVER, "items": null, "update_time": NEVER });
        if detailed {
            allowlist["id"] = json!(project.id);
            allowlist["items"] = json!([]);
            allowlist["project_id"] = json!(project.id);
            put("metadata", metadata(project));
            put("owner_name", json!("admin"));
        }
        put("cve_allowlist", allowlist);
        put("name", json!(project.name));
        put("owner_id", json!(1));
        put("project_id", json!(project.id));
        if let Some(registry) = project.registry_id {
            put("registry_id", json!(registry));
        }
        put("repo_count", json!(project.repositories.len()));
        put("update_time", json!(stamp(project.created)));
        Value::Object(row)
    }

    fn legacy_project_row(&self, project: &ProjectRecord, detailed: bool) -> Value {
        let role = self.viewer.role_in(project);
        let is_user = self
            .viewer
            .account
            .as_ref()
            .is_some_and(|account| !account.is_robot());
        let created = project.created.to_string();
        let never = "0001-01-01T00:00:00Z";
        let id = if detailed { project.id } else { 0 };
        let items = if detailed { json!([]) } else { Value::Null };
        json!({
            "project_id": project.id,
            "owner_id": 1,
            "name": project.name,
            "creation_time": created,
            "update_time": created,
            "deleted": false,
            "owner_name": "",
            "current_user_role_id": role.unwrap_or_default(),
            "current_user_role_ids": is_user.then(|| Vec::from_iter(role)),
            "repo_count": project.repositories.len(),
            "chart_count": 0,
            "metadata": metadata(project),
            "cve_whitelist": {
                "id": id,
                "project_id": id,
                "items": items,
                "creation_time": never,
                "update_time": never,
            },
        })
    }

    /// JSON as the swagger handlers send it, or, on 2.0, as the controllers of 1.x do.
    pub(super) fn old_style_json(&self, body: &impl Serialize) -> Answer {
        let content_type = if self.release().is_legacy() {
            "application/json; charset=utf-8"
        } else {
            "application/json"
        };
        Answer::json(200, content_type, body)
    }
}

fn metadata(project: &ProjectRecord) -> Value {
    let mut metadata = json!({ "public": project.public.to_string() });
    if project.registry_id.is_some() {
        metadata["retention_id"] = json!("1");
    }
    metadata
}

fn matches(project: &ProjectRecord, query: &Query, style: Style) -> Result<bool, Refusal> {
    let named = query
        .value("name")
        .is_none_or(|part| project.name.contains(part));
    let public = query
        .value("public")
        .is_none_or(|public| public == project.public.to_string());
    if !named || !public {
        return Ok(false);
    }
    // The code of 1.x knows no `q`: read from the source, not recorded.
    let filters = query.filters().iter().filter(|_| style == Style::Usual);
    for (key, pattern) in filters {
        let holds = match key.as_str() {
            "name" => pattern.holds_text(&project.name),
            "public" => pattern.holds_text(&project.public.to_string()),
            "project_id" => pattern.holds_number(project.id)?,
            "registry_id" => pattern.holds_number(project.registry_id.unwrap_or_default())?,
            "creation_time" | "update_time" => pattern.holds_time(project.created)?,
            _ => true,
        };
        if !holds {
            return Ok(false);
        }
    }
    Ok(true)
}
