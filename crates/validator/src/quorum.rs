//! A quorum's agreement to one plan, gathered from peers (SPEC 9.4).
//!
//! ```text
//! few enough     one message that names handler and co-signers ─▶ each signs it ─▶ one transaction
//! too many       each approves the digest in a small transaction that the handler pays for ─▶ the chain collects them ─▶ one
//!                transaction that names the collection
//! ```
//!
//! What a peer is asked and checks is the caller's; every signature is verified here before it is used.

use std::sync::Arc;

use ogong_settlement::cosign::Cosignatures;
use ogong_settlement::interface::Address;
use ogong_settlement::message::{Quorum, QuorumMessage, QuorumPlan};
use ogong_settlement::solana::Blockhash;
use ogong_settlement::{Error as ChainError, address};
use tokio::task::JoinSet;
use tracing::{debug, warn};

use crate::error::Error;
use crate::ledger::Ledger;
use crate::node::Node;
use crate::roster::Member;

/// A peer's signature over the message it was sent, and what it gave beside it.
pub type Signed<T> = ([u8; 64], T);

/// What came of asking.
pub struct Collected<T> {
    /// Whole and ready to be sent; none where somebody is missing.
    pub transaction: Option<(Cosignatures, Blockhash)>,
    /// What those that agreed gave beside their signatures.
    pub agreed: Vec<T>,
    /// Those that did not, and why.
    pub refused: Vec<(Member, String)>,
    /// Whether approvals were collected on chain: their rent can be had back.
    pub by_approvals: bool,
}

/// Asks `members` to agree to `plan`; `attempt` counts from 0 and raises what is paid for a place in a block.
///
/// # Errors
/// When the chain does not answer or refuses.
pub async fn collect<T, F, A>(
    node: &Arc<Node>,
    ledger: &dyn Ledger,
    plan: &dyn QuorumPlan,
    (members, attempt): (&[Member], u32),
    ask: F,
) -> Result<Collected<T>, Error>
where
    T: Send + 'static,
    F: Fn(Member, Vec<u8>) -> A,
    A: Future<Output = Result<Signed<T>, String>> + Send + 'static,
{
    let keys: Vec<Address> = members.iter().map(|member| address(&member.authority)).collect();
    let blockhash = ledger.blockhash().await?;
    let message = match ledger.message(plan, &Quorum::Cosigners(keys), &blockhash, attempt).await {
        Err(ChainError::TooLong { .. }) => return approvals(node, ledger, plan, (members, attempt), ask).await,
        message => message?,
    };
    let mut signatures = Cosignatures::new(message);
    signatures.sign(&node.keys.wallet)?;
    let mut asked = JoinSet::new();
    for member in members {
        let (answer, member) = (ask(member.clone(), signatures.message().to_vec()), member.clone());
        asked.spawn(async move { (answer.await, member) });
    }
    let mut collected = Collected { transaction: None, agreed: Vec::new(), refused: Vec::new(), by_approvals: false };
    while let Some(joined) = asked.join_next().await {
        let Ok((answer, member)) = joined else { continue };
        collected.take(&mut signatures, member, answer);
    }
    collected.transaction = Some((signatures, blockhash)).filter(|(signatures, _)| is_whole(signatures));
    Ok(collected)
}

async fn approvals<T, F, A>(
    node: &Arc<Node>,
    ledger: &dyn Ledger,
    plan: &dyn QuorumPlan,
    (members, attempt): (&[Member], u32),
    ask: F,
) -> Result<Collected<T>, Error>
where
    T: Send + 'static,
    F: Fn(Member, Vec<u8>) -> A,
    A: Future<Output = Result<Signed<T>, String>> + Send + 'static,
{
    ledger.approve(plan, &node.keys.wallet).await?;
    let done = ledger.approved_by(plan).await?;
    let blockhash = ledger.blockhash().await?;
    let mut asked = JoinSet::new();
    for member in members.iter().filter(|member| !done.contains(&address(&member.authority))) {
        let message = QuorumMessage::approval(plan, &address(&member.authority), blockhash.hash, 0)?;
        let mut signatures = Cosignatures::new(message);
        signatures.sign(&node.keys.wallet)?;
        let (answer, member) = (ask(member.clone(), signatures.message().to_vec()), member.clone());
        asked.spawn(async move { (answer.await, member, signatures) });
    }
    let mut collected = Collected { transaction: None, agreed: Vec::new(), refused: Vec::new(), by_approvals: true };
    while let Some(joined) = asked.join_next().await {
        let Ok((answer, member, mut signatures)) = joined else { continue };
        collected.take(&mut signatures, member, answer);
        if is_whole(&signatures)
            && let Err(error) = ledger.send_signed(&signatures, &blockhash).await
        {
            debug!(%error, "an approval was not taken");
        }
    }
    let validators = plan.validators();
    let approved = ledger.approved_by(plan).await?;
    let signed = approved.iter().filter_map(|key| validators.stake_of(key)).fold(0, u64::saturating_add);
    if validators.is_quorum(signed) {
        let blockhash = ledger.blockhash().await?;
        let place = ogong_settlement::interface::address::approvals(&plan.program(), &plan.digest(), validators.epoch);
        let message = ledger.message(plan, &Quorum::Approvals(place), &blockhash, attempt).await?;
        let mut signatures = Cosignatures::new(message);
        signatures.sign(&node.keys.wallet)?;
        collected.transaction = Some((signatures, blockhash));
    }
    Ok(collected)
}

/// Gets the rent of used approvals back; they cost nothing but rent where that fails.
pub async fn close_approvals(node: &Node, ledger: &dyn Ledger, plan: &dyn QuorumPlan) {
    if let Err(error) = ledger.close_approvals(plan, &node.keys.wallet).await {
        warn!(%error, "approvals not closed, their rent stays on chain");
    }
}

fn is_whole(signatures: &Cosignatures) -> bool {
    signatures.missing().next().is_none()
}

impl<T> Collected<T> {
    fn take(&mut self, signatures: &mut Cosignatures, member: Member, answer: Result<Signed<T>, String>) {
        let added = answer.and_then(|(signature, beside)| {
            signatures.add(&address(&member.authority), signature).map_err(|err| err.to_string())?;
            Ok(beside)
        });
        match added {
            Ok(beside) => self.agreed.push(beside),
            Err(why) => self.refused.push((member, why)),
        }
    }
}
