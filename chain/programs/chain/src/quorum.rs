//! Who signed, and how much of the stake that is (SPEC 9.5).

use crate::error::ChainError;
use crate::state::{Approvals, Config, Epoch, VALIDATORS_MAX};
use anchor_lang::prelude::*;

const _: () = assert!(VALIDATORS_MAX <= u64::BITS as usize, "the signers are the bits of a u64");

/// A quorum.
pub struct Quorum {
    /// Bit i: member i of the epoch signed.
    pub signers: u64,
    pub stake: u64,
    pub total: u64,
}

/// Whether more than two thirds of an epoch's stake stand behind `digest`: by the approvals collected for it, or else by the
/// signatures of this transaction, the handler's and those of `cosigners`, an instruction's remaining accounts.
pub fn authorize<'info>(
    config: &Config,
    epoch: &Epoch,
    digest: &[u8; 32],
    approvals: Option<&mut Approvals>,
    handler: &Pubkey,
    cosigners: &[AccountInfo<'info>],
) -> Result<Quorum> {
    require!(config.counts(epoch.number, crate::settlement::now_ms()?), ChainError::StakeEpochWrong);
    let signers = match approvals {
        Some(approvals) => {
            let ours = approvals.digest == *digest && approvals.epoch == epoch.number;
            require!(ours, ChainError::ApprovalsWrong);
            approvals.used = true;
            approvals.signers
        }
        None => signers(epoch, handler, cosigners)?,
    };
    let stake = signed_stake(epoch, signers)?;
    let quorum = 3 * u128::from(stake) > 2 * u128::from(epoch.total_stake);
    require!(quorum, ChainError::QuorumNotReached);
    Ok(Quorum { signers, stake, total: epoch.total_stake })
}

/// The handler and co-signers by their places in the epoch: each has signed, is a member with stake, and is named once.
fn signers(epoch: &Epoch, handler: &Pubkey, cosigners: &[AccountInfo]) -> Result<u64> {
    require!(cosigners.iter().all(|account| account.is_signer), ChainError::CosignerUnsigned);
    core::iter::once(handler)
        .chain(cosigners.iter().map(|account| account.key))
        .try_fold(0, |signers, key| with_signer(epoch, signers, key))
}

/// `signers` and `key`, which is a member with stake and not among them.
pub fn with_signer(epoch: &Epoch, signers: u64, key: &Pubkey) -> Result<u64> {
    let position = epoch.voter(key).ok_or(ChainError::CosignerUnregistered)?;
    let bit = 1u64 << position;
    require!(signers & bit == 0, ChainError::CosignerRepeated);
    Ok(signers | bit)
}

fn signed_stake(epoch: &Epoch, signers: u64) -> Result<u64> {
    let places = epoch.members().iter().enumerate();
    places
        .filter(|(position, _)| signers & (1 << position) != 0)
        .try_fold(0u64, |sum, (_, member)| sum.checked_add(member.stake))
        .ok_or(ChainError::AmountOverflow.into())
}
