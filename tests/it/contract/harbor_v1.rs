//! The programs on a Harbor 1.x, each in a process of its own.

use std::collections::BTreeSet;

use registry_intake::simulator::{
    HarborV1,
    harbor_v1::{Contents, Push},
};
use serde_json::Value;

use super::program::Program;

fn config(harbor: &HarborV1) -> String {
    format!(
        r#"
[[integrations]]
name = "old"
type = "harbor"
version = "V1"
protocol = "http"
domain = "127.0.0.1"
port = {}
username = "{}"
password = "{}"
"#,
        harbor.address().port(),
        HarborV1::USERNAME,
        HarborV1::PASSWORD
    )
}

fn images(objects: &[Value]) -> BTreeSet<(String, String, Vec<String>)> {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    objects
        .iter()
        .filter(|object| object["event"] == "image")
        .map(|image| {
            let tags = image["tags"].as_array().unwrap().iter().map(text).collect();
            (text(&image["repository"]), text(&image["digest"]), tags)
        })
        .collect()
}

fn held(harbor: &HarborV1) -> BTreeSet<(String, String, Vec<String>)> {
    let listed = harbor.listed().into_iter();
    listed
        .map(|image| (image.repository, image.digest, image.tags))
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_harbor_1_x_is_verified_listed_and_synced() {
    let harbor = HarborV1::builder().start().await.unwrap();
    let program = Program::new(&config(&harbor));
    let verified = program.json(["verify"]).await;
    assert_eq!((verified.code, verified.stderr.as_str()), (0, ""));
    let listed = program.json(["list"]).await;
    assert_eq!((listed.code, listed.stderr.as_str()), (0, ""));
    assert_eq!(images(&listed.objects()), held(&harbor));

    let full = program.json(["sync"]).await;
    assert_eq!((full.code, full.stderr.as_str()), (0, ""));
    let report = &full.objects()[0];
    assert_eq!(report["complete"], true);
    assert_eq!(report["proof"], "totals");
    assert_eq!(report["new"], held(&harbor).len());

    harbor.change(|contents: &mut Contents| {
        contents.push("payments/api", Push::image().tag("2026.02.1"));
    });
    let incremental = program.json(["sync", "--incremental"]).await;
    assert_eq!((incremental.code, incremental.stderr.as_str()), (0, ""));
    let report = &incremental.objects()[0];
    assert_eq!(
        (&report["kind"], &report["new"]),
        (&"incremental".into(), &1.into())
    );
    // The account, two logs, and the repository.
    assert_eq!(report["requests"], 4);
}
