//! The calls that ask for instances.

use serde_json::{Value, json};

use super::{
    calls::Asked,
    instances::{Instance, RESOURCE_GROUP},
};
use crate::simulator::acr::{readings::Model, refusal::Refusal, regions::REGIONS};

impl Asked<'_> {
    /// `ListInstance`. Whether `InstanceName` looks for the whole name is not documented: a part
    /// of it is enough here.
    pub(super) fn list_instance(&self) -> Result<Value, Refusal> {
        let call = self.call;
        let part = call.parameter("InstanceName").unwrap_or_default();
        let mut found = self.known();
        found.retain(|instance| {
            instance.name.contains(part)
                && call.selects("InstanceStatus", instance.status.name())
                && call.selects("ResourceGroupId", RESOURCE_GROUP)
        });
        let total = found.len() as u64;
        let paging = call.numbered("PageNo")?;
        let rows = paging.of(&found).iter().map(|instance| {
            let mut row = self.shown(instance, Model::Text);
            row["RegionId"] = json!(self.region());
            row
        });
        let mut body = json!({ "Instances": rows.collect::<Vec<_>>() });
        call.add_paging(&mut body, &paging, total, Model::Number);
        Ok(body)
    }

    /// `GetInstance`
    pub(super) fn get_instance(&self) -> Result<Value, Refusal> {
        Ok(self.shown(self.instance()?, Model::Number))
    }

    /// `GetInstanceCount`
    pub(super) fn get_instance_count(&self) -> Result<Value, Refusal> {
        Ok(json!({ "Count": self.known().len() }))
    }

    /// `GetInstanceUsage`, with the quotas of a documented sample.
    pub(super) fn get_instance_usage(&self) -> Result<Value, Refusal> {
        let instance = self.instance()?;
        let contents = &instance.contents;
        let vpcs = instance.linked_vpcs().len();
        Ok(json!({
            "NamespaceQuota": "15",
            "NamespaceUsage": contents.namespaces.len().to_string(),
            "RepoQuota": "1000",
            "RepoUsage": contents.homes.len().to_string(),
            "ChartNamespaceQuota": "15",
            "ChartNamespaceUsage": "0",
            "ChartRepoQuota": "1000",
            "ChartRepoUsage": "0",
            "VpcQuota": "3",
            "VpcUsage": vpcs.to_string(),
            "PerformanceUnits": 0,
        }))
    }

    /// `ListInstanceRegion`
    pub(super) fn list_instance_region(&self) -> Result<Value, Refusal> {
        let regions = REGIONS
            .iter()
            .map(|(id, name)| json!({ "LocalName": name, "RegionId": id }));
        Ok(json!({ "Regions": regions.collect::<Vec<_>>() }))
    }

    fn shown(&self, instance: &Instance, times: Model) -> Value {
        json!({
            "InstanceId": instance.id,
            "InstanceName": instance.name,
            "InstanceSpecification": "Enterprise_Advanced",
            "InstanceStatus": instance.status.name(),
            "InstanceIssue": "",
            "CreateTime": self.call.time(instance.created, times),
            "ModifiedTime": self.call.time(instance.modified(), times),
            "ResourceGroupId": RESOURCE_GROUP,
            "Tags": [],
        })
    }
}
