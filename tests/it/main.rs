//! Behaviours that users of the crate rely on, a file each.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod acr;
mod config;
mod conformance;
mod contract;
mod harbor_v1;
mod harbor_v2;
mod hostile;
mod hybrid_cloud;
mod incremental;
mod ingest;
mod intake;
#[macro_use]
mod inventory;
mod kills;
mod left_out;
mod outside_connector;
mod pace;
mod postgres_server;
mod quay;
mod replay;
mod replay_server;
mod replicas;
mod rooms;
mod simulator_acr;
mod simulator_faults;
mod simulator_harbor_v1;
mod simulator_quay;
mod simulator_recordings;
mod simulator_recordings_harbor_v1;
mod simulator_recordings_quay;
mod simulator_sessions;
mod sync;
mod truth;
mod wire;
