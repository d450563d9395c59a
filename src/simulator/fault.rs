use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use bytes::Bytes;
use serde_json::{Map, Value};

use super::exchange::{Answer, Request};

/// What goes wrong with a request.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Action {
    /// This answer, and the registry is not asked.
    Answer {
        /// The status code.
        status: u16,
        /// Header names and values.
        headers: Vec<(String, String)>,
        /// The body, as it is.
        body: String,
    },
    /// No answer, ever; the connection stays open.
    Hang,
    /// The connection is reset before a byte of the answer.
    Reset,
    /// The connection closes after half of the body.
    CutBody,
    /// Half of the body as a complete HTTP answer.
    TruncateBody,
    /// The web page that a portal or a captive proxy answers with, status 200.
    Html,
    /// The registry is asked without the credentials and the cookies that were sent.
    StripCredentials,
    /// The registry is asked without this parameter of the query: without its page token or page
    /// number, a list starts over.
    StripParameter(&'static str),
    /// The answer before this one for the same path, headers included. Arm it before the page
    /// that it is to repeat.
    RepeatPage,
    /// The total of a list is off by this much, though not below zero: its `X-Total-Count`, or what
    /// ACR tells in the body.
    TotalOffBy(i64),
    /// The rows of a JSON list in reverse order. The list may be the only one in an object, or in
    /// the `data` of one.
    ReverseRows,
    /// A JSON list, as it is, the only one in an object or in the `data` of one, without its last
    /// rows, and a total that agrees: a view that shrank.
    Shrink(usize),
    /// The answer comes later, by the simulator's clock.
    Delay(Duration),
}

impl Action {
    /// An empty answer with this status.
    #[must_use]
    pub fn status(status: u16) -> Self {
        Self::Answer {
            status,
            headers: Vec::new(),
            body: String::new(),
        }
    }

    /// 429, with a `Retry-After` where one is given (seconds or an HTTP date).
    #[must_use]
    pub fn too_many_requests(retry_after: Option<&str>) -> Self {
        Self::refused(429, retry_after)
    }

    /// 503, with a `Retry-After` where one is given (seconds or an HTTP date).
    #[must_use]
    pub fn unavailable(retry_after: Option<&str>) -> Self {
        Self::refused(503, retry_after)
    }

    fn refused(status: u16, retry_after: Option<&str>) -> Self {
        Self::Answer {
            status,
            headers: retry_after
                .map(|value| ("Retry-After".to_owned(), value.to_owned()))
                .into_iter()
                .collect(),
            body: String::new(),
        }
    }
}

/// An [`Action`] and the requests that it strikes: all of them, unless narrowed.
///
/// ```
/// use registry_intake::simulator::{Action, Fault};
///
/// // The third page of any list loses its answer, once.
/// let fault = Fault::new(Action::Reset).on_path("page_size=").nth(3);
/// # let _ = fault;
/// ```
#[derive(Debug, Clone)]
pub struct Fault {
    action: Action,
    path: Option<String>,
    account: Option<String>,
    call: Option<String>,
    skip: u64,
    times: Option<u64>,
}

impl Fault {
    /// Strikes every request.
    #[must_use]
    pub fn new(action: Action) -> Self {
        Self {
            action,
            path: None,
            account: None,
            call: None,
            skip: 0,
            times: None,
        }
    }

    /// Only requests whose path and query, as sent, contain `part`.
    #[must_use]
    pub fn on_path(mut self, part: impl Into<String>) -> Self {
        self.path = Some(part.into());
        self
    }

    /// Only calls of this name to an API of Alibaba Cloud, `ListRepoTag` say, which the path does not
    /// always tell.
    #[must_use]
    pub fn of_call(mut self, name: impl Into<String>) -> Self {
        self.call = Some(name.into());
        self
    }

    /// Only requests with Basic credentials of this user name, or signed by the access key of this
    /// id, right or wrong.
    #[must_use]
    pub fn of_account(mut self, name: impl Into<String>) -> Self {
        self.account = Some(name.into());
        self
    }

