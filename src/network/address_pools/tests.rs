#![allow(clippy::unwrap_used)]

use std::collections::BTreeSet;

use super::*;
use crate::config::NetworkType;

fn texts(set: &AddressSet) -> Vec<String> {
    set.texts().collect()
}

#[test]
fn every_region_of_both_editions_is_read_and_found_by_each_of_its_names() {
    for pools in [
        AddressPools::documented(),
        AddressPools::of_edition(Edition::English),
        AddressPools::of_edition(Edition::Chinese),
    ] {
        assert_eq!(pools.regions().len(), 15);
        for region in pools.regions() {
            let (english, chinese) = (region.name_en().unwrap(), region.name_zh().unwrap());
            for name in [
                region.id().to_owned(),
                english.to_owned(),
                chinese.to_owned(),
                english.to_uppercase(),
                english.replace(' ', ""),
                chinese.replace('(', "（").replace(')', "）"),
            ] {
                assert_eq!(pools.region(&name), Some(region), "{name}");
            }
            for network in [NetworkType::Public, NetworkType::Vpc] {
                assert!(!region.addresses(network).is_empty(), "{region:?}");
            }
        }
    }
}

#[test]
fn a_region_is_found_by_the_part_of_its_name_in_brackets() {
    let pools = AddressPools::documented();
    for (name, id) in [
        ("Hangzhou", "cn-hangzhou"),
        ("杭州", "cn-hangzhou"),
        ("silicon valley", "us-west-1"),
        ("英国（伦敦）", "eu-west-1"),
        ("singapore", "ap-southeast-1"),
        ("中国香港", "cn-hongkong"),
    ] {
        assert_eq!(pools.region(name).map(Region::id), Some(id), "{name}");
    }
    for name in ["", " ", "China", "cn-", "mars", "()", "CN"] {
        assert_eq!(pools.region(name), None, "{name:?}");
    }
}

#[test]
fn the_default_is_what_either_edition_lists() {
    let both = AddressPools::default();
    let [english, chinese] = Edition::ALL.map(AddressPools::of_edition);
    for region in both.regions() {
        for network in [NetworkType::Public, NetworkType::Vpc] {
            let of = |pools: &AddressPools| -> BTreeSet<_> {
                let set = pools.required(region.id(), network).unwrap();
                set.as_slice().iter().copied().collect()
            };
            assert_eq!(of(&both), &of(&english) | &of(&chinese), "{}", region.id());
        }
    }
}

/// What the documentation of this module says of the documents.
#[test]
fn the_documents_are_as_odd_as_they_are_said_to_be() {
    let [english, chinese] = Edition::ALL.map(AddressPools::of_edition);
    assert_eq!(Edition::English.date(), None);
    assert_eq!(Edition::Chinese.date(), Some("2023-06-15"));
    let mut differing = Vec::new();
    for region in english.regions() {
        let other = chinese.region(region.id()).unwrap();
        if region == other {
            continue;
        }
        differing.push(region.id());
        for network in [NetworkType::Public, NetworkType::Vpc] {
            let (one, other) = (region.addresses(network), other.addresses(network));
            assert_eq!(one.missing_from(other), one.smallest(), "{}", region.id());
        }
    }
    assert_eq!(
        differing,
        [
            "cn-hangzhou",
            "cn-shanghai",
            "cn-beijing",
            "cn-shenzhen",
            "cn-hongkong",
            "ap-southeast-1"
        ]
    );
    let of =
        |pools: &AddressPools, region, network| texts(pools.required(region, network).unwrap());
    let public = |region| of(&english, region, NetworkType::Public);
    assert_eq!(public("cn-hongkong"), public("cn-shenzhen"));
    let private = |region| of(&english, region, NetworkType::Vpc);
    assert_eq!(private("cn-huhehaote"), ["100.104.36.0/26"]);
    assert_eq!(private("us-east-1"), ["100.104.36.0/26"]);
    assert_eq!(private("eu-central-1"), ["172.16.0.0/20"]);
    assert_eq!(private("eu-west-1"), ["172.16.0.0/20"]);
    let shared = "100.64.0.0/10".parse::<AddressSet>().unwrap();
    for pools in [&english, &chinese] {
        for region in pools.regions() {
            let private = region.addresses(NetworkType::Vpc);
            let is_shared = private.missing_from(&shared).is_empty();
            let is_european = region.id().starts_with("eu-");
            assert_eq!(is_shared, !is_european, "{}", region.id());
            let public = region.addresses(NetworkType::Public);
            let all = public.as_slice().iter().chain(private.as_slice());
            assert!(all.clone().all(|range| range.addr().is_ipv4()));
        }
    }
}

#[test]
fn the_addresses_to_let_in_are_told_by_region_and_network() {
    let set = source_addresses("cn-qingdao", NetworkType::Public).unwrap();
    assert_eq!(texts(set), ["47.104.111.68"]);
    let set = source_addresses("cn-hongkong", NetworkType::Vpc).unwrap();
    assert_eq!(texts(set), ["100.104.111.128/26", "100.104.130.128/26"]);
    assert!(set.covers("100.104.130.191".parse().unwrap()));
    assert!(!set.covers("100.104.130.192".parse().unwrap()));
    assert!(source_addresses("cn-nowhere", NetworkType::Public).is_none());
}

