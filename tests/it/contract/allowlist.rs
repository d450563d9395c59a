//! `regions` and `allowlist`: the addresses from which registries are scanned.

use serde_json::{Value, json};

use super::program::{Ended, Program, end};

/// Nothing is asked of the registries.
const CONFIG: &str = r#"
[[integrations]]
name = "prod"
type = "harbor"
version = "V2"
region_id = "cn-beijing"
network = "vpc"
domain = "harbor.example.com"
port = 8443
username = "admin"
password = { env = "NOT_SET" }

[[integrations]]
name = "nowhere"
type = "harbor"
version = "V2"
domain = "harbor.example.com"
username = "admin"
password = { env = "NOT_SET" }
"#;

const OWN: &str = r#"
use = "extend"

[[regions]]
region_id = "cn-qingdao"
public = ["203.0.113.0/25", "203.0.113.128/25"]

[[regions]]
region_id = "office"
name_en = "Head office"
name_zh = "总部"
private = ["10.1.0.0/16", "2001:db8::/64"]
"#;

/// Without a configuration.
async fn bare(program: &Program, arguments: &[&str]) -> Ended {
    end(program.bare().args(arguments)).await
}

#[tokio::test]
async fn every_region_is_told_with_both_editions_and_needs_no_configuration() {
    let program = Program::new("");
    let ended = bare(&program, &["regions", "--output=json"]).await;
    assert_eq!((ended.code, ended.stderr.as_str()), (0, ""));
    let regions = ended.objects();
    assert_eq!(regions.len(), 15);
    let beijing = regions.iter().find(|it| it["region_id"] == "cn-beijing");
    insta::assert_json_snapshot!(beijing.unwrap());
    assert!(
        regions
            .iter()
            .all(|it| it["editions"].as_array().unwrap().len() == 2)
    );

    let text = bare(&program, &["regions"]).await;
    assert_eq!((text.code, text.stderr.as_str()), (0, ""));
    insta::assert_snapshot!(text.stdout);
}

#[tokio::test]
async fn an_allowlist_of_a_region_is_written_in_every_format_without_a_configuration() {
    let program = Program::new("");
    let mut all = String::new();
    for format in [
        "list",
        "json",
        "nginx",
        "iptables",
        "nftables",
        "firewalld",
        "alibaba-cloud",
    ] {
        let arguments = ["allowlist", "--region", "北京", "--format", format];
        let ended = bare(&program, &arguments).await;
        assert_eq!((ended.code, ended.stderr.as_str()), (0, ""));
        all.push_str(&ended.stdout);
    }
    insta::assert_snapshot!(all);
    let arguments = [
        "allowlist",
        "--region",
        "cn-beijing",
        "--network=vpc",
        "--port=80",
    ];
    let ended = bare(&program, &[&arguments[..], &["--format=nftables"]].concat()).await;
    assert!(
        ended
            .stdout
            .contains("{ 100.104.20.128/26, 100.104.114.192/26 } tcp dport 80 accept"),
        "{}",
        ended.stdout
    );
}

#[tokio::test]
async fn an_integration_is_told_what_to_let_in_by_its_region_network_and_port() {
    let program = Program::new(CONFIG);
    let ended = program.json(["allowlist"]).await;
    assert_eq!(ended.code, 1);
    let [prod] = <[_; 1]>::try_from(ended.objects()).unwrap();
    insta::assert_json_snapshot!(prod);
    let error = ended.error();
    assert_eq!(error["integration"], "nowhere");
    assert_eq!(error["error"]["code"], "ConfigInvalid");
    assert!(
        error["error"]["message"]
            .as_str()
            .unwrap()
            .contains("region_id")
    );

    let one = program.json(["allowlist", "prod"]).await;
    assert_eq!((one.code, one.objects()), (0, vec![prod]));
    assert_eq!(program.json(["allowlist", "third"]).await.code, 2);
}

