//! Sessions of a simulated Harbor: what they cost, how they end, and who is given none.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use base64::{Engine as _, prelude::BASE64_STANDARD};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use registry_intake::{
    clock::{Clock as _, ManualClock, Timestamp},
    simulator::{
        Action, Fault, HarborV2, HarborV2Builder,
        harbor_v2::{Account, AuthMode},
    },
};
use serde_json::Value;

use crate::replay::wire::{Received, ask};

const CURRENT: &str = "/api/v2.0/users/current";
const INFO: &str = "/api/v2.0/systeminfo";
const PROJECTS: &str = "/api/v2.0/projects?page_size=1";
const TOKEN: &str = "X-Harbor-CSRF-Token";
const COST: Duration = Duration::from_millis(150);
const FROZEN: Duration = Duration::from_millis(1500);

async fn harbor(clock: &ManualClock) -> HarborV2 {
    builder(clock).start().await.unwrap()
}

/// With a user besides the administrator.
fn builder(clock: &ManualClock) -> HarborV2Builder {
    HarborV2::builder()
        .clock(Arc::new(clock.clone()))
        .password_cost(COST)
        .account(Account::user("ann", "Ann12345"))
}

/// Whose waits take no time.
fn clock() -> ManualClock {
    ManualClock::jumping_at(Timestamp::UNIX_EPOCH)
}

/// A client that keeps cookies, and the token that was handed out last.
#[derive(Default)]
struct Client {
    cookies: BTreeMap<String, String>,
    token: Option<String>,
    /// Sent with every request.
    headers: Vec<(String, String)>,
}

impl Client {
    /// One that is ready to sign in.
    async fn ready(harbor: &HarborV2) -> Self {
        let mut client = Self::default();
        client.get(harbor, INFO).await;
        client.get(harbor, INFO).await;
        client
    }

    async fn signed_in(harbor: &HarborV2) -> Self {
        let mut client = Self::ready(harbor).await;
        let answer = client
            .sign_in(harbor, HarborV2::USERNAME, HarborV2::PASSWORD)
            .await;
        assert_eq!((answer.status, answer.body.as_str()), (200, ""));
        client
    }

    fn basic(name: &str, password: &str) -> Self {
        let encoded = BASE64_STANDARD.encode(format!("{name}:{password}"));
        let header = ("Authorization".to_owned(), format!("Basic {encoded}"));
        Self {
            headers: vec![header],
            ..Self::default()
        }
    }

    async fn get(&mut self, harbor: &HarborV2, target: &str) -> Received {
        self.send(harbor, "GET", target, "").await
    }

    async fn sign_in(&mut self, harbor: &HarborV2, name: &str, password: &str) -> Received {
        let field = |text| utf8_percent_encode(text, NON_ALPHANUMERIC);
        let body = format!("principal={}&password={}", field(name), field(password));
        self.send(harbor, "POST", "/c/login", &body).await
    }

    async fn send(
        &mut self,
        harbor: &HarborV2,
        method: &str,
        target: &str,
        body: &str,
    ) -> Received {
        let pair = |name: &str, value: String| (name.to_owned(), value);
        let mut headers = self.headers.clone();
        headers.push(pair("Host", harbor.address().to_string()));
        headers.push(pair("Content-Length", body.len().to_string()));
        let cookies = self.cookies.iter().filter(|(_, value)| !value.is_empty());
        let cookies: Vec<_> = cookies
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        if !cookies.is_empty() {
            headers.push(pair("Cookie", cookies.join("; ")));
        }
        headers.extend(self.token.clone().map(|token| pair(TOKEN, token)));
        let received = ask(harbor.address(), method, target, &headers, body).await;
        for (name, value) in &received.headers {
            if name.eq_ignore_ascii_case("Set-Cookie") {
                let (name, value) = value.split(';').next().unwrap().split_once('=').unwrap();
                self.cookies.insert(name.to_owned(), value.to_owned());
            }
        }
        let token = received.header(TOKEN).map(str::to_owned);
        self.token = token.or_else(|| self.token.take());
        received
    }

