//! Many settlements that one quorum signs at once, by their Merkle root (SPEC 9.8).
//!
//! Leaves are settlement digests, in the order of their reply ids, so that everybody who plans the same settlements plans the same
//! batch. What is signed names root and count; each escrow is then settled by its inclusion proof, without further signatures.

use ogong_chain_interface::{
    Address, Instruction,
    account::ValidatorSet,
    event,
    instruction::{SettleBatch, SettleBatched},
    merkle,
};

use crate::{
    error::Error,
    message::{Quorum, QuorumPlan},
    plan::SettlePlan,
    wallet::address,
};

/// Settlements of one batch at most: proofs of seven hashes, which leave room for the rest of a transaction.
pub const BATCH_MAX: usize = 128;

/// A batch, decided to the last atom of each settlement.
#[derive(Debug, Clone)]
pub struct BatchPlan {
    terms: event::Batch,
    plans: Vec<SettlePlan>,
    leaves: Vec<[u8; 32]>,
    handler: Address,
    validators: ValidatorSet,
}

impl BatchPlan {
    /// Plans a batch of settlements; it expires with the first of them.
    ///
    /// # Errors
    /// [`Error::Foreign`] when they are none, too many, not of one handler and epoch, name a reply twice or one is a refund: a
    /// refund moves money by itself.
    pub fn new(mut plans: Vec<SettlePlan>) -> Result<Self, Error> {
        plans.sort_unstable_by_key(|plan| plan.settlement.reply_id);
        let repeated =
            plans.windows(2).any(|pair| matches!(pair, [a, b] if a.settlement.reply_id == b.settlement.reply_id));
        let first = plans.first().ok_or(Error::Foreign("a batch of nothing"))?;
        let fee_owner = first.fee_owner().ok_or(Error::Foreign("a refund is in no batch"))?;
        let (handler, validators) = (first.handler, first.validators.clone());
        let same = |plan: &SettlePlan| {
            plan.handler == handler && plan.validators == validators && plan.fee_owner() == Some(fee_owner)
        };
        if repeated || plans.len() > BATCH_MAX || !plans.iter().all(same) {
            return Err(Error::Foreign("the settlements do not make one batch"));
        }
        let leaves: Vec<[u8; 32]> = plans.iter().map(QuorumPlan::digest).collect();
        let terms = event::Batch {
            network: *first.settlement.network.as_bytes(),
            program: address(&first.settlement.program),
            root: merkle::root(&leaves),
            count: u32::try_from(leaves.len()).map_err(|_| Error::Foreign("the settlements do not make one batch"))?,
            fee_owner,
            stake_epoch: validators.epoch,
            expiry_ms: plans.iter().map(|plan| plan.settlement.expiry_ms).min().unwrap_or_default(),
        };
        Ok(Self { terms, plans, leaves, handler, validators })
    }

    /// Root over the settlements' digests.
    pub fn root(&self) -> [u8; 32] {
        self.terms.root
    }

    /// The settlements, in the order of the leaves.
    pub fn plans(&self) -> &[SettlePlan] {
        &self.plans
    }

    /// The instruction that settles one of them by its proof; none where there is no such leaf.
    pub fn settle_one(&self, index: usize) -> Option<Instruction> {
        let plan = self.plans.get(index)?;
        let settle = SettleBatched {
            root: self.terms.root,
            reply_id: *plan.settlement.reply_id.as_bytes(),
            verdict: plan.verdict(),
            index: u32::try_from(index).ok()?,
            proof: merkle::proof(&self.leaves, index)?,
        };
        Some(settle.instruction(&self.terms.program))
    }
}

impl QuorumPlan for BatchPlan {
    fn handler(&self) -> Address {
        self.handler
    }

    fn validators(&self) -> &ValidatorSet {
        &self.validators
    }

    fn program(&self) -> Address {
        self.terms.program
    }

    fn digest(&self) -> [u8; 32] {
        self.terms.digest()
    }

    fn instructions(&self, quorum: &Quorum) -> Vec<Vec<Instruction>> {
        let (cosigners, approvals) = quorum.parts();
        let event::Batch { root, count, stake_epoch, expiry_ms, .. } = self.terms;
        let settle = SettleBatch { handler: self.handler, cosigners, approvals, root, count, stake_epoch, expiry_ms };
        vec![vec![settle.instruction(&self.terms.program)]]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::QuorumMessage;
    use crate::plan::{
        OUTCOME_ACCEPT, OUTCOME_NOT_SELECTED, OUTCOME_REJECT,
        tests::{accounts, decision, wallet},
    };

    fn plan(reply: u8, outcome: u8) -> SettlePlan {
        let mut accounts = accounts();
        accounts.escrow.reply_id = [reply; 32];
        SettlePlan::new(&accounts, &decision(outcome)).expect("a plan")
    }

    #[test]
    fn whoever_plans_the_same_settlements_signs_the_same_bytes() {
        let batch = |replies: &[u8]| {
            BatchPlan::new(replies.iter().map(|reply| plan(*reply, OUTCOME_ACCEPT)).collect()).expect("a batch")
        };
        let ours = batch(&[3, 1, 2]);
        let cosigners = [wallet(2).address()];
        let message = QuorumMessage::build(&batch(&[1, 2, 3]), &cosigners, [5; 32], 0).expect("fits").bytes;
        QuorumMessage::check(&ours, &message).expect("the same batch");
        for other in [batch(&[1, 2]), batch(&[1, 2, 4]), batch(&[1, 2, 3, 4])] {
            assert!(matches!(QuorumMessage::check(&other, &message), Err(Error::Foreign(_))));
        }
        let mixed = vec![plan(1, OUTCOME_ACCEPT), plan(2, OUTCOME_NOT_SELECTED), plan(3, OUTCOME_ACCEPT)];
        let mixed = BatchPlan::new(mixed).expect("both are paid");
        assert!(matches!(QuorumMessage::check(&mixed, &message), Err(Error::Foreign(_))), "another outcome of one");
    }

    #[test]
    fn what_makes_no_batch_is_refused() {
        let refused = |plans: Vec<SettlePlan>| matches!(BatchPlan::new(plans), Err(Error::Foreign(_)));
        assert!(refused(Vec::new()));
        assert!(refused(vec![plan(1, OUTCOME_ACCEPT), plan(1, OUTCOME_ACCEPT)]), "a reply twice");
        assert!(refused(vec![plan(1, OUTCOME_ACCEPT), plan(2, OUTCOME_REJECT)]), "a refund");
        let mut accounts = accounts();
        accounts.escrow.reply_id = [2; 32];
        accounts.handler.authority = wallet(2).address();
        let foreign = SettlePlan::new(&accounts, &decision(OUTCOME_ACCEPT)).expect("a plan");
        assert!(refused(vec![plan(1, OUTCOME_ACCEPT), foreign]), "another handler's");
    }

    #[test]
    fn the_largest_proof_fits_a_transaction() {
        let plans = (0..BATCH_MAX).map(|n| plan(u8::try_from(n).expect("few"), OUTCOME_ACCEPT)).collect();
        let batch = BatchPlan::new(plans).expect("a batch");
        for index in [0, BATCH_MAX - 1] {
            let instruction = batch.settle_one(index).expect("a leaf");
            crate::message::compile(&[instruction], &wallet(1).address(), [5; 32]).expect("fits");
        }
        assert!(batch.settle_one(BATCH_MAX).is_none());
    }
}
