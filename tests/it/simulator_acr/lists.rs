//! Lists and their pages.

use std::collections::{BTreeMap, BTreeSet};

use registry_intake::simulator::{
    AcrEnterprise,
    acr::{Contents, NextTokens, Push},
};
use serde_json::Value;

use super::{
    enterprise, of_instance, personal,
    signer::{Signer, json, refusal},
};

const NIGHTLY: u32 = 520;

fn contents() -> Contents {
    let mut contents = Contents::sized(7, 230, 460);
    let nightly = (0..NIGHTLY).fold(Push::image(), |push, n| push.tag(&format!("n{n}")));
    contents.push("ns-1/nightly", nightly);
    contents.push("ns-2/app", Push::image().tag("1").tag("latest"));
    contents.delete_repository("ns-1/app-001");
    contents
}

/// What pages by number show, which are asked for until one is empty.
async fn walked(signer: &Signer, action: &str, list: &str, query: &str) -> Vec<Value> {
    let mut rows = Vec::new();
    for page in 1.. {
        let query = of_instance(&format!("PageNo={page}&PageSize=100&{query}"));
        let body = signer.done(action, &query).await;
        let shown = body[list].as_array().unwrap().clone();
        if shown.is_empty() {
            break;
        }
        rows.extend(shown);
        let total: usize = body["TotalCount"].as_str().unwrap().parse().unwrap();
        assert!(rows.len() <= total);
    }
    rows
}

/// The same by token.
async fn walked_by_token(signer: &Signer, action: &str, list: &str, query: &str) -> Vec<Value> {
    let mut rows = Vec::new();
    let mut token = String::new();
    loop {
        let query = of_instance(&format!("MaxResults=100{token}&{query}"));
        let body = signer.done(action, &query).await;
        assert!(body.get("PageNo").is_none());
        rows.extend(body[list].as_array().unwrap().clone());
        match body["NextToken"].as_str() {
            Some(next) if !next.is_empty() => {
                token = format!("&NextToken={}", next.replace('=', "%3D"));
            }
            _ => return rows,
        }
    }
}

fn text(row: &Value, name: &str) -> String {
    row[name].as_str().unwrap().to_owned()
}

/// The images of all tags that are listed.
async fn images(signer: &Signer, by_token: bool) -> Images {
    let walk = async |action: &str, list: &str, query: &str| match by_token {
        true => walked_by_token(signer, action, list, query).await,
        false => walked(signer, action, list, query).await,
    };
    let mut tags = BTreeSet::new();
    for repository in walk("ListRepository", "Repositories", "RepoStatus=NORMAL").await {
        let path = [
            text(&repository, "RepoNamespaceName"),
            text(&repository, "RepoName"),
        ];
        let query = format!("RepoId={}", text(&repository, "RepoId"));
        for tag in walk("ListRepoTag", "Images", &query).await {
            let digest = format!("sha256:{}", text(&tag, "Digest"));
            assert!(tags.insert((path.join("/"), digest, text(&tag, "Tag"))));
        }
    }
    let mut images = BTreeMap::<_, Vec<_>>::new();
    for (repository, digest, tag) in tags {
        images.entry((repository, digest)).or_default().push(tag);
    }
    images
}

type Images = BTreeMap<(String, String), Vec<String>>;

fn held(acr: &AcrEnterprise) -> Images {
    let rows = acr.listed().into_iter();
    rows.map(|row| ((row.repository, row.digest), row.tags))
        .collect()
}

#[tokio::test]
async fn pages_of_either_kind_show_what_is_there_520_tags_of_one_digest_among_it() {
    let (acr, signer) = enterprise(|acr| acr.contents(contents())).await;
    let shown = held(&acr);
    assert!(shown.values().any(|tags| tags.len() == NIGHTLY as usize));
    assert_eq!(images(&signer, false).await, shown);
    assert_eq!(images(&signer, true).await, shown);
    let (acr, signer) =
        enterprise(|acr| acr.contents(contents()).next_tokens(NextTokens::EndEmpty)).await;
    assert_eq!(images(&signer, true).await, held(&acr));
}

