use std::collections::HashSet;

use serde::{Deserialize, Serialize};

use super::{
    api::Api,
    listing::V2Listing,
    pager::{List, Position, Reply},
    wire::{ProjectWire, RepositoryWire, Row},
};
use crate::{
    connector::{
        Disposition, ScopeEntry, ScopePage,
        harbor::answers::{Identity, segment},
    },
    error::{ErrorCode, Incompleteness, IntegrationError, Step},
    image::{Cursor, Exclusion, Next, Proof, Scope},
};

pub(super) const PROJECTS: List<'_> = List {
    path: "/projects",
    key: "project_id",
    first: 0,
    filter: None,
    options: &[],
};

const REPOSITORIES: List<'_> = List {
    path: "/repositories",
    key: "repository_id",
    first: 0,
    filter: None,
    options: &[],
};

/// How often the lists are read before they count as beyond proof.
const READINGS: u32 = 4;

/// How many projects are tried to find out how the server lists.
const CANDIDATES: usize = 3;

/// How the server lets its artifacts be listed, found out by asking.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Cut {
    /// A project's artifacts in one list: 2.11.1 and later.
    Project,
    /// A repository's artifacts, the repositories in one list: 2.3 and later.
    Repository,
    /// A repository's artifacts, the repositories by project: before 2.3.
    RepositoryOfProject,
}

/// What follows in the list of scopes.
#[derive(Debug, Serialize, Deserialize)]
enum Stage {
    /// A page of the list of all repositories.
    Repositories(Position),
    /// The repositories of the project at this place of the list.
    ProjectAt(usize),
    /// The lists are read; prove them, or read them again.
    Prove,
}

/// The lists of projects and repositories of a run.
///
/// They are the only calls that shrink in silence: with a wrong password, or while the user name
/// is locked, they show what a stranger sees. So they need a proof of their own: the server's
/// totals for an administrator, a second reading for others.
#[derive(Debug, Default)]
pub(super) struct Scopes {
    cut: Option<Cut>,
    /// The projects to read, by the present reading.
    names: Vec<String>,
    known_projects: HashSet<u64>,
    known_repositories: HashSet<u64>,
    excluded_projects: HashSet<u64>,
    /// Projects whose repositories could not be listed, told once however often the lists are read.
    unreadable: HashSet<String>,
    reading: Reading,
    previous: Option<Reading>,
    readings: u32,
    /// The account's lock-outs when the present reading began.
    lockouts: u64,
    /// Whether the present reading met a repository whose project it does not know.
    stray: bool,
    proof: Option<Proof>,
}

/// The numbers of all rows that one reading of the lists has shown.
#[derive(Debug, Default, PartialEq, Eq)]
struct Reading {
    projects: HashSet<u64>,
    repositories: HashSet<u64>,
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
                reason: Incompleteness::ReadingsDiffer { what: "projects" },
            })
    }

    /// The projects of the last reading.
    pub(super) fn projects(&self) -> &HashSet<u64> {
        &self.reading.projects
    }

    fn begin_reading(&mut self, lockouts: u64) {
        self.previous = (self.readings > 0).then(|| std::mem::take(&mut self.reading));
        self.readings += 1;
        self.names.clear();
        self.lockouts = lockouts;
        self.stray = false;
    }

    /// The scope of a repository that is not known yet.
    fn learn_repository(&mut self, row: RepositoryWire) -> Option<ScopeEntry> {
        let id = row.id();
        self.reading.repositories.insert(id);
        if !self.reading.projects.contains(&row.project_id) {
            // Its project was made after the projects were read, so whether it is a proxy cache
            // is not known before the next reading.
            self.stray = true;
            return None;
        }
        if self.excluded_projects.contains(&row.project_id) || !self.known_repositories.insert(id) {
            return None;
        }
        Some(ScopeEntry {
            scope: Scope::Repository(row.name),
            disposition: if row.artifact_count == 0 {
                Disposition::Empty
            } else {
                Disposition::Read
            },
        })
    }
}

impl V2Listing {
    /// The next page of scopes: projects or repositories to read, and at last the proof.
    pub(super) async fn scope_page(
        &self,
        after: Option<&Cursor>,
    ) -> Result<ScopePage, IntegrationError> {
        let mut scopes = self.scopes.lock().await;
        let Some(cursor) = after else {
            return self.read_projects(&mut scopes).await;
        };
        match serde_json::from_str(cursor.as_str()) {
            Ok(Stage::Repositories(position)) => {
                self.read_repositories(&mut scopes, position).await
            }
            Ok(Stage::ProjectAt(place)) => self.read_project(&mut scopes, place).await,
            Ok(Stage::Prove) => self.prove(&mut scopes).await,
            Err(_) => Err(self.foreign_cursor(&Scope::Registry)),
        }
    }

    async fn read_projects(&self, scopes: &mut Scopes) -> Result<ScopePage, IntegrationError> {
        scopes.begin_reading(self.api.account.lockouts());
        let projects: Vec<ProjectWire> = self.api.all(PROJECTS, self.identity).await?;
        let mut unknown = Vec::new();
        for project in projects {
            let id = project.id();
            scopes.reading.projects.insert(id);
            self.projects
                .learn(&project.name, id, project.is_proxy_cache());
            let is_excluded = project.is_proxy_cache() && !self.include_proxy_caches;
            if is_excluded {
                scopes.excluded_projects.insert(id);
            } else {
                scopes.names.push(project.name.clone());
            }
            if scopes.known_projects.insert(id) {
                unknown.push(ScopeEntry {
                    scope: Scope::Namespace(project.name),
                    disposition: if is_excluded {
                        Disposition::Exclude(Exclusion::ProxyCache)
                    } else {
                        Disposition::Read
                    },
                });
            }
        }
        if scopes.cut.is_none() {
            scopes.cut = self.find_cut(&unknown).await?;
        }
        let stage = match scopes.cut {
            Some(Cut::Project) | None => Stage::Prove,
            Some(Cut::Repository) => Stage::Repositories(REPOSITORIES.start()),
            Some(Cut::RepositoryOfProject) => Stage::ProjectAt(0),
        };
        if !matches!(stage, Stage::Prove) {
            unknown.retain(|entry| matches!(entry.disposition, Disposition::Exclude(_)));
        }
        Ok(page(unknown, &stage))
    }