#[test]
fn an_operators_own_table_extends_or_replaces_the_documents() {
    let text = r#"{ "use": "extend", "regions": [
        { "region_id": "cn-qingdao", "name_en": "Qingdao", "public": ["203.0.113.7"] },
        { "region_id": "office", "name_zh": "总部", "private": ["10.1.0.0/16"] }
    ] }"#;
    let documented = AddressPools::documented();
    let extended = documented.with(&OwnTable::from_json(text).unwrap());
    assert_eq!(extended.regions().len(), 16);
    let qingdao = extended.required("青岛", NetworkType::Public).unwrap();
    assert_eq!(texts(qingdao), ["47.104.111.68", "203.0.113.7"]);
    let office = extended.required("总部", NetworkType::Vpc).unwrap();
    assert_eq!(texts(office), ["10.1.0.0/16"]);

    let text = text.replace("extend", "replace");
    let replaced = documented.with(&OwnTable::from_json(&text).unwrap());
    assert_eq!(replaced.regions().len(), 2);
    let qingdao = replaced.required("cn-qingdao", NetworkType::Public);
    assert_eq!(texts(qingdao.unwrap()), ["203.0.113.7"]);
    assert!(matches!(
        replaced.required("cn-qingdao", NetworkType::Vpc),
        Err(PoolError::NoAddresses { .. })
    ));
    let error = replaced
        .required("cn-beijing", NetworkType::Public)
        .unwrap_err();
    assert_eq!(
        error.to_string(),
        r#"region "cn-beijing" is not in the table; it has cn-qingdao, office"#
    );
}

#[test]
fn a_table_that_cannot_be_meant_is_refused_by_its_fault() {
    let region = |entry: &str| format!("use = \"replace\"\n[[regions]]\n{entry}\n");
    let twice = region("region_id = \"a\"") + "[[regions]]\nregion_id = \"a\"";
    let long = region(&format!("region_id = \"{}\"", "a".repeat(65)));
    for (text, fault) in [
        (String::new(), "cannot be read"),
        ("regions = []".to_owned(), "cannot be read"),
        (
            "use = \"replace\"\nregions = []".to_owned(),
            "has no region",
        ),
        ("use = \"merge\"\nregions = []".to_owned(), "cannot be read"),
        (region("region_id = \"a\"\npubic = []"), "cannot be read"),
        (region("region_id = 1"), "cannot be read"),
        (region("region_id = \"a b\""), "is no region_id"),
        (region("region_id = \"a;id\""), "is no region_id"),
        (region("region_id = \"-a\""), "is no region_id"),
        (region("region_id = \"\""), "is no region_id"),
        (long, "is no region_id"),
        (
            region("region_id = \"a\"\nname_en = \"a\\nb\""),
            "is no name_en",
        ),
        (
            region("region_id = \"a\"\nname_zh = \" \""),
            "is no name_zh",
        ),
        (
            region("region_id = \"a\"\npublic = [\"x\"]"),
            "region \"a\"",
        ),
        (
            region("region_id = \"a\"\nprivate = [\"10.0.0.1/8\"]"),
            "region \"a\"",
        ),
        (twice, "region a more than once"),
    ] {
        let error = OwnTable::from_toml(&text).unwrap_err().to_string();
        assert!(error.contains(fault), "{text}: {error}");
    }
}

#[test]
fn an_integrations_addresses_follow_from_its_region_and_network() {
    use crate::config::{IntegrationConfig, RegistryType, RegistryVersion, Secret};

    let builder = || {
        IntegrationConfig::builder("prod")
            .registry_type(RegistryType::Harbor)
            .version(RegistryVersion::V2)
            .domain("harbor.example.com")
            .username("admin")
            .password(Secret::new("a"))
    };
    let pools = AddressPools::documented();
    let public = builder().region_id("cn-qingdao").build().unwrap();
    assert_eq!(
        texts(pools.required_for(&public).unwrap()),
        ["47.104.111.68"]
    );
    let vpc = builder()
        .region_id("cn-qingdao")
        .network(NetworkType::Vpc)
        .build()
        .unwrap();
    assert_eq!(
        texts(pools.required_for(&vpc).unwrap()),
        ["100.104.87.192/26"]
    );
    let nowhere = builder().build().unwrap();
    assert!(matches!(
        pools.required_for(&nowhere),
        Err(PoolError::RegionMissing)
    ));
}

/// Two ranges that join, an address alone, and one of IPv6.
fn allowlist() -> Allowlist {
    let text = r#"{ "use": "replace", "regions": [{ "region_id": "office",
        "public": ["192.0.2.0/25", "192.0.2.128/25", "198.51.100.7", "2001:db8::/64"] }] }"#;
    let pools = OwnTable::from_json(text).unwrap().pools().clone();
    let port = std::num::NonZeroU16::new(8443).unwrap();
    pools
        .allowlist("office", NetworkType::Public, port)
        .unwrap()
}

