use std::{
    collections::hash_map::DefaultHasher,
    hash::{Hash, Hasher},
};

use serde_json::{Map, Value, json};

use super::{
    asked::{Asked, date},
    refusal::Refusal,
    rights::{UserRole, Viewer, members_of},
    settings::{OWNERS, Organization, TeamRole},
    users::User,
};
use crate::{
    clock::Timestamp,
    simulator::{exchange::Answer, made_up::digest_of},
};

impl Asked<'_> {
    /// `GET /organization/NAME`: shown to everybody, with more for those who belong to it.
    pub(super) fn organization(&self, viewer: &Viewer, name: &str) -> Result<Answer, Refusal> {
        let organization = self
            .contents
            .organizations
            .get(name)
            .ok_or(Refusal::NotFound)?;
        let is_admin = viewer.administers(self.contents, name);
        let is_member = viewer.is_member(self.contents, name);
        let email = if is_admin { email(name) } else { String::new() };
        let mut body = json!({
            "name": name,
            "email": email,
            "avatar": avatar(name, "user"),
            "is_admin": is_admin,
            "is_member": is_member,
        });
        if is_member {
            let teams = self.team_rows(viewer, organization);
            let names = organization.teams.iter().map(|team| &team.name);
            body["ordered_teams"] = json!(names.collect::<Vec<_>>());
            body["teams"] = Value::Object(teams);
        }
        if is_admin {
            body["invoice_email"] = json!(false);
            body["invoice_email_address"] = Value::Null;
            body["tag_expiration_s"] = json!(1_209_600);
            body["is_free_account"] = json!(true);
        }
        Ok(Answer::json(200, "application/json", &body))
    }

    fn team_rows(&self, viewer: &Viewer, organization: &Organization) -> Map<String, Value> {
        let Organization { name, creator, .. } = organization;
        let sees_all =
            viewer.sees_all() || viewer.own_team_role(self.contents, name) == Some(TeamRole::Admin);
        let rows = organization.teams.iter().map(|team| {
            let members = members_of(&self.registry.accounts, name, creator, &team.name);
            let row = json!({
                "name": team.name,
                "description": "",
                "role": team.role.name(),
                "avatar": avatar(&team.name, "team"),
                "can_view": sees_all || viewer.is_in_team(name, &team.name),
                "repo_count": team.reads.len(),
                "member_count": members,
                "is_synced": false,
            });
            (team.name.clone(), row)
        });
        rows.collect()
    }

    /// `GET /organization/NAME/members`: for administrators. Whoever asks for one that does not
    /// exist is no administrator of it.
    pub(super) fn members(&self, viewer: &Viewer, name: &str) -> Result<Answer, Refusal> {
        if !viewer.administers(self.contents, name) {
            return Err(Refusal::denied(viewer));
        }
        let organization = self
            .contents
            .organizations
            .get(name)
            .ok_or(Refusal::NotFound)?;
        let users = self.registry.accounts.users();
        let rows = users
            .iter()
            .filter_map(|user| self.member_row(organization, user));
        let rows: Vec<_> = rows.collect();
        Ok(Answer::json(
            200,
            "application/json",
            &json!({ "members": rows }),
        ))
    }

    fn member_row(&self, organization: &Organization, user: &User) -> Option<Value> {
        let is_creator = organization.creator == user.name;
        let teams: Vec<_> = organization
            .teams
            .iter()
            .filter(|team| {
                let place = (organization.name.clone(), team.name.clone());
                (is_creator && team.name == OWNERS) || user.ties.teams.contains(&place)
            })
            .map(|team| json!({ "name": team.name, "avatar": avatar(&team.name, "team") }))
            .collect();
        // Whoever created a repository was permitted to administer it.
        let homes = self.contents.homes.values().map(|home| &home.settings);
        let repositories: Vec<_> = homes
            .filter(|settings| settings.namespace == organization.name)
            .filter(|settings| is_creator || user.ties.reads.contains(&settings.path()))
            .map(|settings| &settings.name)
            .collect();
        (!teams.is_empty()).then(|| {
            json!({
                "name": user.name,
                "kind": "user",
                "avatar": avatar(&user.name, "user"),
                "teams": teams,
                "repositories": repositories,
            })
        })
    }

    /// `GET /organization/NAME/robots`: for members, with their tokens for administrators.
    pub(super) fn robots(&self, viewer: &Viewer, name: &str) -> Result<Answer, Refusal> {
        if !viewer.is_member(self.contents, name) {
            return Err(Refusal::denied(viewer));
        }
        let shows_tokens = viewer.administers(self.contents, name);
        let robots = self.registry.accounts.robots();
        let rows = robots
            .iter()
            .filter(|robot| robot.owner() == name)
            .map(|robot| {
                // When robots were created and last used is not kept here.
                let mut row = json!({
                    "name": robot.name,
                    "created": date(Timestamp::UNIX_EPOCH),
                    "last_accessed": null,
                    "description": "",
                });
                if shows_tokens {
                    row["token"] = json!(robot.token);
                }
                row
            });
        let rows: Vec<_> = rows.collect();
        Ok(Answer::json(
            200,
            "application/json",
            &json!({ "robots": rows }),
        ))
    }

    /// `GET /user/`: the user of the token or the session. A good token without the scope is
    /// answered like a wrong one.
    pub(super) fn user(&self, viewer: &Viewer) -> Result<Answer, Refusal> {
        let (Some(user), Some(role)) = (viewer.user_record(), viewer.user_role()) else {
            return Err(Refusal::NoUser);
        };
        let is_whole = role == UserRole::Admin;
        let names = self.contents.organizations.keys();
        let organizations: Vec<_> = names
            .filter(|name| viewer.own_team_role(self.contents, name).is_some())
            .map(|name| {
                let role = viewer.team_role(self.contents, name);
                let mut row = json!({
                    "name": name,
                    "avatar": avatar(name, "org"),
                    "can_create_repo": role >= Some(TeamRole::Creator),
                    "public": false,
                });
                if is_whole {
                    row["is_org_admin"] = json!(role == Some(TeamRole::Admin));
                    row["preferred_namespace"] = json!(false);
                }
                row
            })
            .collect();
        let mut body = json!({
            "anonymous": false,
            "username": user.name,
            "avatar": avatar(&user.name, "user"),
            "organizations": organizations,
        });
        if is_whole {
            let more = json!({
                "can_create_repo": true,
                "is_me": true,
                "verified": true,
                "email": email(&user.name),
                "logins": [],
                "invoice_email": false,
                "invoice_email_address": null,
                "preferred_namespace": false,
                "tag_expiration_s": 1_209_600,
                "prompts": [],
                "company": null,
                "family_name": null,
                "given_name": null,
                "location": null,
                "is_free_account": true,
                "has_password_set": true,
            });
            if let (Value::Object(body), Value::Object(more)) = (&mut body, more) {
                body.extend(more);
            }
        }
        if viewer.is_superuser() {
            body["super_user"] = json!(true);
        }
        Ok(Answer::json(200, "application/json", &body))
    }
}

fn email(name: &str) -> String {
    format!("{name}@example.com")
}

fn avatar(name: &str, kind: &str) -> Value {
    let mut hasher = DefaultHasher::new();
    name.hash(&mut hasher);
    let hash = digest_of(hasher.finish()).replace("sha256:", "");
    json!({ "name": name, "hash": hash, "color": format!("#{}", &hash[..6]), "kind": kind })
}
