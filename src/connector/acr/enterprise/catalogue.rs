use async_trait::async_trait;
use serde::Deserialize;

use super::super::{
    api::{Api, Call},
    edition::{Edition, Repository},
    reading::{At, Page},
    wire::{self, NamespaceWire, RepositoryWire, TagWire, unreadable},
};
use crate::{
    error::{IntegrationError, Step},
    http::Answer,
};

/// The lists of one instance.
#[derive(Debug)]
pub(super) struct Catalogue {
    pub(super) instance: String,
}

impl Catalogue {
    fn call<'a>(&'a self, action: &'static str) -> Call<'a> {
        Call::rpc(action, Step::Listing).with("InstanceId", &self.instance)
    }
}

/// The call for this page, by number, or by token once the server has told one. Tokens take precedence
/// over numbers there, so that both are never sent.
pub(super) async fn ask(api: &Api, call: Call<'_>, at: &At) -> Result<Answer, IntegrationError> {
    let number = at.number().to_string();
    api.ask_for_page(at, |size| match at {
        At::Token(token) => {
            let call = call.clone().with("MaxResults", size);
            call.with("NextToken", token)
        }
        _ => call.clone().with("PageNo", &number).with("PageSize", size),
    })
    .await
}

#[async_trait]
impl Edition for Catalogue {
    async fn repositories(
        &self,
        api: &Api,
        namespace: Option<&str>,
        at: &At,
    ) -> Result<Page<Repository>, IntegrationError> {
        let mut call = self.call("ListRepository").with("RepoStatus", "NORMAL");
        if let Some(namespace) = namespace {
            call = call.with("RepoNamespaceName", namespace).about(namespace);
        }
        let answer = ask(api, call, at).await?;
        let page: Page<RepositoryWire> = wire::page(&answer)?;
        let rows = page.rows.into_iter().map(|row| {
            Ok(Repository {
                name: row
                    .path()
                    .map_err(|source| unreadable(&answer, Some(source)))?,
                id: row.id.ok_or_else(|| unreadable(&answer, None))?,
            })
        });
        Ok(Page {
            rows: rows.collect::<Result<_, IntegrationError>>()?,
            total: page.total,
            next_token: page.next_token,
        })
    }

    async fn namespaces(&self, api: &Api, at: &At) -> Result<Page<String>, IntegrationError> {
        let answer = ask(api, self.call("ListNamespace"), at).await?;
        let page: Page<NamespaceWire> = wire::page(&answer)?;
        Ok(Page {
            rows: page.rows.into_iter().map(|row| row.name).collect(),
            total: page.total,
            next_token: page.next_token,
        })
    }

    async fn tags(
        &self,
        api: &Api,
        repository: &Repository,
        at: &At,
    ) -> Result<Page<TagWire>, IntegrationError> {
        let call = self.call("ListRepoTag").with("RepoId", &repository.id);
        let answer = ask(api, call.about(repository.name.as_str()), at).await?;
        wire::page(&answer)
    }

    async fn repository_total(&self, api: &Api) -> Option<u64> {
        #[derive(Deserialize)]
        struct UsageWire {
            #[serde(rename = "RepoUsage", default, deserialize_with = "wire::number")]
            repositories: Option<i64>,
        }
        let answer = api.ask(&self.call("GetInstanceUsage")).await.ok()?;
        let usage: UsageWire = answer.json_of_any_type().ok()?;
        u64::try_from(usage.repositories?).ok()
    }
}
