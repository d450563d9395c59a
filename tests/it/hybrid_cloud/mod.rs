//! The crate's commands for a hybrid cloud, run for real: through the steps for iptables and for nftables
//! the crate verifies and lists a registry that it cannot reach otherwise. What writes files of the
//! machine is left out.

mod lab;
mod relay;

use std::num::NonZeroU16;

use registry_intake::{
    config::NetworkType,
    network::{
        address_pools::{AddressPools, Region, RuleFormat},
        forwarding::{AddressFamily, Effect, Forwarding, Plan, Step, StepKind, System},
    },
};

use self::{
    lab::{CLIENT, FORWARDER, FORWARDER_V6, Lab, Namespace, REGISTRY, REGISTRY_V6},
    relay::Relay,
};

/// Where the forwarder listens.
const LISTEN: u16 = 8443;

/// A firewall that drops what nobody accepted, as it stands on a machine before anybody forwards.
fn drop_by_default(system: System, namespace: &Namespace, chain: &str) {
    match system {
        System::Iptables => {
            for tool in ["iptables", "ip6tables"] {
                namespace.run(&format!("{tool} -P {} DROP", chain.to_uppercase()));
            }
        }
        System::Nftables => {
            namespace.run("nft add table inet filter");
            namespace.run(&format!(
                "nft 'add chain inet filter {chain} {{ type filter hook {chain} priority 0; policy drop; }}'"
            ));
        }
        other => panic!("{other} does not run in a namespace"),
    }
}

/// To the registry, on a forwarder that is reached over the same family.
fn plan(system: System, registry: &str) -> Plan {
    let port = |number| NonZeroU16::new(number).unwrap();
    let server = registry.parse().unwrap();
    let forwarding = Forwarding::new(port(LISTEN), server, port(80)).unwrap();
    let forwarding = forwarding.on_machine_reached_over(AddressFamily::of(server));
    forwarding.plan(system).unwrap()
}

/// Does steps in their order, but those that change more than the namespace's network.
fn do_steps<'a>(steps: impl IntoIterator<Item = &'a Step>, forwarder: &Namespace) {
    for step in of_the_network(steps) {
        assert!(!is_done(step, forwarder), "{:?} before", step.kind);
        step.run.iter().for_each(|line| forwarder.run(line));
        assert!(is_done(step, forwarder), "{:?} after", step.kind);
    }
}

fn undo_steps<'a>(steps: impl IntoIterator<Item = &'a Step>, forwarder: &Namespace) {
    for step in of_the_network(steps) {
        step.undo.iter().for_each(|line| forwarder.run(line));
        assert!(!is_done(step, forwarder), "{:?} undone", step.kind);
    }
}

fn of_the_network<'a>(steps: impl IntoIterator<Item = &'a Step>) -> impl Iterator<Item = &'a Step> {
    let steps = steps.into_iter();
    steps.filter(|step| step.effect == Effect::Network)
}

fn is_done(step: &Step, forwarder: &Namespace) -> bool {
    step.check.iter().all(|line| forwarder.succeeds(line))
}

/// Whether anything of a plan stands in the forwarder's firewall.
fn has_rules(forwarder: &Namespace) -> bool {
    forwarder.succeeds("nft list ruleset | grep -q -e dnat -e masquerade -e registry_intake")
}

fn is_verified_and_listed_until_it_is_undone(lab: &Lab, system: System, family: AddressFamily) {
    let (dialled, registry) = match family {
        AddressFamily::Ipv4 => ((FORWARDER, LISTEN), REGISTRY),
        AddressFamily::Ipv6 => ((FORWARDER_V6, LISTEN), REGISTRY_V6),
    };
    let forwarder = &lab.forwarder;
    drop_by_default(system, forwarder, "forward");
    assert!(lab.verify(dialled).is_err(), "before");

    let plan = plan(system, registry);
    do_steps(plan.steps(), forwarder);
    assert_eq!(lab.verify(dialled), Ok(()), "forwarded");
    let images = lab.images(&lab.client, dialled);
    assert!(!images.is_empty());
    assert_eq!(images, lab.images_at_home());
    assert!(has_rules(forwarder));

    undo_steps(plan.undo(), forwarder);
    assert!(lab.verify(dialled).is_err(), "undone");
    assert!(!has_rules(forwarder), "something is left");
}

