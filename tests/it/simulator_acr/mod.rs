//! The simulated ACR of both editions: who may ask, what is answered, and what goes wrong.

mod answers;
mod credentials;
mod lists;
mod pulling;
mod recorded;
mod refusals;
mod signer;

use std::sync::Arc;

use registry_intake::{
    clock::ManualClock,
    simulator::{AcrEnterprise, AcrEnterpriseBuilder, AcrPersonal, AcrPersonalBuilder},
};

use self::signer::Signer;

/// When the recorded requests were signed.
const NOW: &str = "2026-01-02T03:04:05Z";

fn clock() -> ManualClock {
    ManualClock::at(NOW.parse().unwrap())
}

async fn enterprise(
    set_up: impl FnOnce(AcrEnterpriseBuilder) -> AcrEnterpriseBuilder,
) -> (AcrEnterprise, Signer) {
    let builder = AcrEnterprise::builder().clock(Arc::new(clock()));
    let acr = set_up(builder).start().await.unwrap();
    let signer = Signer::new(
        acr.address(),
        "2018-12-01",
        AcrEnterprise::ACCESS_KEY_ID,
        AcrEnterprise::ACCESS_KEY_SECRET,
    );
    (acr, signer)
}

async fn personal(
    set_up: impl FnOnce(AcrPersonalBuilder) -> AcrPersonalBuilder,
) -> (AcrPersonal, Signer) {
    let builder = AcrPersonal::builder().clock(Arc::new(clock()));
    let acr = set_up(builder).start().await.unwrap();
    let signer = Signer::new(
        acr.address(),
        "2016-06-07",
        AcrPersonal::ACCESS_KEY_ID,
        AcrPersonal::ACCESS_KEY_SECRET,
    );
    (acr, signer)
}

/// The query that names the instance that is always there, and more.
fn of_instance(more: &str) -> String {
    format!("InstanceId={}&{more}", AcrEnterprise::INSTANCE_ID)
}
