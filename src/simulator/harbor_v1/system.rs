use serde::Serialize;
use serde_json::json;

use super::{Asked, json as json_answer, refusal::Refusal};
use crate::simulator::exchange::Answer;

#[derive(Serialize)]
struct SystemInfo<'a> {
    with_notary: bool,
    with_admiral: bool,
    admiral_endpoint: &'a str,
    auth_mode: &'a str,
    registry_url: &'a str,
    external_url: &'a str,
    project_creation_restriction: &'a str,
    self_registration: bool,
    has_ca_root: bool,
    harbor_version: &'a str,
    registry_storage_provider_name: &'a str,
    read_only: bool,
    with_chartmuseum: bool,
    notification_enable: bool,
}

impl Asked<'_> {
    /// `GET /api/systeminfo`: the same to everybody.
    pub(super) fn system_info(&self) -> Answer {
        let host = self.external_url.split_once("://");
        json_answer(&SystemInfo {
            with_notary: false,
            with_admiral: false,
            admiral_endpoint: "",
            auth_mode: "db_auth",
            registry_url: host.map_or(self.external_url, |(_, host)| host),
            external_url: self.external_url,
            project_creation_restriction: "everyone",
            self_registration: false,
            has_ca_root: false,
            harbor_version: self.version,
            registry_storage_provider_name: "filesystem",
            read_only: false,
            with_chartmuseum: false,
            notification_enable: true,
        })
    }

    /// `GET /api/users/current`: the only call that proves credentials.
    pub(super) fn current_user(&self) -> Result<Answer, Refusal> {
        let Some(account) = &self.viewer.account else {
            return Err(Refusal::Unauthorized("UnAuthorize"));
        };
        if account.is_robot() {
            return Err(Refusal::Internal);
        }
        let created = self.now.to_string();
        Ok(json_answer(&json!({
            "user_id": account.id,
            "username": account.name,
            "email": account.email,
            "password": "",
            "password_version": "sha256",
            "realname": account.name,
            "comment": "",
            "deleted": false,
            "role_name": "",
            "role_id": 0,
            "has_admin_role": account.is_administrator(),
            "reset_uuid": "",
            "creation_time": created,
            "update_time": created,
        })))
    }

    /// `GET /api/statistics`: the true totals for a system administrator. Others are told of public
    /// projects and their own, without totals (read from the source, not recorded).
    pub(super) fn statistics(&self) -> Result<Answer, Refusal> {
        if self.viewer.account.is_none() {
            return Err(Refusal::Unauthorized("UnAuthorized"));
        }
        let is_administrator = self.viewer.is_administrator();
        let counted = |public: bool| {
            let mut counts = (0_usize, 0_usize);
            for project in self.contents.projects.values() {
                let is_own = is_administrator || self.viewer.is_member(project);
                if project.public == public && (public || is_own) {
                    counts.0 += 1;
                    counts.1 += self.contents.known_in(project).count();
                }
            }
            counts
        };
        let ((private, private_repositories), (public, public_repositories)) =
            (counted(false), counted(true));
        let mut body = json!({
            "private_project_count": private,
            "private_repo_count": private_repositories,
            "public_project_count": public,
            "public_repo_count": public_repositories,
        });
        if is_administrator {
            body["total_project_count"] = json!(private + public);
            body["total_repo_count"] = json!(private_repositories + public_repositories);
        }
        Ok(json_answer(&body))
    }
}
