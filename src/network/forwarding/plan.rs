use serde::Serialize;

use super::System;

/// The commands by which one machine forwards a port, in the order in which they are given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    pub(super) system: System,
    pub(super) steps: Vec<Step>,
}

impl Plan {
    /// The system that they are for.
    #[must_use]
    pub const fn system(&self) -> System {
        self.system
    }

    /// The steps in the order in which they are done.
    #[must_use]
    pub fn steps(&self) -> &[Step] {
        &self.steps
    }

    /// The steps in the order in which they are undone: the last one first, and after all of them those
    /// that make the state of then the lasting one.
    pub fn undo(&self) -> impl Iterator<Item = &Step> {
        let lasts =
            |step: &&Step| step.kind == StepKind::Reload || step.kind == StepKind::Persistence;
        let others = self.steps.iter().rev().filter(move |step| !lasts(step));
        others.chain(self.steps.iter().filter(lasts))
    }
}

/// One thing that has to be so for a port to be forwarded.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Step {
    /// What it is for.
    pub kind: StepKind,
    /// What it changes.
    pub effect: Effect,
    /// Why it is needed.
    pub reason: &'static str,
    /// Where it is needed, if not everywhere.
    pub condition: Option<&'static str>,
    /// The commands, each a line for the system's own shell, run by its administrator.
    pub run: Vec<String>,
    /// The commands that take it back.
    pub undo: Vec<String>,
    /// What to know before it is taken back.
    pub undo_condition: Option<&'static str>,
    /// Commands that all succeed (exit status 0) while it is so.
    pub check: Vec<String>,
}

impl Step {
    pub(super) const fn new(kind: StepKind, effect: Effect, reason: &'static str) -> Self {
        Self {
            kind,
            effect,
            reason,
            condition: None,
            run: Vec::new(),
            undo: Vec::new(),
            undo_condition: None,
            check: Vec::new(),
        }
    }

    pub(super) fn run<const N: usize>(mut self, commands: [String; N]) -> Self {
        self.run = commands.into();
        self
    }

    pub(super) fn undo<const N: usize>(mut self, commands: [String; N]) -> Self {
        self.undo = commands.into();
        self
    }

    pub(super) fn check<const N: usize>(mut self, commands: [String; N]) -> Self {
        self.check = commands.into();
        self
    }

    pub(super) const fn only(mut self, condition: &'static str) -> Self {
        self.condition = Some(condition);
        self
    }

    pub(super) const fn undo_only(mut self, condition: &'static str) -> Self {
        self.undo_condition = Some(condition);
        self
    }
}

/// What a step is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum StepKind {
    /// The system passes packets on at all.
    IpForwarding,
    /// The service that forwards is running.
    Service,
    /// What comes to the listening port goes to the server.
    Destination,
    /// Answers come back by the same machine.
    ReturnPath,
    /// No firewall of the machine drops it.
    Accept,
    /// The permanent settings are in force.
    Reload,
    /// It is so after a restart too.
    Persistence,
}

impl StepKind {
    /// The word that stands for it in reports.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::IpForwarding => "ip_forwarding",
            Self::Service => "service",
            Self::Destination => "destination",
            Self::ReturnPath => "return_path",
            Self::Accept => "accept",
            Self::Reload => "reload",
            Self::Persistence => "persistence",
        }
    }
}

/// What a step changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Effect {
    /// The state of the running network alone: gone after a restart.
    Network,
    /// What the machine keeps: files, services, permanent settings.
    Machine,
}
