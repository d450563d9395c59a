use registry_intake::{
    image::{Exclusion, Image, Proof, Scope},
    inventory::{
        ImageState, NamedScope, Omission, PageChanges, RunTicket, ScopeList, ScopeOutcome, Sighting,
    },
};

use crate::inventory::stage::{PROD, Stage, image};

const APP: &str = "team-a/app";

async fn store(
    stage: &Stage,
    run: &RunTicket,
    images: &[(&Image, Option<Omission>)],
) -> PageChanges {
    let images: Vec<_> = images
        .iter()
        .map(|(image, omission)| Sighting {
            image,
            omission: *omission,
        })
        .collect();
    let page = stage
        .inventory
        .store_page(run, &Scope::Registry, &images, None);
    page.await.unwrap()
}

async fn sync(stage: &Stage, images: &[(&Image, Option<Omission>)]) -> PageChanges {
    let run = stage.begin().await;
    let changes = store(stage, &run, images).await;
    stage
        .close(&run, &Scope::Registry, &ScopeOutcome::Listed)
        .await;
    let report = stage.finish(&run, Some(Proof::Totals)).await;
    assert_eq!(report.gone, 0);
    changes
}

pub(crate) async fn what_the_selection_leaves_out_is_stored_and_waits_once_selected(stage: Stage) {
    let (one, two) = (image(APP, 1, &["v1"]), image(APP, 2, &["v2"]));
    sync(&stage, &[(&one, None), (&two, Some(Omission::Tag))]).await;
    let state = async || (stage.state_of(APP, 1).await, stage.state_of(APP, 2).await);
    assert_eq!(state().await, (ImageState::Pending, ImageState::LeftOut));
    let stored = stage.images().await;
    assert_eq!(
        (stored[0].omission, stored[1].omission),
        (None, Some(Omission::Tag))
    );

    let changes = sync(&stage, &[(&one, Some(Omission::Age)), (&two, None)]).await;
    assert_eq!(
        (changes.changed, changes.unchanged),
        (0, 2),
        "the images are the same"
    );
    assert_eq!(state().await, (ImageState::LeftOut, ImageState::Pending));
    stage.ingest().await;
    sync(&stage, &[(&one, None), (&two, Some(Omission::Surplus))]).await;
    assert_eq!(state().await, (ImageState::Pending, ImageState::Ingested));
    let run = stage.inventory.runs(PROD, 1).await.unwrap().remove(0);
    assert_eq!(run.left_out, [(Omission::Surplus, 1)].into());
    let told = stage
        .inventory
        .run_changes(PROD, run.run.unwrap(), None, 10);
    assert_eq!(told.await.unwrap(), []);
}

pub(crate) async fn a_selection_may_take_what_is_left_out_by_default(stage: Stage) {
    let untagged = image(APP, 1, &[]);
    sync(&stage, &[(&untagged, None)]).await;
    assert_eq!(stage.ingest().await.lease.digest, untagged.digest);
}

pub(crate) async fn an_image_is_left_out_only_where_all_its_locations_are(stage: Stage) {
    let (here, there) = (image(APP, 1, &["v1"]), image("team-b/app", 1, &["v1"]));
    let omitted = Some(Omission::Repository);
    sync(&stage, &[(&here, omitted), (&there, None)]).await;
    assert_eq!(stage.counts().await.pending, 1);
    sync(&stage, &[(&here, omitted), (&there, omitted)]).await;
    assert_eq!(stage.counts().await.left_out, 1);
    assert!(stage.request(&here.digest).await);
    assert_eq!(
        stage.ingest().await.locations.len(),
        2,
        "by hand it comes all the same"
    );
}

pub(crate) async fn what_is_known_in_a_scope_that_is_ruled_out_waits_no_more(stage: Stage) {
    let images = [
        image(APP, 1, &["v1"]),
        image("team-a/web", 2, &["v1"]),
        image("team-b/app", 3, &["v1"]),
        image("team-b/app", 1, &["v1"]),
    ];
    stage.sync(&images).await;
    stage.ingest().await;
    let filtered = ScopeOutcome::Excluded(Exclusion::Filtered);
    let run = stage.begin().await;
    let web = Scope::Repository("team-a/web".parse().unwrap());
    let named = [NamedScope {
        scope: web,
        outcome: Some(filtered.clone()),
    }];
    let named = stage
        .inventory
        .store_scopes(&run, &named, &ScopeList::Unread);
    named.await.unwrap();
    let team = Scope::Namespace("team-b".to_owned());
    // Told again, as by a run that goes on.
    stage.close(&run, &team, &filtered).await;
    stage.close(&run, &team, &filtered).await;
    stage
        .close(&run, &Scope::Registry, &ScopeOutcome::Listed)
        .await;
    store(&stage, &run, &[(&images[0], None)]).await;
    let report = stage.finish(&run, Some(Proof::Totals)).await;
    assert_eq!((report.gone, report.excluded), (0, 2));
    let counts = stage.counts().await;
    // The newest, of team-b, was ingested before.
    assert_eq!((counts.ingested, counts.pending), (1, 1));
    assert_eq!((counts.left_out, counts.gone), (1, 0));
    let states = stage.states().await;
    assert_eq!(states[&("team-a/web".to_owned(), 2)], ImageState::LeftOut);
    assert_eq!(
        states[&(APP.to_owned(), 1)],
        ImageState::Pending,
        "one of its places is taken"
    );

    stage.sync(&images).await;
    assert_eq!(stage.counts().await.pending, 2);
}
