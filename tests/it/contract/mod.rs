//! The contract of the example program `intake`, as `docs/example-contract.md` freezes it: the
//! built program runs as a child process against a simulated registry.

mod acr;
mod allowlist;
mod demonstration;
mod end;
mod forwarding;
mod harbor_v1;
mod ingest;
mod inventory;
mod language;
mod list;
mod page;
pub(crate) mod program;
mod replicas;
mod run;
mod secrecy;
mod sync;
mod verify;
