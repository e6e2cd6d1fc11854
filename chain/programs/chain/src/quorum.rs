//! Who signed, and how much of the stake that is (SPEC 9.5).

use crate::error::ChainError;
use crate::state::{VALIDATORS_MAX, ValidatorSet};
use anchor_lang::prelude::*;

const _: () = assert!(VALIDATORS_MAX <= u64::BITS as usize, "the seen positions are the bits of a u64");

/// The stake of the handler and of every co-signer, if it is a quorum.
///
/// `cosigners` are an instruction's remaining accounts: each has signed, is in the set, and is named once.
pub fn signed_stake(set: &ValidatorSet, handler: &Pubkey, cosigners: &[AccountInfo]) -> Result<u64> {
    require!(cosigners.iter().all(|account| account.is_signer), ChainError::CosignerUnsigned);
    let mut seen = 0u64;
    let mut signed = 0u64;
    for key in core::iter::once(handler).chain(cosigners.iter().map(|account| account.key)) {
        let position = set.members.iter().position(|member| member.authority == *key);
        let position = position.ok_or(ChainError::CosignerUnregistered)?;
        let bit = 1u64 << position;
        require!(seen & bit == 0, ChainError::CosignerRepeated);
        seen |= bit;
        signed = signed.checked_add(set.members[position].stake).ok_or(ChainError::AmountOverflow)?;
    }
    let quorum = 3 * u128::from(signed) > 2 * u128::from(set.total_stake);
    require!(quorum, ChainError::QuorumNotReached);
    Ok(signed)
}
