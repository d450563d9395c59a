use std::time::Duration;

use serde_json::Value;

use super::{
    gateway::Gateway,
    keys::AccessKey,
    moments::{http_date, milliseconds},
    paging::Paging,
    readings::Model,
    refusal::Refusal,
};
use crate::{
    clock::Timestamp,
    simulator::exchange::{Answer, Request},
};

/// One request to the API with what its answer depends on, beside the contents.
pub(super) struct Call<'a> {
    pub(super) gateway: &'a Gateway,
    pub(super) request: &'a Request,
    pub(super) now: Timestamp,
    pub(super) parameters: Vec<(String, String)>,
}

impl<'a> Call<'a> {
    pub(super) fn new(gateway: &'a Gateway, request: &'a Request) -> Self {
        Self {
            gateway,
            request,
            now: gateway.clock.now(),
            parameters: request.parameters(),
        }
    }

    /// The region whose endpoint was asked: as the host says, `cr.cn-beijing.aliyuncs.com` say, or
    /// the simulator's own where it says nothing.
    pub(super) fn region(&self) -> &str {
        let host = self.request.header("Host").unwrap_or_default();
        let named = host.strip_suffix(".aliyuncs.com").and_then(|host| {
            let (product, region) = host.split_once('.')?;
            let is_own = ["cr", "cr-vpc", "cr-internal"].contains(&product);
            (is_own && !region.contains('.')).then_some(region)
        });
        named.unwrap_or(&self.gateway.region)
    }

    /// One of a kind, as every answer has.
    pub(super) fn request_id(&self) -> String {
        format!("0A1B2C3D-0000-4000-8000-{:012}", self.request.number)
    }

    /// The value of a parameter that is set and says something.
    pub(super) fn parameter(&self, name: &str) -> Option<&str> {
        let mut pairs = self.parameters.iter();
        pairs
            .find(|(present, value)| present == name && !value.is_empty())
            .map(|(_, value)| value.as_str())
    }

    pub(super) fn required(&self, name: &str) -> Result<&str, Refusal> {
        self.parameter(name).ok_or_else(|| Refusal::missing(name))
    }

    /// A number above zero.
    pub(super) fn number(&self, name: &str) -> Result<Option<u64>, Refusal> {
        let Some(text) = self.parameter(name) else {
            return Ok(None);
        };
        let number = text.parse().ok().filter(|number| *number > 0);
        number.map(Some).ok_or_else(|| Refusal::invalid(name))
    }

    pub(super) fn flag(&self, name: &str) -> bool {
        let value = self.parameter(name);
        value.is_some_and(|value| value.eq_ignore_ascii_case("true"))
    }

    /// Whether a parameter names this value, or nothing.
    pub(super) fn selects(&self, name: &str, value: &str) -> bool {
        self.parameter(name).is_none_or(|wanted| wanted == value)
    }

    /// The page of a list that can be paged by number only.
    pub(super) fn numbered(&self, page: &str) -> Result<Paging, Refusal> {
        let size = self.number("PageSize")?;
        let size = self.gateway.readings.page_size(size)?;
        Ok(Paging::numbered(self.number(page)?, size))
    }

    pub(super) fn refuse_unless_allowed(
        &self,
        key: &AccessKey,
        action: &str,
    ) -> Result<(), Refusal> {
        if key.may(action) {
            Ok(())
        } else {
            Err(Refusal::Denied(action.to_owned()))
        }
    }

    /// The time on the clock of the server, by which clients tell how far theirs is off.
    pub(super) fn dated(&self, answer: Answer) -> Answer {
        let id = self.request_id();
        answer
            .with("Date", http_date(self.now))
            .with("x-acs-request-id", id)
    }

    /// When a registry login ends that is to last so long: not after the key by which it is got.
    pub(super) fn login_end(&self, key: &AccessKey, lasting: Duration) -> Timestamp {
        let end = self.now.saturating_add(lasting);
        key.expires.map_or(end, |expires| end.min(expires))
    }

    pub(super) fn time(&self, time: Timestamp, model: Model) -> Value {
        self.gateway.readings.number(milliseconds(time), model)
    }
}
