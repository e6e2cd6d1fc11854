//! The outcome of an audit as bytes (SPEC 5.6, 5.7).

use ogong_base::codec::{Decode, DecodeError, Encode, Reader, Writer};
use ogong_base::domain;
use ogong_base::hash::{Hash32, NodeId, RecordHash, ReplyId, VerdictHash, tagged};
use ogong_base::params::VERSION;
use ogong_base::units::Round;

use crate::evidence::ATTEMPTS_MAX;
use crate::reason::{Proof, Reason};
use crate::selection::WINDOWS_MAX;
use crate::signed::version;
use crate::{Check, ReportHash};

/// What follows for the reply. Accept and NotSelected settle, nothing else.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Outcome {
    /// Audited and found right.
    Accept = 1,
    /// Not drawn for an audit.
    NotSelected = 2,
    /// Refunded; the provider is charged.
    Reject = 3,
    /// Not decided: more evidence, another verifier, or the deadline.
    Inconclusive = 4,
}

impl Outcome {
    /// True if the provider is paid.
    pub const fn settles(self) -> bool {
        matches!(self, Self::Accept | Self::NotSelected)
    }

    /// The name people and programs read.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Accept => "accept",
            Self::NotSelected => "not_selected",
            Self::Reject => "reject",
            Self::Inconclusive => "inconclusive",
        }
    }
}

/// Whose fault it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Culprit {
    /// Nobody's.
    None = 0,
    /// The provider's.
    Provider = 1,
    /// A verifier's.
    Verifier = 2,
}

/// What a reader of the verdict must know about how it came about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Marks(u8);

impl Marks {
    /// A lone validator made the round.
    pub const SOLO: Self = Self(1);
    /// The verifier was configured, not drawn.
    pub const PINNED: Self = Self(2);
    /// The round could be steered by leaving participants out.
    pub const BOOTSTRAP: Self = Self(4);
    /// A verifier reproduced the numbers bit for bit.
    pub const EXACT: Self = Self(8);

    /// Both.
    #[must_use]
    pub const fn with(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// `self` with `other` if it holds.
    #[must_use]
    pub const fn with_if(self, other: Self, holds: bool) -> Self {
        if holds { self.with(other) } else { self }
    }

    /// True if all of `other` is in it.
    pub const fn has(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// The byte of a verdict.
    pub const fn bits(self) -> u8 {
        self.0
    }
}

/// One measured number beside its limit, in millionths.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Score {
    /// What was measured.
    pub check: Check,
    /// The measurement; `u64::MAX` if it was no number.
    pub value_ppm: u64,
    /// What it may be at most.
    pub limit_ppm: u64,
}

impl Score {
    /// True if the number is within its limit.
    pub const fn holds(&self) -> bool {
        self.value_ppm <= self.limit_ppm
    }
}

/// The decision about one reply.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdict {
    /// The reply.
    pub reply_id: ReplyId,
    /// Its record.
    pub record_hash: RecordHash,
    /// What follows.
    pub outcome: Outcome,
    /// Why. An Inconclusive with a scored reason awaits a second verifier.
    pub reason: Reason,
    /// Whose fault.
    pub culprit: Culprit,
    /// The round that drew.
    pub round: Round,
    /// Its value.
    pub beacon: Hash32,
    /// How it came about.
    pub marks: Marks,
    /// The deciding report's numbers.
    pub scores: Vec<Score>,
    /// The audited windows.
    pub windows: Vec<u32>,
    /// Verifiers that reported, in the order they were drawn.
    pub verifiers: Vec<NodeId>,
    /// Their reports.
    pub reports: Vec<ReportHash>,
}

impl Verdict {
    /// `H("ogong/v1/audit/verdict", verdict)`.
    pub fn hash(&self) -> VerdictHash {
        VerdictHash::from_bytes(tagged(domain::VERDICT, &[&self.to_bytes()]))
    }