    /// Asks for the artifacts of a project as the newest servers list them. The answer is kept
    /// for whoever reads that project.
    async fn find_cut(&self, projects: &[ScopeEntry]) -> Result<Option<Cut>, IntegrationError> {
        let mut failure = None;
        let readable = projects
            .iter()
            .filter(|entry| matches!(entry.disposition, Disposition::Read));
        for entry in readable.take(CANDIDATES) {
            match self.entry_page(&entry.scope, None).await {
                Ok(Reply::NoSuchList(_)) => return Ok(Some(Cut::Repository)),
                Ok(Reply::Page(rows)) => {
                    if let Ok(page) = self.images(&entry.scope, rows) {
                        self.projects.keep_page(entry.scope.clone(), page);
                    }
                    return Ok(Some(Cut::Project));
                }
                Err(error) => match error.code() {
                    ErrorCode::FailedToVerifyUsernameOrPwd => return Err(error),
                    // The list is there, if not for this project.
                    ErrorCode::UserDoesNotHaveAdminRole | ErrorCode::NamespaceNotFound => {
                        return Ok(Some(Cut::Project));
                    }
                    _ => failure = Some(error),
                },
            }
        }
        failure.map_or(Ok(None), Err)
    }

    async fn read_repositories(
        &self,
        scopes: &mut Scopes,
        position: Position,
    ) -> Result<ScopePage, IntegrationError> {
        let rows = match self.api.page(REPOSITORIES, position, self.identity).await? {
            Reply::NoSuchList(_) => {
                scopes.cut = Some(Cut::RepositoryOfProject);
                return Ok(page(Vec::new(), &Stage::ProjectAt(0)));
            }
            Reply::Page(rows) => rows,
        };
        let (rows, stage) = match rows.next {
            Next::Page(cursor) if rows.settled => {
                let position =
                    Position::of(&cursor).ok_or_else(|| self.foreign_cursor(&Scope::Registry))?;
                (rows.rows, Stage::Repositories(position))
            }
            Next::End => (rows.rows, Stage::Prove),
            // A list that does not go by number is read as a whole.
            _ => (
                self.api.all(REPOSITORIES, self.identity).await?,
                Stage::Prove,
            ),
        };
        let found = rows
            .into_iter()
            .filter_map(|row| scopes.learn_repository(row))
            .collect();
        Ok(page(found, &stage))
    }

    async fn read_project(
        &self,
        scopes: &mut Scopes,
        place: usize,
    ) -> Result<ScopePage, IntegrationError> {
        let Some(project) = scopes.names.get(place).cloned() else {
            return Ok(page(Vec::new(), &Stage::Prove));
        };
        let list = List {
            path: &format!("/projects/{}/repositories", segment(&project)),
            ..REPOSITORIES
        };
        let found = match self.api.all::<RepositoryWire>(list, self.identity).await {
            Ok(rows) => rows
                .into_iter()
                .filter_map(|row| scopes.learn_repository(row))
                .collect(),
            Err(error) if error.code() == ErrorCode::FailedToVerifyUsernameOrPwd => {
                return Err(error);
            }
            Err(_) if !scopes.unreadable.insert(project.clone()) => Vec::new(),
            Err(error) => {
                let scope = Scope::Namespace(project);
                let error = self.vanished_or(&scope, error).await;
                vec![ScopeEntry {
                    scope,
                    disposition: Disposition::Unreadable(error),
                }]
            }
        };
        Ok(page(found, &Stage::ProjectAt(place + 1)))
    }

    async fn prove(&self, scopes: &mut Scopes) -> Result<ScopePage, IntegrationError> {
        let doubt = match self.identity {
            Identity::Admin => self.compare_with_totals(scopes).await?,
            Identity::User | Identity::Robot => self.compare_readings(scopes).await?,
        };
        let Some(reason) = doubt else {
            return Ok(ScopePage {
                scopes: Vec::new(),
                listed: Some(Scope::Registry),
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
        let seen = &scopes.reading;
        let mut counts = vec![("projects", totals.total_project_count, &seen.projects)];
        if matches!(scopes.cut, Some(Cut::Repository | Cut::RepositoryOfProject)) {
            counts.push(("repositories", totals.total_repo_count, &seen.repositories));
        }
        let differs = counts
            .into_iter()
            .find(|(_, total, seen)| *total != seen.len() as u64)
            .map(|(what, total, seen)| Incompleteness::TotalDiffers {
                what,
                total,
                seen: seen.len() as u64,
            });
        if differs.is_some() || scopes.stray {
            return Ok(differs.or(Some(RESTLESS)));
        }
        scopes.proof = Some(Proof::Totals);
        Ok(None)
    }

    /// Whether the last two readings differ, or the account cannot be trusted to have been known
    /// throughout the last one.
    async fn compare_readings(
        &self,
        scopes: &mut Scopes,
    ) -> Result<Option<Incompleteness>, IntegrationError> {
        if scopes.stray || scopes.previous.as_ref() != Some(&scopes.reading) {
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
