use registry_intake::{
    config::{RegistryVersion, RequiredRole, Secret},
    conformance::observe,
    connector::{Outcome, Verification, Warning},
    error::{ErrorCode, ErrorRecord, Language, Step},
    simulator::{
        Action, Fault, Quay,
        quay::{Contents, Organization, Repository, Scope, Token, User},
    },
};

use super::{as_owner, config, connector, start};

const TOKEN: &str = "0123456789012345678901234567890123456789";

/// What failed, by organisation or host.
fn failures(report: &Verification) -> Vec<(String, Step, ErrorCode)> {
    let probes = report.probes.iter();
    probes
        .filter_map(|probe| match &probe.outcome {
            Outcome::Failed(error) => Some((probe.subject.clone(), probe.step, error.code())),
            _ => None,
        })
        .collect()
}

#[tokio::test]
async fn an_administrators_token_is_verified_for_each_organisation() {
    let (quay, clock) = start(Quay::builder()).await;
    let report = connector(as_owner(&quay), &clock).verify().await;
    assert!(report.is_ok(), "{:?}", failures(&report));
    assert_eq!(report.version.as_deref(), Some("Quay v3.11.0"));
    assert_eq!(report.seen.namespaces, Some(3));
    for organization in quay.organizations() {
        let steps = report.probes.iter();
        let steps: Vec<_> = steps
            .filter(|probe| probe.subject == organization)
            .map(|probe| (probe.step, probe.outcome.as_str()))
            .collect();
        let passed = [Step::Config, Step::Credentials, Step::Role, Step::Listing];
        assert_eq!(steps, passed.map(|step| (step, "passed")));
    }
}

#[tokio::test]
async fn a_bad_token_is_told_apart_from_an_empty_organisation_with_the_reason() {
    for (anonymous_access, words) in [
        (true, "OAuth access token could not be validated"),
        (false, "Anonymous access is not allowed"),
    ] {
        let builder = Quay::builder().anonymous_access(anonymous_access);
        let (quay, clock) = start(builder).await;
        let report = connector(config(&quay, &["acme"], TOKEN), &clock)
            .verify()
            .await;
        let refused = ErrorCode::FailedToVerifyUsernameOrPwd;
        assert_eq!(
            failures(&report),
            [("acme".to_owned(), Step::Credentials, refused)]
        );
        let paths = quay.log().by_path();
        assert!(paths.values().all(|times| *times == 1), "{paths:?}");
        let record = ErrorRecord::from(report.failure().unwrap());
        assert!(record.message.contains(words), "{}", record.message);
        assert!(!record.message.contains(TOKEN));
    }
}

#[tokio::test]
async fn rights_and_scopes_that_are_missing_are_told_by_name() {
    let all = Scope::ALL;
    let cases: [(&str, &[Scope], ErrorCode, Step); 3] = [
        (
            "outsider",
            &all,
            ErrorCode::UserDoesNotHaveAdminRole,
            Step::Role,
        ),
        (
            Quay::USERNAME,
            &[Scope::RepoRead],
            ErrorCode::UserDoesNotHaveAdminRole,
            Step::Role,
        ),
        (
            Quay::USERNAME,
            &[Scope::OrgAdmin],
            ErrorCode::TokenScopeMissing,
            Step::Listing,
        ),
    ];
    for (user, scopes, code, step) in cases {
        let builder = Quay::builder()
            .user(User::new("outsider", "Outsider1"))
            .token(Token::new(TOKEN, user, scopes));
        let (quay, clock) = start(builder).await;
        let report = connector(config(&quay, &["acme"], TOKEN), &clock)
            .verify()
            .await;
        assert_eq!(
            failures(&report),
            [("acme".to_owned(), step, code)],
            "{user} {scopes:?}"
        );
    }
}

#[tokio::test]
async fn a_missing_scope_shows_though_every_private_repository_is_empty() {
    let mut contents = Contents::empty();
    contents.create_organization(Organization::new("acme"));
    contents.create_repository(Repository::private("acme/empty"));
    let token = Token::new(TOKEN, Quay::USERNAME, &[Scope::OrgAdmin]);
    let (quay, clock) = start(Quay::builder().contents(contents).token(token)).await;
    let report = connector(config(&quay, &["acme"], TOKEN), &clock)
        .verify()
        .await;
    let missing = (Step::Listing, ErrorCode::TokenScopeMissing);
    assert_eq!(
        failures(&report),
        [("acme".to_owned(), missing.0, missing.1)]
    );
}

#[tokio::test]
async fn who_need_not_administer_must_see_something_or_administer_it_as_for_a_listing() {
    for (reads, code) in [
        (Some("acme/api"), None),
        (None, Some(ErrorCode::UserDoesNotHaveAdminRole)),
    ] {
        let member = User::new("member", "MemberPass1");
        let member = reads.into_iter().fold(member, User::reads);
        let token = Token::new(TOKEN, "member", &Scope::ALL);
        let (quay, clock) = start(Quay::builder().user(member).token(token)).await;
        let config = config(&quay, &["acme"], TOKEN).required_role(RequiredRole::List);
        let connector = connector(config, &clock);
        let report = connector.verify().await;
        let step = code.map(|code| ("acme".to_owned(), Step::Listing, code));
        assert_eq!(failures(&report), Vec::from_iter(step));
        let told = observe(connector).await;
        let codes: Vec<_> = told.skipped.iter().map(|(_, error)| error.code()).collect();
        assert_eq!(codes, Vec::from_iter(code));
    }
}

