use super::{VALIDATORS_MAX, VERSION, ValidatorSet};
use crate::error::ChainError;
use anchor_lang::prelude::*;

/// One epoch: the stake that its quorums are counted by, and the sums of the work that was settled in it (SPEC 9.9).
///
/// Stake is as the validator set had it when the epoch began; only in epoch 0 it follows the set at once. Not copied to be
/// read: a settle would pay for every member.
#[account(zero_copy)]
#[repr(C)]
pub struct Epoch {
    pub version: u8,
    pub bump: u8,
    pub padding: [u8; 6],
    pub number: u64,
    pub started_ms: u64,
    /// 0 while it is the current one.
    pub ended_ms: u64,
    pub total_stake: u64,
    /// How many of `members` there are.
    pub count: u64,
    /// Counted fees of all settled replies, and the part that left the provider's own stake owner.
    pub fees: u64,
    pub outside_fees: u64,
    /// Settled replies that a registered provider served, and that a registered router brought.
    pub replies: u64,
    pub routes: u64,
    /// Audits: one for each validator that signed an outcome of one, and for each verifier paid for one.
    pub audits: u64,
    pub verifications: u64,
    /// Answers to liveness challenges that were credited.
    pub liveness: u64,
    pub reserved: [u64; 7],
    pub members: [Member; VALIDATORS_MAX],
}

/// A validator in an epoch.
#[zero_copy]
#[repr(C)]
pub struct Member {
    pub authority: Pubkey,
    pub stake: u64,
    /// Outcomes of audits that it signed.
    pub audits: u64,
}

impl Epoch {
    pub const SEED: &'static [u8] = b"epoch";
    pub const SPACE: usize = 8 + core::mem::size_of::<Self>();

    /// A new epoch of the set's stake.
    pub fn begin(&mut self, number: u64, bump: u8, started_ms: u64, set: &ValidatorSet) {
        (self.version, self.bump, self.number, self.started_ms) = (VERSION, bump, number, started_ms);
        // each stands in the set once, so that none has to be looked for
        for (place, member) in self.members.iter_mut().zip(&set.members) {
            *place = Member { authority: member.authority, stake: member.stake, audits: 0 };
        }
        (self.count, self.total_stake) = (set.members.len() as u64, set.total_stake);
    }

    pub fn members(&self) -> &[Member] {
        &self.members[..(self.count as usize).min(VALIDATORS_MAX)]
    }

    pub fn position(&self, authority: &Pubkey) -> Option<usize> {
        self.members().iter().position(|member| member.authority == *authority)
    }

    /// The place of a validator that has a vote: without stake, slashed or gone, there is none.
    pub fn voter(&self, authority: &Pubkey) -> Option<usize> {
        self.position(authority).filter(|position| self.members[*position].stake > 0)
    }

    /// Gives a validator another stake. It is never removed, so that the work it did stays.
    pub fn set_stake(&mut self, authority: Pubkey, stake: u64) -> Result<()> {
        let position = match self.position(&authority) {
            Some(position) => position,
            None => {
                let position = self.count as usize;
                require!(position < VALIDATORS_MAX, ChainError::ValidatorSetFull);
                self.members[position] = Member { authority, stake: 0, audits: 0 };
                self.count += 1;
                position
            }
        };
        let member = &mut self.members[position];
        let others = self.total_stake.checked_sub(member.stake).ok_or(ChainError::AmountOverflow)?;
        self.total_stake = others.checked_add(stake).ok_or(ChainError::AmountOverflow)?;
        member.stake = stake;
        Ok(())
    }

    /// Counts an audit for each signer that still has its stake; bit i of `signers` is member i.
    pub fn credit_audits(&mut self, signers: u64) {
        for (position, member) in self.members.iter_mut().enumerate() {
            if signers & (1 << position) != 0 && member.stake > 0 {
                member.audits += 1;
                self.audits += 1;
            }
        }
    }
}
