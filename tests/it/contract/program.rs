use std::{
    ffi::OsStr,
    path::PathBuf,
    process::{Output, Stdio},
    time::Duration,
};

use registry_intake::simulator::{
    HarborV2, Platform,
    harbor_v2::{Child, Contents, Project, Push},
};
use serde_json::Value;
use tempfile::TempDir;
use tokio::process::Command;

/// Far beyond what any run takes, so that a run that hangs fails.
const PATIENCE: Duration = Duration::from_secs(60);

/// The example program with a folder and a configuration of its own.
pub(super) struct Program {
    folder: TempDir,
}

/// What a run of the program left.
#[derive(Debug)]
pub(super) struct Ended {
    pub(super) code: i32,
    pub(super) stdout: String,
    pub(super) stderr: String,
}

impl Program {
    pub(super) fn new(config: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let program = Self { folder };
        program.reconfigure(config);
        program
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Another configuration from now on.
    pub(super) fn reconfigure(&self, config: &str) {
        std::fs::write(self.path("intake.toml"), config).unwrap();
    }

    /// The program with its configuration, in its folder.
    pub(super) fn configured(&self) -> Command {
        let mut command = self.bare();
        command.args(["--config", "intake.toml"]);
        command
    }

    pub(super) fn bare(&self) -> Command {
        let mut command = example("intake");
        command.current_dir(self.folder.path());
        command
    }

    /// Runs it with its configuration, to its end.
    pub(super) async fn run<S: AsRef<OsStr>>(
        &self,
        arguments: impl IntoIterator<Item = S>,
    ) -> Ended {
        end(self.configured().args(arguments)).await
    }

    /// The same, with JSON.
    pub(super) async fn json<S: AsRef<OsStr>>(
        &self,
        arguments: impl IntoIterator<Item = S>,
    ) -> Ended {
        end(self.configured().args(["--output", "json"]).args(arguments)).await
    }
}

pub(super) async fn end(command: &mut Command) -> Ended {
    let child = command.spawn().unwrap();
    Ended::from(within(child.wait_with_output()).await.unwrap())
}

/// What `attempt` gives, which it must before patience ends.
pub(super) async fn within<T>(attempt: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, attempt)
        .await
        .expect("the program did not end")
}

impl From<Output> for Ended {
    fn from(output: Output) -> Self {
        Self {
            code: output.status.code().expect("the program was killed"),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }
}

impl Ended {
    /// Every line of standard output, each a JSON object.
    pub(super) fn objects(&self) -> Vec<Value> {
        objects(&self.stdout)
    }

    /// The error object on standard error, which is alone there.
    pub(super) fn error(&self) -> Value {
        let [error] = <[_; 1]>::try_from(objects(&self.stderr)).unwrap();
        error
    }
}

pub(super) fn objects(lines: &str) -> Vec<Value> {
    assert!(lines.is_empty() || lines.ends_with('\n'), "{lines}");
    lines
        .lines()
        .map(|line| match serde_json::from_str(line) {
            Ok(object @ Value::Object(_)) => object,
            _ => panic!("no JSON object: {line}"),
        })
        .collect()
}

/// An example program, in an environment without settings. `cargo test` builds the examples before
/// it runs the tests.
pub(crate) fn example(name: &str) -> Command {
    let mut path = std::env::current_exe().unwrap();
    path.pop();
    path.pop();
    path.extend([
        "examples",
        &format!("{name}{}", std::env::consts::EXE_SUFFIX),
    ]);
    assert!(
        path.exists(),
        "{} is not built: run `cargo build --examples` first",
        path.display()
    );
    let mut command = Command::new(path);
    command
        .env_remove("RUST_LOG")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true);
    command
}

