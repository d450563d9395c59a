//! A PostgreSQL server of the tests' own, started from the installed programs: one for the process,
//! on a socket in a temporary folder, gone with the process however that ends.

use std::{
    env, fs,
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{
        OnceLock,
        atomic::{AtomicU32, Ordering},
    },
    thread,
};

use sqlx::{Connection, PgConnection};

use crate::left_out::tell_at_the_end;

/// Where it is set, a machine without PostgreSQL fails the tests.
const REQUIRED: &str = "INTAKE_REQUIRE_POSTGRES";

const USER: &str = "intake";

/// Makes a cluster, runs its server until standard input ends, and removes everything. What stops
/// a whole group of processes from a terminal is left to that end.
const RUN: &str = r#"
trap '' INT TERM HUP
folder=$1; programs=$2
"$programs/initdb" -D "$folder/data" -U "$3" -A trust -E UTF8 --locale=C --no-sync >&2 || exit 1
"$programs/postgres" -D "$folder/data" -k "$folder" -c listen_addresses= -c max_connections=300 \
    -c fsync=off -c full_page_writes=off -c deadlock_timeout=100ms </dev/null &
server=$!
cat >/dev/null
kill -QUIT $server
wait $server
rm -rf "$folder"
"#;

/// The address of the server's database, or none where PostgreSQL is not installed: the test is then
/// left out, and the test command says so.
pub(crate) fn address() -> Option<&'static str> {
    static SERVER: OnceLock<Result<Server, Child>> = OnceLock::new();
    let server = SERVER.get_or_init(|| match programs() {
        Some(programs) => Ok(Server::start(&programs)),
        None if env::var_os(REQUIRED).is_some() => panic!("PostgreSQL is not installed"),
        None => Err(tell_at_the_end(
            "PostgreSQL is not installed: the tests of its inventory were left out.",
        )),
    });
    server.as_ref().ok().map(|server| &*server.address)
}

/// A name that no other test uses for its schema.
pub(crate) fn new_schema() -> String {
    static NEXT: AtomicU32 = AtomicU32::new(1);
    format!("test_{}", NEXT.fetch_add(1, Ordering::Relaxed))
}

/// Has a statement done in the server's own database.
pub(crate) async fn execute(statement: String) {
    let mut connection = PgConnection::connect(address().unwrap()).await.unwrap();
    let statement = sqlx::AssertSqlSafe(statement);
    sqlx::raw_sql(statement)
        .execute(&mut connection)
        .await
        .unwrap();
}

/// The address of a database that no other test uses.
pub(crate) async fn new_database() -> Option<String> {
    let (address, name) = (address()?, new_schema());
    execute(format!("CREATE DATABASE {name}")).await;
    Some(address.replace("/postgres?", &format!("/{name}?")))
}

struct Server {
    address: String,
    /// Runs for as long as its standard input is open.
    _shell: Child,
}

impl Server {
    fn start(programs: &Path) -> Self {
        let folder = tempfile::Builder::new()
            .prefix("intake-postgres-")
            .tempdir()
            .unwrap()
            .keep();
        let mut command = unprivileged(&folder);
        let mut shell = command
            .args(["-c", RUN, "sh"])
            .args([&folder, programs])
            .arg(USER)
            .env("LC_ALL", "C")
            .current_dir(&folder)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut log = BufReader::new(shell.stderr.take().unwrap()).lines();
        let mut said = String::new();
        let is_ready = log.by_ref().map_while(Result::ok).any(|line| {
            said.push_str(&line);
            said.push('\n');
            line.contains("ready to accept connections")
        });
        assert!(is_ready, "the server did not start:\n{said}");
        thread::spawn(move || log.for_each(drop));
        Self {
            address: format!("postgres:///postgres?host={}&user={USER}", folder.display()),
            _shell: shell,
        }
    }
}

/// The folder of the installed programs: that of the search path's, or the newest of those that
/// distributions keep out of it.
fn programs() -> Option<PathBuf> {
    let in_path = env::split_paths(&env::var_os("PATH")?).collect::<Vec<_>>();
    let versions = |root: &str| {
        let found = fs::read_dir(root).into_iter().flatten().flatten();
        let mut found: Vec<_> = found.map(|entry| entry.path().join("bin")).collect();
        found.sort_by_key(|folder| {
            let version = folder.iter().nth_back(1).unwrap().to_string_lossy();
            let digits = version.trim_start_matches(|letter: char| !letter.is_ascii_digit());
            std::cmp::Reverse(digits.parse::<u32>().unwrap_or(0))
        });
        found
    };
    let folders = in_path
        .into_iter()
        .chain(versions("/usr/lib/postgresql"))
        .filter(|folder| folder.join("initdb").exists() && folder.join("postgres").exists());
    let programs = folders.map(|folder| fs::canonicalize(folder.join("initdb")));
    let found = programs.flatten().next()?;
    found.parent().map(Path::to_owned)
}

/// A shell that may write to the folder. PostgreSQL refuses to run as root.
fn unprivileged(folder: &Path) -> Command {
    use std::os::unix::fs::{MetadataExt, chown};
    if fs::metadata(folder).unwrap().uid() != 0 {
        return Command::new("sh");
    }
    let id = |of: &str| -> u32 {
        let id = Command::new("id").args([of, "nobody"]).output().unwrap();
        String::from_utf8(id.stdout)
            .unwrap()
            .trim()
            .parse()
            .unwrap()
    };
    let (user, group) = (id("-u"), id("-g"));
    chown(folder, Some(user), Some(group)).unwrap();
    let mut command = Command::new("setpriv");
    command.args([
        &format!("--reuid={user}"),
        &format!("--regid={group}"),
        "--clear-groups",
        "sh",
    ]);
    command
}
