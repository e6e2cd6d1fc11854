use super::{Verdict, meta, meta_mut, optional_mut, signer, signer_mut};
use crate::bytes::Writer;
use crate::token::SYSTEM_PROGRAM_ID;
use crate::{Address, Instruction, address};

/// Signs the root over many settlements (SPEC 9.8), by the same quorum as [`super::Settle`].
#[derive(Clone, Debug)]
pub struct SettleBatch {
    /// The registered validator that sends it and pays the rent; its fee owner is paid the validator's share of each.
    pub handler: Address,
    /// The other registered validators that sign; none where there are approvals.
    pub cosigners: Vec<Address>,
    /// The account that the approvals of the batch's digest were collected in.
    pub approvals: Option<Address>,
    /// [`crate::merkle::root`] over the settlements' digests.
    pub root: [u8; 32],
    /// How many there are.
    pub count: u32,
    /// The epoch whose stake signs; every settlement names the same.
    pub stake_epoch: u64,
    /// Unix milliseconds; no settlement of the batch goes through later.
    pub expiry_ms: u64,
}

/// Settles one reply of a batch. Anyone may send it.
#[derive(Clone, Debug)]
pub struct SettleBatched {
    /// The batch's root.
    pub root: [u8; 32],
    /// Which escrow.
    pub reply_id: [u8; 32],
    /// What was decided.
    pub verdict: Verdict,
    /// The settlement's place among the leaves.
    pub index: u32,
    /// [`crate::merkle::proof`] of that place.
    pub proof: Vec<[u8; 32]>,
}

/// Returns a batch's rent. Anyone may send it.
#[derive(Clone, Debug)]
pub struct CloseBatch {
    /// The batch's root.
    pub root: [u8; 32],
    /// Who paid the rent.
    pub payer: Address,
}

impl SettleBatch {
    /// The instruction for the program at `program`.
    pub fn instruction(&self, program: &Address) -> Instruction {
        let mut accounts = vec![
            signer_mut(&self.handler),
            meta(&address::validator(program, &self.handler)),
            meta(&address::config(program)),
            meta(&address::epoch(program, self.stake_epoch)),
            meta_mut(&address::batch(program, &self.root)),
            optional_mut(program, self.approvals.as_ref()),
            meta(&SYSTEM_PROGRAM_ID),
        ];
        accounts.extend(self.cosigners.iter().map(signer));
        let data = Writer::instruction("settle_batch").raw(&self.root).u32(self.count);
        let data = data.u64(self.stake_epoch).u64(self.expiry_ms).finish();
        Instruction { program_id: *program, accounts, data }
    }
}

impl SettleBatched {
    /// The instruction for the program at `program`.
    pub fn instruction(&self, program: &Address) -> Instruction {
        let data = self.verdict.write(Writer::instruction("settle_batched")).u32(self.index);
        Instruction {
            program_id: *program,
            accounts: vec![
                meta(&address::config(program)),
                meta_mut(&address::epoch(program, self.verdict.stake_epoch)),
                meta_mut(&address::batch(program, &self.root)),
                meta_mut(&address::escrow(program, &self.reply_id)),
            ],
            data: data.list(self.proof.iter()).finish(),
        }
    }
}

impl CloseBatch {
    /// The instruction for the program at `program`.
    pub fn instruction(&self, program: &Address) -> Instruction {
        Instruction {
            program_id: *program,
            accounts: vec![meta_mut(&address::batch(program, &self.root)), meta_mut(&self.payer)],
            data: Writer::instruction("close_batch").finish(),
        }
    }
}
