//! Nobody is led to where nothing is ever dialled, however the address is written and whoever writes
//! it. A refusal makes no socket.

use std::{net::IpAddr, sync::Arc, time::Duration};

use registry_intake::{
    clock::{ManualClock, Timestamp},
    config::{
        IntegrationConfig, IntegrationConfigBuilder, NetworkType, Protocol, RegistryType,
        RegistryVersion, Secret,
    },
    connector::{ConnectContext, connect_within},
    error::{ErrorCode, IntegrationError, RefusedAddress},
    image::Location,
    network::EgressPolicy,
    simulator::{Action, Fault},
};

use super::{
    DOMAIN, config, failure,
    front::{Server, Trap},
    harbor, listed,
};

/// How the host of a URL may be written, and the rule by which it is refused.
const SPELLINGS: &[(&str, RefusedAddress)] = {
    use RefusedAddress::{LinkLocal, Metadata, Multicast, Unspecified};
    &[
        ("169.254.169.254", Metadata),
        ("169.254.169.254.", Metadata),
        ("2852039166", Metadata),
        ("0xa9fea9fe", Metadata),
        ("0XA9FEA9FE", Metadata),
        ("025177524776", Metadata),
        ("0251.0376.0251.0376", Metadata),
        ("0xa9.0xfe.0xa9.0xfe", Metadata),
        ("0xA9.254.0251.0xfe", Metadata),
        ("0x000000a9.254.169.254", Metadata),
        ("00000251.254.169.254", Metadata),
        ("169.16689662", Metadata),
        ("169.254.43518", Metadata),
        ("169.0xfea9fe", Metadata),
        ("0251.0xfe.0xa9fe", Metadata),
        // What the IDNA of URLs makes the same of: full width, circled, other dots.
        ("１６９.２５４.１６９.２５４", Metadata),
        ("①⑥⑨.②⑤④.①⑥⑨.②⑤④", Metadata),
        ("169。254。169。254", Metadata),
        ("169．254．169．254", Metadata),
        ("169.254.169.253", Metadata),
        ("169.254.170.2", Metadata),
        ("169.254.170.23", Metadata),
        ("169.254.42.42", Metadata),
        ("169.254.0.23", Metadata),
        ("100.100.100.200", Metadata),
        ("1684301000", Metadata),
        ("0x646464c8", Metadata),
        ("0144.0144.0144.0310", Metadata),
        ("100.6579400", Metadata),
        ("100.96.0.96", Metadata),
        ("100.80.80.80", Metadata),
        ("168.63.129.16", Metadata),
        ("0xa83f8110", Metadata),
        ("192.0.0.192", Metadata),
        ("3221225664", Metadata),
        ("[::ffff:169.254.169.254]", Metadata),
        ("[::ffff:a9fe:a9fe]", Metadata),
        ("[::FFFF:A9FE:A9FE]", Metadata),
        ("[0:0:0:0:0:ffff:a9fe:a9fe]", Metadata),
        ("[0000:0000:0000:0000:0000:ffff:169.254.169.254]", Metadata),
        ("[::169.254.169.254]", Metadata),
        ("[::ffff:0:169.254.169.254]", Metadata),
        ("[64:ff9b::169.254.169.254]", Metadata),
        ("[64:ff9b::a9fe:a9fe]", Metadata),
        ("[64:ff9b:1::169.254.169.254]", Metadata),
        ("[64:ff9b:1:a9fe:a9:fe00::]", Metadata),
        ("[2002:a9fe:a9fe::1]", Metadata),
        ("[2001:0:4136:e378:8000:63bf:5601:5601]", Metadata),
        ("[2001:db8::5efe:169.254.169.254]", Metadata),
        ("[::ffff:100.100.100.200]", Metadata),
        ("[64:ff9b::6464:64c8]", Metadata),
        ("[fd00:ec2::254]", Metadata),
        ("[fd00:ec2::23]", Metadata),
        ("[FD00:0EC2:0:0:0:0:0:254]", Metadata),
        ("[fd20:ce::254]", Metadata),
        ("[fd00:c1::a9fe:a9fe]", Metadata),
        ("[fd00:42::42]", Metadata),
        ("[fd00:a9fe:a9fe::1]", Metadata),
        ("[fd00:100::100:200]", Metadata),
        ("[fe80::a9fe:a9fe]", Metadata),
        ("169.254.0.1", LinkLocal),
        ("0xa9fe0001", LinkLocal),
        ("[fe80::1]", LinkLocal),
        ("[febf::1]", LinkLocal),
        ("[::ffff:169.254.0.1]", LinkLocal),
        ("0.0.0.0", Unspecified),
        ("0", Unspecified),
        ("0x0", Unspecified),
        ("0.0", Unspecified),
        ("[::]", Unspecified),
        ("[::ffff:0:0]", Unspecified),
        ("224.0.0.1", Multicast),
        ("255.255.255.255", Multicast),
        ("4294967295", Multicast),
        ("0xffffffff", Multicast),
        ("[ff02::1]", Multicast),
        ("[64:ff9b::ffff:ffff]", Multicast),
    ]
};

