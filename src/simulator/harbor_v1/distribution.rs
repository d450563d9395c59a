use std::{
    cmp::Ordering,
    collections::hash_map::DefaultHasher,
    hash::{Hash, Hasher},
};

use serde_json::{Value, json};

use super::{
    Asked, JSON, Pulled,
    negotiation::{Given, negotiate},
    push::Kind,
    records::{Manifest, Repository},
    refusal::Refusal,
};
use crate::simulator::{
    exchange::Answer,
    harbor::{in_query, manifest, tokens},
    jwt,
};

/// How many names a page of the catalog has where it is not said.
const PAGE: usize = 100;

/// What a token must let its bearer do.
enum Needed<'a> {
    Nothing,
    Pull(&'a str),
    Catalog,
}

impl Needed<'_> {
    fn granted_by(&self, claims: &Value) -> bool {
        match self {
            Self::Nothing => true,
            Self::Pull(path) => jwt::grants_pull(claims, path),
            Self::Catalog => {
                let entries = claims["access"].as_array().into_iter().flatten();
                let mut catalog = entries.filter(|entry| entry["name"] == "catalog");
                catalog.any(|entry| entry["actions"] == json!(["*"]))
            }
        }
    }

    /// Type, name and action.
    fn scope(&self) -> Option<[&str; 3]> {
        match self {
            Self::Nothing => None,
            Self::Pull(path) => Some(["repository", path, "pull"]),
            Self::Catalog => Some(["registry", "catalog", "*"]),
        }
    }
}

impl Asked<'_> {
    /// Everything under `/v2/`; `rest` is what follows, decoded.
    pub(super) fn distribution(&self, rest: &str) -> Answer {
        let answer = self.registry(rest).unwrap_or_else(|refused| refused);
        answer.with("Docker-Distribution-Api-Version", "registry/2.0")
    }

    fn registry(&self, rest: &str) -> Result<Answer, Answer> {
        if rest.is_empty() {
            self.bearer(&Needed::Nothing)?;
            // The answer to a good token is not recorded.
            return Ok(Answer::new(200, JSON, "{}"));
        }
        if rest == "_catalog" {
            self.bearer(&Needed::Catalog)?;
            return Ok(self.catalog());
        }
        if let Some((path, reference)) = rest.rsplit_once("/manifests/") {
            let user = self.bearer(&Needed::Pull(path))?;
            return self.manifest(path, reference, user);
        }
        if let Some(path) = rest.strip_suffix("/tags/list") {
            self.bearer(&Needed::Pull(path))?;
            return self.tags_list(path);
        }
        Err(Refusal::NotSimulated(format!("/v2/{rest}")).answer())
    }

    /// Whose token it is, if it lets its bearer do what is needed. Basic credentials count for
    /// nothing, though core looks at them.
    fn bearer(&self, needed: &Needed<'_>) -> Result<String, Answer> {
        let authorization = self.request.authorization().unwrap_or_default();
        let token = authorization.strip_prefix("Bearer ");
        let claims = token.map(|token| tokens::read(token, self.now));
        let error = match &claims {
            Some(Some(claims)) if needed.granted_by(claims) => {
                return Ok(claims["sub"].as_str().unwrap_or_default().to_owned());
            }
            Some(Some(_)) => ",error=\"insufficient_scope\"",
            // Read from the source.
            Some(None) => ",error=\"invalid_token\"",
            None => "",
        };
        let scope = needed.scope();
        let asked = scope.map(|scope| format!(",scope=\"{}\"", scope.join(":")));
        let challenge = format!("{}{}{error}", self.realm(), asked.unwrap_or_default());
        let detail = scope.map(|[kind, name, action]| {
            json!([{ "Type": kind, "Class": "", "Name": name, "Action": action }])
        });
        let refused = error_of(
            401,
            "UNAUTHORIZED",
            "authentication required",
            &json!(detail),
        );
        Err(refused.with("Www-Authenticate", challenge))
    }

    /// `GET /v2/_catalog`: a page of what the registry has, and of that page what the database
    /// knows.
    fn catalog(&self) -> Answer {
        let size = self.parameter("n").and_then(|n| n.parse().ok());
        let size: usize = size.unwrap_or(PAGE);
        let last = self.parameter("last").unwrap_or_default();
        let emptied = self.contents.emptied.iter();
        let mut paths: Vec<_> = self.contents.repositories.keys().chain(emptied).collect();
        paths.retain(|path| walk_order(path, &last).is_gt());
        if size < paths.len() {
            paths.select_nth_unstable_by(size, |a, b| walk_order(a, b));
            paths.truncate(size);
        }
        paths.sort_by(|a, b| walk_order(a, b));
        // A full page has a way to the next, even where nothing follows (read from the source).
        let link = paths.last().filter(|_| paths.len() == size).map(|last| {
            let path = &self.request.path;
            format!("<{path}?last={}&n={size}>; rel=\"next\"", in_query(last))
        });
        let is_known = |path: &str| {
            let home = self.contents.repositories.get(path);
            home.is_some_and(Repository::is_known)
        };
        paths.retain(|path| !self.filters_catalog || is_known(path));
        let names = (!paths.is_empty()).then_some(paths);
        let answer = Answer::json(200, JSON, &json!({ "repositories": names }));
        match link {
            Some(link) => answer.with("Link", link),
            None => answer,
        }
    }

    /// `GET /v2/PATH/tags/list`: all of them, in no order.
    fn tags_list(&self, path: &str) -> Result<Answer, Answer> {
        let home = self.contents.repositories.get(path);
        if home.is_none() && !self.contents.emptied.contains(path) {
            let message = "repository name not known to registry";
            return Err(error_of(
                404,
                "NAME_UNKNOWN",
                message,
                &json!({ "name": path }),
            ));
        }
        let home = home.map(Repository::settled);
        let mut tags: Vec<_> = home.iter().flat_map(|home| home.tags.keys()).collect();
        tags.sort_by_cached_key(|tag| {
            let mut hasher = DefaultHasher::new();
            tag.hash(&mut hasher);
            hasher.finish()
        });
        // Where all were deleted there is no list (read from the source).
        let tags = (!tags.is_empty()).then_some(tags);
        Ok(Answer::json(
            200,
            JSON,
            &json!({ "name": path, "tags": tags }),
        ))
    }

    fn manifest(&self, path: &str, reference: &str, user: String) -> Result<Answer, Answer> {
        let by_tag = !reference.contains(':');
        let unknown = |message: &str| {
            let detail = match by_tag {
                true => json!({ "Tag": reference }),
                false => json!({ "Name": path, "Revision": reference }),
            };
            error_of(404, "MANIFEST_UNKNOWN", message, &detail)
        };
        let home = self
            .contents
            .repositories
            .get(path)
            .map(Repository::settled);
        let stored = home.as_ref().and_then(|home| home.find(reference));
        let (Some(home), Some(stored)) = (home.as_ref(), stored) else {
            return Err(unknown("manifest unknown"));
        };
        let etag = format!("\"{}\"", stored.digest);
        if self.request.header("If-None-Match") == Some(etag.as_str()) {
            return Ok(Answer::empty(304));
        }
        let accept = self.request.header("Accept").unwrap_or_default();
        let given = negotiate(home, stored, accept, by_tag);
        let pulled = given.counts_as_pull_of(stored, reference);
        let (media_type, digest, body) = match given {
            Given::AsStored(it) => (it.kind.media_type(), it.digest.clone(), body_of(it)),
            Given::AsSchema1(image) => (
                "application/vnd.docker.distribution.manifest.v1+prettyjws",
                image.digest_as_schema_1(),
                schema_1(image, path, reference),
            ),
            Given::Refused(message) => return Err(unknown(message)),
        };
        self.pulled.replace(pulled.map(|reference| Pulled {
            user: match user.is_empty() {
                true => "anonymous".to_owned(),
                false => user,
            },
            path: path.to_owned(),
            reference,
        }));
        let etag = format!("\"{digest}\"");
        Ok(Answer::new(200, media_type, body.to_string())
            .with("Docker-Content-Digest", digest)
            .with("Etag", etag))
    }
}

