//! Three machines in small: a client, a forwarder and a registry, each in a network namespace of its
//! own, gone with the processes in them however these end.

use std::{
    env,
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Child, ChildStdout, Command, Stdio},
    sync::OnceLock,
};

use registry_intake::simulator::HarborV2;
use serde_json::Value;
use tempfile::TempDir;

use crate::{contract::program::example, left_out::tell_at_the_end};

/// Where it is set, a machine that cannot make network namespaces fails the tests.
const REQUIRED: &str = "INTAKE_REQUIRE_NAMESPACES";

pub(super) const CLIENT: &str = "10.77.1.2";
/// Of the forwarder, towards the client.
pub(super) const FORWARDER: &str = "10.77.1.1";
pub(super) const REGISTRY: &str = "10.77.2.2";
/// The same of IPv6.
pub(super) const FORWARDER_V6: &str = "fd77:1::1";
pub(super) const REGISTRY_V6: &str = "fd77:2::2";
/// Where the registry's simulator listens, on the loopback of its namespace.
pub(super) const SIMULATOR_PORT: u16 = 8080;

/// Whether the tests can run here. Where they cannot the end of the test command says so.
pub(super) fn is_possible() -> bool {
    static POSSIBLE: OnceLock<Result<(), Child>> = OnceLock::new();
    let possible = POSSIBLE.get_or_init(|| match obstacle() {
        None => Ok(()),
        Some(obstacle) if env::var_os(REQUIRED).is_some() => {
            panic!("no network namespaces: {obstacle}")
        }
        Some(obstacle) => {
            let note = format!(
                "{obstacle}: the tests that forward to a registry in network namespaces were left out."
            );
            Err(tell_at_the_end(&note))
        }
    });
    possible.is_ok()
}

/// What keeps network namespaces from being made here.
fn obstacle() -> Option<&'static str> {
    if !cfg!(target_os = "linux") {
        return Some("this is no Linux");
    }
    for (line, flaw) in [
        ("test $(id -u) = 0", "this is not root"),
        (
            "command -v ip iptables ip6tables nft unshare nsenter",
            "iproute2, iptables, nftables or util-linux is not installed",
        ),
        (
            "unshare --net sh -c 'iptables -t nat -S && ip6tables -t nat -S && nft list ruleset'",
            "this machine makes no network namespace with a firewall",
        ),
    ] {
        let ended = with_path("sh").args(["-c", line]).output().unwrap();
        if !ended.status.success() {
            return Some(flaw);
        }
    }
    None
}

/// The tools stand where not every user looks for them.
fn with_path(program: impl AsRef<Path>) -> Command {
    let path = env::var_os("PATH").unwrap_or_default();
    let folders = env::split_paths(&path).chain(["/usr/sbin", "/sbin"].map(PathBuf::from));
    let mut command = Command::new(program.as_ref());
    command
        .env("PATH", env::join_paths(folders).unwrap())
        .stdin(Stdio::null());
    command
}

/// A network namespace that lives as long as its holder, which ends with its standard input.
pub(super) struct Namespace {
    holder: Child,
    _said: BufReader<ChildStdout>,
}

