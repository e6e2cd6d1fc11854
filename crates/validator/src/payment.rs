//! A verdict with what a co-signer needs to derive the payment from it: the same for the handler and for every peer.
//!
//! A settlement names the verifiers whose reports counted, so that the reserve pays each its flat fee whatever the verdict
//! (SPEC 9.5). Whom it names follows from the evidence and the chain alone: the stake owner of the verifier's own signed
//! announcement, where the chain has that verifier's node registered under it. So a handler can name nobody else, and a
//! registration of somebody else's node earns nothing.

use ogong_audit::{Evidence, Verdict};
use ogong_base::codec::Decode;
use ogong_base::hash::{ChainKey, ReplyId};
use ogong_commitment::order::Order;
use ogong_settlement::interface::account::{BondStatus, Role};
use ogong_settlement::interface::{Address, VERIFIERS_MAX};
use ogong_settlement::plan::{Decision, SettlePlan};
use ogong_settlement::{Error as ChainError, address};

use crate::error::Error;
use crate::ledger::Ledger;
use crate::payout::{decision, verdict_of};
use crate::state::{Entry, Scorer};

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
    /// The verifiers whose reports counted.
    pub scorers: Vec<Scorer>,
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
            scorers: entry.work.scorers.clone(),
        })
    }

    /// The payment, from the accounts as they are on chain now.
    ///
    /// # Errors
    /// When the chain does not answer, or the accounts do not allow it.
    pub async fn plan(&self, ledger: &dyn Ledger, handler: ChainKey) -> Result<SettlePlan, ChainError> {
        plan(ledger, &self.reply_id, handler, &self.decision, &self.scorers).await
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
    scorers: &[Scorer],
) -> Result<SettlePlan, ChainError> {
    let accounts = ledger.accounts(reply_id, &address(&handler)).await?;
    let verifiers = registered(ledger, scorers).await?;
    SettlePlan::new(&accounts, &Decision { verifiers, ..decision.clone() })
}

/// The verifiers whose reports counted, with the stake owners that they announced themselves. A report that answers nothing, or
/// not the job, is no audit.
#[must_use]
pub fn scorers(decided: &ogong_audit::Decision, evidence: &Evidence) -> Vec<Scorer> {
    let counted = decided.findings.iter().filter(|finding| finding.vote.is_ok());
    counted
        .filter_map(|finding| {
            let announced = evidence.candidates.iter().find(|signed| signed.node_id() == finding.verifier)?;
            let owner = announced.body.stake_owner;
            (owner != ChainKey::ZERO && announced.verify().is_ok())
                .then(|| Scorer { node_id: *finding.verifier.as_bytes(), stake_owner: *owner.as_bytes() })
        })
        .collect()
}

/// Those of them that are registered as verifiers on chain, by authority; one owner once.
async fn registered(ledger: &dyn Ledger, scorers: &[Scorer]) -> Result<Vec<Address>, ChainError> {
    if scorers.is_empty() {
        return Ok(Vec::new());
    }
    let owners: Vec<Address> = scorers.iter().map(|scorer| Address::new_from_array(scorer.stake_owner)).collect();
    let found = ledger.operators(Role::Verifier, &owners).await?;
    let mut named = Vec::new();
    for (operator, scorer) in found.into_iter().zip(scorers) {
        let Some(operator) = operator else { continue };
        let its_own = operator.node_id == scorer.node_id && operator.bond.status != BondStatus::Ejected;
        if its_own && !named.contains(&operator.authority) && named.len() < VERIFIERS_MAX {
            named.push(operator.authority);
        }
    }
    Ok(named)
}

/// What a verdict decides about money, derived from evidence alone.
///
/// # Errors
/// A verdict that neither settles nor refunds.
pub fn derived(evidence: &Evidence, verdict: &Verdict, billing: Option<(u32, u32)>) -> Result<Decision, Error> {
    let (n_prompt, n_billed) = billing.unwrap_or_default();
    decision(verdict, &evidence.order, n_prompt, n_billed)
}
