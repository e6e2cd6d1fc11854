//! What a validator asks of the chain, and nothing else. The real one is [`ogong_settlement::Chain`]; tests keep accounts
//! in memory. Plans, messages and their checks are pure and live in `ogong-settlement`, so both see the same ones.

use std::future::Future;
use std::pin::Pin;

use ogong_base::hash::{ModelRoot, ReplyId};
use ogong_base::model_id::ModelId;
use ogong_settlement::cosign::Cosignatures;
use ogong_settlement::interface::Address;
use ogong_settlement::interface::account::{Config, Escrow, Validator, ValidatorSet};
use ogong_settlement::plan::{Accounts, SettlePlan};
use ogong_settlement::solana::{Blockhash, Settled};
use ogong_settlement::{Chain, Error, Wallet};

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
}
