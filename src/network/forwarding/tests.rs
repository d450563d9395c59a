#![allow(clippy::unwrap_used)]

use std::net::{Ipv4Addr, Ipv6Addr};

use proptest::prelude::*;

use super::*;
use crate::error::RefusedAddress;

fn port(number: u16) -> NonZeroU16 {
    NonZeroU16::new(number).unwrap()
}

fn forwarding(listen: u16, server: &str, to: u16) -> Forwarding {
    Forwarding::new(port(listen), server.parse().unwrap(), port(to)).unwrap()
}

fn lines(plan: &Plan) -> Vec<String> {
    let steps = plan.steps().iter();
    steps
        .flat_map(|step| [&step.run, &step.undo, &step.check].into_iter().flatten())
        .cloned()
        .collect()
}

#[test]
fn the_documented_commands_stand_in_the_plans_letter_by_letter() {
    let forwarding = forwarding(443, "192.168.10.20", 8443);
    for (system, documented) in [
        (
            System::Firewalld,
            &["firewall-cmd --permanent \
               --add-forward-port=port=443:proto=tcp:toaddr=192.168.10.20:toport=8443"][..],
        ),
        (
            System::Iptables,
            &[
                "echo \"1\" > /proc/sys/net/ipv4/ip_forward",
                "iptables -t nat -A PREROUTING -p tcp --dport 443 -j DNAT \
                 --to-destination 192.168.10.20:8443",
            ],
        ),
        (
            System::Windows,
            &[
                "netsh interface portproxy add v4tov4 listenport=443 listenaddress=* \
               connectaddress=192.168.10.20 connectport=8443 protocol=tcp",
            ],
        ),
    ] {
        let plan = forwarding.plan(system).unwrap();
        let run: Vec<_> = plan.steps().iter().flat_map(|step| &step.run).collect();
        for command in documented {
            assert!(run.iter().any(|line| line == command), "{run:#?}");
        }
    }
}

#[test]
fn the_plans_have_what_the_documents_leave_out() {
    use StepKind::{Accept, Destination, IpForwarding, Persistence, Reload, ReturnPath, Service};

    let forwarding = forwarding(443, "192.168.10.20", 8443);
    for (system, kinds) in [
        (System::Firewalld, &[Destination, ReturnPath, Reload][..]),
        (
            System::Iptables,
            &[
                IpForwarding,
                Destination,
                ReturnPath,
                Accept,
                Persistence,
                Persistence,
            ],
        ),
        (
            System::Nftables,
            &[
                IpForwarding,
                Destination,
                ReturnPath,
                Accept,
                Persistence,
                Persistence,
            ],
        ),
        (System::Windows, &[Service, Destination, Accept]),
    ] {
        let plan = forwarding.plan(system).unwrap();
        assert_eq!(plan.system(), system);
        let found: Vec<_> = plan.steps().iter().map(|step| step.kind).collect();
        assert_eq!(found, kinds, "{system}");
        for step in plan.steps() {
            assert!(!step.reason.is_empty());
            let commands = [&step.run, &step.undo, &step.check];
            assert!(commands.iter().all(|them| !them.is_empty()), "{step:?}");
        }
        // What makes a state the lasting one comes last both ways.
        let undone: Vec<_> = plan.undo().map(|step| step.kind).collect();
        assert_eq!(undone.len(), kinds.len());
        let lasting = |kind: &StepKind| matches!(kind, Reload | Persistence);
        assert!(undone.is_sorted_by_key(lasting), "{undone:?}");
    }
}

