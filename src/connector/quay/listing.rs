use std::{
    collections::HashSet,
    sync::{Arc, Mutex, PoisonError},
};

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use super::{
    api::Api,
    mark::Mark,
    tags,
    wire::{RepositoriesWire, RepositoryWire},
};
use crate::{
    clock::Timestamp,
    config::RequiredRole,
    connector::{Disposition, Listing, RunProof, ScopeEntry, ScopePage, session::Session},
    error::{ErrorContext, Incompleteness, IntegrationError, Step, Violation},
    image::{ChangeMark, Cursor, EntryPage, Proof, RegistryKind, RepositoryName, Scope},
};

/// How often an organisation's list is read before it counts as beyond proof.
const READINGS: u32 = 4;

/// One run over the configured organisations of a Quay.
#[derive(Debug)]
pub(super) struct QuayListing {
    pub(super) organizations: Vec<Api>,
    pub(super) session: Option<Arc<Session>>,
    pub(super) required_role: RequiredRole,
    pub(super) readings: tokio::sync::Mutex<Vec<Readings>>,
    /// What the first readings told; a later one may tell of a change after the tags were read.
    pub(super) mark: Mutex<Mark>,
}

/// What the readings of one organisation's list have shown. A stranger is shown an empty list, or
/// an empty rest of one, so each list is read until two readings agree.
#[derive(Debug, Default)]
pub(super) struct Readings {
    /// The repositories of every reading.
    known: HashSet<String>,
    /// Those of the last whole reading.
    last: HashSet<String>,
    count: u32,
    /// It could not be read at all.
    failed: bool,
}

/// Where the list of scopes goes on.
#[derive(Debug, Serialize, Deserialize)]
enum At {
    /// The first reading of the organisation at this place.
    List {
        place: usize,
        /// The registry's own token; none for the first page.
        page: Option<String>,
    },
    /// All were read once: the next reading of the organisation at this place.
    Prove { place: usize },
}

#[async_trait]
impl Listing for QuayListing {
    async fn scopes(&self, after: Option<&Cursor>) -> Result<ScopePage, IntegrationError> {
        let mut readings = self.readings.lock().await;
        readings.resize_with(self.organizations.len(), Readings::default);
        let at = match after {
            None => At::List {
                place: 0,
                page: None,
            },
            Some(cursor) => read_cursor(cursor).ok_or_else(|| self.foreign_cursor())?,
        };
        let (At::List { place, .. } | At::Prove { place }) = at;
        let (Some(api), Some(reading)) = (self.organizations.get(place), readings.get_mut(place))
        else {
            return Err(self.foreign_cursor());
        };
        let (page, next) = match at {
            At::List { page, .. } => (
                self.first_reading(api, place, page, reading).await,
                self.after_list(place),
            ),
            At::Prove { .. } => (
                self.next_reading(api, place, reading).await,
                self.after_proof(place),
            ),
        };
        // One organisation that cannot be read does not hide the others.
        page.or_else(|error| {
            if !self.has_accounts_left() {
                return Err(error);
            }
            reading.failed = true;
            Ok(ScopePage {
                scopes: vec![ScopeEntry {
                    scope: Scope::Namespace(api.organization().to_owned()),
                    disposition: Disposition::Unreadable(error),
                }],
                listed: None,
                next,
            })
        })
    }

    async fn entries(
        &self,
        scope: &Scope,
        after: Option<&Cursor>,
    ) -> Result<EntryPage, IntegrationError> {
        let Scope::Repository(repository) = scope else {
            return Err(self.foreign_cursor());
        };
        let api = self
            .organizations
            .iter()
            .find(|api| api.organization() == repository.namespace())
            .ok_or_else(|| self.foreign_cursor())?;
        let at = match after {
            None => None,
            Some(cursor) => Some(read_cursor(cursor).ok_or_else(|| self.foreign_cursor())?),
        };
        tags::page(api, repository, at).await
    }

