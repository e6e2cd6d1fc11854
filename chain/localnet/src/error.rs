//! What can go wrong when the development chain starts, each with what to do about it.

use std::path::PathBuf;

/// Failure to bring the development chain up or to keep it up.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// This build carries no program and none was named.
    #[error("this build of ogong-localnet carries no program")]
    NoProgram,
    /// The named file cannot be read.
    #[error("cannot read {path}")]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The file is not a program the chain can load.
    #[error("{name} is not an ELF file ({bytes} bytes)")]
    NotElf {
        /// Where the bytes came from.
        name: String,
        /// How many there were.
        bytes: usize,
    },
    /// A port is taken or may not be used.
    #[error("cannot listen on {address}")]
    Port {
        /// The address asked for.
        address: String,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The embedded validator refused to start.
    #[error("the embedded validator did not start: {0}")]
    Start(String),
    /// The embedded validator refused the program.
    #[error("the program could not be deployed: {0}")]
    Deploy(String),
    /// The embedded validator ended by itself.
    #[error("the embedded validator ended: {0}")]
    Ended(String),
    /// The ledger cannot be read or written.
    #[error("cannot use the ledger at {path}")]
    Ledger {
        /// Its directory or a file of it.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// Another process has the ledger open.
    #[error("another chain uses this ledger: {path} is locked")]
    LedgerInUse {
        /// The lock file.
        path: PathBuf,
    },
    /// The ledger holds something that no chain wrote.
    #[error("the ledger {path} is damaged at line {line}: {why}")]
    LedgerDamaged {
        /// Its directory or file.
        path: PathBuf,
        /// Line of the journal, from 1; 0 when a row of it is meant.
        line: usize,
        /// What is wrong.
        why: String,
    },
    /// The ready file or standard output cannot be written.
    #[error("cannot announce readiness at {target}")]
    Announce {
        /// The file, or `stdout`.
        target: String,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The process could not listen for signals or start its runtime.
    #[error("cannot set the process up")]
    Process(#[source] std::io::Error),
}

impl Error {
    /// What the user can do about it.
    pub fn hint(&self) -> &'static str {
        match self {
            Error::NoProgram | Error::NotElf { .. } | Error::Deploy(_) => {
                "build the program with `cargo xtask chain`, or name one with --program PATH"
            }
            Error::Read { .. } => "check the path given to --program",
            Error::Port { .. } => {
                "another chain may be running: choose other ports with --rpc-port and --ws-port, or 0 for free ones"
            }
            Error::Ledger { .. } => "check that --ledger names a writable directory and that its disk is not full",
            Error::LedgerInUse { .. } => "end the other ogong-localnet, or name another directory with --ledger",
            Error::LedgerDamaged { .. } => "move the directory away to start a new chain",
            Error::Announce { .. } => "check that the directory of --ready-file exists and is writable",
            Error::Start(_) | Error::Ended(_) | Error::Process(_) => {
                "run again with RUST_LOG=debug and read the log on stderr"
            }
        }
    }
}
