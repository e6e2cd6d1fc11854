//! A verdict with what a co-signer needs to derive the payment from it: the same for the handler and for every peer.

use ogong_audit::{Evidence, Verdict};
use ogong_base::codec::Decode;
use ogong_base::hash::{ChainKey, ReplyId};
use ogong_commitment::order::Order;
use ogong_settlement::plan::{Decision, SettlePlan};
use ogong_settlement::{Error as ChainError, address};

use crate::error::Error;
use crate::ledger::Ledger;
use crate::payout::{decision, verdict_of};
use crate::state::Entry;

/// A decided reply.
#[derive(Debug, Clone)]
pub struct Case {
    /// The reply.
    pub reply_id: ReplyId,
    /// Evidence bytes, as peers get them.
    pub evidence: Vec<u8>,
    /// Verdict bytes.
    pub verdict_bytes: Vec<u8>,
    /// What money follows.
    pub decision: Decision,
}

impl Case {
    /// The case an entry holds.
    ///
    /// # Errors
    /// When the entry is not decided, or the store holds something else.
    pub fn of(entry: &Entry) -> Result<Self, Error> {
        let verdict = verdict_of(entry)?;
        let evidence =
            entry.work.evidence.clone().ok_or_else(|| Error::Audit("a verdict without evidence".to_owned()))?;
        let order = Order::from_bytes(&entry.pushed.order)?;
        let (n_prompt, n_billed) = entry.work.billing.unwrap_or_default();
        let decision = decision(&verdict, &order, n_prompt, n_billed)?;
        Ok(Self {
            reply_id: entry.reply_id,
            evidence,
            verdict_bytes: entry.work.verdict.clone().unwrap_or_default(),
            decision,
        })
    }

    /// The payment, from the accounts as they are on chain now.
    ///
    /// # Errors
    /// When the chain does not answer, or the accounts do not allow it.
    pub async fn plan(&self, ledger: &dyn Ledger, handler: ChainKey) -> Result<SettlePlan, ChainError> {
        plan(ledger, &self.reply_id, handler, &self.decision).await
    }
}

/// The payment of a decision handled by `handler`.
///
/// # Errors
/// As [`Case::plan`].
pub async fn plan(
    ledger: &dyn Ledger,
    reply_id: &ReplyId,
    handler: ChainKey,
    decision: &Decision,
) -> Result<SettlePlan, ChainError> {
    let accounts = ledger.accounts(reply_id, &address(&handler)).await?;
    SettlePlan::new(&accounts, decision)
}

/// What a verdict decides about money, derived from evidence alone.
///
/// # Errors
/// A verdict that neither settles nor refunds.
pub fn derived(evidence: &Evidence, verdict: &Verdict, billing: Option<(u32, u32)>) -> Result<Decision, Error> {
    let (n_prompt, n_billed) = billing.unwrap_or_default();
    decision(verdict, &evidence.order, n_prompt, n_billed)
}
