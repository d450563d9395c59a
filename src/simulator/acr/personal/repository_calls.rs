//! The calls that ask for regions, namespaces and repositories.

use serde_json::{Value, json};

use super::calls::Asked;
use crate::simulator::acr::{
    contents::Home,
    paging::Paging,
    readings::Model,
    refusal::Refusal,
    regions::REGIONS,
    settings::{Namespace, visibility},
};

impl Asked<'_> {
    /// `GET /regions`, of which the inner fields are a guess.
    pub(super) fn regions(&self) -> Value {
        let regions = REGIONS.iter().map(
            |(id, name)| json!({ "regionId": id, "localName": name, "domainList": domains(id) }),
        );
        json!({ "regions": regions.collect::<Vec<_>>() })
    }

    /// `GET /namespace`, all at once.
    pub(super) fn namespaces(&self) -> Value {
        let shown =
            self.call.selects("Authorize", "ADMIN") && self.call.selects("Status", "NORMAL");
        let namespaces = self.contents.namespaces.iter().filter(|_| shown);
        json!({ "namespaces": namespaces.map(namespace_row).collect::<Vec<_>>() })
    }

    /// `GET /namespace/NAMESPACE`
    pub(super) fn namespace(&self, name: &str) -> Result<Value, Refusal> {
        let namespace = self.contents.namespace(name);
        let namespace = namespace.ok_or_else(Refusal::no_namespace)?;
        let mut row = namespace_row(namespace);
        row["autoCreate"] = json!(true);
        row["defaultVisibility"] = json!(visibility(namespace.is_public));
        Ok(json!({ "namespace": row }))
    }

    /// `GET /repos` and `GET /repos/NAMESPACE`. In which order is not documented; the oldest comes
    /// first.
    pub(super) fn repositories(&self, namespace: Option<&str>) -> Result<Value, Refusal> {
        if namespace.is_some_and(|name| self.contents.namespace(name).is_none()) {
            return Err(Refusal::no_namespace());
        }
        let call = self.call;
        let status = call.parameter("Status").filter(|status| *status != "ALL");
        let start = call.parameter("RepoNamePrefix").unwrap_or_default();
        let mut found: Vec<_> = self.contents.homes.values().collect();
        found.retain(|home| {
            let settings = &home.settings;
            namespace.is_none_or(|name| settings.namespace == name)
                && settings.name.starts_with(start)
                && status.is_none_or(|status| settings.status() == status)
        });
        let paging = call.numbered("Page")?;
        let rows = paging
            .of(&found)
            .iter()
            .map(|home| self.repository_row(home));
        let rows: Vec<_> = rows.collect();
        Ok(self.page("repos", &rows, &paging, found.len() as u64))
    }

    /// `GET /repos/NAMESPACE/NAME`, of which the inner fields are a guess.
    pub(super) fn repository(&self, [namespace, name]: [&str; 2]) -> Result<Value, Refusal> {
        let home = self.home(namespace, name)?;
        Ok(json!({ "repo": self.repository_row(home) }))
    }

    pub(super) fn home(&self, namespace: &str, name: &str) -> Result<&Home, Refusal> {
        let home = self.contents.home_at(&format!("{namespace}/{name}"));
        home.ok_or_else(Refusal::no_repository)
    }

    pub(super) fn page(&self, list: &str, rows: &[Value], paging: &Paging, total: u64) -> Value {
        json!({
            "total": self.call.gateway.readings.total(total, Model::Number),
            "page": paging.number,
            "pageSize": paging.size,
            list: rows,
        })
    }

    fn repository_row(&self, home: &Home) -> Value {
        let (settings, region) = (&home.settings, self.call.region());
        json!({
            "summary": settings.summary,
            "repoId": 1000 + home.id,
            "gmtCreate": self.call.time(home.created, Model::Number),
            "gmtModified": self.call.time(home.modified, Model::Number),
            "repoNamespace": settings.namespace,
            "repoName": settings.name,
            "repoBuildType": "MANUAL",
            "repoType": visibility(settings.is_public),
            "repoOriginType": "NONE",
            "downloads": 0,
            "stars": 0,
            "logo": "",
            "repoDomainList": domains(region),
            "regionId": region,
            "repoStatus": settings.status(),
            "repoAuthorizeType": "ADMIN",
        })
    }
}

fn namespace_row(namespace: &Namespace) -> Value {
    json!({
        "namespace": namespace.name,
        "authorizeType": "ADMIN",
        "namespaceStatus": "NORMAL",
    })
}

/// Where the registry is, by network.
fn domains(region: &str) -> Value {
    json!({
        "public": format!("registry.{region}.aliyuncs.com"),
        "internal": format!("registry-internal.{region}.aliyuncs.com"),
        "vpc": format!("registry-vpc.{region}.aliyuncs.com"),
    })
}