/// What is no host at all, and is told before anybody could dial it.
const NO_HOSTS: &[&str] = &[
    "425.510.425.510",
    "169.254.169.254.1",
    "0xa9fea9fe0",
    "169.254.169.254%2f",
    "[fe80::1%25eth0]",
    "fe80::1%eth0",
    "169.254.169.254:80",
    "harbor@169.254.169.254",
    "169.254.169.254#",
    "169.254.169.254\\",
    "169.254.169.254 ",
];

fn rule(error: &IntegrationError) -> RefusedAddress {
    match error {
        IntegrationError::AddressRefused { rule, .. } => *rule,
        other => panic!("not refused: {other:?}"),
    }
}

#[tokio::test]
async fn a_literal_domain_is_refused_in_every_spelling() {
    assert!(SPELLINGS.len() >= 60);
    let context = ConnectContext::new();
    for (spelling, expected) in SPELLINGS {
        let error = failure(config(443).domain(*spelling), &context).await;
        assert_eq!(rule(&error), *expected, "{spelling}");
        assert_eq!(error.code(), ErrorCode::AddressRefused);
        let text = error.to_string();
        assert!(text.contains("is not dialled"), "{text}");
    }
    for spelling in NO_HOSTS {
        let outcome = config(443).domain(*spelling).build();
        assert!(outcome.is_err(), "{spelling}");
    }
}

#[tokio::test]
async fn no_dial_override_leads_there_and_no_proxy_stands_there() {
    let context = ConnectContext::new();
    let mut tried = 0;
    for (spelling, expected) in SPELLINGS {
        let literal = spelling.trim_start_matches('[').trim_end_matches(']');
        if let Ok(address) = literal.parse::<IpAddr>() {
            tried += 1;
            let error = failure(config(443).ip(address), &context).await;
            assert_eq!(rule(&error), *expected, "ip {spelling}");
        }
        for scheme in ["http", "socks5", "socks5h"] {
            let proxied = config(443).proxy(format!("{scheme}://{spelling}:3128"));
            let error = failure(proxied, &context).await;
            assert_eq!(rule(&error), *expected, "{scheme} proxy {spelling}");
            assert!(error.context().host.ends_with(":3128"), "{error}");
        }
    }
    assert!(tried > 40, "{tried}");
}

#[tokio::test]
async fn a_literal_is_refused_through_a_proxy_too() {
    let trap = Trap::set().await;
    let context = ConnectContext::new();
    for (spelling, expected) in SPELLINGS {
        let proxied = config(443)
            .domain(*spelling)
            .proxy(format!("http://{}", trap.address));
        assert_eq!(
            rule(&failure(proxied, &context).await),
            *expected,
            "{spelling}"
        );
    }
    assert_eq!(trap.caught(), 0);
}

fn over_http(port: u16) -> IntegrationConfigBuilder {
    config(port).protocol(Protocol::Http).domain("127.0.0.1")
}

#[tokio::test]
async fn no_redirect_is_followed_there() {
    let context = ConnectContext::new();
    for (spelling, expected) in SPELLINGS {
        let answer = format!(
            "HTTP/1.1 302 X\r\nlocation: http://{spelling}/latest/meta-data\r\ncontent-length: 0\r\n\r\n"
        );
        let server = Server::start(move |_| answer.clone().into_bytes()).await;
        let error = failure(over_http(server.address.port()), &context).await;
        match &error {
            IntegrationError::AddressRefused { rule, .. } => assert_eq!(rule, expected),
            // A header that is not ASCII leads nowhere.
            other => assert!(!spelling.is_ascii(), "{spelling}: {other:?}"),
        }
    }
}

#[tokio::test]
async fn no_scanner_is_sent_there_and_each_is_told_where_connections_may_go() {
    let location = Location {
        repository: "apps/web".parse().unwrap(),
        digest: format!("sha256:{}", "0f".repeat(32)).parse().unwrap(),
        tags: Vec::new(),
    };
    let strict = ConnectContext::new().with_egress(EgressPolicy::strict());
    for (context, ip, refused) in [
        (&ConnectContext::new(), "169.254.169.254", true),
        (&strict, "10.0.0.1", true),
        (&strict, "203.0.113.7", false),
    ] {
        let ip: IpAddr = ip.parse().unwrap();
        let harbor = over_http(80).domain("harbor.example.com").ip(ip);
        let quay = IntegrationConfig::builder("quay")
            .registry_type(RegistryType::Quay)
            .version(RegistryVersion::V2)
            .network(NetworkType::Public)
            .protocol(Protocol::Http)
            .domain("quay.example.com")
            .ip(ip)
            .namespace("apps", Secret::new("token"));
        for config in [harbor, quay] {
            let registry = connect_within(&config.build().unwrap(), context).unwrap();
            match registry.pull_access(&location).await {
                Ok(access) => {
                    assert!(!refused, "{ip}");
                    assert_eq!(access.egress, *context.egress());
                }
                Err(error) => {
                    assert!(refused, "{ip}: {error:?}");
                    assert_eq!(error.code(), ErrorCode::AddressRefused);
                }
            }
        }
    }
}

