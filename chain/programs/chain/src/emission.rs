//! What an epoch's work is worth, and who gets how much of it (SPEC 9.13). All numbers come from accounts that settlement and
//! liveness records wrote; a quorum only says yes.

use crate::curve::{self, ROLES, share};
use crate::error::ChainError;
use crate::hash;
use crate::state::{BPS_TOTAL, Config, Emission, Epoch, ROLE_PROVIDER, ROLE_ROUTER, ROLE_VERIFIER, Supply, Work};
use crate::supply;
use anchor_lang::prelude::*;
use anchor_spl::token::{Mint, Token, TokenAccount};

/// Seconds from the launch to a moment; before it none.
fn since_launch_s(supply: &Supply, at_ms: u64) -> u64 {
    at_ms.saturating_sub(supply.launched_ms) / 1_000
}

/// Atoms that may be minted against fees: basis points of what left the payers' own purses.
fn cap(supply: &Supply, outside_fees: u64) -> u64 {
    share(outside_fees, u64::from(supply.emission_cap_bps), u64::from(BPS_TOTAL))
}

/// An epoch's atoms by role. Nothing is minted for a role in which nobody worked. What routers, validators and verifiers count
/// costs no fee by itself, and one wallet may be all of them: so all roles together get no more than the cap of the epoch's fees.
pub fn amounts(supply: &Supply, epoch: &Epoch) -> [u64; ROLES] {
    let [start_s, end_s] = [epoch.started_ms, epoch.ended_ms].map(|at_ms| since_launch_s(supply, at_ms));
    let era = curve::era(start_s);
    let [providers, routers, validators, verifiers, liveness] = curve::by_role(curve::between(start_s, end_s), era);
    let caps = curve::of_cap(cap(supply, epoch.outside_fees), era);
    let capped = |amount: u64, cap: u64, work: u64| if work == 0 { 0 } else { amount.min(cap) };
    [
        capped(providers, caps[0], epoch.fees),
        capped(routers, caps[1], epoch.routes),
        capped(validators, caps[2], epoch.audits),
        capped(verifiers, caps[3], epoch.verifications),
        if epoch.liveness == 0 { 0 } else { liveness },
    ]
}

/// What an operator's work in an epoch earns. A provider's part for replies stays under its part of its own cap: washing trades
/// costs at least what it mints, whatever else the washer is.
pub fn of_operator(supply: &Supply, emission: &Emission, epoch: &Epoch, work: &Work) -> u64 {
    let [providers, routers, _, verifiers, liveness] = emission.amounts;
    match work.role {
        ROLE_PROVIDER => {
            let era = curve::era(since_launch_s(supply, epoch.started_ms));
            let [own_cap, ..] = curve::of_cap(cap(supply, work.outside_fees), era);
            let replies = share(providers, work.fees, epoch.fees).min(own_cap);
            // two parts of one curve's amount
            replies.saturating_add(share(liveness, work.liveness, epoch.liveness))
        }
        ROLE_ROUTER => share(routers, work.count, epoch.routes),
        ROLE_VERIFIER => share(verifiers, work.count, epoch.verifications),
        _ => 0,
    }
}

/// What a validator's audits in an epoch earn.
pub fn of_member(emission: &Emission, epoch: &Epoch, position: usize) -> u64 {
    let [_, _, validators, _, _] = emission.amounts;
    let audits = epoch.members().get(position).map_or(0, |member| member.audits);
    share(validators, audits, epoch.audits)
}

/// What a quorum signs: `H("ogong/v1/settlement/emission", hash network ‖ key program ‖ u64 epoch ‖ 5 × u64 amount ‖ u64 fees ‖
/// u64 outside_fees ‖ u64 routes ‖ u64 audits ‖ u64 verifications ‖ u64 liveness ‖ u64 stake_epoch)`.
pub fn digest(config: &Config, epoch: &Epoch, amounts: &[u64; ROLES], stake_epoch: u64) -> [u8; 32] {
    let mut message = [&config.network[..], crate::ID.as_ref()].concat();
    let sums = [epoch.fees, epoch.outside_fees, epoch.routes, epoch.audits, epoch.verifications, epoch.liveness];
    let numbers = [epoch.number].into_iter().chain(*amounts).chain(sums).chain([stake_epoch]);
    numbers.for_each(|number| message.extend_from_slice(&number.to_le_bytes()));
    hash::tagged("ogong/v1/settlement/emission", &message)
}

/// The accounts that a claim mints with.
pub struct Minting<'a, 'info> {
    pub token_program: &'a Program<'info, Token>,
    pub config: &'a Account<'info, Config>,
    pub mint: &'a mut Account<'info, Mint>,
    pub supply: &'a mut Account<'info, Supply>,
    pub emission: &'a mut Account<'info, Emission>,
}

/// Mints an earner's part. Whatever the counters say, an epoch never mints more than was approved for it, nor all epochs
/// together more than the curve has released.
pub fn mint<'info>(minting: Minting<'_, 'info>, to: &Account<'info, TokenAccount>, amount: u64) -> Result<()> {
    let Minting { token_program, config, mint, supply, emission } = minting;
    let approved: u128 = emission.amounts.iter().copied().map(u128::from).sum();
    emission.minted = emission.minted.checked_add(amount).ok_or(ChainError::EmissionExceeded)?;
    supply.emitted = supply.emitted.checked_add(amount).ok_or(ChainError::EmissionExceeded)?;
    let released = curve::emitted(since_launch_s(supply, crate::settlement::now_ms()?));
    let within = u128::from(emission.minted) <= approved && supply.emitted <= released;
    require!(within, ChainError::EmissionExceeded);
    supply::mint(token_program, mint, config, to, amount)
}
