//! What is listed, in every reading of what the sources leave open, and what it costs.

use registry_intake::{
    conformance::observe,
    image::Proof,
    inventory::SqliteInventory,
    simulator::acr::{
        AccessKey, Contents, ErrorFields, Namespace, NextTokens, Numbers, Push, Refusals, Wrapper,
    },
    sync::InventorySync,
};

use super::*;

#[tokio::test]
async fn every_reading_of_the_enterprise_editions_answers_lists_the_same() {
    for numbers in [Numbers::AsModelled, Numbers::AsNumbers, Numbers::AsTexts] {
        for tokens in [
            NextTokens::EndMissing,
            NextTokens::EndEmpty,
            NextTokens::ToNumbersToo,
            NextTokens::Never,
        ] {
            for (prefixed, lists_all, refusals) in [
                (false, true, Refusals::UnderStatus200),
                (true, false, Refusals::UnderHttpError),
            ] {
                let builder = AcrEnterprise::builder()
                    .numbers(numbers)
                    .next_tokens(tokens)
                    .prefixed_digests(prefixed)
                    .lists_all_repositories(lists_all)
                    .refusals(refusals);
                let (acr, clock) = enterprise(builder).await;
                let seen = observe(connector(of_enterprise(&acr), &clock)).await;
                assert!(seen.is_complete(), "{seen:?}");
                assert!(
                    seen.images == shown(acr.listed()),
                    "{:?} {:?}",
                    seen.end,
                    seen.skipped
                );
                assert_eq!(seen.requests, acr.log().total());
            }
        }
    }
}

#[tokio::test]
async fn every_reading_of_the_personal_editions_answers_lists_the_same() {
    for numbers in [Numbers::AsModelled, Numbers::AsTexts] {
        for wrapper in [Wrapper::AsModelled, Wrapper::Data, Wrapper::Nothing] {
            for (prefixed, fields) in [
                (false, ErrorFields::LowerCase),
                (true, ErrorFields::UpperCase),
            ] {
                let builder = AcrPersonal::builder()
                    .numbers(numbers)
                    .wrapper(wrapper)
                    .prefixed_digests(prefixed)
                    .error_fields(fields);
                let (acr, clock) = personal(builder).await;
                let seen = observe(connector(of_personal(&acr), &clock)).await;
                assert!(seen.is_complete(), "{seen:?}");
                assert!(
                    seen.images == shown(acr.listed()),
                    "{:?} {:?}",
                    seen.end,
                    seen.skipped
                );
            }
        }
    }
}

#[tokio::test]
async fn a_list_goes_on_by_the_tokens_that_the_server_tells_unasked() {
    let builder = AcrEnterprise::builder()
        .contents(even(250, 130))
        .next_tokens(NextTokens::ToNumbersToo);
    let (acr, clock) = enterprise(builder).await;
    let by_token = Arc::new(std::sync::atomic::AtomicUsize::new(0));
    let counted = Arc::clone(&by_token);
    acr.before_request(move |_, target, _| {
        if target.contains("NextToken=") {
            counted.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        }
    });
    let seen = observe(connector(of_enterprise(&acr), &clock)).await;
    assert!(seen.is_complete(), "{seen:?}");
    assert!(seen.images == shown(acr.listed()));
    assert_eq!(seen.requests, 4 + 750 + 1);
    // Pages 2 and 3 of the repositories, page 2 of each one's tags.
    assert_eq!(by_token.load(std::sync::atomic::Ordering::Relaxed), 2 + 250);
}

#[tokio::test]
async fn lists_whose_largest_page_is_smaller_are_read_in_pages_of_the_default() {
    for caps in [false, true] {
        let builder = AcrEnterprise::builder()
            .greatest_page_size(50)
            .caps_page_size(caps);
        let (acr, clock) = enterprise(builder).await;
        let seen = observe(connector(of_enterprise(&acr), &clock)).await;
        assert!(seen.is_complete(), "{seen:?}");
        assert_eq!(seen.images, shown(acr.listed()));
        let builder = AcrPersonal::builder()
            .greatest_page_size(50)
            .caps_page_size(caps);
        let (acr, clock) = personal(builder).await;
        let seen = observe(connector(of_personal(&acr), &clock)).await;
        assert!(seen.is_complete(), "{seen:?}");
        assert_eq!(seen.images, shown(acr.listed()));
    }
}

#[tokio::test]
async fn one_digest_under_520_tags_is_one_image() {
    let (acr, clock) = enterprise(AcrEnterprise::builder()).await;
    let seen = observe(connector(of_enterprise(&acr), &clock)).await;
    let nightly = seen
        .images
        .iter()
        .find(|image| image.repository == "apps/nightly");
    assert_eq!(nightly.unwrap().tags.len(), 520);
}

#[tokio::test]
async fn an_instance_is_found_by_its_exact_name() {
    let other = registry_intake::simulator::acr::Instance::new("cri-other", "simulated-2");
    let (acr, clock) = enterprise(AcrEnterprise::builder().instance(other)).await;
    let by_name = AcrInstance::Name(AcrEnterprise::INSTANCE_NAME.to_owned());
    let registry = connector(of_enterprise(&acr).instance(by_name), &clock);
    let seen = observe(Arc::clone(&registry)).await;
    assert!(
        seen.images == shown(acr.listed()),
        "{:?} {:?}",
        seen.end,
        seen.skipped
    );
    assert_eq!(acr.log().of_call("ListInstance"), 1);
    observe(registry).await;
    assert_eq!(
        acr.log().of_call("ListInstance"),
        1,
        "a name is looked up once"
    );
}

