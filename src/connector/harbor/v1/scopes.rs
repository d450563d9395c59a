use std::collections::HashSet;

use serde::{Deserialize, Serialize};

use super::{
    api::Api,
    catalog::Catalog,
    listing::V1Listing,
    wire::{ProjectWire, RepositoryWire, Row},
};
use crate::{
    connector::{Disposition, ScopeEntry, ScopePage, harbor::answers::Identity},
    error::{ErrorCode, Incompleteness, IntegrationError, Step},
    image::{Cursor, Proof, RepositoryName, Scope},
};

/// How often the lists are read before they count as beyond proof.
const READINGS: u32 = 4;

/// What follows in the list of scopes.
#[derive(Debug, Serialize, Deserialize)]
enum Stage {
    /// The repositories of the project at this place of the list.
    ProjectAt(usize),
    /// What the registry has beside these.
    Catalog,
    /// The lists are read; prove them, or read them again.
    Prove,
}

/// The lists of projects and repositories of a run.
///
/// With a wrong password, or while the user name is locked, the list of projects shows in silence
/// what a stranger sees. So it needs a proof of its own: the server's totals for an administrator, a
/// second reading for others.
#[derive(Debug, Default)]
pub(super) struct Scopes {
    /// The projects of the present reading that hold something.
    projects: Vec<ProjectWire>,
    /// The repositories that were told, of every reading.
    known: HashSet<RepositoryName>,
    /// Projects whose repositories could not be listed, told once however often the lists are read.
    unreadable: HashSet<u64>,
    reading: Reading,
    previous: Option<Reading>,
    readings: u32,
    /// The account's lock-outs when the present reading began.
    lockouts: u64,
    /// Whether the registry's own list could not be read, and that was told.
    lacks_catalog: bool,
    proof: Option<Proof>,
}

/// The numbers of all rows that one reading of the lists has shown.
#[derive(Debug, Default, PartialEq, Eq)]
struct Reading {
    projects: HashSet<u64>,
    repositories: HashSet<u64>,
    /// How many more there are in projects whose repositories could not be listed.
    unread: u64,
}

impl Stage {
    fn cursor(&self) -> Cursor {
        // A stage holds numbers only, so it has a JSON form.
        Cursor::new(serde_json::to_string(self).unwrap_or_default())
    }
}

impl Scopes {
    /// The proof that the last page of scopes has found.
    pub(super) fn proof(self, api: &Api) -> Result<Proof, IntegrationError> {
        self.proof
            .ok_or_else(|| IntegrationError::IncompleteListing {
                context: api.context(Step::Listing),
                reason: RESTLESS,
            })
    }

    /// The projects of the last reading.
    pub(super) const fn projects(&self) -> &HashSet<u64> {
        &self.reading.projects
    }

    fn begin_reading(&mut self, lockouts: u64) {
        self.previous = (self.readings > 0).then(|| std::mem::take(&mut self.reading));
        self.readings += 1;
        self.projects.clear();
        self.lockouts = lockouts;
    }

    /// The scope of a repository that is not known yet. It is read whatever its number of tags, which
    /// is zero also where the server could not ask its registry.
    fn learn(&mut self, repository: RepositoryName) -> Option<ScopeEntry> {
        self.known.insert(repository.clone()).then(|| ScopeEntry {
            scope: Scope::Repository(repository),
            disposition: Disposition::Read,
        })
    }
}

impl V1Listing {
    /// The next page of scopes: repositories to read, and at last the proof.
    pub(super) async fn scope_page(
        &self,
        after: Option<&Cursor>,
    ) -> Result<ScopePage, IntegrationError> {
        let mut scopes = self.scopes.lock().await;
        let Some(cursor) = after else {
            return self.read_projects(&mut scopes).await;
        };
        match serde_json::from_str(cursor.as_str()) {
            Ok(Stage::ProjectAt(place)) => self.read_project(&mut scopes, place).await,
            Ok(Stage::Catalog) => self.read_catalog(&mut scopes).await,
            Ok(Stage::Prove) => self.prove(&mut scopes).await,
            Err(_) => Err(self.foreign_cursor(&Scope::Registry)),
        }
    }

    async fn read_projects(&self, scopes: &mut Scopes) -> Result<ScopePage, IntegrationError> {
        scopes.begin_reading(self.api.account.lockouts());
        let projects: Vec<ProjectWire> = self.api.all("/projects", &[], self.identity).await?;
        for project in projects {
            scopes.reading.projects.insert(project.id());
            self.projects.learn(&project);
            if project.repo_count > 0 {
                scopes.projects.push(project);
            }
        }
        Ok(page(Vec::new(), &Stage::ProjectAt(0)))
    }

