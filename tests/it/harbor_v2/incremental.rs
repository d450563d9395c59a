//! What has changed since a mark, by each release's own signal.

use std::sync::Arc;

use registry_intake::{
    config::RequiredRole,
    connector::RegistryConnector,
    image::{BlindSpot, ChangeMark, Scope},
    simulator::{
        Action, Fault, HarborV2,
        harbor_v2::{Contents, Project, Push, Release},
    },
};

use super::{as_admin, as_robot, connector, start};
use crate::incremental::{full, repositories, since};

/// Those that tell the truth to administrators.
const TRUE: [Release; 4] = [Release::V2_5, Release::V2_9, Release::V2_12, Release::V2_15];

async fn harbor(release: Release, contents: Contents) -> (HarborV2, Arc<dyn RegistryConnector>) {
    let builder = HarborV2::builder().release(release).contents(contents);
    let (harbor, clock) = start(builder).await;
    let connector = connector(as_admin(&harbor), &clock);
    (harbor, connector)
}

/// So many repositories in each of two projects, with one image each.
fn contents(each: u64) -> Contents {
    let mut contents = Contents::empty();
    for project in ["one", "two"] {
        for number in 0..each {
            let path = format!("{project}/app-{number}");
            contents.push(&path, Push::image().tag("1"));
        }
    }
    contents
}

#[tokio::test]
async fn only_releases_known_to_tell_the_truth_leave_a_mark() {
    for release in Release::ALL {
        let (harbor, clock) = start(HarborV2::builder().release(release)).await;
        let by_admin = full(&connector(as_admin(&harbor), &clock)).await;
        assert_eq!(by_admin.is_some(), TRUE.contains(&release), "{release}");
        // Nobody else is told whether the log is written at all.
        let by_robot = full(&connector(as_robot(&harbor), &clock)).await;
        assert_eq!(by_robot.is_some(), release == Release::V2_15, "{release}");
    }
}

#[tokio::test]
async fn nothing_new_costs_five_requests_at_most() {
    for release in TRUE {
        let (harbor, connector) = harbor(release, contents(120)).await;
        let mark = full(&connector).await.unwrap();
        let before = harbor.log().total();
        let told = since(&connector, &mark).await.unwrap();
        assert!(told.scopes.is_empty(), "{release}: {:?}", told.scopes);
        assert!(told.requests <= 5, "{release}: {}", told.requests);
        assert_eq!(told.requests, harbor.log().total() - before);
        let again = since(&connector, &told.mark.unwrap()).await.unwrap();
        assert!(again.scopes.is_empty(), "{release}: {:?}", again.scopes);
    }
}

#[tokio::test]
async fn what_was_pushed_moved_and_set_is_told_and_nothing_else() {
    for release in TRUE {
        let (harbor, connector) = harbor(release, contents(3)).await;
        let image = |path: &str| {
            let mut listed = harbor.listed().into_iter();
            listed.find(|row| row.repository == path).unwrap().digest
        };
        let old = image("one/app-1");
        harbor.change(|contents| contents.push("one/app-1", Push::image().tag("latest")));
        let mark = full(&connector).await.unwrap();
        harbor.change(|contents| {
            contents.push("one/app-0", Push::image().tag("2"));
            // Back to a digest that is there.
            contents.push("one/app-1", Push::image().digest(&old).tag("latest"));
            contents.tag("two/app-0", &image_of(contents, release), "set");
            contents.push("new/first", Push::image().tag("1"));
        });
        let told = since(&connector, &mark).await.unwrap();
        let changed = ["one/app-0", "one/app-1", "two/app-0", "new/first"];
        let mut expected = repositories(&changed);
        if release == Release::V2_15 {
            // Both have less than a page together.
            expected.retain(|scope| !scope.to_string().contains("one/"));
            expected.insert(Scope::Namespace("one".to_owned()));
        }
        assert_eq!(told.scopes, expected, "{release}");
        let latest = (
            "one/app-1".to_owned(),
            vec!["1".to_owned(), "latest".to_owned()],
        );
        assert!(
            told.images.contains(&latest),
            "{release}: {:?}",
            told.images
        );
        let blind: &[BlindSpot] = match release {
            Release::V2_15 => &[BlindSpot::Deletions],
            _ => &[BlindSpot::Deletions, BlindSpot::RemovedTags],
        };
        assert_eq!(told.blind_to, blind, "{release}");
        assert!(told.requests <= 1 + 4 + 5, "{release}: {}", told.requests);
    }
}

