//! What no source settles can be chosen.

use registry_intake::simulator::acr::{Instance, InstanceStatus, Numbers, VpcAccess, Wrapper};
use serde_json::Value;

use super::{
    enterprise, of_instance, personal,
    signer::{json, refusal},
};

const NAMES: &str = "RepoNamespaceName=apps&RepoName=web";

#[tokio::test]
async fn totals_and_times_are_numbers_or_texts() {
    for (numbers, are_numbers) in [
        (Numbers::AsModelled, [false, false, true]),
        (Numbers::AsNumbers, [true, true, true]),
        (Numbers::AsTexts, [false, false, false]),
    ] {
        let (_acr, signer) = enterprise(|acr| acr.numbers(numbers)).await;
        let repository = signer.done("GetRepository", &of_instance(NAMES)).await;
        let id = repository["RepoId"].as_str().unwrap();
        let tags = signer
            .done("ListRepoTag", &of_instance(&format!("RepoId={id}")))
            .await;
        let values = [
            &tags["TotalCount"],
            &tags["Images"][0]["ImageUpdate"],
            &repository["CreateTime"],
        ];
        assert_eq!(values.map(Value::is_number), are_numbers, "{numbers:?}");
        assert!(
            values
                .iter()
                .all(|value| value.is_number() || value.is_string())
        );
    }
}

#[tokio::test]
async fn digests_have_their_algorithm_or_not() {
    for prefixed in [false, true] {
        let (acr, signer) = enterprise(|acr| acr.prefixed_digests(prefixed)).await;
        let repository = signer.done("GetRepository", &of_instance(NAMES)).await;
        let id = repository["RepoId"].as_str().unwrap();
        let query = of_instance(&format!("RepoId={id}&Tag=stable"));
        let tag = signer.done("GetRepoTag", &query).await;
        let digest = tag["Digest"].as_str().unwrap();
        let held = acr.listed();
        let row = held
            .iter()
            .find(|row| row.tags.iter().any(|tag| tag == "stable"))
            .unwrap();
        let bare = row.digest.strip_prefix("sha256:").unwrap();
        assert_eq!(digest, if prefixed { row.digest.as_str() } else { bare });
    }
}

#[tokio::test]
async fn personal_wraps_its_answers_or_not() {
    for (wrapper, list, tag) in [
        (Wrapper::AsModelled, true, false),
        (Wrapper::Data, true, true),
        (Wrapper::Nothing, false, false),
    ] {
        let (_acr, signer) = personal(|acr| acr.wrapper(wrapper)).await;
        let tags = json(&signer.get("/repos/apps/web/tags", "").await);
        let one = json(&signer.get("/repos/apps/web/tags/stable", "").await);
        assert_eq!(
            [tags.get("data"), one.get("data")].map(|data| data.is_some()),
            [list, tag]
        );
        let rows = if list {
            &tags["data"]["tags"]
        } else {
            &tags["tags"]
        };
        assert_eq!(rows.as_array().unwrap().len(), 3);
        assert!(tags["requestId"].is_string() && one["requestId"].is_string());
    }
}

#[tokio::test]
async fn instances_are_found_by_name_status_and_region() {
    let (acr, signer) = enterprise(|acr| {
        acr.instance(Instance::new("cri-stopped", "team").status(InstanceStatus::Stopped))
            .instance(Instance::new("cri-likewise", "team-b"))
            .instance(Instance::new("cri-far", "team-c").region("cn-beijing"))
    })
    .await;
    let ids = async |query: &str| {
        let body = signer.done("ListInstance", query).await;
        let rows = body["Instances"].as_array().unwrap().iter();
        rows.map(|row| row["InstanceId"].as_str().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    assert_eq!(ids("").await.len(), 3);
    assert_eq!(
        ids("InstanceName=team").await,
        ["cri-stopped", "cri-likewise"]
    );
    assert_eq!(ids("InstanceStatus=STOPPED").await, ["cri-stopped"]);
    let received = signer.call("GetInstance", "InstanceId=cri-far").await;
    assert_eq!(refusal(&received).1, "INSTANCE_NOT_EXIST");

    let mut headers = signer.headers("POST", "/", "", "ListInstance");
    headers[0].1 = "cr.cn-beijing.aliyuncs.com".to_owned();
    let received = crate::replay::wire::ask(acr.address(), "POST", "/?", &headers, "").await;
    assert_eq!(
        refusal(&received).1,
        "SignatureDoesNotMatch",
        "the host is signed"
    );

    acr.change_instances(|all| {
        all.get_mut("cri-stopped")
            .unwrap()
            .set_status(InstanceStatus::Running);
    });
    assert_eq!(ids("InstanceStatus=RUNNING").await.len(), 3);
}

#[tokio::test]
async fn access_over_a_vpc_is_told_with_its_links() {
    let (acr, signer) = enterprise(|acr| acr).await;
    for (access, enabled, status) in [
        (VpcAccess::Linked, true, Some("RUNNING")),
        (VpcAccess::Creating, true, Some("CREATING")),
        (VpcAccess::Unlinked, true, None),
        (VpcAccess::Off, false, None),
    ] {
        acr.change_instances(|all| all.main_mut().set_vpc_access(access));
        let body = signer
            .done("GetInstanceVpcEndpoint", &of_instance(""))
            .await;
        assert_eq!(body["Enable"], enabled);
        assert_eq!(body["LinkedVpcs"][0]["Status"].as_str(), status);
        assert_eq!(
            body["Domains"][0],
            "simulated-registry-vpc.cn-hangzhou.cr.aliyuncs.com"
        );
        let body = signer
            .done("ListInstanceEndpoint", &of_instance("Summary=true"))
            .await;
        let vpc = &body["Endpoints"][1];
        assert_eq!(
            (&vpc["Enable"], vpc.get("AclEnable")),
            (&enabled.into(), None)
        );
    }
}
