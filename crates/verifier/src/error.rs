//! What goes wrong in a verifier.

/// A failure of this node.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A flag or variable is wrong; the process ends with status 2.
    #[error("{message}")]
    Usage {
        /// What is wrong.
        message: String,
        /// What to do about it.
        hint: String,
    },
    /// Something outside did not work; the process ends with status 1.
    #[error("{message}")]
    Failed {
        /// What failed.
        message: String,
        /// What to do about it.
        hint: String,
    },
    /// Keys and files.
    #[error(transparent)]
    Daemon(#[from] ogong_daemon::Error),
    /// The transport.
    #[error(transparent)]
    Net(#[from] ogong_net::Error),
    /// The engine.
    #[error(transparent)]
    Engine(#[from] ogong_engine::Error),
    /// The chain.
    #[error(transparent)]
    Chain(#[from] ogong_settlement::Error),
}

impl Error {
    /// A wrong flag or variable.
    pub fn usage(message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self::Usage { message: message.into(), hint: hint.into() }
    }

    /// A failure with advice.
    pub fn failed(message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self::Failed { message: message.into(), hint: hint.into() }
    }

    /// What the operator can do, where there is something.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Usage { hint, .. } | Self::Failed { hint, .. } => Some(hint.clone()),
            Self::Daemon(err) => err.hint(),
            Self::Net(err) => err.hint(),
            Self::Chain(err) => err.hint().map(str::to_owned),
            _ => None,
        }
    }

    /// The error as a binary's `main` reports it: usage ends with status 2, everything else with 1.
    #[must_use]
    pub fn into_report(self) -> anyhow::Error {
        let (usage, hint) = (matches!(self, Self::Usage { .. }), self.hint());
        ogong_daemon::report(self, usage, hint)
    }
}
