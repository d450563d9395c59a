use std::net::Ipv4Addr;

use super::{
    Forwarding, linux,
    plan::{Effect, Step, StepKind},
};

/// A table of its own for each listening port, so that nothing of the machine's other rules is touched.
pub(super) fn steps(forwarding: &Forwarding, server: Ipv4Addr) -> Vec<Step> {
    let Forwarding { listen, port, .. } = *forwarding;
    let table = format!("registry_intake_{listen}");
    vec![
        linux::ip_forwarding(),
        Step::new(
            StepKind::Destination,
            Effect::Network,
            "What comes to the listening port of this machine gets the server as its destination.",
        )
        .run([
            format!("nft 'add table ip {table}'"),
            format!(
                "nft 'add chain ip {table} prerouting {{ type nat hook prerouting priority -100; }}'"
            ),
            format!(
                "nft 'add rule ip {table} prerouting fib daddr type local tcp dport {listen} dnat to \
                 {server}:{port}'"
            ),
        ])
        .undo([format!("nft 'delete table ip {table}'")])
        .check([format!(
            "nft -n list chain ip {table} prerouting | grep -q 'dport {listen} dnat to {server}:{port}$'"
        )]),
        Step::new(
            StepKind::ReturnPath,
            Effect::Network,
            "The server sees this machine as the sender and answers to it. Without it the server \
             needs a route through this machine to the scanner's addresses.",
        )
        .run([
            format!(
                "nft 'add chain ip {table} postrouting {{ type nat hook postrouting priority 100; }}'"
            ),
            format!(
                "nft 'add rule ip {table} postrouting ip daddr {server} tcp dport {port} masquerade'"
            ),
        ])
        .undo([
            format!("nft 'flush chain ip {table} postrouting'"),
            format!("nft 'delete chain ip {table} postrouting'"),
        ])
        .check([format!(
            "nft -n list chain ip {table} postrouting | grep -q 'daddr {server} tcp dport {port} \
             masquerade$'"
        )]),
        accept(forwarding, server, &table),
        linux::ip_forwarding_after_restart(),
        after_restart(&table),
    ]
}

/// In the chain that drops: what another table accepts it would still drop.
fn accept(forwarding: &Forwarding, server: Ipv4Addr, table: &str) -> Step {
    const CHAIN: &str = "inet filter forward";
    let port = forwarding.port;
    Step::new(
        StepKind::Accept,
        Effect::Network,
        "A forward chain that drops or rejects by default would stop both ways. At the head of the \
         chain they come before any such rule.",
    )
    .only("only where the chain forward of the table inet filter is there; name your own, if other")
    .run([
        format!(
            "nft 'insert rule {CHAIN} ip daddr {server} tcp dport {port} ct status dnat accept \
             comment \"{table}\"'"
        ),
        format!(
            "nft 'insert rule {CHAIN} ip saddr {server} tcp sport {port} ct state established accept \
             comment \"{table}\"'"
        ),
    ])
    // A rule is deleted by its handle alone.
    .undo([format!(
        "nft -a list chain {CHAIN} | sed -n 's/.* comment \"{table}\" # handle /delete rule {CHAIN} \
         handle /p' | nft -f -"
    )])
    .check([format!(
        "test \"$(nft -n list chain {CHAIN} | grep -c ' accept comment \"{table}\"$')\" -ge 2"
    )])
}

fn after_restart(table: &str) -> Step {
    const FIND: &str =
        "conf=/etc/sysconfig/nftables.conf; test -e $conf || conf=/etc/nftables.conf";
    let file = format!("/etc/nftables/{table}.nft");
    Step::new(
        StepKind::Persistence,
        Effect::Machine,
        "Tables are lost at a restart; the service loads what its configuration includes. What was \
         put into another table must be put into that table's own file.",
    )
    .run([
        format!("mkdir -p /etc/nftables && nft list table ip {table} > {file}"),
        format!("{FIND}; grep -qF '\"{file}\"' $conf || echo 'include \"{file}\"' >> $conf"),
        "systemctl enable nftables".to_owned(),
    ])
    .undo([
        format!("{FIND}; sed -i '/{table}\\.nft/d' $conf"),
        format!("rm -f {file}"),
    ])
    .check([
        format!("test -s {file}"),
        format!("{FIND}; grep -qF '\"{file}\"' $conf"),
        "systemctl is-enabled --quiet nftables".to_owned(),
    ])
}
