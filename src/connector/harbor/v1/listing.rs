use std::{
    collections::{HashMap, HashSet},
    sync::{Mutex, MutexGuard, PoisonError},
};

use async_trait::async_trait;
use tokio::sync::OnceCell;

use super::{
    access_log::AccessLog,
    api::Api,
    scopes::Scopes,
    wire::{ProjectWire, RepositoryWire, Row},
};
use crate::{
    connector::{Listing, RunProof, ScopePage, harbor::answers::Identity},
    error::{ErrorCode, ErrorContext, IntegrationError, Step, Violation},
    image::{ChangeMark, Cursor, EntryPage, RepositoryName, Scope},
};

/// One run over a Harbor 1.x.
#[derive(Debug)]
pub(super) struct V1Listing {
    pub(super) api: Api,
    pub(super) identity: Identity,
    /// What the lists of projects and repositories have told so far.
    pub(super) scopes: tokio::sync::Mutex<Scopes>,
    pub(super) projects: Projects,
    /// Where the access log stood before anything was read; none where nobody asked then.
    pub(super) log: OnceCell<Option<AccessLog>>,
}

/// What the lists tell of projects and repositories, for whoever reads the tags.
#[derive(Debug, Default)]
pub(super) struct Projects {
    /// By name; a project that is deleted and made anew in mid-run is another one.
    ids: Mutex<HashMap<String, u64>>,
    /// How many tags the repositories have.
    tags: Mutex<HashMap<RepositoryName, u64>>,
}

impl Projects {
    pub(super) fn learn(&self, project: &ProjectWire) {
        self.learn_id(&project.name, project.id());
    }

    pub(super) fn learn_id(&self, name: &str, id: u64) {
        lock(&self.ids).insert(name.to_owned(), id);
    }

    pub(super) fn learn_repository(&self, row: &RepositoryWire) {
        lock(&self.tags).insert(row.name.clone(), row.tags_count);
    }

    pub(super) fn id(&self, name: &str) -> Option<u64> {
        lock(&self.ids).get(name).copied()
    }

    /// None where no list has told.
    pub(super) fn tags_of(&self, repository: &RepositoryName) -> Option<u64> {
        lock(&self.tags).get(repository).copied()
    }

    /// The projects that `present` lacks.
    fn without(&self, present: &HashSet<u64>) -> Vec<Scope> {
        lock(&self.ids)
            .iter()
            .filter(|(_, id)| !present.contains(id))
            .map(|(name, _)| Scope::Namespace(name.clone()))
            .collect()
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[async_trait]
impl Listing for V1Listing {
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
        let Scope::Repository(repository) = scope else {
            return Err(self.foreign_cursor(scope));
        };
        match self.tags(repository, after).await {
            Ok(page) => Ok(page),
            Err(error) => Err(self.vanished_or(scope, error).await),
        }
    }

    async fn mark(&self) -> Option<ChangeMark> {
        let log = self.log.get_or_init(|| self.api.log_end(self.identity));
        log.await.as_ref()?.write()
    }

    async fn finish(self: Box<Self>) -> Result<RunProof, IntegrationError> {
        let scopes = self.scopes.into_inner();
        let vanished = self.projects.without(scopes.projects());
        let proof = scopes.proof(&self.api)?;
        Ok(RunProof::new(proof).with_vanished(vanished))
    }
}

impl V1Listing {
    pub(super) fn new(api: Api, identity: Identity) -> Self {
        Self {
            api,
            identity,
            scopes: tokio::sync::Mutex::default(),
            projects: Projects::default(),
            log: OnceCell::default(),
        }
    }

    /// What is asked for from now on comes too late for what was read.
    fn forgo_mark(&self) {
        let _ = self.log.set(None);
    }

    /// What a refused scope means: a project that was deleted is told by 404, which other faults are
    /// told by too, so the project itself is asked for.
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
        if error.code() != ErrorCode::NamespaceNotFound {
            return error;
        }
        let context = self.context_of(scope);
        let exists = match self.projects.id(project) {
            Some(id) => self.api.has_project(id).await,
            None => Ok(true),
        };
        match exists {
            Ok(false) => IntegrationError::NamespaceNotFound {
                context,
                namespace: project.to_owned(),
            },
            Ok(true) => IntegrationError::ProtocolViolation {
                context,
                violation: Violation::Status,
                source: Some(Box::new(error)),
            },
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

    fn context_of(&self, scope: &Scope) -> Box<ErrorContext> {
        let context = self.api.harbor.client.context(Step::Listing);
        Box::new(context.with_subject(scope.to_string()))
    }
}
