//! Rounds: round r starts at `genesis_ms + r·period_ms` (SPEC 5.2).

use ogong_base::codec::{Decode, DecodeError, Encode, Reader, Writer};
use ogong_base::params::RECEIPT_TO_ROUND_MS;
use ogong_base::units::{Round, UnixMillis};

use crate::Error;

/// When rounds start; both numbers stand in the chain's config account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Schedule {
    genesis_ms: u64,
    period_ms: u64,
}

impl Schedule {
    /// A schedule whose round 0 starts at `genesis` and whose rounds last `period_ms`.
    ///
    /// # Errors
    /// [`Error::Period`] if the period is zero.
    pub fn new(genesis: UnixMillis, period_ms: u64) -> Result<Self, Error> {
        if period_ms == 0 {
            return Err(Error::Period);
        }
        Ok(Self { genesis_ms: genesis.0, period_ms })
    }

    /// The round that is running at `now`, or none before genesis.
    pub fn round_at(&self, now: UnixMillis) -> Option<Round> {
        now.0.checked_sub(self.genesis_ms).map(|elapsed| Round(elapsed / self.period_ms))
    }

    /// When `round` starts; a round beyond the end of time starts at `u64::MAX`.
    pub fn start_ms(&self, round: Round) -> UnixMillis {
        UnixMillis(round.0.saturating_mul(self.period_ms).saturating_add(self.genesis_ms))
    }

    /// True once `round` has begun: from then on its proof may be shown.
    pub fn has_begun(&self, round: Round, now: UnixMillis) -> bool {
        self.round_at(now).is_some_and(|running| round <= running)
    }

    /// The round that draws for a record received at `received`: the first whose start is at least two seconds later
    /// (SPEC 5.1), so that nobody knew its value when the record was stored.
    pub fn first_round_after(&self, received: UnixMillis) -> Round {
        let earliest = received.0.saturating_add(RECEIPT_TO_ROUND_MS);
        Round(earliest.saturating_sub(self.genesis_ms).div_ceil(self.period_ms))
    }
}

impl Encode for Schedule {
    fn encode(&self, w: &mut Writer) {
        w.u64(self.genesis_ms);
        w.u64(self.period_ms);
    }
}

impl Decode for Schedule {
    fn decode(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let genesis = UnixMillis(r.u64()?);
        Self::new(genesis, r.u64()?).map_err(|_| DecodeError::invalid("round period", 0))
    }
}
