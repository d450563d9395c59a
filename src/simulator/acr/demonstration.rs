use super::{
    contents::Contents,
    push::Push,
    settings::{Namespace, Repository},
};

/// How many tags the nightly builds have that were all built from the same sources.
const NIGHTLY: u32 = 520;

/// A registry in small: what a scanner meets, and what makes it stumble.
pub(super) fn contents() -> Contents {
    let mut contents = Contents::empty();
    contents.create_namespace(Namespace::new("apps"));
    contents.create_namespace(Namespace::new("base").public());
    contents.create_namespace(Namespace::new("empty"));
    contents.create_repository(
        Repository::public("base/alpine")
            .summary("Base images")
            .immutable(),
    );

    for version in ["3.18", "3.19", "3.20"] {
        contents.push("base/alpine", Push::image().tag(version).tag("latest"));
    }
    contents.push("apps/web", Push::image().tag("2026.01.1").tag("stable"));
    contents.push("apps/web", Push::image().tag("2026.01.2"));
    let api = contents.push("apps/api", Push::image().tag("1.0").tag("current"));
    contents.push("apps/api", Push::signature_of(&api));

    let nightly = (0..NIGHTLY).fold(Push::image(), |push, night| {
        push.tag(&format!("nightly-{night:03}"))
    });
    contents.push("apps/nightly", nightly);

    contents.push("apps/retired", Push::image().tag("last"));
    contents.delete_tag("apps/retired", "last");
    contents.create_repository(Repository::private("apps/not-yet"));
    contents.create_repository(Repository::private("apps/leaving").deleting());
    contents.push("apps/leaving", Push::image().tag("1"));
    contents
}
