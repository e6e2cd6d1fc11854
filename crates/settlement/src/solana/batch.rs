//! Settling the replies of a batch that a quorum has signed (SPEC 9.8).

use ogong_base::hash::ReplyId;
use ogong_chain_interface::{
    account::{Batch, EscrowStatus},
    address,
    instruction::CloseBatch,
};

use super::{Chain, settle::Closed};
use crate::{batch::BatchPlan, error::Error, wallet::Wallet};

impl Chain {
    /// A batch that a quorum has signed, unless it is closed again.
    ///
    /// # Errors
    /// When the chain does not answer.
    pub async fn batch(&self, root: &[u8; 32]) -> Result<Option<Batch>, Error> {
        self.one("batch", address::batch(&self.program, root), Batch::decode).await
    }

    /// Settles one reply of a signed batch by its proof and pays it out; anyone may pay for the transactions. Closed already: returns it
    /// as it is.
    ///
    /// # Errors
    /// [`Error::Foreign`] where the batch has no such leaf, or when the chain refuses or does not answer.
    pub async fn settle_batched(&self, payer: &Wallet, batch: &BatchPlan, index: usize) -> Result<Closed, Error> {
        let none = || Error::Foreign("the batch has no such settlement");
        let plan = batch.plans().get(index).ok_or_else(none)?;
        let reply_id: ReplyId = plan.settlement.reply_id;
        let settle = batch.settle_one(index).ok_or_else(none)?;
        self.prepare_payees(plan, payer).await?;
        if self.closed(&reply_id).await?.is_none() {
            let both: Vec<_> = std::iter::once(settle.clone()).chain(plan.release()).collect();
            let sent = match self.submit(&both, &[payer]).await {
                Err(Error::TooLong { .. }) => self.submit(&[settle], &[payer]).await,
                sent => sent,
            };
            if self.closed(&reply_id).await?.is_none() {
                return Err(sent.err().unwrap_or(Error::Transaction("confirmed, but the escrow is still open".into())));
            }
        }
        let closed = self.closed(&reply_id).await?.ok_or(Error::Transaction("closed, and not".into()))?;
        if closed.escrow.status == EscrowStatus::Decided {
            return Ok(Closed { escrow: self.release(payer, &reply_id).await?, ..closed });
        }
        Ok(closed)
    }

    /// Returns a batch's rent once every reply of it is settled, or it has expired; nothing is sent where it is closed.
    ///
    /// # Errors
    /// When the chain refuses or does not answer.
    pub async fn close_batch(&self, payer: &Wallet, root: &[u8; 32]) -> Result<(), Error> {
        let Some(found) = self.batch(root).await? else { return Ok(()) };
        let close = CloseBatch { root: *root, payer: found.payer };
        let sent = self.submit(&[close.instruction(&self.program)], &[payer]).await;
        if self.batch(root).await?.is_none() { Ok(()) } else { sent.map(drop) }
    }
}
