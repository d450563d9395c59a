//! The requests of a listing, counted by the registry that answers them.

use std::collections::BTreeMap;

use futures_util::StreamExt;
use registry_intake::{
    config::IntegrationConfigBuilder,
    connector::{ListingEvent, RequestCount, list},
    simulator::{
        HarborV2,
        harbor_v2::{Listed, Release},
    },
};
use tokio::runtime::Runtime;

use crate::registry::{as_admin, as_robot, connector};

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

fn count<'a>(listed: &'a [Listed], key: impl Fn(&'a Listed) -> &'a str) -> BTreeMap<&'a str, u64> {
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
    let requests = RequestCount::new();
    let connector = connector(harbor.address().port(), account);
    let mut events = list(connector, requests.clone());
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
    assert_eq!(images, harbor.listed().len());
    let answered = harbor.log().total();
    assert_eq!(requests.get(), answered);
    answered
}
