//! What this machine cannot try is said where nobody misses it.

use std::process::{Child, Command, Stdio};

/// What writes to standard error when this process ends, behind the results of its tests and past
/// what their harness holds back.
pub(crate) fn tell_at_the_end(note: &str) -> Child {
    const TELL: &str = r#"cat >/dev/null; printf '\nnote: %s\n\n' "$1" >&2"#;
    Command::new("sh")
        .args(["-c", TELL, "sh", note])
        .stdin(Stdio::piped())
        .spawn()
        .unwrap()
}
