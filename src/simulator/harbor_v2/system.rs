use serde_json::{Map, Value, json};

use super::{
    Asked,
    refusal::{self, Refusal},
    stamp,
};
use crate::simulator::exchange::Answer;

impl Asked<'_> {
    /// `GET /api/version`
    pub(super) fn version() -> Answer {
        Answer::new(200, "text/plain; charset=utf-8", "{\"version\":\"v2.0\"}\n")
    }

    /// `GET /ping`
    pub(super) fn ping(&self) -> Answer {
        let accept = self.request.header("Accept").unwrap_or("*/*");
        if self.release().pings_in_text() {
            if accept == "application/json" {
                let message = "unsupported media type requested, only [text/plain] are available";
                return Refusal::Unprocessable(message.to_owned())
                    .answer()
                    .with("Www-Authenticate", "Basic realm=\"API\"");
            }
            // The text that it sends to others is not recorded.
            return Answer::new(200, "text/plain", "Pong");
        }
        self.old_style_json(&"Pong")
    }

    /// `GET /systeminfo`: little to anonymous clients, and from 2.13 on without the version.
    pub(super) fn system_info(&self) -> Answer {
        let release = self.release();
        let mut info = Map::new();
        let mut put = |key: &str, value: Value| info.insert(key.to_owned(), value);
        let known = self.viewer.account.is_some();
        put("auth_mode", json!(self.auth_mode.name()));
        put("self_registration", json!(false));
        if known || !release.hides_version() {
            put("harbor_version", json!(release.version()));
        }
        // 2.9 is not recorded; it is taken to answer as 2.11 does.
        if !release.has_notary_and_chartmuseum() {
            put("banner_message", json!(""));
            put("oidc_provider_name", json!(""));
            put("primary_auth_mode", json!(false));
        }
        if known || release.is_legacy() {
            put("external_url", json!(self.external_url));
            put("has_ca_root", json!(false));
            put("notification_enable", json!(true));
            put("project_creation_restriction", json!("everyone"));
            put("read_only", json!(false));
            put("registry_storage_provider_name", json!("filesystem"));
            let host = self.external_url.split_once("://").map(|(_, host)| host);
            put("registry_url", json!(host));
            if release.has_notary_and_chartmuseum() {
                put("with_chartmuseum", json!(false));
                put("with_notary", json!(false));
            }
            if !release.is_legacy() {
                put("current_time", json!(stamp(self.now)));
            }
        }
        self.old_style_json(&info)
    }

    /// `GET /users/current`: the only call that proves credentials.
    pub(super) fn current_user(&self) -> Result<Answer, Refusal> {
        let Some(account) = &self.viewer.account else {
            return if self.release().is_legacy() {
                Ok(refusal::error(401, "UNAUTHORIZED", "UnAuthorize"))
            } else {
                Err(Refusal::Unauthorized)
            };
        };
        if account.is_robot() {
            return Err(if self.release().is_legacy() {
                Refusal::Internal
            } else {
                Refusal::Precondition("get current user not available for security context: robot")
            });
        }
        let mut user = json!({
            "admin_role_in_auth": false,
            "comment": "",
            "creation_time": stamp(self.now),
            "realname": account.name(),
            "sysadmin_flag": account.is_administrator(),
            "update_time": stamp(self.now),
            "user_id": account.id,
            "username": account.name(),
        });
        if let Some(address) = account.email_address() {
            user["email"] = json!(address);
        }
        if self.release().is_legacy() {
            user["email"] = json!(account.email_address().unwrap_or_default());
            for empty in ["password", "role_name", "reset_uuid"] {
                user[empty] = json!("");
            }
            user["password_version"] = json!("sha256");
            user["deleted"] = json!(false);
            user["role_id"] = json!(0);
        }
        Ok(self.old_style_json(&user))
    }
}
