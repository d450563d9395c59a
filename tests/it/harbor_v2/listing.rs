use registry_intake::{
    config::{RequiredRole, Secret},
    conformance::observe,
    error::ErrorCode,
    image::{Exclusion, Proof, Scope},
    simulator::{Action, Fault, HarborV2, harbor_v2::Release},
};

use super::{as_admin, as_robot, connector, shown, start};

#[tokio::test]
async fn an_administrator_lists_everything_on_every_release_proved_by_totals() {
    for release in Release::ALL {
        let (harbor, clock) = start(HarborV2::builder().release(release)).await;
        let told = observe(connector(as_admin(&harbor), &clock)).await;
        assert_eq!(told.images, shown(harbor.listed()), "{release:?}");
        let proof = told.end.unwrap();
        assert_eq!(proof.proof, Some(Proof::Totals), "{release:?}");
        assert!(proof.is_complete() && told.skipped.is_empty());
        // 2.0 knows no proxy caches.
        let excluded = [(Scope::Namespace("mirror".to_owned()), Exclusion::ProxyCache)];
        assert_eq!(
            told.excluded,
            &excluded[usize::from(release == Release::V2_0)..]
        );
        assert_eq!(told.requests, harbor.log().total(), "{release:?}");
    }
}

#[tokio::test]
async fn a_robot_lists_everything_on_every_release_read_twice() {
    for release in Release::ALL {
        let (harbor, clock) = start(HarborV2::builder().release(release)).await;
        let told = observe(connector(as_robot(&harbor), &clock)).await;
        assert_eq!(told.images, shown(harbor.listed()), "{release:?}");
        assert_eq!(told.end.unwrap().proof, Some(Proof::ReadTwice));
        assert_eq!(told.requests, harbor.log().total(), "{release:?}");
    }
}

#[tokio::test]
async fn many_pages_are_listed_on_every_release() {
    for release in Release::ALL {
        let builder = HarborV2::builder().release(release).sized(4, 8, 2000);
        let (harbor, clock) = start(builder).await;
        let told = observe(connector(as_admin(&harbor), &clock)).await;
        assert_eq!(told.images, shown(harbor.listed()), "{release:?}");
        assert!(told.is_complete(), "{release:?}: {:?}", told.end);
        assert!(harbor.log().max_in_flight() <= 4);
    }
}

#[tokio::test]
async fn more_projects_than_a_page_are_listed_on_every_release() {
    for release in Release::ALL {
        let builder = HarborV2::builder().release(release).sized(230, 230, 230);
        let (harbor, clock) = start(builder).await;
        let told = observe(connector(as_admin(&harbor), &clock)).await;
        assert!(told.is_complete(), "{release}: {:?}", told.end);
        assert_eq!(told.images, shown(harbor.listed()), "{release}");
    }
}

#[tokio::test]
async fn a_total_that_the_link_to_a_next_page_denies_is_not_believed() {
    let (harbor, clock) = start(HarborV2::builder().sized(1, 1, 350)).await;
    // 250 fewer at the first page: as many as the page has rows.
    let lie = Fault::new(Action::TotalOffBy(-250)).on_path("/artifacts");
    harbor.faults().arm(lie.nth(1));
    let told = observe(connector(as_admin(&harbor), &clock)).await;
    assert!(told.keeps_its_word(&shown(harbor.listed()), "a total like the page"));
}

#[tokio::test]
async fn a_server_that_goes_down_in_mid_run_ends_the_run() {
    let (harbor, clock) = start(HarborV2::builder().sized(200, 200, 200)).await;
    let down = Fault::new(Action::unavailable(None)).on_path("/artifacts");
    harbor.faults().arm(down.after(20));
    let told = observe(connector(as_admin(&harbor), &clock)).await;
    let error = told.end.unwrap_err();
    assert_eq!(error.code(), ErrorCode::RegistryUnavailable);
    assert!(harbor.log().total() < 100, "{}", harbor.log().total());
}

#[tokio::test]
async fn a_broken_account_check_never_makes_a_stranger_a_robot() {
    for release in Release::ALL {
        let (harbor, clock) = start(HarborV2::builder().release(release)).await;
        let broken = Fault::new(Action::status(500)).on_path("users/current");
        harbor.faults().arm(broken);
        for config in [as_robot(&harbor), as_admin(&harbor)] {
            let wrong = config
                .required_role(RequiredRole::List)
                .password(Secret::new("wrong"));
            let told = observe(connector(wrong, &clock)).await;
            assert!(told.end.is_err(), "{release}: {:?}", told.end);
        }
    }
}
