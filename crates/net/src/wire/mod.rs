//! The messages nodes exchange, one file a conversation, and the table of all frame numbers.
//!
//! A request travels on its own bidirectional stream: `u16 kind ‖ u32 length ‖ body`, little-endian, then the stream is finished; replies look the same.
//! Bodies are protobuf. Whatever is signed travels inside as opaque bytes exactly as it was signed, so nothing is encoded again before it is verified.
//!
//! Each kind states the longest body it may have. A reader refuses a longer one before it reads it.

pub mod announce;
pub mod audit;
pub mod beacon;
pub mod cosign;
pub mod error;
pub mod opening;
pub mod record;
pub mod router;
pub mod status;
pub mod verdict;

use ogong_base::codec::Decode;
use prost::Message;

pub use announce::{Announce, AnnounceReply};
pub use audit::{ScoreJob, SignedReport};
pub use beacon::{RoundShare, RoundShareReply, RoundShareRequest};
pub use cosign::{BatchCase, BatchReply, BatchRequest, CosignReply, CosignRequest, EmissionReply, EmissionRequest};
pub use error::{ErrorCode, ErrorReply};
pub use opening::{LeafOpening, Material, MaterialRequest, OpeningRequest, Openings};
pub use record::{PushRecord, ReceiptReply};
pub use router::{
    Forward, ForwardChunk, ForwardEnd, ForwardHead, Heartbeat, HeartbeatReply, HttpHeader, ModelSummary, Models,
    ModelsReply, Report, ReportReply, Route, RouteOutcome, RouteReply, Upsert, UpsertReply, Withdraw, WithdrawReply,
};
pub use status::{Payee, PeerStatus, ReplyStatus, ReplyStatusRequest, Status, StatusRequest};
pub use verdict::{ManualVerdict, ManualVerdictReply};

/// Bytes before the body: kind and length.
pub const FRAME_HEADER_BYTES: usize = 6;

pub use ogong_base::params::FRAME_BYTES_MAX;

/// Longest body of a frame that holds a few keys, signatures and numbers. A hybrid signature with its public key is under 4 KiB.
const SMALL: usize = 64 << 10;

const _: () = assert!(SMALL < FRAME_BYTES_MAX && FRAME_BYTES_MAX < 1 << 31);

/// A request that knows what answers it.
pub trait Ask: Into<Request> {
    /// The message that answers.
    type Reply: TryFrom<Response, Error = Response>;
}

/// Decodes a typed value out of an opaque field of a request.
///
/// # Errors
/// [`ErrorCode::Malformed`], naming the field, ready to be sent back.
pub fn field<T: Decode>(name: &str, bytes: &[u8]) -> Result<T, ErrorReply> {
    T::from_bytes(bytes).map_err(|error| ErrorReply::malformed(name, error))
}