/// A simulated Harbor in which every kind of report has something to say.
pub(super) async fn harbor() -> HarborV2 {
    let mut contents = Contents::empty();
    contents.create_project(Project::private("team"));
    contents.create_project(Project::private("mirror").proxy_cache(1));
    contents.create_project(Project::public("lab"));
    let digest = |letter: &str| format!("sha256:{}", letter.repeat(64));
    let image = |letter: &str| Push::image().digest(&digest(letter));
    contents.push("team/api", image("a").tag("1.0").tag("latest"));
    contents.push("team/api", image("b"));
    contents.push("team/backend/worker", image("c").docker().tag("2.7"));
    let platforms = [
        Child::new(Platform::new("linux", "arm64").variant("v8")).digest(&digest("d")),
        Child::new(Platform::new("windows", "amd64").os_version("10.0.20348.2227"))
            .digest(&digest("e")),
    ];
    contents.push(
        "team/tools",
        Push::index(platforms).digest(&digest("f")).tag("3"),
    );
    contents.push(
        "lab/charts/probe",
        Push::chart().digest(&digest("9")).tag("0.1.0"),
    );
    contents.push("mirror/alpine", image("0").tag("3.20"));
    HarborV2::builder()
        .contents(contents)
        .start()
        .await
        .unwrap()
}

/// An integration of a registry whose images are never scanned, and whose key cannot be had, so that
/// nothing is asked of it.
pub(super) const ACR: &str = r#"
[[integrations]]
name = "acr"
type = "acr-personal"
region_id = "cn-hangzhou"
credentials = { access_key_id = "someone", access_key_secret = { env = "ACR_SECRET_NOT_SET" } }
"#;

/// One integration on the simulator: its name, and what else its table holds.
pub(super) fn integration(name: &str, harbor: &HarborV2, username: &str, more: &str) -> String {
    let port = harbor.address().port();
    format!(
        r#"
[[integrations]]
name = "{name}"
type = "harbor"
version = "V2"
protocol = "http"
region_id = "cn-hangzhou"
domain = "127.0.0.1"
port = {port}
username = "{username}"
{more}
"#
    )
}

/// As the administrator.
pub(super) fn admin(name: &str, harbor: &HarborV2) -> String {
    paced(name, harbor, "10")
}

/// The same with a speed limit.
pub(super) fn paced(name: &str, harbor: &HarborV2, speed_limit: &str) -> String {
    let password = HarborV2::PASSWORD;
    let more = format!("password = {password:?}\nspeed_limit = {speed_limit}");
    integration(name, harbor, HarborV2::USERNAME, &more)
}

/// As the administrator with a wrong password.
pub(super) fn refused(name: &str, harbor: &HarborV2) -> String {
    integration(name, harbor, HarborV2::USERNAME, r#"password = "wrong""#)
}

/// The lines with the port, durations, moments and request ids replaced, which differ from run to
/// run.
pub(super) fn stable(lines: &str, harbor: &HarborV2) -> String {
    let mut text = lines.replace(&harbor.address().to_string(), "127.0.0.1:PORT");
    let port = format!("\"port\":{}", harbor.address().port());
    text = text.replace(&port, "\"port\":0");
    text = replaced(&text, "\"elapsed_ms\":", |c| c.is_ascii_digit(), "0");
    for moment in [
        "until",
        "at",
        "started_at",
        "finished_at",
        "first_seen_at",
        "ingested_at",
    ] {
        text = replaced(&text, &format!("\"{moment}\":\""), |c| c != '"', "MOMENT");
    }
    let id = |c: char| c.is_ascii_hexdigit() || c == '-';
    replaced(&text, "request 00000000-", id, "ID")
}

/// `text` with the run of `old` letters behind every `key` replaced.
fn replaced(text: &str, key: &str, old: impl Fn(char) -> bool + Copy, new: &str) -> String {
    let mut parts = text.split(key);
    let mut result = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let rest = part.trim_start_matches(old);
        let value = if rest.len() < part.len() { new } else { "" };
        result.extend([key, value, rest]);
    }
    result
}

/// Sorted, since the order in which scopes are read is not part of the contract.
pub(super) fn sorted(lines: &str) -> String {
    let mut lines: Vec<_> = lines.lines().collect();
    lines.sort_unstable();
    lines.join("\n")
}
