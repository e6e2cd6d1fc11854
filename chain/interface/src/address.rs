//! Program-derived addresses (SPEC 9.1). Each takes the program's address, so that a client can be pointed at another
//! deployment.

use crate::Address;
use crate::account::Role;
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

/// The validators and their stake as the next epoch will count them.
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

/// The token account that holds all open escrows and deposits.
pub fn vault(program: &Address) -> Address {
    derive(program, &[b"vault"])
}

/// The token account that holds all stake.
pub fn stake_vault(program: &Address) -> Address {
    derive(program, &[b"stake-vault"])
}

/// The token account of the verification reserve.
pub fn reserve(program: &Address) -> Address {
    derive(program, &[b"reserve"])
}

/// One epoch: its stake and the sums of its work.
pub fn epoch(program: &Address, number: u64) -> Address {
    derive(program, &[b"epoch", &number.to_le_bytes()])
}

/// A provider's, router's or verifier's registration.
pub fn operator(program: &Address, role: Role, authority: &Address) -> Address {
    derive(program, &[b"operator", &[role as u8], authority.as_array()])
}

/// What an operator did in an epoch.
pub fn work(program: &Address, epoch: u64, role: Role, authority: &Address) -> Address {
    derive(program, &[b"work", &epoch.to_le_bytes(), &[role as u8], authority.as_array()])
}

/// A consumer's deposit that `delegate` opens escrows from.
pub fn deposit(program: &Address, owner: &Address, delegate: &Address) -> Address {
    derive(program, &[b"deposit", owner.as_array(), delegate.as_array()])
}

/// The approvals of a digest by an epoch's validators.
pub fn approvals(program: &Address, digest: &[u8; 32], epoch: u64) -> Address {
    derive(program, &[b"approvals", digest, &epoch.to_le_bytes()])
}

/// A batch of settlements by its root.
pub fn batch(program: &Address, root: &[u8; 32]) -> Address {
    derive(program, &[b"batch", root])
}

/// How a reply's provider share is divided.
pub fn cohort(program: &Address, reply_id: &[u8; 32]) -> Address {
    derive(program, &[b"cohort", reply_id])
}

/// A node's public key, as `payer` published it.
pub fn node_key(program: &Address, node_id: &[u8; 32], payer: &Address) -> Address {
    derive(program, &[b"node-key", node_id, payer.as_array()])
}

/// A planted audit.
pub fn honeypot(program: &Address, commitment: &[u8; 32]) -> Address {
    derive(program, &[b"honeypot", commitment])
}

/// Checked evidence against the registration at `culprit`; `evidence` is [`crate::evidence::hash`].
pub fn case(program: &Address, culprit: &Address, subject: &[u8; 32], evidence: &[u8; 32]) -> Address {
    derive(program, &[b"case", culprit.as_array(), subject, evidence])
}

/// What an epoch's work is worth.
pub fn emission(program: &Address, epoch: u64) -> Address {
    derive(program, &[b"emission", &epoch.to_le_bytes()])
}

fn derive(program: &Address, seeds: &[&[u8]]) -> Address {
    Address::find_program_address(seeds, program).0
}
