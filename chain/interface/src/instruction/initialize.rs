use super::{meta, meta_mut, signer_mut};
use crate::bytes::Writer;
use crate::token::{SYSTEM_PROGRAM_ID, TOKEN_PROGRAM_ID};
use crate::{Address, Instruction, address};

/// Creates the mint, the config, the empty validator set, epoch 0, the vaults and the reserve; once per deployment.
#[derive(Clone, Debug)]
pub struct Initialize {
    /// Signs, pays the rent, and becomes the admin.
    pub admin: Address,
    /// `network_id`, SPEC 1.7.
    pub network: [u8; 32],
    /// Provider, router, validator, reserve, maker; sums to 10,000, maker 0.
    pub split_bps: [u16; 5],
    /// Least stake that counts, atoms.
    pub min_stake: u64,
    /// Share of replies audited, parts per million.
    pub alpha_ppm: u64,
    /// Start of beacon round 0, Unix milliseconds.
    pub beacon_genesis_ms: u64,
    /// Length of a beacon round, milliseconds.
    pub beacon_period_ms: u64,
    /// Least length of an epoch, milliseconds.
    pub epoch_length_ms: u64,
    /// Epochs between unstake and withdrawal, at least 2.
    pub cooldown_epochs: u64,
    /// Atoms that a verifier gets for an audit.
    pub verifier_fee: u64,
}

impl Initialize {
    /// The instruction for the program at `program`.
    pub fn instruction(&self, program: &Address) -> Instruction {
        let mut data = Writer::instruction("initialize").raw(&self.network);
        for share in self.split_bps {
            data = data.u16(share);
        }
        Instruction {
            program_id: *program,
            accounts: vec![
                signer_mut(&self.admin),
                meta_mut(&address::mint(program)),
                meta_mut(&address::config(program)),
                meta_mut(&address::validator_set(program)),
                meta_mut(&address::epoch(program, 0)),
                meta_mut(&address::vault(program)),
                meta_mut(&address::stake_vault(program)),
                meta_mut(&address::reserve(program)),
                meta(&TOKEN_PROGRAM_ID),
                meta(&SYSTEM_PROGRAM_ID),
            ],
            data: data
                .u64(self.min_stake)
                .u64(self.alpha_ppm)
                .u64(self.beacon_genesis_ms)
                .u64(self.beacon_period_ms)
                .u64(self.epoch_length_ms)
                .u64(self.cooldown_epochs)
                .u64(self.verifier_fee)
                .finish(),
        }
    }
}
