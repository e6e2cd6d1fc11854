use super::{meta, meta_mut, signer, signer_mut};
use crate::account::Role;
use crate::bytes::Writer;
use crate::token::{SYSTEM_PROGRAM_ID, TOKEN_PROGRAM_ID};
use crate::{Address, Instruction, address};

/// Where stake goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Movement {
    /// Atoms into the stake vault.
    Stake(u64),
    /// Atoms into cooldown.
    Unstake(u64),
    /// Everything that has cooled down out of the vault.
    Withdraw,
}

/// Moves a validator's stake. What it counts changes with the next epoch; in epoch 0 at once.
#[derive(Clone, Debug)]
pub struct MoveValidatorStake {
    /// Signs.
    pub authority: Address,
    /// The authority's own token account.
    pub authority_token: Address,
    /// The current epoch.
    pub epoch: u64,
    /// Where to.
    pub movement: Movement,
}

/// Moves a provider's, router's or verifier's stake.
#[derive(Clone, Debug)]
pub struct MoveOperatorStake {
    /// Signs.
    pub authority: Address,
    /// The authority's own token account.
    pub authority_token: Address,
    /// Of which role.
    pub role: Role,
    /// Where to.
    pub movement: Movement,
}

/// Begins the next epoch once the current one is over. Anyone may send it.
#[derive(Clone, Debug)]
pub struct AdvanceEpoch {
    /// Signs and pays the rent.
    pub payer: Address,
    /// The current epoch.
    pub epoch: u64,
}

/// Enters a validator's BLS key (SPEC 9.10).
#[derive(Clone, Debug)]
pub struct RegisterBlsKey {
    /// The validator; signs.
    pub authority: Address,
    /// K, compressed.
    pub key: [u8; 96],
    /// R, compressed.
    pub commitment: [u8; 96],
    /// s, big-endian.
    pub response: [u8; 32],
}

impl Movement {
    fn data(self, whose: &str) -> Vec<u8> {
        match self {
            Self::Stake(amount) => Writer::instruction(&format!("stake_{whose}")).u64(amount).finish(),
            Self::Unstake(amount) => Writer::instruction(&format!("unstake_{whose}")).u64(amount).finish(),
            Self::Withdraw => Writer::instruction(&format!("withdraw_{whose}")).finish(),
        }
    }
}

impl MoveValidatorStake {
    /// The instruction for the program at `program`.
    pub fn instruction(&self, program: &Address) -> Instruction {
        Instruction {
            program_id: *program,
            accounts: vec![
                signer(&self.authority),
                meta(&address::config(program)),
                meta_mut(&address::validator_set(program)),
                meta_mut(&address::epoch(program, self.epoch)),
                meta_mut(&address::validator(program, &self.authority)),
                meta_mut(&self.authority_token),
                meta_mut(&address::stake_vault(program)),
                meta(&TOKEN_PROGRAM_ID),
            ],
            data: self.movement.data("validator"),
        }
    }
}

impl MoveOperatorStake {
    /// The instruction for the program at `program`.
    pub fn instruction(&self, program: &Address) -> Instruction {
        Instruction {
            program_id: *program,
            accounts: vec![
                signer(&self.authority),
                meta(&address::config(program)),
                meta_mut(&address::operator(program, self.role, &self.authority)),
                meta_mut(&self.authority_token),
                meta_mut(&address::stake_vault(program)),
                meta(&TOKEN_PROGRAM_ID),
            ],
            data: self.movement.data("operator"),
        }
    }
}

impl AdvanceEpoch {
    /// The instruction for the program at `program`.
    pub fn instruction(&self, program: &Address) -> Instruction {
        Instruction {
            program_id: *program,
            accounts: vec![
                signer_mut(&self.payer),
                meta_mut(&address::config(program)),
                meta(&address::validator_set(program)),
                meta_mut(&address::epoch(program, self.epoch)),
                meta_mut(&address::epoch(program, self.epoch.wrapping_add(1))),
                meta(&SYSTEM_PROGRAM_ID),
            ],
            data: Writer::instruction("advance_epoch").finish(),
        }
    }
}

impl RegisterBlsKey {
    /// The instruction for the program at `program`.
    pub fn instruction(&self, program: &Address) -> Instruction {
        let data = Writer::instruction("register_bls_key").raw(&self.key).raw(&self.commitment);
        Instruction {
            program_id: *program,
            accounts: vec![
                signer(&self.authority),
                meta(&address::config(program)),
                meta_mut(&address::validator(program, &self.authority)),
            ],
            data: data.raw(&self.response).finish(),
        }
    }
}