    async fn read_project(
        &self,
        scopes: &mut Scopes,
        place: usize,
    ) -> Result<ScopePage, IntegrationError> {
        let Some(project) = scopes.projects.get(place).cloned() else {
            return Ok(page(Vec::new(), &Stage::Catalog));
        };
        let id = project.id().to_string();
        let query = [("project_id", id.as_str())];
        let rows = self
            .api
            .all::<RepositoryWire>("/repositories", &query, self.identity);
        let found = match rows.await {
            Ok(rows) => {
                let mut found = Vec::new();
                for row in rows {
                    scopes.reading.repositories.insert(row.id());
                    self.projects.learn_repository(&row);
                    found.extend(scopes.learn(row.name));
                }
                found
            }
            Err(error) if error.code() == ErrorCode::FailedToVerifyUsernameOrPwd => {
                return Err(error);
            }
            Err(error) => {
                scopes.reading.unread += project.repo_count;
                let is_new = scopes.unreadable.insert(project.id());
                let scope = Scope::Namespace(project.name);
                let error = self.vanished_or(&scope, error).await;
                let told = is_new.then(|| ScopeEntry {
                    scope,
                    disposition: Disposition::Unreadable(error),
                });
                told.into_iter().collect()
            }
        };
        Ok(page(found, &Stage::ProjectAt(place + 1)))
    }

    async fn read_catalog(&self, scopes: &mut Scopes) -> Result<ScopePage, IntegrationError> {
        let mut found = Vec::new();
        // Nobody else may read it.
        if self.identity == Identity::Admin {
            match self.api.catalog().await? {
                Catalog::Names(names) => {
                    let lies_in_project =
                        |name: &RepositoryName| self.projects.id(name.namespace()).is_some();
                    let hidden = names.into_iter().filter(lies_in_project);
                    found.extend(hidden.filter_map(|name| scopes.learn(name)));
                }
                Catalog::Unread(_)
                    if scopes.lacks_catalog || self.api.filters_catalog().await? => {}
                Catalog::Unread(error) => {
                    scopes.lacks_catalog = true;
                    found.push(ScopeEntry {
                        scope: Scope::Registry,
                        disposition: Disposition::Unreadable(error),
                    });
                }
            }
        }
        Ok(page(found, &Stage::Prove))
    }

    async fn prove(&self, scopes: &mut Scopes) -> Result<ScopePage, IntegrationError> {
        let doubt = match self.identity {
            Identity::Admin => self.compare_with_totals(scopes).await?,
            Identity::User | Identity::Robot => self.compare_readings(scopes).await?,
        };
        let Some(reason) = doubt else {
            return Ok(ScopePage {
                scopes: Vec::new(),
                // What was not found may be what only the registry's own list shows.
                listed: (!scopes.lacks_catalog).then_some(Scope::Registry),
                next: None,
            });
        };
        if scopes.readings == READINGS {
            return Err(IntegrationError::IncompleteListing {
                context: self.api.context(Step::Listing),
                reason,
            });
        }
        self.read_projects(scopes).await
    }

    /// What differs between the reading and the totals that only an administrator is told.
    async fn compare_with_totals(
        &self,
        scopes: &mut Scopes,
    ) -> Result<Option<Incompleteness>, IntegrationError> {
        let totals = self.api.statistics().await?;
        let reading = &scopes.reading;
        let projects = reading.projects.len() as u64;
        let repositories = reading.repositories.len() as u64 + reading.unread;
        let counts = [
            ("projects", totals.total_project_count, projects),
            ("repositories", totals.total_repo_count, repositories),
        ];
        let differs = counts
            .into_iter()
            .find(|(_, total, seen)| total != seen)
            .map(|(what, total, seen)| Incompleteness::TotalDiffers { what, total, seen });
        if differs.is_none() {
            scopes.proof = Some(Proof::Totals);
        }
        Ok(differs)
    }

    /// Whether the last two readings differ, or the account cannot be trusted to have been known
    /// throughout the last one.
    async fn compare_readings(
        &self,
        scopes: &mut Scopes,
    ) -> Result<Option<Incompleteness>, IntegrationError> {
        if scopes.previous.as_ref() != Some(&scopes.reading) {
            return Ok(Some(RESTLESS));
        }
        self.api.identify().await?;
        if self.api.account.lockouts() != scopes.lockouts {
            return Ok(Some(RESTLESS));
        }
        scopes.proof = Some(Proof::ReadTwice);
        Ok(None)
    }
}

const RESTLESS: Incompleteness = Incompleteness::ReadingsDiffer {
    what: "projects and repositories",
};

fn page(scopes: Vec<ScopeEntry>, stage: &Stage) -> ScopePage {
    ScopePage {
        scopes,
        listed: None,
        next: Some(stage.cursor()),
    }
}
