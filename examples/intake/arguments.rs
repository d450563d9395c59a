//! What the program is called with.

use std::{net::IpAddr, num::NonZeroU16, path::PathBuf};

use clap::{Args, Parser, Subcommand, ValueEnum};
use registry_intake::{
    error::Language,
    network::{address_pools::RuleFormat, forwarding::ServerAddress},
};

/// Connects container registries to an image scanner. Without a command: a demonstration on a
/// simulated registry.
#[derive(Debug, Parser)]
#[command(
    name = "intake",
    after_help = "Exit codes: 0 done; 1 failed; 2 wrong usage; 3 the listing is not complete. \
                  RUST_LOG=debug logs to standard error."
)]
pub(crate) struct Arguments {
    /// The integrations, a TOML document.
    #[arg(long, global = true, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// The inventory: an SQLite file, :memory:, or postgres://USER:PASSWORD@HOST/DATABASE, where
    /// programs on several machines share the work. By default registry-intake.db.
    #[arg(long, global = true, value_name = "FILE-OR-URL")]
    pub(crate) inventory: Option<String>,
    /// How to write what is found.
    #[arg(long, global = true, value_enum, default_value_t)]
    pub(crate) output: Format,
    /// In which language people read it; JSON is the same in all.
    #[arg(long, global = true, value_enum, default_value_t)]
    pub(crate) lang: Lang,
    #[command(subcommand)]
    pub(crate) command: Option<Command>,
}

impl Arguments {
    /// Whether nothing was asked for.
    pub(crate) fn is_bare(&self) -> bool {
        self.command.is_none()
            && self.config.is_none()
            && self.inventory.is_none()
            && self.output == Format::Text
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub(crate) enum Format {
    /// For people.
    #[default]
    Text,
    /// One JSON object a line.
    Json,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub(crate) enum Lang {
    /// English.
    #[default]
    En,
    /// Simplified Chinese: verifications, errors, warnings and remedies.
    Zh,
}

impl From<Lang> for Language {
    fn from(lang: Lang) -> Self {
        match lang {
            Lang::En => Self::English,
            Lang::Zh => Self::SimplifiedChinese,
        }
    }
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Proves each step of an integration and says what to do about the one that fails.
    Verify(Name),
    /// Lists every image straight from the registry.
    List(Name),
    /// Makes the inventory true again: one listing, and what it changes.
    Sync(Sync),
    /// Hands the images of the inventory over, no faster than the speed limit.
    Ingest(Ingest),
    /// Serves: verifies, syncs when it is due and hands over at the speed limit, until Ctrl-C.
    Run(Name),
    /// Shows the last runs, newest first.
    Runs(Name),
    /// Shows what a run changed.
    Changes(Changes),
    /// Marks as gone what the last run held back because it was so much.
    Confirm(Confirm),
    /// Shows every stored image.
    Inventory(Name),
    /// Shows the integrated registries.
    Integrations(Name),
    /// Shows the regions and the addresses from which their registries are scanned.
    Regions(Pools),
    /// Tells which source addresses a registry must let in, as a list or as rules of a firewall.
    Allowlist(Allowlist),
    /// Tells how a machine in the cloud forwards a port to a registry in a data centre.
    Forwarding(Forwarding),
}

#[derive(Debug, Args)]
pub(crate) struct Name {
    /// The integration; all of them in order unless given.
    pub(crate) name: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct Sync {
    #[command(flatten)]
    pub(crate) only: Name,
    /// Moves an integration's name to the registry that is configured now, once it answers.
    #[arg(long)]
    pub(crate) rehome: bool,
    /// Reads what has changed since the last run, or everything where the registry cannot tell.
    #[arg(long, conflicts_with_all = ["full", "rehome"])]
    pub(crate) incremental: bool,
    /// Reads everything, as without an option.
    #[arg(long)]
    pub(crate) full: bool,
    /// Writes nothing: tells what the selection takes, what it costs and how long it takes to ingest.
    #[arg(long, conflicts_with_all = ["incremental", "rehome"])]
    pub(crate) dry_run: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Changes {
    /// The integration.
    pub(crate) name: String,
    /// The run's number; the last one that has ended unless given.
    pub(crate) run: Option<i64>,
}

#[derive(Debug, Args)]
pub(crate) struct Confirm {
    /// The integration.
    pub(crate) name: String,
}

#[derive(Debug, Args)]
pub(crate) struct Ingest {
    #[command(flatten)]
    pub(crate) only: Name,
    /// Ends after so many images.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) max: Option<u64>,
    /// Ends when nothing waits and nobody has an image in hand any more.
    #[arg(long)]
    pub(crate) until_idle: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Pools {
    /// Your own table of addresses, TOML or, where its name ends in .json, JSON.
    #[arg(long, value_name = "FILE")]
    pub(crate) pools: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct Allowlist {
    #[command(flatten)]
    pub(crate) only: Name,
    /// A region by its id or name, in place of an integration; no configuration is needed.
    #[arg(long, value_name = "ID", conflicts_with = "name")]
    pub(crate) region: Option<String>,
    /// The network over which a registry in that region is reached; public unless given.
    #[arg(long, value_enum, requires = "region")]
    pub(crate) network: Option<Network>,
    /// The registry's port in that region; 443 unless given.
    #[arg(long, requires = "region")]
    pub(crate) port: Option<NonZeroU16>,
    /// list, json, nginx, iptables, nftables, firewalld or alibaba-cloud.
    #[arg(long, default_value_t = RuleFormat::List)]
    pub(crate) format: RuleFormat,
    #[command(flatten)]
    pub(crate) table: Pools,
    /// Tells whether this address is let in.
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) covers: Option<IpAddr>,
    /// Tells what is missing from this list of addresses and ranges.
    #[arg(long, value_name = "FILE")]
    pub(crate) have: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum Network {
    /// The Internet.
    Public,
    /// A virtual private cloud.
    Vpc,
}

#[derive(Debug, Args)]
pub(crate) struct Forwarding {
    /// The integration of the registry.
    pub(crate) name: String,
    /// The registry's server in the data centre; its port is the integration's unless given.
    #[arg(long, value_name = "ADDR[:PORT]")]
    pub(crate) server: ServerAddress,
    /// The port on which the forwarding machine listens; the integration's unless given.
    #[arg(long, value_name = "PORT")]
    pub(crate) listen: Option<NonZeroU16>,
    /// What forwards on that machine; all of them are shown unless given.
    #[arg(long, value_enum)]
    pub(crate) system: Option<ForwardingSystem>,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum ForwardingSystem {
    Firewalld,
    Iptables,
    Nftables,
    Windows,
}