    /// Only the `k`-th request, from now on, of those that it would strike; 1 is the next.
    #[must_use]
    pub fn nth(self, k: u64) -> Self {
        self.after(k.saturating_sub(1)).times(1)
    }

    /// Lets `count` of the requests that it would strike pass first.
    #[must_use]
    pub fn after(mut self, count: u64) -> Self {
        self.skip = count;
        self
    }

    /// Is spent after `count` strikes.
    #[must_use]
    pub fn times(mut self, count: u64) -> Self {
        self.times = Some(count);
        self
    }

    fn concerns(&self, request: &Request) -> bool {
        self.path
            .as_ref()
            .is_none_or(|part| request.target().contains(part))
            && (self.account.is_none() || self.account == request.account())
            && (self.call.is_none() || self.call.as_deref() == request.call())
    }
}

/// The faults of a running server; they may be armed and cleared at any time.
#[derive(Debug, Default)]
pub struct Faults {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    armed: Vec<Fault>,
    struck: u64,
    /// The last answer by path, kept while a `RepeatPage` is armed.
    previous: HashMap<String, Answer>,
}

impl Faults {
    /// Adds a fault. Where several would strike one request, the one armed first does.
    pub fn arm(&self, fault: Fault) {
        self.state().armed.push(fault);
    }

    /// Takes all faults away.
    pub fn clear(&self) {
        let mut state = self.state();
        state.armed.clear();
        state.previous.clear();
    }

    /// How many requests were struck since the server started.
    #[must_use]
    pub fn struck(&self) -> u64 {
        self.state().struck
    }

    /// The action for this request, which is thereby counted for every fault that it concerns.
    pub(super) fn strike(&self, request: &Request) -> Option<Action> {
        let mut state = self.state();
        let mut action = None;
        for fault in &mut state.armed {
            if fault.times == Some(0) || !fault.concerns(request) {
                continue;
            }
            if fault.skip > 0 {
                fault.skip -= 1;
            } else if action.is_none() {
                fault.times = fault.times.map(|times| times - 1);
                action = Some(fault.action.clone());
            }
        }
        state.struck += u64::from(action.is_some());
        action
    }

    /// Keeps the answer for a `RepeatPage` that is still armed.
    pub(super) fn remember(&self, request: &Request, answer: &Answer) {
        let mut state = self.state();
        if state
            .armed
            .iter()
            .any(|fault| fault.action == Action::RepeatPage)
        {
            state.previous.insert(request.path.clone(), answer.clone());
        }
    }