    /// An operator's word where no verifier could be asked: the decision's verdict with another end. It is marked pinned, for
    /// nobody was drawn.
    #[must_use]
    pub fn by_hand(mut self, accept: bool) -> Self {
        self.outcome = if accept { Outcome::Accept } else { Outcome::Reject };
        self.culprit = if accept { Culprit::None } else { Culprit::Provider };
        self.reason = Reason::Manual;
        self.marks = self.marks.with(Marks::PINNED);
        self
    }

    /// True if one verifier's numbers reject and another's are awaited.
    pub fn needs_confirmation(&self) -> bool {
        self.outcome == Outcome::Inconclusive && self.reason.proof() == Proof::Scored
    }

    /// The score of a check, if it was measured.
    pub fn score(&self, check: Check) -> Option<&Score> {
        self.scores.iter().find(|score| score.check == check)
    }

    /// The mean margin, for the sequential test.
    pub fn margin_mean_ppm(&self) -> Option<u64> {
        self.score(Check::MarginMean).map(|score| score.value_ppm)
    }
}

impl Encode for Score {
    fn encode(&self, w: &mut Writer) {
        w.u8(self.check as u8).u64(self.value_ppm).u64(self.limit_ppm);
    }
}

impl Decode for Score {
    fn decode(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let number = r.u8()?;
        let check = Check::from_number(number).ok_or_else(|| DecodeError::invalid("check", number))?;
        Ok(Self { check, value_ppm: r.u64()?, limit_ppm: r.u64()? })
    }
}

impl Encode for Verdict {
    fn encode(&self, w: &mut Writer) {
        w.u8(VERSION).put(&self.reply_id).put(&self.record_hash);
        w.u8(self.outcome as u8).u16(self.reason.number()).u8(self.culprit as u8);
        w.put(&self.round).put(&self.beacon).u8(self.marks.bits());
        w.list(&self.scores, |w, score| score.encode(w));
        w.list(&self.windows, |w, &window| {
            w.u32(window);
        });
        w.list(&self.verifiers, |w, id| id.encode(w));
        w.list(&self.reports, |w, hash| hash.encode(w));
    }
}

impl Decode for Verdict {
    fn decode(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        version(r, "verdict version")?;
        Ok(Self {
            reply_id: r.get()?,
            record_hash: r.get()?,
            outcome: outcome(r.u8()?)?,
            reason: reason(r.u16()?)?,
            culprit: culprit(r.u8()?)?,
            round: r.get()?,
            beacon: r.get()?,
            marks: marks(r.u8()?)?,
            scores: r.list(Check::ALL.len(), Score::decode)?,
            windows: r.list(WINDOWS_MAX, |r| r.u32())?,
            verifiers: r.list(ATTEMPTS_MAX, NodeId::decode)?,
            reports: r.list(ATTEMPTS_MAX, ReportHash::decode)?,
        })
    }
}

fn outcome(number: u8) -> Result<Outcome, DecodeError> {
    [Outcome::Accept, Outcome::NotSelected, Outcome::Reject, Outcome::Inconclusive]
        .into_iter()
        .find(|outcome| *outcome as u8 == number)
        .ok_or_else(|| DecodeError::invalid("outcome", number))
}

fn culprit(number: u8) -> Result<Culprit, DecodeError> {
    [Culprit::None, Culprit::Provider, Culprit::Verifier]
        .into_iter()
        .find(|culprit| *culprit as u8 == number)
        .ok_or_else(|| DecodeError::invalid("culprit", number))
}

fn reason(number: u16) -> Result<Reason, DecodeError> {
    Reason::from_number(number).ok_or_else(|| DecodeError::invalid("reason", number))
}

fn marks(bits: u8) -> Result<Marks, DecodeError> {
    let known = Marks::SOLO.with(Marks::PINNED).with(Marks::BOOTSTRAP).with(Marks::EXACT);
    if known.has(Marks(bits)) { Ok(Marks(bits)) } else { Err(DecodeError::invalid("marks", bits)) }
}
