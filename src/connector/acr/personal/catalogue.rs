use async_trait::async_trait;

use super::super::{
    api::{Api, Call},
    edition::{Edition, Repository},
    reading::{At, Page},
    signature::encode,
    wire::{self, NamespaceWire, RepositoryWire, TagWire, unreadable},
};
use crate::{
    error::{IntegrationError, Step},
    http::Answer,
    image::RepositoryName,
};

/// The lists of one region. How large a page may be is an open fact; what comes is taken.
#[derive(Debug)]
pub(super) struct Catalogue;

/// The path of a repository, each part of its name encoded by itself.
pub(super) fn path(repository: &RepositoryName) -> String {
    let [namespace, name] = [repository.namespace(), repository.within_namespace()].map(encode);
    format!("/repos/{namespace}/{name}")
}

async fn ask(api: &Api, call: Call<'_>, at: &At) -> Result<Answer, IntegrationError> {
    let number = at.number().to_string();
    api.ask_for_page(at, |size| {
        let call = call.clone().with("Page", &number);
        call.with("PageSize", size)
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
        let call = match namespace {
            None => Call::roa("GetRepoList", Step::Listing, "/repos".to_owned()),
            Some(name) => {
                let path = format!("/repos/{}", encode(name));
                Call::roa("GetRepoListByNamespace", Step::Listing, path).about(name)
            }
        };
        let answer = ask(api, call.with("Status", "NORMAL"), at).await?;
        let page: Page<RepositoryWire> = wire::page(&answer)?;
        let rows = page.rows.into_iter().map(|row| {
            Ok(Repository {
                name: row
                    .path()
                    .map_err(|source| unreadable(&answer, Some(source)))?,
                // The name leads to its tags; the id tells one that was made anew.
                id: row.id.unwrap_or_default(),
            })
        });
        Ok(Page {
            rows: rows.collect::<Result<_, IntegrationError>>()?,
            total: page.total,
            next_token: None,
        })
    }

    async fn namespaces(&self, api: &Api, _at: &At) -> Result<Page<String>, IntegrationError> {
        let call = Call::roa("GetNamespaceList", Step::Listing, "/namespace".to_owned());
        let answer = api.ask(&call).await?;
        let page: Page<NamespaceWire> = wire::page(&answer)?;
        let rows: Vec<_> = page.rows.into_iter().map(|row| row.name).collect();
        Ok(Page {
            // It comes in one piece.
            total: Some(rows.len() as u64),
            rows,
            next_token: None,
        })
    }

    async fn tags(
        &self,
        api: &Api,
        repository: &Repository,
        at: &At,
    ) -> Result<Page<TagWire>, IntegrationError> {
        let path = format!("{}/tags", path(&repository.name));
        let call = Call::roa("GetRepoTags", Step::Listing, path).about(repository.name.as_str());
        let mut page = wire::page(&ask(api, call, at).await?)?;
        page.next_token = None;
        Ok(page)
    }

    async fn repository_total(&self, _api: &Api) -> Option<u64> {
        None
    }
}
