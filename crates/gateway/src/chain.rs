//! What the gateway needs of the chain: the network's terms, the model catalogue, and escrows of its own (SPEC 9).
//!
//! A trait, because a gateway is tested without a chain; [`crate::solana`] is the one that pays.

use futures::future::BoxFuture;
use ogong_base::{ChainKey, ModelId, ModelRoot, NetworkId, ReplyId};
use ogong_commitment::order::Order;

/// What every order of this gateway names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Terms {
    /// The network (SPEC 1.7).
    pub network: NetworkId,
    /// The program that holds the escrows.
    pub program: ChainKey,
    /// Who pays and is refunded.
    pub owner: ChainKey,
    /// The epoch of stakes.
    pub epoch: u64,
}

/// An escrow to open.
#[derive(Clone, Copy, Debug)]
pub struct Opening<'a> {
    /// The order it pays for.
    pub order: &'a Order,
    /// The key that signed the order.
    pub session_key: [u8; 32],
    /// Where the provider's share goes.
    pub provider_payout: ChainKey,
    /// Where the router's share goes.
    pub router_payout: ChainKey,
}

/// How an escrow stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EscrowState {
    /// There is none of this reply id.
    Missing,
    /// It holds its money.
    Open,
    /// Settled or refunded.
    Closed,
}

/// Why the chain did not do it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ChainError {
    /// No answer from the RPC endpoint, or none that confirms.
    #[error("chain is not reachable: {0}")]
    Unreachable(String),
    /// The payer lacks tokens or fees.
    #[error("payer cannot cover the escrow: {0}")]
    Funds(String),
    /// The program refused.
    #[error("chain refused: {0}")]
    Refused(String),
}

/// The chain as the gateway uses it.
pub trait Chain: Send + Sync + 'static {
    /// Network, program, payer and epoch.
    fn terms(&self) -> BoxFuture<'_, Result<Terms, ChainError>>;

    /// The catalogue's root of a model; `None` when the model is not in it.
    fn model_root<'a>(&'a self, model: &'a ModelId) -> BoxFuture<'a, Result<Option<ModelRoot>, ChainError>>;

    /// Opens an escrow and waits until it is confirmed.
    fn open<'a>(&'a self, opening: Opening<'a>) -> BoxFuture<'a, Result<(), ChainError>>;

    /// How an escrow stands.
    fn state(&self, reply_id: ReplyId) -> BoxFuture<'_, Result<EscrowState, ChainError>>;

    /// Takes the money of an expired escrow back.
    fn refund_expired(&self, reply_id: ReplyId) -> BoxFuture<'_, Result<(), ChainError>>;
}
