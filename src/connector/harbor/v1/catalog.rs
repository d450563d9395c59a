use std::collections::HashSet;

use url::form_urlencoded;

use super::{api::Api, manifests::refused_token, wire::CatalogWire};
use crate::{
    connector::{
        harbor::answers::{Identity, refusal},
        pull_token::Grant,
    },
    error::{ErrorCode, IntegrationError, Step, Violation},
    http::Answer,
    image::RepositoryName,
};

/// How many names are asked for at once; 100 are given unless asked.
const PAGE: usize = 1000;

/// What the registry behind a Harbor tells of its repositories.
#[derive(Debug)]
pub(super) enum Catalog {
    /// Their names. Some may be of repositories that are gone: their storage is freed later.
    Names(Vec<RepositoryName>),
    /// It could not be read this time.
    Unread(IntegrationError),
}

impl Api {
    /// The registry's own list, which an administrator may read. It can have repositories that
    /// Harbor's own list lacks, since Harbor learns only of what it sees being pushed. A 1.10 shows
    /// of it what its own list has too.
    ///
    /// # Errors
    /// Where the account itself is refused.
    pub(super) async fn catalog(&self) -> Result<Catalog, IntegrationError> {
        match self.read_catalog().await {
            Ok(catalog) => Ok(catalog),
            Err(error) if error.code() == ErrorCode::FailedToVerifyUsernameOrPwd => Err(error),
            Err(error) => Ok(Catalog::Unread(error)),
        }
    }

    /// Whether Harbor shows nothing in the catalog that it does not list itself, as a 1.10 was
    /// recorded to: then nothing is missed where it cannot be read.
    pub(super) async fn filters_catalog(&self) -> Result<bool, IntegrationError> {
        self.is_recorded_release().await
    }

    async fn read_catalog(&self) -> Result<Catalog, IntegrationError> {
        let (account, _) = self.bearer(Grant::CATALOG).await?;
        let (count, mut last) = (PAGE.to_string(), None::<String>);
        let (mut names, mut passed) = (Vec::new(), HashSet::new());
        loop {
            let mut query = vec![("n", count.as_str())];
            query.extend(last.as_deref().map(|last| ("last", last)));
            let answer = self
                .harbor
                .client
                .get(Step::Listing, self.harbor.url("/v2/_catalog", &query))
                .account(&account)
                .counted(&self.requests)
                .patience(self.patience)
                .send()
                .await
                .map_err(|error| refused_token(error, "catalog"))?;
            if answer.status() != 200 {
                return Err(refusal(&answer, Identity::Admin));
            }
            let CatalogWire { repositories } = answer.json()?;
            let page = repositories.unwrap_or_default();
            // Harbor takes names out of a page after it was cut: neither a short page nor an empty
            // one ends anything, and where the next one begins is told by the link alone.
            let next = next_of(&answer).or_else(|| {
                let is_full = page.len() >= PAGE;
                page.last().filter(|_| is_full).cloned()
            });
            // What is no name of Harbor's lies in no project.
            names.extend(page.iter().filter_map(|name| name.parse().ok()));
            let Some(next) = next else {
                return Ok(Catalog::Names(names));
            };
            if !passed.insert(next.clone()) {
                return Err(answer.violation(Violation::PagingLoop));
            }
            last = Some(next);
        }
    }
}

/// The name behind which the next page begins. The link is not followed.
pub(super) fn next_of(answer: &Answer) -> Option<String> {
    let link = answer.header("link")?;
    let (target, relation) = link.strip_prefix('<')?.split_once('>')?;
    let (_, query) = target
        .split_once('?')
        .filter(|_| relation.contains("next"))?;
    let mut parameters = form_urlencoded::parse(query.as_bytes());
    let (_, last) = parameters.find(|(name, _)| name == "last")?;
    Some(last.into_owned())
}
