//! A chain on paper: it keeps escrows and refuses what it is told to refuse.

use futures::FutureExt;
use futures::future::BoxFuture;
use ogong_base::{ChainKey, ModelId, ModelRoot, NetworkId, ReplyId};
use ogong_gateway::chain::{Chain, ChainError, EscrowState, Opening, Terms};
use std::collections::BTreeMap;
use std::sync::Mutex;

pub fn network() -> NetworkId {
    NetworkId::from_bytes([1; 32])
}

pub fn root() -> ModelRoot {
    ModelRoot::from_bytes([2; 32])
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Escrow {
    pub state: EscrowState,
    pub max_fee: u64,
    pub provider_payout: ChainKey,
    pub router_payout: ChainKey,
}

#[derive(Default)]
pub struct PaperChain {
    pub escrows: Mutex<BTreeMap<ReplyId, Escrow>>,
    pub refusal: Mutex<Option<&'static str>>,
}

impl PaperChain {
    pub fn refuse(&self, with: &'static str) {
        *self.refusal.lock().unwrap() = Some(with);
    }

    pub fn count(&self) -> usize {
        self.escrows.lock().unwrap().len()
    }
}

impl Chain for PaperChain {
    fn terms(&self) -> BoxFuture<'_, Result<Terms, ChainError>> {
        let terms = Terms {
            network: network(),
            program: ChainKey::from_bytes([3; 32]),
            owner: ChainKey::from_bytes([4; 32]),
            epoch: 5,
        };
        async move { Ok(terms) }.boxed()
    }

    fn model_root<'a>(&'a self, model: &'a ModelId) -> BoxFuture<'a, Result<Option<ModelRoot>, ChainError>> {
        async move { Ok((model.maker() == "acme").then(root)) }.boxed()
    }

    fn open<'a>(&'a self, opening: Opening<'a>) -> BoxFuture<'a, Result<(), ChainError>> {
        async move {
            match *self.refusal.lock().unwrap() {
                Some("funds") => return Err(ChainError::Funds("0 atoms held".into())),
                Some("unreachable") => return Err(ChainError::Unreachable("connection refused".into())),
                _ => {}
            }
            let escrow = Escrow {
                state: EscrowState::Open,
                max_fee: opening.order.max_fee,
                provider_payout: opening.provider_payout,
                router_payout: opening.router_payout,
            };
            self.escrows.lock().unwrap().insert(opening.order.reply_id(), escrow);
            Ok(())
        }
        .boxed()
    }

    fn state(&self, reply_id: ReplyId) -> BoxFuture<'_, Result<EscrowState, ChainError>> {
        let state = self.escrows.lock().unwrap().get(&reply_id).map_or(EscrowState::Missing, |escrow| escrow.state);
        async move { Ok(state) }.boxed()
    }

    fn refund_expired(&self, reply_id: ReplyId) -> BoxFuture<'_, Result<(), ChainError>> {
        async move {
            if *self.refusal.lock().unwrap() == Some("refund") {
                return Err(ChainError::Refused("the order's deadline has not passed".into()));
            }
            self.escrows.lock().unwrap().get_mut(&reply_id).expect("an escrow").state = EscrowState::Closed;
            Ok(())
        }
        .boxed()
    }
}
