//! Counts of work, written by settlement alone (SPEC 9.9): no quorum can type in others.

use crate::error::ChainError;
use crate::state::{Config, Epoch, Escrow, Work};
use anchor_lang::prelude::*;

/// What one reply adds to a provider's counters.
pub struct Counted {
    /// The part of the fee that was for tokens with more than one candidate.
    pub fee: u64,
    /// Who else got some of the whole fee, and how much of it left; scaled as `fee` is.
    others: [(Pubkey, u64); 3],
}

impl Counted {
    pub fn of(escrow: &Escrow, config: &Config) -> Self {
        let decision = &escrow.decision;
        let (counted, billed) = (u64::from(decision.n_counted), u64::from(decision.n_billed));
        let [_, router, validator, reserve, _] = decision.amounts;
        let scaled = |amount| part(amount, counted, billed);
        // what comes back to who paid, or goes to the purse that the provider was paid into, went nowhere
        let outside = |payee: Pubkey, amount| {
            let stays = payee == escrow.owner || payee == escrow.provider_payout;
            (payee, if stays { 0 } else { scaled(amount) })
        };
        Self {
            fee: scaled(escrow.fee),
            others: [
                outside(escrow.router_payout, router),
                outside(decision.fee_owner, validator),
                outside(config.reserve_owner, reserve),
            ],
        }
    }

    /// Adds `fee` of the counted fee to a provider. What went to purses of its own owner never left it.
    pub fn credit(&self, work: &mut Work, epoch: &mut Epoch, fee: u64) -> Result<()> {
        let outside: u64 = self.others.iter().filter(|(payee, _)| !work.is_own(payee)).map(|(_, atoms)| atoms).sum();
        let outside = part(outside, fee, self.fee);
        let add = |sum: &mut u64, atoms| -> Result<()> {
            *sum = sum.checked_add(atoms).ok_or(ChainError::AmountOverflow)?;
            Ok(())
        };
        add(&mut work.fees, fee)?;
        add(&mut work.outside_fees, outside)?;
        add(&mut epoch.fees, fee)?;
        add(&mut epoch.outside_fees, outside)?;
        work.count += 1;
        epoch.replies += 1;
        Ok(())
    }
}

/// `⌊amount·share / whole⌋` where share ≤ whole; 0 of nothing.
pub fn part(amount: u64, share: u64, whole: u64) -> u64 {
    match whole {
        0 => 0,
        whole => u64::try_from(u128::from(amount) * u128::from(share) / u128::from(whole)).unwrap_or(amount),
    }
}

/// The work account that a registered operator's work is written to: without it nothing is paid, so that whoever sends a
/// release cannot leave the work out. None where the operator is not registered.
pub fn required(work: Option<&mut Work>, role: u8, operator: Pubkey, epoch: u64) -> Result<Option<&mut Work>> {
    if operator == Pubkey::default() {
        require!(work.is_none(), ChainError::WorkWrong);
        return Ok(None);
    }
    let work = work.ok_or(ChainError::WorkMissing)?;
    let ours = work.role == role && work.operator == operator && work.epoch == epoch;
    require!(ours, ChainError::WorkWrong);
    Ok(Some(work))
}