impl Namespace {
    fn new() -> Self {
        let mut holder = with_path("unshare")
            .args(["--net", "sh", "-c", "echo made; exec cat >/dev/null"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut said = BufReader::new(holder.stdout.take().unwrap());
        let mut line = String::new();
        said.read_line(&mut line).unwrap();
        assert_eq!(line, "made\n");
        let namespace = Self {
            holder,
            _said: said,
        };
        namespace.run("ip link set lo up");
        // Nobody else is there who could have an address, so that none has to be asked for and waited.
        namespace.run("echo 0 > /proc/sys/net/ipv6/conf/default/accept_dad");
        namespace
    }

    /// A program in it.
    pub(super) fn command(&self, program: impl AsRef<Path>) -> Command {
        let mut command = with_path("nsenter");
        command
            .arg(format!("--net=/proc/{}/ns/net", self.holder.id()))
            .arg(program.as_ref());
        command
    }

    /// Whether a line of shell succeeds.
    pub(super) fn succeeds(&self, line: &str) -> bool {
        let ended = self.command("sh").args(["-c", line]).output().unwrap();
        ended.status.success()
    }

    /// Runs a line of shell, which must succeed.
    pub(super) fn run(&self, line: &str) {
        let ended = self.command("sh").args(["-c", line]).output().unwrap();
        let said = String::from_utf8_lossy(&ended.stderr);
        assert!(ended.status.success(), "{line}: {said}");
    }

    /// A pair of interfaces to another namespace, with these names and addresses.
    fn connect(&self, mine: (&str, [&str; 2]), other: &Self, theirs: (&str, [&str; 2])) {
        self.run(&format!(
            "ip link add {} type veth peer name {} netns {}",
            mine.0,
            theirs.0,
            other.holder.id()
        ));
        for (namespace, (name, [four, six])) in [(self, mine), (other, theirs)] {
            namespace.run(&format!("ip address add {four}/24 dev {name}"));
            namespace.run(&format!("ip address add {six}/64 dev {name}"));
            namespace.run(&format!("ip link set {name} up"));
        }
        // The kernel says up to a second later that they are connected; IPv6 begins only then.
        for (namespace, (name, _)) in [(self, mine), (other, theirs)] {
            namespace.run(&format!(
                "timeout 30 sh -c 'until ip -6 address show dev {name} scope link | grep -q fe80:; \
                 do :; done'"
            ));
        }
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        drop(self.holder.stdin.take());
        let _ = self.holder.wait();
    }
}

/// The three, connected: the client to the forwarder, the forwarder to the registry, whose namespace
/// knows no way to the client.
pub(super) struct Lab {
    // Dropped first, since it keeps its namespace alive.
    _simulator: Simulator,
    pub(super) client: Namespace,
    pub(super) forwarder: Namespace,
    pub(super) registry: Namespace,
    folder: TempDir,
}

impl Lab {
    pub(super) fn new() -> Self {
        let [client, forwarder, registry] = [(); 3].map(|()| Namespace::new());
        let inner = [FORWARDER, FORWARDER_V6];
        client.connect(("v0", [CLIENT, "fd77:1::2"]), &forwarder, ("v0", inner));
        let outer = ["10.77.2.1", "fd77:2::1"];
        forwarder.connect(("v1", outer), &registry, ("v0", [REGISTRY, REGISTRY_V6]));
        // The simulator listens on loopback alone, there too.
        registry.run("echo 1 > /proc/sys/net/ipv4/conf/v0/route_localnet");
        for port in [80, SIMULATOR_PORT] {
            registry.run(&format!(
                "iptables -t nat -A PREROUTING -p tcp --dport {port} -j DNAT --to-destination \
                 127.0.0.1:{SIMULATOR_PORT}"
            ));
        }
        Self {
            _simulator: Simulator::start(&registry),
            client,
            forwarder,
            registry,
            folder: tempfile::tempdir().unwrap(),
        }
    }

    /// Runs `intake` in a namespace, with the registry's domain, this port, and this address to dial.
    /// Returns the exit code and what it printed.
    pub(super) fn intake(
        &self,
        namespace: &Namespace,
        dialled: (&str, u16),
        command: &str,
    ) -> (Option<i32>, Vec<Value>) {
        let (ip, port) = dialled;
        let config = format!(
            r#"
            [[integrations]]
            name = "data-centre"
            type = "harbor"
            version = "V2"
            protocol = "http"
            network = "vpc"
            region_id = "cn-hangzhou"
            domain = "harbor.example.com"
            port = {port}
            ip = "{ip}"
            hybrid = true
            username = {:?}
            password = {:?}
            timeouts = {{ connect = 0.3, read = 10 }}
            "#,
            HarborV2::USERNAME,
            HarborV2::PASSWORD
        );
        let file = self.folder.path().join("intake.toml");
        std::fs::write(&file, config).unwrap();
        let ended = namespace
            .command(program("intake"))
            .current_dir(&self.folder)
            .args(["--config", "intake.toml", "--output", "json", command])
            .output()
            .unwrap();
        let lines = String::from_utf8(ended.stdout).unwrap();
        let objects = lines
            .lines()
            .map(|line| serde_json::from_str(line).unwrap());
        (ended.status.code(), objects.collect())
    }

    /// Verifies the registry from the client, by the forwarder or whoever is dialled. If that fails, which
    /// must be for want of a connection, returns the report.
    pub(super) fn verify(&self, dialled: (&str, u16)) -> Result<(), String> {
        let (code, reports) = self.intake(&self.client, dialled, "verify");
        let [report] = <[_; 1]>::try_from(reports).unwrap();
        if report["ok"] == true {
            assert_eq!(code, Some(0));
            return Ok(());
        }
        assert_eq!(code, Some(1));
        let probes = report["probes"].as_array().unwrap();
        let failed = probes.iter().find(|probe| probe["outcome"] == "failed");
        assert_eq!(failed.unwrap()["code"], "NetworkConnectError", "{report}");
        Err(report.to_string())
    }

    /// Every image that a listing tells, as JSON, in order; the listing must be complete.
    pub(super) fn images(&self, namespace: &Namespace, dialled: (&str, u16)) -> Vec<String> {
        let (code, events) = self.intake(namespace, dialled, "list");
        assert_eq!(code, Some(0), "{events:?}");
        assert_eq!(events.last().unwrap()["complete"], true);
        let images = events.iter().filter(|event| event["event"] == "image");
        let mut images: Vec<_> = images.map(Value::to_string).collect();
        images.sort_unstable();
        images
    }

    /// The same straight from the simulator, in the registry's own namespace.
    pub(super) fn images_at_home(&self) -> Vec<String> {
        self.images(&self.registry, ("127.0.0.1", SIMULATOR_PORT))
    }
}

fn program(name: &str) -> PathBuf {
    example(name).as_std().get_program().into()
}

/// The example program `simulator`, which ends with the standard input of the shell around it.
struct Simulator(Child);

impl Simulator {
    fn start(namespace: &Namespace) -> Self {
        const RUN: &str = r#""$0" "$@" & simulator=$!; cat >/dev/null; kill $simulator"#;
        let port = SIMULATOR_PORT.to_string();
        let mut shell = namespace
            .command("sh")
            .args(["-c", RUN])
            .arg(program("simulator"))
            .args(["--kind", "harbor-v2", "--port", &port])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut first_line = String::new();
        let mut said = BufReader::new(shell.stdout.take().unwrap());
        said.read_line(&mut first_line).unwrap();
        assert!(first_line.contains("harbor-v2"), "{first_line}");
        Self(shell)
    }
}

impl Drop for Simulator {
    fn drop(&mut self) {
        drop(self.0.stdin.take());
        let _ = self.0.wait();
    }
}
