use percent_encoding::percent_decode_str;

use super::{
    asked::Asked,
    refusal::{Refusal, nginx},
};
use crate::simulator::exchange::Answer;

/// The page that the new web interface answers every path with that is not there.
const INTERFACE: &str = "<!DOCTYPE html>\n<html lang=\"en-US\">\n\n<head>\n  <meta charset=\"utf-8\">\n  \
                         <title>Quay</title>\n  <base href=\"/\">\n</head>\n\n<body>\n\
                         <div id=\"root\"></div>\n</body>\n\n</html>\n";

/// How long a request line may be, and a header that nginx takes.
const LONGEST_LINE: usize = 4094;
const LONGEST_HEADER: usize = 8192;

/// What Quay serves outside of its API and the simulator does not.
const NOT_SIMULATED: &[&str] = &[
    "/_internal_ping",
    "/health/dbrevision",
    "/health/endtoend",
    "/health/warning",
    "/oauth/",
    "/status",
    "/v1/",
];

impl Asked<'_> {
    pub(super) fn routed(&self) -> Answer {
        // The pages of these two refusals are recorded nowhere.
        let line = self.request.method.len() + self.request.target().len() + " HTTP/1.1\r\n".len();
        let mut headers = self.request.headers.values();
        if line > LONGEST_LINE || headers.any(|value| value.len() > LONGEST_HEADER) {
            return nginx(400, "400 Bad Request");
        }
        let path = percent_decode_str(&self.request.path).decode_utf8_lossy();
        let answer = self
            .route(&path)
            .unwrap_or_else(|refusal| self.refused(refusal));
        if keeps_alive(&path) {
            answer
        } else {
            answer.with("Connection", "close")
        }
    }

    fn route(&self, path: &str) -> Result<Answer, Refusal> {
        if path == "/v2" {
            return Err(Refusal::Slash(path.to_owned()));
        }
        if let Some(rest) = path.strip_prefix("/v2/") {
            return self.distribution(rest);
        }
        if path == "/api" || path.starts_with("/api/") {
            return self.api(path);
        }
        match path {
            "/config" => {
                if let Some(version) = &self.registry.settings.version {
                    return Ok(self.config(version));
                }
            }
            "/health/instance" => return Ok(Self::health()),
            "/v1/_ping" => return Ok(Self::ping()),
            "/csrf_token" => return Ok(self.csrf_token()),
            _ => {}
        }
        let is_not_simulated = NOT_SIMULATED
            .iter()
            .any(|known| path == *known || (known.ends_with('/') && path.starts_with(known)));
        if is_not_simulated {
            return Err(Refusal::NotSimulated(path.to_owned()));
        }
        // What becomes of a path with a dot that is not there is recorded nowhere.
        let last = path.rsplit('/').next().unwrap_or_default();
        if last.contains('.') {
            return Ok(nginx(404, "404 Not Found"));
        }
        Ok(Answer::new(200, "text/html", INTERFACE))
    }
}

/// nginx hands everything of the API and the registry on in HTTP/1.0, save the manifests of
/// repositories without a slash in their name.
fn keeps_alive(path: &str) -> bool {
    if let Some(rest) = path.strip_prefix("/v2/") {
        let parts: Vec<_> = rest.split('/').collect();
        return matches!(parts.as_slice(), [_, _, "manifests", _]);
    }
    !(path == "/v2" || path == "/api" || path.starts_with("/api/"))
}
