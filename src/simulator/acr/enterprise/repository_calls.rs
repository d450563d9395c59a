//! The calls that ask for namespaces and repositories.

use serde_json::{Value, json};

use super::{
    calls::Asked,
    instances::{Instance, RESOURCE_GROUP},
};
use crate::simulator::acr::{
    contents::Home,
    readings::Model,
    refusal::Refusal,
    settings::{Namespace, visibility},
};

impl Asked<'_> {
    /// `ListNamespace`. Whether `NamespaceName` looks for the whole name is not documented.
    pub(super) fn list_namespace(&self) -> Result<Value, Refusal> {
        let (call, instance) = (self.call, self.instance()?);
        let mut found: Vec<_> = instance.contents.namespaces.iter().collect();
        found.retain(|namespace| {
            call.selects("NamespaceName", &namespace.name)
                && call.selects("NamespaceStatus", "NORMAL")
        });
        let paging = call.numbered("PageNo")?;
        let rows = paging.of(&found).iter();
        let rows: Vec<_> = rows
            .map(|namespace| namespace_row(instance, namespace))
            .collect();
        let mut body = json!({ "Namespaces": rows });
        call.add_paging(&mut body, &paging, found.len() as u64, Model::Text);
        Ok(body)
    }

    /// `GetNamespace`, by name or id.
    pub(super) fn get_namespace(&self) -> Result<Value, Refusal> {
        let instance = self.instance()?;
        let (name, id) = (
            self.call.parameter("NamespaceName"),
            self.call.parameter("NamespaceId"),
        );
        let mut namespaces = instance.contents.namespaces.iter();
        let found = namespaces.find(|namespace| {
            Some(namespace.name.as_str()) == name
                || id.is_some_and(|id| namespace_id(namespace) == id)
        });
        let namespace = found.ok_or_else(Refusal::no_namespace)?;
        Ok(namespace_row(instance, namespace))
    }

    /// `ListRepository`: of a namespace, or of the whole instance where the service lets clients
    /// ask for it. In which order is not documented; the oldest comes first.
    pub(super) fn list_repository(&self) -> Result<Value, Refusal> {
        let (call, instance) = (self.call, self.instance()?);
        let namespace = call.parameter("RepoNamespaceName");
        if namespace.is_none() && !call.gateway.readings.lists_all_repositories {
            return Err(Refusal::missing("RepoNamespaceName"));
        }
        if namespace.is_some_and(|name| instance.contents.namespace(name).is_none()) {
            return Err(Refusal::no_namespace());
        }
        let status = call
            .parameter("RepoStatus")
            .filter(|status| *status != "ALL");
        let mut found: Vec<_> = instance.contents.homes.values().collect();
        found.retain(|home| {
            call.selects("RepoNamespaceName", &home.settings.namespace)
                && call.selects("RepoName", &home.settings.name)
                && status.is_none_or(|status| home.settings.status() == status)
        });
        let total = found.len() as u64;
        let paging = call.paging(total)?;
        let rows = paging
            .of(&found)
            .iter()
            .map(|home| self.repository_row(instance, home));
        let mut body = json!({ "Repositories": rows.collect::<Vec<_>>() });
        call.add_paging(&mut body, &paging, total, Model::Text);
        Ok(body)
    }

    /// `GetRepository`, by id or by both names.
    pub(super) fn get_repository(&self) -> Result<Value, Refusal> {
        let instance = self.instance()?;
        let home = match self.call.parameter("RepoId") {
            Some(_) => self.repository(instance)?,
            None => {
                let namespace = self.call.required("RepoNamespaceName")?;
                let name = self.call.required("RepoName")?;
                let home = instance.contents.home_at(&format!("{namespace}/{name}"));
                home.ok_or_else(Refusal::no_repository)?
            }
        };
        let mut row = self.repository_row(instance, home);
        row["Detail"] = json!("");
        Ok(row)
    }

    /// The repository that `RepoId` names.
    pub(super) fn repository<'a>(&self, instance: &'a Instance) -> Result<&'a Home, Refusal> {
        let id = self.call.required("RepoId")?;
        let number = id
            .strip_prefix("crr-")
            .and_then(|digits| digits.parse().ok());
        let home = number.and_then(|number: u64| instance.contents.homes.get(&number));
        let mut all = instance.contents.homes.values();
        let home = home
            .filter(|home| repository_id(home) == id)
            .or_else(|| all.find(|home| home.settings.id.as_deref() == Some(id)));
        home.ok_or_else(Refusal::no_repository)
    }

    fn repository_row(&self, instance: &Instance, home: &Home) -> Value {
        let settings = &home.settings;
        json!({
            "RepoId": repository_id(home),
            "RepoName": settings.name,
            "RepoNamespaceName": settings.namespace,
            "RepoStatus": settings.status(),
            "RepoType": visibility(settings.is_public),
            "RepoBuildType": "MANUAL",
            "Summary": settings.summary,
            "InstanceId": instance.id(),
            "CreateTime": self.call.time(home.created, Model::Number),
            "ModifiedTime": self.call.time(home.modified, Model::Number),
            "ResourceGroupId": RESOURCE_GROUP,
            "TagImmutability": settings.is_immutable,
        })
    }
}

fn namespace_row(instance: &Instance, namespace: &Namespace) -> Value {
    json!({
        "NamespaceName": namespace.name,
        "NamespaceId": namespace_id(namespace),
        "NamespaceStatus": "NORMAL",
        "AutoCreateRepo": true,
        "DefaultRepoType": visibility(namespace.is_public),
        "InstanceId": instance.id(),
        "ResourceGroupId": RESOURCE_GROUP,
    })
}

fn namespace_id(namespace: &Namespace) -> String {
    format!("crn-{:016}", namespace.number)
}

fn repository_id(home: &Home) -> String {
    let own = || format!("crr-{:016}", home.id);
    home.settings.id.clone().unwrap_or_else(own)
}
