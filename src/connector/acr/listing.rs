use std::{
    collections::{BTreeSet, HashMap, HashSet},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use async_trait::async_trait;
use futures_util::future::BoxFuture;

use super::{
    api::Api,
    edition::{Edition, Repository},
    fault::is_of_its_scope,
    reading::{At, Next as Follows, RESTARTS, Reading, whole},
};
use crate::{
    connector::{Disposition, Listing, RunProof, ScopeEntry, ScopePage},
    error::{Incompleteness, IntegrationError, Step, Violation},
    image::{Cursor, Entry, EntryPage, Next, Proof, RepositoryName, Scope},
};

/// How often the whole list is read before it counts as beyond proof.
const READINGS: u32 = 4;

/// One run over everything that the account sees.
///
/// No list here shrinks for a stranger, since a request without a signature is refused. It may for an
/// account whose rights are taken away, so the list of repositories is proved all the same: by the
/// instance's own count where the account may read it, else by a second reading.
#[derive(Debug)]
pub(super) struct AcrListing {
    api: Api,
    edition: Arc<dyn Edition>,
    list: tokio::sync::Mutex<List>,
    /// Every repository that was shown, with its id.
    known: Mutex<HashMap<RepositoryName, String>>,
    tags: Mutex<HashMap<RepositoryName, Reading>>,
}

/// Where the list of repositories stands.
#[derive(Debug)]
struct List {
    /// What it is cut into: all in one, or by namespace where the server wants one.
    parts: Vec<Option<String>>,
    place: usize,
    at: At,
    reading: Reading,
    restarts: u32,
    /// What this reading of the part has shown.
    part: BTreeSet<RepositoryName>,
    /// What this reading of the whole has shown.
    names: BTreeSet<RepositoryName>,
    /// The same of the one before it.
    last: Option<BTreeSet<RepositoryName>>,
    readings: u32,
    /// Namespaces that could not be read, which was told.
    unreadable: HashSet<String>,
    proof: Option<Proof>,
    steps: u64,
}

impl AcrListing {
    pub(super) fn new(api: Api, edition: Arc<dyn Edition>) -> Self {
        Self {
            api,
            edition,
            list: tokio::sync::Mutex::new(List {
                parts: vec![None],
                place: 0,
                at: At::FIRST,
                reading: Reading::default(),
                restarts: 0,
                part: BTreeSet::new(),
                names: BTreeSet::new(),
                last: None,
                readings: 0,
                unreadable: HashSet::new(),
                proof: None,
                steps: 0,
            }),
            known: Mutex::default(),
            tags: Mutex::default(),
        }
    }

    /// Takes one page of the list of repositories.
    async fn step(&self, list: &mut List) -> Result<Vec<ScopeEntry>, IntegrationError> {
        let Some(part) = list.parts.get(list.place).cloned() else {
            return Ok(Vec::new());
        };
        let namespace = part.as_deref();
        let page = match self
            .edition
            .repositories(&self.api, namespace, &list.at)
            .await
        {
            Ok(page) => page,
            Err(error) => return self.without_page(list, part, error).await,
        };
        let at = list.at.clone();
        let follows = list.reading.take(
            &at,
            &page,
            |row| row.name.clone(),
            |row| (row.name.clone(), row.id.clone()),
        );
        let mut scopes = Vec::new();
        for Repository { name, id } in page.rows {
            list.part.insert(name.clone());
            if self.known().insert(name.clone(), id).is_none() {
                scopes.push(ScopeEntry {
                    scope: Scope::Repository(name),
                    disposition: Disposition::Read,
                });
            }
        }
        match follows {
            Follows::At(at) => list.at = at,
            Follows::End => list.end_part(),
            Follows::Restart if list.restarts == RESTARTS => {
                return Err(self.incomplete(Incompleteness::KeptChanging {
                    attempts: RESTARTS + 1,
                }));
            }
            Follows::Restart => {
                list.restarts += 1;
                list.part.clear();
                list.at = At::FIRST;
            }
        }
        Ok(scopes)
    }

    /// What becomes of the list where a page of it was refused.
    async fn without_page(
        &self,
        list: &mut List,
        part: Option<String>,
        error: IntegrationError,
    ) -> Result<Vec<ScopeEntry>, IntegrationError> {
        match part {
            // The model of the API allows to ask for all at once. A server or a policy may not.
            None if list.readings == 0 && list.at == At::FIRST && wants_a_namespace(&error) => {
                let Ok(names) = self.namespaces().await else {
                    return Err(error);
                };
                list.parts = names.into_iter().map(Some).collect();
                Ok(Vec::new())
            }
            Some(name) if matches!(error, IntegrationError::NamespaceNotFound { .. }) => {
                tracing::debug!(namespace = ?name, "a namespace has vanished");
                list.part.clear();
                list.end_part();
                Ok(Vec::new())
            }
            Some(name) if is_of_its_scope(&error) => {
                list.part.clear();
                list.end_part();
                let is_news = list.unreadable.insert(name.clone());
                let told = ScopeEntry {
                    scope: Scope::Namespace(name),
                    disposition: Disposition::Unreadable(error),
                };
                Ok(Vec::from_iter(is_news.then_some(told)))
            }
            _ => Err(error),
        }
    }

    /// The names of all namespaces.
    async fn namespaces(&self) -> Result<Vec<String>, IntegrationError> {
        let page = |at| -> BoxFuture<'_, _> {
            Box::pin(async move { self.edition.namespaces(&self.api, &at).await })
        };
        whole(String::clone, page).await?.ok_or_else(|| {
            self.incomplete(Incompleteness::KeptChanging {
                attempts: RESTARTS + 1,
            })
        })
    }

    /// Proves a whole reading, or prepares another. Says whether the list has ended.
    async fn end_reading(&self, list: &mut List) -> Result<bool, IntegrationError> {
        list.readings += 1;
        let count = list.names.len() as u64;
        // Whether the instance counts what its list shows is an open fact: where the two differ, the
        // list is read again, as where there is no such count.
        let is_counted = list.readings == 1
            && list.unreadable.is_empty()
            && self.edition.repository_total(&self.api).await == Some(count);
        if is_counted {
            list.proof = Some(Proof::Totals);
            return Ok(true);
        }
        if list.last.as_ref() == Some(&list.names) {
            list.proof = Some(Proof::ReadTwice);
            return Ok(true);
        }
        if list.readings == READINGS {
            return Err(self.incomplete(Incompleteness::ReadingsDiffer {
                what: "repositories",
            }));
        }
        if list.parts.iter().any(Option::is_some) || list.parts.is_empty() {
            let mut names = self.namespaces().await?;
            names.retain(|name| !list.unreadable.contains(name));
            list.parts = names.into_iter().map(Some).collect();
        }
        list.last = Some(std::mem::take(&mut list.names));
        list.place = 0;
        Ok(false)
    }

    fn incomplete(&self, reason: Incompleteness) -> IntegrationError {
        IntegrationError::IncompleteListing {
            context: self.api.connection.at(Step::Listing, "repositories"),
            reason,
        }
    }

    fn foreign_cursor(&self) -> IntegrationError {
        IntegrationError::ProtocolViolation {
            context: self.api.connection.at(Step::Listing, "cursor"),
            violation: Violation::Cursor,
            source: None,
        }
    }

    fn known(&self) -> MutexGuard<'_, HashMap<RepositoryName, String>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn readings(&self) -> MutexGuard<'_, HashMap<RepositoryName, Reading>> {
        self.tags.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl List {
    fn end_part(&mut self) {
        self.names.append(&mut self.part);
        self.restarts = 0;
        self.at = At::FIRST;
        self.place += 1;
    }
}

#[async_trait]
impl Listing for AcrListing {
    async fn scopes(&self, _after: Option<&Cursor>) -> Result<ScopePage, IntegrationError> {
        let mut list = self.list.lock().await;
        let scopes = self.step(&mut list).await?;
        let has_ended = list.place >= list.parts.len() && self.end_reading(&mut list).await?;
        list.steps += 1;
        Ok(ScopePage {
            scopes,
            listed: has_ended.then_some(Scope::Registry),
            next: (!has_ended).then(|| Cursor::new(list.steps.to_string())),
        })
    }

    async fn entries(
        &self,
        scope: &Scope,
        after: Option<&Cursor>,
    ) -> Result<EntryPage, IntegrationError> {
        let Scope::Repository(name) = scope else {
            return Err(self.foreign_cursor());
        };
        let id = self.known().get(name).cloned();
        let repository = Repository {
            name: name.clone(),
            id: id.ok_or_else(|| self.foreign_cursor())?,
        };
        let at = match after {
            None => At::FIRST,
            Some(cursor) => serde_json::from_str(cursor.as_str())
                .ok()
                .filter(|_| self.readings().contains_key(name))
                .ok_or_else(|| self.foreign_cursor())?,
        };
        let page = self.edition.tags(&self.api, &repository, &at).await?;
        let follows = self.readings().entry(name.clone()).or_default().take(
            &at,
            &page,
            |row| row.tag.clone(),
            |row| (row.tag.clone(), row.digest.clone()),
        );
        let next = match follows {
            Follows::At(at) => serde_json::to_string(&at)
                .map_or(Next::Restart, |text| Next::Page(Cursor::new(text))),
            Follows::End => Next::End,
            Follows::Restart => Next::Restart,
        };
        if next == Next::End {
            self.readings().remove(name);
        }
        let mut entries = Vec::new();
        if at != At::Again {
            for row in page.rows.into_iter().filter(|row| !row.is_leaving()) {
                let image =
                    row.into_image(name)
                        .map_err(|source| IntegrationError::ProtocolViolation {
                            context: self.api.connection.at(Step::Listing, name.as_str()),
                            violation: Violation::Body,
                            source: Some(source),
                        })?;
                entries.push(Entry::Tag(image));
            }
        }
        Ok(EntryPage {
            entries,
            settled: false,
            next,
        })
    }

    async fn finish(self: Box<Self>) -> Result<RunProof, IntegrationError> {
        let list = self.list.lock().await;
        let proof = list.proof.ok_or_else(|| {
            self.incomplete(Incompleteness::ReadingsDiffer {
                what: "repositories",
            })
        })?;
        let known = self.known();
        let vanished = known.keys().filter(|name| !list.names.contains(*name));
        let vanished = vanished.cloned().map(Scope::Repository).collect();
        Ok(RunProof::new(proof).with_vanished(vanished))
    }
}

/// Whether the list of one namespace may be allowed where that of all is refused.
fn wants_a_namespace(error: &IntegrationError) -> bool {
    matches!(
        error,
        IntegrationError::RamPermissionDenied { .. }
            | IntegrationError::NamespaceNotFound { .. }
            | IntegrationError::ProtocolViolation {
                violation: Violation::Status,
                ..
            }
    )
}
