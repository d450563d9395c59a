#![allow(clippy::unwrap_used)]

use std::{collections::HashMap, num::NonZeroUsize, sync::Mutex};

use async_trait::async_trait;

use super::*;
use crate::{
    connector::{Capabilities, PullAccess, Verification},
    image::{Entry, ImageKind, Location, Proof, RegistryKind, TagRecord},
    selection::Patterns,
};

/// A listing whose pages are written down: by scope and cursor, `""` for the first.
#[derive(Debug, Default)]
struct Script {
    scopes: Vec<Scope>,
    pages: HashMap<(String, String), EntryPage>,
    asked: Arc<Mutex<Vec<String>>>,
}

#[async_trait]
impl Listing for Script {
    async fn scopes(&self, _after: Option<&Cursor>) -> Result<ScopePage, IntegrationError> {
        let entries = self.scopes.iter().map(|scope| ScopeEntry {
            scope: scope.clone(),
            disposition: Disposition::Read,
        });
        Ok(ScopePage {
            scopes: entries.collect(),
            listed: Some(Scope::Registry),
            next: None,
        })
    }

    async fn entries(
        &self,
        scope: &Scope,
        after: Option<&Cursor>,
    ) -> Result<EntryPage, IntegrationError> {
        let place = after.map_or("", Cursor::as_str);
        self.asked.lock().unwrap().push(format!("{scope} {place}"));
        let page = self.pages.get(&(scope.to_string(), place.to_owned()));
        page.cloned()
            .ok_or_else(|| IntegrationError::ProtocolViolation {
                context: Box::new(at()),
                violation: Violation::Cursor,
                source: None,
            })
    }

    async fn finish(self: Box<Self>) -> Result<RunProof, IntegrationError> {
        Ok(RunProof::new(Proof::Totals))
    }
}

#[derive(Debug)]
struct OneByOne;

#[async_trait]
impl RegistryConnector for OneByOne {
    fn kind(&self) -> RegistryKind {
        RegistryKind::Other
    }

    fn host(&self) -> &str {
        "registry.example.com:443"
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities {
            sync: true,
            scan: true,
            scopes_in_flight: NonZeroUsize::MIN,
        }
    }

    async fn verify(&self) -> Verification {
        unimplemented!("a listing verifies nothing")
    }

    async fn open_listing(
        &self,
        _requests: &RequestCount,
    ) -> Result<Box<dyn Listing>, IntegrationError> {
        unimplemented!("it is open already")
    }

    async fn pull_access(&self, _location: &Location) -> Result<PullAccess, IntegrationError> {
        unimplemented!("a listing pulls nothing")
    }
}

fn at() -> ErrorContext {
    ErrorContext::new(
        RegistryKind::Other,
        "registry.example.com:443",
        Step::Listing,
    )
}

fn namespace(name: &str) -> Scope {
    Scope::Namespace(name.to_owned())
}

fn image(number: u32, tag: &str) -> Image {
    Image {
        repository: "team/app".parse().unwrap(),
        digest: format!("sha256:{number:064x}").parse().unwrap(),
        tags: vec![TagRecord {
            name: tag.parse().unwrap(),
            pushed_at: None,
            expires_at: None,
        }],
        kind: ImageKind::Image,
        media_type: None,
        size: None,
        platforms: Vec::new(),
        pushed_at: None,
        pulled_at: None,
    }
}

fn page(entries: Vec<Entry>, settled: bool, next: Option<&str>) -> EntryPage {
    EntryPage {
        entries,
        settled,
        next: next.map_or(Next::End, |next| Next::Page(Cursor::new(next))),
    }
}

/// What was asked for, and each event in short.
async fn told(script: Script, plan: Plan) -> (Vec<String>, Vec<String>) {
    let asked = Arc::clone(&script.asked);
    let mut stream = walk(Ok(Box::new(script)), &OneByOne, plan);
    let mut told = Vec::new();
    while let Some(event) = stream.next().await {
        told.push(match event.unwrap() {
            ListingEvent::Page {
                images, checkpoint, ..
            } => {
                let checkpoint = checkpoint.map(|cursor| cursor.as_str().to_owned());
                format!("{} until {checkpoint:?}", images.len())
            }
            ListingEvent::Listed(scope) => format!("listed {scope}"),
            ListingEvent::Excluded(scope, reason) => format!("{} {scope}", reason.as_str()),
            ListingEvent::Skipped(scope, error) => format!("{} {scope}", error.code().as_str()),
            ListingEvent::Finished(proof) => format!("{} unread", proof.unread),
        });
    }
    let asked = asked.lock().unwrap().clone();
    (asked, told)
}

