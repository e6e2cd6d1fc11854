//! The chain, as OGONG's services see it. Only this module and its children speak RPC.
//!
//! ```text
//! rpc      JSON-RPC over HTTP
//! read     config, validators, catalogue, escrows, balances
//! priority what is paid on top for a place in a block
//! submit   sign, send, confirm, retry
//! write    what a wallet does by itself: open an escrow, register, administer
//! stake    what providers, routers and verifiers stake
//! epochs   the next one begun, an ended one's emission approved
//! operators who is registered for an order, and verifiers' flat fees
//! approvals a quorum collected on the chain
//! batch    many settlements by one quorum's word
//! earnings what a key has earned in each epoch, and taking it
//! settle   what validators do together: settle, refund
//! ```

mod approvals;
mod batch;
mod earnings;
mod epochs;
mod operators;
mod priority;
mod read;
mod rpc;
mod settle;
mod stake;
mod submit;
mod write;

pub use earnings::{Claims, EPOCHS_MAX, Earner, Earning, Standing};
use ogong_chain_interface::Address;
pub use operators::unpaid;
pub use priority::PRIORITY_FEE_MAX_DEFAULT;
pub use rpc::Blockhash;
pub use settle::{Closed, Settled};
pub use stake::Enrolment;
pub use submit::Confirmed;
pub use write::{Initialisation, Launch, Registration};

use crate::error::Error;
use rpc::Rpc;

/// A client of one deployment of the program on one chain. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Chain {
    rpc: Rpc,
    program: Address,
    priority_fee_max: u64,
}

impl Chain {
    /// Connects to a chain that runs OGONG.
    ///
    /// # Errors
    /// [`Error::Unreachable`] when nobody answers, [`Error::ProgramMissing`] when it is another chain,
    /// [`Error::NotInitialised`] when the program has no config.
    pub async fn connect(rpc_url: &str, program: Address) -> Result<Self, Error> {
        let chain = Self::attach(rpc_url, program).await?;
        let config = chain.config().await?;
        tracing::debug!(rpc_url, %program, mint = %config.mint, "connected to the chain");
        Ok(chain)
    }

    /// Connects to a chain whose program need not be initialised yet.
    ///
    /// # Errors
    /// [`Error::Unreachable`] or [`Error::ProgramMissing`].
    pub async fn attach(rpc_url: &str, program: Address) -> Result<Self, Error> {
        let chain = Self { rpc: Rpc::new(rpc_url)?, program, priority_fee_max: PRIORITY_FEE_MAX_DEFAULT };
        chain.rpc.version().await?;
        let account = chain.rpc.accounts(&[program]).await?.pop().flatten();
        if !account.is_some_and(|account| account.executable) {
            return Err(Error::ProgramMissing { url: rpc_url.to_owned(), program });
        }
        Ok(chain)
    }

    /// The program's address.
    pub fn program(&self) -> Address {
        self.program
    }

    /// Where the chain answers.
    pub fn rpc_url(&self) -> &str {
        self.rpc.url()
    }

    /// A recent blockhash to build a message with.
    ///
    /// # Errors
    /// When the chain does not answer.
    pub async fn blockhash(&self) -> Result<Blockhash, Error> {
        self.rpc.blockhash().await
    }
}
