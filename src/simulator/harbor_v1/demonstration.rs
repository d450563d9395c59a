use super::{
    contents::Contents,
    push::{Project, Push},
};
use crate::simulator::{Platform, harbor::Child};

/// A registry in small: every spelling of names, and what an old Harbor cannot read itself.
pub(super) fn contents() -> Contents {
    let mut contents = Contents::empty();
    for project in [
        Project::public("library"),
        Project::private("payments"),
        Project::private("data.science"),
        Project::private("ops_tools"),
        Project::private("2024"),
        Project::public("empty"),
    ] {
        contents.create_project(project);
    }
    for version in ["1.25.5", "1.26.2", "1.27.0"] {
        let image = Push::image().tag(version).tag("latest");
        contents.push("library/nginx", image);
    }
    let platforms = || {
        [
            Child::new(Platform::new("linux", "amd64")),
            Child::new(Platform::new("linux", "arm64").variant("v8")),
            Child::new(Platform::new("windows", "amd64").os_version("10.0.17763.1935")),
        ]
    };
    let list = Push::list(platforms()).tag("latest").tag("1.0");
    contents.push("library/hello-world", list);

    let api = Push::image().tag("2026.01.1").tag("stable");
    contents.push("payments/api", api);
    contents.push("payments/api", Push::image().tag("2026.01.2"));
    contents.push("payments/batch/settlement/worker", Push::image().tag("3.1"));
    contents.push(
        "payments/batch/settlement/worker",
        Push::oci_image().tag("3.2"),
    );
    contents.push("data.science/note_book-1.x", Push::image().tag("lab"));
    let churn = Push::oci_index(platforms()).tag("v8");
    contents.push("data.science/models/churn", Push::image().tag("v7"));
    contents.push("data.science/models/churn", churn);
    contents.push("ops_tools/my__tool", Push::image().tag("a").tag("b"));
    contents.push("2024/0", Push::image().legacy().tag("archive"));
    // Neither the lists nor the catalog name it.
    contents.push("ops_tools/hidden", Push::oci_image().tag("1"));
    contents
}
