use crate::error::ChainError;
use anchor_lang::prelude::*;

/// Validators that the set can hold.
pub const VALIDATORS_MAX: usize = 64;

/// Who is staked now: what the next epoch begins with.
#[account]
#[derive(InitSpace)]
pub struct ValidatorSet {
    pub version: u8,
    pub bump: u8,
    /// The epoch in which it changed last.
    pub epoch: u64,
    pub total_stake: u64,
    #[max_len(VALIDATORS_MAX)]
    pub members: Vec<Stake>,
    pub reserved: [u8; 64],
}

#[derive(AnchorSerialize, AnchorDeserialize, Clone, InitSpace)]
pub struct Stake {
    pub authority: Pubkey,
    pub stake: u64,
}

impl ValidatorSet {
    pub const SEED: &'static [u8] = b"validators";

    /// Enters a validator, gives it another stake, or takes it out where the stake is 0.
    pub fn set_stake(&mut self, authority: Pubkey, stake: u64) -> Result<()> {
        let position = self.members.iter().position(|member| member.authority == authority);
        let old = position.map_or(0, |position| self.members[position].stake);
        let others = self.total_stake.checked_sub(old).ok_or(ChainError::AmountOverflow)?;
        self.total_stake = others.checked_add(stake).ok_or(ChainError::AmountOverflow)?;
        match (position, stake) {
            (Some(position), 0) => {
                self.members.remove(position);
            }
            (Some(position), stake) => self.members[position].stake = stake,
            (None, 0) => {}
            (None, stake) => {
                require!(self.members.len() < VALIDATORS_MAX, ChainError::ValidatorSetFull);
                self.members.push(Stake { authority, stake });
            }
        }
        Ok(())
    }
}
