use serde::Serialize;
use serde_json::{Value, json};

use super::{
    Asked, NEVER, json as json_answer,
    projects::boolean,
    push::Kind,
    records::{Manifest, Repository, Tag},
    refusal::Refusal,
};
use crate::{clock::Timestamp, simulator::exchange::Answer};

#[derive(Serialize)]
struct Row<'a> {
    digest: &'a str,
    name: &'a str,
    size: u64,
    architecture: &'a str,
    os: &'a str,
    #[serde(rename = "os.version")]
    os_version: &'a str,
    docker_version: &'a str,
    author: &'a str,
    created: String,
    config: Option<Value>,
    immutable: bool,
    signature: (),
    labels: Option<[(); 0]>,
    push_time: String,
    pull_time: String,
}

impl<'a> Row<'a> {
    fn bare(name: &'a str) -> Self {
        Self {
            digest: "",
            name,
            size: 0,
            architecture: "",
            os: "",
            os_version: "",
            docker_version: "",
            author: "",
            created: NEVER.to_owned(),
            config: None,
            immutable: false,
            signature: (),
            labels: None,
            push_time: NEVER.to_owned(),
            pull_time: NEVER.to_owned(),
        }
    }

    /// Of what Harbor cannot read it has the name alone.
    fn detailed(home: &'a Repository, name: &'a str, tag: &Tag) -> Self {
        let row = Self {
            labels: Some([]),
            push_time: moment(tag.pushed),
            pull_time: moment(tag.pulled),
            ..Self::bare(name)
        };
        let Some(image) = home
            .manifests
            .get(&tag.digest)
            .and_then(|it| readable(home, it))
        else {
            return row;
        };
        let platform = &image.platform;
        Self {
            digest: &image.digest,
            size: image.size,
            architecture: &platform.architecture,
            os: &platform.os,
            os_version: platform.os_version.as_deref().unwrap_or_default(),
            created: image.created.to_string(),
            config: Some(json!({ "labels": null })),
            ..row
        }
    }
}

fn moment(time: Option<Timestamp>) -> String {
    time.map_or_else(|| NEVER.to_owned(), |time| time.to_string())
}

/// What core gets when it asks the registry for schema 2 alone: the image itself, of a list its
/// default child, of the rest nothing.
fn readable<'a>(home: &'a Repository, manifest: &'a Manifest) -> Option<&'a Manifest> {
    match manifest.kind {
        Kind::Image => Some(manifest),
        Kind::List => home.manifests.get(&manifest.default_child()?.digest),
        Kind::OciImage | Kind::OciIndex => None,
    }
}

impl Asked<'_> {
    /// `GET /api/repositories/PATH/tags`: all of them, by name, however long the list is.
    pub(super) fn list_tags(&self, path: &str) -> Result<Answer, Refusal> {
        let (project, _) = path.split_once('/').unwrap_or(("", path));
        // That others than administrators are told of a missing project is read from the source.
        let project = self
            .contents
            .project_named(project)
            .ok_or_else(|| Refusal::NotFound(format!("project {project} not found")))?;
        if !self.viewer.sees(project) {
            return Err(self.viewer.denied());
        }
        let home = self.contents.repositories.get(path);
        let home = home.map(Repository::settled);
        let tags = home.iter().flat_map(|home| &home.tags);
        let detail = self.parameter("detail").and_then(|text| boolean(&text));
        if detail == Some(false) {
            let rows: Vec<_> = tags.map(|(name, _)| Row::bare(name)).collect();
            // Without rows it is `null` (read from the source).
            let rows = (!rows.is_empty()).then_some(rows);
            return Ok(json_answer(&rows));
        }
        let mut rows = Vec::new();
        if let Some(home) = &home {
            rows.extend(tags.map(|(name, tag)| Row::detailed(home, name, tag)));
        }
        Ok(json_answer(&rows))
    }

    /// `GET /api/repositories/PATH/tags/TAG`
    pub(super) fn get_tag(&self, path: &str, name: &str) -> Result<Answer, Refusal> {
        let home = self.contents.repositories.get(path);
        let home = home.map(Repository::settled);
        // That a missing tag is told of before any right is asked for is read from the source.
        let missing = || Refusal::NotFound(format!("resource: {path}:{name} not found"));
        let home = home.ok_or_else(missing)?;
        let tag = home.tags.get(name).ok_or_else(missing)?;
        let project = self.contents.projects.get(&home.project);
        if !project.is_some_and(|project| self.viewer.sees(project)) {
            return Err(self.viewer.denied());
        }
        Ok(json_answer(&Row::detailed(&home, name, tag)))
    }
}
