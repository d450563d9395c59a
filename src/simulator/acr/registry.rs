//! The registry's own API and its token service, as far as a scanner that pulls needs them. Of what
//! they answer only the challenge is documented.

use percent_encoding::percent_decode_str;
use serde_json::{Value, json};

use super::{
    call::Call,
    contents::{Contents, Tag},
    endpoint::Holdings,
    logins::TEMPORARY_USER,
    manifests,
    moments::milliseconds,
};
use crate::simulator::{exchange::Answer, jwt};

const JSON: &str = "application/json; charset=utf-8";

/// How many seconds a token lasts.
const LASTING: i64 = 300;

/// A registry in the domain that was asked: the one of an instance, or Personal's.
struct Asked<'a> {
    call: &'a Call<'a>,
    contents: &'a Contents,
    instance: Option<&'a str>,
}

/// `None` where the path is not the registry's.
pub(super) fn answer(call: &Call<'_>, held: &impl Holdings) -> Option<Answer> {
    let path = percent_decode_str(&call.request.path).decode_utf8_lossy();
    let is_token_service = path == "/auth";
    let rest = path.strip_prefix("/v2/");
    if !is_token_service && rest.is_none() {
        return None;
    }
    let asked = Asked::of(call, held)?;
    Some(match rest {
        None => asked.token(),
        Some(rest) => asked.distribution(rest),
    })
}

impl<'a> Asked<'a> {
    /// By the instance's domain, else the one that is always there. The token service has a domain
    /// of its own, and is told the instance by the name of the service.
    fn of(call: &'a Call<'a>, held: &'a impl Holdings) -> Option<Self> {
        let Some(instances) = held.instances() else {
            return Some(Self {
                call,
                contents: held.personal()?,
                instance: None,
            });
        };
        let host = call.request.header("Host").unwrap_or_default();
        let region = &call.gateway.region;
        let named = call
            .parameter("service")
            .and_then(|service| service.rsplit(':').next());
        let mut all = instances.iter();
        let found = all.find(|instance| {
            instance.is_at(host, region) || named.is_some_and(|id| id == instance.id())
        });
        let instance = found.unwrap_or_else(|| instances.first());
        Some(Self {
            call,
            contents: instance.held(),
            instance: Some(instance.id()),
        })
    }

    /// As clients tell the edition, the region and the instance from it.
    fn service(&self) -> String {
        let region = &self.call.gateway.region;
        match self.instance {
            Some(id) => format!("registry.aliyuncs.com:{region}:china:{id}"),
            None => format!("registry.aliyuncs.com:{region}:26842"),
        }
    }

    /// `GET /auth`: a token for whoever logs in rightly, or for nobody. What is not granted is not
    /// in it.
    fn token(&self) -> Answer {
        let (call, now) = (self.call, milliseconds(self.call.now) / 1000);
        let login = match call.request.basic_credentials() {
            None => None,
            Some((user, password)) => {
                let login = call.gateway.logins.find(&user, &password, call.now);
                let login = login.filter(|login| login.instance.as_deref() == self.instance);
                if login.is_none() {
                    return Answer::json(401, JSON, &json!({ "details": "unauthorized" }));
                }
                login
            }
        };
        let is_known = login.is_some();
        let scopes = call.parameters.iter().filter(|(name, _)| name == "scope");
        let access = scopes.filter_map(|(_, scope)| {
            let (path, actions) = scope.strip_prefix("repository:")?.rsplit_once(':')?;
            let home = self.contents.home_at(path)?;
            let may_pull = is_known || home.settings.is_public;
            let granted = actions.split(',').any(|action| action == "pull") && may_pull;
            granted.then(|| json!({ "type": "repository", "name": path, "actions": ["pull"] }))
        });
        let claims = json!({
            "iss": "dockerauth.aliyuncs.com",
            "aud": self.service(),
            "sub": login.map(|_| TEMPORARY_USER),
            "iat": now,
            "nbf": now,
            "exp": now + LASTING,
            "access": access.collect::<Vec<_>>(),
        });
        let token = jwt::sign(&claims);
        Answer::json(200, JSON, &json!({ "token": token, "access_token": token }))
    }

    /// Everything under `/v2/`; `rest` is what follows, decoded.
    fn distribution(&self, rest: &str) -> Answer {
        let claims = self.claims();
        if rest.is_empty() {
            return match claims {
                Some(_) => Answer::json(200, JSON, &json!({})),
                None => self.unauthorized(None),
            };
        }
        if let Some(path) = rest.strip_suffix("/tags/list") {
            return self.pulled(claims.as_ref(), path, |contents, path| {
                let home = contents.home_at(path)?;
                let tags = contents.tags(home, 0, u64::MAX).into_iter();
                let mut names: Vec<_> = tags.map(|tag| tag.name).collect();
                names.sort();
                Some(Answer::json(
                    200,
                    JSON,
                    &json!({ "name": path, "tags": names }),
                ))
            });
        }
        if let Some((path, reference)) = rest.rsplit_once("/manifests/") {
            return self.pulled(claims.as_ref(), path, |contents, path| {
                let home = contents.home_at(path)?;
                let tag = if reference.contains(':') {
                    contents.find_digest(home, reference)
                } else {
                    contents.find_tag(home, reference)
                };
                tag.map(|tag| manifest(&tag))
            });
        }
        // `_catalog` among them, which ACR does not support.
        error(404, "UNSUPPORTED", "The operation is unsupported.")
    }

    fn pulled(
        &self,
        claims: Option<&Value>,
        path: &str,
        answer: impl FnOnce(&Contents, &str) -> Option<Answer>,
    ) -> Answer {
        if !claims.is_some_and(|claims| jwt::grants_pull(claims, path)) {
            return self.unauthorized(Some(path));
        }
        let found = answer(self.contents, path);
        found.unwrap_or_else(|| error(404, "MANIFEST_UNKNOWN", "manifest unknown"))
    }

    /// What the token sent says, if it is one of this registry that has not expired.
    fn claims(&self) -> Option<Value> {
        let token = self.call.request.authorization()?.strip_prefix("Bearer ")?;
        let claims = jwt::verify(token)?;
        let is_current = claims["exp"].as_i64()? > milliseconds(self.call.now) / 1000;
        (is_current && claims["aud"] == self.service()).then_some(claims)
    }

    fn unauthorized(&self, repository: Option<&str>) -> Answer {
        let (url, service) = (self.call.gateway.url(), self.service());
        let scope = repository.map(|path| format!(",scope=\"repository:{path}:pull\""));
        let scope = scope.unwrap_or_default();
        let challenge = format!("Bearer realm=\"{url}/auth\",service=\"{service}\"{scope}");
        error(401, "UNAUTHORIZED", "authentication required").with("WWW-Authenticate", challenge)
    }
}

fn manifest(tag: &Tag) -> Answer {
    let body = manifests::shown(tag).to_string();
    Answer::new(200, manifests::MEDIA_TYPE, body)
        .with("Docker-Content-Digest", tag.digest.clone())
        .with("Docker-Distribution-Api-Version", "registry/2.0")
}

fn error(status: u16, code: &str, message: &str) -> Answer {
    let error = json!({ "code": code, "message": message });
    Answer::json(status, JSON, &json!({ "errors": [error] }))
        .with("Docker-Distribution-Api-Version", "registry/2.0")
}
