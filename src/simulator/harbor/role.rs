/// What a user is in a project.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Role {
    /// Administers the project.
    ProjectAdmin = 1,
    /// Pushes and pulls.
    Developer = 2,
    /// Reads.
    Guest = 3,
    /// Pushes, pulls, scans, deletes.
    Maintainer = 4,
}