fn team(pages: Vec<(&str, EntryPage)>) -> Script {
    let pages = pages.into_iter().map(|(place, page)| {
        let place = ("namespace team".to_owned(), place.to_owned());
        (place, page)
    });
    Script {
        scopes: vec![namespace("team")],
        pages: pages.collect(),
        ..Script::default()
    }
}

fn resuming(resumption: Resumption) -> Plan {
    Plan {
        resumption,
        ..Plan::default()
    }
}

#[tokio::test]
async fn a_checkpoint_is_told_only_where_everything_before_it_was() {
    let manifest = |number| Entry::Manifest(image(number, "v1"));
    let (_, events) = told(
        team(vec![
            ("", page(vec![manifest(1)], true, Some("a"))),
            // One of its tags lies on the next page.
            (
                "a",
                page(
                    vec![manifest(2), Entry::Tag(image(3, "v1"))],
                    true,
                    Some("b"),
                ),
            ),
            (
                "b",
                page(
                    vec![manifest(4), Entry::Tag(image(3, "v2"))],
                    true,
                    Some("c"),
                ),
            ),
            ("c", page(vec![manifest(5)], true, None)),
        ]),
        Plan::default(),
    )
    .await;
    assert_eq!(
        events,
        [
            "listed registry",
            "1 until Some(\"a\")",
            "1 until None",
            "1 until None",
            "2 until None",
            "listed namespace team",
            "0 unread",
        ]
    );
}

#[tokio::test]
async fn pages_that_may_be_void_are_no_checkpoints() {
    let manifest = |number| Entry::Manifest(image(number, "v1"));
    let (_, events) = told(
        team(vec![
            ("", page(vec![manifest(1)], false, Some("2"))),
            ("2", page(vec![manifest(2)], false, None)),
        ]),
        Plan::default(),
    )
    .await;
    assert_eq!(events[1..3], ["2 until None", "listed namespace team"]);
}

#[tokio::test]
async fn what_was_listed_is_not_read_again_and_what_is_open_goes_on() {
    let rest = page(vec![Entry::Manifest(image(2, "v1"))], true, None);
    let mut script = team(vec![("a", rest)]);
    script.scopes.insert(0, namespace("done"));
    let open = [(namespace("team"), Some(Cursor::new("a")))];
    let plan = resuming(Resumption::new([namespace("done")], open));
    let (asked, events) = told(script, plan).await;
    assert_eq!(asked, ["namespace team a"]);
    assert_eq!(
        events[1..],
        ["1 until None", "listed namespace team", "0 unread"]
    );
}

#[tokio::test]
async fn a_cursor_that_the_registry_does_not_know_any_more_starts_its_scope_over() {
    let all = page(vec![Entry::Manifest(image(1, "v1"))], true, None);
    let open = [(namespace("team"), Some(Cursor::new("old")))];
    let (asked, events) = told(team(vec![("", all)]), resuming(Resumption::new([], open))).await;
    assert_eq!(asked, ["namespace team old", "namespace team "]);
    assert_eq!(
        events[1..],
        ["1 until None", "listed namespace team", "0 unread"]
    );
}

#[tokio::test]
async fn an_open_scope_that_no_list_names_any_more_has_vanished() {
    let script = team(vec![("", page(Vec::new(), true, None))]);
    let open = [(namespace("lab"), None)];
    let (_, events) = told(script, resuming(Resumption::new([], open))).await;
    assert_eq!(
        events[1..],
        [
            "listed namespace team",
            "NamespaceNotFound namespace lab",
            "0 unread"
        ]
    );
}

#[tokio::test]
async fn a_scope_that_is_not_selected_is_not_asked_for() {
    let mut script = team(vec![("", page(Vec::new(), true, None))]);
    script.scopes.push(namespace("lab"));
    let plan = Plan {
        selection: Selection::default().with_namespaces(Patterns::new(["te*"], [""; 0]).unwrap()),
        ..Plan::default()
    };
    let (asked, events) = told(script, plan).await;
    assert_eq!(asked, ["namespace team "]);
    assert!(
        events.contains(&"filtered namespace lab".to_owned()),
        "{events:?}"
    );
}
