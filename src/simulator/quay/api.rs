use super::{
    asked::{Asked, Caller},
    refusal::Refusal,
};
use crate::simulator::exchange::Answer;

/// What Quay serves under `/api/v1` and the simulator does not.
const NOT_SIMULATED: &[&str] = &[
    "app",
    "entities",
    "error",
    "find",
    "messages",
    "plans",
    "registry",
    "superuser",
    "user",
    "users",
];

/// The same under a repository, behind whose name it ends the path.
const NOT_SIMULATED_OF_REPOSITORIES: &[&str] = &[
    "/aggregatelogs",
    "/build/",
    "/logs",
    "/mirror",
    "/notification/",
    "/trigger/",
];

/// And under an organization.
const NOT_SIMULATED_OF_ORGANIZATIONS: &[&str] = &[
    "aggregatelogs",
    "applications",
    "collaborators",
    "logs",
    "prototypes",
    "quota",
    "team",
];

/// A resource of the API.
enum Resource<'a> {
    Discovery,
    SignIn,
    SignOut,
    User,
    Organization(&'a str),
    Members(&'a str),
    Robots(&'a str),
    Repositories,
    Repository(&'a str, &'a str),
    Tags(&'a str, &'a str),
    Manifest(&'a str, &'a str, &'a str),
    /// One tag, which can be changed and not got.
    Tag(&'a str, &'a str),
    NotSimulated,
}

impl Asked<'_> {
    /// Everything under `/api`.
    pub(super) fn api(&self, path: &str) -> Result<Answer, Refusal> {
        let Some(resource) = path.strip_prefix("/api/v1/").and_then(resource) else {
            return Err(if path.ends_with('/') {
                Refusal::NoPage
            } else {
                Refusal::Slash(path.to_owned())
            });
        };
        self.refuse_browsers()?;
        let caller = self.caller();
        let answer = self.answer(path, &resource, &caller);
        let answer = answer.unwrap_or_else(|refusal| self.refused(refusal));
        let is_handed_out = answer.headers.iter().any(|(name, _)| name == "Set-Cookie");
        let session = caller.session.filter(|_| !is_handed_out);
        let still = session.and_then(|session| {
            let sessions = &self.registry.accounts.state().sessions;
            sessions.of(&session.cookie)
        });
        Ok(match still {
            Some(session) => self.with_session(answer, &session),
            None => answer,
        })
    }

    fn answer(
        &self,
        path: &str,
        resource: &Resource<'_>,
        caller: &Caller,
    ) -> Result<Answer, Refusal> {
        let viewer = &caller.viewer;
        let method = self.request.method.as_str();
        if method == "OPTIONS" {
            let answer = Answer::new(200, "text/html; charset=utf-8", "");
            return Ok(answer.with("Allow", "HEAD, GET, OPTIONS"));
        }
        let reads = ["GET", "HEAD"].contains(&method);
        if !reads {
            self.refuse_forgery(caller)?;
        }
        if let Resource::NotSimulated = resource {
            return Err(Refusal::NotSimulated(path.to_owned()));
        }
        let allows_anonymous = matches!(
            resource,
            Resource::Discovery | Resource::SignIn | Resource::User
        );
        let may_be_anonymous = self.registry.settings.anonymous_access || allows_anonymous;
        if viewer.is_anonymous() && !may_be_anonymous {
            return Err(Refusal::anonymous());
        }
        match (resource, reads) {
            (Resource::SignIn, false) if method == "POST" => self.sign_in(),
            (Resource::SignOut, false) if method == "POST" => Ok(self.sign_out(viewer)),
            (Resource::Tag(namespace, name), false) => {
                self.may_write(viewer, namespace, name)?;
                Err(Refusal::NotSimulated(path.to_owned()))
            }
            (Resource::Discovery, true) => Ok(self.discovery()),
            (Resource::User, true) => self.user(viewer),
            (Resource::Organization(name), true) => self.organization(viewer, name),
            (Resource::Members(name), true) => self.members(viewer, name),
            (Resource::Robots(name), true) => self.robots(viewer, name),
            (Resource::Repositories, true) => self.repositories(viewer),
            (Resource::Repository(namespace, name), true) => {
                self.repository(viewer, namespace, name)
            }
            (Resource::Tags(namespace, name), true) => self.tags(viewer, namespace, name),
            (Resource::Manifest(namespace, name, digest), true) => {
                self.api_manifest(viewer, namespace, name, digest)
            }
            _ => Err(Refusal::MethodNotAllowed),
        }
    }

    /// Browsers may only ask by script, lest they show an answer as a page.
    fn refuse_browsers(&self) -> Result<(), Refusal> {
        const BROWSERS: [&str; 4] = ["Chrome/", "Firefox/", "Safari/", "MSIE"];
        let agent = self.request.header("User-Agent").unwrap_or_default();
        let is_browser = BROWSERS.iter().any(|name| agent.contains(name));
        let is_script = self.request.header("X-Requested-With") == Some("XMLHttpRequest");
        if self.request.method == "GET" && is_browser && !is_script {
            let message = "API calls must be invoked with an X-Requested-With header if called \
                           from a browser";
            return Err(Refusal::Error(400, message.to_owned()));
        }
        Ok(())
    }

    /// Whoever changes something without a token must send the secret of a session along.
    fn refuse_forgery(&self, caller: &Caller) -> Result<(), Refusal> {
        let sent = self
            .parameter("_csrf_token")
            .or_else(|| self.request.header("X-CSRF-Token"));
        let held = caller.session.as_ref();
        let held = held.map(|session| session.csrf_token.as_str());
        if caller.by_token || (sent.is_some() && sent == held) {
            return Ok(());
        }
        let mut message = "CSRF token was invalid or missing.".to_owned();
        if let Some(name) = caller.viewer.name() {
            message.push_str(&format!(" (authorized: user {name})"));
        }
        Err(Refusal::Error(403, message))
    }
}

/// What is there under `/api/v1/`; slashes at the end count.
fn resource(rest: &str) -> Option<Resource<'_>> {
    match rest {
        "discovery" => return Some(Resource::Discovery),
        "signin" => return Some(Resource::SignIn),
        "signout" => return Some(Resource::SignOut),
        "user/" => return Some(Resource::User),
        "repository" => return Some(Resource::Repositories),
        _ => {}
    }
    let (first, rest) = rest.split_once('/')?;
    match first {
        "organization" => organization(rest),
        "repository" => repository(rest),
        _ => NOT_SIMULATED
            .contains(&first)
            .then_some(Resource::NotSimulated),
    }
}

fn organization(rest: &str) -> Option<Resource<'_>> {
    let Some((name, of)) = rest.split_once('/') else {
        return (!rest.is_empty()).then_some(Resource::Organization(rest));
    };
    let first = of.split('/').next().unwrap_or_default();
    match of {
        "members" => Some(Resource::Members(name)),
        "robots" => Some(Resource::Robots(name)),
        _ => NOT_SIMULATED_OF_ORGANIZATIONS
            .contains(&first)
            .then_some(Resource::NotSimulated),
    }
}

/// The name of a repository may have slashes, so that anything may be one that ends in none.
fn repository(rest: &str) -> Option<Resource<'_>> {
    let (namespace, name) = rest.split_once('/')?;
    if let Some(name) = name.strip_suffix("/tag/") {
        return Some(Resource::Tags(namespace, name));
    }
    if let Some((name, digest)) = name.rsplit_once("/manifest/sha256:") {
        return Some(match digest.contains('/') {
            true => Resource::NotSimulated,
            false => Resource::Manifest(namespace, name, &rest[rest.len() - digest.len() - 7..]),
        });
    }
    let mut not_simulated = NOT_SIMULATED_OF_REPOSITORIES.iter();
    if not_simulated.any(|end| name.ends_with(end)) {
        return Some(Resource::NotSimulated);
    }
    if name.is_empty() || name.ends_with('/') || name.ends_with("/tag") {
        return None;
    }
    match name.rsplit_once("/tag/") {
        Some((name, tag)) if !tag.contains('/') => Some(Resource::Tag(namespace, name)),
        _ => Some(Resource::Repository(namespace, name)),
    }
}
