use std::{
    collections::{BTreeMap, HashSet},
    sync::Arc,
};

use async_trait::async_trait;
use tokio::sync::OnceCell;

use super::{
    HarborV2,
    api::Api,
    listing::{Projects, V2Listing},
    mark::{Caches, Mark, Trail},
    pager::{List, PAGE_SIZE, Position, Reply},
    scopes::PROJECTS,
    signal::Signal,
    update_time::Updated,
    wire::{ProjectWire, RepositoryWire, Row},
};
use crate::{
    connector::{
        Changes, Disposition, Listing, RunProof, ScopeEntry, ScopePage, harbor::answers::Identity,
    },
    error::{IntegrationError, Step},
    http::{Patience, RequestCount},
    image::{BlindSpot, ChangeMark, Cursor, EntryPage, Next, RepositoryName, Scope},
};

/// What a listing of changes may cost beside its scopes and a request for every hundred changes.
const ALLOWANCE: u64 = 5;

/// How many first pages of projects are held at most.
const PROBES: usize = 20;

/// The scopes that have changed since a mark.
#[derive(Debug)]
struct ChangedListing {
    reader: V2Listing,
    scopes: Vec<Changed>,
    mark: Mark,
}

/// A scope that has changed.
#[derive(Debug)]
struct Changed {
    scope: Scope,
    is_empty: bool,
}

impl Api {
    /// Where the server's signal of changes stands; none where it has none that is known to be
    /// true. That it cannot be told is no reason not to list.
    pub(super) async fn trail(&self, identity: Identity) -> Option<Trail> {
        let trail = async {
            Ok::<_, IntegrationError>(match self.signal().await? {
                Some(Signal::UpdateTime) => self.newest().await?.map(Trail::UpdateTime),
                Some(Signal::AuditLog(log)) if identity == Identity::Admin => {
                    self.log_end(log).await?.map(Trail::AuditLog)
                }
                _ => None,
            })
        };
        trail.await.unwrap_or_else(|error| {
            tracing::debug!(%error, "no mark for the changes after this listing");
            None
        })
    }
}

impl HarborV2 {
    /// What has changed since `mark`. None where a full listing is due.
    pub(super) async fn changes_since(
        &self,
        mark: &ChangeMark,
        requests: &RequestCount,
    ) -> Result<Option<Changes>, IntegrationError> {
        let include_proxy_caches = self.harbor.config.include_proxy_caches();
        let Some(Mark { trail, caches }) =
            Mark::read(mark).filter(|mark| mark.caches.is_none() == include_proxy_caches)
        else {
            return Ok(None);
        };
        let sent = requests.get();
        let api = Api {
            account: self.harbor.account().await?,
            // Signing in and out would cost as much as the listing.
            session: None,
            harbor: Arc::clone(&self.harbor),
            requests: requests.clone(),
            patience: Patience::Run,
        };
        let reader = |identity| V2Listing {
            api: api.clone(),
            identity,
            include_proxy_caches,
            scopes: tokio::sync::Mutex::default(),
            projects: Projects::default(),
            trail: OnceCell::default(),
        };
        let blind_to;
        let listing = match (api.signal().await?, trail) {
            (Some(Signal::UpdateTime), Trail::UpdateTime(newest)) => {
                let Some(updated) = api.updated_since(&newest).await? else {
                    return Ok(None);
                };
                self.harbor.admits(updated.identity)?;
                // What others are shown since they were given a right to it has not changed.
                blind_to = match updated.identity {
                    Identity::Admin => vec![BlindSpot::Deletions],
                    Identity::User | Identity::Robot => {
                        vec![BlindSpot::Deletions, BlindSpot::NewScopes]
                    }
                };
                let reader = reader(updated.identity);
                let projects = updated.repositories.iter().map(|row| row.project_id);
                let projects: HashSet<_> = projects.collect();
                let Some(caches) = reader.caches_of(caches, Some(&projects)).await? else {
                    return Ok(None);
                };
                let trail = Trail::UpdateTime(updated.newest.clone());
                let is_left_out = |name: &RepositoryName| is_cached(caches.as_ref(), name);
                let allowed = ALLOWANCE + (updated.repositories.len() as u64).div_ceil(PAGE_SIZE);
                let spare = (sent + allowed).saturating_sub(requests.get());
                let scopes = reader.cheapest(updated, is_left_out, spare).await?;
                ChangedListing {
                    reader,
                    scopes,
                    mark: Mark { trail, caches },
                }
            }
            (Some(Signal::AuditLog(log)), Trail::AuditLog(end)) if end.is_of(log) => {
                let Some(logged) = api.logged_since(&end, log).await? else {
                    return Ok(None);
                };
                blind_to = vec![BlindSpot::Deletions, BlindSpot::RemovedTags];
                // Nobody else is told the settings that were just read.
                let reader = reader(Identity::Admin);
                let caches = if logged.repositories.is_empty() {
                    caches
                } else {
                    match reader.caches_of(caches, None).await? {
                        Some(caches) => caches,
                        None => return Ok(None),
                    }
                };
                let changed = logged.repositories.into_iter();
                let scopes = changed
                    .filter(|name| !is_cached(caches.as_ref(), name))
                    .map(|name| Changed {
                        scope: Scope::Repository(name),
                        is_empty: false,
                    });
                ChangedListing {
                    reader,
                    scopes: scopes.collect(),
                    mark: Mark {
                        trail: Trail::AuditLog(logged.end),
                        caches,
                    },
                }
            }
            _ => return Ok(None),
        };
        Ok(Some(Changes::new(listing, blind_to)))
    }
}

