//! What goes wrong in a validator, and what it answers to peers that ask for what it will not do.

use ogong_net::wire::{ErrorCode, ErrorReply};

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
    /// Keys, store or files.
    #[error(transparent)]
    Daemon(#[from] ogong_daemon::Error),
    /// The transport.
    #[error(transparent)]
    Net(#[from] ogong_net::Error),
    /// The chain.
    #[error(transparent)]
    Chain(#[from] ogong_settlement::Error),
    /// A registry that no validator can work with.
    #[error("the registry is not usable: {0}")]
    Registry(String),
    /// A stored value that does not read back.
    #[error("the store holds bytes that are not what they should be: {0}")]
    Stored(#[from] ogong_base::codec::DecodeError),
    /// The audit could not be carried out on this input.
    #[error("the audit could not be carried out: {0}")]
    Audit(String),
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

/// A refusal to a peer: its code, a message, a hint.
pub fn refusal(code: ErrorCode, message: impl Into<String>, hint: impl Into<String>) -> ErrorReply {
    ErrorReply::new(code, message, hint)
}

/// What a peer hears when the chain does not answer this node.
pub fn chain_refusal(err: &ogong_settlement::Error) -> ErrorReply {
    if err.is_transient() {
        refusal(ErrorCode::Unavailable, err.to_string(), "this validator cannot read the chain now; try again later")
    } else {
        refusal(ErrorCode::Internal, err.to_string(), "the validator's log says more")
    }
}
