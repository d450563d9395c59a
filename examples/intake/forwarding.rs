//! `forwarding`: how a machine in the cloud forwards a port to a registry in a data centre.

use std::{
    io::{self, Write},
    net::IpAddr,
    num::NonZeroU16,
};

use registry_intake::{
    error::ErrorCode,
    network::forwarding::{self, AddressFamily, ForwardingError, Plan, Step, System},
};
use serde::Serialize;

use crate::{
    arguments::{Arguments, Forwarding, ForwardingSystem, Name},
    failure::{Explained, Failure, Verdict, Words},
    output::{Output, Report},
    selection,
};

pub(crate) fn forwarding(
    arguments: &Arguments,
    wish: &Forwarding,
    output: &Output,
) -> Result<Verdict, Failure> {
    let only = Name {
        name: Some(wish.name.clone()),
    };
    for config in selection::configured(arguments, &only)? {
        if config.acr().is_some() {
            return Err(not_in_a_data_centre());
        }
        // A configured port is never 0.
        let port = NonZeroU16::new(config.endpoint().port()).unwrap_or(NonZeroU16::MIN);
        let forwarding = forwarding::Forwarding::new(
            wish.listen.unwrap_or(port),
            wish.server.address,
            wish.server.port.unwrap_or(port),
        )?;
        let ip = config.endpoint().ip();
        let family = ip.map_or(AddressFamily::Ipv4, AddressFamily::of);
        let forwarding = forwarding.on_machine_reached_over(family);
        let record = |system, plan| ForwardingRecord::new(config.name(), &forwarding, system, plan);
        match wish.system {
            Some(system) => {
                let system = System::from(system);
                output.report(&record(system, Ok(forwarding.plan(system)?)))?;
            }
            // What one system cannot do keeps none of the others from its commands.
            None => {
                for system in System::ALL {
                    output.report(&record(system, forwarding.plan(system)))?;
                }
            }
        }
    }
    Ok(Verdict::Done)
}

fn not_in_a_data_centre() -> Failure {
    Failure::Error(Explained {
        code: Some(ErrorCode::ConfigInvalid),
        words: Words::new(
            "an ACR lies in the cloud itself: nothing is forwarded to it",
            "Give an integration of type harbor or quay.",
        ),
        chinese: Some(Words::new(
            "ACR 本身位于云上：无需为其转发流量",
            "请指定类型为 harbor 或 quay 的集成。",
        )),
    })
}

impl From<ForwardingSystem> for System {
    fn from(system: ForwardingSystem) -> Self {
        match system {
            ForwardingSystem::Firewalld => Self::Firewalld,
            ForwardingSystem::Iptables => Self::Iptables,
            ForwardingSystem::Nftables => Self::Nftables,
            ForwardingSystem::Windows => Self::Windows,
        }
    }
}

#[derive(Serialize)]
struct ForwardingRecord<'a> {
    integration: &'a str,
    system: System,
    reached_over: AddressFamily,
    listen: NonZeroU16,
    server: IpAddr,
    port: NonZeroU16,
    /// Why there are no steps.
    refused: Option<String>,
    steps: Vec<Step>,
    /// The places of the steps in the order in which they are undone, counted from 1.
    undo_order: Vec<usize>,
}

impl<'a> ForwardingRecord<'a> {
    fn new(
        integration: &'a str,
        forwarding: &forwarding::Forwarding,
        system: System,
        plan: Result<Plan, ForwardingError>,
    ) -> Self {
        let (refused, steps, undo_order) = match plan {
            Err(error) => (Some(error.to_string()), Vec::new(), Vec::new()),
            Ok(plan) => (None, plan.steps().to_vec(), undo_order(&plan)),
        };
        Self {
            integration,
            system,
            reached_over: forwarding.reached_over(),
            listen: forwarding.listen(),
            server: forwarding.server(),
            port: forwarding.port(),
            refused,
            steps,
            undo_order,
        }
    }

    /// A comment of the system's shell, with what follows it in the same lines.
    fn comment(&self) -> &'static str {
        match self.system {
            System::Windows => "rem",
            _ => "#",
        }
    }
}

fn undo_order(plan: &Plan) -> Vec<usize> {
    let place = |wanted: &Step| plan.steps().iter().position(|step| step == wanted);
    let places = plan.undo().filter_map(place);
    places.map(|place| place + 1).collect()
}

/// A script of the system's shell that does every step; checks and undo are comments in it.
impl Report for ForwardingRecord<'_> {
    fn text(&self, to: &mut Vec<u8>) -> io::Result<()> {
        let Self {
            system,
            listen,
            port,
            ..
        } = self;
        let rem = self.comment();
        let server = match self.server {
            IpAddr::V4(address) => format!("{address}:{port}"),
            IpAddr::V6(address) => format!("[{address}]:{port}"),
        };
        writeln!(
            to,
            "{rem} {system}: port {listen} of this machine to {server}"
        )?;
        if let Some(reason) = &self.refused {
            return writeln!(to, "{rem} {reason}\n");
        }
        writeln!(
            to,
            "{rem} Its security group must let in the scanner's addresses too: see `intake allowlist`."
        )?;
        for (place, step) in self.steps.iter().enumerate() {
            writeln!(to, "\n{rem} {}. {}", place + 1, step.reason)?;
            if let Some(condition) = step.condition {
                writeln!(to, "{rem}    Condition: {condition}")?;
            }
            for command in &step.run {
                writeln!(to, "{command}")?;
            }
            for command in &step.check {
                writeln!(to, "{rem}    check: {command}")?;
            }
        }
        writeln!(to, "\n{rem} To undo it:")?;
        for step in self
            .undo_order
            .iter()
            .filter_map(|place| self.steps.get(place - 1))
        {
            for command in &step.undo {
                write!(to, "{rem}    {command}")?;
                match step.undo_condition {
                    Some(condition) => writeln!(to, "   ({condition})")?,
                    None => writeln!(to)?,
                }
            }
        }
        writeln!(to)
    }
}