fn image_of(contents: &Contents, release: Release) -> String {
    let mut listed = contents.listed(release).into_iter();
    listed
        .find(|row| row.repository == "two/app-0")
        .unwrap()
        .digest
}

#[tokio::test]
async fn many_changes_cost_a_request_for_each_hundred_and_for_each_scope() {
    for release in TRUE {
        let (harbor, connector) = harbor(release, contents(300)).await;
        let mark = full(&connector).await.unwrap();
        harbor.change(|contents| {
            for number in 0..250 {
                contents.push(&format!("one/app-{number}"), Push::image().tag("2"));
            }
        });
        let told = since(&connector, &mark).await.unwrap();
        assert!(told.requests <= 3 + 250 + 5, "{release}: {}", told.requests);
        let pushed = |(_, tags): &&(String, Vec<String>)| tags == &["2"];
        assert_eq!(told.images.iter().filter(pushed).count(), 250, "{release}");
        if release == Release::V2_15 {
            // The project has six pages of artifacts.
            assert!(told.requests <= 3 + 6 + 5, "{release}: {}", told.requests);
            assert_eq!(told.scopes.len(), 1);
        }
    }
}

#[tokio::test]
async fn a_projects_list_that_is_no_shorter_costs_nothing() {
    // Few changes in large projects: asking how long their lists are must not break the budget.
    let (harbor, connector) = harbor(Release::V2_15, Contents::sized(8, 400, 4000)).await;
    let mark = full(&connector).await.unwrap();
    harbor.change(|contents| {
        for number in (1..=400).step_by(20) {
            contents.push(
                &format!("project-{}/app-{number}", (number - 1) / 50 + 1),
                Push::image().tag("new"),
            );
        }
    });
    let told = since(&connector, &mark).await.unwrap();
    assert!(!told.scopes.is_empty());
    let changed = 20;
    assert!(told.requests <= 1 + changed + 5, "{}", told.requests);
}

#[tokio::test]
async fn a_log_that_was_purged_switched_off_or_cut_sends_for_a_full_listing() {
    type Break = fn(&mut Contents);
    let breaks: [Break; 4] = [
        Contents::purge_audit_log,
        |contents| contents.keep_audit_log(false),
        |contents| contents.disable_audit_events(["create_artifact"]),
        |contents| contents.number_audit_log(1),
    ];
    let release = Release::V2_12;
    for (place, cut) in breaks.into_iter().enumerate() {
        let (harbor, connector) = harbor(release, contents(3)).await;
        let mark = full(&connector).await.unwrap();
        harbor.change(|contents| {
            cut(contents);
            contents.push("one/app-0", Push::image().tag("2"));
        });
        let told = since(&connector, &mark).await;
        // 2.12 has no list of events that are not written, so nothing is hidden by it.
        assert_eq!(told.is_none(), place != 2, "{place}: {told:?}");
    }
}

#[tokio::test]
async fn rows_that_are_committed_late_are_told_the_next_time() {
    let (harbor, connector) = harbor(Release::V2_12, contents(150)).await;
    let mark = full(&connector).await.unwrap();
    harbor.change(|contents| {
        contents.hold_audit_log(true);
        contents.push("one/app-0", Push::image().tag("late"));
        contents.hold_audit_log(false);
        contents.push("one/app-1", Push::image().tag("2"));
    });
    let told = since(&connector, &mark).await.unwrap();
    assert_eq!(told.scopes, repositories(&["one/app-1"]));
    harbor.change(Contents::commit_audit_log);
    let told = since(&connector, &told.mark.unwrap()).await.unwrap();
    assert_eq!(told.scopes, repositories(&["one/app-0"]));
}

#[tokio::test]
async fn a_server_that_was_set_back_sends_for_a_full_listing() {
    let restored = contents(3);
    let (harbor, connector) = harbor(Release::V2_15, restored.clone()).await;
    harbor.change(|contents| contents.push("one/app-0", Push::image().tag("2")));
    let mark = full(&connector).await.unwrap();
    harbor.change(|contents| *contents = restored);
    assert!(since(&connector, &mark).await.is_none());
    // A push by a clock that is behind would lie before the mark.
    harbor.change(|contents| {
        contents.at("2026-01-01T00:00:01Z".parse().unwrap());
        contents.push("one/app-1", Push::image().tag("2"))
    });
    assert!(since(&connector, &mark).await.is_none());
}

