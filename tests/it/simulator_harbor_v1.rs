//! The silent traps of the simulated Harbor 1.10, and what it counts.

use std::{collections::BTreeSet, sync::Arc};

use base64::{Engine as _, prelude::BASE64_STANDARD};
use registry_intake::{
    clock::{ManualClock, Timestamp},
    simulator::{
        HarborV1, Platform,
        harbor_v1::{Account, Child, Contents, Project, Push, Role},
    },
};
use serde_json::{Value, json};

use crate::replay::wire::{Received, send};

const ANY: &str = "application/vnd.docker.distribution.manifest.v2+json, \
                   application/vnd.docker.distribution.manifest.list.v2+json, \
                   application/vnd.oci.image.manifest.v1+json, \
                   application/vnd.oci.image.index.v1+json";

type Headers = Vec<(String, String)>;

fn header(name: &str, value: &str) -> (String, String) {
    (name.to_owned(), value.to_owned())
}

fn basic(name: &str, password: &str) -> Headers {
    let encoded = BASE64_STANDARD.encode(format!("{name}:{password}"));
    vec![header("Authorization", &format!("Basic {encoded}"))]
}

fn admin() -> Headers {
    basic(HarborV1::USERNAME, HarborV1::PASSWORD)
}

async fn harbor(contents: Contents) -> HarborV1 {
    let clock = ManualClock::jumping_at(Timestamp::UNIX_EPOCH);
    let builder = HarborV1::builder().contents(contents);
    builder.clock(Arc::new(clock)).start().await.unwrap()
}

async fn get(harbor: &HarborV1, target: &str) -> Received {
    send(harbor.address(), "GET", target, &admin()).await
}

fn body(received: &Received) -> Value {
    serde_json::from_str(&received.body).unwrap_or_else(|_| panic!("{received:?}"))
}

fn names(rows: &Value, key: &str) -> Vec<String> {
    let rows = rows.as_array().into_iter().flatten();
    rows.map(|row| row[key].as_str().unwrap().to_owned())
        .collect()
}

async fn bearer(harbor: &HarborV1, account: &Headers, scope: &str) -> Headers {
    let target = format!("/service/token?service=harbor-registry&scope={scope}");
    let token = body(&send(harbor.address(), "GET", &target, account).await);
    let token = token["token"].as_str().unwrap();
    vec![header("Authorization", &format!("Bearer {token}"))]
}

async fn manifest(harbor: &HarborV1, method: &str, target: &str, more: &Headers) -> Received {
    let (path, _) = target.split_once("/manifests/").unwrap();
    let scope = format!("repository:{path}:pull");
    let token = bearer(harbor, &admin(), &scope).await;
    let headers = [token.as_slice(), more].concat();
    send(harbor.address(), method, &format!("/v2/{target}"), &headers).await
}

fn accepting(types: &str) -> Headers {
    vec![header("Accept", types)]
}

async fn pulls(harbor: &HarborV1) -> Vec<String> {
    names(
        &body(&get(harbor, "/api/logs?operation=pull").await),
        "repo_tag",
    )
}

#[tokio::test]
async fn pages_of_the_catalog_lack_what_the_lists_hide_and_still_lead_on() {
    let mut contents = Contents::empty();
    for name in ["a", "b", "c"] {
        contents.push(&format!("p/{name}"), Push::oci_image().tag("1"));
    }
    contents.push("p/d", Push::image().tag("1"));
    contents.push("p/e", Push::image().tag("1"));
    contents.delete_tag("p/e", "1");
    let harbor = harbor(contents).await;
    let token = bearer(&harbor, &admin(), "registry:catalog:*").await;
    let mut target = "/v2/_catalog?n=2".to_owned();
    let mut pages = Vec::new();
    loop {
        let page = send(harbor.address(), "GET", &target, &token).await;
        pages.push(body(&page)["repositories"].clone());
        let Some(link) = page.header("Link") else {
            break;
        };
        target = link[1..link.find('>').unwrap()].to_owned();
    }
    assert_eq!(pages, [Value::Null, json!(["p/d"]), Value::Null]);
    let listed = body(&get(&harbor, "/api/repositories?project_id=1").await);
    assert_eq!(names(&listed, "name"), ["p/d"]);
    let tags = body(&get(&harbor, "/api/repositories/p/a/tags").await);
    assert_eq!(tags[0]["digest"], "");
}

#[tokio::test]
async fn a_tag_is_resolved_without_a_pull_by_a_head_that_knows_its_digest() {
    let mut contents = Contents::empty();
    let image = contents.push("p/a", Push::image().tag("1"));
    let children = [Child::new(Platform::default())];
    let list = contents.push("p/a", Push::list(children).tag("2"));
    let oci = contents.push("p/a", Push::oci_image().tag("3"));
    let harbor = harbor(contents).await;
    let shown = body(&get(&harbor, "/api/repositories/p/a/tags").await);

    let mut found = BTreeSet::new();
    for row in shown.as_array().unwrap() {
        let digest = row["digest"].as_str().unwrap();
        let mut headers = accepting(ANY);
        headers.push(header("If-None-Match", &format!("\"{digest}\"")));
        let target = format!("p/a/manifests/{}", row["name"].as_str().unwrap());
        let head = manifest(&harbor, "HEAD", &target, &headers).await;
        let other = head.header("Docker-Content-Digest");
        assert_eq!(head.status, if other.is_some() { 200 } else { 304 });
        found.insert(other.unwrap_or(digest).to_owned());
    }
    assert_eq!(found, BTreeSet::from([image, list, oci]));
    assert!(pulls(&harbor).await.is_empty());

    manifest(&harbor, "HEAD", "p/a/manifests/1", &accepting(ANY)).await;
    assert_eq!(pulls(&harbor).await, ["1"]);
}

