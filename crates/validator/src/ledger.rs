//! What a validator asks of the chain, and nothing else. The real one is [`ogong_settlement::Chain`]; tests keep accounts
//! in memory. Plans, messages and their checks are pure and live in `ogong-settlement`, so both see the same ones.

use std::future::Future;
use std::pin::Pin;

use ogong_base::hash::{ModelRoot, ReplyId};
use ogong_base::model_id::ModelId;
use ogong_settlement::batch::BatchPlan;
use ogong_settlement::cosign::Cosignatures;
use ogong_settlement::interface::Address;
use ogong_settlement::interface::account::{Config, Escrow, Operator, Role, Validator, ValidatorSet};
use ogong_settlement::message::{Quorum, QuorumMessage, QuorumPlan};
use ogong_settlement::plan::{Accounts, SettlePlan};
use ogong_settlement::solana::{Blockhash, Closed, Confirmed, Settled};
use ogong_settlement::{Chain, Error, Wallet, emission};

use crate::config::ChainConfig;

/// An answer of the ledger that takes a while.
pub type Pending<'a, T> = Pin<Box<dyn Future<Output = Result<T, Error>> + Send + 'a>>;

/// Config and registry, read together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Registry {
    /// The network's parameters.
    pub config: Config,
    /// Stake as a settle counts it.
    pub set: ValidatorSet,
    /// The registrations.
    pub validators: Vec<Validator>,
}

/// The chain.
pub trait Ledger: Send + Sync + 'static {
    /// Reads config and registry.
    fn registry(&self) -> Pending<'_, Registry>;
    /// Reads the catalogue.
    fn model_root<'a>(&'a self, model: &'a ModelId) -> Pending<'a, Option<ModelRoot>>;
    /// Reads an escrow.
    fn escrow<'a>(&'a self, reply_id: &'a ReplyId) -> Pending<'a, Option<Escrow>>;
    /// Reads every account a settlement by `handler` is planned from.
    fn accounts<'a>(&'a self, reply_id: &'a ReplyId, handler: &'a Address) -> Pending<'a, Accounts>;
    /// Makes sure every payee of the plan has a token account.
    fn prepare<'a>(&'a self, plan: &'a SettlePlan, payer: &'a Wallet) -> Pending<'a, ()>;
    /// A recent blockhash to build a message with.
    fn blockhash(&self) -> Pending<'_, Blockhash>;
    /// Sends a signed settlement and waits until it is closed or its blockhash ran out.
    fn send<'a>(
        &'a self,
        reply_id: &'a ReplyId,
        signatures: &'a Cosignatures,
        blockhash: &'a Blockhash,
    ) -> Pending<'a, Settled>;
    /// Pays a decided escrow out.
    fn release<'a>(&'a self, reply_id: &'a ReplyId, payer: &'a Wallet) -> Pending<'a, Escrow>;
    /// What a plan's quorum signs, with the price of today; it rises with each attempt, counted from 0.
    fn message<'a>(
        &'a self,
        plan: &'a dyn QuorumPlan,
        quorum: &'a Quorum,
        blockhash: &'a Blockhash,
        attempt: u32,
    ) -> Pending<'a, QuorumMessage>;
    /// The registrations of some authorities in one role, in their order.
    fn operators<'a>(&'a self, role: Role, authorities: &'a [Address]) -> Pending<'a, Vec<Option<Operator>>>;
    /// Pays the verifiers that a closed escrow names and that are not paid yet.
    fn pay_verifiers<'a>(&'a self, reply_id: &'a ReplyId, payer: &'a Wallet) -> Pending<'a, Escrow>;
    /// The network's parameters and the chain's own clock, Unix milliseconds.
    fn calendar(&self) -> Pending<'_, (Config, u64)>;
    /// Ends an epoch, unless it has ended, and begins the next.
    fn advance_epoch<'a>(&'a self, payer: &'a Wallet, epoch: u64) -> Pending<'a, Config>;
    /// Ended epochs with work whose emission nobody has approved.
    fn unapproved_epochs(&self) -> Pending<'_, Vec<u64>>;
    /// Reads every account the approval of an epoch's emission is planned from.
    fn emission_accounts(&self, epoch: u64) -> Pending<'_, emission::Accounts>;
    /// Sends what a quorum has signed and waits for it.
    fn send_signed<'a>(&'a self, signatures: &'a Cosignatures, blockhash: &'a Blockhash) -> Pending<'a, Confirmed>;
    /// Approves a plan as its handler.
    fn approve<'a>(&'a self, plan: &'a dyn QuorumPlan, handler: &'a Wallet) -> Pending<'a, ()>;
    /// Who has approved a plan on chain.
    fn approved_by<'a>(&'a self, plan: &'a dyn QuorumPlan) -> Pending<'a, Vec<Address>>;
    /// Returns the rent of a plan's approvals once they were used.
    fn close_approvals<'a>(&'a self, plan: &'a dyn QuorumPlan, payer: &'a Wallet) -> Pending<'a, ()>;
    /// Settles one reply of a signed batch and pays it out.
    fn settle_batched<'a>(&'a self, batch: &'a BatchPlan, index: usize, payer: &'a Wallet) -> Pending<'a, Closed>;
    /// Returns the rent of a batch that is settled.
    fn close_batch<'a>(&'a self, batch: &'a BatchPlan, payer: &'a Wallet) -> Pending<'a, ()>;
}

