//! Logs: `tracing` to stderr, text or JSON lines. What is logged comes from OGONG_LOG, else RUST_LOG, else `info`.

use std::io::IsTerminal;
use tracing_subscriber::{EnvFilter, fmt, prelude::*};

/// Without a filter of the operator's: our own life, and from the libraries what is odd.
const DEFAULT_FILTER: &str = "info,quinn=warn,quinn_proto=warn,rustls=warn,hyper=warn,reqwest=warn";

/// The same for commands that a person looks at.
const QUIET_FILTER: &str = "warn";

/// Installs the subscriber. A second call in one process leaves the first in place.
pub fn init(json: bool, quiet: bool) {
    let (filter, complaint) = filter(if quiet { QUIET_FILTER } else { DEFAULT_FILTER });
    let registry = tracing_subscriber::registry().with(filter);
    let layer = fmt::layer().with_writer(std::io::stderr);
    let installed = if json {
        registry.with(layer.json()).try_init()
    } else {
        registry.with(layer.with_ansi(std::io::stderr().is_terminal())).try_init()
    };
    if installed.is_ok()
        && let Some(complaint) = complaint
    {
        tracing::warn!("{complaint}");
    }
}

/// The operator's filter, or the default with what was wrong with the operator's.
fn filter(default: &str) -> (EnvFilter, Option<String>) {
    for variable in ["OGONG_LOG", "RUST_LOG"] {
        match std::env::var(variable) {
            Ok(text) if !text.is_empty() => match EnvFilter::try_new(&text) {
                Ok(filter) => return (filter, None),
                Err(error) => {
                    let complaint = format!("{variable} is no log filter: {error}");
                    return (EnvFilter::new(default), Some(complaint));
                }
            },
            _ => {}
        }
    }
    (EnvFilter::new(default), None)
}
