use std::collections::HashSet;

use async_trait::async_trait;

use super::{
    Quay,
    api::Api,
    listing::{QuayListing, list, no_restart, scope},
    mark::Mark,
    wire::RepositoryWire,
};
use crate::{
    connector::{Changes, Disposition, Listing, RunProof, ScopeEntry, ScopePage},
    error::IntegrationError,
    http::RequestCount,
    image::{BlindSpot, ChangeMark, Cursor, EntryPage, Scope},
};

/// The repositories that have changed since a mark.
#[derive(Debug)]
struct ChangedListing {
    reader: QuayListing,
    scopes: Vec<Changed>,
    mark: Mark,
}

#[derive(Debug)]
struct Changed {
    scope: Scope,
    is_empty: bool,
}

impl Quay {
    /// What has changed since `mark`. Quay orders its repositories by their numbers alone, so that
    /// all of them are asked for, a hundred at once: beyond some five hundred that is most of what
    /// this costs. None where it is not known, and where the server does not
    /// tell when its repositories changed.
    pub(super) async fn changes_since(
        &self,
        mark: &ChangeMark,
        requests: &RequestCount,
    ) -> Result<Option<Changes>, IntegrationError> {
        let Some(known) = Mark::read(mark) else {
            return Ok(None);
        };
        // Signing in and out would cost as much as the listing.
        let organizations = self.organizations(requests).await;
        let (mut scopes, mut mark) = (Vec::new(), Mark::default());
        for api in &organizations {
            let rows = match repositories(api, &mut mark).await {
                Ok(rows) => rows,
                // A full listing tells of an organisation that cannot be read, and goes on.
                Err(error)
                    if !error.is_retryable() && organizations.iter().any(Api::has_account) =>
                {
                    return Ok(None);
                }
                Err(error) => return Err(error),
            };
            if rows.iter().any(|row| row.last_modified.is_none()) {
                return Ok(None);
            }
            let changed = rows
                .iter()
                .filter(|row| known.differs(api.organization(), row));
            for row in changed {
                scopes.push(Changed {
                    scope: scope(api, &row.name)?,
                    is_empty: row.has_no_active_tag(),
                });
            }
        }
        let listing = ChangedListing {
            reader: self.listing(organizations, None),
            scopes,
            mark,
        };
        let blind_to = [BlindSpot::Deletions, BlindSpot::RemovedTags];
        Ok(Some(Changes::new(listing, blind_to)))
    }
}

/// All repositories of an organisation. A stranger is shown none, so that each page with a row
/// proves the token; without one it is proved, and the page read again.
async fn repositories(api: &Api, mark: &mut Mark) -> Result<Vec<RepositoryWire>, IntegrationError> {
    let (mut rows, mut names, mut page) = (Vec::new(), HashSet::new(), None::<String>);
    loop {
        let mut found = list(api, page.as_deref()).await?;
        if found.rows.repositories.is_empty() {
            api.standing().await?.must_be_admin(api)?;
            found = list(api, page.as_deref()).await?;
        }
        mark.learn(api.organization(), &found.rows.repositories, found.at);
        no_restart(api, &names, page.as_deref(), &found.rows)?;
        names.extend(found.rows.repositories.iter().map(|row| row.name.clone()));
        rows.append(&mut found.rows.repositories);
        page = found.rows.next_page;
        if page.is_none() {
            return Ok(rows);
        }
    }
}

#[async_trait]
impl Listing for ChangedListing {
    async fn scopes(&self, after: Option<&Cursor>) -> Result<ScopePage, IntegrationError> {
        if after.is_some() {
            return Err(self.reader.foreign_cursor());
        }
        let scopes = self.scopes.iter().map(|changed| ScopeEntry {
            scope: changed.scope.clone(),
            disposition: if changed.is_empty {
                Disposition::Empty
            } else {
                Disposition::Read
            },
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

    fn has_accounts_left(&self) -> bool {
        self.reader.has_accounts_left()
    }

    async fn mark(&self) -> Option<ChangeMark> {
        self.mark.write()
    }

    async fn finish(self: Box<Self>) -> Result<RunProof, IntegrationError> {
        Ok(RunProof::of_changes())
    }
}
