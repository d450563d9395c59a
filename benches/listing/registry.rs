//! The simulated registry, and the way to it.

use std::{
    env,
    io::{self, BufRead, BufReader},
    process::{Child, Command, Stdio},
    sync::Arc,
};

use registry_intake::{
    config::{
        IntegrationConfig, IntegrationConfigBuilder, Protocol, RegistryType, RegistryVersion,
        RequiredRole, Secret,
    },
    connector::{RegistryConnector, connect},
    simulator::{HarborV1, HarborV2},
};
use tokio::runtime::Runtime;

pub(crate) const ROLE: &str = "serve";

const PROJECTS: u64 = 50;
const ARTIFACTS_PER_REPOSITORY: u64 = 10;

/// Serves so many artifacts until standard input ends; prints the port first.
pub(crate) fn serve(artifacts: u64) {
    let runtime = Runtime::new().unwrap();
    let repositories = artifacts / ARTIFACTS_PER_REPOSITORY;
    let harbor = HarborV2::builder().sized(PROJECTS, repositories, artifacts);
    let harbor = runtime.block_on(harbor.start()).unwrap();
    println!("{}", harbor.address().port());
    io::copy(&mut io::stdin(), &mut io::sink()).unwrap();
}

/// A registry in a process of its own, which ends with this handle.
pub(crate) struct Registry {
    process: Child,
    port: u16,
}

impl Registry {
    pub(crate) fn start(artifacts: u64) -> Self {
        let mut process = Command::new(env::current_exe().unwrap())
            .args([ROLE, &artifacts.to_string()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        let output = process.stdout.take().unwrap();
        BufReader::new(output).read_line(&mut line).unwrap();
        Self {
            port: line.trim().parse().unwrap(),
            process,
        }
    }

    pub(crate) const fn port(&self) -> u16 {
        self.port
    }
}

impl Drop for Registry {
    fn drop(&mut self) {
        drop(self.process.stdin.take());
        self.process.wait().unwrap();
    }
}

/// A connector to the registry on this port of the loopback address.
pub(crate) fn connector(
    port: u16,
    account: impl FnOnce(IntegrationConfigBuilder) -> IntegrationConfigBuilder,
) -> Arc<dyn RegistryConnector> {
    let config = IntegrationConfig::builder("bench")
        .registry_type(RegistryType::Harbor)
        .version(RegistryVersion::V2)
        .protocol(Protocol::Http)
        .domain("127.0.0.1")
        .port(port);
    connect(&account(config).build().unwrap()).unwrap()
}

pub(crate) fn as_admin(config: IntegrationConfigBuilder) -> IntegrationConfigBuilder {
    config
        .username(HarborV2::USERNAME)
        .password(Secret::new(HarborV2::PASSWORD))
}

pub(crate) fn as_robot(config: IntegrationConfigBuilder) -> IntegrationConfigBuilder {
    config
        .username(HarborV2::ROBOT_USERNAME)
        .password(Secret::new(HarborV2::ROBOT_SECRET))
        .required_role(RequiredRole::List)
}

pub(crate) fn as_admin_of_1_x(config: IntegrationConfigBuilder) -> IntegrationConfigBuilder {
    config
        .version(RegistryVersion::V1)
        .username(HarborV1::USERNAME)
        .password(Secret::new(HarborV1::PASSWORD))
}
