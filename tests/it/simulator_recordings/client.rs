use std::collections::BTreeMap;

use registry_intake::simulator::HarborV2;

use crate::replay::{
    recording::Exchange,
    wire::{self, Received},
};

const TOKEN: &str = "X-Harbor-CSRF-Token";

/// A client that was handed out other cookies and tokens than the recorded one.
#[derive(Debug, Default)]
pub(crate) struct Client {
    /// By the recorded ones.
    ours: BTreeMap<String, String>,
}

impl Client {
    /// Asks again what was asked when it was recorded.
    pub(crate) async fn send(&mut self, harbor: &HarborV2, exchange: &Exchange) -> Received {
        let request = &exchange.request;
        let mut headers = request.headers();
        for (name, value) in &mut headers {
            if name == "Cookie" || name.eq_ignore_ascii_case(TOKEN) {
                for (theirs, ours) in &self.ours {
                    *value = value.replace(theirs, ours);
                }
            }
        }
        let (address, body) = (harbor.address(), request.body());
        let (method, path) = (request.method.as_str(), request.path.as_str());
        let served = if body.is_empty() {
            wire::send(address, method, path, &headers).await
        } else {
            wire::ask(address, method, path, &headers, body).await
        };
        self.learn(exchange, &served);
        served
    }

    /// Keeps what was handed out in the place of what was recorded.
    fn learn(&mut self, exchange: &Exchange, served: &Received) {
        let theirs = exchange.response.header(TOKEN).zip(served.header(TOKEN));
        self.ours
            .extend(theirs.map(|(theirs, ours)| (theirs, ours.to_owned())));
        for theirs in cookies(&exchange.response.headers()) {
            let served = cookies(&served.headers);
            let ours = served.into_iter().find(|ours| ours.name == theirs.name);
            let ours = ours.filter(|_| !theirs.value.is_empty());
            self.ours
                .extend(ours.map(|ours| (theirs.value, ours.value)));
        }
    }
}

/// In what the cookies and tokens differ that were handed out.
pub(crate) fn differences(exchange: &Exchange, served: &Received) -> Vec<String> {
    let recorded = &exchange.response;
    let mut found = Vec::new();
    let shapes = |headers: &[(String, String)]| -> Vec<_> {
        cookies(headers).iter().map(Cookie::shape).collect()
    };
    let (ours, theirs) = (shapes(&served.headers), shapes(&recorded.headers()));
    if ours != theirs {
        found.push(format!("cookies {ours:?} for {theirs:?}"));
    }
    let (ours, theirs) = (served.header(TOKEN), recorded.header(TOKEN));
    if ours.map(str::len) != theirs.as_ref().map(String::len) {
        found.push(format!("{TOKEN}: {ours:?} for {theirs:?}"));
    }
    found
}

struct Cookie {
    name: String,
    value: String,
    /// Without the time of its end, which is another with every clock.
    attributes: Vec<String>,
}

impl Cookie {
    fn shape(&self) -> String {
        let value = if self.value.is_empty() { "" } else { "?" };
        format!("{}={value}; {}", self.name, self.attributes.join("; "))
    }
}

fn cookies(headers: &[(String, String)]) -> Vec<Cookie> {
    let set = headers
        .iter()
        .filter(|(name, _)| name.eq_ignore_ascii_case("Set-Cookie"));
    set.map(|(_, cookie)| {
        let mut parts = cookie.split("; ").map(str::to_owned);
        let pair = parts.next().unwrap();
        let (name, value) = pair.split_once('=').unwrap();
        Cookie {
            name: name.to_owned(),
            value: value.to_owned(),
            attributes: parts.map(without_time).collect(),
        }
    })
    .collect()
}

fn without_time(attribute: String) -> String {
    if attribute.starts_with("Expires=") {
        return "Expires".to_owned();
    }
    attribute
}
