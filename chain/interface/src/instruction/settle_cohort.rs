use super::{Settle, meta, meta_mut, signer_mut};
use crate::account::Shard;
use crate::bytes::Writer;
use crate::token::SYSTEM_PROGRAM_ID;
use crate::{Address, Instruction, address};

/// [`Settle`] of a reply that a cohort served.
#[derive(Clone, Debug)]
pub struct SettleCohort {
    /// The settlement; its co-signers sign this instruction.
    pub settle: Settle,
    /// Signs and pays the rent.
    pub payer: Address,
    /// Must sum to the provider's share.
    pub shards: Vec<Shard>,
}

impl SettleCohort {
    /// The instruction for the program at `program`.
    pub fn instruction(&self, program: &Address) -> Instruction {
        let mut accounts = Settle { cosigners: Vec::new(), ..self.settle.clone() }.instruction(program).accounts;
        accounts.extend([
            signer_mut(&self.payer),
            meta_mut(&address::cohort(program, &self.settle.reply_id)),
            meta(&SYSTEM_PROGRAM_ID),
        ]);
        accounts.extend(self.settle.cosigners.iter().map(super::signer));
        let count = u32::try_from(self.shards.len()).expect("invariant: a handful of shards");
        let data = self.settle.verdict.write(Writer::instruction("settle_cohort")).u32(count);
        let data = self
            .shards
            .iter()
            .fold(data, |data, shard| data.address(&shard.operator).address(&shard.payout).u64(shard.amount));
        Instruction { program_id: *program, accounts, data: data.finish() }
    }
}
