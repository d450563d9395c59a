use std::{sync::Arc, time::Duration};

use registry_intake::{
    config::{
        IntegrationConfig, NetworkType, Protocol, RegistryType, RegistryVersion, RequiredRole,
        Secret,
    },
    conformance::observe,
    connector::{Outcome, Verification, Warning, connect},
    error::{AccountKind, ErrorCode, IntegrationError, Language, NetworkPhase, Step},
    network::address_pools::source_addresses,
    simulator::{
        Action, Fault, HarborV2,
        harbor_v2::{Account, Permission, Release},
    },
};
use tokio::{
    net::{TcpListener, TcpSocket, TcpStream},
    time::timeout,
};

use super::{as_admin, as_robot, config, connector, start};

/// The names and outcomes of all probes.
fn outcomes(report: &Verification) -> String {
    let probes = report.probes.iter();
    let named = probes.map(|probe| format!("{} {}", probe.step, probe.outcome.as_str()));
    named.collect::<Vec<_>>().join(", ")
}

fn failure(report: &Verification) -> (Step, ErrorCode) {
    let failed = report.probes.iter().find_map(|probe| match &probe.outcome {
        Outcome::Failed(error) => Some((probe.step, error.code())),
        _ => None,
    });
    failed.unwrap_or_else(|| panic!("nothing failed: {}", outcomes(report)))
}

fn answer(status: u16, body: &str) -> Action {
    Action::Answer {
        status,
        headers: vec![("Content-Type".to_owned(), "application/json".to_owned())],
        body: body.to_owned(),
    }
}

#[tokio::test]
async fn an_administrator_is_verified_on_every_release() {
    for release in Release::ALL {
        let (harbor, clock) = start(HarborV2::builder().release(release)).await;
        let report = connector(as_admin(&harbor), &clock).verify().await;
        assert!(report.is_ok(), "{release}: {:?}", report.failure());
        assert_eq!(
            outcomes(&report),
            "config passed, dns skipped, connect passed, tls skipped, registry passed, \
             version passed, credentials passed, role passed, listing passed, pull passed, \
             vpc skipped"
        );
        assert_eq!(report.version.as_deref(), Some(release.version()));
        assert_eq!(report.seen.namespaces, Some(7));
        assert!(report.seen.repositories.is_some_and(|seen| seen > 8));
    }
}

#[tokio::test]
async fn a_wrong_password_costs_one_failed_log_in() {
    for release in Release::ALL {
        let (harbor, clock) = start(HarborV2::builder().release(release)).await;
        let wrong = as_admin(&harbor).password(Secret::new("not-the-password"));
        let connector = connector(wrong, &clock);
        let report = connector.verify().await;
        let refused = (Step::Credentials, ErrorCode::FailedToVerifyUsernameOrPwd);
        assert_eq!(failure(&report), refused, "{release}");
        assert_eq!(harbor.accounts().failed_logins(HarborV2::USERNAME), 1);
        // What was refused is not tried again.
        assert!(connector.open_listing(&Default::default()).await.is_err());
        assert_eq!(harbor.accounts().failed_logins(HarborV2::USERNAME), 1);
    }
}

