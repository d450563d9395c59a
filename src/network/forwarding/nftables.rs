use super::{
    AddressFamily, Forwarding, as_pattern, linux,
    plan::{Effect, Step, StepKind},
};

/// A table of its own for each listening port, so that nothing of the machine's other rules is touched.
pub(super) fn steps(forwarding: &Forwarding) -> Vec<Step> {
    let Forwarding {
        listen,
        server,
        port,
        reached_over: family,
    } = *forwarding;
    let (ip, name) = match family {
        AddressFamily::Ipv4 => ("ip", format!("registry_intake_{listen}")),
        AddressFamily::Ipv6 => ("ip6", format!("registry_intake_{listen}_ipv6")),
    };
    let table = format!("{ip} {name}");
    let to = forwarding.socket();
    vec![
        linux::ip_forwarding(family),
        Step::new(
            StepKind::Destination,
            Effect::Network,
            "What comes to the listening port of this machine gets the server as its destination.",
        )
        .run([
            format!("nft 'add table {table}'"),
            format!(
                "nft 'add chain {table} prerouting {{ type nat hook prerouting priority -100; }}'"
            ),
            format!(
                "nft 'add rule {table} prerouting fib daddr type local tcp dport {listen} dnat to {to}'"
            ),
        ])
        .undo([format!("nft 'delete table {table}'")])
        .check([format!(
            "nft -n list chain {table} prerouting | grep -q 'dport {listen} dnat to {}$'",
            as_pattern(&to.to_string())
        )]),
        Step::new(
            StepKind::ReturnPath,
            Effect::Network,
            "The server sees this machine as the sender and answers to it. Without it the server \
             needs a route through this machine to the scanner's addresses.",
        )
        .run([
            format!(
                "nft 'add chain {table} postrouting {{ type nat hook postrouting priority 100; }}'"
            ),
            format!(
                "nft 'add rule {table} postrouting {ip} daddr {server} tcp dport {port} masquerade'"
            ),
        ])
        .undo([
            format!("nft 'flush chain {table} postrouting'"),
            format!("nft 'delete chain {table} postrouting'"),
        ])
        .check([format!(
            "nft -n list chain {table} postrouting | grep -q 'daddr {} tcp dport {port} \
             masquerade$'",
            as_pattern(&server.to_string())
        )]),
        accept(forwarding, ip, &name),
        linux::ip_forwarding_after_restart(family),
        after_restart(ip, &name),
    ]
}

/// In the chain that drops: what another table accepts it would still drop.
fn accept(forwarding: &Forwarding, ip: &str, name: &str) -> Step {
    const CHAIN: &str = "inet filter forward";
    let Forwarding { server, port, .. } = *forwarding;
    Step::new(
        StepKind::Accept,
        Effect::Network,
        "A forward chain that drops or rejects by default would stop both ways. At the head of the \
         chain they come before any such rule.",
    )
    .only("only where the chain forward of the table inet filter is there; name your own, if other")
    .run([
        format!(
            "nft 'insert rule {CHAIN} {ip} daddr {server} tcp dport {port} ct status dnat accept \
             comment \"{name}\"'"
        ),
        format!(
            "nft 'insert rule {CHAIN} {ip} saddr {server} tcp sport {port} ct state established accept \
             comment \"{name}\"'"
        ),
    ])
    // A rule is deleted by its handle alone.
    .undo([format!(
        "nft -a list chain {CHAIN} | sed -n 's/.* comment \"{name}\" # handle /delete rule {CHAIN} \
         handle /p' | nft -f -"
    )])
    .check([format!(
        "test \"$(nft -n list chain {CHAIN} | grep -c ' accept comment \"{name}\"$')\" -ge 2"
    )])
}

fn after_restart(ip: &str, name: &str) -> Step {
    const FIND: &str =
        "conf=/etc/sysconfig/nftables.conf; test -e $conf || conf=/etc/nftables.conf";
    let file = format!("/etc/nftables/{name}.nft");
    Step::new(
        StepKind::Persistence,
        Effect::Machine,
        "Tables are lost at a restart; the service loads what its configuration includes. What was \
         put into another table must be put into that table's own file.",
    )
    .run([
        format!("mkdir -p /etc/nftables && nft list table {ip} {name} > {file}"),
        format!("{FIND}; grep -qF '\"{file}\"' $conf || echo 'include \"{file}\"' >> $conf"),
        "systemctl enable nftables".to_owned(),
    ])
    .undo([
        format!("{FIND}; sed -i '/{name}\\.nft/d' $conf"),
        format!("rm -f {file}"),
    ])
    .check([
        format!("test -s {file}"),
        format!("{FIND}; grep -qF '\"{file}\"' $conf"),
        "systemctl is-enabled --quiet nftables".to_owned(),
    ])
}
