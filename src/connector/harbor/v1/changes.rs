use async_trait::async_trait;

use super::{HarborV1, access_log::AccessLog, listing::V1Listing};
use crate::{
    connector::{
        Changes, Disposition, Listing, RunProof, ScopeEntry, ScopePage, harbor::answers::Identity,
    },
    error::IntegrationError,
    http::{Patience, RequestCount},
    image::{BlindSpot, ChangeMark, Cursor, EntryPage, RepositoryName, Scope},
};

/// The repositories that have changed since a mark.
#[derive(Debug)]
struct ChangedListing {
    reader: V1Listing,
    repositories: Vec<RepositoryName>,
    log: AccessLog,
}

impl HarborV1 {
    /// What has changed since `mark`. None where a full listing is due.
    pub(super) async fn changes_since(
        &self,
        mark: &ChangeMark,
        requests: &RequestCount,
    ) -> Result<Option<Changes>, IntegrationError> {
        let Some(since) = AccessLog::read(mark) else {
            return Ok(None);
        };
        let api = self.api(requests, Patience::Run).await?;
        // Others are told of their own projects alone.
        let identity = api.identify().await?;
        self.admits(identity)?;
        if identity != Identity::Admin {
            return Ok(None);
        }
        let Some(logged) = api.logged_since(&since).await? else {
            return Ok(None);
        };
        let reader = V1Listing::new(api, identity);
        for (repository, project) in &logged.repositories {
            reader.projects.learn_id(repository.namespace(), *project);
        }
        let listing = ChangedListing {
            reader,
            repositories: logged.repositories.into_keys().collect(),
            log: logged.log,
        };
        Ok(Some(Changes::new(listing, [BlindSpot::Deletions])))
    }
}

#[async_trait]
impl Listing for ChangedListing {
    async fn scopes(&self, after: Option<&Cursor>) -> Result<ScopePage, IntegrationError> {
        if after.is_some() {
            return Err(self.reader.foreign_cursor(&Scope::Registry));
        }
        let scopes = self.repositories.iter().map(|repository| ScopeEntry {
            scope: Scope::Repository(repository.clone()),
            disposition: Disposition::Read,
        });
        Ok(ScopePage {
            scopes: scopes.collect(),
            listed: None,
            next: None,
        })
    }

    async fn entries(
        &self,
        scope: &Scope,
        after: Option<&Cursor>,
    ) -> Result<EntryPage, IntegrationError> {
        self.reader.entries(scope, after).await
    }

    async fn mark(&self) -> Option<ChangeMark> {
        self.log.write()
    }

    async fn finish(self: Box<Self>) -> Result<RunProof, IntegrationError> {
        Ok(RunProof::of_changes())
    }
}
