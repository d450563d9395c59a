use super::program::{Program, harbor, objects, paced};
use crate::postgres_server::new_database;

#[tokio::test(flavor = "multi_thread")]
async fn an_address_of_a_server_is_all_that_several_programs_need_to_share_the_work() {
    let Some(address) = new_database().await else {
        return;
    };
    let harbor = harbor().await;
    let program = || Program::new(&paced("prod", &harbor, "3600000"));
    let synced = program().json(["sync", "--inventory", &address]).await;
    assert_eq!((synced.code, synced.stderr.as_str()), (0, ""));
    let ingest = async || {
        let arguments = ["ingest", "--inventory", &address, "--until-idle"];
        program().json(arguments).await
    };
    let (one, other, third) = tokio::join!(ingest(), ingest(), ingest());
    let mut handed = Vec::new();
    for ended in [one, other, third] {
        assert_eq!((ended.code, ended.stderr.as_str()), (0, ""));
        let images = ended.objects().into_iter();
        handed.extend(images.filter_map(|object| Some(object["digest"].as_str()?.to_owned())));
    }
    handed.sort_unstable();
    let digest = |letter: &str| format!("sha256:{}", letter.repeat(64));
    assert_eq!(handed, ["a", "c", "f"].map(digest));
    let stored = program().json(["inventory", "--inventory", &address]).await;
    let ingested = objects(&stored.stdout)
        .iter()
        .filter(|image| image["state"] == "ingested")
        .count();
    assert_eq!(ingested, 3);
}