    fn sid(&self) -> &str {
        &self.cookies["sid"]
    }
}

fn json(received: &Received) -> Value {
    serde_json::from_str(&received.body).unwrap()
}

fn message(received: &Received) -> String {
    let message = &json(received)["errors"][0]["message"];
    message.as_str().unwrap().to_owned()
}

fn total(received: &Received) -> &str {
    received.header("X-Total-Count").unwrap()
}

/// How long an answer takes by the clock.
async fn timed<T>(clock: &ManualClock, answer: impl Future<Output = T>) -> (Duration, T) {
    let before = clock.monotonic();
    let answer = answer.await;
    (clock.monotonic() - before, answer)
}

#[tokio::test]
async fn a_users_password_costs_a_hash_at_every_request_and_a_session_none() {
    let clock = clock();
    let harbor = harbor(&clock).await;
    let accounts = harbor.accounts();
    let mut user = Client::basic(HarborV2::USERNAME, HarborV2::PASSWORD);
    for _ in 0..2 {
        let (took, answer) = timed(&clock, user.get(&harbor, PROJECTS)).await;
        assert_eq!((took, total(&answer)), (COST, "7"));
    }
    let mut robot = Client::basic(HarborV2::ROBOT_USERNAME, HarborV2::ROBOT_SECRET);
    let (took, _) = timed(&clock, robot.get(&harbor, PROJECTS)).await;
    assert_eq!((took, accounts.password_hashes()), (Duration::ZERO, 2));

    let (took, mut session) = timed(&clock, Client::signed_in(&harbor)).await;
    assert_eq!((took, accounts.password_hashes()), (COST, 3));
    for _ in 0..2 {
        let (took, answer) = timed(&clock, session.get(&harbor, PROJECTS)).await;
        assert_eq!((took, total(&answer)), (Duration::ZERO, "7"));
    }
    assert_eq!(accounts.password_hashes(), 3);

    accounts.set_password_cost(Duration::ZERO);
    let (took, _) = timed(&clock, user.get(&harbor, PROJECTS)).await;
    assert_eq!((took, accounts.password_hashes()), (Duration::ZERO, 4));
}

#[tokio::test]
async fn a_wrong_password_is_held_back_and_locks_its_name_for_both_ways_of_logging_in() {
    let clock = ManualClock::at(Timestamp::UNIX_EPOCH);
    let harbor = builder(&clock).password_cost(Duration::ZERO).start();
    let harbor = Arc::new(harbor.await.unwrap());
    for by_form in [true, false] {
        let failing = Arc::clone(&harbor);
        let mut form = Client::ready(&harbor).await;
        let failed = tokio::spawn(async move {
            if by_form {
                return form.sign_in(&failing, "ann", "wrong").await;
            }
            let mut basic = Client::basic("ann", "wrong");
            basic.get(&failing, CURRENT).await
        });
        while clock.sleepers() == 0 {
            tokio::task::yield_now().await;
        }
        let mut basic = Client::basic("ann", "Ann12345");
        let mut form = Client::ready(&harbor).await;
        assert_eq!(basic.get(&harbor, CURRENT).await.status, 401);
        assert_eq!(form.sign_in(&harbor, "ann", "Ann12345").await.status, 401);
        clock.advance(FROZEN);
        assert_eq!(failed.await.unwrap().status, 401);
        assert_eq!(basic.get(&harbor, CURRENT).await.status, 200);
        assert_eq!(form.sign_in(&harbor, "ann", "Ann12345").await.status, 200);
    }
    let accounts = harbor.accounts();
    assert_eq!(
        (accounts.failed_logins("ann"), accounts.form_logins()),
        (2, 2)
    );
    assert_eq!(accounts.password_hashes(), 6, "the locked name costs none");
}

