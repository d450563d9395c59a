//! The calls that ask for tags and their images, and for what is needed to pull.

use std::time::Duration;

use serde_json::{Value, json};

use super::calls::Asked;
use crate::simulator::acr::{
    contents::Tag,
    logins::{Login, TEMPORARY_USER},
    manifests,
    moments::milliseconds,
    readings::Model,
    refusal::Refusal,
};

/// How long a login lasts.
const LASTING: Duration = Duration::from_secs(3600);

impl Asked<'_> {
    /// `GET /repos/NAMESPACE/NAME/tags`
    pub(super) fn tags(&self, [namespace, name]: [&str; 2]) -> Result<Value, Refusal> {
        let home = self.home(namespace, name)?;
        let paging = self.call.numbered("Page")?;
        let tags = self.contents.tags(home, paging.offset, paging.size);
        let rows: Vec<_> = tags.iter().map(|tag| self.tag_row(tag)).collect();
        Ok(self.page("tags", &rows, &paging, home.count()))
    }

    /// `GET /repos/NAMESPACE/NAME/tags/TAG`
    pub(super) fn tag(&self, path: [&str; 3]) -> Result<Value, Refusal> {
        Ok(self.tag_row(&self.tagged(path)?))
    }

    /// The same with `/manifest`, of which the inner fields are a guess.
    pub(super) fn manifest(&self, path: [&str; 3]) -> Result<Value, Refusal> {
        let tag = self.tagged(path)?;
        Ok(json!({ "manifest": manifests::capitalised(&tag) }))
    }

    /// The same with `/layers`, of which the inner fields are a guess.
    pub(super) fn layers(&self, path: [&str; 3]) -> Result<Value, Refusal> {
        let tag = self.tagged(path)?;
        let layer = json!({
            "layerIndex": 0,
            "layerInstruction": "ADD",
            "layerCMD": "ADD file in /",
            "blobDigest": tag.layer(),
            "blobSize": tag.size,
        });
        Ok(json!({ "image": { "layers": [layer] } }))
    }

    /// `GET /tokens`
    pub(super) fn token(&self) -> Result<Value, Refusal> {
        if !self.key.has_registry_password {
            return Err(Refusal::no_user());
        }
        let expires = self.call.login_end(self.key, LASTING);
        let password = self.call.gateway.logins.issue(Login {
            instance: None,
            expires,
        });
        Ok(json!({
            "authorizationToken": password,
            "tempUserName": TEMPORARY_USER,
            "expireDate": milliseconds(expires),
        }))
    }

    pub(super) fn tagged(&self, [namespace, name, tag]: [&str; 3]) -> Result<Tag, Refusal> {
        let home = self.home(namespace, name)?;
        let tag = self.contents.find_tag(home, tag);
        tag.ok_or_else(Refusal::no_tag)
    }

    fn tag_row(&self, tag: &Tag) -> Value {
        let readings = &self.call.gateway.readings;
        json!({
            "imageUpdate": self.call.time(tag.updated, Model::Number),
            "imageCreate": self.call.time(tag.created, Model::Number),
            "imageId": readings.digest(&tag.image_id()),
            "digest": readings.digest(&tag.digest),
            "imageSize": tag.size,
            "tag": tag.name,
            "status": "NORMAL",
        })
    }
}