/// As the registry comes by them when it walks its folders: a slash comes before all else.
fn walk_order(a: &str, b: &str) -> Ordering {
    let rank = |byte: u8| if byte == b'/' { 0 } else { byte };
    a.bytes().map(rank).cmp(b.bytes().map(rank))
}

fn error_of(status: u16, code: &str, message: &str, detail: &Value) -> Answer {
    let error = json!({ "code": code, "message": message, "detail": detail });
    Answer::json(status, JSON, &json!({ "errors": [error] }))
}

fn body_of(stored: &Manifest) -> Value {
    let media_type = stored.kind.media_type();
    let config_type = match stored.kind {
        Kind::List | Kind::OciIndex => {
            let references = stored.references.iter();
            let entries = references.map(|reference| manifest::Entry {
                digest: &reference.digest,
                platform: &reference.platform,
                attests: reference.attests.as_deref(),
            });
            return manifest::index(media_type, entries);
        }
        Kind::Image => "application/vnd.docker.container.image.v1+json",
        Kind::OciImage => "application/vnd.oci.image.config.v1+json",
    };
    manifest::image(media_type, config_type, &stored.digest, stored.size)
}

/// Its signature is one that nobody made.
fn schema_1(image: &Manifest, path: &str, tag: &str) -> Value {
    let history = json!({
        "architecture": image.platform.architecture,
        "created": image.created.to_string(),
        "os": image.platform.os,
    });
    json!({
        "schemaVersion": 1,
        "name": path,
        "tag": tag,
        "architecture": image.platform.architecture,
        "fsLayers": [{ "blobSum": image.digest }],
        "history": [{ "v1Compatibility": history.to_string() }],
        "signatures": [{
            "header": {
                "jwk": { "crv": "P-256", "kid": "", "kty": "EC", "x": "", "y": "" },
                "alg": "ES256",
            },
            "signature": "",
            "protected": "",
        }],
    })
}
