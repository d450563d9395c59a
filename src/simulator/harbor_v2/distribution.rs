use serde_json::{Value, json};

use super::{
    Asked,
    account::Permission,
    push::Kind,
    records::{Artifact, Repository},
    refusal::{self, Refusal},
};
use crate::simulator::{
    exchange::Answer,
    harbor::{in_query, manifest, tokens},
    jwt,
};

const JSON: &str = "application/json; charset=utf-8";

impl Asked<'_> {
    /// Everything under `/v2/`; `rest` is what follows, decoded.
    pub(super) fn distribution(&self, rest: &str) -> Answer {
        if rest.is_empty() {
            return self.base();
        }
        let manifest = rest.rsplit_once("/manifests/");
        let answer = if rest == "_catalog" {
            self.catalog()
        } else if let Some((path, reference)) = manifest {
            self.readable(path)
                .and_then(|home| self.manifest(home, reference).map_err(Refusal::answer))
        } else if let Some(path) = rest.strip_suffix("/tags/list") {
            self.readable(path)
                .and_then(|home| self.tags_list(home).map_err(Refusal::answer))
        } else {
            Err(Refusal::NotSimulated(format!("/v2/{rest}")).answer())
        };
        answer.unwrap_or_else(|refused| refused)
    }

    fn base(&self) -> Answer {
        let api = "Docker-Distribution-Api-Version";
        if self.viewer.account.is_some() || self.bearer().is_some() {
            return Answer::new(200, JSON, "{}").with(api, "registry/2.0");
        }
        let challenge = match self.request.authorization() {
            Some(_) => "Basic realm=\"harbor\"".to_owned(),
            None => self.challenge(None),
        };
        unauthorized("unauthorized").with("Www-Authenticate", challenge)
    }

    fn challenge(&self, repository: Option<&str>) -> String {
        let realm = format!("{}/service/token", self.external_url);
        let scope = repository.map(|path| format!(",scope=\"repository:{path}:pull\""));
        let scope = scope.unwrap_or_default();
        format!("Bearer realm=\"{realm}\",service=\"harbor-registry\"{scope}")
    }

    fn bearer(&self) -> Option<Value> {
        let token = self.request.authorization()?.strip_prefix("Bearer ")?;
        tokens::read(token, self.now)
    }

    /// The repository, if the one who asks may pull from it.
    fn readable(&self, path: &str) -> Result<&Repository, Answer> {
        let (project, name) = path.split_once('/').unwrap_or((path, ""));
        if self.request.authorization().is_none() {
            let message = "authorize header needed to send HEAD to repository";
            let challenge = self.challenge(Some(path));
            return Err(unauthorized(message).with("Www-Authenticate", challenge));
        }
        let Some(project) = self.contents.project_named(project) else {
            let message = format!("project {project} not found");
            return Err(unauthorized(&message).with("Www-Authenticate", ""));
        };
        let may = match self.bearer() {
            Some(token) => jwt::grants_pull(&token, path),
            // That credentials which count for nothing are refused in public projects too is not
            // recorded for pulls, only for `/v2/` itself.
            None => {
                self.viewer.account.is_some()
                    && self.viewer.may(Permission::RepositoryPull, project).is_ok()
            }
        };
        if !may {
            let message = format!("unauthorized to access repository: {path}, action: pull");
            let challenge = "Basic realm=\"harbor\"";
            return Err(unauthorized(&message).with("Www-Authenticate", challenge));
        }
        self.repository(&project.name, name)
            .map_err(Refusal::answer)
    }

    fn manifest(&self, home: &Repository, reference: &str) -> Result<Answer, Refusal> {
        let artifact = self
            .contents
            .find(home, reference)
            .ok_or_else(|| Refusal::NoArtifact(home.path.clone(), reference.to_owned()))?;
        let tag = format!("\"{}\"", artifact.digest);
        if self.request.header("If-None-Match") == Some(tag.as_str()) {
            return Ok(Answer::empty(304));
        }
        let body = manifest_of(&artifact).to_string();
        Ok(Answer::new(200, artifact.manifest_media_type(), body)
            .with("Docker-Content-Digest", artifact.digest.clone())
            .with("Docker-Distribution-Api-Version", "registry/2.0")
            .with("Etag", tag))
    }

    fn tags_list(&self, home: &Repository) -> Result<Answer, Refusal> {
        let mut tags = self.contents.tags_of(home);
        if let Some(last) = self.parameter("last") {
            tags.retain(|tag| *tag > last);
        }
        self.named_page(tags, |tags| json!({ "name": home.path, "tags": tags }))
    }

    /// `GET /v2/_catalog`: the repositories that have tags.
    fn catalog(&self) -> Result<Answer, Answer> {
        // Nobody may by a bearer token.
        if !self.viewer.may_read_catalog() {
            let refused = unauthorized("unauthorized to list catalog");
            return Err(refused.with("Www-Authenticate", "Basic realm=\"harbor\""));
        }
        let tagged = |id: &u64| {
            let home = self.contents.repositories.get(id)?;
            self.contents.has_tags(home).then(|| home.path.clone())
        };
        let mut paths: Vec<_> = self.contents.by_path.values().filter_map(tagged).collect();
        if let Some(last) = self.parameter("last") {
            let Ok(place) = paths.binary_search(&last) else {
                let message = format!("the last: {last} should be a valid repository name.");
                return Err(Refusal::BadRequest(message).answer());
            };
            paths.drain(..=place);
        }
        self.named_page(paths, |paths| json!({ "repositories": paths }))
            .map_err(Refusal::answer)
    }

    /// The first `n` names, all of them where it is not said how many, and the way to the rest.
    fn named_page(
        &self,
        mut names: Vec<String>,
        body: impl FnOnce(&[String]) -> Value,
    ) -> Result<Answer, Refusal> {
        let count = self.parameter("n").map(|n| n.parse::<usize>()).transpose();
        let count = count
            .map_err(|_| Refusal::BadRequest("the N must be a positive int type".to_owned()))?;
        let is_cut = count.is_some_and(|count| count < names.len());
        names.truncate(count.unwrap_or(names.len()));
        let answer = Answer::json(200, JSON, &body(&names));
        Ok(match (names.last(), count) {
            (Some(last), Some(count)) if is_cut => {
                let path = &self.request.path;
                let last = in_query(last);
                let link = format!("<{path}?last={last}&n={count}>; rel=\"next\"");
                answer.with("Link", link)
            }
            _ => answer,
        })
    }

    /// The first parameter of this name.
    fn parameter(&self, name: &str) -> Option<String> {
        let mut pairs = self.request.parameters().into_iter();
        pairs
            .find(|(present, _)| present == name)
            .map(|(_, value)| value)
    }

    /// `GET /service/token`: a token for everybody; what is not granted is not in it.
    pub(super) fn token(&self) -> Answer {
        let pairs = self.request.parameters();
        let service = pairs.iter().find(|(name, _)| name == "service");
        let service = service.map(|(_, value)| value.as_str()).unwrap_or_default();
        if service != "harbor-registry" {
            let body = format!("Unable to handle service: {service}");
            return Answer::new(400, "text/plain; charset=utf-8", body);
        }
        let scopes = pairs.iter().filter(|(name, _)| name == "scope");
        let access: Vec<_> = scopes.map(|(_, scope)| self.access(scope)).collect();
        let subject = self.viewer.account.as_ref().map(|account| account.name());
        let token = tokens::issue(subject, access, self.now);
        Answer::json(200, JSON, &token)
    }

    fn access(&self, scope: &str) -> Value {
        let mut parts = scope.splitn(3, ':');
        let kind = parts.next().unwrap_or_default();
        let name = parts.next().unwrap_or_default();
        let project = name.split_once('/').map_or(name, |(project, _)| project);
        let project = self.contents.project_named(project);
        let account = self.viewer.account.as_ref();
        let is_administrator = self.viewer.is_administrator();
        let actions: &[&str] = match (kind, project) {
            ("registry", _) if is_administrator => &["*"],
            ("repository", Some(_)) if is_administrator => &["pull", "push", "delete"],
            ("repository", Some(project))
                if self.viewer.may(Permission::RepositoryPull, project).is_ok() =>
            {
                let can_push = account.is_some() && self.viewer.role_in(project).is_some();
                if can_push {
                    &["pull", "push"]
                } else {
                    &["pull"]
                }
            }
            _ => &[],
        };
        json!({ "type": kind, "name": name, "actions": actions })
    }
}

/// 401 with the doubled message of the real server.
fn unauthorized(message: &str) -> Answer {
    refusal::error(401, "UNAUTHORIZED", &format!("{message}: {message}"))
        .with("Docker-Distribution-Api-Version", "registry/2.0")
}

fn manifest_of(artifact: &Artifact) -> Value {
    let media_type = artifact.manifest_media_type();
    if artifact.kind == Kind::Index {
        let references = artifact.references.iter();
        let entries = references.map(|reference| manifest::Entry {
            digest: &reference.digest,
            platform: &reference.platform,
            attests: reference.attests.as_deref(),
        });
        return manifest::index(media_type, entries);
    }
    let config_type = artifact.media_type();
    manifest::image(media_type, config_type, &artifact.digest, artifact.size)
}