#[tokio::test]
async fn an_operators_own_table_counts_and_its_faults_are_told() {
    let program = Program::new("");
    std::fs::write(program.path("own.toml"), OWN).unwrap();
    let own = ["allowlist", "--pools", "own.toml", "--output=json"];
    let of = async |more: &[&str]| bare(&program, &[&own[..], more].concat()).await;
    let qingdao = of(&["--region", "cn-qingdao"]).await.objects();
    assert_eq!(
        qingdao[0]["smallest"],
        json!(["47.104.111.68", "203.0.113.0/24"])
    );
    let office = of(&["--region", "总部", "--network", "vpc"])
        .await
        .objects();
    assert_eq!(
        office[0]["addresses"],
        json!(["10.1.0.0/16", "2001:db8::/64"])
    );
    // It has no addresses of that network.
    let none = of(&["--region", "office"]).await;
    assert_eq!((none.code, none.stdout.as_str()), (1, ""));
    assert_eq!(none.error()["error"]["code"], "ConfigInvalid");

    let json =
        r#"{ "use": "replace", "regions": [{ "region_id": "a", "public": ["192.0.2.1"] }] }"#;
    std::fs::write(program.path("own.json"), json).unwrap();
    let regions = bare(&program, &["regions", "--pools=own.json", "--output=json"]).await;
    let [region] = <[_; 1]>::try_from(regions.objects()).unwrap();
    assert_eq!(region["public"], json!(["192.0.2.1"]));
    assert_eq!(region["editions"], json!([]));

    for faulty in ["use = 1", "use = \"extend\"\nregions = []", "\u{0}"] {
        std::fs::write(program.path("own.toml"), faulty).unwrap();
        let ended = of(&["--region", "cn-qingdao"]).await;
        assert_eq!((ended.code, ended.stdout.as_str()), (1, ""));
        assert_eq!(ended.error()["error"]["code"], "ConfigInvalid");
    }
    let missing = bare(&program, &["regions", "--pools=none.toml"]).await;
    assert_eq!((missing.code, missing.stdout.as_str()), (1, ""));
}

#[tokio::test]
async fn what_is_let_in_and_what_is_missing_is_told() {
    let program = Program::new("");
    std::fs::write(
        program.path("mine.txt"),
        "# ours\n100.104.20.128/27, 192.0.2.0/24\n100.104.114.192/26\n",
    )
    .unwrap();
    let arguments = ["allowlist", "--region=cn-beijing", "--network=vpc"];
    let asked = async |more: &[&str]| bare(&program, &[&arguments[..], more].concat()).await;
    let ended = asked(&["--have=mine.txt", "--output=json"]).await;
    assert_eq!(ended.objects()[0]["missing"], json!(["100.104.20.160/27"]));
    assert_eq!(ended.objects()[0]["covers"], Value::Null);
    assert_eq!(
        asked(&["--have=mine.txt"]).await.stdout,
        "100.104.20.160/27\n"
    );

    for (address, covered) in [("100.104.20.191", true), ("100.104.20.192", false)] {
        let ended = asked(&["--covers", address, "--output=json"]).await;
        let covers = json!({ "address": address, "covered": covered });
        assert_eq!(ended.objects()[0]["covers"], covers);
        let text = asked(&["--covers", address]).await.stdout;
        assert_eq!(text.contains("is not"), !covered, "{text}");
    }

    std::fs::write(program.path("mine.txt"), "100.104.0.0/16").unwrap();
    assert_eq!(asked(&["--have=mine.txt"]).await.stdout, "");
    std::fs::write(program.path("mine.txt"), "harbor.example.com").unwrap();
    let ended = asked(&["--have=mine.txt", "--output=json"]).await;
    assert_eq!((ended.code, ended.stdout.as_str()), (1, ""));
}

#[tokio::test]
async fn wrong_usage_of_an_allowlist_ends_with_2() {
    let program = Program::new(CONFIG);
    for arguments in [
        &["allowlist", "--region", "cn-nowhere"][..],
        &["allowlist", "--region", ""],
        &["allowlist", "--region", "cn-beijing; reboot"],
        &["allowlist", "prod", "--region", "cn-beijing"],
        &["allowlist", "--port", "80"],
        &["allowlist", "--region", "cn-beijing", "--port", "0"],
        &["allowlist", "--region", "cn-beijing", "--format", "excel"],
        &[
            "allowlist",
            "--region",
            "cn-beijing",
            "--covers",
            "192.0.2.0/24",
        ],
        &["allowlist"],
    ] {
        let ended = bare(&program, arguments).await;
        assert_eq!(
            (ended.code, ended.stdout.as_str()),
            (2, ""),
            "{arguments:?}"
        );
        assert!(ended.stderr.starts_with("error: "), "{}", ended.stderr);
    }
}
