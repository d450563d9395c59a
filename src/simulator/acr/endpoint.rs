use std::fmt::Debug;

use async_trait::async_trait;
use serde_json::{Value, json};

use super::{
    call::Call,
    contents::Contents,
    enterprise::{self, Instances},
    gateway::Gateway,
    keys::AccessKey,
    personal,
    refusal::{JSON, Refusal},
    registry,
};
use crate::simulator::{
    exchange::{Answer, Request},
    held::Held,
    server::Handler,
};

/// What an account has in a region: either edition, since one endpoint serves both.
pub(super) trait Holdings: Debug + Send + 'static {
    /// Of ACR Enterprise.
    fn instances(&self) -> Option<&Instances>;

    /// Of ACR Personal.
    fn personal(&self) -> Option<&Contents>;
}

/// The endpoint of a region: the API of both editions, and the registry with its token service,
/// which have domains of their own in reality.
#[derive(Debug)]
pub(super) struct Endpoint<H> {
    pub(super) gateway: Gateway,
    pub(super) held: Held<H>,
}

#[async_trait]
impl<H: Holdings> Handler for Endpoint<H> {
    fn before(&self, request: &Request) {
        self.held.call_hook(request);
    }

    async fn answer(&self, request: &Request) -> Answer {
        let held = self.held.lock();
        let call = Call::new(&self.gateway, request);
        let answer = registry::answer(&call, &*held).unwrap_or_else(|| {
            let result = self.gateway.admit(request);
            let result = result.and_then(|key| dispatch(&call, &key, &*held));
            match result {
                Ok(body) => Answer::json(200, JSON, &body),
                Err(refusal) => call.refused(refusal),
            }
        });
        call.dated(answer)
    }
}

fn dispatch(call: &Call<'_>, key: &AccessKey, held: &impl Holdings) -> Result<Value, Refusal> {
    match call.version() {
        Some(enterprise::VERSION) => {
            enterprise::calls::answer(call, key, held.instances()).map(|body| call.succeeded(body))
        }
        Some(personal::VERSION) => personal::calls::answer(call, key, held.personal()),
        Some(_) => {
            // The code is from memory.
            let message = "Specified parameter Version is not valid.";
            Err(Refusal::gateway(400, "InvalidVersion", message))
        }
        None => Err(Refusal::missing("Version")),
    }
}

impl Call<'_> {
    pub(super) fn version(&self) -> Option<&str> {
        self.request.header("x-acs-version")
    }

    /// The wrapper of Enterprise's answers.
    fn succeeded(&self, mut body: Value) -> Value {
        body["Code"] = json!("success");
        body["IsSuccess"] = json!(true);
        body["RequestId"] = json!(self.request_id());
        body
    }
}