#[test]
fn through_iptables_a_registry_is_verified_and_listed_until_it_is_undone() {
    if lab::is_possible() {
        let (system, family) = (System::Iptables, AddressFamily::Ipv4);
        is_verified_and_listed_until_it_is_undone(&Lab::new(), system, family);
    }
}

#[test]
fn through_nftables_a_registry_is_verified_and_listed_until_it_is_undone() {
    if lab::is_possible() {
        let (system, family) = (System::Nftables, AddressFamily::Ipv4);
        is_verified_and_listed_until_it_is_undone(&Lab::new(), system, family);
    }
}

#[test]
fn over_ipv6_it_is_the_same() {
    relay::serve_if_told();
    if !lab::is_possible() {
        return;
    }
    for system in [System::Iptables, System::Nftables] {
        let lab = Lab::new();
        let _relay = Relay::start(&lab.registry, "hybrid_cloud::over_ipv6_it_is_the_same");
        is_verified_and_listed_until_it_is_undone(&lab, system, AddressFamily::Ipv6);
    }
}

/// Beside the destination itself, that is: without it nothing is forwarded at all.
#[test]
fn without_any_one_of_the_steps_there_is_no_connection() {
    if !lab::is_possible() {
        return;
    }
    for system in [System::Iptables, System::Nftables] {
        let lab = Lab::new();
        drop_by_default(system, &lab.forwarder, "forward");
        let plan = plan(system, REGISTRY);
        for left_out in [
            StepKind::IpForwarding,
            StepKind::ReturnPath,
            StepKind::Accept,
        ] {
            let kept = |step: &&Step| step.kind != left_out;
            do_steps(plan.steps().iter().filter(kept), &lab.forwarder);
            let verified = lab.verify((FORWARDER, LISTEN));
            assert!(verified.is_err(), "{system} without {left_out:?}");
            undo_steps(plan.undo().filter(kept), &lab.forwarder);
        }
        do_steps(plan.steps(), &lab.forwarder);
        assert_eq!(lab.verify((FORWARDER, LISTEN)), Ok(()), "{system} with all");
    }
}

/// At the forwarder's place there is the registry itself here, behind a firewall of its own.
#[test]
fn the_rules_of_an_allowlist_let_in_whom_it_names_and_nobody_else() {
    if !lab::is_possible() {
        return;
    }
    let allowlist = |addresses: [&str; 2]| {
        let ranges = addresses.map(|address| address.parse().unwrap());
        let region = Region::new("lab", [], ranges).unwrap();
        let pools = AddressPools::of_regions([region]).unwrap();
        let port = NonZeroU16::new(8080).unwrap();
        pools.allowlist("lab", NetworkType::Vpc, port).unwrap()
    };
    for (system, format) in [
        (System::Iptables, RuleFormat::Iptables),
        (System::Nftables, RuleFormat::Nftables),
    ] {
        let lab = Lab::new();
        // The registry's network is the forwarder's other side; a route makes it the client's too.
        lab.client
            .run(&format!("ip route add 10.77.2.0/24 via {FORWARDER}"));
        lab.registry.run("ip route add 10.77.1.0/24 via 10.77.2.1");
        lab.forwarder.run("echo 1 > /proc/sys/net/ipv4/ip_forward");
        assert_eq!(lab.verify((REGISTRY, 8080)), Ok(()), "open");
        drop_by_default(system, &lab.registry, "input");
        assert!(lab.verify((REGISTRY, 8080)).is_err(), "closed");
        for (addresses, is_let_in) in [
            (["10.77.1.3/32", "2001:db8::/64"], false),
            ([&*format!("{CLIENT}/32"), "2001:db8::/64"], true),
        ] {
            let rules = allowlist(addresses).rules(format);
            lab.registry.run(&format!("set -e\n{rules}"));
            let verified = lab.verify((REGISTRY, 8080));
            assert_eq!(verified.is_ok(), is_let_in, "{rules}{verified:?}");
        }
    }
}
