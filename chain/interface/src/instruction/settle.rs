use super::{meta, meta_mut, signer};
use crate::bytes::Writer;
use crate::token::TOKEN_PROGRAM_ID;
use crate::{Address, Instruction, address};

/// Pays an accepted reply out of its escrow (SPEC 9.5). The handler and the co-signers together need more than two thirds of
/// the stake; each is named once.
#[derive(Clone, Debug)]
pub struct Settle {
    /// The registered validator that sends it (and should pay the transaction's fee); signs, counts, and is paid the
    /// validator's share.
    pub handler: Address,
    /// The other registered validators that sign, the handler not among them.
    pub cosigners: Vec<Address>,
    /// Which escrow.
    pub reply_id: [u8; 32],
    /// A token account of the escrow's `provider_payout`.
    pub provider_token: Address,
    /// A token account of the escrow's `router_payout`.
    pub router_token: Address,
    /// A token account of the handler's `fee_owner`.
    pub validator_token: Address,
    /// A token account of the config's `reserve_owner`.
    pub reserve_token: Address,
    /// A token account of the escrow's `owner`, for the change.
    pub owner_token: Address,
    /// SPEC 3.9.
    pub record_hash: [u8; 32],
    /// 1 accept or 2 not selected.
    pub outcome: u8,
    /// SPEC 5.7.
    pub verdict_hash: [u8; 32],
    /// The beacon round of the draw.
    pub round: u64,
    /// Prompt tokens.
    pub n_prompt: u32,
    /// Billed tokens, at most the order's `max_tokens`.
    pub n_billed: u32,
    /// The validator set's epoch.
    pub stake_epoch: u64,
    /// Unix milliseconds, at most the order's deadline.
    pub expiry_ms: u64,
}

impl Settle {
    /// The instruction for the program at `program`.
    pub fn instruction(&self, program: &Address) -> Instruction {
        let mut accounts = vec![
            signer(&self.handler),
            meta(&address::validator(program, &self.handler)),
            meta(&address::config(program)),
            meta(&address::validator_set(program)),
            meta_mut(&address::escrow(program, &self.reply_id)),
            meta_mut(&address::vault(program)),
            meta_mut(&self.provider_token),
            meta_mut(&self.router_token),
            meta_mut(&self.validator_token),
            meta_mut(&self.reserve_token),
            meta_mut(&self.owner_token),
            meta(&TOKEN_PROGRAM_ID),
        ];
        accounts.extend(self.cosigners.iter().map(signer));
        Instruction {
            program_id: *program,
            accounts,
            data: Writer::instruction("settle")
                .raw(&self.record_hash)
                .u8(self.outcome)
                .raw(&self.verdict_hash)
                .u64(self.round)
                .u32(self.n_prompt)
                .u32(self.n_billed)
                .u64(self.stake_epoch)
                .u64(self.expiry_ms)
                .finish(),
        }
    }
}