#[tokio::test]
async fn no_link_and_no_realm_is_followed_to_anybody_else() {
    let trap = Trap::set().await;
    // A repetition passes at once.
    let clock = ManualClock::jumping_at(Timestamp::UNIX_EPOCH);
    let context = ConnectContext::with_clock(Arc::new(clock));
    // Links and realms are followed to nobody, so that a few spellings stand for all.
    let targets = SPELLINGS
        .iter()
        .step_by(9)
        .map(|(spelling, _)| format!("http://{spelling}/latest"));
    let trapped = [
        format!("http://{}/latest", trap.address),
        format!("//{}/latest", trap.address),
    ];
    for target in targets.chain(trapped) {
        let harbor = harbor().await;
        harbor.faults().arm(
            Fault::new(Action::Answer {
                status: 200,
                headers: vec![
                    ("Content-Type".to_owned(), "application/json".to_owned()),
                    ("X-Total-Count".to_owned(), "7".to_owned()),
                    ("Link".to_owned(), format!("<{target}>; rel=\"next\"")),
                ],
                body: "[]".to_owned(),
            })
            .on_path("/repositories")
            .times(2),
        );
        harbor.faults().arm(
            Fault::new(Action::Answer {
                status: 401,
                headers: vec![(
                    "Www-Authenticate".to_owned(),
                    format!("Bearer realm=\"{target}\",service=\"x\""),
                )],
                body: "{}".to_owned(),
            })
            .on_path("/v2/")
            .times(1),
        );
        let config = over_http(harbor.address().port()).build().unwrap();
        let connector = connect_within(&config, &context).unwrap();
        let report = connector.verify().await;
        let outcome = listed(&connector).await;
        let errors = outcome.err().into_iter().chain(report.into_result().err());
        for error in errors {
            assert_ne!(
                error.code(),
                ErrorCode::NetworkConnectError,
                "{target}: {error}"
            );
        }
    }
    assert_eq!(trap.caught(), 0);
}

#[tokio::test]
async fn a_strict_policy_keeps_away_from_this_machine_unless_it_is_allowed() {
    let harbor = harbor().await;
    let port = harbor.address().port();
    let strict = ConnectContext::new().with_egress(EgressPolicy::strict());
    let by_literal = over_http(port);
    let by_name = over_http(port).domain("localhost");
    let by_override = over_http(port).domain(DOMAIN).ip([127, 0, 0, 1].into());
    for way in [by_literal.clone(), by_name, by_override.clone()] {
        let error = failure(way, &strict).await;
        assert_eq!(rule(&error), RefusedAddress::Loopback);
        assert!(error.to_string().contains("strict"), "{error}");
    }
    assert_eq!(harbor.log().total(), 0);

    let allowing = EgressPolicy::strict().allow(["127.0.0.0/8".parse().unwrap()]);
    let denying = EgressPolicy::new().deny(["127.0.0.1/32".parse().unwrap()]);
    let allowing = ConnectContext::new().with_egress(allowing);
    let denying = ConnectContext::new().with_egress(denying);
    for way in [by_literal, by_override] {
        let error = failure(way.clone(), &denying).await;
        assert_eq!(rule(&error), RefusedAddress::Denied);
        let within_vpc = way.clone().network(NetworkType::Vpc);
        for (way, context) in [(way, &allowing), (within_vpc, &strict)] {
            let connector = connect_within(&way.build().unwrap(), context).unwrap();
            connector.verify().await.into_result().unwrap();
            assert!(!listed(&connector).await.unwrap().is_empty());
        }
    }
}

#[tokio::test]
async fn a_policy_that_must_see_every_address_sends_no_name_through_a_proxy() {
    let trap = Trap::set().await;
    let proxied = |scheme| config(443).proxy(format!("{scheme}://{}", trap.address));
    let loopback = || ["127.0.0.0/8".parse().unwrap()];
    for policy in [
        EgressPolicy::strict().allow(loopback()),
        EgressPolicy::new().deny(["10.0.0.0/8".parse().unwrap()]),
    ] {
        let context = ConnectContext::new().with_egress(policy);
        for scheme in ["http", "socks5h"] {
            let error = failure(proxied(scheme), &context).await;
            let IntegrationError::ConfigInvalid { field, source, .. } = &error else {
                panic!("{error:?}");
            };
            assert_eq!(*field, "proxy");
            assert!(source.to_string().contains("trusts proxies"), "{source}");
        }
    }
    assert_eq!(trap.caught(), 0);
    // A policy that trusts proxies lets it be, and then the proxy is asked.
    let trusting = EgressPolicy::strict().allow(loopback()).trusting_proxies();
    let context = ConnectContext::new().with_egress(trusting);
    let impatient = proxied("http").connect_timeout(Duration::from_millis(200));
    let error = failure(impatient, &context).await;
    assert_eq!(error.code(), ErrorCode::NetworkConnectError);
    assert!(trap.caught() > 0);
}
