//! Every check of an adjudication by number and name, and the set of those that are on.
//!
//! Numbers and names are stable: numbers stand in verdicts (SPEC 5.7), names in reports to people.

use std::fmt;

macro_rules! checks {
    ($($(#[$doc:meta])* $name:ident = $number:literal, $text:literal;)*) => {
        /// One check of SPEC 5.5, or one score with its limit.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[repr(u8)]
        pub enum Check { $($(#[$doc])* $name = $number,)* }

        impl Check {
            /// All checks, ascending by number.
            pub const ALL: &[Check] = &[$(Check::$name),*];

            /// The check of a number.
            pub fn from_number(number: u8) -> Option<Self> {
                match number { $($number => Some(Self::$name),)* _ => None }
            }

            /// The name people and programs read.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$name => $text,)* }
            }
        }
    };
}

checks! {
    /// The escrow's session key signed the order.
    OrderSignature = 1, "order_signature";
    /// The order names this network and program.
    OrderTerms = 2, "order_terms";
    /// The ordered provider's node key signed the record.
    RecordSignature = 3, "record_signature";
    /// The record answers this order.
    RecordBinding = 4, "record_binding";
    /// The model root is the catalogue's.
    Catalogue = 5, "catalogue";
    /// The request is the ordered one.
    Request = 6, "request";
    /// Ids and text are the recorded ones.
    Response = 7, "response";
    /// Token counts agree and are within the order.
    TokenCount = 8, "token_count";
    /// There is one record for the reply.
    Equivocation = 9, "equivocation";
    /// The receipt is a registered validator's and names the right round.
    Receipt = 10, "receipt";
    /// The beacon round verifies.
    Beacon = 11, "beacon";
    /// Selection, windows and verifiers are the drawn ones.
    Draw = 12, "draw";
    /// The drawn leaves were opened.
    Opening = 13, "opening";
    /// The opened leaves are under the signed root.
    Merkle = 14, "merkle";
    /// The header derives from order, request and record.
    Header = 15, "header";
    /// The stop reason derives from ids and text.
    Stop = 16, "stop";
    /// Window leaves hold the recorded ids.
    Leaves = 17, "leaves";
    /// Committed numbers are well formed.
    Form = 18, "form";
    /// The committed numbers give the committed tokens.
    Replay = 19, "replay";
    /// The verifier's report is signed, answers the job and is well formed.
    Report = 20, "report";
    /// Prompt count and hash are the verifier's.
    Prompt = 21, "prompt";
    /// The raw text is the verifier's.
    RawText = 22, "raw_text";
    /// Worst window's relative L2 distance of the sketches.
    SketchL2 = 32, "sketch_l2";
    /// Worst window's mean KS distance of the digests.
    Ks = 33, "ks";
    /// Worst position's KS distance.
    KsPosition = 34, "ks_position";
    /// Mean margin over the reply, millionths of a nat.
    MarginMean = 35, "margin_mean";
    /// Worst single margin, millionths of a nat.
    MarginPosition = 36, "margin_position";
    /// Share of audited windows whose recomputed leaf differs.
    ExactLeaf = 37, "exact_leaf";
}

impl fmt::Display for Check {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Which checks are on. All are, but where a test of an attack shows what one check is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CheckSet(u64);

impl CheckSet {
    /// Every check.
    pub const ALL: Self = Self(u64::MAX);

    /// The set without one check.
    #[must_use]
    pub const fn without(self, check: Check) -> Self {
        Self(self.0 & !(1 << check as u8))
    }

    /// True if the check is on.
    pub const fn has(self, check: Check) -> bool {
        self.0 & (1 << check as u8) != 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_names_are_unique_and_fit_the_set() {
        let mut names = std::collections::BTreeSet::new();
        for &check in Check::ALL {
            assert!((check as u8) < 64);
            assert_eq!(Check::from_number(check as u8), Some(check));
            assert!(names.insert(check.name()), "{check} stands twice");
            assert!(CheckSet::ALL.has(check));
            for &other in Check::ALL {
                assert_eq!(CheckSet::ALL.without(check).has(other), other != check);
            }
        }
        assert_eq!(Check::from_number(0), None);
    }
}
