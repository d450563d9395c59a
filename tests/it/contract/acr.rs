//! Both editions of ACR, the program and the simulator each a process of its own.

use std::collections::BTreeSet;

use registry_intake::{
    conformance::Shown,
    simulator::{
        AcrEnterprise, AcrPersonal,
        acr::{Contents, CredentialServer},
    },
};
use serde_json::Value;
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    process::Child,
};

use super::program::{Program, end, example, within};

/// A simulator that serves the demonstration's contents, and how to configure the program for it.
struct Served {
    _child: Child,
    config: String,
}

async fn serve(kind: &str) -> Served {
    let mut command = example("simulator");
    command.args(["--kind", kind, "--port", "0"]);
    let mut child = command.kill_on_drop(true).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let first = within(lines.next_line()).await.unwrap().unwrap();
    let told: Value = serde_json::from_str(&first).unwrap();
    let text = |key: &str| told[key].as_str().unwrap().to_owned();
    let instance = match told.get("instance_name") {
        Some(name) => format!("instance = {name}"),
        None => String::new(),
    };
    let config = format!(
        r#"
[[integrations]]
name = "acr"
type = "{kind}"
region_id = "{}"
endpoint = "http://{}"
credentials = {{ access_key_id = "{}", access_key_secret = "{}" }}
requests_per_second = 200
{instance}
"#,
        text("region_id"),
        text("address"),
        text("access_key_id"),
        text("access_key_secret"),
    );
    Served {
        _child: child,
        config,
    }
}

fn shown(objects: &[Value]) -> BTreeSet<Shown> {
    let images = objects.iter().filter(|event| event["event"] == "image");
    images
        .map(|image| Shown {
            repository: image["repository"].as_str().unwrap().to_owned(),
            digest: image["digest"].as_str().unwrap().to_owned(),
            tags: serde_json::from_value(image["tags"].clone()).unwrap(),
        })
        .collect()
}

async fn verifies_lists_and_syncs(kind: &str, held: BTreeSet<Shown>) {
    let served = serve(kind).await;
    let program = Program::new(&served.config);
    let verified = program.json(["verify"]).await;
    assert_eq!(verified.code, 0, "{}", verified.stdout);
    let listed = program.json(["list"]).await;
    assert_eq!(listed.code, 0, "{}", listed.stderr);
    assert_eq!(shown(&listed.objects()), held);
    for unchanged in [false, true] {
        let synced = program.json(["sync"]).await;
        assert_eq!(synced.code, 0, "{}", synced.stderr);
        let [report] = <[_; 1]>::try_from(synced.objects()).unwrap();
        let key = if unchanged { "unchanged" } else { "new" };
        assert_eq!(report[key], held.len(), "{report}");
        assert_eq!(report["complete"], true, "{report}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_enterprise_instance_is_verified_listed_and_synced() {
    let twin = AcrEnterprise::builder().start().await.unwrap();
    let held = crate::acr::shown(twin.listed());
    verifies_lists_and_syncs("acr-enterprise", held).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_personal_registry_is_verified_listed_and_synced() {
    let twin = AcrPersonal::builder().start().await.unwrap();
    let held = crate::acr::shown(twin.listed());
    verifies_lists_and_syncs("acr-personal", held).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_secret_is_refused_by_its_code() {
    let served = serve("acr-enterprise").await;
    let secret = AcrEnterprise::ACCESS_KEY_SECRET;
    let program = Program::new(&served.config.replace(secret, "wrong"));
    let verified = program.json(["verify"]).await;
    assert_eq!(verified.code, 1);
    assert!(
        verified.stdout.contains("FailedToVerifyUsernameOrPwd"),
        "{}",
        verified.stdout
    );
    assert_eq!(verified.stderr, "");
}

/// An instance in this process, by the default chain.
async fn by_default(contents: Contents) -> (AcrEnterprise, Program) {
    let acr = AcrEnterprise::builder()
        .contents(contents)
        .start()
        .await
        .unwrap();
    let config = format!(
        r#"
[[integrations]]
name = "acr"
type = "acr-enterprise"
region_id = "{}"
instance_id = "{}"
endpoint = "{}"
requests_per_second = 25
"#,
        AcrEnterprise::REGION_ID,
        AcrEnterprise::INSTANCE_ID,
        acr.url(),
    );
    (acr, Program::new(&config))
}

#[tokio::test(flavor = "multi_thread")]
async fn the_default_chain_takes_the_key_of_the_environment() {
    let (acr, program) = by_default(Contents::sized(1, 3, 6)).await;
    let mut command = program.configured();
    command
        .args(["--output", "json", "list"])
        .env("ALIBABA_CLOUD_ACCESS_KEY_ID", AcrEnterprise::ACCESS_KEY_ID)
        .env(
            "ALIBABA_CLOUD_ACCESS_KEY_SECRET",
            AcrEnterprise::ACCESS_KEY_SECRET,
        );
    let listed = end(&mut command).await;
    assert_eq!(listed.code, 0, "{}", listed.stderr);
    assert_eq!(shown(&listed.objects()), crate::acr::shown(acr.listed()));
}

/// The listing takes longer than the key lives.
#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_ends_is_renewed_while_a_listing_runs() {
    let (acr, program) = by_default(Contents::sized(1, 80, 80)).await;
    let keys = CredentialServer::builder(acr.keys());
    let keys = keys
        .lasting(std::time::Duration::from_secs(2))
        .start()
        .await
        .unwrap();
    let mut command = program.configured();
    command
        .args(["--output", "json", "list"])
        .env("HOME", program.path(""))
        .env("ALIBABA_CLOUD_ECS_METADATA_DISABLED", "true")
        .env("ALIBABA_CLOUD_CREDENTIALS_URI", keys.uri());
    let listed = end(&mut command).await;
    assert_eq!(listed.code, 0, "{}", listed.stderr);
    assert_eq!(shown(&listed.objects()), crate::acr::shown(acr.listed()));
    assert!(keys.issued() > 1, "{} keys", keys.issued());
}
