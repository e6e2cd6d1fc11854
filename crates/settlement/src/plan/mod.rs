//! What a verdict means for an escrow (SPEC 9.3–9.6): pure, so that every validator makes the same plan by itself.
//!
//! Inputs are the accounts as the chain holds them and the validator's own decision; outputs are the instruction, every
//! amount, and the digest. Wallets are paid into their associated token accounts.

mod decision;
mod order;
mod release;

use ogong_base::hash::{ChainKey, NetworkId, ReplyId};
use ogong_chain_interface::{
    Address, Instruction, VERIFIERS_MAX,
    account::{Config, Escrow, EscrowStatus, Role, Validator, ValidatorSet},
    address,
    instruction::{RefundReject, Settle, Verdict as Decided},
};

pub use self::decision::{Decision, OUTCOME_ACCEPT, OUTCOME_NOT_SELECTED, OUTCOME_REJECT};
pub use self::order::check_order;
pub use self::release::{change, registered, release};
use crate::{
    digest::Settlement,
    error::Error,
    message::{Quorum, QuorumPlan},
    split::{Split, Terms},
    wallet::chain_key,
};

/// The accounts a plan is made from.
#[derive(Debug, Clone)]
pub struct Accounts {
    /// The program's address.
    pub program: Address,
    /// The network's parameters.
    pub config: Config,
    /// Who may sign, with what weight.
    pub validators: ValidatorSet,
    /// The registration of the validator that handles.
    pub handler: Validator,
    /// The reply's escrow.
    pub escrow: Escrow,
}

/// A settlement or refund, decided to the last atom; only the co-signers are open.
#[derive(Debug, Clone)]
pub struct SettlePlan {
    /// What is digested, with every payee and amount.
    pub settlement: Settlement,
    /// The shares; absent in a refund.
    pub split: Option<Split>,
    /// Who may sign, with what weight.
    pub validators: ValidatorSet,
    /// The validator that handles and pays the transaction's fee.
    pub handler: Address,
    program: Address,
    mint: Address,
    escrow: Escrow,
    verifiers: Vec<Address>,
}

impl SettlePlan {
    /// Makes the plan.
    ///
    /// # Errors
    /// When the escrow is not open, the decision neither settles nor refunds, breaks the escrow's terms, or the accounts do
    /// not belong together.
    pub fn new(accounts: &Accounts, decision: &Decision) -> Result<Self, Error> {
        let Accounts { program, config, validators, handler, escrow } = accounts;
        check_accounts(accounts, decision)?;
        let (split, payees, [n_prompt, n_billed, n_counted]) = match decision.outcome {
            OUTCOME_ACCEPT | OUTCOME_NOT_SELECTED => {
                let split = settle_split(config, escrow, decision)?;
                let payees = [
                    (escrow.provider_payout, split.provider),
                    (escrow.router_payout, split.router),
                    (handler.fee_owner, split.validator),
                    (config.reserve_owner, split.reserve),
                    (escrow.owner, split.change),
                ];
                (Some(split), payees.to_vec(), [decision.n_prompt, decision.n_billed, decision.n_counted])
            }
            OUTCOME_REJECT => (None, vec![(escrow.owner, escrow.max_fee)], [0; 3]),
            other => return Err(Error::OutcomeOpen(other)),
        };
        let verifiers = decision.verifiers.iter().map(|verifier| (*verifier, config.verifier_fee));
        let settlement = Settlement {
            network: NetworkId::from_bytes(config.network),
            program: chain_key(program),
            reply_id: ReplyId::from_bytes(escrow.reply_id),
            record_hash: decision.record_hash,
            outcome: decision.outcome,
            verdict_hash: decision.verdict_hash,
            round: decision.round,
            n_prompt,
            n_billed,
            n_counted,
            payees: payees.into_iter().chain(verifiers).map(|(payee, atoms)| (chain_key(&payee), atoms)).collect(),
            stake_epoch: validators.epoch,
            expiry_ms: decision.expiry_ms,
        };
        Ok(Self {
            settlement,
            split,
            validators: validators.clone(),
            handler: handler.authority,
            program: *program,
            mint: config.mint,
            escrow: escrow.clone(),
            verifiers: decision.verifiers.clone(),
        })
    }

    /// Whether the escrow goes back to its owner.
    pub fn is_refund(&self) -> bool {
        self.split.is_none()
    }

    /// The wallets whose token accounts have to exist before the transaction is sent: all but the reserve, which is the
    /// program's, the owner where a deposit takes the change, and verifiers, whom the reserve pays by itself.
    pub fn payees(&self) -> impl Iterator<Item = Address> {
        let reserve = address::config(&self.program);
        let of_deposit = (self.escrow.deposit != Address::default()).then_some(self.escrow.owner);
        let of_escrow = self.settlement.payees.len() - self.verifiers.len();
        let keys = self.settlement.payees.iter().take(of_escrow).map(|(key, _)| crate::wallet::address(key));
        keys.filter(move |key| *key != reserve && Some(*key) != of_deposit)
    }

