//! Which integrations may ask for sessions.

use registry_intake::config::SessionUse;

use super::{faults, quay::QUAY, read, with};

#[test]
fn a_harbor_2_takes_each_use_of_sessions() {
    for (line, session) in [
        (r#"session = "auto""#, SessionUse::Auto),
        (r#"session = "never""#, SessionUse::Never),
        (r#"session = "always""#, SessionUse::Always),
    ] {
        assert_eq!(read(&with(line)).session(), session, "{line}");
    }
}

#[test]
fn a_registry_without_sessions_takes_none() {
    let version_1 = with(r#"session = "auto""#).replace("V2", "V1");
    let faults = faults(&version_1);
    assert_eq!(faults.len(), 1, "{faults:?}");
    assert_eq!(faults[0].field(), "session");
}

#[test]
fn a_quay_signs_in_only_with_an_account() {
    let always = QUAY.replacen("domain =", "session = \"always\"\ndomain =", 1);
    let faults = faults(&always);
    let fields: Vec<_> = faults.iter().map(|fault| fault.field()).collect();
    assert_eq!(fields, ["username", "password"]);
    let account = "username = \"ada\"\npassword = { env = \"P\" }\ndomain =";
    let signing_in = always.replacen("domain =", account, 1);
    assert_eq!(read(&signing_in).session(), SessionUse::Always);
    // What costs the server no slow hash needs not be asked for so gently.
    assert_eq!(read(&signing_in).requests_in_flight().get(), 4);
}
