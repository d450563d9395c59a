use std::{
    collections::{HashMap, HashSet},
    sync::{Mutex, MutexGuard, PoisonError},
};

use async_trait::async_trait;
use tokio::sync::OnceCell;

use super::{
    api::{Api, artifacts_path},
    mark::{Caches, Mark, Trail},
    pager::{List, Position, Reply, Rows},
    scopes::Scopes,
    wire::ArtifactWire,
};
use crate::{
    connector::{Listing, RunProof, ScopePage, harbor::answers::Identity},
    error::{ErrorCode, IntegrationError, Step, Violation},
    image::{ChangeMark, Cursor, Entry, EntryPage, RepositoryName, Scope},
};

/// One run over a Harbor 2.x.
#[derive(Debug)]
pub(super) struct V2Listing {
    pub(super) api: Api,
    pub(super) identity: Identity,
    pub(super) include_proxy_caches: bool,
    /// What the lists of projects and repositories have told so far.
    pub(super) scopes: tokio::sync::Mutex<Scopes>,
    pub(super) projects: Projects,
    /// Where the server's signal of changes stood before anything was read; none where nobody
    /// asked then.
    pub(super) trail: OnceCell<Option<Trail>>,
}

/// Project names with their ids, by which their artifacts are asked for: a project that is deleted
/// and made anew in mid-run is another one.
#[derive(Debug, Default)]
pub(super) struct Projects {
    ids: Mutex<HashMap<String, u64>>,
    caches: Mutex<Caches>,
    /// The first pages that showed how the server lists, kept for whoever reads those projects.
    first_pages: Mutex<HashMap<Scope, EntryPage>>,
}

impl Projects {
    pub(super) fn learn(&self, name: &str, id: u64, is_cache: bool) {
        lock(&self.ids).insert(name.to_owned(), id);
        lock(&self.caches).learn(id, name, is_cache);
    }

    pub(super) fn caches(&self) -> Caches {
        lock(&self.caches).clone()
    }

    /// The projects that `present` lacks.
    fn without(&self, present: &HashSet<u64>) -> Vec<Scope> {
        lock(&self.ids)
            .iter()
            .filter(|(_, id)| !present.contains(id))
            .map(|(name, _)| Scope::Namespace(name.clone()))
            .collect()
    }

    fn id(&self, name: &str) -> Option<u64> {
        lock(&self.ids).get(name).copied()
    }

    pub(super) fn keep_page(&self, scope: Scope, page: EntryPage) {
        lock(&self.first_pages).insert(scope, page);
    }

    fn take_page(&self, scope: &Scope) -> Option<EntryPage> {
        lock(&self.first_pages).remove(scope)
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[async_trait]
impl Listing for V2Listing {
    async fn scopes(&self, after: Option<&Cursor>) -> Result<ScopePage, IntegrationError> {
        self.forgo_mark();
        self.scope_page(after).await
    }

    async fn entries(
        &self,
        scope: &Scope,
        after: Option<&Cursor>,
    ) -> Result<EntryPage, IntegrationError> {
        self.forgo_mark();
        if after.is_none()
            && let Some(page) = self.projects.take_page(scope)
        {
            return Ok(page);
        }
        match self.entry_page(scope, after).await.and_then(Reply::page) {
            Ok(rows) => self.images(scope, rows),
            Err(error) => Err(self.vanished_or(scope, error).await),
        }
    }

    async fn mark(&self) -> Option<ChangeMark> {
        let trail = self.trail.get_or_init(|| self.api.trail(self.identity));
        let trail = trail.await.clone()?;
        let caches = (!self.include_proxy_caches).then(|| self.projects.caches());
        Mark { trail, caches }.write()
    }

    async fn finish(self: Box<Self>) -> Result<RunProof, IntegrationError> {
        self.close().await;
        let scopes = self.scopes.into_inner();
        let vanished = self.projects.without(scopes.projects());
        let proof = scopes.proof(&self.api)?;
        Ok(RunProof::new(proof).with_vanished(vanished))
    }

    async fn close(&self) {
        if let Some(session) = &self.api.session {
            session.close().await;
        }
    }
}

impl V2Listing {
    /// What is asked for from now on comes too late for what was read.
    fn forgo_mark(&self) {
        let _ = self.trail.set(None);
    }

    pub(super) async fn entry_page(
        &self,
        scope: &Scope,
        after: Option<&Cursor>,
    ) -> Result<Reply<ArtifactWire>, IntegrationError> {
        let path = match scope {
            Scope::Namespace(project) if let Some(id) = self.projects.id(project) => {
                format!("/projects/{id}/artifacts")
            }
            Scope::Repository(repository) => artifacts_path(repository),
            _ => return Err(self.foreign_cursor(scope)),
        };
        let list = List {
            path: &path,
            key: "id",
            first: 1,
            filter: None,
            options: &[("with_tag", "true")],
        };
        let position = match after {
            None => list.start(),
            Some(cursor) => Position::of(cursor).ok_or_else(|| self.foreign_cursor(scope))?,
        };
        self.api.page(list, position, self.identity).await
    }

    pub(super) fn images(
        &self,
        scope: &Scope,
        rows: Rows<ArtifactWire>,
    ) -> Result<EntryPage, IntegrationError> {
        let asked: Option<&RepositoryName> = match scope {
            Scope::Repository(repository) => Some(repository),
            _ => None,
        };
        let entries = rows
            .rows
            .into_iter()
            .map(|row| row.into_image(asked).map(Entry::Manifest))
            .collect::<Result<Vec<_>, _>>()
            .map_err(|source| IntegrationError::ProtocolViolation {
                context: self.context_of(scope),
                violation: Violation::Body,
                source: Some(source),
            })?;
        Ok(EntryPage {
            entries,
            settled: rows.settled,
            next: rows.next,
        })
    }

    /// What a refused scope means. A project that is gone is told by 404, or by 403 even to an
    /// administrator before 2.9, so the project itself is asked for: one that is still there was
    /// not read.
    pub(super) async fn vanished_or(
        &self,
        scope: &Scope,
        error: IntegrationError,
    ) -> IntegrationError {
        let project = match scope {
            Scope::Namespace(project) => project,
            Scope::Repository(repository) => repository.namespace(),
            Scope::Registry => return error,
        };
        let may_be_gone = match error.code() {
            ErrorCode::NamespaceNotFound => true,
            ErrorCode::UserDoesNotHaveAdminRole => self.identity == Identity::Admin,
            _ => false,
        };
        let Some(id) = self.projects.id(project).filter(|_| may_be_gone) else {
            return error;
        };
        let context = self.context_of(scope);
        match self.api.has_project(id, self.identity).await {
            Ok(false) => IntegrationError::NamespaceNotFound {
                context,
                namespace: project.to_owned(),
            },
            Ok(true) if error.code() == ErrorCode::NamespaceNotFound => {
                IntegrationError::ProtocolViolation {
                    context,
                    violation: Violation::Status,
                    source: Some(Box::new(error)),
                }
            }
            Ok(true) => error,
            Err(other) => other,
        }
    }

    pub(super) fn foreign_cursor(&self, scope: &Scope) -> IntegrationError {
        IntegrationError::ProtocolViolation {
            context: self.context_of(scope),
            violation: Violation::Cursor,
            source: None,
        }
    }

    pub(super) fn context_of(&self, scope: &Scope) -> Box<crate::error::ErrorContext> {
        let context = self.api.harbor.client.context(Step::Listing);
        Box::new(context.with_subject(scope.to_string()))
    }
}