#[tokio::test]
async fn personal_pages_show_what_is_there() {
    let (acr, signer) = personal(|acr| acr.contents(contents())).await;
    let mut tags = 0;
    let mut repositories = 0;
    for page in 1..=3 {
        let received = signer
            .get("/repos", &format!("Page={page}&PageSize=100"))
            .await;
        let data = json(&received)["data"].clone();
        assert_eq!((&data["total"], &data["page"]), (&231.into(), &page.into()));
        for repository in data["repos"].as_array().unwrap() {
            repositories += 1;
            let path = [
                text(repository, "repoNamespace"),
                text(repository, "repoName"),
            ];
            let path = format!("/repos/{}/tags", path.join("/"));
            for page in 1.. {
                let received = signer
                    .get(&path, &format!("Page={page}&PageSize=100"))
                    .await;
                let rows = json(&received)["data"]["tags"].as_array().unwrap().len();
                tags += rows;
                if rows == 0 {
                    break;
                }
            }
        }
    }
    let held: usize = acr.listed().iter().map(|row| row.tags.len()).sum();
    assert_eq!((repositories, tags), (231, held));
}

#[tokio::test]
async fn a_page_has_30_rows_unless_asked_and_100_at_most() {
    let (_acr, signer) = enterprise(|acr| acr.contents(contents())).await;
    let body = signer.done("ListRepository", &of_instance("")).await;
    assert_eq!(
        (&body["PageNo"], &body["PageSize"]),
        (&1.into(), &30.into())
    );
    assert_eq!(body["Repositories"].as_array().unwrap().len(), 30);
    for query in [
        "PageSize=101",
        "PageSize=0",
        "PageNo=0",
        "PageNo=x",
        "MaxResults=101",
    ] {
        let received = signer.call("ListRepository", &of_instance(query)).await;
        assert_eq!(refusal(&received).1, "PARAMETER_ERROR", "{query}");
    }
    let (_acr, signer) = enterprise(|acr| acr.contents(contents()).caps_page_size(true)).await;
    let body = signer
        .done("ListRepository", &of_instance("PageSize=1000"))
        .await;
    assert_eq!(body["PageSize"], 100);
    assert_eq!(body["Repositories"].as_array().unwrap().len(), 100);
}

#[tokio::test]
async fn where_tokens_are_unknown_they_are_passed_over() {
    let (_acr, signer) =
        enterprise(|acr| acr.contents(contents()).next_tokens(NextTokens::Never)).await;
    let body = signer
        .done("ListRepository", &of_instance("MaxResults=50"))
        .await;
    assert_eq!(
        (&body["PageSize"], body.get("NextToken")),
        (&30.into(), None)
    );
}

#[tokio::test]
async fn repositories_are_listed_by_namespace_where_not_all_at_once() {
    let (acr, signer) =
        enterprise(|acr| acr.contents(contents()).lists_all_repositories(false)).await;
    let received = signer
        .call("ListRepository", &of_instance("PageSize=100"))
        .await;
    assert_eq!(
        refusal(&received),
        (400, "MissingRepoNamespaceName".to_owned())
    );
    let mut found = 0;
    for namespace in walked(&signer, "ListNamespace", "Namespaces", "").await {
        let name = text(&namespace, "NamespaceName");
        let query = format!("RepoNamespaceName={name}");
        let rows = walked(&signer, "ListRepository", "Repositories", &query).await;
        assert!(
            rows.iter()
                .all(|row| row["RepoNamespaceName"] == name.as_str())
        );
        found += rows.len();
    }
    assert_eq!(found, 231);
    assert_eq!(acr.log().of_path("/"), acr.log().total());
}

#[tokio::test]
async fn what_is_being_deleted_is_listed_by_that_status_only() {
    let (acr, signer) = enterprise(|acr| acr).await;
    let names = async |status: &str| {
        let query = format!("RepoStatus={status}");
        let rows = walked(&signer, "ListRepository", "Repositories", &query).await;
        rows.iter()
            .map(|row| text(row, "RepoName"))
            .collect::<Vec<_>>()
    };
    assert_eq!(names("DELETING").await, ["leaving"]);
    let (normal, all) = (names("NORMAL").await, names("ALL").await);
    assert_eq!(
        (normal.len() + 1, normal.contains(&"leaving".to_owned())),
        (all.len(), false)
    );
    assert!(
        acr.listed()
            .iter()
            .all(|row| row.repository != "apps/leaving")
    );
}

#[tokio::test]
async fn contents_may_change_between_two_pages() {
    let (acr, signer) = enterprise(|acr| acr.contents(contents())).await;
    acr.before_request(|number, target, contents| {
        if number == 2 {
            assert!(target.contains("PageNo=2"));
            assert!(contents.delete_repository("ns-1/app-002"));
        }
    });
    let rows = walked(&signer, "ListRepository", "Repositories", "").await;
    assert_eq!(
        rows.len(),
        230,
        "the deletion has shifted one out of the second page"
    );
}
