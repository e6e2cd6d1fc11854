//! What accusations and slashes have in common (SPEC 9.12).

use crate::error::ChainError;
use crate::hash;
use crate::settlement::now_ms;
use crate::state::{Bond, Case, Config, Operator, ROLE_PROVIDER, STATUS_EJECTED, VERSION};
use anchor_lang::prelude::*;

/// A registration whose bond answers for what it did in `role`. Providers' stake is priority and answers for nothing.
pub fn check_slashable(operator: &Operator, role: u8) -> Result<()> {
    require!(operator.role != ROLE_PROVIDER, ChainError::ProviderStakeNotSlashable);
    require!(operator.role == role, ChainError::RoleWrong);
    Ok(())
}

/// A case that no quorum has decided yet.
pub fn open_case(
    bump: u8,
    kind: u8,
    culprit: Pubkey,
    subject: [u8; 32],
    evidence: [u8; 32],
    accuser: Pubkey,
) -> Result<Case> {
    Ok(Case {
        version: VERSION,
        bump,
        kind,
        culprit,
        subject,
        evidence,
        accuser,
        opened_ms: now_ms()?,
        slashed_ms: 0,
        slashed: 0,
        reserved: [0; 64],
    })
}

/// What a quorum signs to slash: `H("ogong/v1/settlement/slash", hash network ‖ key program ‖ u8 kind ‖ key culprit ‖ hash subject
/// ‖ hash evidence ‖ u64 stake_epoch)`.
pub fn digest(config: &Config, case: &Case, stake_epoch: u64) -> [u8; 32] {
    let message = [
        &config.network[..],
        crate::ID.as_ref(),
        &[case.kind],
        case.culprit.as_ref(),
        &case.subject,
        &case.evidence,
        &stake_epoch.to_le_bytes(),
    ];
    hash::tagged("ogong/v1/settlement/slash", &message.concat())
}

/// Takes a whole bond, what is cooling down included, ejects its owner, and notes it in the case.
pub fn forfeit(bond: &mut Bond, case: &mut Case) -> Result<u64> {
    require!(case.slashed_ms == 0, ChainError::CaseClosed);
    let amount = bond.stake.checked_add(bond.cooling).ok_or(ChainError::AmountOverflow)?;
    (bond.stake, bond.cooling, bond.status) = (0, 0, STATUS_EJECTED);
    (case.slashed_ms, case.slashed) = (now_ms()?, amount);
    Ok(amount)
}
