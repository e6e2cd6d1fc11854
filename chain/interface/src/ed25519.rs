//! The instruction that has the Ed25519 precompile verify signatures (SPEC 9.12). It stands just in front of the one that reads
//! what was verified, and names no bytes but its own.

use crate::{Address, Instruction};

/// The precompile.
pub const PRECOMPILE_ID: Address = Address::from_str_const("Ed25519SigVerify111111111111111111111111111");

const HEAD_BYTES: usize = 2;
const OFFSETS_BYTES: usize = 14;
const KEY_BYTES: usize = 32;
const SIGNATURE_BYTES: usize = 64;

/// A signature and what it covers, tag included.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signed {
    /// Ed25519.
    pub signature: [u8; SIGNATURE_BYTES],
    /// What was signed.
    pub message: Vec<u8>,
}

/// Has signatures of one key verified; the transaction fails where one does not.
///
/// # Panics
/// If there are more than 255 signatures or 64 KiB of messages, neither of which fits a transaction.
pub fn verify(key: &[u8; KEY_BYTES], signed: &[Signed]) -> Instruction {
    let place = |bytes: usize| u16::try_from(bytes).expect("invariant: a transaction is shorter than 64 KiB");
    let count = u8::try_from(signed.len()).expect("invariant: a transaction has few signatures");
    let here = u16::MAX;
    let key_at = HEAD_BYTES + OFFSETS_BYTES * signed.len();
    let (mut head, mut body) = (vec![count, 0], key.to_vec());
    for one in signed {
        let signature_at = key_at + body.len();
        let message_at = signature_at + SIGNATURE_BYTES;
        let offsets =
            [place(signature_at), here, place(key_at), here, place(message_at), place(one.message.len()), here];
        head.extend(offsets.iter().flat_map(|offset| offset.to_le_bytes()));
        body.extend_from_slice(&one.signature);
        body.extend_from_slice(&one.message);
    }
    head.extend(body);
    Instruction { program_id: PRECOMPILE_ID, accounts: Vec::new(), data: head }
}