    /// The registered operators whose work accounts have to exist; none in a refund.
    pub fn works(&self) -> Vec<(Role, Address)> {
        if self.is_refund() { Vec::new() } else { registered(&self.escrow) }
    }

    /// Authorities of the verifiers that the decision names.
    pub fn verifiers(&self) -> &[Address] {
        &self.verifiers
    }

    /// Of which token.
    pub fn mint(&self) -> Address {
        self.mint
    }

    /// The wallet that gets the validator's share; none in a refund.
    pub fn fee_owner(&self) -> Option<Address> {
        self.split.as_ref()?;
        self.settlement.payees.get(2).map(|(key, _)| crate::wallet::address(key))
    }

    /// What pays a decided settlement; none in a refund, which pays by itself.
    pub fn release(&self) -> Option<Instruction> {
        let fee_owner = self.fee_owner()?;
        Some(release(&self.program, &self.mint, &self.escrow, &fee_owner, self.settlement.stake_epoch))
    }

    fn settle(&self, quorum: &Quorum) -> Instruction {
        let (cosigners, approvals) = quorum.parts();
        let settle = Settle {
            handler: self.handler,
            cosigners,
            approvals,
            reply_id: *self.settlement.reply_id.as_bytes(),
            verdict: self.verdict(),
        };
        settle.instruction(&self.program)
    }

    fn refund(&self, quorum: &Quorum) -> Instruction {
        let (cosigners, approvals) = quorum.parts();
        let refund = RefundReject {
            handler: self.handler,
            cosigners,
            approvals,
            reply_id: *self.settlement.reply_id.as_bytes(),
            change: change(&self.escrow, &self.mint),
            verdict: self.verdict(),
        };
        refund.instruction(&self.program)
    }

    /// What the program is told was decided.
    pub(crate) fn verdict(&self) -> Decided {
        let settlement = &self.settlement;
        Decided {
            req_hash: self.escrow.req_hash,
            record_hash: *settlement.record_hash.as_bytes(),
            outcome: settlement.outcome,
            verdict_hash: *settlement.verdict_hash.as_bytes(),
            round: settlement.round,
            n_prompt: settlement.n_prompt,
            n_billed: settlement.n_billed,
            n_counted: settlement.n_counted,
            stake_epoch: settlement.stake_epoch,
            expiry_ms: settlement.expiry_ms,
            verifiers: self.verifiers.clone(),
        }
    }
}

impl QuorumPlan for SettlePlan {
    fn handler(&self) -> Address {
        self.handler
    }

    fn validators(&self) -> &ValidatorSet {
        &self.validators
    }

    fn program(&self) -> Address {
        self.program
    }

    fn digest(&self) -> [u8; 32] {
        *self.settlement.digest().as_bytes()
    }

    /// The decision, and behind it the release where both fit.
    fn instructions(&self, quorum: &Quorum) -> Vec<Vec<Instruction>> {
        let decision = if self.is_refund() { self.refund(quorum) } else { self.settle(quorum) };
        let both = self.release().map(|release| vec![decision.clone(), release]);
        both.into_iter().chain([vec![decision]]).collect()
    }
}

fn check_accounts(accounts: &Accounts, decision: &Decision) -> Result<(), Error> {
    let repeated =
        |(place, key): (usize, &Address)| decision.verifiers.iter().skip(place + 1).any(|other| other == key);
    if decision.verifiers.len() > VERIFIERS_MAX || decision.verifiers.iter().enumerate().any(repeated) {
        return Err(Error::Foreign("the verifiers are more than three, or one is named twice"));
    }
    let Accounts { config, validators, handler, escrow, .. } = accounts;
    if escrow.status != EscrowStatus::Open {
        return Err(Error::NotOpen { reply_id: ReplyId::from_bytes(escrow.reply_id), status: escrow.status });
    }
    if validators.epoch != config.stake_epoch {
        return Err(Error::EpochMixed { set: validators.epoch, config: config.stake_epoch });
    }
    if validators.stake_of(&handler.authority).is_none() {
        return Err(Error::NotAValidator(chain_key(&handler.authority)));
    }
    if decision.expiry_ms > escrow.deadline_ms {
        return Err(Error::ExpiryAfterDeadline { expiry_ms: decision.expiry_ms, deadline_ms: escrow.deadline_ms });
    }
    Ok(())
}

fn settle_split(config: &Config, escrow: &Escrow, decision: &Decision) -> Result<Split, Error> {
    if decision.n_billed > escrow.max_tokens {
        return Err(Error::BilledOverMax { n_billed: decision.n_billed, max_tokens: escrow.max_tokens });
    }
    let terms =
        Terms { price_prompt: escrow.price_prompt, price_completion: escrow.price_completion, max_fee: escrow.max_fee };
    Split::of(terms.fee(decision.n_prompt, decision.n_billed), escrow.max_fee, &config.split_bps)
}

/// A [`ChainKey`] list of the validator set, as [`crate::handlers::order`] takes it.
pub fn stakes(validators: &ValidatorSet) -> Vec<(ChainKey, u64)> {
    validators.members.iter().map(|(key, stake)| (chain_key(key), *stake)).collect()
}

#[cfg(test)]
pub(crate) mod tests;