#[test]
fn a_firewall_leads_from_no_family_to_the_other_and_says_so() {
    let over = AddressFamily::Ipv6;
    for (forwarding, reason) in [
        (forwarding(443, "2001:db8::5", 443), "from IPv4 to IPv6"),
        (
            forwarding(443, "192.168.10.20", 443).on_machine_reached_over(over),
            "from IPv6 to IPv4",
        ),
    ] {
        for system in [System::Firewalld, System::Iptables, System::Nftables] {
            let error = forwarding.plan(system).unwrap_err();
            assert_eq!(
                error,
                ForwardingError::AddressFamily {
                    system,
                    reached_over: forwarding.reached_over(),
                    server: forwarding.server(),
                }
            );
            let text = error.to_string();
            assert!(text.contains(reason), "{text}");
        }
        assert!(forwarding.plan(System::Windows).is_ok());
    }
    // Mapped into IPv6 it is an address of IPv4 all the same.
    let mapped = forwarding(443, "::ffff:192.168.10.20", 443);
    assert_eq!(mapped, forwarding(443, "192.168.10.20", 443));
}

#[test]
fn the_port_proxy_of_windows_leads_from_either_family_to_either() {
    for (over, server, families) in [
        (AddressFamily::Ipv4, "192.168.10.20", "v4tov4"),
        (AddressFamily::Ipv4, "2001:db8::5", "v4tov6"),
        (AddressFamily::Ipv6, "192.168.10.20", "v6tov4"),
        (AddressFamily::Ipv6, "2001:db8::5", "v6tov6"),
    ] {
        let forwarding = forwarding(443, server, 8443).on_machine_reached_over(over);
        let run = forwarding.plan(System::Windows).unwrap().steps()[1]
            .run
            .clone();
        let command = format!(
            "netsh interface portproxy add {families} listenport=443 listenaddress=* \
             connectaddress={server} connectport=8443 protocol=tcp"
        );
        assert_eq!(run, [command]);
    }
}

#[test]
fn within_ipv6_each_firewall_has_its_own_words() {
    let forwarding =
        forwarding(443, "2001:db8::5", 8443).on_machine_reached_over(AddressFamily::Ipv6);
    for (system, kind, command) in [
        (
            System::Firewalld,
            StepKind::Destination,
            "firewall-cmd --permanent --add-rich-rule='rule family=\"ipv6\" forward-port \
             port=\"443\" protocol=\"tcp\" to-port=\"8443\" to-addr=\"2001:db8::5\"'",
        ),
        (
            System::Firewalld,
            StepKind::ReturnPath,
            "firewall-cmd --permanent --add-rich-rule='rule family=\"ipv6\" masquerade'",
        ),
        (
            System::Iptables,
            StepKind::IpForwarding,
            "echo \"1\" > /proc/sys/net/ipv6/conf/all/forwarding",
        ),
        (
            System::Iptables,
            StepKind::Destination,
            "ip6tables -t nat -A PREROUTING -p tcp --dport 443 -j DNAT --to-destination \
             '[2001:db8::5]:8443'",
        ),
        (
            System::Nftables,
            StepKind::Destination,
            "nft 'add rule ip6 registry_intake_443_ipv6 prerouting fib daddr type local tcp dport 443 \
             dnat to [2001:db8::5]:8443'",
        ),
    ] {
        let plan = forwarding.plan(system).unwrap();
        let mut steps = plan.steps().iter().filter(|step| step.kind == kind);
        let last = steps.next().unwrap().run.last().cloned();
        assert_eq!(last.as_deref(), Some(command));
    }
}

#[test]
fn nothing_is_forwarded_to_what_is_never_dialled_or_to_the_machine_itself() {
    for (server, rule) in [
        ("169.254.169.254", RefusedAddress::Metadata),
        ("100.100.100.200", RefusedAddress::Metadata),
        ("::ffff:100.100.100.200", RefusedAddress::Metadata),
        ("fd00:ec2::254", RefusedAddress::Metadata),
        ("169.254.7.7", RefusedAddress::LinkLocal),
        ("fe80::1", RefusedAddress::LinkLocal),
        ("0.0.0.0", RefusedAddress::Unspecified),
        ("::", RefusedAddress::Unspecified),
        ("224.0.0.1", RefusedAddress::Multicast),
        ("255.255.255.255", RefusedAddress::Multicast),
    ] {
        let address: IpAddr = server.parse().unwrap();
        let error = Forwarding::new(port(443), address, port(443)).unwrap_err();
        assert!(
            matches!(error, ForwardingError::Refused { rule: found, .. } if found == rule),
            "{error:?}"
        );
    }
    for server in ["127.0.0.1", "127.9.9.9", "::1", "::ffff:127.0.0.1"] {
        let address: IpAddr = server.parse().unwrap();
        let error = Forwarding::new(port(443), address, port(443)).unwrap_err();
        assert!(
            matches!(error, ForwardingError::Loopback { .. }),
            "{error:?}"
        );
    }
}

