//! The calls that ask for tags, and for what is needed to pull.

use std::time::Duration;

use serde_json::{Value, json};

use super::calls::Asked;
use crate::simulator::acr::{
    contents::{Home, Tag},
    logins::{Login, TEMPORARY_USER},
    moments::milliseconds,
    readings::Model,
    refusal::Refusal,
};

impl Asked<'_> {
    /// `ListRepoTag`
    pub(super) fn list_repo_tag(&self) -> Result<Value, Refusal> {
        let (call, instance) = (self.call, self.instance()?);
        let home = self.repository(instance)?;
        let total = home.count();
        let paging = call.paging(total)?;
        let tags = instance.contents.tags(home, paging.offset, paging.size);
        let rows: Vec<_> = tags.iter().map(|tag| self.tag(tag, Model::Text)).collect();
        let mut body = json!({ "Images": rows });
        call.add_paging(&mut body, &paging, total, Model::Text);
        Ok(body)
    }

    /// `GetRepoTag`
    pub(super) fn get_repo_tag(&self) -> Result<Value, Refusal> {
        if self.call.request.method != "GET" {
            return Err(Refusal::no_such_api());
        }
        let (_, tag) = self.tagged()?;
        Ok(self.tag(&tag, Model::Number))
    }

    /// The repository and the tag that are named.
    pub(super) fn tagged(&self) -> Result<(&Home, Tag), Refusal> {
        let instance = self.instance()?;
        let home = self.repository(instance)?;
        let name = self.call.required("Tag")?;
        let tag = instance.contents.find_tag(home, name);
        Ok((home, tag.ok_or_else(Refusal::no_tag)?))
    }

    fn tag(&self, tag: &Tag, times: Model) -> Value {
        let readings = &self.call.gateway.readings;
        json!({
            "Tag": tag.name,
            "Digest": readings.digest(&tag.digest),
            "ImageId": readings.digest(&tag.image_id()),
            "Status": "NORMAL",
            "ImageSize": tag.size,
            "ImageCreate": self.call.time(tag.created, times),
            "ImageUpdate": self.call.time(tag.updated, times),
        })
    }

    /// `GetAuthorizationToken`: for an hour, or as many up to 24 as are asked for, though not for
    /// longer than the key lasts.
    pub(super) fn get_authorization_token(&self) -> Result<Value, Refusal> {
        let instance = self.instance()?;
        let hours = self.call.number("ExpiresInHours")?.unwrap_or(1);
        if hours > 24 {
            return Err(Refusal::invalid("ExpiresInHours"));
        }
        let asked = Duration::from_secs(hours * 3600);
        let expires = self.call.login_end(self.key, asked);
        let password = self.call.gateway.logins.issue(Login {
            instance: Some(instance.id.clone()),
            expires,
        });
        Ok(json!({
            "TempUsername": TEMPORARY_USER,
            "AuthorizationToken": password,
            "ExpireTime": milliseconds(expires),
        }))
    }
}
