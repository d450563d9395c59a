use super::{
    contents::Contents,
    push::{Project, Push},
};
use crate::simulator::{Platform, harbor::Child};

/// A registry in small: every spelling of names and every kind of artifact that a scanner meets.
pub(super) fn contents() -> Contents {
    let mut contents = Contents::empty();
    for project in [
        Project::public("library"),
        Project::private("payments"),
        Project::private("data.science"),
        Project::private("ops_tools"),
        Project::private("2024"),
        Project::private("mirror").proxy_cache(1),
        Project::public("empty"),
    ] {
        contents.create_project(project);
    }

    for version in ["1.25.5", "1.26.2", "1.27.0"] {
        contents.push(
            "library/nginx",
            Push::image().docker().tag(version).tag("latest"),
        );
    }
    let platforms = || {
        [
            Child::new(Platform::new("linux", "amd64")),
            Child::new(Platform::new("linux", "arm64").variant("v8")),
            Child::new(Platform::new("windows", "amd64").os_version("10.0.20348.2227")),
        ]
    };
    contents.push(
        "library/hello-world",
        Push::index(platforms()).tag("latest").tag("1.0"),
    );

    let api = contents.push("payments/api", Push::image().tag("2026.01.1").tag("stable"));
    contents.push("payments/api", Push::signature_of(&api.digest));
    contents.push("payments/api", Push::referrer_of(&api.digest));
    contents.push("payments/api", Push::image().tag("2026.01.2"));
    contents.push("payments/api", Push::image());
    contents.push("payments/charts/checkout", Push::chart().tag("0.1.0"));
    contents.push("payments/batch/settlement/worker", Push::image().tag("3.1"));
    contents.push(
        "payments/batch/settlement/worker",
        Push::image().docker().tag("3.2"),
    );

    contents.push(
        "data.science/note_book-1.x",
        Push::index(platforms()).docker().tag("lab"),
    );
    contents.push(
        "data.science/models/churn",
        Push::other("application/vnd.example.model.config.v1+json").tag("v7"),
    );
    contents.push("ops_tools/my__tool", Push::image().tag("a").tag("b"));
    contents.push("2024/0", Push::image().tag("archive"));
    contents.push("mirror/up/alpine", Push::image().tag("3.20"));
    contents
}