macro_rules! frames {
    (
        requests { $( $(#[$qdoc:meta])* $query:ident = $qnum:literal, $qmax:expr => $reply:ident; )* }
        responses { $( $(#[$sdoc:meta])* $answer:ident = $snum:literal, $smax:expr; )* }
    ) => {
        /// Every frame number. Numbers are never reused; 0x0000 is the error reply.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[repr(u16)]
        pub enum Kind {
            $( $(#[$qdoc])* $query = $qnum, )*
            $( $(#[$sdoc])* $answer = $snum, )*
        }

        impl Kind {
            /// All kinds, requests first.
            pub const ALL: &[Kind] = &[ $( Kind::$query, )* $( Kind::$answer, )* ];

            /// The kind of a frame number, if this version knows it.
            pub fn from_number(number: u16) -> Option<Self> {
                match number {
                    $( $qnum => Some(Self::$query), )*
                    $( $snum => Some(Self::$answer), )*
                    _ => None,
                }
            }

            /// The frame number.
            pub fn number(self) -> u16 {
                match self {
                    $( Self::$query => $qnum, )*
                    $( Self::$answer => $snum, )*
                }
            }

            /// Longest body in bytes.
            pub fn bytes_max(self) -> usize {
                match self {
                    $( Self::$query => $qmax, )*
                    $( Self::$answer => $smax, )*
                }
            }

            /// Whether frames of this kind open a stream.
            pub fn is_request(self) -> bool {
                matches!(self, $( Self::$query )|*)
            }

            /// The message's name.
            pub fn name(self) -> &'static str {
                match self {
                    $( Self::$query => stringify!($query), )*
                    $( Self::$answer => stringify!($answer), )*
                }
            }
        }

        impl std::fmt::Display for Kind {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.name())
            }
        }

        /// What a stream opens with.
        #[derive(Clone, Debug, PartialEq)]
        pub enum Request { $( $(#[$qdoc])* $query($query), )* }

        impl Request {
            /// The frame's kind.
            pub fn kind(&self) -> Kind {
                match self { $( Self::$query(_) => Kind::$query, )* }
            }

            pub(crate) fn body(&self) -> Vec<u8> {
                match self { $( Self::$query(message) => message.encode_to_vec(), )* }
            }

            /// Decodes a body. `None` when the kind is no request.
            pub(crate) fn decode(kind: Kind, body: &[u8]) -> Option<Result<Self, prost::DecodeError>> {
                match kind {
                    $( Kind::$query => Some($query::decode(body).map(Self::$query)), )*
                    _ => None,
                }
            }
        }

        /// What answers a request.
        #[derive(Clone, Debug, PartialEq)]
        pub enum Response { $( $(#[$sdoc])* $answer($answer), )* }

        impl Response {
            /// The frame's kind.
            pub fn kind(&self) -> Kind {
                match self { $( Self::$answer(_) => Kind::$answer, )* }
            }

            pub(crate) fn body(&self) -> Vec<u8> {
                match self { $( Self::$answer(message) => message.encode_to_vec(), )* }
            }

            /// Decodes a body. `None` when the kind is no response.
            pub(crate) fn decode(kind: Kind, body: &[u8]) -> Option<Result<Self, prost::DecodeError>> {
                match kind {
                    $( Kind::$answer => Some($answer::decode(body).map(Self::$answer)), )*
                    _ => None,
                }
            }
        }

        $(
            impl From<$query> for Request {
                fn from(message: $query) -> Self { Self::$query(message) }
            }
            impl Ask for $query { type Reply = $reply; }
        )*
        $(
            impl From<$answer> for Response {
                fn from(message: $answer) -> Self { Self::$answer(message) }
            }
            impl TryFrom<Response> for $answer {
                type Error = Response;
                fn try_from(response: Response) -> Result<Self, Response> {
                    match response {
                        Response::$answer(message) => Ok(message),
                        other => Err(other),
                    }
                }
            }
        )*
    };
}

frames! {
    requests {
        /// Provider to router: a signed offer.
        Upsert = 0x0101, SMALL => UpsertReply;
        /// Provider to router: alive.
        Heartbeat = 0x0103, SMALL => HeartbeatReply;
        /// Provider to router: the offer is withdrawn.
        Withdraw = 0x0105, SMALL => WithdrawReply;
        /// Gateway to router: one provider, please.
        Route = 0x0107, SMALL => RouteReply;
        /// Gateway to router: which models are there.
        Models = 0x0109, SMALL => ModelsReply;
        /// Gateway to router, router to provider: an HTTP request to pass on; answered by a stream.
        Forward = 0x010b, FRAME_BYTES_MAX => ForwardHead;
        /// Gateway to router: how a routed request went.
        Report = 0x0111, SMALL => ReportReply;
        /// Provider to validator: a record.
        PushRecord = 0x0201, SMALL => ReceiptReply;
        /// Provider or verifier to validator: who serves what.
        Announce = 0x0301, SMALL => AnnounceReply;
        /// Validator to provider: body, ids and header.
        MaterialRequest = 0x0401, SMALL => Material;
        /// Validator to provider: leaves by index.
        OpeningRequest = 0x0403, SMALL => Openings;
        /// Validator to verifier: a scoring job.
        ScoreJob = 0x0501, FRAME_BYTES_MAX => SignedReport;
        /// Validator to validator: the share of a beacon round.
        RoundShareRequest = 0x0601, SMALL => RoundShareReply;
        /// Validator to validator: decide again and co-sign.
        CosignRequest = 0x0701, FRAME_BYTES_MAX => CosignReply;
        /// Validator to validator: compute an epoch's emission again and approve it.
        EmissionRequest = 0x0703, SMALL => EmissionReply;
        /// Validator to validator: decide many replies again and co-sign their root.
        BatchRequest = 0x0705, FRAME_BYTES_MAX => BatchReply;
        /// Anyone to a node: how it stands.
        StatusRequest = 0x0801, SMALL => Status;
        /// Anyone to a validator: what became of a reply.
        ReplyStatusRequest = 0x0803, SMALL => ReplyStatus;
        /// Operator to its validator: a verdict by hand.
        ManualVerdict = 0x0901, SMALL => ManualVerdictReply;
    }
    responses {
        /// The request was not served.
        ErrorReply = 0x0000, SMALL;
        /// Answers [`Upsert`].
        UpsertReply = 0x0102, SMALL;
        /// Answers [`Heartbeat`].
        HeartbeatReply = 0x0104, SMALL;
        /// Answers [`Withdraw`].
        WithdrawReply = 0x0106, SMALL;
        /// Answers [`Route`].
        RouteReply = 0x0108, SMALL;
        /// Answers [`Models`].
        ModelsReply = 0x010a, FRAME_BYTES_MAX;
        /// Opens the answer to [`Forward`].
        ForwardHead = 0x010c, SMALL;
        /// Goes on with it.
        ForwardChunk = 0x010d, FRAME_BYTES_MAX;
        /// Ends it.
        ForwardEnd = 0x010e, SMALL;
        /// Answers [`Report`].
        ReportReply = 0x0112, SMALL;
        /// Answers [`PushRecord`].
        ReceiptReply = 0x0202, SMALL;
        /// Answers [`Announce`].
        AnnounceReply = 0x0302, SMALL;
        /// Answers [`MaterialRequest`].
        Material = 0x0402, FRAME_BYTES_MAX;
        /// Answers [`OpeningRequest`].
        Openings = 0x0404, FRAME_BYTES_MAX;
        /// Answers [`ScoreJob`].
        SignedReport = 0x0502, FRAME_BYTES_MAX;
        /// Answers [`RoundShareRequest`].
        RoundShareReply = 0x0602, SMALL;
        /// Answers [`CosignRequest`].
        CosignReply = 0x0702, SMALL;
        /// Answers [`EmissionRequest`].
        EmissionReply = 0x0704, SMALL;
        /// Answers [`BatchRequest`].
        BatchReply = 0x0706, FRAME_BYTES_MAX;
        /// Answers [`StatusRequest`].
        Status = 0x0802, SMALL;
        /// Answers [`ReplyStatusRequest`].
        ReplyStatus = 0x0804, FRAME_BYTES_MAX;
        /// Answers [`ManualVerdict`].
        ManualVerdictReply = 0x0902, SMALL;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_unique_and_lead_back() {
        let numbers: std::collections::BTreeSet<u16> = Kind::ALL.iter().map(|kind| kind.number()).collect();
        assert_eq!(numbers.len(), Kind::ALL.len());
        for kind in Kind::ALL {
            assert_eq!(Kind::from_number(kind.number()), Some(*kind));
            assert!(kind.bytes_max() <= FRAME_BYTES_MAX, "{kind} is too long");
        }
        assert_eq!(Kind::from_number(0xffff), None);
    }

    /// The numbers are part of the protocol: a change here is a change of version.
    #[test]
    fn numbers_are_frozen() {
        let table: Vec<String> = Kind::ALL.iter().map(|kind| format!("{kind}={:04x}", kind.number())).collect();
        assert_eq!(
            table.join(" "),
            "Upsert=0101 Heartbeat=0103 Withdraw=0105 Route=0107 Models=0109 Forward=010b Report=0111 \
             PushRecord=0201 Announce=0301 MaterialRequest=0401 OpeningRequest=0403 \
             ScoreJob=0501 RoundShareRequest=0601 CosignRequest=0701 EmissionRequest=0703 BatchRequest=0705 StatusRequest=0801 \
             ReplyStatusRequest=0803 ManualVerdict=0901 ErrorReply=0000 UpsertReply=0102 \
             HeartbeatReply=0104 WithdrawReply=0106 RouteReply=0108 ModelsReply=010a \
             ForwardHead=010c ForwardChunk=010d ForwardEnd=010e ReportReply=0112 ReceiptReply=0202 \
             AnnounceReply=0302 Material=0402 Openings=0404 SignedReport=0502 \
             RoundShareReply=0602 CosignReply=0702 EmissionReply=0704 BatchReply=0706 Status=0802 ReplyStatus=0804 \
             ManualVerdictReply=0902"
        );
    }

    #[test]
    fn a_message_survives_the_wire() {
        let push = PushRecord { record: vec![1, 2, 3], order: vec![4; 400], n_prompt: 77, ..Default::default() };
        let request = Request::from(push.clone());
        let decoded = Request::decode(request.kind(), &request.body());
        assert_eq!(decoded, Some(Ok(Request::PushRecord(push))));
    }

    #[test]
    fn a_response_is_no_request_and_back() {
        let body = Status::default().encode_to_vec();
        assert!(Request::decode(Kind::Status, &body).is_none());
        assert!(Response::decode(Kind::StatusRequest, &body).is_none());
        assert!(!Kind::Status.is_request() && Kind::StatusRequest.is_request());
    }

    #[test]
    fn an_unknown_error_code_reads_as_unknown() {
        let reply = ErrorReply { code: 4_000, message: "x".into(), hint: String::new() };
        assert_eq!(reply.code(), ErrorCode::Unknown);
        assert!(ErrorCode::Busy.is_transient() && !ErrorCode::Forbidden.is_transient());
    }
}