#[tokio::test]
async fn a_proxy_cache_stays_left_out_also_where_it_is_new() {
    for release in TRUE {
        let mut before = contents(2);
        before.create_project(Project::private("cache").proxy_cache(1));
        before.push("cache/old", Push::image().tag("1"));
        let (harbor, connector) = harbor(release, before).await;
        let mark = full(&connector).await.unwrap();
        harbor.change(|contents| {
            contents.create_project(Project::private("late-cache").proxy_cache(1));
            for path in ["cache/old", "late-cache/new", "late/plain"] {
                contents.push(path, Push::image().tag("2"));
            }
        });
        let told = since(&connector, &mark).await.unwrap();
        assert_eq!(told.scopes, repositories(&["late/plain"]), "{release}");
        assert!(told.requests <= 1 + 1 + 5, "{release}: {}", told.requests);
        // Once known, it is not asked for again.
        harbor.change(|contents| contents.push("late-cache/new", Push::image().tag("3")));
        let told = since(&connector, &told.mark.unwrap()).await.unwrap();
        assert!(told.scopes.is_empty(), "{release}: {:?}", told.scopes);
    }
}

#[tokio::test]
async fn marks_of_others_send_for_a_full_listing() {
    for release in TRUE {
        let (harbor, clock) = start(HarborV2::builder().release(release)).await;
        let admin = connector(as_admin(&harbor), &clock);
        let mark = full(&admin).await.unwrap();
        for text in ["", "{}", "null", "another connector's"] {
            assert!(since(&admin, &ChangeMark::new(text)).await.is_none());
        }
        // Another signal than this release's, as after an upgrade.
        for other in TRUE.into_iter().filter(|other| *other != release) {
            let (upgraded, clock) = start(HarborV2::builder().release(other)).await;
            let told = since(&connector(as_admin(&upgraded), &clock), &mark).await;
            let same_log = ![release, other].contains(&Release::V2_15);
            assert!(told.is_none() || same_log, "{release} {other}: {told:?}");
        }
        let with_caches = as_admin(&harbor).include_proxy_caches(true);
        assert!(
            since(&connector(with_caches, &clock), &mark)
                .await
                .is_none()
        );
    }
}

#[tokio::test]
async fn who_is_no_administrator_may_be_given_what_does_not_look_new() {
    let (harbor, clock) = start(HarborV2::builder().contents(contents(3))).await;
    let robot = connector(as_robot(&harbor), &clock);
    let mark = full(&robot).await.unwrap();
    harbor.change(|contents| contents.push("one/app-0", Push::image().tag("2")));
    let told = since(&robot, &mark).await.unwrap();
    assert_eq!(told.scopes, repositories(&["one/app-0"]));
    assert_eq!(told.blind_to, [BlindSpot::Deletions, BlindSpot::NewScopes]);
    assert!(told.requests <= 1 + 1 + 5, "{}", told.requests);
}

#[tokio::test]
async fn a_log_that_may_not_be_read_is_no_reason_not_to_list() {
    for (path, release) in [
        ("audit-logs", Release::V2_12),
        ("sort=-update_time", Release::V2_15),
    ] {
        for status in [403, 404, 500] {
            let (harbor, connector) = harbor(release, contents(2)).await;
            let fault = Fault::new(Action::status(status)).on_path(path);
            harbor.faults().arm(fault);
            assert_eq!(full(&connector).await, None, "{path} {status}");
        }
    }
}

#[tokio::test]
async fn a_repository_with_many_pages_is_read_to_its_end() {
    let (harbor, clock) = start(HarborV2::builder().sized(2, 2, 500)).await;
    let config = as_admin(&harbor).required_role(RequiredRole::Admin);
    let connector = connector(config, &clock);
    let mark = full(&connector).await.unwrap();
    harbor.change(|contents| contents.push("project-1/app-1", Push::image().tag("new")));
    let told = since(&connector, &mark).await.unwrap();
    assert_eq!(told.images.len(), 251);
    assert_eq!(told.scopes.len(), 1);
    assert!(!told.scopes.contains(&Scope::Registry));
}
