//! What the program is called with.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

/// Connects container registries to an image scanner.
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
    /// How to write what is found.
    #[arg(long, global = true, value_enum, default_value_t)]
    pub(crate) output: Format,
    #[command(subcommand)]
    pub(crate) command: Option<Command>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub(crate) enum Format {
    /// For people.
    #[default]
    Text,
    /// One JSON object a line.
    Json,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Proves each step of an integration and says what to do about the one that fails.
    Verify(Name),
    /// Lists every image straight from the registry.
    List(Name),
}

#[derive(Debug, Args)]
pub(crate) struct Name {
    /// The integration; all of them in order unless given.
    pub(crate) name: Option<String>,
}
