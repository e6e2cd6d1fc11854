//! Challenges of availability (SPEC 9.13): the beacon draws providers, and an answer in time is credited.

use crate::error::ChainError;
use crate::hash;
use crate::settlement::now_ms;
use crate::state::{Config, Epoch, PPM};
use anchor_lang::prelude::*;

/// Chance of a provider to be challenged in a round: about three times a day with rounds of 3 s.
pub const LIVENESS_PPM: u64 = 100;

/// An answer counts if it was given so long after the round's start.
pub const LIVENESS_DEADLINE_MS: u64 = 15_000;

/// An answer that a quorum has seen.
#[derive(AnchorSerialize, AnchorDeserialize, Clone)]
pub struct Answer {
    pub round: u64,
    /// The round's value.
    pub beacon: [u8; 32],
    /// Unix milliseconds, by the provider's word and the quorum's.
    pub answered_ms: u64,
    pub stake_epoch: u64,
}

impl Answer {
    /// Whether the round draws the provider: `u64_be(H("ogong/v1/audit/draw-liveness", network ‖ u64 round ‖ beacon ‖ node_id))·10⁶
    /// < LIVENESS_PPM·2⁶⁴`.
    pub fn is_drawn(&self, config: &Config, node_id: &[u8; 32]) -> bool {
        let message = [&config.network[..], &self.round.to_le_bytes(), &self.beacon, node_id].concat();
        let [a, b, c, d, e, f, g, h, ..] = hash::tagged("ogong/v1/audit/draw-liveness", &message);
        let x = u64::from_be_bytes([a, b, c, d, e, f, g, h]);
        u128::from(x) * u128::from(PPM) < u128::from(LIVENESS_PPM) << 64
    }

    /// The round began in the epoch, and the answer came in its time.
    pub fn check_time(&self, config: &Config, epoch: &Epoch) -> Result<()> {
        let started = self.round.checked_mul(config.beacon_period_ms);
        let started = started.and_then(|since| since.checked_add(config.beacon_genesis_ms));
        let started = started.ok_or(ChainError::LivenessRoundWrong)?;
        let in_epoch = started >= epoch.started_ms && (epoch.ended_ms == 0 || started < epoch.ended_ms);
        require!(in_epoch, ChainError::LivenessRoundWrong);
        let in_time = started <= self.answered_ms && self.answered_ms - started <= LIVENESS_DEADLINE_MS;
        require!(in_time && self.answered_ms <= now_ms()?, ChainError::LivenessLate);
        Ok(())
    }

    /// What the provider signs: `bytes(tag) ‖ u8 1 ‖ hash network ‖ key program ‖ u64 round ‖ hash beacon ‖ u64 answered_ms`.
    pub fn message(&self, config: &Config) -> Vec<u8> {
        let tag = "ogong/v1/audit/liveness";
        [
            &(tag.len() as u32).to_le_bytes()[..],
            tag.as_bytes(),
            &[1],
            &config.network,
            crate::ID.as_ref(),
            &self.round.to_le_bytes(),
            &self.beacon,
            &self.answered_ms.to_le_bytes(),
        ]
        .concat()
    }

    /// What the quorum signs: `H("ogong/v1/settlement/liveness", hash network ‖ key program ‖ u64 round ‖ hash beacon ‖
    /// u64 answered_ms ‖ key provider ‖ u64 stake_epoch)`.
    pub fn digest(&self, config: &Config, provider: &Pubkey) -> [u8; 32] {
        let message = [
            &config.network[..],
            crate::ID.as_ref(),
            &self.round.to_le_bytes(),
            &self.beacon,
            &self.answered_ms.to_le_bytes(),
            provider.as_ref(),
            &self.stake_epoch.to_le_bytes(),
        ];
        hash::tagged("ogong/v1/settlement/liveness", &message.concat())
    }
}
