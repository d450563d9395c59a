//! The silent traps of the simulated Quay, and what it counts.

use std::{sync::Arc, time::Duration};

use base64::{Engine as _, prelude::BASE64_STANDARD};
use registry_intake::{
    clock::{ManualClock, Timestamp},
    simulator::{
        Action, Fault, Quay, QuayBuilder,
        quay::{Contents, Organization, Push, Repository, Robot, Scope, Token, User},
    },
};
use serde_json::Value;

use crate::replay::wire::{Received, ask};

const LIST: &str = "/api/v1/repository?namespace=acme&last_modified=true";
const TAGS: &str = "/api/v1/repository/acme/app/tag/?onlyActiveTags=true&limit=2";
const V2_TAGS: &str = "/v2/acme/app/tags/list";

fn bearer(token: &str) -> Vec<(String, String)> {
    vec![("Authorization".to_owned(), format!("Bearer {token}"))]
}

fn basic(name: &str, password: &str) -> Vec<(String, String)> {
    let credentials = BASE64_STANDARD.encode(format!("{name}:{password}"));
    vec![("Authorization".to_owned(), format!("Basic {credentials}"))]
}

async fn get_with(quay: &Quay, target: &str, headers: &[(String, String)]) -> Received {
    let host = ("Host".to_owned(), quay.address().to_string());
    let headers = [&[host], headers].concat();
    ask(quay.address(), "GET", target, &headers, "").await
}

/// As the owner of everything.
async fn get(quay: &Quay, target: &str) -> Received {
    get_with(quay, target, &bearer(Quay::AUTH_TOKEN)).await
}

fn json(received: &Received) -> Value {
    serde_json::from_str(&received.body).unwrap_or_else(|_| panic!("{received:?}"))
}

fn names(received: &Received, list: &str) -> Vec<String> {
    let body = json(received);
    let rows = body[list].as_array().unwrap().iter();
    rows.map(|row| row["name"].as_str().unwrap().to_owned())
        .collect()
}

fn clock() -> ManualClock {
    ManualClock::at("2026-02-01T00:00:00Z".parse().unwrap())
}

fn builder(clock: &ManualClock) -> QuayBuilder {
    let mut contents = Contents::empty();
    contents.create_organization(Organization::new("acme"));
    contents.create_repository(Repository::public("acme/app"));
    for tag in ["a", "b", "c", "d"] {
        contents.push("acme/app", Push::image().tag(tag));
    }
    contents.push("acme/hidden", Push::image().tag("1"));
    let clock = Arc::new(clock.clone());
    Quay::builder().clock(clock).contents(contents)
}

async fn quay(clock: &ManualClock) -> Quay {
    builder(clock).start().await.unwrap()
}

#[tokio::test]
async fn a_page_token_that_is_garbage_or_outdated_starts_the_list_over() {
    let clock = clock();
    let sized = builder(&clock).sized(1, 250, 250);
    let quay = sized.start().await.unwrap();
    let list = "/api/v1/repository?namespace=org-1";
    let first = get(&quay, list).await;
    let token = json(&first)["next_page"].as_str().unwrap().to_owned();
    let next = format!("{list}&next_page={}", token.replace('=', "%3D"));
    let second = get(&quay, &next).await;
    assert_eq!(names(&second, "repositories")[0], "app-101");

    let garbage = get(&quay, &format!("{list}&next_page=garbage")).await;
    assert_eq!(garbage.body, first.body);
    quay.faults()
        .arm(Fault::new(Action::StripParameter("next_page")).times(1));
    assert_eq!(get(&quay, &next).await.body, first.body);
    assert_eq!(get(&quay, &next).await.body, second.body);
    clock.advance(Duration::from_secs(2 * 24 * 3600));
    let outdated = get(&quay, &next).await;
    assert_eq!(names(&outdated, "repositories")[0], "app-001");
}

#[tokio::test]
async fn whoever_has_no_valid_token_sees_an_empty_list_and_a_success() {
    let clock = clock();
    let quay = quay(&clock).await;
    let seen = names(&get(&quay, LIST).await, "repositories");
    assert_eq!(seen, ["app", "hidden"]);
    quay.faults()
        .arm(Fault::new(Action::StripCredentials).times(1));
    for received in [
        get(&quay, LIST).await,
        get_with(&quay, LIST, &[]).await,
        get_with(&quay, LIST, &bearer("wrong")).await,
        get_with(&quay, LIST, &basic(Quay::USERNAME, Quay::PASSWORD)).await,
    ] {
        let rows = names(&received, "repositories");
        assert_eq!((received.status, rows.len()), (200, 0));
    }
}