#[tokio::test]
async fn what_is_not_accepted_is_converted_replaced_or_refused() {
    let mut contents = Contents::empty();
    let image = contents.push("p/a", Push::image().tag("1"));
    let children = ["amd64", "arm64"].map(|it| Child::new(Platform::new("linux", it)));
    let list = contents.push("p/a", Push::list(children).tag("2"));
    contents.push("p/a", Push::oci_image().tag("3"));
    let harbor = harbor(contents).await;

    let converted = manifest(&harbor, "HEAD", "p/a/manifests/1", &Vec::new()).await;
    assert_eq!(converted.status, 200);
    assert_ne!(
        converted.header("Docker-Content-Digest"),
        Some(image.as_str())
    );
    let schema_2 = ANY.split(',').next().unwrap();
    let child = manifest(&harbor, "GET", "p/a/manifests/2", &accepting(schema_2)).await;
    let child = child.header("Docker-Content-Digest").unwrap().to_owned();
    let shown = body(&get(&harbor, "/api/repositories/p/a/tags/2").await);
    assert_eq!(shown["digest"], child.as_str());
    assert_ne!(child, list);
    let by_digest = format!("p/a/manifests/{list}");
    let stored = manifest(&harbor, "GET", &by_digest, &Vec::new()).await;
    assert_eq!(stored.header("Docker-Content-Digest"), Some(list.as_str()));
    let refused = manifest(&harbor, "GET", "p/a/manifests/3", &accepting(schema_2)).await;
    assert_eq!(refused.status, 404);
}

#[tokio::test]
async fn pushes_and_deletions_leave_update_time_alone_and_are_logged() {
    let mut contents = Contents::empty();
    contents.push("p/a", Push::image().tag("1"));
    let harbor = harbor(contents).await;
    let before = body(&get(&harbor, "/api/repositories?project_id=1").await);
    harbor.change(|contents| {
        contents.push("p/a", Push::image().tag("2"));
        contents.delete_tag("p/a", "1");
        contents.hold_log(true);
        contents.push("p/a", Push::image().tag("late"));
    });
    let after = body(&get(&harbor, "/api/repositories?project_id=1").await);
    assert_eq!(after[0]["update_time"], before[0]["update_time"]);
    assert_eq!(after[0]["tags_count"], 2);

    let since = "/api/logs?operation=push&operation=delete&begin_timestamp=1767225603";
    let tags = names(&body(&get(&harbor, since).await), "repo_tag");
    assert_eq!(tags, ["1", "2"]);
    harbor.change(|contents| contents.commit_log());
    let tags = names(&body(&get(&harbor, since).await), "repo_tag");
    assert_eq!(tags, ["late", "1", "2"]);
}

#[tokio::test]
async fn more_than_500_rows_are_cut_without_a_word() {
    let harbor = harbor(Contents::sized(1, 501, 501)).await;
    let list = "/api/repositories?project_id=1&page_size=1000";
    let page = get(&harbor, list).await;
    assert_eq!(body(&page).as_array().unwrap().len(), 500);
    assert_eq!(page.header("X-Total-Count"), Some("501"));
    let next = "</api/repositories?page=2&page_size=1000&project_id=1>; rel=\"next\"";
    assert_eq!(page.header("Link"), Some(next));
    let rest = body(&get(&harbor, &format!("{list}&page=2")).await);
    assert_eq!(rest.as_array().unwrap().len(), 1);
    let beyond = body(&get(&harbor, "/api/projects?page=2").await);
    assert_eq!(beyond, Value::Null);
    assert_eq!(harbor.listed().len(), 501);
}

#[tokio::test]
async fn a_robot_is_a_stranger_to_the_api_and_pulls_from_its_project() {
    let mut contents = Contents::empty();
    contents.create_project(Project::public("library"));
    contents.push("p/a", Push::image().tag("1"));
    contents.push("q/a", Push::image().tag("1"));
    let harbor = harbor(contents).await;
    harbor
        .accounts()
        .add(Account::robot("p", "puller", "s3cret"));
    let member = Account::user("member", "right").member_of("p", Role::Guest);
    harbor.accounts().add(member);
    for (account, projects, granted) in [
        (basic("robot$puller", "s3cret"), 1, [200, 401]),
        (basic("member", "right"), 2, [200, 401]),
        (basic("robot$puller", "wrong"), 1, [401, 401]),
        (admin(), 3, [200, 200]),
    ] {
        let list = send(harbor.address(), "GET", "/api/projects", &account).await;
        assert_eq!(body(&list).as_array().unwrap().len(), projects);
        for (path, status) in ["p/a", "q/a"].iter().zip(granted) {
            let scope = format!("repository:{path}:pull");
            let token = bearer(&harbor, &account, &scope).await;
            let target = format!("/v2/{path}/tags/list");
            let tags = send(harbor.address(), "GET", &target, &token).await;
            assert_eq!(tags.status, status, "{path} as {account:?}");
        }
    }
    assert_eq!(harbor.accounts().failed_logins("robot$puller"), 3);
}

#[tokio::test]
async fn the_demonstration_is_listed_in_full_with_what_harbor_cannot_read() {
    let harbor = HarborV1::builder().start().await.unwrap();
    let listed = harbor.listed();
    assert_eq!(listed.len(), 13);
    let statistics = body(&get(&harbor, "/api/statistics").await);
    let repositories: BTreeSet<_> = listed.iter().map(|row| &row.repository).collect();
    assert_eq!(statistics["total_repo_count"], repositories.len());
    assert_eq!(statistics["total_project_count"], 6);
}
