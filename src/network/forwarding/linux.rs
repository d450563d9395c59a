//! What iptables and nftables have in common: the kernel's own setting.

use super::{
    AddressFamily,
    plan::{Effect, Step, StepKind},
};

const SHARED: &str = "only where nothing else on this machine forwards, as containers do";

pub(super) fn ip_forwarding(family: AddressFamily) -> Step {
    let (file, reason) = match family {
        AddressFamily::Ipv4 => (
            "/proc/sys/net/ipv4/ip_forward",
            "The kernel drops what is not for the machine itself until it is told to pass it on.",
        ),
        AddressFamily::Ipv6 => (
            "/proc/sys/net/ipv6/conf/all/forwarding",
            "The kernel drops what is not for the machine itself until it is told to pass it on. It \
             then takes no route from router advertisements any more, unless accept_ra of the \
             interface is 2.",
        ),
    };
    Step::new(StepKind::IpForwarding, Effect::Network, reason)
        .run([format!(r#"echo "1" > {file}"#)])
        .undo([format!(r#"echo "0" > {file}"#)])
        .undo_only(SHARED)
        .check([format!("grep -qx 1 {file}")])
}

pub(super) fn ip_forwarding_after_restart(family: AddressFamily) -> Step {
    let (setting, file) = match family {
        AddressFamily::Ipv4 => (
            "net.ipv4.ip_forward = 1",
            "/etc/sysctl.d/90-registry-intake.conf",
        ),
        AddressFamily::Ipv6 => (
            "net.ipv6.conf.all.forwarding = 1",
            "/etc/sysctl.d/90-registry-intake-ipv6.conf",
        ),
    };
    Step::new(
        StepKind::Persistence,
        Effect::Machine,
        "The kernel's setting is lost at a restart; a sysctl file sets it again.",
    )
    .run([format!(r#"echo "{setting}" > {file}"#)])
    .undo([format!("rm -f {file}")])
    .undo_only(SHARED)
    .check([format!(r#"grep -qx "{setting}" {file}"#)])
}