#[tokio::test]
async fn without_anonymous_access_nobody_else_is_told_anything() {
    let clock = clock();
    let quay = builder(&clock).anonymous_access(false);
    let quay = quay.start().await.unwrap();
    let refused = "{\"error\":\"Anonymous access is not allowed\"}";
    for target in [
        LIST,
        TAGS,
        "/api/v1/organization/acme",
        "/api/v1/organization/missing",
        "/api/v1/organization/acme/members",
    ] {
        let received = get_with(&quay, target, &bearer("wrong")).await;
        assert_eq!((received.status, received.body.as_str()), (401, refused));
        assert_ne!(get(&quay, target).await.status, 401, "{target}");
    }
    let wrong = basic("$oauthtoken", "wrong");
    let received = get_with(&quay, "/v2/auth", &wrong).await;
    assert_eq!((received.status, received.body.as_str()), (401, refused));
    let config = json(&get_with(&quay, "/config", &[]).await);
    assert_eq!(config["features"]["ANONYMOUS_ACCESS"], false);
}

#[tokio::test]
async fn pages_of_tags_shift_when_tags_come_and_go() {
    let clock = clock();
    for (deleted, second) in [(true, vec!["a"]), (false, vec!["c", "b"])] {
        let quay = quay(&clock).await;
        quay.before_request(move |number, _, contents| {
            if number == 2 && deleted {
                contents.delete_tag("acme/app", "d");
            } else if number == 2 {
                contents.push("acme/app", Push::image().tag("e"));
            }
        });
        assert_eq!(names(&get(&quay, TAGS).await, "tags"), ["d", "c"]);
        let page = get(&quay, &format!("{TAGS}&page=2")).await;
        assert_eq!(names(&page, "tags"), second);
    }
}

#[tokio::test]
async fn a_tag_that_expires_leaves_the_lists_and_lowers_the_last_change() {
    let clock = clock();
    let quay = quay(&clock).await;
    let hour = Duration::from_secs(3600);
    let expiry = "2026-02-01T01:00:00Z".parse().unwrap();
    quay.change(|contents| assert!(contents.expire_tag("acme/app", "d", Some(expiry))));
    let newest = |list: &Received| json(list)["repositories"][0]["last_modified"].clone();
    let before = get(&quay, LIST).await;
    let row = json(&get(&quay, TAGS).await)["tags"][0].clone();
    assert_eq!(row["expiration"], "Sun, 01 Feb 2026 01:00:00 -0000");
    assert_eq!(quay.listed("acme").len(), 5);
    clock.advance(hour);
    assert_eq!(names(&get(&quay, TAGS).await, "tags"), ["c", "b"]);
    assert_eq!(quay.listed("acme").len(), 4);
    let after = get(&quay, LIST).await;
    assert!(newest(&after).as_i64() < newest(&before).as_i64());
}