    fn has_accounts_left(&self) -> bool {
        self.organizations.iter().any(Api::has_account)
    }

    async fn mark(&self) -> Option<ChangeMark> {
        let mark = self.mark.lock().unwrap_or_else(PoisonError::into_inner);
        mark.write()
    }

    async fn finish(self: Box<Self>) -> Result<RunProof, IntegrationError> {
        self.close().await;
        let readings = self.readings.into_inner();
        let proved = self.organizations.iter().zip(&readings);
        let proved = proved.filter(|(_, reading)| !reading.failed);
        let vanished = proved.flat_map(|(api, reading)| {
            let gone = reading.known.difference(&reading.last);
            gone.filter_map(|name| scope(api, name).ok())
        });
        Ok(RunProof::new(Proof::ReadTwice).with_vanished(vanished.collect()))
    }

    async fn close(&self) {
        if let Some(session) = &self.session {
            session.close().await;
        }
    }
}

impl QuayListing {
    /// One page of the first reading.
    async fn first_reading(
        &self,
        api: &Api,
        place: usize,
        page: Option<String>,
        reading: &mut Readings,
    ) -> Result<ScopePage, IntegrationError> {
        if page.is_none() {
            let standing = api.standing().await?;
            if self.required_role == RequiredRole::Admin {
                standing.must_be_admin(api)?;
            }
        }
        let mut found = list(api, page.as_deref()).await?;
        if found.rows.repositories.is_empty() {
            // A stranger is shown the same. A first page follows the proof of the token already.
            if page.is_some() || self.required_role != RequiredRole::Admin {
                api.standing().await?.must_be_admin(api)?;
            }
            found = list(api, page.as_deref()).await?;
        }
        let rows = found.rows;
        no_restart(api, &reading.last, page.as_deref(), &rows)?;
        self.mark
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .learn(api.organization(), &rows.repositories, found.at);
        let names = rows.repositories.iter().map(|row| row.name.clone());
        reading.last.extend(names);
        let scopes = reading.learn(api, rows.repositories)?;
        let next = match rows.next_page {
            Some(token) => write_cursor(&At::List {
                place,
                page: Some(token),
            }),
            None => {
                reading.count = 1;
                self.after_list(place)
            }
        };
        Ok(ScopePage {
            scopes,
            listed: None,
            next,
        })
    }

    /// A whole reading, compared with the one before it.
    async fn next_reading(
        &self,
        api: &Api,
        place: usize,
        reading: &mut Readings,
    ) -> Result<ScopePage, IntegrationError> {
        if reading.failed {
            return Ok(ScopePage {
                scopes: Vec::new(),
                listed: None,
                next: self.after_proof(place),
            });
        }
        let (mut names, mut scopes, mut page) = (HashSet::new(), Vec::new(), None::<String>);
        let mut is_proved;
        loop {
            let rows = list(api, page.as_deref()).await?.rows;
            is_proved = rows.repositories.is_empty();
            if is_proved {
                api.standing().await?.must_be_admin(api)?;
            }
            no_restart(api, &names, page.as_deref(), &rows)?;
            names.extend(rows.repositories.iter().map(|row| row.name.clone()));
            scopes.append(&mut reading.learn(api, rows.repositories)?);
            page = rows.next_page;
            if page.is_none() {
                break;
            }
        }
        reading.count += 1;
        let agrees = reading.last == names;
        reading.last = names;
        // Rights that shrank in mid-run would pass for repositories that are gone.
        if agrees && !is_proved && self.required_role == RequiredRole::Admin {
            api.standing().await?.must_be_admin(api)?;
        }
        if !agrees && reading.count == READINGS {
            return Err(IntegrationError::IncompleteListing {
                context: api.context(Step::Listing),
                reason: Incompleteness::ReadingsDiffer {
                    what: "repositories",
                },
            });
        }
        Ok(ScopePage {
            scopes,
            listed: agrees.then(|| Scope::Namespace(api.organization().to_owned())),
            next: if agrees {
                self.after_proof(place)
            } else {
                write_cursor(&At::Prove { place })
            },
        })
    }

