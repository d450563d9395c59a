//! The simulator listens on an address of IPv4 alone. Within the registry's namespace this passes on what
//! comes by IPv6: the test's own program, run there once more.

use std::{
    env,
    io::{BufRead, BufReader, Read, Write, copy, stdin, stdout},
    net::{Ipv4Addr, Shutdown, TcpListener, TcpStream},
    process::{Child, Stdio},
    thread,
};

use super::lab::{Namespace, REGISTRY_V6, SIMULATOR_PORT};

const VARIABLE: &str = "REGISTRY_INTAKE_TEST_RELAY";

const LISTENS: &str = "the relay listens";

pub(super) struct Relay(Child);

impl Relay {
    /// Runs `test` in a namespace, which then does nothing but [`serve_if_told`].
    pub(super) fn start(namespace: &Namespace, test: &str) -> Self {
        let mut child = namespace
            .command(env::current_exe().unwrap())
            .args(["--exact", test, "--nocapture"])
            .env(VARIABLE, "1")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        assert!(lines.any(|line| line.unwrap().contains(LISTENS)));
        Self(child)
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        drop(self.0.stdin.take());
        let _ = self.0.wait();
    }
}

/// In a process that [`Relay`] has started: relays until standard input ends, and ends the process.
pub(super) fn serve_if_told() {
    if env::var_os(VARIABLE).is_none() {
        return;
    }
    let address = format!("[{REGISTRY_V6}]:80");
    let listener = TcpListener::bind(address).unwrap();
    thread::spawn(move || {
        for connection in listener.incoming().map_while(Result::ok) {
            let simulator = TcpStream::connect((Ipv4Addr::LOCALHOST, SIMULATOR_PORT)).unwrap();
            pass_on(
                connection.try_clone().unwrap(),
                simulator.try_clone().unwrap(),
            );
            pass_on(simulator, connection);
        }
    });
    // Behind the beginning of a line of the harness.
    let mut lines = stdout().lock();
    writeln!(lines, "\n{LISTENS}").unwrap();
    drop(lines);
    let _ = stdin().read_to_end(&mut Vec::new());
    std::process::exit(0);
}

fn pass_on(mut from: TcpStream, mut to: TcpStream) {
    thread::spawn(move || {
        let _ = copy(&mut from, &mut to);
        let _ = to.shutdown(Shutdown::Write);
    });
}
