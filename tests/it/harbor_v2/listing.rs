use registry_intake::{
    conformance::observe,
    image::{Exclusion, Proof, Scope},
    simulator::{HarborV2, Release},
};

use super::{as_admin, as_robot, connector, shown, start};

#[tokio::test]
async fn an_administrator_lists_everything_on_every_release_proved_by_totals() {
    for release in Release::ALL {
        let (harbor, clock) = start(HarborV2::builder().release(release)).await;
        let told = observe(connector(as_admin(&harbor), &clock)).await;
        assert_eq!(told.images, shown(harbor.listed()), "{release:?}");
        let proof = told.end.unwrap();
        assert_eq!(proof.proof, Proof::Totals, "{release:?}");
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
        assert_eq!(told.end.unwrap().proof, Proof::ReadTwice);
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
