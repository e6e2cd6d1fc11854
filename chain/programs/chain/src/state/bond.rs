use crate::error::ChainError;
use anchor_lang::prelude::*;

/// It counts, if the stake is enough.
pub const STATUS_ACTIVE: u8 = 1;
/// All stake is leaving or has left; staking again makes it active.
pub const STATUS_LEAVING: u8 = 2;
/// Slashed and out for good; what is left of the stake can be withdrawn.
pub const STATUS_EJECTED: u8 = 3;

/// Tokens that an operator has in the stake vault: what counts, and what is on its way out.
#[derive(AnchorSerialize, AnchorDeserialize, Clone, InitSpace)]
pub struct Bond {
    pub status: u8,
    pub stake: u64,
    /// Unstaked: counts for nothing, and can still be slashed.
    pub cooling: u64,
    /// The first epoch in which `cooling` may be withdrawn.
    pub unlock_epoch: u64,
}

impl Bond {
    pub fn new(stake: u64) -> Self {
        Self { status: STATUS_ACTIVE, stake, cooling: 0, unlock_epoch: 0 }
    }

    pub fn add(&mut self, amount: u64) -> Result<()> {
        require!(amount > 0, ChainError::AmountZero);
        require!(self.status != STATUS_EJECTED, ChainError::OperatorEjected);
        self.stake = self.stake.checked_add(amount).ok_or(ChainError::AmountOverflow)?;
        self.status = STATUS_ACTIVE;
        Ok(())
    }

    /// Begins to take stake out. A second unstake puts everything that is cooling under the new lock.
    pub fn cool(&mut self, amount: u64, unlock_epoch: u64) -> Result<()> {
        require!(amount > 0, ChainError::AmountZero);
        self.stake = self.stake.checked_sub(amount).ok_or(ChainError::UnstakeOverStake)?;
        self.cooling = self.cooling.checked_add(amount).ok_or(ChainError::AmountOverflow)?;
        self.unlock_epoch = unlock_epoch;
        if self.stake == 0 && self.status == STATUS_ACTIVE {
            self.status = STATUS_LEAVING;
        }
        Ok(())
    }

    /// What may leave the vault in `epoch`.
    pub fn withdraw(&mut self, epoch: u64) -> Result<u64> {
        require!(self.cooling > 0, ChainError::NothingToWithdraw);
        require!(epoch >= self.unlock_epoch, ChainError::CooldownNotOver);
        Ok(core::mem::take(&mut self.cooling))
    }
}
