//! What validators do together: settle a reply or return its escrow (SPEC 9.4–9.8).
//!
//! Before anything is sent and after every error the escrow is looked at: whoever closed it, it is closed, and a
//! settlement that another handler sent meanwhile is a success. So a process that died between sending and hearing of it just
//! settles again: it finds the escrow closed, and the transaction that closed it in the chain's history.

use ogong_base::hash::ReplyId;
use ogong_chain_interface::{
    Address,
    account::{Config, Escrow, EscrowStatus},
    address,
};
use tracing::debug;

use super::{Chain, rpc::Blockhash, submit::Confirmed};
use crate::{
    cosign::Cosignatures,
    error::Error,
    message::{Quorum, QuorumMessage, QuorumPlan, SIGNATURE_BYTES},
    plan::{SettlePlan, registered, release},
    wallet::Wallet,
};

/// Blockhashes for which co-signatures are collected before giving up; each lives about a minute.
const ROUNDS_MAX: u32 = 3;
/// Transactions on one escrow that are looked through for the one that closed it.
const HISTORY_MAX: usize = 100;

/// An escrow that is closed, by us or by somebody else.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Closed {
    /// As it stands now: its hashes say by which verdict.
    pub escrow: Escrow,
    /// The transaction that closed it, whoever sent it; absent where the node keeps no history that far back.
    pub signature: Option<String>,
}

/// What became of one sent settlement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Settled {
    /// It is closed.
    Closed(Closed),
    /// The blockhash ran out first: collect signatures for a new one.
    Expired,
}

/// A peer's signature over the message.
pub type PeerSignature = (Address, [u8; SIGNATURE_BYTES]);

impl Chain {
    /// Creates the token accounts of a plan's payees, where they are missing; a settle fails without them.
    ///
    /// # Errors
    /// When the chain refuses or does not answer.
    pub async fn prepare_payees(&self, plan: &SettlePlan, payer: &Wallet) -> Result<(), Error> {
        let owners: Vec<Address> = plan.payees().collect();
        self.create_token_accounts(payer, &plan.mint(), &owners).await?;
        self.open_works(payer, plan.settlement.stake_epoch, &plan.works()).await
    }

    /// Pays a decided escrow out; anyone may pay for the transaction. Paid or refunded already: returns it as it is.
    ///
    /// # Errors
    /// [`Error::AccountMissing`] when there is no such escrow, or when the chain refuses or does not answer.
    pub async fn release(&self, payer: &Wallet, reply_id: &ReplyId) -> Result<Escrow, Error> {
        let place = address::escrow(&self.program(), reply_id.as_bytes());
        let missing = || Error::AccountMissing { what: "escrow", address: place };
        let escrow = self.escrow(reply_id).await?.ok_or_else(missing)?;
        if escrow.status != EscrowStatus::Decided {
            return Ok(escrow);
        }
        let Config { mint, stake_epoch, .. } = self.config().await?;
        let fee_owner = escrow.decision.fee_owner;
        let mut owners = vec![escrow.provider_payout, escrow.router_payout, fee_owner];
        if escrow.deposit == Address::default() {
            owners.push(escrow.owner);
        }
        self.create_token_accounts(payer, &mint, &owners).await?;
        self.open_works(payer, stake_epoch, &registered(&escrow)).await?;
        let release = release(&self.program(), &mint, &escrow, &fee_owner, stake_epoch);
        let outcome = self.submit(&[release], &[payer]).await;
        let now = self.escrow(reply_id).await?.ok_or_else(missing)?;
        if now.status == EscrowStatus::Decided { outcome.and(Ok(now)) } else { Ok(now) }
    }

    /// Sends a fully signed settlement and waits for it.
    ///
    /// # Errors
    /// When the program refuses it while the escrow is still open, or signatures are missing.
    pub async fn send_settlement(
        &self,
        reply_id: &ReplyId,
        signatures: &Cosignatures,
        blockhash: &Blockhash,
    ) -> Result<Settled, Error> {
        if let Some(closed) = self.closed(reply_id).await? {
            return Ok(Settled::Closed(closed));
        }
        let outcome = self.send_and_confirm(&signatures.assemble()?, blockhash).await;
        if let Some(closed) = self.closed(reply_id).await? {
            return Ok(Settled::Closed(match outcome {
                Ok(Confirmed { signature }) => Closed { signature: Some(signature), ..closed },
                Err(_) => closed,
            }));
        }
        match outcome {
            Err(Error::Expired) => Ok(Settled::Expired),
            Err(error) => Err(error),
            Ok(_) => Err(Error::Transaction("confirmed, but the escrow is still open".into())),
        }
    }