#[test]
fn rules_are_written_in_every_format() {
    let heading = "# Scans from region office, public network, to port 8443.";
    for (format, lines) in [
        (
            RuleFormat::List,
            "192.0.2.0/24\n198.51.100.7\n2001:db8::/64\n".to_owned(),
        ),
        (
            RuleFormat::Json,
            "{\"addresses\":[\"192.0.2.0/24\",\"198.51.100.7\",\"2001:db8::/64\"],\
             \"network\":\"public\",\"port\":8443,\"region_id\":\"office\"}\n"
                .to_owned(),
        ),
        (
            RuleFormat::Nginx,
            format!(
                "{heading} Works with \"deny all;\" behind your own allow lines.\n\
                 allow 192.0.2.0/24;\nallow 198.51.100.7;\nallow 2001:db8::/64;\n"
            ),
        ),
        (
            RuleFormat::Iptables,
            format!(
                "{heading} What containers or forwarding serve goes by FORWARD, not INPUT.\n\
                 iptables -I INPUT -p tcp -s 192.0.2.0/24 --dport 8443 -j ACCEPT\n\
                 iptables -I INPUT -p tcp -s 198.51.100.7/32 --dport 8443 -j ACCEPT\n\
                 ip6tables -I INPUT -p tcp -s 2001:db8::/64 --dport 8443 -j ACCEPT\n"
            ),
        ),
        (
            RuleFormat::Nftables,
            format!(
                "{heading} Name your own table and chain, if other than these.\n\
                 nft 'insert rule inet filter input ip saddr {{ 192.0.2.0/24, 198.51.100.7 }} \
                 tcp dport 8443 accept'\n\
                 nft 'insert rule inet filter input ip6 saddr {{ 2001:db8::/64 }} \
                 tcp dport 8443 accept'\n"
            ),
        ),
        (
            RuleFormat::Firewalld,
            format!(
                "{heading} Add --zone, if it is not the default one.\n\
                 firewall-cmd --permanent --add-rich-rule='rule family=\"ipv4\" source \
                 address=\"192.0.2.0/24\" port port=\"8443\" protocol=\"tcp\" accept'\n\
                 firewall-cmd --permanent --add-rich-rule='rule family=\"ipv4\" source \
                 address=\"198.51.100.7/32\" port port=\"8443\" protocol=\"tcp\" accept'\n\
                 firewall-cmd --permanent --add-rich-rule='rule family=\"ipv6\" source \
                 address=\"2001:db8::/64\" port port=\"8443\" protocol=\"tcp\" accept'\n\
                 firewall-cmd --reload\n"
            ),
        ),
        (
            RuleFormat::AlibabaCloud,
            format!(
                "{heading} Set SECURITY_GROUP_ID first.\n\
                 aliyun ecs AuthorizeSecurityGroup --RegionId office --SecurityGroupId \
                 \"${{SECURITY_GROUP_ID:?}}\" \\\n  \
                 --Permissions.1.IpProtocol TCP --Permissions.1.PortRange 8443/8443 \
                 --Permissions.1.SourceCidrIp 192.0.2.0/24 --Permissions.1.NicType intranet \
                 --Permissions.1.Policy accept \\\n  \
                 --Permissions.2.IpProtocol TCP --Permissions.2.PortRange 8443/8443 \
                 --Permissions.2.SourceCidrIp 198.51.100.7/32 --Permissions.2.NicType intranet \
                 --Permissions.2.Policy accept \\\n  \
                 --Permissions.3.IpProtocol TCP --Permissions.3.PortRange 8443/8443 \
                 --Permissions.3.Ipv6SourceCidrIp 2001:db8::/64 --Permissions.3.NicType intranet \
                 --Permissions.3.Policy accept\n"
            ),
        ),
    ] {
        assert_eq!(allowlist().rules(format), lines, "{format}");
        assert_eq!(format.to_string().parse::<RuleFormat>().unwrap(), format);
    }
    assert!("excel".parse::<RuleFormat>().is_err());
}

#[test]
fn a_security_group_is_given_at_most_100_permissions_a_call() {
    // Every second address, so that none join.
    let addresses = (0..101_u8).map(|number| [192, 0, 2, number * 2].into());
    let addresses: AddressSet = addresses
        .collect::<Vec<std::net::IpAddr>>()
        .into_iter()
        .collect();
    let region = Region::new("office", addresses.as_slice().to_vec(), []).unwrap();
    let pools = AddressPools::of_regions([region]).unwrap();
    let port = std::num::NonZeroU16::new(443).unwrap();
    let allowlist = pools
        .allowlist("office", NetworkType::Public, port)
        .unwrap();
    let rules = allowlist.rules(RuleFormat::AlibabaCloud);
    assert_eq!(rules.matches("aliyun ecs").count(), 2);
    assert_eq!(rules.matches("--Permissions.100.Policy").count(), 1);
    assert_eq!(rules.matches("--Permissions.1.Policy").count(), 2);
    assert!(rules.contains("--Permissions.1.SourceCidrIp 192.0.2.200/32"));
}
