use serde_json::Value;

use super::instances::{Instance, Instances};
use crate::simulator::acr::{call::Call, keys::AccessKey, refusal::Refusal};

/// One call to the instances of an account.
pub(super) struct Asked<'a> {
    pub(super) call: &'a Call<'a>,
    pub(super) key: &'a AccessKey,
    pub(super) instances: Option<&'a Instances>,
}

/// An answer without its wrapper.
pub(in crate::simulator::acr) fn answer<'a>(
    call: &'a Call<'a>,
    key: &'a AccessKey,
    instances: Option<&'a Instances>,
) -> Result<Value, Refusal> {
    let action = call.request.header("x-acs-action");
    let action = action.ok_or_else(|| Refusal::missing("Action"))?;
    // In the RPC style it is the action that says what is wanted; a path is taken for another style.
    if call.request.path != "/" {
        return Err(Refusal::no_such_api());
    }
    let permission = permission(action);
    let asked = Asked {
        call,
        key,
        instances,
    };
    let answer: fn(&Asked<'a>) -> Result<Value, Refusal> = match action {
        "ListInstance" => Asked::list_instance,
        "GetInstance" => Asked::get_instance,
        "GetInstanceCount" => Asked::get_instance_count,
        "GetInstanceUsage" => Asked::get_instance_usage,
        "ListInstanceRegion" => Asked::list_instance_region,
        "GetInstanceEndpoint" => Asked::get_instance_endpoint,
        "ListInstanceEndpoint" => Asked::list_instance_endpoint,
        "GetInstanceVpcEndpoint" => Asked::get_instance_vpc_endpoint,
        "ListNamespace" => Asked::list_namespace,
        "GetNamespace" => Asked::get_namespace,
        "ListRepository" => Asked::list_repository,
        "GetRepository" => Asked::get_repository,
        "ListRepoTag" => Asked::list_repo_tag,
        "GetRepoTag" => Asked::get_repo_tag,
        "GetAuthorizationToken" => Asked::get_authorization_token,
        "CreateRepoTagScanTask" => Asked::create_repo_tag_scan_task,
        "GetRepoTagScanStatus" => Asked::get_repo_tag_scan_status,
        "GetRepoTagScanSummary" => Asked::get_repo_tag_scan_summary,
        "ListRepoTagScanResult" => Asked::list_repo_tag_scan_result,
        action if NOT_SIMULATED.contains(&action) => {
            return Err(Refusal::NotSimulated(action.to_owned()));
        }
        _ => return Err(Refusal::no_such_api()),
    };
    call.refuse_unless_allowed(key, &permission)?;
    answer(&asked)
}

/// What the API has and the simulator does not, of the calls that read.
const NOT_SIMULATED: &[&str] = &[
    "GetInstanceCustomizedDomain",
    "GetRepoTagLayers",
    "GetRepoTagManifest",
    "ListScanBaselineByTask",
    "ListScanMaliciousFileByTask",
    "ListScanRule",
];

/// The action that RAM must allow for a call.
fn permission(action: &str) -> String {
    match action {
        "ListRepoTag" | "GetRepoTag" => "cr:ListRepositoryTag".to_owned(),
        action => format!("cr:{action}"),
    }
}

impl Asked<'_> {
    pub(super) fn region(&self) -> &str {
        self.call.region()
    }

    /// The instances that this endpoint knows.
    pub(super) fn known(&self) -> Vec<&Instance> {
        let all = self.instances.into_iter().flat_map(Instances::iter);
        all.filter(|instance| self.knows(instance)).collect()
    }

    fn knows(&self, instance: &Instance) -> bool {
        let own = self.call.gateway.region.as_str();
        instance.region.as_deref().unwrap_or(own) == self.region()
    }

    pub(super) fn instance(&self) -> Result<&Instance, Refusal> {
        let id = self.call.required("InstanceId")?;
        let instance = self.instances.and_then(|instances| instances.get(id));
        let instance = instance.filter(|instance| self.knows(instance));
        instance.ok_or_else(Refusal::no_instance)
    }
}
