//! [`Chain`] over `ogong-settlement`: the escrows that are really paid.

use crate::chain::{Chain, ChainError, EscrowState, Opening, Terms};
use futures::FutureExt;
use futures::future::BoxFuture;
use ogong_base::codec::Encode;
use ogong_base::{ModelId, ModelRoot, NetworkId, NodeId, ReplyId};
use ogong_settlement::interface::account::{EscrowStatus, Role};
use ogong_settlement::interface::{Address, ChainError as Refusal, instruction as escrow};
use ogong_settlement::{Error, Wallet, address, chain_key};
use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// What the chain said about itself and its catalogue is believed this long (SPEC 6, registry refresh).
const FRESH: Duration = Duration::from_millis(ogong_base::params::REGISTRY_REFRESH_MS);
/// Catalogue entries, and registrations, remembered at most.
const ROOTS_MAX: usize = 1_024;

/// A payer's wallet on one chain.
pub struct Payer {
    chain: ogong_settlement::Chain,
    wallet: Wallet,
    known: Mutex<Known>,
}

#[derive(Default)]
struct Known {
    terms: Option<(Instant, Terms)>,
    roots: HashMap<ModelId, (Instant, ModelRoot)>,
    operators: HashMap<(Role, NodeId, Address), (Instant, Option<Address>)>,
}

impl Payer {
    /// A payer on `chain`.
    pub fn new(chain: ogong_settlement::Chain, wallet: Wallet) -> Self {
        Self { chain, wallet, known: Mutex::default() }
    }

    fn known(&self) -> std::sync::MutexGuard<'_, Known> {
        // Valid after every statement that changes it.
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn fresh_terms(&self) -> Result<Terms, ChainError> {
        if let Some((at, terms)) = self.known().terms
            && at.elapsed() < FRESH
        {
            return Ok(terms);
        }
        let config = self.chain.config().await.map_err(unread)?;
        let terms = Terms {
            network: NetworkId::from_bytes(config.network),
            program: chain_key(&self.chain.program()),
            owner: self.wallet.key(),
            epoch: config.stake_epoch,
        };
        self.known().terms = Some((Instant::now(), terms));
        Ok(terms)
    }

    async fn fresh_root(&self, model: &ModelId) -> Result<Option<ModelRoot>, ChainError> {
        if let Some((at, root)) = self.known().roots.get(model)
            && at.elapsed() < FRESH
        {
            return Ok(Some(*root));
        }
        let root = self.chain.model_root(&model.to_string()).await.map_err(unread)?;
        let mut known = self.known();
        if known.roots.len() >= ROOTS_MAX {
            known.roots.clear();
        }
        if let Some(root) = root {
            known.roots.insert(model.clone(), (Instant::now(), root));
        }
        Ok(root)
    }

    /// The registration under which an order's node earns, if it has one. What is not found is looked for again: nodes register
    /// while they run.
    async fn fresh_operator(&self, role: Role, node: NodeId, payout: Address) -> Result<Option<Address>, ChainError> {
        let key = (role, node, payout);
        if let Some((at, found)) = self.known().operators.get(&key)
            && at.elapsed() < FRESH
        {
            return Ok(*found);
        }
        let found = self.chain.operator_of(role, &node, &payout).await.map_err(unread)?;
        let mut known = self.known();
        if known.operators.len() >= ROOTS_MAX {
            known.operators.clear();
        }
        known.operators.insert(key, (Instant::now(), found));
        Ok(found)
    }

    async fn escrow_terms(&self, opening: &Opening<'_>) -> Result<escrow::Terms, ChainError> {
        let (provider_payout, router_payout) = (address(&opening.provider_payout), address(&opening.router_payout));
        let order = opening.order;
        Ok(escrow::Terms {
            session_key: opening.session_key,
            provider_payout,
            router_payout,
            provider_operator: self.fresh_operator(Role::Provider, order.provider, provider_payout).await?,
            router_operator: self.fresh_operator(Role::Router, order.router, router_payout).await?,
        })
    }

    async fn opened(&self, opening: Opening<'_>) -> Result<(), ChainError> {
        let order = opening.order.to_bytes();
        let mut opened = self.chain.open_escrow(&self.wallet, &order, self.escrow_terms(&opening).await?).await;
        if matches!(opened, Err(Error::Refused(Refusal::OperatorMismatch))) {
            // A registration has changed since it was read.
            self.known().operators.clear();
            opened = self.chain.open_escrow(&self.wallet, &order, self.escrow_terms(&opening).await?).await;
        }
        match opened {
            Ok(_) => Ok(()),
            Err(error @ Error::Poor { .. }) => Err(ChainError::Funds(error.to_string())),
            // The token program's own refusal does not say who lacks what.
            Err(error @ Error::Transaction(_)) => match self.chain.token_balance(&self.wallet.address()).await {
                Ok(have) if have < opening.order.max_fee => Err(ChainError::Funds(format!(
                    "{} holds {have} atoms, {} needed",
                    self.wallet.address(),
                    opening.order.max_fee
                ))),
                _ => Err(ChainError::Refused(error.to_string())),
            },
            Err(error) if error.is_transient() => Err(ChainError::Unreachable(error.to_string())),
            Err(error) => Err(ChainError::Refused(error.to_string())),
        }
    }
}

impl Chain for Payer {
    fn terms(&self) -> BoxFuture<'_, Result<Terms, ChainError>> {
        self.fresh_terms().boxed()
    }

    fn model_root<'a>(&'a self, model: &'a ModelId) -> BoxFuture<'a, Result<Option<ModelRoot>, ChainError>> {
        self.fresh_root(model).boxed()
    }

    fn open<'a>(&'a self, opening: Opening<'a>) -> BoxFuture<'a, Result<(), ChainError>> {
        self.opened(opening).boxed()
    }

    fn state(&self, reply_id: ReplyId) -> BoxFuture<'_, Result<EscrowState, ChainError>> {
        async move {
            let escrow = self.chain.escrow(&reply_id).await.map_err(unread)?;
            Ok(match escrow.map(|escrow| escrow.status) {
                None => EscrowState::Missing,
                Some(EscrowStatus::Open) => EscrowState::Open,
                Some(EscrowStatus::Settled | EscrowStatus::Decided | EscrowStatus::Refunded) => EscrowState::Closed,
            })
        }
        .boxed()
    }

    fn refund_expired(&self, reply_id: ReplyId) -> BoxFuture<'_, Result<(), ChainError>> {
        async move {
            let refunded = self.chain.refund_expired(&self.wallet, &reply_id).await;
            refunded.map(drop).map_err(|error| {
                if error.is_transient() { unread(error) } else { ChainError::Refused(error.to_string()) }
            })
        }
        .boxed()
    }
}

fn unread(error: Error) -> ChainError {
    ChainError::Unreachable(error.to_string())
}
