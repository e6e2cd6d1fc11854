//! Approvals: a quorum that one transaction does not hold, collected on the chain one validator at a time (SPEC 9.4).

use ogong_chain_interface::{
    Address,
    account::{Approvals, Epoch},
    address,
    instruction::{Approve, CloseApprovals},
};

use super::Chain;
use crate::{error::Error, message::QuorumPlan, wallet::Wallet};

impl Chain {
    /// Who of an epoch's validators has approved a digest.
    ///
    /// # Errors
    /// When the chain does not answer.
    pub async fn approved_by(&self, digest: &[u8; 32], epoch: u64) -> Result<Vec<Address>, Error> {
        let Some(found) = self.approvals(digest, epoch).await? else { return Ok(Vec::new()) };
        let place = address::epoch(&self.program, epoch);
        let epoch = self.one("epoch", place, Epoch::decode).await?;
        let epoch = epoch.ok_or(Error::AccountMissing { what: "epoch", address: place })?;
        let members = epoch.set.members.iter().enumerate();
        Ok(members.filter(|(place, _)| found.signers >> place & 1 == 1).map(|(_, (key, _))| *key).collect())
    }

    /// Approves a plan as its handler; the first approval makes the account and pays its rent. Done already: nothing is sent.
    ///
    /// # Errors
    /// When the chain refuses or does not answer.
    pub async fn approve(&self, plan: &dyn QuorumPlan, handler: &Wallet) -> Result<(), Error> {
        let (digest, epoch, validator) = (plan.digest(), plan.validators().epoch, handler.address());
        if self.approved_by(&digest, epoch).await?.contains(&validator) {
            return Ok(());
        }
        let approve = Approve { validator, digest, stake_epoch: epoch };
        let sent = self.submit(&[approve.instruction(&self.program)], &[handler]).await;
        if self.approved_by(&digest, epoch).await?.contains(&validator) { Ok(()) } else { sent.map(drop) }
    }

    /// Returns the rent of approvals that were used; nothing is sent where there are none.
    ///
    /// # Errors
    /// When the chain refuses, as it does before they were used, or does not answer.
    pub async fn close_approvals(&self, payer: &Wallet, digest: &[u8; 32], epoch: u64) -> Result<(), Error> {
        let Some(found) = self.approvals(digest, epoch).await? else { return Ok(()) };
        let close = CloseApprovals { digest: *digest, stake_epoch: epoch, payer: found.payer };
        let sent = self.submit(&[close.instruction(&self.program)], &[payer]).await;
        if self.approvals(digest, epoch).await?.is_none() { Ok(()) } else { sent.map(drop) }
    }

    async fn approvals(&self, digest: &[u8; 32], epoch: u64) -> Result<Option<Approvals>, Error> {
        self.one("approvals", address::approvals(&self.program, digest, epoch), Approvals::decode).await
    }
}
