//! What is selected, as an operator writes it.

use registry_intake::image::{ImageKind, Scope};

use super::{LEAST, faults, quay::QUAY, read};

const EVERYTHING: &str = r#"
[integrations.selection]
namespaces = ["prod-*"]
exclude_namespaces = ["prod-old"]
repositories = ["*/**"]
exclude_repositories = ["**/tmp"]
tags = ["v*"]
exclude_tags = ["*-rc?"]
newest_tags = 3
pushed_within_days = 30
pulled_within_days = 7
untagged = true
kinds = ["image", "chart"]
platforms = ["linux/amd64", "windows"]
"#;

#[test]
fn each_documented_key_is_read() {
    let config = read(&format!("{LEAST}{EVERYTHING}"));
    let selection = config.selection();
    let namespace = |name: &str| selection.takes_scope(&Scope::Namespace(name.to_owned()));
    assert!(namespace("prod-web") && !namespace("prod-old") && !namespace("dev"));
    let repository = |name: &str| selection.takes_repository(&name.parse().unwrap());
    assert!(repository("prod-web/deep/app") && !repository("prod-web/tmp"));
    let tag = |name: &str| selection.takes_tag(&name.parse().unwrap());
    assert!(tag("v1") && !tag("v1-rc2") && !tag("latest"));
    assert_eq!(selection.newest_tags().unwrap().get(), 3);
    assert_eq!(selection.pulled_within().unwrap().as_secs(), 7 * 24 * 3600);
    assert!(selection.takes_untagged());
    assert_eq!(selection.takes_kind(ImageKind::Chart), Some(true));
    assert_eq!(selection.takes_kind(ImageKind::Index), Some(false));
}

#[test]
fn what_is_not_selected_by_is_taken() {
    let config = read(LEAST);
    let selection = config.selection();
    assert!(selection.takes_repository(&"any/thing".parse().unwrap()));
    assert_eq!(selection.newest_tags(), None);
    assert_eq!(selection.takes_kind(ImageKind::Chart), None);
    assert!(!selection.takes_untagged());
}

#[test]
fn every_fault_of_a_selection_is_named() {
    let table = r#"
[integrations.selection]
namespaces = ["[a"]
repositories = []
tags = "v*"
newest_tags = 0
pushed_within_days = -1
untagged = 1
kinds = ["image", "chert"]
platforms = ["linux/"]
platform = ["linux"]
"#;
    let faults = faults(&format!("{LEAST}{table}"));
    let mut fields: Vec<_> = faults.iter().map(|fault| fault.field()).collect();
    fields.sort_unstable();
    let keys = [
        "kinds",
        "namespaces",
        "newest_tags",
        "platform",
        "platforms",
        "pushed_within_days",
        "repositories",
        "tags",
        "untagged",
    ];
    assert_eq!(fields, keys.map(|key| format!("selection.{key}")));
    let chert = faults.iter().find(|fault| fault.field().ends_with("kinds"));
    assert!(chert.unwrap().to_string().contains("\"chert\""));
}

#[test]
fn pulls_are_asked_for_only_where_they_are_told() {
    let selection = "\n[integrations.selection]\npulled_within_days = 7\n";
    let faults = faults(&format!("{QUAY}{selection}"));
    assert_eq!(faults.len(), 1, "{faults:?}");
    assert_eq!(faults[0].field(), "selection.pulled_within_days");
    read(&(LEAST.replace("V2", "V1") + selection));
}
