use super::{meta, meta_mut, signer_mut};
use crate::bytes::Writer;
use crate::token::{SYSTEM_PROGRAM_ID, TOKEN_PROGRAM_ID};
use crate::{Address, Instruction, address};

/// Stakes `stake` atoms and enters the validator set. The stake counts from the next epoch on, in epoch 0
/// at once.
#[derive(Clone, Debug)]
pub struct RegisterValidator {
    /// The key that will co-sign; signs and pays the rent.
    pub authority: Address,
    /// The authority's own token account that the stake comes from.
    pub stake_source: Address,
    /// SPEC 1.1.
    pub node_id: [u8; 32],
    /// SPEC 1.3.
    pub consensus_id: [u8; 32],
    /// Public key of the beacon's VRF.
    pub vrf_key: [u8; 32],
    /// Wallet that receives the validator's share of what it handles.
    pub fee_owner: Address,
    /// Atoms.
    pub stake: u64,
    /// The current epoch.
    pub epoch: u64,
    /// `host:port`, at most [`crate::ENDPOINT_BYTES_MAX`] bytes.
    pub endpoint: String,
}

impl RegisterValidator {
    /// The instruction for the program at `program`.
    pub fn instruction(&self, program: &Address) -> Instruction {
        Instruction {
            program_id: *program,
            accounts: vec![
                signer_mut(&self.authority),
                meta(&address::config(program)),
                meta_mut(&address::validator_set(program)),
                meta_mut(&address::epoch(program, self.epoch)),
                meta_mut(&address::validator(program, &self.authority)),
                meta_mut(&self.stake_source),
                meta_mut(&address::stake_vault(program)),
                meta(&TOKEN_PROGRAM_ID),
                meta(&SYSTEM_PROGRAM_ID),
            ],
            data: Writer::instruction("register_validator")
                .raw(&self.node_id)
                .raw(&self.consensus_id)
                .raw(&self.vrf_key)
                .address(&self.fee_owner)
                .u64(self.stake)
                .bytes(self.endpoint.as_bytes())
                .finish(),
        }
    }
}
