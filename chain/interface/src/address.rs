//! Program-derived addresses (SPEC 9.1). Each takes the program's address, so that a client can be pointed at another
//! deployment.

use crate::Address;
use sha2::{Digest, Sha256};

/// The config account.
pub fn config(program: &Address) -> Address {
    derive(program, &[b"config"])
}

/// The OGONG mint; its authority is the config account.
pub fn mint(program: &Address) -> Address {
    derive(program, &[b"mint"])
}

/// What was minted, and since when.
pub fn supply(program: &Address) -> Address {
    derive(program, &[b"supply"])
}

/// The set of validators and their stake.
pub fn validator_set(program: &Address) -> Address {
    derive(program, &[b"validators"])
}

/// One validator's registration.
pub fn validator(program: &Address, authority: &Address) -> Address {
    derive(program, &[b"validator", authority.as_array()])
}

/// One model of the catalogue.
pub fn model(program: &Address, model_id: &str) -> Address {
    derive(program, &[b"model", &Sha256::digest(model_id)])
}

/// One reply's escrow.
pub fn escrow(program: &Address, reply_id: &[u8; 32]) -> Address {
    derive(program, &[b"escrow", reply_id])
}

/// The token account that holds all open escrows.
pub fn vault(program: &Address) -> Address {
    derive(program, &[b"vault"])
}

/// The token account that holds all stake.
pub fn stake_vault(program: &Address) -> Address {
    derive(program, &[b"stake-vault"])
}

fn derive(program: &Address, seeds: &[&[u8]]) -> Address {
    Address::find_program_address(seeds, program).0
}
