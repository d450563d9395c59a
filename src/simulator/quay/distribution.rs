use std::{
    collections::BTreeMap,
    sync::{MutexGuard, PoisonError},
    time::Duration,
};

use serde_json::{Value, json};

use super::{
    Registry,
    asked::{Asked, seconds},
    records::Home,
    refusal::Refusal,
};
use crate::simulator::{exchange::Answer, jwt};

/// How long a list of tags is remembered.
const REMEMBERED: Duration = Duration::from_secs(120);
const GREATEST_COUNT: usize = 100;

/// Lists of tags by repository, first tag and length.
pub(super) type TagLists = BTreeMap<(u64, Option<String>, usize), TagList>;

#[derive(Debug, Clone)]
pub(super) struct TagList {
    until: Duration,
    names: Vec<String>,
    goes_on: bool,
}

impl Registry {
    fn tag_lists(&self) -> MutexGuard<'_, TagLists> {
        self.tag_lists
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

impl Asked<'_> {
    /// Everything under `/v2/`; `rest` is what follows, decoded.
    pub(super) fn distribution(&self, rest: &str) -> Result<Answer, Refusal> {
        if rest.is_empty() {
            return Ok(self.base());
        }
        if !["GET", "HEAD"].contains(&self.request.method.as_str()) {
            return Err(match rest {
                "auth" => Refusal::PageNotAllowed,
                _ => Refusal::NotSimulated(format!("/v2/{rest}")),
            });
        }
        if rest == "auth" {
            self.token()
        } else if let Some(path) = rest.strip_suffix("/tags/list") {
            self.tags_list(path)
        } else if let Some((path, reference)) = rest.rsplit_once("/manifests/") {
            self.manifest(path, reference)
        } else {
            Err(Refusal::NotSimulated(format!("/v2/{rest}")))
        }
    }

    /// `GET /v2/`, whose body is no answer to anything.
    fn base(&self) -> Answer {
        let status = match self.claims() {
            Err(message) => return self.wrong_bearer(&message, None),
            Ok(None) => 401,
            Ok(Some(_)) => 200,
        };
        let answer = Answer::new(status, "text/html; charset=utf-8", "true");
        self.challenged(answer, None)
            .with("X-Sparse-Manifest-Support", "false")
    }

    /// What the token sent says; `None` where none is sent.
    fn claims(&self) -> Result<Option<Value>, String> {
        if self.request.authorization().is_none() {
            return Ok(None);
        }
        let malformed = "Invalid bearer token format";
        let token = self.bearer().filter(|token| token.split('.').count() == 3);
        let token = token.ok_or(malformed)?;
        let claims = jwt::verify(token).ok_or("Signature verification failed")?;
        // That it has expired is recorded nowhere; the words are those of the library.
        if claims["exp"]
            .as_i64()
            .is_none_or(|end| end <= seconds(self.now))
        {
            return Err("Signature has expired".to_owned());
        }
        if claims["aud"] != self.server_name() {
            return Err("Audience doesn't match".to_owned());
        }
        Ok(Some(claims))
    }

    fn wrong_bearer(&self, message: &str, repository: Option<&str>) -> Answer {
        let refusal = Refusal::Error(401, message.to_owned());
        self.challenged(self.refused(refusal), repository)
    }

    /// The repository, if the one who asks may pull from it.
    pub(super) fn pulled(&self, path: &str) -> Result<&Home, Answer> {
        let claims = self.claims();
        let claims = claims.map_err(|message| self.wrong_bearer(&message, Some(path)))?;
        let home = self.contents.home_at(path);
        let is_granted = claims
            .as_ref()
            .is_some_and(|claims| jwt::grants_pull(claims, path));
        if !is_granted && !home.is_some_and(|home| home.settings.public) {
            return Err(self.refused(Refusal::Unauthorized(Some(path.to_owned()))));
        }
        if claims.is_none() && !self.registry.settings.anonymous_access {
            return Err(self.refused(Refusal::anonymous()));
        }
        home.ok_or_else(|| {
            let message = "repository not found".to_owned();
            self.refused(Refusal::Registry(404, "NAME_UNKNOWN", message))
        })
    }

    /// `GET /v2/NAMESPACE/NAME/tags/list`, remembered for two minutes: what was pushed since is
    /// missing, what was deleted is not shown. (So is, here, what has expired: recorded nowhere.)
    fn tags_list(&self, path: &str) -> Result<Answer, Refusal> {
        let home = match self.pulled(path) {
            Ok(home) => home,
            Err(refused) => return Ok(refused),
        };
        let count = self.parameter("n").and_then(|n| n.parse::<usize>().ok());
        let count = count.unwrap_or(GREATEST_COUNT).min(GREATEST_COUNT);
        let last = self.parameter("last").map(str::to_owned);
        let mut alive: Vec<_> = self.contents.alive(home, self.now);
        alive.sort_by(|a, b| a.tag.name.cmp(&b.tag.name));
        let mut alive: Vec<_> = alive.into_iter().map(|row| row.tag.name.clone()).collect();
        let now = self.registry.clock.monotonic();
        let mut lists = self.registry.tag_lists();
        lists.retain(|_, list| now < list.until);
        let key = (home.id, last.clone(), count);
        let list = lists.entry(key).or_insert_with(|| {
            let after = |name: &&String| last.as_ref().is_none_or(|last| *name > last);
            let names: Vec<_> = alive.iter().filter(after).cloned().collect();
            TagList {
                until: now + REMEMBERED,
                goes_on: names.len() > count && count > 0,
                names: names.into_iter().take(count).collect(),
            }
        });
        let link = list.names.last().filter(|_| list.goes_on).map(|last| {
            let last = last.clone();
            format!("</v2/{path}/tags/list?n={count}&last={last}>; rel=\"next\"")
        });
        alive.retain(|name| list.names.binary_search(name).is_ok());
        let body = json!({ "name": path, "tags": alive });
        let answer = Answer::json(200, "application/json", &body);
        Ok(match link {
            Some(link) => answer.with("Link", link),
            None => answer,
        })
    }
}
