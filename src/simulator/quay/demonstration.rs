use std::time::Duration;

use super::{
    contents::Contents,
    push::{Child, Push},
    settings::{Organization, Repository, State, Team},
};
use crate::simulator::Platform;

/// How many tags the nightly builds have that were all built from the same sources.
const NIGHTLY: u32 = 520;
/// How long the tag lasts that expires.
const YEARS: Duration = Duration::from_secs(73 * 365 * 24 * 3600);

/// A registry in small: what a scanner meets, and what makes it stumble.
pub(super) fn contents() -> Contents {
    let mut contents = Contents::empty();
    let acme = Organization::new("acme").team(Team::members("readers").reads("web/frontend"));
    for organization in [
        acme,
        Organization::new("data.science"),
        Organization::new("empty"),
    ] {
        contents.create_organization(organization);
    }
    contents.create_repository(Repository::public("acme/base").description("Base images"));

    for version in ["1.25.5", "1.26.2", "1.27.0"] {
        contents.push(
            "acme/base",
            Push::image().docker().tag(version).tag("latest"),
        );
    }
    contents.push(
        "acme/web/frontend",
        Push::image().tag("2026.01.1").tag("stable"),
    );
    contents.push("acme/web/frontend", Push::image().tag("2026.01.2"));
    contents.push("acme/web/checkout/worker", Push::image().tag("3.1"));

    let api = contents.push("acme/api", Push::image().tag("1.0").tag("current"));
    contents.push("acme/api", Push::signature_of(&api));
    contents.push("acme/api", Push::chart().tag("chart-0.1.0"));
    let review = contents.last_change().saturating_add(YEARS);
    contents.push("acme/api", Push::image().tag("review-17").expires(review));

    let platforms = || {
        [
            Child::new(Platform::new("linux", "amd64")),
            Child::new(Platform::new("linux", "arm64").variant("v8")),
            Child::new(Platform::new("windows", "amd64").os_version("10.0.20348.2227")),
        ]
    };
    contents.push("acme/tools", Push::index(platforms()).tag("7"));
    contents.push("acme/tools", Push::index(platforms()).docker().tag("6"));
    let [amd64, arm64, windows] = platforms();
    let sparse = [amd64, arm64, windows.missing()];
    contents.push("acme/tools", Push::index(sparse).tag("7-sparse"));

    let nightly = (0..NIGHTLY).fold(Push::image(), |push, night| {
        push.tag(&format!("nightly-{night:03}"))
    });
    contents.push("acme/nightly", nightly);

    contents.push("acme/retired", Push::image().tag("last"));
    contents.delete_tag("acme/retired", "last");
    contents.create_repository(Repository::private("acme/not-yet"));

    contents
        .create_repository(Repository::private("data.science/mirror/alpine").state(State::Mirror));
    contents.push(
        "data.science/mirror/alpine",
        Push::image().docker().tag("3.20"),
    );
    contents.create_repository(Repository::private("data.science/archive").state(State::ReadOnly));
    contents.push("data.science/archive", Push::schema_1().tag("2014"));
    contents.push("data.science/note_book-1.x", Push::image().tag("lab"));
    contents
}