#[tokio::test]
async fn the_registrys_list_of_tags_lacks_what_is_new_for_two_minutes() {
    let clock = clock();
    let quay = quay(&clock).await;
    let tags = async || json(&get_with(&quay, V2_TAGS, &[]).await)["tags"].to_string();
    assert_eq!(tags().await, r#"["a","b","c","d"]"#);
    quay.change(|contents| {
        contents.push("acme/app", Push::image().tag("e"));
        contents.delete_tag("acme/app", "a");
    });
    clock.advance(Duration::from_secs(119));
    assert_eq!(tags().await, r#"["b","c","d"]"#);
    clock.advance(Duration::from_secs(1));
    assert_eq!(tags().await, r#"["b","c","d","e"]"#);
}

#[tokio::test]
async fn the_demonstration_has_every_trap_and_its_details_end_at_500_tags() {
    let quay = Quay::builder().start().await.unwrap();
    assert_eq!(quay.organizations(), ["acme", "data.science", "empty"]);
    assert_eq!(quay.listed("empty"), []);
    let list = get(&quay, LIST).await;
    let rows = json(&list)["repositories"].clone();
    let rows = rows.as_array().unwrap().iter();
    let unused = rows.filter(|row| row["last_modified"].is_null()).count();
    assert_eq!(unused, 2);
    let nightly = "/api/v1/repository/acme/nightly";
    let details = json(&get(&quay, nightly).await);
    assert_eq!(details["tags"].as_object().unwrap().len(), 500);
    let listed = quay.listed("acme");
    let nights = listed.iter().filter(|row| row.repository == "acme/nightly");
    let nights: Vec<_> = nights.map(|row| row.tags.len()).collect();
    assert_eq!(nights, [520], "one digest, one image");
    let tools = get(&quay, "/api/v1/repository/acme/tools/tag/").await;
    let sparse = &json(&tools)["tags"][0];
    assert_eq!(sparse["name"], "7-sparse");
    assert_eq!(
        (&sparse["is_sparse"], &sparse["size"]),
        (&Value::from(true), &Value::Null)
    );
    assert_eq!(sparse["present_child_count"], 2);
}

#[tokio::test]
async fn every_call_by_token_costs_a_comparison_and_none_by_session_does() {
    let clock = clock();
    let quay = quay(&clock).await;
    get(&quay, LIST).await;
    get(&quay, TAGS).await;
    assert_eq!(quay.accounts().bcrypts(), 2);

    let (session, token) = signed_in(&quay).await;
    assert_eq!(quay.accounts().bcrypts(), 3);
    let list = get_with(&quay, LIST, &session).await;
    assert_eq!(names(&list, "repositories"), ["app", "hidden"]);
    assert_eq!(quay.accounts().bcrypts(), 3);

    assert_eq!(
        post(&quay, "/api/v1/signout", &session, "{}").await.status,
        403
    );
    let with_token = [session.as_slice(), &[token]].concat();
    let signed_out = post(&quay, "/api/v1/signout", &with_token, "{}").await;
    assert_eq!(
        (signed_out.status, signed_out.header("Set-Cookie")),
        (200, None)
    );
    let list = get_with(&quay, LIST, &session).await;
    assert_eq!(names(&list, "repositories"), [""; 0]);
}

#[tokio::test]
async fn sessions_end_with_the_password_and_on_demand() {
    let clock = clock();
    let quay = quay(&clock).await;
    let (session, _) = signed_in(&quay).await;
    quay.accounts().end_sessions();
    assert_eq!(get_with(&quay, "/api/v1/user/", &session).await.status, 401);
    let (session, _) = signed_in(&quay).await;
    assert_eq!(get_with(&quay, "/api/v1/user/", &session).await.status, 200);
    assert!(quay.accounts().set_password(Quay::USERNAME, "another"));
    assert_eq!(get_with(&quay, "/api/v1/user/", &session).await.status, 401);
}

async fn post(quay: &Quay, target: &str, headers: &[(String, String)], body: &str) -> Received {
    let mut headers = headers.to_vec();
    headers.push(("Host".to_owned(), quay.address().to_string()));
    headers.push(("Content-Length".to_owned(), body.len().to_string()));
    ask(quay.address(), "POST", target, &headers, body).await
}

/// The cookie of a session of the owner, and the token with which it ends.
async fn signed_in(quay: &Quay) -> (Vec<(String, String)>, (String, String)) {
    let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    let cookie = |received: &Received| {
        let cookie = received.header("Set-Cookie").unwrap();
        pair("Cookie", cookie.split(';').next().unwrap())
    };
    let begun = get_with(quay, "/csrf_token", &[]).await;
    let token = json(&begun)["csrf_token"].as_str().unwrap().to_owned();
    let headers = [cookie(&begun), pair("X-CSRF-Token", &token)];
    let body = serde_json::json!({ "username": Quay::USERNAME, "password": Quay::PASSWORD });
    let signed_in = post(quay, "/api/v1/signin", &headers, &body.to_string()).await;
    assert_eq!(signed_in.status, 200, "{signed_in:?}");
    let next = signed_in.header("X-Next-CSRF-Token").unwrap();
    (vec![cookie(&signed_in)], pair("X-CSRF-Token", next))
}

#[tokio::test]
async fn a_token_can_be_one_of_many_that_do_not_do() {
    let clock = clock();
    let names = ["expired", "revoked", "disabled", "member", "no-scope"];
    let value = |name: &str| format!("{name:-<40}");
    let all = [Scope::RepoRead, Scope::OrgAdmin];
    let token = |name: &str, user: &str, scopes: &[Scope]| Token::new(&value(name), user, scopes);
    let quay = builder(&clock)
        .user(User::new("retired", "secret").disabled())
        .user(User::new("reader", "secret").reads("acme/hidden"))
        .token(token("expired", Quay::USERNAME, &all).expires(Timestamp::UNIX_EPOCH))
        .token(token("disabled", "retired", &all))
        .token(token("member", "reader", &all))
        .token(token("no-scope", Quay::USERNAME, &[Scope::OrgAdmin]));
    let quay = quay.start().await.unwrap();
    let mut seen = Vec::new();
    for name in names {
        let headers = bearer(&value(name));
        let mut statuses = Vec::new();
        for target in [
            "/api/v1/organization/acme",
            "/api/v1/organization/acme/members",
            "/api/v1/repository/acme/hidden/tag/",
        ] {
            statuses.push(get_with(&quay, target, &headers).await.status);
        }
        let reason = get_with(&quay, "/v2/auth", &basic("$oauthtoken", &value(name))).await;
        let reason = json(&reason)["errors"][0]["message"].clone();
        seen.push((
            name,
            statuses,
            reason.as_str().unwrap_or_default().to_owned(),
        ));
    }
    let row = |name, statuses: [u16; 3], reason: &str| (name, statuses.to_vec(), reason.to_owned());
    let expected = [
        row("expired", [200, 401, 401], "OAuth access token has expired"),
        row(
            "revoked",
            [200, 401, 401],
            "OAuth access token could not be validated",
        ),
        row(
            "disabled",
            [200, 401, 401],
            "Granter of the oauth access token is disabled",
        ),
        row("member", [200, 403, 200], ""),
        row("no-scope", [200, 200, 403], ""),
    ];
    assert_eq!(seen, expected);
}

#[tokio::test]
async fn a_robot_is_given_a_token_for_what_it_may_pull() {
    let clock = clock();
    let robot = Robot::new("acme+puller", "secret").reads_all();
    let quay = builder(&clock).robot(robot).start().await.unwrap();
    let service = quay.address();
    let target = format!("/v2/auth?service={service}&scope=repository:acme/hidden:pull");
    let granted = get_with(&quay, &target, &basic("acme+puller", "secret")).await;
    let token = json(&granted)["token"].as_str().unwrap().to_owned();
    let manifest = "/v2/acme/hidden/manifests/1";
    assert_eq!(get_with(&quay, manifest, &[]).await.status, 401);
    assert_eq!(get_with(&quay, manifest, &bearer(&token)).await.status, 200);
    clock.advance(Duration::from_secs(3600));
    let late = get_with(&quay, manifest, &bearer(&token)).await;
    assert_eq!(late.status, 401);
}

#[tokio::test]
async fn what_is_too_long_or_too_much_is_refused_by_a_page_of_nginx() {
    let clock = clock();
    let quay = quay(&clock).await;
    let long = format!("/v2/auth?service={}", "x".repeat(4100));
    assert_eq!(get(&quay, &long).await.status, 400);
    let many = get_with(&quay, LIST, &bearer(&"x".repeat(8200))).await;
    assert_eq!(many.status, 400);
    quay.throttle(Some(1));
    assert_eq!(get(&quay, LIST).await.status, 200);
    let throttled = get(&quay, LIST).await;
    assert_eq!(
        (throttled.status, throttled.header("Retry-After")),
        (429, None)
    );
    assert!(throttled.body.starts_with("<html>"));
}

#[tokio::test]
async fn a_version_is_stated_only_where_there_is_a_page_for_it() {
    let clock = clock();
    let stating = builder(&clock).version("3.9.1").start().await.unwrap();
    let config = json(&get_with(&stating, "/config", &[]).await);
    assert_eq!(config["version_number"], "Quay v3.9.1");
    let silent = builder(&clock).without_config().start().await.unwrap();
    let page = get_with(&silent, "/config", &[]).await;
    assert_eq!(
        (page.status, page.header("Content-Type")),
        (200, Some("text/html"))
    );
}

#[tokio::test]
async fn repositories_of_another_kind_are_in_no_list_of_images() {
    let clock = clock();
    let quay = quay(&clock).await;
    quay.change(|contents| {
        contents.create_repository(Repository::private("acme/package").application());
        contents.push("acme/package", Push::image().tag("1"));
    });
    let images = names(&get(&quay, LIST).await, "repositories");
    assert_eq!(images, ["app", "hidden"]);
    let others = get(&quay, &format!("{LIST}&repo_kind=application")).await;
    assert_eq!(names(&others, "repositories"), ["package"]);
    assert!(
        quay.listed("acme")
            .iter()
            .all(|row| row.repository != "acme/package")
    );
}

#[tokio::test]
async fn names_may_hold_words_that_the_api_uses_too() {
    let clock = clock();
    let quay = quay(&clock).await;
    for name in [
        "team/logs-api",
        "team/mirror/alpine",
        "build/tag/er",
        "a/b/c/d",
    ] {
        quay.change(|contents| contents.push(&format!("acme/{name}"), Push::image().tag("1")));
        let tags = get(&quay, &format!("/api/v1/repository/acme/{name}/tag/")).await;
        assert_eq!(names(&tags, "tags"), ["1"], "{name}");
        let encoded = name.replace('/', "%2F");
        let tags = get(&quay, &format!("/api/v1/repository/acme/{encoded}/tag/")).await;
        assert_eq!(names(&tags, "tags"), ["1"], "{encoded}");
    }
}
