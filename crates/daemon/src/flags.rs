//! Flags every binary has; flatten them into its `cli.rs`.

use std::path::PathBuf;

/// How to log.
#[derive(Clone, Debug, Default, clap::Args)]
pub struct TelemetryFlags {
    /// Log JSON lines to stderr instead of text. What is logged comes from OGONG_LOG or RUST_LOG.
    #[arg(long, global = true, env = "OGONG_LOG_JSON", value_parser = clap::builder::FalseyValueParser::new(), action = clap::ArgAction::SetTrue)]
    pub log_json: bool,
    /// Log only trouble unless the operator's filter says otherwise: a person looks at the terminal.
    #[arg(skip)]
    pub quiet: bool,
}

/// Where the process keeps its data.
#[derive(Clone, Debug, Default, clap::Args)]
pub struct HomeFlag {
    /// Data directory [default: ~/.ogong-provider for a provider, ~/.ogong/<role> for the others].
    #[arg(long, global = true, env = "OGONG_HOME", value_name = "DIR")]
    pub home: Option<PathBuf>,
}

impl HomeFlag {
    /// The data directory of this role, made if it is not there.
    ///
    /// # Errors
    /// As [`crate::home::resolve`].
    pub fn resolve(&self, role: crate::Role) -> Result<PathBuf, crate::Error> {
        crate::home::resolve(role, self.home.as_deref())
    }
}
