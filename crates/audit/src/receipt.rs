//! A validator's receipt for a record, given only after it was stored durably (SPEC 5.1).

use ogong_base::codec::{Decode, DecodeError, Encode, Reader, Writer};
use ogong_base::domain::{self, Tag};
use ogong_base::hash::{NodeId, RecordHash, ReplyId};
use ogong_base::params::VERSION;
use ogong_base::units::{Round, UnixMillis};
use ogong_beacon::Schedule;

use crate::signed::{Signable, Signed, version};

/// What a validator acknowledges, and which round will draw for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Receipt {
    /// The reply.
    pub reply_id: ReplyId,
    /// The record that was stored.
    pub record_hash: RecordHash,
    /// Node id of the validator that stored it.
    pub validator: NodeId,
    /// When it arrived, by the validator's clock.
    pub received: UnixMillis,
    /// The round that draws for it; follows from `received`.
    pub round: Round,
}

/// A receipt with its signature.
pub type SignedReceipt = Signed<Receipt>;

impl Receipt {
    /// The receipt of a record that arrived at `received`.
    pub fn new(
        reply_id: ReplyId,
        record_hash: RecordHash,
        validator: NodeId,
        received: UnixMillis,
        schedule: &Schedule,
    ) -> Self {
        Self { reply_id, record_hash, validator, received, round: schedule.first_round_after(received) }
    }

    /// True if the round is the one the schedule gives: a validator does not choose its round.
    pub fn names_its_round(&self, schedule: &Schedule) -> bool {
        self.round == schedule.first_round_after(self.received)
    }
}

impl Signable for Receipt {
    const TAG: Tag = domain::RECEIPT;
}

impl Encode for Receipt {
    fn encode(&self, w: &mut Writer) {
        w.u8(VERSION)
            .put(&self.reply_id)
            .put(&self.record_hash)
            .put(&self.validator)
            .put(&self.received)
            .put(&self.round);
    }
}

impl Decode for Receipt {
    fn decode(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        version(r, "receipt version")?;
        Ok(Self { reply_id: r.get()?, record_hash: r.get()?, validator: r.get()?, received: r.get()?, round: r.get()? })
    }
}
