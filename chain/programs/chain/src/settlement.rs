//! What a quorum decides about a reply: fee (SPEC 2.4), split (SPEC 9.5), time, payees and digest (SPEC 9.3).

use crate::error::ChainError;
use crate::hash;
use crate::state::{BPS_TOTAL, Config, Decision, Escrow, STATUS_DECIDED, Shard, VERIFIERS_MAX};
use anchor_lang::prelude::*;

/// Payment after an audit that passed.
pub const OUTCOME_ACCEPT: u8 = 1;
/// Payment of a reply that was not drawn.
pub const OUTCOME_NOT_SELECTED: u8 = 2;
/// Refund.
pub const OUTCOME_REJECT: u8 = 3;

/// Prices are per this many tokens.
const PRICE_TOKENS: u128 = 1_000;

/// What validators agreed on, apart from what the chain knows itself.
#[derive(AnchorSerialize, AnchorDeserialize, Clone)]
pub struct Verdict {
    /// The request hash of the record, which must be the order's.
    pub req_hash: [u8; 32],
    pub record_hash: [u8; 32],
    pub outcome: u8,
    pub verdict_hash: [u8; 32],
    pub round: u64,
    pub n_prompt: u32,
    pub n_billed: u32,
    /// Of the billed tokens, those that had more than one candidate.
    pub n_counted: u32,
    pub stake_epoch: u64,
    pub expiry_ms: u64,
    /// Authorities of the verifiers that scored the reply.
    pub verifiers: Vec<Pubkey>,
}

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

/// The verifiers in their places of a decision.
pub fn verifiers(named: &[Pubkey]) -> Result<[Pubkey; VERIFIERS_MAX]> {
    let repeated = named.iter().enumerate().any(|(place, key)| named[..place].contains(key));
    require!(named.len() <= VERIFIERS_MAX && !repeated, ChainError::VerifiersInvalid);
    let mut places = [Pubkey::default(); VERIFIERS_MAX];
    places[..named.len()].copy_from_slice(named);
    Ok(places)
}

/// What a verdict that pays means for an escrow, digest included. `shards` divide the provider's amount, if a cohort served.
pub fn decide(
    config: &Config,
    escrow: &Escrow,
    verdict: &Verdict,
    fee_owner: Pubkey,
    shards: Option<&[Shard]>,
) -> Result<Decision> {
    let payable = matches!(verdict.outcome, OUTCOME_ACCEPT | OUTCOME_NOT_SELECTED);
    require!(payable, ChainError::OutcomeNotPayable);
    require!(verdict.req_hash == escrow.req_hash, ChainError::RequestHashWrong);
    require!(verdict.n_billed <= escrow.max_tokens, ChainError::BilledOverMax);
    require!(verdict.n_counted <= verdict.n_billed, ChainError::CountedOverBilled);
    check_expiry(escrow, verdict.expiry_ms)?;
    let fee = fee(escrow, verdict.n_prompt, verdict.n_billed);
    let change = escrow.max_fee.checked_sub(fee).ok_or(ChainError::AmountOverflow)?;
    let [provider, router, validator, reserve] = split(fee, &config.split_bps)?;
    let mut payees: Vec<(Pubkey, u64)> = match shards {
        None => vec![(escrow.provider_payout, provider)],
        // who is credited is part of what is agreed to, not only who is paid
        Some(shards) => shards.iter().flat_map(|shard| [(shard.payout, shard.amount), (shard.operator, 0)]).collect(),
    };
    payees.extend([
        (escrow.router_payout, router),
        (fee_owner, validator),
        (config.reserve_owner, reserve),
        (escrow.owner, change),
    ]);
    Ok(Decision {
        outcome: verdict.outcome,
        cohort: shards.is_some(),
        stake_epoch: verdict.stake_epoch,
        digest: digest(config, escrow, verdict, payees),
        fee_owner,
        amounts: [provider, router, validator, reserve, change],
        n_billed: verdict.n_billed,
        n_counted: verdict.n_counted,
        verifiers: verifiers(&verdict.verifiers)?,
        verifiers_paid: 0,
    })
}

/// Writes a quorum's decision to pay into an open escrow.
pub fn write(escrow: &mut Escrow, verdict: &Verdict, decision: Decision) {
    escrow.status = STATUS_DECIDED;
    escrow.record_hash = verdict.record_hash;
    escrow.verdict_hash = verdict.verdict_hash;
    // what is not change is fee: `decide` took one from the other
    escrow.fee = escrow.max_fee.saturating_sub(decision.amounts[4]);
    escrow.decision = decision;
}

/// SPEC 9.3. Behind the payees stand the verifiers, with the fee that the reserve owes them.
pub fn digest(config: &Config, escrow: &Escrow, verdict: &Verdict, payees: Vec<(Pubkey, u64)>) -> [u8; 32] {
    let verifiers = verdict.verifiers.iter().map(|verifier| (*verifier, config.verifier_fee));
    let payees: Vec<(Pubkey, u64)> = payees.into_iter().chain(verifiers).collect();
    let mut message = Vec::with_capacity(512);
    message.extend_from_slice(&config.network);
    message.extend_from_slice(crate::ID.as_ref());
    message.extend_from_slice(&escrow.reply_id);
    message.extend_from_slice(&verdict.record_hash);
    message.push(verdict.outcome);
    message.extend_from_slice(&verdict.verdict_hash);
    message.extend_from_slice(&verdict.round.to_le_bytes());
    message.extend_from_slice(&verdict.n_prompt.to_le_bytes());
    message.extend_from_slice(&verdict.n_billed.to_le_bytes());
    message.extend_from_slice(&verdict.n_counted.to_le_bytes());
    message.extend_from_slice(&(payees.len() as u32).to_le_bytes());
    for (payee, amount) in &payees {
        message.extend_from_slice(payee.as_ref());
        message.extend_from_slice(&amount.to_le_bytes());
    }
    message.extend_from_slice(&verdict.stake_epoch.to_le_bytes());
    message.extend_from_slice(&verdict.expiry_ms.to_le_bytes());
    hash::tagged("ogong/v1/settlement/settle", &message)
}
