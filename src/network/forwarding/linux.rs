//! What iptables and nftables have in common: the kernel's own setting.

use super::plan::{Effect, Step, StepKind};

const SYSCTL_FILE: &str = "/etc/sysctl.d/90-registry-intake.conf";

const SHARED: &str = "only where nothing else on this machine forwards, as containers do";

pub(super) fn ip_forwarding() -> Step {
    Step::new(
        StepKind::IpForwarding,
        Effect::Network,
        "The kernel drops what is not for the machine itself until it is told to pass it on.",
    )
    .run([r#"echo "1" > /proc/sys/net/ipv4/ip_forward"#.to_owned()])
    .undo([r#"echo "0" > /proc/sys/net/ipv4/ip_forward"#.to_owned()])
    .undo_only(SHARED)
    .check(["grep -qx 1 /proc/sys/net/ipv4/ip_forward".to_owned()])
}

pub(super) fn ip_forwarding_after_restart() -> Step {
    Step::new(
        StepKind::Persistence,
        Effect::Machine,
        "The kernel's setting is lost at a restart; a sysctl file sets it again.",
    )
    .run([format!(r#"echo "net.ipv4.ip_forward = 1" > {SYSCTL_FILE}"#)])
    .undo([format!("rm -f {SYSCTL_FILE}")])
    .undo_only(SHARED)
    .check([format!(
        r#"grep -qx "net.ipv4.ip_forward = 1" {SYSCTL_FILE}"#
    )])
}