impl Api {
    /// How this server tells its changes. Its exact version is told to valid credentials only.
    async fn signal(&self) -> Result<Option<Signal>, IntegrationError> {
        let version = self.exact_version(Step::Listing).await?;
        Ok(version.as_deref().and_then(Signal::of))
    }
}

impl V2Listing {
    /// The proxy caches among the projects by now, where they are told apart: those made since are
    /// asked for, unless the `wanted` ones are all older. None where one of these is not shown.
    async fn caches_of(
        &self,
        known: Option<Caches>,
        wanted: Option<&HashSet<u64>>,
    ) -> Result<Option<Option<Caches>>, IntegrationError> {
        let Some(mut caches) = known else {
            return Ok(Some(None));
        };
        let last = caches.last;
        let is_new = |id: &&u64| **id > last;
        if wanted.is_some_and(|wanted| !wanted.iter().any(|id| is_new(&id))) {
            return Ok(Some(Some(caches)));
        }
        let list = List {
            first: last + 1,
            ..PROJECTS
        };
        let projects: Vec<ProjectWire> = self.api.all(list, self.identity).await?;
        let shown: HashSet<_> = projects.iter().map(Row::id).collect();
        for project in &projects {
            caches.learn(project.id(), &project.name, project.is_proxy_cache());
        }
        let is_whole = wanted.is_none_or(|wanted| {
            let mut new = wanted.iter().filter(is_new);
            new.all(|id| shown.contains(id))
        });
        Ok(is_whole.then_some(Some(caches)))
    }

    /// The changed repositories, or their project where its list is the shorter one. How long that
    /// is is asked as long as there are requests to spare, most promising projects first: what one
    /// saves may be lost on another.
    async fn cheapest(
        &self,
        updated: Updated,
        is_left_out: impl Fn(&RepositoryName) -> bool,
        mut spare: u64,
    ) -> Result<Vec<Changed>, IntegrationError> {
        let mut projects: BTreeMap<u64, Vec<RepositoryWire>> = BTreeMap::new();
        for row in updated.repositories {
            if !is_left_out(&row.name) {
                projects.entry(row.project_id).or_default().push(row);
            }
        }
        let mut known: BTreeMap<u64, u64> = BTreeMap::new();
        if let Some(rest) = &updated.rest {
            let changed = projects.values().flatten();
            for row in changed.chain(rest) {
                *known.entry(row.project_id).or_default() += row.artifact_count;
            }
        }
        let mut projects: Vec<_> = projects.into_iter().collect();
        projects.sort_by_key(|(_, rows)| std::cmp::Reverse(pages_of(rows)));
        let (mut changed, mut probes) = (Vec::new(), 0);
        for (id, rows) in projects {
            let apart = pages_of(&rows);
            let name = rows
                .first()
                .map_or("", |row| row.name.namespace())
                .to_owned();
            let scope = Scope::Namespace(name.clone());
            self.projects.learn(&name, id, false);
            let together = match known.get(&id) {
                Some(artifacts) => Some(artifacts.div_ceil(PAGE_SIZE).max(1)),
                None if apart > 1 && spare > 0 && probes < PROBES => {
                    probes += 1;
                    let pages = self.probe(&scope).await?;
                    spare = match pages {
                        Some(pages) if pages < apart => spare + (apart - pages),
                        _ => spare - 1,
                    };
                    pages
                }
                None => None,
            };
            if together.is_some_and(|pages| pages < apart) {
                changed.push(Changed {
                    scope,
                    is_empty: false,
                });
            } else {
                changed.extend(rows.into_iter().map(|row| Changed {
                    is_empty: row.artifact_count == 0,
                    scope: Scope::Repository(row.name),
                }));
            }
        }
        Ok(changed)
    }

    /// How many pages the list of a project's artifacts has. The first is kept for its reader.
    async fn probe(&self, scope: &Scope) -> Result<Option<u64>, IntegrationError> {
        let Ok(Reply::Page(rows)) = self.entry_page(scope, None).await else {
            return Ok(None);
        };
        let left = match &rows.next {
            Next::End => Some(0),
            Next::Page(cursor) => Position::of(cursor).and_then(|position| position.left()),
            Next::Restart => None,
        };
        if let Ok(page) = self.images(scope, rows) {
            self.projects.keep_page(scope.clone(), page);
        }
        Ok(left.map(|left| 1 + left.div_ceil(PAGE_SIZE)))
    }
}

fn pages_of(rows: &[RepositoryWire]) -> u64 {
    let pages = rows
        .iter()
        .map(|row| row.artifact_count.div_ceil(PAGE_SIZE));
    pages.sum()
}

fn is_cached(caches: Option<&Caches>, repository: &RepositoryName) -> bool {
    caches.is_some_and(|caches| caches.names.contains(repository.namespace()))
}

#[async_trait]
impl Listing for ChangedListing {
    async fn scopes(&self, after: Option<&Cursor>) -> Result<ScopePage, IntegrationError> {
        if after.is_some() {
            return Err(self.reader.foreign_cursor(&Scope::Registry));
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

    async fn mark(&self) -> Option<ChangeMark> {
        self.mark.write()
    }

    async fn finish(self: Box<Self>) -> Result<RunProof, IntegrationError> {
        Ok(RunProof::of_changes())
    }
}
