//! What can go wrong between a daemon and its engine.

use std::path::PathBuf;

/// An engine could not be started, reached or understood.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The engine did not answer.
    #[error("engine at {url} cannot be reached; hint: is it running, and is the address right?")]
    Unreachable {
        /// The address asked.
        url: String,
        /// Why.
        #[source]
        source: reqwest::Error,
    },
    /// The engine answered with an error.
    #[error("engine answered {status}: {message}")]
    Refused {
        /// HTTP status.
        status: u16,
        /// The engine's own words, or the start of its body.
        message: String,
    },
    /// The answer was longer than the bound.
    #[error("engine answer is longer than {limit} bytes")]
    TooLong {
        /// The bound.
        limit: usize,
    },
    /// The answer is not what the wire types say.
    #[error("engine answer is malformed: {what}")]
    Malformed {
        /// Which part.
        what: String,
    },
    /// The engine program could not be started.
    #[error("cannot start {program}; hint: build it with `cargo build -p ogong-text`, or name it with OGONG_TEXT_SERVER", program = .program.display())]
    Spawn {
        /// The program tried.
        program: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The engine's log file could not be opened.
    #[error("cannot open the engine's log {path}", path = .path.display())]
    Log {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The engine ended before it served.
    #[error("engine ended while starting ({status}): {tail}; hint: see {log}", log = .log.display())]
    Exited {
        /// How it ended.
        status: String,
        /// The end of its log.
        tail: String,
        /// The log file.
        log: PathBuf,
    },
    /// The engine did not become healthy in time.
    #[error("engine was not ready after {seconds} s; hint: see {log}", log = .log.display())]
    NotReady {
        /// How long it had.
        seconds: u64,
        /// The log file.
        log: PathBuf,
    },
}

impl Error {
    /// Whether the engine itself refused the request (so that asking again would not help).
    pub fn is_refusal(&self) -> bool {
        matches!(self, Self::Refused { status, .. } if (400..500).contains(status))
    }
}
