use serde_json::{Map, Value, json};

use super::{
    asked::{Asked, date, seconds},
    page_token,
    records::Home,
    refusal::Refusal,
    rights::{RepoRole, Viewer},
};
use crate::simulator::exchange::Answer;

/// How many repositories a page has; no parameter changes it.
const PAGE: usize = 100;
/// How many tags the details of a repository have at most. Nothing tells that there are more.
const TAGS_OF_DETAILS: u64 = 500;

impl Asked<'_> {
    /// `GET /repository`: by namespace, in the order of creation; or all that the caller may see.
    pub(super) fn repositories(&self, viewer: &Viewer) -> Result<Answer, Refusal> {
        let namespace = self.parameter("namespace");
        let with_public = self.flag("public", false);
        if self.flag("starred", false) {
            if viewer.is_anonymous() {
                let message =
                    "The browser (or proxy) sent a request that this server could not understand.";
                return Err(Refusal::message(400, message));
            }
            return Err(Refusal::NotSimulated(
                "the list of starred repositories".to_owned(),
            ));
        }
        if namespace.is_none() && !with_public {
            let detail = "namespace, starred or public are required for this API call";
            return Err(Refusal::InvalidRequest(detail));
        }
        let applications = match self.parameter("repo_kind") {
            None | Some("image") => false,
            Some("application") => true,
            Some(_) => return Err(Refusal::message(400, "Unknown repository kind")),
        };
        let token = self.parameter("next_page");
        let start = token.and_then(|token| page_token::read(token, self.now));
        let mut homes = self
            .contents
            .homes
            .range(start.unwrap_or_default()..)
            .map(|(_, home)| home)
            .filter(|home| {
                let settings = &home.settings;
                settings.application == applications
                    && namespace.is_none_or(|name| name == settings.namespace)
                    && ((with_public && settings.public) || viewer.lists(self.contents, home))
            });
        let page: Vec<_> = homes.by_ref().take(PAGE).collect();
        let rows: Vec<_> = page
            .iter()
            .map(|home| self.repository_row(viewer, home))
            .collect();
        let mut body = json!({ "repositories": rows });
        if let Some(next) = homes.next() {
            body["next_page"] = json!(page_token::write(next.id, self.now));
        }
        Ok(Answer::json(200, "application/json", &body))
    }

    fn repository_row(&self, viewer: &Viewer, home: &Home) -> Value {
        let settings = &home.settings;
        let mut row = json!({
            "namespace": settings.namespace,
            "name": settings.name,
            "description": settings.description,
            "is_public": settings.public,
            "kind": settings.kind(),
            "state": settings.state.name(),
        });
        if self.flag("last_modified", false) {
            let newest = self.contents.last_modified(home, self.now);
            row["last_modified"] = json!(newest.map(seconds));
        }
        if self.flag("popularity", false) {
            row["popularity"] = json!(0.0);
        }
        // Nobody has given stars here.
        if !viewer.is_anonymous() {
            row["is_starred"] = json!(false);
        }
        row
    }

    /// The repository, if there is one and the caller may read it.
    pub(super) fn readable(
        &self,
        viewer: &Viewer,
        namespace: &str,
        name: &str,
    ) -> Result<&Home, Refusal> {
        let home = self.contents.home_at(&format!("{namespace}/{name}"));
        let is_public = home.is_some_and(|home| home.settings.public);
        let role = viewer.repo_role(self.contents, namespace, name);
        if role.is_none() && !is_public && !viewer.sees_all() {
            return Err(Refusal::denied(viewer));
        }
        home.ok_or(Refusal::NotFound)
    }

    pub(super) fn may_write(
        &self,
        viewer: &Viewer,
        namespace: &str,
        name: &str,
    ) -> Result<(), Refusal> {
        match viewer.repo_role(self.contents, namespace, name) {
            Some(RepoRole::Write | RepoRole::Admin) => Ok(()),
            _ => Err(Refusal::denied(viewer)),
        }
    }

    /// `GET /repository/NAMESPACE/NAME`
    pub(super) fn repository(
        &self,
        viewer: &Viewer,
        namespace: &str,
        name: &str,
    ) -> Result<Answer, Refusal> {
        let home = self.readable(viewer, namespace, name)?;
        if self.flag("includeStats", false) {
            return Err(Refusal::NotSimulated(
                "statistics of repositories".to_owned(),
            ));
        }
        let settings = &home.settings;
        let role = viewer.repo_role(self.contents, namespace, name);
        let mut body = json!({
            "namespace": settings.namespace,
            "name": settings.name,
            "kind": settings.kind(),
            "description": settings.description,
            "is_public": settings.public,
            "is_organization": self.contents.organizations.contains_key(namespace),
            "is_starred": false,
            "status_token": if settings.public { "" } else { "0000" },
            "trust_enabled": false,
            "tag_expiration_s": 1_209_600,
            "is_free_account": true,
            "state": settings.state.name(),
            "can_write": role >= Some(RepoRole::Write),
            "can_admin": role == Some(RepoRole::Admin),
        });
        if self.flag("includeTags", true) {
            body["tags"] = Value::Object(self.newest_tags(home));
        }
        Ok(Answer::json(200, "application/json", &body))
    }

    fn newest_tags(&self, home: &Home) -> Map<String, Value> {
        let filter = super::lookup::Filter::alive(self.now);
        let rows = self.contents.rows(home, &filter, 0, TAGS_OF_DETAILS);
        let tags = rows.into_iter().map(|row| {
            let mut tag = json!({
                "name": row.tag.name,
                "size": row.manifest.shown_size(),
                "last_modified": date(row.tag.start),
                "manifest_digest": row.tag.digest,
            });
            if let Some(end) = row.tag.end {
                tag["expiration"] = json!(date(end));
            }
            (row.tag.name.clone(), tag)
        });
        tags.collect()
    }
}

impl Refusal {
    pub(super) fn denied(viewer: &Viewer) -> Self {
        Self::Denied {
            is_anonymous: viewer.is_anonymous(),
        }
    }
}