#[tokio::test]
async fn a_robot_cannot_sign_in_by_form_and_costs_no_hash() {
    let clock = clock();
    let harbor = harbor(&clock).await;
    let mut client = Client::ready(&harbor).await;
    let (name, secret) = (HarborV2::ROBOT_USERNAME, HarborV2::ROBOT_SECRET);
    let (took, answer) = timed(&clock, client.sign_in(&harbor, name, secret)).await;
    assert_eq!((took, answer.status), (FROZEN, 401));
    assert_eq!(harbor.accounts().password_hashes(), 0);
    assert_eq!(harbor.accounts().form_logins(), 0);
}

#[tokio::test]
async fn each_sign_in_begins_a_session_of_its_own_that_ends_with_its_sign_out() {
    let harbor = harbor(&clock()).await;
    let mut first = Client::ready(&harbor).await;
    let before = first.sid().to_owned();
    let password = HarborV2::PASSWORD;
    first.sign_in(&harbor, HarborV2::USERNAME, password).await;
    assert_ne!(first.sid(), before);
    let mut second = Client::signed_in(&harbor).await;
    assert_eq!(harbor.accounts().open_sessions(), 2);

    assert_eq!(first.get(&harbor, "/c/log_out").await.status, 200);
    assert_eq!(first.cookies["sid"], "");
    assert_eq!(first.get(&harbor, CURRENT).await.status, 401);
    assert_eq!(second.get(&harbor, CURRENT).await.status, 200);
    let accounts = harbor.accounts();
    assert_eq!((accounts.open_sessions(), accounts.form_logins()), (1, 2));
}

#[tokio::test]
async fn a_session_that_ends_leaves_an_anonymous_client_to_whom_lists_answer_200() {
    let harbor = harbor(&clock()).await;
    let mut client = Client::signed_in(&harbor).await;
    let ended = client.sid().to_owned();
    harbor.accounts().end_sessions();
    let list = client.get(&harbor, PROJECTS).await;
    assert_eq!((list.status, total(&list)), (200, "2"));
    assert_ne!(client.sid(), ended, "another was handed out");
    assert_eq!(client.get(&harbor, CURRENT).await.status, 401);

    harbor.accounts().end_sessions_after(Some(2));
    for _ in 0..2 {
        let mut client = Client::signed_in(&harbor).await;
        let mut totals = Vec::new();
        for _ in 0..3 {
            totals.push(total(&client.get(&harbor, PROJECTS).await).to_owned());
        }
        assert_eq!(totals, ["7", "7", "2"]);
    }
    harbor.accounts().end_sessions_after(None);
    let mut client = Client::signed_in(&harbor).await;
    for _ in 0..3 {
        assert_eq!(client.get(&harbor, CURRENT).await.status, 200);
    }
}

#[tokio::test]
async fn stripped_credentials_are_cookies_too() {
    let harbor = harbor(&clock()).await;
    let mut client = Client::signed_in(&harbor).await;
    let strip = Fault::new(Action::StripCredentials).on_path("/projects");
    harbor.faults().arm(strip.after(1).times(1));
    let mut totals = Vec::new();
    for _ in 0..2 {
        totals.push(total(&client.get(&harbor, PROJECTS).await).to_owned());
    }
    assert_eq!(totals, ["7", "2"]);
    assert_eq!(harbor.accounts().open_sessions(), 1);
}

#[tokio::test]
async fn a_session_of_a_deleted_user_is_nobodys() {
    let harbor = harbor(&clock()).await;
    let mut client = Client::ready(&harbor).await;
    client.sign_in(&harbor, "ann", "Ann12345").await;
    assert_eq!(client.get(&harbor, CURRENT).await.status, 200);
    assert!(harbor.accounts().remove("ann"));
    assert_eq!(client.get(&harbor, CURRENT).await.status, 401);
}