#[test]
fn a_server_is_an_address_and_perhaps_a_port() {
    for (text, address, port) in [
        ("192.168.0.2", "192.168.0.2", None),
        ("192.168.0.2:1", "192.168.0.2", Some(1)),
        ("192.168.0.2:65535", "192.168.0.2", Some(65535)),
        ("2001:db8::5", "2001:db8::5", None),
        ("[2001:db8::5]", "2001:db8::5", None),
        ("[2001:db8::5]:8443", "2001:db8::5", Some(8443)),
        ("::ffff:192.168.0.2", "192.168.0.2", None),
        // No port: it is a whole address as it stands.
        ("2001:db8::5:443", "2001:db8::5:443", None),
    ] {
        let server: ServerAddress = text.parse().unwrap();
        assert_eq!(server.address, address.parse::<IpAddr>().unwrap(), "{text}");
        assert_eq!(server.port.map(NonZeroU16::get), port, "{text}");
    }
}

proptest! {
    /// Whatever the values, the commands are those of one set of values with these in their places.
    #[test]
    fn commands_hold_the_three_values_and_nothing_else_of_them(
        listen in 1..=u16::MAX,
        four in any::<u32>(),
        six in any::<u128>(),
        to in 1..=u16::MAX,
    ) {
        for (server, other) in [
            (IpAddr::V4(Ipv4Addr::from(four)), "10.20.30.40"),
            (IpAddr::V6(Ipv6Addr::from(six)), "2001:db8::abcd"),
        ] {
            let Ok(forwarding) = Forwarding::new(port(listen), server, port(to)) else {
                continue;
            };
            let family = AddressFamily::of(server);
            let forwarding = forwarding.on_machine_reached_over(family);
            let model = self::forwarding(10_001, other, 10_002).on_machine_reached_over(family);
            if family != AddressFamily::of(model.server()) {
                continue;
            }
            let server = server.to_string();
            for system in System::ALL {
                let expected: Vec<_> = lines(&model.plan(system).unwrap())
                    .into_iter()
                    .map(|line| {
                        line.replace("10001", &listen.to_string())
                            .replace("10002", &to.to_string())
                            .replace(&as_pattern(other), &as_pattern(&server))
                            .replace(other, &server)
                    })
                    .collect();
                prop_assert_eq!(lines(&forwarding.plan(system).unwrap()), expected);
            }
        }
    }

    #[test]
    fn a_server_is_read_back_as_it_is_written(server in any::<u128>(), to in any::<u16>()) {
        let to = NonZeroU16::new(to);
        let four = IpAddr::V4(Ipv4Addr::from(server as u32));
        for address in [four, IpAddr::V6(Ipv6Addr::from(server))] {
            let text = match (address, to) {
                (IpAddr::V6(address), Some(to)) => format!("[{address}]:{to}"),
                (address, Some(to)) => format!("{address}:{to}"),
                (address, None) => address.to_string(),
            };
            let read: ServerAddress = text.parse().unwrap();
            prop_assert_eq!((read.address, read.port), (address.to_canonical(), to));
        }
    }

    /// Whatever is taken is an address and a port in their usual letters: nothing a shell would read.
    #[test]
    fn what_is_no_server_is_never_taken(text in "[0-9a-f:.\\[\\]%;$`|&<>()'\" \n+-]{0,24}") {
        if text.parse::<ServerAddress>().is_ok() {
            prop_assert!(text.bytes().all(|it| it.is_ascii_hexdigit() || b":.[]".contains(&it)));
        }
    }
}