    /// The whole of a handler's work: payees' accounts, message, signatures, sending, a new blockhash when one runs out.
    ///
    /// `collect` gets the message's bytes and the co-signers it names, and returns what signatures it could get; wrong ones
    /// are dropped here. Signatures that stay missing end the attempt with [`Error::Unsigned`], so that the
    /// caller can choose other co-signers.
    ///
    /// # Errors
    /// As above, and [`Error::Expired`] when no blockhash lived long enough.
    pub async fn settle<F, S>(
        &self,
        plan: &SettlePlan,
        handler: &Wallet,
        cosigners: &[Address],
        mut collect: F,
    ) -> Result<Closed, Error>
    where
        F: FnMut(Vec<u8>, Vec<Address>) -> S,
        S: Future<Output = Vec<PeerSignature>>,
    {
        let reply_id = plan.settlement.reply_id;
        if let Some(closed) = self.closed(&reply_id).await? {
            return Ok(closed);
        }
        self.prepare_payees(plan, handler).await?;
        for round in 0..ROUNDS_MAX {
            let blockhash = self.blockhash().await?;
            let quorum = Quorum::Cosigners(cosigners.to_vec());
            let message = self.message(plan, &quorum, &blockhash, round).await?;
            let mut signatures = Cosignatures::new(message);
            signatures.sign(handler)?;
            let asked: Vec<Address> = signatures.missing().collect();
            for (signer, signature) in collect(signatures.message().to_vec(), asked).await {
                if let Err(error) = signatures.add(&signer, signature) {
                    debug!(%error, %signer, "co-signature dropped");
                }
            }
            match self.send_settlement(&reply_id, &signatures, &blockhash).await? {
                Settled::Closed(closed) if closed.escrow.status == EscrowStatus::Decided => {
                    return Ok(Closed { escrow: self.release(handler, &reply_id).await?, ..closed });
                }
                Settled::Closed(closed) => return Ok(closed),
                Settled::Expired => debug!(round, %reply_id, "settlement's blockhash expired"),
            }
        }
        Err(Error::Expired)
    }

    /// What a plan's quorum signs, with the price of today where it fits: it rises with each attempt, counted from 0.
    ///
    /// # Errors
    /// As [`QuorumMessage::build`].
    pub async fn message(
        &self,
        plan: &dyn QuorumPlan,
        quorum: &Quorum,
        blockhash: &Blockhash,
        attempt: u32,
    ) -> Result<QuorumMessage, Error> {
        let instructions = plan.instructions(quorum).into_iter().next().unwrap_or_default();
        let build = |price| match quorum {
            Quorum::Cosigners(cosigners) => QuorumMessage::build(plan, cosigners, blockhash.hash, price),
            Quorum::Approvals(_) => QuorumMessage::of_approvals(plan, blockhash.hash, price),
        };
        let price = self.price(&instructions, attempt).await;
        match build(price) {
            // Signatures come first: without the price there is room for one more.
            Err(Error::TooLong { .. }) if price > 0 => build(0),
            built => built,
        }
    }

    /// The escrow of a reply, if it is closed, and the transaction that closed it.
    ///
    /// # Errors
    /// [`Error::AccountMissing`] when there is no such escrow, or when the chain does not answer.
    pub async fn closed(&self, reply_id: &ReplyId) -> Result<Option<Closed>, Error> {
        let place = address::escrow(&self.program(), reply_id.as_bytes());
        let escrow = self.escrow(reply_id).await?.ok_or(Error::AccountMissing { what: "escrow", address: place })?;
        if escrow.status == EscrowStatus::Open {
            return Ok(None);
        }
        // The last transaction that wrote it: a closed escrow is never written again. Later ones were refused.
        let history = self.rpc.signatures(&place, HISTORY_MAX).await;
        let signature = history.unwrap_or_default().into_iter().next();
        Ok(Some(Closed { escrow, signature }))
    }
}
