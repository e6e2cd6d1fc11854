use super::{meta, meta_mut, optional, optional_mut};
use crate::account::{Escrow, Role, Shard};
use crate::bytes::Writer;
use crate::token::TOKEN_PROGRAM_ID;
use crate::{Address, Instruction, address};

/// Pays what was decided (SPEC 9.5). Anyone may send it.
#[derive(Clone, Debug)]
pub struct Release {
    /// Which escrow.
    pub reply_id: [u8; 32],
    /// The current epoch: the work is counted in it.
    pub epoch: u64,
    /// Who is paid for the reply.
    pub provider: Served,
    /// A token account of the escrow's `router_payout`.
    pub router_token: Address,
    /// A token account of the decision's `fee_owner`.
    pub validator_token: Address,
    /// Where the change goes.
    pub change: Change,
    /// Authority of the registered router, as in the escrow.
    pub router_operator: Option<Address>,
}

/// Who served a reply.
#[derive(Clone, Debug)]
pub enum Served {
    /// One provider: a token account of the escrow's `provider_payout`, and the registered authority as in the escrow.
    Provider {
        /// Paid into.
        token: Address,
        /// None where it is not registered.
        operator: Option<Address>,
    },
    /// A cohort: its shards, each with a token account of its `payout`.
    Cohort(Vec<(Shard, Address)>),
}

/// Where the unspent part of an escrow goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// A token account of the escrow's `owner`.
    Token(Address),
    /// The deposit that the escrow was opened from.
    Deposit(Address),
}

impl Change {
    /// The change of an escrow whose owner keeps its tokens in `owner_token`.
    pub fn of(escrow: &Escrow, owner_token: Address) -> Self {
        if escrow.deposit == Address::default() { Self::Token(owner_token) } else { Self::Deposit(escrow.deposit) }
    }

    /// The pair of optional accounts: token account, deposit.
    pub(super) fn accounts(self, program: &Address) -> [crate::AccountMeta; 2] {
        let (token, deposit) = match self {
            Self::Token(token) => (Some(token), None),
            Self::Deposit(deposit) => (None, Some(deposit)),
        };
        [optional_mut(program, token.as_ref()), optional_mut(program, deposit.as_ref())]
    }
}

impl Release {
    /// The instruction for the program at `program`.
    pub fn instruction(&self, program: &Address) -> Instruction {
        let work = |role, operator: &Address| address::work(program, self.epoch, role, operator);
        let (provider_token, provider_work, cohort, rest) = match &self.provider {
            Served::Provider { token, operator } => {
                (Some(*token), operator.map(|operator| work(Role::Provider, &operator)), None, Vec::new())
            }
            Served::Cohort(shards) => {
                let place = address::cohort(program, &self.reply_id);
                let accounts = shards.iter().flat_map(|(shard, token)| {
                    let registered = shard.operator != Address::default();
                    let work = registered.then(|| meta_mut(&work(Role::Provider, &shard.operator)));
                    core::iter::once(meta_mut(token)).chain(work)
                });
                (None, None, Some(place), accounts.collect())
            }
        };
        let router_work = self.router_operator.map(|operator| work(Role::Router, &operator));
        let [owner_token, deposit] = self.change.accounts(program);
        let mut accounts = vec![
            meta(&address::config(program)),
            meta_mut(&address::epoch(program, self.epoch)),
            meta_mut(&address::escrow(program, &self.reply_id)),
            meta_mut(&address::vault(program)),
            optional_mut(program, provider_token.as_ref()),
            meta_mut(&self.router_token),
            meta_mut(&self.validator_token),
            meta_mut(&address::reserve(program)),
            owner_token,
            deposit,
            optional_mut(program, provider_work.as_ref()),
            optional_mut(program, router_work.as_ref()),
            optional(program, cohort.as_ref()),
            meta(&TOKEN_PROGRAM_ID),
        ];
        accounts.extend(rest);
        Instruction { program_id: *program, accounts, data: Writer::instruction("release").finish() }
    }
}