impl Ledger for Chain {
    fn registry(&self) -> Pending<'_, Registry> {
        Box::pin(async move {
            // One after the other: a registration between two of the reads shows up whole at the next refresh.
            let config = self.config().await?;
            let set = self.validator_set().await?;
            let validators = self.validators().await?;
            Ok(Registry { config, set, validators })
        })
    }

    fn model_root<'a>(&'a self, model: &'a ModelId) -> Pending<'a, Option<ModelRoot>> {
        Box::pin(async move { Chain::model_root(self, &model.to_string()).await })
    }

    fn escrow<'a>(&'a self, reply_id: &'a ReplyId) -> Pending<'a, Option<Escrow>> {
        Box::pin(Chain::escrow(self, reply_id))
    }

    fn accounts<'a>(&'a self, reply_id: &'a ReplyId, handler: &'a Address) -> Pending<'a, Accounts> {
        Box::pin(self.settle_accounts(reply_id, handler))
    }

    fn prepare<'a>(&'a self, plan: &'a SettlePlan, payer: &'a Wallet) -> Pending<'a, ()> {
        Box::pin(self.prepare_payees(plan, payer))
    }

    fn blockhash(&self) -> Pending<'_, Blockhash> {
        Box::pin(Chain::blockhash(self))
    }

    fn send<'a>(
        &'a self,
        reply_id: &'a ReplyId,
        signatures: &'a Cosignatures,
        blockhash: &'a Blockhash,
    ) -> Pending<'a, Settled> {
        Box::pin(self.send_settlement(reply_id, signatures, blockhash))
    }

    fn release<'a>(&'a self, reply_id: &'a ReplyId, payer: &'a Wallet) -> Pending<'a, Escrow> {
        Box::pin(Chain::release(self, payer, reply_id))
    }

    fn message<'a>(
        &'a self,
        plan: &'a dyn QuorumPlan,
        quorum: &'a Quorum,
        blockhash: &'a Blockhash,
        attempt: u32,
    ) -> Pending<'a, QuorumMessage> {
        Box::pin(Chain::message(self, plan, quorum, blockhash, attempt))
    }

    fn operators<'a>(&'a self, role: Role, authorities: &'a [Address]) -> Pending<'a, Vec<Option<Operator>>> {
        Box::pin(Chain::operators(self, role, authorities))
    }

    fn pay_verifiers<'a>(&'a self, reply_id: &'a ReplyId, payer: &'a Wallet) -> Pending<'a, Escrow> {
        Box::pin(Chain::pay_verifiers(self, payer, reply_id))
    }

    fn calendar(&self) -> Pending<'_, (Config, u64)> {
        Box::pin(async move { Ok((self.config().await?, self.clock_ms().await?)) })
    }

    fn advance_epoch<'a>(&'a self, payer: &'a Wallet, epoch: u64) -> Pending<'a, Config> {
        Box::pin(Chain::advance_epoch(self, payer, epoch))
    }

    fn unapproved_epochs(&self) -> Pending<'_, Vec<u64>> {
        Box::pin(Chain::unapproved_epochs(self))
    }

    fn emission_accounts(&self, epoch: u64) -> Pending<'_, emission::Accounts> {
        Box::pin(Chain::emission_accounts(self, epoch))
    }

    fn send_signed<'a>(&'a self, signatures: &'a Cosignatures, blockhash: &'a Blockhash) -> Pending<'a, Confirmed> {
        Box::pin(Chain::send_signed(self, signatures, blockhash))
    }

    fn approve<'a>(&'a self, plan: &'a dyn QuorumPlan, handler: &'a Wallet) -> Pending<'a, ()> {
        Box::pin(Chain::approve(self, plan, handler))
    }

    fn approved_by<'a>(&'a self, plan: &'a dyn QuorumPlan) -> Pending<'a, Vec<Address>> {
        Box::pin(async move { Chain::approved_by(self, &plan.digest(), plan.validators().epoch).await })
    }

    fn close_approvals<'a>(&'a self, plan: &'a dyn QuorumPlan, payer: &'a Wallet) -> Pending<'a, ()> {
        Box::pin(async move { Chain::close_approvals(self, payer, &plan.digest(), plan.validators().epoch).await })
    }

    fn settle_batched<'a>(&'a self, batch: &'a BatchPlan, index: usize, payer: &'a Wallet) -> Pending<'a, Closed> {
        Box::pin(Chain::settle_batched(self, payer, batch, index))
    }

    fn close_batch<'a>(&'a self, batch: &'a BatchPlan, payer: &'a Wallet) -> Pending<'a, ()> {
        Box::pin(async move { Chain::close_batch(self, payer, &batch.root()).await })
    }
}