#[tokio::test]
async fn a_repository_that_is_refused_is_told_from_its_organisation() {
    for (path, status, code, named) in [
        ("/tag/", 403, ErrorCode::TokenScopeMissing, "repo:read"),
        ("/tag/", 404, ErrorCode::NamespaceNotFound, "acme/api"),
        (
            "/api/v1/repository",
            403,
            ErrorCode::UserDoesNotHaveAdminRole,
            "acme",
        ),
        (
            "/api/v1/organization",
            404,
            ErrorCode::NamespaceNotFound,
            "acme",
        ),
    ] {
        let mut contents = Contents::empty();
        contents.create_organization(Organization::new("acme"));
        contents.create_repository(Repository::private("acme/api"));
        let (quay, clock) = start(Quay::builder().contents(contents)).await;
        let refusal = Action::Answer {
            status,
            headers: vec![("Content-Type".to_owned(), "application/json".to_owned())],
            body: "{}".to_owned(),
        };
        quay.faults().arm(Fault::new(refusal).on_path(path));
        let report = connector(as_owner(&quay), &clock).verify().await;
        let failure = report.failure().unwrap();
        assert_eq!(failure.code(), code, "{path} {status}");
        let message = ErrorRecord::from(failure).message;
        assert!(message.contains(named), "{path} {status}: {message}");
    }
}

#[tokio::test]
async fn one_bad_organisation_does_not_hide_the_others() {
    let (quay, clock) = start(Quay::builder()).await;
    let both = config(&quay, &["no-such", "acme"], Quay::AUTH_TOKEN);
    let report = connector(both, &clock).verify().await;
    let failed = failures(&report);
    assert_eq!(failed.len(), 1, "{failed:?}");
    assert_eq!(failed[0].0, "no-such");
    assert_eq!(failed[0].2, ErrorCode::NamespaceNotFound);
    let probes = report.probes.iter();
    let listed = probes.filter(|probe| probe.subject == "acme" && probe.step == Step::Listing);
    assert!(listed.map(|probe| probe.outcome.as_str()).eq(["passed"]));
}

#[tokio::test]
async fn an_account_for_pulling_is_tried_once() {
    for (password, failed_logins) in [(Quay::PASSWORD, 0), ("wrong", 1)] {
        let (quay, clock) = start(Quay::builder()).await;
        let config = config(&quay, &["acme"], Quay::AUTH_TOKEN)
            .username(Quay::USERNAME)
            .password(Secret::new(password));
        let report = connector(config, &clock).verify().await;
        assert_eq!(
            report.is_ok(),
            failed_logins == 0,
            "{:?}",
            failures(&report)
        );
        assert_eq!(quay.accounts().failed_logins(Quay::USERNAME), failed_logins);
    }
}

#[tokio::test]
async fn a_page_on_every_path_is_no_quay() {
    let (quay, clock) = start(Quay::builder()).await;
    quay.faults().arm(Fault::new(Action::Html));
    let report = connector(as_owner(&quay), &clock).verify().await;
    let failed = failures(&report);
    assert_eq!(failed[0].1, Step::Registry);
    assert_eq!(failed[0].2, ErrorCode::RegistryTypeError);
}

#[tokio::test]
async fn only_a_version_that_contradicts_beyond_doubt_is_an_error() {
    for (stated, version, code, warned) in [
        (Some("3.11.0"), RegistryVersion::V2, None, false),
        (Some("1.16.5"), RegistryVersion::V2, None, true),
        (None, RegistryVersion::V1, None, false),
        (
            Some("3.11.0"),
            RegistryVersion::V1,
            Some(ErrorCode::RegistryVersionError),
            false,
        ),
    ] {
        let builder = match stated {
            Some(stated) => Quay::builder().version(stated),
            None => Quay::builder().without_config(),
        };
        let (quay, clock) = start(builder).await;
        let config = as_owner(&quay).version(version);
        let report = connector(config, &clock).verify().await;
        let failed = report.failure().map(|error| error.code());
        assert_eq!(failed, code, "{stated:?} {version:?}");
        let warnings = report.warnings.iter().map(|warning| warning.code());
        let doubtful = warnings.into_iter().any(|code| code == "version_doubtful");
        assert_eq!(doubtful, warned, "{stated:?} {version:?}");
    }
}

/// The simulated server names its own address, which is not the domain here.
#[tokio::test]
async fn a_token_service_on_another_host_is_named_with_the_setting_that_allows_it() {
    let (quay, clock) = start(Quay::builder()).await;
    let host = quay.address().to_string();
    let here = quay.address().ip();
    let elsewhere = || as_owner(&quay).domain("registry.test").ip(here);
    let report = connector(elsewhere(), &clock).verify().await;
    assert!(report.is_ok(), "{:?}", report.failure());
    let warning = Warning::ForeignRealm { host: host.clone() };
    assert!(report.warnings.contains(&warning), "{:?}", report.warnings);
    for language in Language::ALL {
        let told = warning.message(*language);
        let setting = format!("realm_hosts = [\"{here}\"]");
        assert!(told.contains(&setting), "{told}");
    }
    for allowed in [as_owner(&quay), elsewhere().realm_hosts([here.to_string()])] {
        let report = connector(allowed, &clock).verify().await;
        assert!(!report.warnings.contains(&warning), "{:?}", report.warnings);
    }
}
