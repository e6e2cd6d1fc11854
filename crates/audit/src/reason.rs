//! Why an outcome is what it is: stable numbers for verdicts, stable names for people, and what each reason proves.

use std::fmt;

use crate::Check;

/// What stands behind a reason, and so what follows from it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Proof {
    /// Nothing is wrong.
    Clean,
    /// Bytes the provider signed contradict the order or each other: final, provable to anybody.
    Signed,
    /// What the provider delivered, or failed to, contradicts what it signed: final, but a peer asks the provider itself
    /// before it believes the handler.
    Delivered,
    /// A verifier's word against the provider's: needs a second one (SPEC 5.6).
    Scored,
    /// The verifier is at fault; never held against the provider.
    Verifier,
    /// The evidence is incomplete or was not put together by the rules; nobody is charged.
    Procedure,
}

macro_rules! reasons {
    ($($(#[$doc:meta])* $name:ident = $number:literal, $text:literal, $check:expr, $proof:ident;)*) => {
        /// Reason of an outcome.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[repr(u16)]
        #[non_exhaustive]
        pub enum Reason { $($(#[$doc])* $name = $number,)* }

        impl Reason {
            /// All reasons, ascending by number.
            pub const ALL: &[Reason] = &[$(Reason::$name),*];

            /// The reason of a number.
            pub fn from_number(number: u16) -> Option<Self> {
                match number { $($number => Some(Self::$name),)* _ => None }
            }

            /// The number that stands in a verdict.
            pub const fn number(self) -> u16 {
                self as u16
            }

            /// The name people and programs read as `caught_by`.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$name => $text,)* }
            }

            /// The check that gives this reason.
            pub const fn check(self) -> Option<Check> {
                match self { $(Self::$name => $check,)* }
            }

            /// What stands behind it.
            pub const fn proof(self) -> Proof {
                match self { $(Self::$name => Proof::$proof,)* }
            }
        }
    };
}

reasons! {
    /// Nothing is wrong.
    None = 0, "none", None, Clean;

    /// The session key's signature over the order does not verify.
    OrderSignature = 101, "order_signature", Some(Check::OrderSignature), Delivered;
    /// The order is for another network or program.
    OrderNetwork = 102, "order_network", Some(Check::OrderTerms), Signed;
    /// The record is not signed by the ordered provider, so it proves nothing about it.
    RecordSignature = 103, "record_signature", Some(Check::RecordSignature), Procedure;
    /// The record answers another order.
    RecordReplyId = 104, "record_reply_id", Some(Check::RecordBinding), Delivered;
    /// The record ends before it starts.
    RecordTimes = 105, "record_times", Some(Check::RecordBinding), Signed;
    /// The ordered model root is not the catalogue's.
    Catalogue = 106, "catalogue", Some(Check::Catalogue), Signed;
    /// The record's model root is not the ordered one.
    ModelRoot = 107, "model_root", Some(Check::Catalogue), Signed;
    /// The record names another request.
    ReqHash = 108, "req_hash", Some(Check::Request), Signed;
    /// The body is not the one that was ordered.
    Body = 109, "body", Some(Check::Request), Delivered;
    /// Ids and text do not hash to the recorded response.
    RespHash = 110, "resp_hash", Some(Check::Response), Delivered;
    /// No tokens, more than ordered, or another number than there are ids.
    TokenCount = 111, "token_count", Some(Check::TokenCount), Signed;
    /// Two records for one reply.
    Equivocation = 112, "equivocation", Some(Check::Equivocation), Signed;
    /// The record came after the order's deadline.
    Late = 113, "late", Some(Check::Receipt), Procedure;
    /// The receipt is not a registered validator's, or is for another record or round.
    Receipt = 114, "receipt", Some(Check::Receipt), Procedure;
    /// The round's proof does not verify.
    Beacon = 115, "beacon", Some(Check::Beacon), Procedure;
    /// Selection rate, windows or a verifier are not the drawn ones.
    Draw = 116, "draw", Some(Check::Draw), Procedure;

    /// The provider did not open its leaves in time.
    NoOpening = 201, "no_opening", Some(Check::Opening), Delivered;
    /// The evidence does not hold exactly the drawn leaves.
    Openings = 202, "openings", Some(Check::Opening), Procedure;
    /// An opened leaf is not under the signed root, or the tree has another size.
    Merkle = 203, "merkle", Some(Check::Merkle), Delivered;

    /// The header leaf is not the one encoding of a header with the network's constants.
    HeaderFormat = 301, "header_format", Some(Check::Header), Signed;
    /// The header counts other tokens than the record.
    HeaderTokens = 302, "header_tokens", Some(Check::Header), Signed;
    /// The sampling parameters are not the request's.
    HeaderParams = 303, "header_params", Some(Check::Header), Signed;
    /// The request asks for what committed replies cannot give.
    RequestRefused = 304, "request_refused", Some(Check::Header), Signed;
    /// Prompt and answer are longer than the ordered context.
    Context = 305, "context", Some(Check::Header), Signed;
    /// The stop reason does not follow from counts and stop strings.
    StopReason = 306, "stop_reason", Some(Check::Stop), Signed;
    /// The text runs past a stop string.
    StopString = 307, "stop_string", Some(Check::Stop), Signed;
    /// The end token stands elsewhere than the stop reason says, by the verifier's word.
    EndToken = 308, "end_token", Some(Check::Stop), Scored;
    /// The prompt has another length, by the verifier's word.
    PromptCount = 309, "prompt_count", Some(Check::Prompt), Scored;
    /// The prompt has other ids, by the verifier's word.
    PromptIds = 310, "prompt_ids", Some(Check::Prompt), Scored;
    /// The ids spell another text, by the verifier's word.
    RawText = 311, "raw_text", Some(Check::RawText), Scored;

    /// A window leaf is not the one encoding of its window.
    LeafFormat = 401, "leaf_format", Some(Check::Leaves), Signed;
    /// A window leaf holds other ids than the response.
    LeafIds = 402, "leaf_ids", Some(Check::Leaves), Signed;
    /// A digest is unordered, has duplicates, or a mass that cannot be.
    DigestForm = 403, "digest_form", Some(Check::Form), Signed;
    /// A sketch holds a number that is not finite.
    SketchForm = 404, "sketch_form", Some(Check::Form), Signed;
    /// The committed numbers do not give the committed token.
    Replay = 405, "replay", Some(Check::Replay), Signed;

    /// Hidden states differ.
    SketchL2 = 501, "sketch_l2", Some(Check::SketchL2), Scored;
    /// Distributions differ over a window.
    Ks = 502, "ks", Some(Check::Ks), Scored;
    /// Distributions differ at one position.
    KsPosition = 503, "ks_position", Some(Check::KsPosition), Scored;
    /// The tokens are not what the verifier's own numbers draw.
    MarginMean = 504, "margin_mean", Some(Check::MarginMean), Scored;
    /// One token is not what the verifier's own numbers draw.
    MarginPosition = 505, "margin_position", Some(Check::MarginPosition), Scored;
    /// The recomputed leaf is another one.
    ExactLeaf = 506, "exact_leaf", Some(Check::ExactLeaf), Scored;

    /// The report's signature does not verify, or is another node's.
    ReportSignature = 601, "report_signature", Some(Check::Report), Verifier;
    /// The report answers another job.
    ReportJob = 602, "report_job", Some(Check::Report), Verifier;
    /// The report's windows or lists have the wrong shape.
    ReportShape = 603, "report_shape", Some(Check::Report), Verifier;
    /// The report holds numbers that cannot be.
    ReportNumbers = 604, "report_numbers", Some(Check::Report), Verifier;
    /// The report has no hidden states, and such reports are not accepted here.
    LogprobsOnly = 605, "logprobs_only", Some(Check::Report), Verifier;
    /// No verifier reported.
    NoReport = 606, "no_report", None, Procedure;
    /// Verifiers disagree and no further one can be asked.
    Split = 607, "split", None, Procedure;
    /// An operator decided by hand.
    Manual = 701, "manual", None, Procedure;
}

impl Reason {
    /// True if a reject for this reason needs no second opinion.
    pub const fn is_final(self) -> bool {
        matches!(self.proof(), Proof::Signed | Proof::Delivered)
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_names_are_unique() {
        let mut names = std::collections::BTreeSet::new();
        for &reason in Reason::ALL {
            assert_eq!(Reason::from_number(reason.number()), Some(reason));
            assert!(names.insert(reason.name()), "{reason} stands twice");
        }
        assert!(Reason::ALL.is_sorted_by_key(|reason| reason.number()));
        assert_eq!(Reason::from_number(9_999), None);
    }

    #[test]
    fn only_the_providers_own_faults_are_final() {
        assert!(Reason::Replay.is_final() && Reason::NoOpening.is_final());
        for reason in [Reason::SketchL2, Reason::ReportJob, Reason::Beacon, Reason::None] {
            assert!(!reason.is_final(), "{reason}");
        }
    }
}
