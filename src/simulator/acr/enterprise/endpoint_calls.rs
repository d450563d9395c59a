//! The calls that ask how an instance is reached.

use serde_json::{Value, json};

use super::{
    calls::Asked,
    instances::{Instance, VpcAccess},
};
use crate::simulator::acr::refusal::Refusal;

const VPC: &str = "vpc-simulated00000001";

impl Instance {
    /// The VPC that is linked or being linked, with the status of the link.
    pub(super) fn linked_vpcs(&self) -> Vec<(&'static str, &'static str)> {
        match self.vpc {
            VpcAccess::Off | VpcAccess::Unlinked => Vec::new(),
            VpcAccess::Creating => vec![(VPC, "CREATING")],
            VpcAccess::Linked => vec![(VPC, "RUNNING")],
        }
    }

    /// Whether access over a VPC is switched on.
    fn is_open_to_vpcs(&self) -> bool {
        self.vpc != VpcAccess::Off
    }

    fn domains(&self, region: &str, is_vpc: bool) -> Vec<Value> {
        let system = self.system_domain(region, is_vpc);
        let own = if is_vpc {
            &self.vpc_domain
        } else {
            &self.domain
        };
        let own = own.as_ref();
        let own = own.map(|domain| json!({ "Type": "USER", "Domain": domain }));
        let system = json!({ "Type": "SYSTEM", "Domain": system });
        [system].into_iter().chain(own).collect()
    }
}

impl Asked<'_> {
    /// `GetInstanceEndpoint`
    pub(super) fn get_instance_endpoint(&self) -> Result<Value, Refusal> {
        let instance = self.instance()?;
        self.check_module()?;
        if self.call.required("EndpointType")? != "internet" {
            return Err(Refusal::invalid("EndpointType"));
        }
        let mut endpoint = self.public(instance);
        let comment = |entry: &mut Value| entry["Comment"] = json!("");
        let entries = endpoint["AclEntries"].as_array_mut();
        entries.into_iter().flatten().for_each(comment);
        Ok(endpoint)
    }

    /// `ListInstanceEndpoint`
    pub(super) fn list_instance_endpoint(&self) -> Result<Value, Refusal> {
        let instance = self.instance()?;
        self.check_module()?;
        let mut public = self.public(instance);
        public["EndpointType"] = json!("internet");
        public["LinkedVpcs"] = json!([]);
        let vpcs = instance.linked_vpcs().into_iter();
        let vpcs: Vec<_> = vpcs.map(|(id, _)| json!({ "VpcId": id })).collect();
        let vpc = json!({
            "EndpointType": "vpc",
            "Enable": instance.is_open_to_vpcs(),
            "Status": "RUNNING",
            "AclEnable": false,
            "AclEntries": [],
            "Domains": instance.domains(self.region(), true),
            "LinkedVpcs": vpcs,
        });
        let mut endpoints = [public, vpc];
        if self.call.flag("Summary") {
            for endpoint in endpoints.iter_mut().filter_map(Value::as_object_mut) {
                endpoint.retain(|name, _| !name.starts_with("Acl"));
            }
        }
        Ok(json!({ "Endpoints": endpoints }))
    }

    /// `GetInstanceVpcEndpoint`
    pub(super) fn get_instance_vpc_endpoint(&self) -> Result<Value, Refusal> {
        let instance = self.instance()?;
        self.check_module()?;
        let vpcs = instance.linked_vpcs().into_iter();
        let vpcs = vpcs.map(|(id, status)| {
            json!({
                "VpcId": id,
                "VswitchId": "vsw-simulated00000001",
                "Ip": "10.0.0.10",
                "Status": status,
                "DefaultAccess": true,
                "Issue": "",
            })
        });
        let domains = instance.domains(self.region(), true).into_iter();
        let domains = domains.map(|domain| domain["Domain"].clone());
        Ok(json!({
            "Enable": instance.is_open_to_vpcs(),
            "ModuleName": self.call.parameter("ModuleName").unwrap_or("Registry"),
            "Domains": domains.collect::<Vec<_>>(),
            "LinkedVpcs": vpcs.collect::<Vec<_>>(),
        }))
    }

    fn public(&self, instance: &Instance) -> Value {
        let entries = instance.let_in.iter();
        let entries: Vec<_> = entries.map(|entry| json!({ "Entry": entry })).collect();
        json!({
            "Enable": instance.is_public,
            "AclEnable": !entries.is_empty(),
            "AclEntries": entries,
            "Status": "RUNNING",
            "Domains": instance.domains(self.region(), false),
        })
    }

    fn check_module(&self) -> Result<(), Refusal> {
        match self.call.parameter("ModuleName").unwrap_or("Registry") {
            "Registry" | "Chart" => Ok(()),
            _ => Err(Refusal::invalid("ModuleName")),
        }
    }
}
