use super::{meta, meta_mut, signer};
use crate::account::Role;
use crate::bytes::Writer;
use crate::evidence::LivenessAnswer;
use crate::{Address, INSTRUCTIONS_SYSVAR_ID, Instruction, address};

/// Credits a provider's answer to a challenge, by a quorum (SPEC 9.13). [`crate::ed25519::verify`] stands in front of it.
#[derive(Clone, Debug)]
pub struct RecordLiveness {
    /// The registered validator that sends it; signs and counts.
    pub handler: Address,
    /// The other registered validators that sign, the handler not among them.
    pub cosigners: Vec<Address>,
    /// The account of the approvals, where they were collected.
    pub approvals: Option<Address>,
    /// The provider's authority.
    pub authority: Address,
    /// Account of its published key.
    pub node_key: Address,
    /// What it signed.
    pub answer: LivenessAnswer,
    /// The epoch of the round, whose stake votes.
    pub stake_epoch: u64,
}

impl RecordLiveness {
    /// The instruction for the program at `program`.
    pub fn instruction(&self, program: &Address) -> Instruction {
        let mut accounts = vec![
            signer(&self.handler),
            meta(&address::config(program)),
            meta_mut(&address::epoch(program, self.stake_epoch)),
            meta(&address::operator(program, Role::Provider, &self.authority)),
            meta(&self.node_key),
            meta_mut(&address::work(program, self.stake_epoch, Role::Provider, &self.authority)),
            super::optional_mut(program, self.approvals.as_ref()),
            meta(&INSTRUCTIONS_SYSVAR_ID),
        ];
        accounts.extend(self.cosigners.iter().map(signer));
        Instruction {
            program_id: *program,
            accounts,
            data: Writer::instruction("record_liveness")
                .u64(self.answer.round)
                .raw(&self.answer.beacon)
                .u64(self.answer.answered_ms)
                .u64(self.stake_epoch)
                .finish(),
        }
    }
}