    pub(super) fn previous(&self, request: &Request) -> Option<Answer> {
        self.state().previous.get(&request.path).cloned()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What an action that lets the registry answer makes of the answer.
pub(super) fn bend(action: &Action, mut answer: Answer) -> Answer {
    match action {
        Action::TruncateBody => {
            answer.body.truncate(answer.body.len() / 2);
        }
        Action::TotalOffBy(by) => shift_total(&mut answer, *by),
        Action::ReverseRows => change_rows(&mut answer, |rows| rows.reverse()),
        Action::Shrink(by) => {
            let mut taken = 0;
            change_rows(&mut answer, |rows| {
                let kept = rows.len().saturating_sub(*by);
                taken = i64::try_from(rows.len() - kept).unwrap_or(i64::MAX);
                rows.truncate(kept);
            });
            shift_total(&mut answer, -taken);
        }
        _ => {}
    }
    answer
}

fn shift_total(answer: &mut Answer, by: i64) {
    let shifted = |count: i64| count.saturating_add(by).max(0);
    if let Some(total) = answer.header_mut("X-Total-Count") {
        if let Ok(count) = total.parse::<i64>() {
            *total = shifted(count).to_string();
        }
        return;
    }
    let mut body: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
    match total_in(&mut body) {
        Some(Value::String(total)) => {
            if let Ok(count) = total.parse::<i64>() {
                *total = shifted(count).to_string();
            }
        }
        Some(total) => {
            if let Some(count) = total.as_i64() {
                *total = Value::from(shifted(count));
            }
        }
        None => return,
    }
    answer.body = Bytes::from(body.to_string());
}

/// Where ACR tells the total of a list.
fn total_in(body: &mut Value) -> Option<&mut Value> {
    if body.get("data").is_some() {
        return body.get_mut("data")?.get_mut("total");
    }
    let name = ["TotalCount", "total"]
        .into_iter()
        .find(|name| body.get(name).is_some())?;
    body.get_mut(name)
}

fn change_rows(answer: &mut Answer, change: impl FnOnce(&mut Vec<Value>)) {
    let mut body = serde_json::from_slice(&answer.body).unwrap_or_default();
    let rows = match &mut body {
        Value::Array(rows) => Some(rows),
        Value::Object(fields) => match fields.get_mut("data") {
            Some(Value::Object(data)) => list_in(data),
            _ => list_in(fields),
        },
        _ => None,
    };
    if let Some(rows) = rows {
        change(rows);
        answer.body = Bytes::from(body.to_string());
    }
}

fn list_in(fields: &mut Map<String, Value>) -> Option<&mut Vec<Value>> {
    fields.values_mut().find_map(Value::as_array_mut)
}

#[cfg(test)]
mod tests {
    use hyper::HeaderMap;

    use super::*;

    fn request(path: &str) -> Request {
        Request {
            number: 1,
            method: "GET".to_owned(),
            path: path.to_owned(),
            query: String::new(),
            headers: HeaderMap::new(),
            body: Bytes::new(),
            signed_query: None,
        }
    }

    #[test]
    fn the_nth_fault_counts_only_the_requests_that_concern_it() {
        let faults = Faults::default();
        faults.arm(Fault::new(Action::Reset).on_path("/list").nth(2));
        assert_eq!(faults.strike(&request("/list")), None);
        assert_eq!(faults.strike(&request("/other")), None);
        assert_eq!(faults.strike(&request("/list")), Some(Action::Reset));
        assert_eq!(faults.strike(&request("/list")), None);
        assert_eq!(faults.struck(), 1);
    }

    #[test]
    fn a_shrunk_list_agrees_with_its_total() {
        let answer = Answer::new(200, "application/json", "[1,2,3]").with("X-Total-Count", "9");
        let mut bent = bend(&Action::Shrink(2), answer);
        assert_eq!(bent.body, "[1]");
        assert_eq!(bent.header_mut("x-total-count"), Some(&mut "7".to_owned()));

        let answer = Answer::new(200, "application/json", r#"{"next":"x","rows":[1,2]}"#);
        let bent = bend(&Action::Shrink(1), answer);
        assert_eq!(bent.body, r#"{"next":"x","rows":[1]}"#);
    }

    #[test]
    fn the_totals_in_bodies_of_acr_are_bent_too() {
        let shrunk = |body: &str| {
            let answer = Answer::new(200, "application/json", body.to_owned());
            bend(&Action::Shrink(1), answer).body
        };
        assert_eq!(
            shrunk(r#"{"Images":[1,2],"TotalCount":"7"}"#),
            r#"{"Images":[1],"TotalCount":"6"}"#
        );
        assert_eq!(
            shrunk(r#"{"data":{"tags":[1,2],"total":7},"requestId":"x"}"#),
            r#"{"data":{"tags":[1],"total":6},"requestId":"x"}"#
        );
    }

    #[test]
    fn a_parameter_is_stripped_wherever_it_stands() {
        let mut request = request("/list");
        request.query = "page=2&last=a%3D&page_size=3&page".to_owned();
        request.strip_parameter("page");
        assert_eq!(request.query, "last=a%3D&page_size=3");
        assert_eq!(request.signed_parameters().len(), 4);
        let parameters = request.parameters();
        assert_eq!(parameters[0], ("last".to_owned(), "a=".to_owned()));
    }
}