#[tokio::test]
async fn a_token_counts_only_with_its_cookie_and_for_whatever_changes_something() {
    let harbor = harbor(&clock()).await;
    let mut client = Client::ready(&harbor).await;
    let token = Client::ready(&harbor).await.token;
    let own = std::mem::replace(&mut client.token, token);
    let refused = client.sign_in(&harbor, "ann", "Ann12345").await;
    assert_eq!(refused.status, 403);
    assert_eq!(message(&refused), "CSRF token invalid");
    assert_eq!(harbor.accounts().password_hashes(), 0);

    client.token = own;
    assert_eq!(client.sign_in(&harbor, "ann", "Ann12345").await.status, 200);
    client.token = None;
    let refused = client.send(&harbor, "DELETE", CURRENT, "").await;
    assert_eq!(message(&refused), "CSRF token not found in request");
    let allowed = Client::default().send(&harbor, "DELETE", CURRENT, "").await;
    assert_eq!(allowed.status, 405, "without a session there is no token");
}

#[tokio::test]
async fn with_oidc_only_the_first_administrator_has_a_password_here() {
    let harbor = builder(&clock()).auth_mode(AuthMode::Oidc).start();
    let harbor = harbor.await.unwrap();
    let mut client = Client::ready(&harbor).await;
    let info = client.get(&harbor, INFO).await;
    assert_eq!(json(&info)["auth_mode"], "oidc_auth");
    let refused = client.sign_in(&harbor, "ann", "Ann12345").await;
    assert_eq!(refused.status, 403);
    let page = format!("{}/c/oidc/login", harbor.url());
    assert_eq!(json(&refused)["redirect_location"], page);
    Client::signed_in(&harbor).await;

    harbor.accounts().set_auth_mode(AuthMode::Ldap);
    let info = client.get(&harbor, INFO).await;
    assert_eq!(json(&info)["auth_mode"], "ldap_auth");
    assert_eq!(client.sign_in(&harbor, "ann", "Ann12345").await.status, 200);
    assert_eq!(
        harbor.accounts().password_hashes(),
        1,
        "the administrator's"
    );
}

#[tokio::test]
async fn a_check_of_the_origin_wants_https_and_the_host_that_was_asked() {
    let clock = clock();
    let harbor = builder(&clock).check_origin(true).start().await.unwrap();
    let host = harbor.address();
    let (http, https) = (format!("http://{host}"), format!("https://{host}"));
    let (prefix, foreign) = (format!("{https}0"), "https://elsewhere.example".to_owned());
    for (name, value, refusal) in [
        ("Origin", &http, Some("origin invalid")),
        ("Origin", &foreign, Some("origin invalid")),
        ("Origin", &prefix, Some("origin invalid")),
        ("Referer", &http, Some("referer invalid")),
        ("X-Other", &https, Some("referer not supplied")),
        ("Origin", &https, None),
        ("Referer", &format!("{https}/harbor/sign-in"), None),
    ] {
        let mut client = Client::ready(&harbor).await;
        client.headers = vec![(name.to_owned(), value.clone())];
        let answer = client.sign_in(&harbor, "ann", "Ann12345").await;
        match refusal {
            Some(reason) => assert_eq!((answer.status, message(&answer).as_str()), (403, reason)),
            None => assert_eq!(answer.status, 200, "{name}: {value}"),
        }
    }
    harbor.check_origin(false);
    Client::signed_in(&harbor).await;
}

#[tokio::test]
async fn cookies_are_secure_where_harbor_is_reached_by_https() {
    let builder = builder(&clock()).external_url("https://harbor.example");
    let harbor = builder.start().await.unwrap();
    let mut client = Client::default();
    client.get(&harbor, INFO).await;
    let answer = client.get(&harbor, INFO).await;
    let cookie = answer.header("Set-Cookie").unwrap();
    assert!(cookie.starts_with("_gorilla_csrf="), "{cookie}");
    assert!(
        cookie.ends_with("; HttpOnly; Secure; SameSite=Strict"),
        "{cookie}"
    );
}
