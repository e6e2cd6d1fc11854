//! Fee (SPEC 2.4), split (SPEC 9.5), time and digest (SPEC 9.3) of a settlement.

use crate::error::ChainError;
use crate::hash;
use crate::state::{BPS_TOTAL, Escrow};
use anchor_lang::prelude::*;

/// Payment after an audit that passed.
pub const OUTCOME_ACCEPT: u8 = 1;
/// Payment of a reply that was not drawn.
pub const OUTCOME_NOT_SELECTED: u8 = 2;
/// Refund.
pub const OUTCOME_REJECT: u8 = 3;

/// Prices are per this many tokens.
const PRICE_TOKENS: u128 = 1_000;

/// `min(max_fee, ⌊(n_prompt·price_prompt + n_billed·price_completion) / 1000⌋)`; the sum of two u32·u64 fits u128.
pub fn fee(escrow: &Escrow, n_prompt: u32, n_billed: u32) -> u64 {
    let prompt = u128::from(n_prompt) * u128::from(escrow.price_prompt);
    let completion = u128::from(n_billed) * u128::from(escrow.price_completion);
    u64::try_from((prompt + completion) / PRICE_TOKENS).unwrap_or(u64::MAX).min(escrow.max_fee)
}

/// Atoms to provider, router, validator and reserve: each share floored, the remainder to the provider.
pub fn split(fee: u64, split_bps: &[u16; 5]) -> Result<[u64; 4]> {
    let share = |bps: u16| {
        let atoms = u128::from(fee) * u128::from(bps) / u128::from(BPS_TOTAL);
        u64::try_from(atoms).map_err(|_| ChainError::AmountOverflow)
    };
    let [_, router, validator, reserve, _maker_is_zero] = *split_bps;
    let [router, validator, reserve] = [share(router)?, share(validator)?, share(reserve)?];
    let others = router.checked_add(validator).and_then(|sum| sum.checked_add(reserve));
    let provider = others.and_then(|sum| fee.checked_sub(sum)).ok_or(ChainError::AmountOverflow)?;
    Ok([provider, router, validator, reserve])
}

/// The chain's clock in Unix milliseconds; it counts whole seconds.
pub fn now_ms() -> Result<u64> {
    let seconds = u64::try_from(Clock::get()?.unix_timestamp).unwrap_or(0);
    Ok(seconds.saturating_mul(1_000))
}

/// A quorum's decision can be carried out until `expiry_ms`, which is no later than the deadline; so no moment allows both it
/// and `refund_expired`.
pub fn check_expiry(escrow: &Escrow, expiry_ms: u64) -> Result<()> {
    require!(expiry_ms <= escrow.deadline_ms, ChainError::ExpiryAfterDeadline);
    require!(now_ms()? <= expiry_ms, ChainError::SettleExpired);
    Ok(())
}

/// What the settlement digest covers.
pub struct Settlement<'a> {
    pub network: [u8; 32],
    pub reply_id: [u8; 32],
    pub record_hash: [u8; 32],
    pub outcome: u8,
    pub verdict_hash: [u8; 32],
    pub round: u64,
    pub n_prompt: u32,
    pub n_billed: u32,
    /// Wallets and atoms.
    pub payees: &'a [(Pubkey, u64)],
    pub stake_epoch: u64,
    pub expiry_ms: u64,
}

impl Settlement<'_> {
    pub fn digest(&self) -> [u8; 32] {
        let mut message = Vec::with_capacity(400);
        message.extend_from_slice(&self.network);
        message.extend_from_slice(crate::ID.as_ref());
        message.extend_from_slice(&self.reply_id);
        message.extend_from_slice(&self.record_hash);
        message.push(self.outcome);
        message.extend_from_slice(&self.verdict_hash);
        message.extend_from_slice(&self.round.to_le_bytes());
        message.extend_from_slice(&self.n_prompt.to_le_bytes());
        message.extend_from_slice(&self.n_billed.to_le_bytes());
        message.extend_from_slice(&(self.payees.len() as u32).to_le_bytes());
        for (payee, amount) in self.payees {
            message.extend_from_slice(payee.as_ref());
            message.extend_from_slice(&amount.to_le_bytes());
        }
        message.extend_from_slice(&self.stake_epoch.to_le_bytes());
        message.extend_from_slice(&self.expiry_ms.to_le_bytes());
        hash::tagged("ogong/v1/settlement/settle", &message)
    }
}
