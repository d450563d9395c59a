//! The requests of a listing, counted by the registry that answers them.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use futures_util::StreamExt;
use registry_intake::{
    config::IntegrationConfigBuilder,
    connector::{ListingEvent, RegistryConnector, RequestCount, list},
    simulator::{HarborV1, HarborV2, harbor_v2::Release},
};
use tokio::runtime::Runtime;

use crate::registry::{as_admin, as_admin_of_1_x, as_robot, connector};

/// Projects, repositories and artifacts, all of them totals. Where there are fewer repositories
/// than projects, some projects are empty.
const SIZES: [(u64, u64, u64); 4] = [
    (13, 146, 277),
    (22, 20, 416),
    (50, 1_000, 10_000),
    (120, 300, 30_000),
];

const RELEASES: [Release; 4] = [Release::V2_5, Release::V2_9, Release::V2_11, Release::V2_15];

/// The largest page that every release gives.
const PAGE: u64 = 100;

/// Who the account is, which `users/current` tells, and that it saw everything, which an
/// administrator's `statistics` tell. To others `users/current` is asked again at the end.
const PROOF: u64 = 2;

/// Prints the requests of every size and release. False where a listing takes more than it must.
pub(crate) fn are_least() -> bool {
    println!("\nrequests of one listing, counted at the server");
    println!("| Harbor | projects | repositories | artifacts | least | administrator | robot |");
    println!("|---|---|---|---|---|---|---|");
    let runtime = Runtime::new().unwrap();
    let mut are_least = true;
    for (projects, repositories, artifacts) in SIZES {
        for release in RELEASES {
            let harbor =
                HarborV2::builder()
                    .release(release)
                    .sized(projects, repositories, artifacts);
            let harbor = runtime.block_on(harbor.start()).unwrap();
            let Least { scopes, entries } = Least::of(&harbor, projects);
            // A release that does not list by project says so once.
            let cut = u64::from(release < Release::V2_11);
            let least = scopes + entries;
            let admin = runtime.block_on(sent(&harbor, as_admin));
            let robot = runtime.block_on(sent(&harbor, as_robot));
            println!(
                "| {release} | {projects} | {repositories} | {artifacts} | {least} | {admin} | {robot} |"
            );
            // Without totals, the lists that can shrink in silence are read twice.
            are_least &= admin == least + cut + PROOF && robot == least + cut + scopes + PROOF;
        }
    }
    if !are_least {
        println!("MORE than the least, the proof and the question how the server lists");
    }
    are_least
}

/// Prints the requests of a Harbor 1.x, with the tags' details, beside those that names alone and a
/// manifest for each would take. False where a listing takes more than it must.
pub(crate) fn are_least_of_1_x() -> bool {
    /// The largest page.
    const PAGE: u64 = 500;
    println!("\nrequests of one listing of a Harbor 1.10");
    println!("| projects | repositories | tags | least | administrator | by names and manifests |");
    println!("|---|---|---|---|---|---|");
    let runtime = Runtime::new().unwrap();
    let mut are_least = true;
    for (projects, repositories, tags) in SIZES {
        let harbor = HarborV1::builder().sized(projects, repositories, tags);
        let harbor = runtime.block_on(harbor.start()).unwrap();
        let listed = harbor.listed();
        let names: BTreeSet<_> = listed.iter().map(|row| row.repository.as_str()).collect();
        let used = count(&names, |name| name.split_once('/').unwrap().0);
        let lists = projects.div_ceil(PAGE)
            + used
                .into_values()
                .map(|it: u64| it.div_ceil(PAGE))
                .sum::<u64>();
        let least = lists + names.len() as u64;
        // The token for the catalog, and its pages of 1,000 names.
        let catalog = 1 + (names.len() as u64 / 1000 + 1);
        harbor.log().reset();
        let connector = connector(harbor.address().port(), as_admin_of_1_x);
        let images = runtime.block_on(listed_by(connector));
        assert_eq!(images, listed.len());
        let admin = harbor.log().total();
        // A token for each repository, and a HEAD for each tag.
        let by_names = least + names.len() as u64 + tags + PROOF;
        println!("| {projects} | {repositories} | {tags} | {least} | {admin} | {by_names} |");
        are_least &= admin == least + catalog + PROOF;
    }
    if !are_least {
        println!("MORE than the least, the proof and the catalog");
    }
    are_least
}

/// The fewest requests that show everything.
struct Least {
    /// For the lists of projects and, where the release lists artifacts by repository, of
    /// repositories.
    scopes: u64,
    /// For the lists of artifacts.
    entries: u64,
}

impl Least {
    fn of(harbor: &HarborV2, projects: u64) -> Self {
        let listed = harbor.listed();
        if harbor.release() >= Release::V2_11 {
            let by_project = count(&listed, |row| row.repository.split_once('/').unwrap().0);
            let empty = projects - by_project.len() as u64;
            Self {
                scopes: pages(projects),
                entries: by_project.into_values().map(pages).sum::<u64>() + empty,
            }
        } else {
            // What the list of repositories shows as empty need not be asked for.
            let by_repository = count(&listed, |row| row.repository.as_str());
            Self {
                scopes: pages(projects) + pages(by_repository.len() as u64),
                entries: by_repository.into_values().map(pages).sum(),
            }
        }
    }
}

fn count<'a, T: 'a>(
    listed: impl IntoIterator<Item = &'a T>,
    key: impl Fn(&'a T) -> &'a str,
) -> BTreeMap<&'a str, u64> {
    let mut counts = BTreeMap::new();
    for row in listed {
        *counts.entry(key(row)).or_default() += 1;
    }
    counts
}

const fn pages(rows: u64) -> u64 {
    rows.div_ceil(PAGE)
}

async fn sent(
    harbor: &HarborV2,
    account: fn(IntegrationConfigBuilder) -> IntegrationConfigBuilder,
) -> u64 {
    harbor.log().reset();
    let images = listed_by(connector(harbor.address().port(), account)).await;
    assert_eq!(images, harbor.listed().len());
    harbor.log().total()
}

/// How many images a complete listing tells, each request of which it counts.
async fn listed_by(connector: Arc<dyn RegistryConnector>) -> usize {
    let mut events = list(connector, RequestCount::new());
    let mut images = 0;
    let mut is_complete = false;
    while let Some(event) = events.next().await {
        match event.unwrap() {
            ListingEvent::Page { images: page, .. } => images += page.len(),
            ListingEvent::Finished(proof) => is_complete = proof.is_complete(),
            _ => {}
        }
    }
    assert!(is_complete);
    images
}
