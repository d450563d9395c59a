use super::{
    AddressFamily, Forwarding, linux,
    plan::{Effect, Step, StepKind},
};

/// The documented commands, and what they need beside them; of IPv6 by the sister command.
pub(super) fn steps(forwarding: &Forwarding) -> Vec<Step> {
    let Forwarding {
        listen,
        server,
        port,
        reached_over: family,
    } = *forwarding;
    let (iptables, to) = match family {
        AddressFamily::Ipv4 => ("iptables", forwarding.socket().to_string()),
        // Unquoted a shell would take the brackets for a pattern of file names.
        AddressFamily::Ipv6 => ("ip6tables", format!("'{}'", forwarding.socket())),
    };
    let destination = format!("PREROUTING -p tcp --dport {listen} -j DNAT --to-destination {to}");
    let return_path = format!("POSTROUTING -p tcp -d {server} --dport {port} -j MASQUERADE");
    let there =
        format!("FORWARD -p tcp -d {server} --dport {port} -m conntrack --ctstate DNAT -j ACCEPT");
    let back = format!(
        "FORWARD -p tcp -s {server} --sport {port} -m conntrack --ctstate ESTABLISHED -j ACCEPT"
    );
    vec![
        linux::ip_forwarding(family),
        Step::new(
            StepKind::Destination,
            Effect::Network,
            "What comes to the listening port gets the server as its destination. So does what this \
             machine only passes on to that port elsewhere: on a gateway add -d and its own address.",
        )
        .run([format!("{iptables} -t nat -A {destination}")])
        .undo([format!("{iptables} -t nat -D {destination}")])
        .check([format!("{iptables} -t nat -C {destination}")]),
        Step::new(
            StepKind::ReturnPath,
            Effect::Network,
            "The server sees this machine as the sender and answers to it. Without it the server \
             needs a route through this machine to the scanner's addresses.",
        )
        .run([format!("{iptables} -t nat -A {return_path}")])
        .undo([format!("{iptables} -t nat -D {return_path}")])
        .check([format!("{iptables} -t nat -C {return_path}")]),
        Step::new(
            StepKind::Accept,
            Effect::Network,
            "A FORWARD chain that drops or rejects by default, as Docker sets it, would stop both \
             ways. At the head of the chain they come before any such rule.",
        )
        .run([
            format!("{iptables} -I {there}"),
            format!("{iptables} -I {back}"),
        ])
        .undo([
            format!("{iptables} -D {there}"),
            format!("{iptables} -D {back}"),
        ])
        .check([
            format!("{iptables} -C {there}"),
            format!("{iptables} -C {back}"),
        ]),
        linux::ip_forwarding_after_restart(family),
        Step::new(
            StepKind::Persistence,
            Effect::Machine,
            "Rules are lost at a restart; the service saves all that are there now and loads them \
             again.",
        )
        .only(
            "as written on CentOS and Red Hat without firewalld; on Debian and Ubuntu install \
             iptables-persistent and run netfilter-persistent save",
        )
        .run([
            "yum install -y iptables-services".to_owned(),
            format!("service {iptables} save"),
            format!("systemctl enable {iptables}"),
        ])
        .undo([format!("service {iptables} save")])
        .undo_only("after the rules themselves, since it saves what is left")
        .check([format!(
            "grep -q -e '--dport {listen} -j DNAT --to-destination {}$' /etc/sysconfig/{iptables}",
            super::as_pattern(&forwarding.socket().to_string())
        )]),
    ]
}
