use super::{
    AddressFamily, Forwarding, as_pattern,
    plan::{Effect, Step, StepKind},
};

/// The documented command, and what it needs beside it. The port proxy is no address translation: it
/// connects to the server itself, so that answers find their way and both families can be led to from either.
pub(super) fn steps(forwarding: &Forwarding) -> Vec<Step> {
    let Forwarding {
        listen,
        server,
        port,
        reached_over,
    } = *forwarding;
    let families = match (reached_over, forwarding.family_of_server()) {
        (AddressFamily::Ipv4, AddressFamily::Ipv4) => "v4tov4",
        (AddressFamily::Ipv4, AddressFamily::Ipv6) => "v4tov6",
        (AddressFamily::Ipv6, AddressFamily::Ipv4) => "v6tov4",
        (AddressFamily::Ipv6, AddressFamily::Ipv6) => "v6tov6",
    };
    let rule = format!("name=\"registry-intake {listen}\"");
    vec![
        Step::new(
            StepKind::Service,
            Effect::Machine,
            "The port proxy is part of the service IP Helper.",
        )
        .only("only where the check fails: it runs unless somebody switched it off")
        .run([
            "sc config iphlpsvc start= auto".to_owned(),
            "net start iphlpsvc".to_owned(),
        ])
        .undo(["net stop iphlpsvc".to_owned()])
        .undo_only("only where it did not run before")
        .check(["sc query iphlpsvc | findstr RUNNING".to_owned()]),
        Step::new(
            StepKind::Destination,
            Effect::Machine,
            "What comes to the listening port goes to the server, after a restart too. The machine \
             connects to the server itself, so that answers need nothing more.",
        )
        .run([format!(
            "netsh interface portproxy add {families} listenport={listen} listenaddress=* \
             connectaddress={server} connectport={port} protocol=tcp"
        )])
        .undo([format!(
            "netsh interface portproxy delete {families} listenport={listen} listenaddress=* \
             protocol=tcp"
        )])
        .check([format!(
            "netsh interface portproxy show {families} | findstr /r /c:\"^\\*  *{listen}  *{}  *{port}\"",
            as_pattern(&server.to_string())
        )]),
        Step::new(
            StepKind::Accept,
            Effect::Machine,
            "The machine's own firewall lets in no port that it was not told of.",
        )
        .run([format!(
            "netsh advfirewall firewall add rule {rule} dir=in action=allow protocol=TCP \
             localport={listen}"
        )])
        .undo([format!(
            "netsh advfirewall firewall delete rule {rule} dir=in protocol=TCP localport={listen}"
        )])
        .check([format!("netsh advfirewall firewall show rule {rule}")]),
    ]
}
