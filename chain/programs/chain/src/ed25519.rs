//! What the Ed25519 precompile has verified in this transaction (SPEC 9.12).
//!
//! The precompile fails the whole transaction where a signature does not verify, so a program only has to read *what* was
//! verified. It can be pointed at bytes of other instructions, which is how programs have been fooled: here every offset
//! must stay within the precompile's own instruction, and that instruction stands just in front of ours.
//!
//! `u8 count ‖ u8 0 ‖ count × (u16 signature ‖ u16 its instruction ‖ u16 key ‖ u16 its ‖ u16 message ‖ u16 length ‖ u16 its)`

use crate::error::ChainError;
use anchor_lang::prelude::*;
use solana_instructions_sysvar::get_instruction_relative;

/// `Ed25519SigVerify111111111111111111111111111`.
pub const PRECOMPILE: Pubkey = pubkey!("Ed25519SigVerify111111111111111111111111111");

/// An instruction index that means "this one".
const HERE: u16 = u16::MAX;
const HEAD_BYTES: usize = 2;
const OFFSETS_BYTES: usize = 14;
const KEY_BYTES: usize = 32;

/// One signature that verified.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signed {
    pub key: [u8; 32],
    /// The tag and what follows it.
    pub message: Vec<u8>,
}

/// The signatures of the instruction in front of this one, all of them by `key`.
pub fn signatures_by(key: &[u8; 32], sysvar: &AccountInfo) -> Result<Vec<Signed>> {
    let signed = signatures(sysvar)?;
    require!(signed.iter().all(|one| one.key == *key), ChainError::EvidenceKeyWrong);
    Ok(signed)
}

/// The signatures of the instruction in front of this one, by whomever.
pub fn signatures(sysvar: &AccountInfo) -> Result<Vec<Signed>> {
    let instruction = get_instruction_relative(-1, sysvar).map_err(|_| error!(ChainError::EvidenceUnsigned))?;
    require_keys_eq!(instruction.program_id, PRECOMPILE, ChainError::EvidenceUnsigned);
    parse(&instruction.data).ok_or_else(|| error!(ChainError::EvidenceOffsets))
}

fn parse(data: &[u8]) -> Option<Vec<Signed>> {
    let count = usize::from(*data.first()?);
    (0..count).map(|place| signature(data, HEAD_BYTES + place * OFFSETS_BYTES)).collect()
}

fn signature(data: &[u8], at: usize) -> Option<Signed> {
    let field = |place: usize| u16_at(data, at + 2 * place);
    let [signature_in, key_in, message_in] = [field(1)?, field(3)?, field(6)?];
    if [signature_in, key_in, message_in] != [HERE; 3] {
        return None;
    }
    let slice = |start: u16, length: usize| {
        let start = usize::from(start);
        data.get(start..start.checked_add(length)?)
    };
    let key = slice(field(2)?, KEY_BYTES)?.try_into().ok()?;
    let message = slice(field(4)?, usize::from(field(5)?))?.to_vec();
    Some(Signed { key, message })
}

fn u16_at(data: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_le_bytes(data.get(at..at.checked_add(2)?)?.try_into().ok()?))
}
