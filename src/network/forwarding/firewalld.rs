use std::net::Ipv4Addr;

use super::{
    Forwarding,
    plan::{Effect, Step, StepKind},
};

/// The documented command, and what it needs beside it.
pub(super) fn steps(forwarding: &Forwarding, server: Ipv4Addr) -> Vec<Step> {
    let Forwarding { listen, port, .. } = *forwarding;
    let forward = format!("forward-port=port={listen}:proto=tcp:toaddr={server}:toport={port}");
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
        .run(["firewall-cmd --permanent --add-masquerade".to_owned()])
        .undo(["firewall-cmd --permanent --remove-masquerade".to_owned()])
        .undo_only("only where nothing else in the zone is masqueraded")
        .check(["firewall-cmd --permanent --query-masquerade".to_owned()]),
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
            "firewall-cmd --query-masquerade".to_owned(),
        ]),
    ]
}