/// So many repositories, each with so many tags.
fn even(repositories: u64, tags: u64) -> Contents {
    Contents::sized(7, repositories, repositories * tags)
}

#[tokio::test]
async fn a_listing_costs_its_pages_and_the_proofs() {
    let (acr, clock) = enterprise(AcrEnterprise::builder().contents(even(250, 130))).await;
    let seen = observe(connector(of_enterprise(&acr), &clock)).await;
    assert!(
        seen.images == shown(acr.listed()),
        "{:?} {:?}",
        seen.end,
        seen.skipped
    );
    assert_eq!(seen.end.unwrap().proof, Some(Proof::Totals));
    // Three pages of repositories and two of each one's tags; then page 1 of each list once more, and
    // the instance's own count.
    assert_eq!(acr.log().of_call("ListRepository"), 3 + 1);
    assert_eq!(acr.log().of_call("ListRepoTag"), 250 * (2 + 1));
    assert_eq!(acr.log().of_call("GetInstanceUsage"), 1);
    assert_eq!(seen.requests, 4 + 750 + 1);
}

#[tokio::test]
async fn a_list_that_fits_one_page_needs_no_second_look() {
    let (acr, clock) = enterprise(AcrEnterprise::builder().contents(even(5, 20))).await;
    let seen = observe(connector(of_enterprise(&acr), &clock)).await;
    assert_eq!(seen.requests, 1 + 5 + 1);
}

#[tokio::test]
async fn where_the_instances_count_may_not_be_read_the_list_is_read_twice() {
    let blind = AccessKey::new("LTAIblind", "secret").denies(&["cr:GetInstanceUsage"]);
    let builder = AcrEnterprise::builder().contents(even(120, 1)).key(blind);
    let (acr, clock) = enterprise(builder).await;
    let config = of_enterprise(&acr).credentials(key("LTAIblind", "secret"));
    let seen = observe(connector(config, &clock)).await;
    assert!(
        seen.images == shown(acr.listed()),
        "{:?} {:?}",
        seen.end,
        seen.skipped
    );
    assert_eq!(seen.end.unwrap().proof, Some(Proof::ReadTwice));
    assert_eq!(acr.log().of_call("ListRepository"), 2 * (2 + 1));
}

#[tokio::test]
async fn the_personal_edition_tells_no_count_so_its_list_is_read_twice() {
    let (acr, clock) = personal(AcrPersonal::builder().contents(even(120, 3))).await;
    let seen = observe(connector(of_personal(&acr), &clock)).await;
    assert!(
        seen.images == shown(acr.listed()),
        "{:?} {:?}",
        seen.end,
        seen.skipped
    );
    assert_eq!(seen.end.unwrap().proof, Some(Proof::ReadTwice));
    assert_eq!(seen.requests, 2 * (2 + 1) + 120);
}

#[tokio::test]
async fn a_repository_that_comes_before_the_proof_is_listed_too() {
    let mut contents = Contents::empty();
    contents.create_namespace(Namespace::new("apps"));
    contents.push("apps/one", Push::image().tag("1"));
    let (acr, clock) = enterprise(AcrEnterprise::builder().contents(contents)).await;
    // The second request is the first for tags, or the proof.
    acr.before_request(|number, _, contents| {
        if number == 2 {
            contents.push("apps/two", Push::image().tag("1"));
        }
    });
    let seen = observe(connector(of_enterprise(&acr), &clock)).await;
    assert!(seen.is_complete());
    assert!(
        seen.images == shown(acr.listed()),
        "{:?} {:?}",
        seen.end,
        seen.skipped
    );
    assert_eq!(seen.end.unwrap().proof, Some(Proof::ReadTwice));
}

#[tokio::test]
async fn what_is_deleted_is_marked_as_gone() {
    let (acr, clock) = enterprise(AcrEnterprise::builder().contents(even(30, 3))).await;
    let inventory = SqliteInventory::in_memory(Arc::clone(&clock))
        .await
        .unwrap();
    let registry = connector(of_enterprise(&acr), &clock);
    let sync = InventorySync::new("acr", registry, Arc::new(inventory));
    let first = sync.run().await.unwrap();
    assert_eq!((first.listed, first.gone), (90, 0));
    let gone = acr.listed().remove(0);
    acr.change(|contents| contents.delete_tag(&gone.repository, &gone.tags[0]));
    let second = sync.run().await.unwrap();
    assert_eq!((second.unchanged, second.gone), (89, 1), "{second:?}");
}

#[tokio::test]
async fn a_name_stays_with_its_instance() {
    let other = registry_intake::simulator::acr::Instance::new("cri-other", "other");
    let (acr, clock) = enterprise(AcrEnterprise::builder().instance(other)).await;
    let inventory = Arc::new(
        SqliteInventory::in_memory(Arc::clone(&clock))
            .await
            .unwrap(),
    );
    let one = connector(of_enterprise(&acr), &clock);
    let kept: Arc<dyn registry_intake::inventory::Inventory> = inventory;
    InventorySync::new("acr", one, Arc::clone(&kept))
        .run()
        .await
        .unwrap();
    let another = AcrInstance::Id("cri-other".to_owned());
    let other = connector(of_enterprise(&acr).instance(another), &clock);
    let error = InventorySync::new("acr", other, kept)
        .run()
        .await
        .unwrap_err();
    assert_eq!(
        error.code(),
        registry_intake::error::ErrorCode::IntegrationRebound
    );
}
