use super::{
    AddressFamily, Forwarding,
    plan::{Effect, Step, StepKind},
};

/// The documented command, and what it needs beside it. For IPv6 the options take no address: their
/// place is taken by rules in firewalld's rich language.
pub(super) fn steps(forwarding: &Forwarding) -> Vec<Step> {
    let Forwarding {
        listen,
        server,
        port,
        reached_over,
    } = *forwarding;
    let (forward, masquerade) = match reached_over {
        AddressFamily::Ipv4 => (
            format!("forward-port=port={listen}:proto=tcp:toaddr={server}:toport={port}"),
            "masquerade".to_owned(),
        ),
        AddressFamily::Ipv6 => (
            format!(
                "rich-rule='rule family=\"ipv6\" forward-port port=\"{listen}\" protocol=\"tcp\" \
                 to-port=\"{port}\" to-addr=\"{server}\"'"
            ),
            "rich-rule='rule family=\"ipv6\" masquerade'".to_owned(),
        ),
    };
    vec![
        Step::new(
            StepKind::Destination,
            Effect::Machine,
            "What comes to the listening port goes to the server. In the default zone: add --zone \
             everywhere where the interface is in another.",
        )
        .run([format!("firewall-cmd --permanent --add-{forward}")])
        .undo([format!("firewall-cmd --permanent --remove-{forward}")])
        .check([format!("firewall-cmd --permanent --query-{forward}")]),
        Step::new(
            StepKind::ReturnPath,
            Effect::Machine,
            "The server sees this machine as the sender and answers to it, and firewalld switches the \
             kernel's forwarding on, after a restart too.",
        )
        .run([format!("firewall-cmd --permanent --add-{masquerade}")])
        .undo([format!("firewall-cmd --permanent --remove-{masquerade}")])
        .undo_only("only where nothing else in the zone is masqueraded")
        .check([format!("firewall-cmd --permanent --query-{masquerade}")]),
        Step::new(
            StepKind::Reload,
            Effect::Machine,
            "What is permanent is in force only once it was loaded. What was set without --permanent \
             is lost by it.",
        )
        .run(["firewall-cmd --reload".to_owned()])
        .undo(["firewall-cmd --reload".to_owned()])
        .undo_only("after the permanent settings themselves")
        .check([
            format!("firewall-cmd --query-{forward}"),
            format!("firewall-cmd --query-{masquerade}"),
        ]),
    ]
}
