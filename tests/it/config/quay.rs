//! What a Quay has of its own: organisations, and an account only where it is wanted.

use registry_intake::{
    config::{Config, IntegrationConfig, RegistryType, RegistryVersion, Secret},
    image::RegistryKind,
};

use super::{LEAST, faults, read};

pub(super) const QUAY: &str = r#"
[[integrations]]
name = "quay"
type = "quay"
version = "V2"
domain = "quay.example.com"

[[integrations.namespaces]]
organization = "acme"
auth_token = { env = "QUAY_ACME_TOKEN" }

[[integrations.namespaces]]
organization = "umbrella"
auth_token = { file = "/run/secrets/umbrella" }
"#;

#[test]
fn a_quay_has_organisations_and_needs_no_account() {
    let config = read(QUAY);
    assert_eq!(config.registry(), RegistryKind::Quay);
    assert!(config.account().is_none());
    let names = config.namespaces().iter().map(|one| &*one.organization);
    assert_eq!(names.collect::<Vec<_>>(), ["acme", "umbrella"]);
    assert_eq!(config.requests_in_flight().get(), 2);
    let by_builder = IntegrationConfig::builder("quay")
        .registry_type(RegistryType::Quay)
        .version(RegistryVersion::V2)
        .domain("quay.example.com")
        .namespace("acme", Secret::env("QUAY_ACME_TOKEN"))
        .namespace("umbrella", Secret::file("/run/secrets/umbrella"))
        .build()
        .unwrap();
    assert_eq!(format!("{by_builder:?}"), format!("{config:?}"));
}

#[test]
fn an_account_that_is_given_in_part_is_a_fault_for_a_quay_too() {
    let half = QUAY.replacen("domain =", "username = \"acme+robot\"\ndomain =", 1);
    let faults = faults(&half);
    assert_eq!(faults.len(), 1, "{faults:?}");
    assert_eq!(faults[0].field(), "password");
}

#[test]
fn each_organisation_is_named_once_and_has_its_token() {
    let document = r#"
[[integrations]]
name = "quay"
type = "quay"
version = "V2"
domain = "quay.example.com"
namespaces = [
    { organization = "acme", auth_token = "abcdefgh-1" },
    { organization = "acme", auth_token = "abcdefgh-2" },
    { organization = "a/b" },
    { organisation = "umbrella", auth_token = 7 },
]
"#;
    let text = Config::from_toml(document).unwrap_err().to_string();
    for expected in [
        "namespaces[1].organization is named twice",
        "namespaces[2].organization has white space or a slash",
        "namespaces[2].auth_token is missing",
        "namespaces[3].organisation is no known key (perhaps organization is meant)",
        "namespaces[3].organization is missing",
        "namespaces[3].auth_token is of type",
    ] {
        assert!(text.contains(expected), "{expected:?} is not in {text}");
    }
    assert!(!text.contains("abcdefgh"), "{text}");
}

#[test]
fn no_organisation_leads_to_another_path() {
    for name in [".", "..", "a?b", "a#b", "a%2fb", "a\\\\b", "a/b", "a b", ""] {
        let document = QUAY.replacen("\"acme\"", &format!("\"{name}\""), 1);
        let faults = faults(&document);
        assert_eq!(faults.len(), 1, "{name}: {faults:?}");
        assert_eq!(faults[0].field(), "namespaces[0].organization");
    }
    read(&QUAY.replacen("\"acme\"", "\"a.b-c_d..e\"", 1));
}

#[test]
fn organisations_belong_to_a_quay_alone() {
    let none = QUAY.split("[[integrations.namespaces]]").next().unwrap();
    assert_eq!(faults(none)[0].field(), "namespaces");
    let harbor = format!(
        "{LEAST}\n[[integrations.namespaces]]\norganization = \"acme\"\nauth_token = {{ env = \"T\" }}\n"
    );
    let faults = faults(&harbor);
    assert_eq!(faults.len(), 1, "{faults:?}");
    assert_eq!(faults[0].field(), "namespaces");
}