#[tokio::test]
async fn a_locked_user_name_is_waited_for() {
    let (harbor, clock) = start(HarborV2::builder()).await;
    let locked = Fault::new(answer(401, r#"{"errors":[{"code":"UNAUTHORIZED"}]}"#));
    harbor
        .faults()
        .arm(locked.on_path("users/current").times(1));
    let before = clock.monotonic();
    let report = connector(as_admin(&harbor), &clock).verify().await;
    assert!(report.is_ok(), "{}", outcomes(&report));
    assert!(clock.monotonic() - before >= Duration::from_millis(1600));
    assert_eq!(harbor.accounts().failed_logins(HarborV2::USERNAME), 0);
}

#[tokio::test]
async fn who_is_no_administrator_is_told_so_by_kind() {
    for release in Release::ALL {
        let builder = HarborV2::builder().release(release);
        let (harbor, clock) = start(builder.account(Account::user("plain", "Plain12345"))).await;
        let plain = config(&harbor)
            .username("plain")
            .password(Secret::new("Plain12345"));
        let robot = as_robot(&harbor).required_role(RequiredRole::Admin);
        for (config, kind) in [(plain, AccountKind::User), (robot, AccountKind::Robot)] {
            let report = connector(config, &clock).verify().await;
            match report.failure() {
                Some(IntegrationError::UserDoesNotHaveAdminRole { account, context }) => {
                    assert_eq!((*account, context.step), (kind, Step::Role), "{release}");
                }
                other => panic!("{release}: {other:?}"),
            }
        }
    }
}

#[tokio::test]
async fn a_robot_that_may_list_is_enough_where_a_list_is_asked_for() {
    for release in Release::ALL {
        let (harbor, clock) = start(HarborV2::builder().release(release)).await;
        let report = connector(as_robot(&harbor), &clock).verify().await;
        assert!(report.is_ok(), "{release}: {}", outcomes(&report));
        let warned = report.warnings.iter().map(|warning| warning.code());
        assert!(
            warned
                .into_iter()
                .any(|code| code == "list_role_may_see_a_part")
        );
    }
}

#[tokio::test]
async fn a_robot_that_sees_names_but_no_artifacts_is_refused_at_the_listing() {
    let pull = [Permission::RepositoryPull];
    let robot = Account::system_robot("puller", "Pull-secret-1", &pull).named("robot$puller");
    let (harbor, clock) = start(HarborV2::builder().account(robot)).await;
    let config = config(&harbor)
        .username("robot$puller")
        .password(Secret::new("Pull-secret-1"))
        .required_role(RequiredRole::List);
    let report = connector(config, &clock).verify().await;
    let refused = (Step::Listing, ErrorCode::UserDoesNotHaveAdminRole);
    assert_eq!(failure(&report), refused);
}

#[tokio::test]
async fn a_page_on_every_path_is_no_harbor() {
    let (harbor, clock) = start(HarborV2::builder()).await;
    harbor.faults().arm(Fault::new(Action::Html));
    let report = connector(as_admin(&harbor), &clock).verify().await;
    let other_product = (Step::Registry, ErrorCode::RegistryTypeError);
    assert_eq!(failure(&report), other_product);
}

#[tokio::test]
async fn what_else_answers_is_told_apart() {
    let cases = [
        (
            answer(200, r#"{"version":"2.3.1"}"#),
            "/api/version",
            ErrorCode::RegistryTypeError,
        ),
        (
            Action::status(503),
            "/api/version",
            ErrorCode::RegistryUnavailable,
        ),
        (
            Action::status(500),
            "/api/version",
            ErrorCode::RegistryUnavailable,
        ),
        (
            Action::Answer {
                status: 308,
                headers: vec![(
                    "Location".to_owned(),
                    "https://harbor.example.com/".to_owned(),
                )],
                body: String::new(),
            },
            "/api/version",
            ErrorCode::ConfigInvalid,
        ),
    ];
    for (action, path, code) in cases {
        let (harbor, clock) = start(HarborV2::builder()).await;
        let elsewhere = Fault::new(Action::status(404)).on_path("/api/systeminfo");
        harbor.faults().arm(elsewhere);
        harbor.faults().arm(Fault::new(action).on_path(path));
        let report = connector(as_admin(&harbor), &clock).verify().await;
        assert_eq!(failure(&report), (Step::Registry, code));
    }
}

#[tokio::test]
async fn versions_are_told_apart_in_both_directions() {
    let (harbor, clock) = start(HarborV2::builder()).await;
    let v1 = || as_admin(&harbor).version(RegistryVersion::V1);
    let on_v2 = connector(v1(), &clock).verify().await;
    let wrong_version = (Step::Version, ErrorCode::RegistryVersionError);
    assert_eq!(failure(&on_v2), wrong_version);

    let faults = harbor.faults();
    faults.arm(Fault::new(Action::status(404)).on_path("/api/version"));
    let info = answer(200, r#"{"harbor_version":"v1.10.19-5d3a0b4f"}"#);
    faults.arm(Fault::new(info).on_path("/api/systeminfo"));
    let on_v1 = connector(as_admin(&harbor), &clock).verify().await;
    assert_eq!(failure(&on_v1), wrong_version);
    match on_v1.failure() {
        Some(IntegrationError::RegistryVersionError { found, .. }) => {
            assert_eq!(found, "v1.10.19-5d3a0b4f");
        }
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_port_where_nothing_listens_is_a_refused_connection() {
    let (harbor, clock) = start(HarborV2::builder()).await;
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let config = as_admin(&harbor).port(free.local_addr().unwrap().port());
    drop(free);
    let report = connector(config, &clock).verify().await;
    assert_eq!(
        failure(&report),
        (Step::Connect, ErrorCode::NetworkConnectError)
    );
    match report.failure() {
        Some(IntegrationError::NetworkConnectError { phase, .. }) => {
            assert_eq!(*phase, NetworkPhase::Refused);
        }
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_missing_secret_is_a_fault_of_the_configuration() {
    let (harbor, clock) = start(HarborV2::builder()).await;
    let config = as_admin(&harbor).password(Secret::env("REGISTRY_INTAKE_NO_SUCH_VARIABLE"));
    let report = connector(config, &clock).verify().await;
    assert_eq!(failure(&report), (Step::Config, ErrorCode::ConfigInvalid));
    assert_eq!(harbor.log().total(), 0);
}

#[tokio::test]
async fn a_run_after_a_long_lock_out_by_somebody_else_asks_again() {
    let (harbor, clock) = start(HarborV2::builder()).await;
    let connector = connector(as_admin(&harbor), &clock);
    let locked = Fault::new(answer(401, r#"{"errors":[{"code":"UNAUTHORIZED"}]}"#));
    harbor
        .faults()
        .arm(locked.of_account(HarborV2::USERNAME).times(2));
    let error = observe(Arc::clone(&connector)).await.end.unwrap_err();
    assert_eq!(error.code(), ErrorCode::FailedToVerifyUsernameOrPwd);
    assert_eq!(harbor.faults().struck(), 2);
    assert!(observe(connector).await.end.is_ok());
    assert_eq!(harbor.accounts().failed_logins(HarborV2::USERNAME), 0);
}

/// The simulated server names its own address, which is not the domain here.
#[tokio::test]
async fn a_token_service_on_another_host_is_named_with_the_setting_that_allows_it() {
    let (harbor, clock) = start(HarborV2::builder()).await;
    let host = harbor.address().to_string();
    let here = harbor.address().ip();
    let elsewhere = || as_admin(&harbor).domain("registry.test").ip(here);
    let report = connector(elsewhere(), &clock).verify().await;
    assert!(report.is_ok(), "{:?}", report.failure());
    let warning = Warning::ForeignRealm { host: host.clone() };
    assert!(report.warnings.contains(&warning), "{:?}", report.warnings);
    for language in Language::ALL {
        let told = warning.message(*language);
        let setting = format!("realm_hosts = [\"{here}\"]");
        assert!(told.contains(&setting), "{told}");
    }
    for allowed in [
        as_admin(&harbor),
        elsewhere().realm_hosts([here.to_string()]),
    ] {
        let report = connector(allowed, &clock).verify().await;
        assert!(!report.warnings.contains(&warning), "{:?}", report.warnings);
    }
}

#[tokio::test]
async fn who_was_not_reached_is_told_which_source_addresses_its_region_must_let_in() {
    let full = full().await;
    let config = |region: &str| {
        IntegrationConfig::builder("harbor")
            .registry_type(RegistryType::Harbor)
            .version(RegistryVersion::V2)
            .protocol(Protocol::Http)
            .domain("127.0.0.1")
            .port(full.port())
            .region_id(region)
            .username("admin")
            .password(Secret::new("Harbor12345"))
            .connect_timeout(Duration::from_millis(200))
    };
    for region in ["cn-hangzhou", "ap-southeast-1"] {
        let connector = connect(&config(region).build().unwrap()).unwrap();
        let report = connector.verify().await;
        assert_eq!(
            failure(&report),
            (Step::Connect, ErrorCode::NetworkConnectError)
        );
        let error = report.failure().unwrap();
        let sources = source_addresses(region, NetworkType::Public).unwrap();
        for language in Language::ALL {
            let remedy = error.remedy(*language);
            assert!(remedy.contains(&full.port().to_string()), "{remedy}");
            assert!(remedy.contains(region), "{remedy}");
            for network in sources.smallest().as_slice() {
                let address = network.network().to_string();
                assert!(remedy.contains(&address), "{address}: {remedy}");
            }
        }
        let connect = report
            .probes
            .iter()
            .find(|probe| probe.step == Step::Connect);
        // By the machine's own clock, which the connector was left with.
        assert!(connect.unwrap().elapsed >= Duration::from_millis(200));
    }
}

/// A port whose queue of connections is full, so that it answers nobody.
struct Full {
    listener: TcpListener,
    _queue: Vec<TcpStream>,
}

impl Full {
    fn port(&self) -> u16 {
        self.listener.local_addr().unwrap().port()
    }
}

async fn full() -> Full {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let listener = socket.listen(1).unwrap();
    let address = listener.local_addr().unwrap();
    let mut queue = Vec::new();
    let patience = Duration::from_millis(200);
    while let Ok(Ok(stream)) = timeout(patience, TcpStream::connect(address)).await {
        queue.push(stream);
    }
    Full {
        listener,
        _queue: queue,
    }
}
