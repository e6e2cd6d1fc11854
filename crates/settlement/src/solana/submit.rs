//! Sign, send, confirm; and again with a new blockhash when the old one ran out.
//!
//! A transaction is named by its signature and lands at most once while its blockhash lives. So the same bytes may be sent as
//! often as one likes, and an answer that got lost is no answer: only the chain's own word (confirmed, failed, or a height past
//! the blockhash's last with the transaction nowhere) ends the wait. Another transaction for the same thing is made only after
//! the last of these; when the node stays away, the caller learns that nobody knows.

use std::time::Duration;

use ogong_chain_interface::{Address, Instruction};
use tracing::debug;

use super::{
    Chain,
    rpc::{Blockhash, Status},
};
use crate::{
    cosign::{Cosignatures, SignedTransaction},
    error::Error,
    message::compile,
    price::priced,
    wallet::Wallet,
};

/// How often a transaction's status is asked for.
const POLL_PAUSE: Duration = Duration::from_millis(250);
/// Polls between sending the same bytes again: a leader may have dropped them.
const POLLS_PER_SEND: u32 = 8;
/// Behind one address there may be several nodes, some late: a transaction has expired only this many blocks after its last.
const EXPIRY_SLACK_BLOCKS: u64 = 16;
/// A blockhash lives 150 blocks, about a minute; a chain that makes no blocks is given up after this.
const CONFIRM_LIMIT: Duration = Duration::from_secs(90);
/// Blockhashes tried before giving up.
const BLOCKHASHES_MAX: u32 = 3;

/// A transaction that the chain has confirmed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Confirmed {
    /// Its name on the chain, base58.
    pub signature: String,
}

impl Chain {
    /// Sends instructions that our own wallets sign, the first one paying, until they are confirmed.
    ///
    /// # Errors
    /// [`Error::Refused`] or [`Error::Transaction`] when the chain says no, [`Error::Expired`] when it says nothing.
    pub(super) async fn submit(&self, instructions: &[Instruction], wallets: &[&Wallet]) -> Result<Confirmed, Error> {
        let payer = wallets.first().ok_or(Error::Unsigned(1))?;
        for attempt in 0..BLOCKHASHES_MAX {
            let blockhash = self.rpc.blockhash().await?;
            let price = self.price(instructions, attempt).await;
            let message = compile(&priced(instructions, price), &payer.address(), blockhash.hash)
                .or_else(|_| compile(instructions, &payer.address(), blockhash.hash))?;
            let mut signatures = Cosignatures::new(message);
            for wallet in wallets {
                signatures.sign(wallet)?;
            }
            match self.send_and_confirm(&signatures.assemble()?, &blockhash).await {
                Err(Error::Expired) => debug!(attempt, price, "blockhash expired"),
                outcome => return outcome,
            }
        }
        Err(Error::Expired)
    }

    /// Sends a whole transaction and waits until it is confirmed, failed or expired.
    pub(super) async fn send_and_confirm(
        &self,
        transaction: &SignedTransaction,
        blockhash: &Blockhash,
    ) -> Result<Confirmed, Error> {
        match self.rpc.send(&transaction.bytes, true).await {
            Err(error) if !error.is_lost_answer() => return Err(error),
            Err(error) => debug!(%error, signature = transaction.signature, "no answer to a sent transaction"),
            Ok(()) => {}
        }
        let confirmed = tokio::time::timeout(CONFIRM_LIMIT, self.confirm(transaction, blockhash)).await;
        confirmed.unwrap_or_else(|_| Err(Error::Unconfirmed { signature: transaction.signature.clone() }))
    }

    async fn confirm(&self, transaction: &SignedTransaction, blockhash: &Blockhash) -> Result<Confirmed, Error> {
        let signature = &transaction.signature;
        let mut polls = 0u32;
        loop {
            // The height is read before the status: a transaction seen nowhere after its last block will never land.
            let last = blockhash.last_valid_height.saturating_add(EXPIRY_SLACK_BLOCKS);
            let over = self.rpc.block_height().await.is_ok_and(|height| height > last);
            match self.rpc.status(signature).await {
                Ok(Status::Confirmed) => return Ok(Confirmed { signature: signature.clone() }),
                Ok(Status::Failed(error)) => return Err(error),
                Ok(Status::Unknown) if over => return Err(Error::Expired),
                Ok(Status::Unknown) => {}
                // What was sent may land all the same: keep asking until the time is up.
                Err(error) => debug!(%error, signature, "status could not be read"),
            }
            tokio::time::sleep(POLL_PAUSE).await;
            polls += 1;
            if polls.is_multiple_of(POLLS_PER_SEND)
                && let Err(error) = self.rpc.send(&transaction.bytes, false).await
            {
                debug!(%error, signature, "sending again failed");
            }
        }
    }

    /// Waits until the chain knows a transaction that somebody else made.
    pub(super) async fn await_signature(&self, signature: String) -> Result<Confirmed, Error> {
        let blockhash = self.rpc.blockhash().await?;
        let waiting = async {
            loop {
                match self.rpc.status(&signature).await? {
                    Status::Confirmed => return Ok(()),
                    Status::Failed(error) => return Err(error),
                    Status::Unknown if self.rpc.block_height().await? > blockhash.last_valid_height => {
                        return Err(Error::Expired);
                    }
                    Status::Unknown => tokio::time::sleep(POLL_PAUSE).await,
                }
            }
        };
        tokio::time::timeout(CONFIRM_LIMIT, waiting).await.unwrap_or(Err(Error::Expired))?;
        Ok(Confirmed { signature })
    }

    /// Fails early and clearly when a wallet cannot pay fees at all.
    pub(super) async fn require_lamports(&self, payer: &Address, need: u64) -> Result<(), Error> {
        let have = self.lamports(payer).await?;
        if have < need {
            return Err(Error::Poor { owner: *payer, have, need, unit: "lamports" });
        }
        Ok(())
    }
}