    fn after_list(&self, place: usize) -> Option<Cursor> {
        let place = place + 1;
        write_cursor(&if place < self.organizations.len() {
            At::List { place, page: None }
        } else {
            At::Prove { place: 0 }
        })
    }

    fn after_proof(&self, place: usize) -> Option<Cursor> {
        let place = place + 1;
        let more = place < self.organizations.len();
        more.then_some(At::Prove { place })
            .and_then(|at| write_cursor(&at))
    }

    pub(super) fn foreign_cursor(&self) -> IntegrationError {
        let context = self.organizations.first().map_or_else(
            || Box::new(ErrorContext::new(RegistryKind::Quay, "", Step::Listing)),
            |api| api.context(Step::Listing),
        );
        IntegrationError::ProtocolViolation {
            context,
            violation: Violation::Cursor,
            source: None,
        }
    }
}

impl Readings {
    /// The scopes of the repositories that are not known yet.
    fn learn(
        &mut self,
        api: &Api,
        rows: Vec<RepositoryWire>,
    ) -> Result<Vec<ScopeEntry>, IntegrationError> {
        let mut scopes = Vec::new();
        for row in rows {
            if self.known.insert(row.name.clone()) {
                scopes.push(ScopeEntry {
                    scope: scope(api, &row.name)?,
                    disposition: if row.has_no_active_tag() {
                        Disposition::Empty
                    } else {
                        Disposition::Read
                    },
                });
            }
        }
        Ok(scopes)
    }
}

pub(super) fn scope(api: &Api, name: &str) -> Result<Scope, IntegrationError> {
    repository(api, name).map(Scope::Repository)
}

/// The repository of this name in the organisation.
pub(super) fn repository(api: &Api, name: &str) -> Result<RepositoryName, IntegrationError> {
    let path = format!("{}/{name}", api.organization());
    path.parse()
        .map_err(|source| IntegrationError::ProtocolViolation {
            context: api.context(Step::Listing),
            violation: Violation::Body,
            source: Some(Box::new(source)),
        })
}

/// An outdated page token starts the list over in silence: a page that goes on to the next holds
/// only what the reading has shown. A single name is shown twice where its repository was deleted
/// and made anew meanwhile.
pub(super) fn no_restart(
    api: &Api,
    shown: &HashSet<String>,
    page: Option<&str>,
    rows: &RepositoriesWire,
) -> Result<(), IntegrationError> {
    let mut names = rows.repositories.iter().map(|row| &row.name);
    let goes_on = page.is_some() && rows.next_page.is_some();
    if goes_on && names.all(|name| shown.contains(name)) {
        return Err(IntegrationError::ProtocolViolation {
            context: api.context(Step::Listing),
            violation: Violation::PagingLoop,
            source: None,
        });
    }
    Ok(())
}

/// A page of repositories, and when the server sent it.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) rows: RepositoriesWire,
    pub(super) at: Option<Timestamp>,
}

/// One page of an organisation's repositories, 100 by the server's choice.
pub(super) async fn list(api: &Api, page: Option<&str>) -> Result<Found, IntegrationError> {
    let mut query = vec![("namespace", api.organization()), ("last_modified", "true")];
    query.extend(page.map(|page| ("next_page", page)));
    let answer = api.get(Step::Listing, "/api/v1/repository", &query).await?;
    match answer.status() {
        200 => Ok(Found {
            rows: answer.json()?,
            at: answer.date(),
        }),
        _ => Err(api.refusal(&answer)),
    }
}

pub(super) fn write_cursor(at: &impl Serialize) -> Option<Cursor> {
    serde_json::to_string(at).ok().map(Cursor::new)
}

fn read_cursor<T: for<'de> Deserialize<'de>>(cursor: &Cursor) -> Option<T> {
    serde_json::from_str(cursor.as_str()).ok()
}
