//! The reply to a request that was not served.

/// Why a request was not served. Numbers are never reused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, prost::Enumeration)]
#[repr(i32)]
pub enum ErrorCode {
    /// A code this version does not know.
    Unknown = 0,
    /// The frame ended early, was too long, or its body is not the message it says.
    BadFrame = 1,
    /// The frame number is not known or is no request.
    UnknownKind = 2,
    /// The node does not serve this request in its role.
    Unsupported = 3,
    /// A field has the wrong form.
    Malformed = 4,
    /// A signature or a binding does not hold.
    Unverified = 5,
    /// The peer may not ask this.
    Forbidden = 6,
    /// The thing named is not here.
    NotFound = 7,
    /// No live offer passes the filters.
    NoMatch = 8,
    /// Contradicts something already accepted (equivocation, a second verdict).
    Conflict = 9,
    /// The evidence does not lead the peer to the same decision.
    Disagree = 10,
    /// Too many requests, or no free slot; try again later.
    Busy = 11,
    /// Something this node needs (chain, engine, peers) is not reachable; try again later.
    Unavailable = 12,
    /// Took longer than the node allows.
    Timeout = 13,
    /// A fault of this node.
    Internal = 14,
    /// Too late or too early by the deadlines of SPEC 6.
    Expired = 15,
}

impl ErrorCode {
    /// Whether the same request may succeed later without any change.
    pub fn is_transient(self) -> bool {
        matches!(self, Self::Busy | Self::Unavailable | Self::Timeout)
    }
}

/// A refusal, with what to do about it.
#[derive(Clone, PartialEq, prost::Message)]
pub struct ErrorReply {
    /// An [`ErrorCode`]; read it with `code()`.
    #[prost(enumeration = "ErrorCode", tag = "1")]
    pub code: i32,
    /// Lower case, without a full stop.
    #[prost(string, tag = "2")]
    pub message: String,
    /// What can be done; may be empty.
    #[prost(string, tag = "3")]
    pub hint: String,
}

impl ErrorReply {
    /// A refusal with a hint. Pass an empty hint only where there is nothing to be done.
    pub fn new(code: ErrorCode, message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { code: code.into(), message: message.into(), hint: hint.into() }
    }

    /// A field of a request that has the wrong form.
    pub fn malformed(field: &str, why: impl std::fmt::Display) -> Self {
        Self::new(
            ErrorCode::Malformed,
            format!("field {field}: {why}"),
            "check that both nodes speak the same protocol version",
        )
    }

    /// A request this node does not serve in its role.
    pub fn unsupported(what: impl std::fmt::Display, role: &str) -> Self {
        Self::new(
            ErrorCode::Unsupported,
            format!("a {role} does not serve {what}"),
            "check that the address and the pinned certificate belong to the node you mean",
        )
    }

    /// A fault of this node; details belong in its own log.
    pub fn internal(message: impl Into<String>) -> Self {
        Self::new(ErrorCode::Internal, message, "the peer's log says more; try again later")
    }
}

impl std::fmt::Display for ErrorReply {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.message)
    }
}

impl std::error::Error for ErrorReply {}
