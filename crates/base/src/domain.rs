//! Every domain tag of the protocol (SPEC §0): nothing is hashed or signed without one, so bytes of one purpose can
//! never pass for bytes of another.

/// A registered domain tag, `ogong/v1/<crate>/<purpose>`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Tag(&'static str);

impl Tag {
    /// The tag's text.
    pub const fn as_str(self) -> &'static str {
        self.0
    }
}

macro_rules! tags {
    ($($(#[$doc:meta])* $name:ident = $text:literal;)*) => {
        $($(#[$doc])* pub const $name: Tag = Tag($text);)*

        /// All tags, for the registry's own test and for the documentation.
        pub const ALL: &[Tag] = &[$($name),*];
    };
}

tags! {
    /// Node id of a hybrid public key (SPEC 1.1).
    NODE_ID = "ogong/v1/base/node-id";
    /// Model root over file hashes (SPEC 1.5).
    MODEL_ROOT = "ogong/v1/base/model-root";
    /// Numeric class (SPEC 1.6).
    CLASS = "ogong/v1/base/class";
    /// Network id of a network's name (SPEC 1.7).
    NETWORK = "ogong/v1/base/network";
    /// Frozen request body (SPEC 2.1).
    REQUEST = "ogong/v1/commitment/request";
    /// Session key's signature over an order (SPEC 2.2).
    ORDER = "ogong/v1/commitment/order";
    /// Reply id of an order (SPEC 2.2).
    REPLY_ID = "ogong/v1/commitment/reply-id";
    /// Sampling seed (SPEC 2.3).
    SEED = "ogong/v1/commitment/seed";
    /// Response hash (SPEC 2.5).
    RESPONSE = "ogong/v1/commitment/response";
    /// Prompt ids (SPEC 3.2).
    PROMPT_IDS = "ogong/v1/commitment/prompt-ids";
    /// Sketch bank bits (SPEC 3.5).
    BANK = "ogong/v1/commitment/bank";
    /// Signature over a record (SPEC 3.9).
    RECORD = "ogong/v1/commitment/record";
    /// Hash of a record (SPEC 3.9).
    RECORD_HASH = "ogong/v1/commitment/record-hash";
    /// Sampler coin (SPEC 4.3).
    COIN = "ogong/v1/commitment/coin";
    /// Round message of the beacon (SPEC 5.2).
    BEACON_ROUND = "ogong/v1/beacon/round";
    /// Aggregate of a round's outputs (SPEC 5.2).
    BEACON_AGGREGATE = "ogong/v1/beacon/aggregate";
    /// Validator's receipt for a record (SPEC 5.1).
    RECEIPT = "ogong/v1/audit/receipt";
    /// Draw: is the record audited (SPEC 5.3).
    DRAW_SELECT = "ogong/v1/audit/draw-select";
    /// Draw: first verifier (SPEC 5.3).
    DRAW_VERIFIER = "ogong/v1/audit/draw-verifier";
    /// Draw: second verifier (SPEC 5.3).
    DRAW_SECOND = "ogong/v1/audit/draw-second";
    /// Draw: windows to open (SPEC 5.3).
    DRAW_WINDOWS = "ogong/v1/audit/draw-windows";
    /// Verifier's signed report (SPEC 5.4).
    REPORT = "ogong/v1/audit/report";
    /// Hash of a report, as a verdict lists it (SPEC 5.7).
    REPORT_HASH = "ogong/v1/audit/report-hash";
    /// Job a report answers (SPEC 5.4).
    JOB = "ogong/v1/audit/job";
    /// Verdict (SPEC 5.7).
    VERDICT = "ogong/v1/audit/verdict";
    /// A provider's or verifier's announcement to the validators.
    ANNOUNCEMENT = "ogong/v1/audit/announcement";
    /// An operator's verdict by hand.
    MANUAL_VERDICT = "ogong/v1/audit/manual-verdict";
    /// A provider's registration with a router.
    UPSERT = "ogong/v1/net/upsert";
    /// A provider's sign of life to a router.
    HEARTBEAT = "ogong/v1/net/heartbeat";
    /// Settlement digest (SPEC 9.3).
    SETTLE = "ogong/v1/settlement/settle";
    /// Hybrid co-signature beside the transaction's (SPEC 9.4).
    COSIGN = "ogong/v1/settlement/cosign";
    /// Verifier's word on a job, for the chain (SPEC 9.12).
    WORD = "ogong/v1/audit/word";
    /// Commitment to a planted audit (SPEC 9.12).
    HONEYPOT = "ogong/v1/audit/honeypot";
    /// Router's answer to a query, for the chain (SPEC 9.12).
    ROUTE = "ogong/v1/net/route";
    /// Draw: is a provider challenged (SPEC 9.13).
    DRAW_LIVENESS = "ogong/v1/audit/draw-liveness";
    /// Provider's answer to a challenge (SPEC 9.13).
    LIVENESS = "ogong/v1/audit/liveness";
    /// What a quorum approves to slash (SPEC 9.12).
    SLASH = "ogong/v1/settlement/slash";
    /// What a quorum approves of an epoch's emission (SPEC 9.13).
    EMISSION = "ogong/v1/settlement/emission";
    /// What a quorum approves of a liveness answer (SPEC 9.13).
    LIVENESS_RECORD = "ogong/v1/settlement/liveness";
    /// Order of handlers (SPEC 9.7).
    HANDLER = "ogong/v1/settlement/handler";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_are_unique_and_well_formed() {
        let mut seen = std::collections::BTreeSet::new();
        for tag in ALL {
            assert!(seen.insert(tag.as_str()), "{} is registered twice", tag.as_str());
            let parts: Vec<_> = tag.as_str().split('/').collect();
            assert_eq!(parts.len(), 4, "{}", tag.as_str());
            assert_eq!(&parts[..2], ["ogong", "v1"]);
            assert!(
                parts[2..].iter().all(|p| { !p.is_empty() && p.bytes().all(|b| b.is_ascii_lowercase() || b == b'-') })
            );
        }
    }
}