/// A chain that is connected to when it is first asked something, and again after it did not answer.
#[derive(Debug)]
pub struct LazyChain {
    rpc_url: String,
    program: Address,
    chain: tokio::sync::OnceCell<Chain>,
}

impl LazyChain {
    /// The chain of a config.
    #[must_use]
    pub fn new(config: &ChainConfig) -> Self {
        Self {
            rpc_url: config.rpc_url.clone(),
            program: ogong_settlement::address(&config.program),
            chain: tokio::sync::OnceCell::new(),
        }
    }

    async fn chain(&self) -> Result<&Chain, Error> {
        self.chain.get_or_try_init(|| Chain::attach(&self.rpc_url, self.program)).await
    }
}

impl Ledger for LazyChain {
    fn registry(&self) -> Pending<'_, Registry> {
        Box::pin(async move { Ledger::registry(self.chain().await?).await })
    }

    fn model_root<'a>(&'a self, model: &'a ModelId) -> Pending<'a, Option<ModelRoot>> {
        Box::pin(async move { Ledger::model_root(self.chain().await?, model).await })
    }

    fn escrow<'a>(&'a self, reply_id: &'a ReplyId) -> Pending<'a, Option<Escrow>> {
        Box::pin(async move { Ledger::escrow(self.chain().await?, reply_id).await })
    }

    fn accounts<'a>(&'a self, reply_id: &'a ReplyId, handler: &'a Address) -> Pending<'a, Accounts> {
        Box::pin(async move { Ledger::accounts(self.chain().await?, reply_id, handler).await })
    }

    fn prepare<'a>(&'a self, plan: &'a SettlePlan, payer: &'a Wallet) -> Pending<'a, ()> {
        Box::pin(async move { Ledger::prepare(self.chain().await?, plan, payer).await })
    }

    fn blockhash(&self) -> Pending<'_, Blockhash> {
        Box::pin(async move { Ledger::blockhash(self.chain().await?).await })
    }

    fn send<'a>(
        &'a self,
        reply_id: &'a ReplyId,
        signatures: &'a Cosignatures,
        blockhash: &'a Blockhash,
    ) -> Pending<'a, Settled> {
        Box::pin(async move { Ledger::send(self.chain().await?, reply_id, signatures, blockhash).await })
    }

    fn release<'a>(&'a self, reply_id: &'a ReplyId, payer: &'a Wallet) -> Pending<'a, Escrow> {
        Box::pin(async move { Ledger::release(self.chain().await?, reply_id, payer).await })
    }

    fn message<'a>(
        &'a self,
        plan: &'a dyn QuorumPlan,
        quorum: &'a Quorum,
        blockhash: &'a Blockhash,
        attempt: u32,
    ) -> Pending<'a, QuorumMessage> {
        Box::pin(async move { Ledger::message(self.chain().await?, plan, quorum, blockhash, attempt).await })
    }

    fn operators<'a>(&'a self, role: Role, authorities: &'a [Address]) -> Pending<'a, Vec<Option<Operator>>> {
        Box::pin(async move { Ledger::operators(self.chain().await?, role, authorities).await })
    }

    fn pay_verifiers<'a>(&'a self, reply_id: &'a ReplyId, payer: &'a Wallet) -> Pending<'a, Escrow> {
        Box::pin(async move { Ledger::pay_verifiers(self.chain().await?, reply_id, payer).await })
    }

    fn calendar(&self) -> Pending<'_, (Config, u64)> {
        Box::pin(async move { Ledger::calendar(self.chain().await?).await })
    }

    fn advance_epoch<'a>(&'a self, payer: &'a Wallet, epoch: u64) -> Pending<'a, Config> {
        Box::pin(async move { Ledger::advance_epoch(self.chain().await?, payer, epoch).await })
    }

    fn unapproved_epochs(&self) -> Pending<'_, Vec<u64>> {
        Box::pin(async move { Ledger::unapproved_epochs(self.chain().await?).await })
    }

    fn emission_accounts(&self, epoch: u64) -> Pending<'_, emission::Accounts> {
        Box::pin(async move { Ledger::emission_accounts(self.chain().await?, epoch).await })
    }

    fn send_signed<'a>(&'a self, signatures: &'a Cosignatures, blockhash: &'a Blockhash) -> Pending<'a, Confirmed> {
        Box::pin(async move { Ledger::send_signed(self.chain().await?, signatures, blockhash).await })
    }

    fn approve<'a>(&'a self, plan: &'a dyn QuorumPlan, handler: &'a Wallet) -> Pending<'a, ()> {
        Box::pin(async move { Ledger::approve(self.chain().await?, plan, handler).await })
    }

    fn approved_by<'a>(&'a self, plan: &'a dyn QuorumPlan) -> Pending<'a, Vec<Address>> {
        Box::pin(async move { Ledger::approved_by(self.chain().await?, plan).await })
    }

    fn close_approvals<'a>(&'a self, plan: &'a dyn QuorumPlan, payer: &'a Wallet) -> Pending<'a, ()> {
        Box::pin(async move { Ledger::close_approvals(self.chain().await?, plan, payer).await })
    }

    fn settle_batched<'a>(&'a self, batch: &'a BatchPlan, index: usize, payer: &'a Wallet) -> Pending<'a, Closed> {
        Box::pin(async move { Ledger::settle_batched(self.chain().await?, batch, index, payer).await })
    }

    fn close_batch<'a>(&'a self, batch: &'a BatchPlan, payer: &'a Wallet) -> Pending<'a, ()> {
        Box::pin(async move { Ledger::close_batch(self.chain().await?, batch, payer).await })
    }
}
