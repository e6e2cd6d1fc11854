//! The settlement digest (SPEC 9.3), which the program emits, and the vote that validators sign beside the transaction.

use ogong_base::{
    codec::{Encode, Writer},
    domain::SETTLE,
    hash::{ChainKey, Hash32, NetworkId, RecordHash, ReplyId, VerdictHash, tagged},
    keys::{HybridSignature, KeyError, NodeKey, NodePublic},
    params::VERSION,
};

/// Everything that a settlement does, in the order it is hashed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settlement {
    /// Of which network.
    pub network: NetworkId,
    /// The program's address.
    pub program: ChainKey,
    /// Which reply.
    pub reply_id: ReplyId,
    /// Hash of the provider's record.
    pub record_hash: RecordHash,
    /// Outcome byte of the verdict (SPEC 5.6).
    pub outcome: u8,
    /// Hash of the verdict.
    pub verdict_hash: VerdictHash,
    /// Round the draws came from.
    pub round: u64,
    /// Prompt tokens.
    pub n_prompt: u32,
    /// Billed answer tokens.
    pub n_billed: u32,
    /// Of those, the ones that had more than one candidate.
    pub n_counted: u32,
    /// Wallets and atoms: provider, router, validator, reserve, owner; for a refund the owner alone.
    pub payees: Vec<(ChainKey, u64)>,
    /// Stake epoch the quorum is counted in.
    pub stake_epoch: u64,
    /// After it the settlement is void.
    pub expiry_ms: u64,
}

impl Settlement {
    /// `H("ogong/v1/settlement/settle", …)`.
    pub fn digest(&self) -> Hash32 {
        Hash32::from_bytes(tagged(SETTLE, &[&self.to_bytes()]))
    }

    /// What a validator says of the reply, for the receipt file and for the chain (SPEC 9.4, 9.12).
    pub fn vote(&self) -> Vote {
        Vote {
            network: self.network,
            program: self.program,
            reply_id: self.reply_id,
            outcome: self.outcome,
            verdict_hash: self.verdict_hash,
            digest: self.digest(),
        }
    }

    /// The hybrid co-signature: over the vote.
    pub fn cosign(&self, key: &NodeKey) -> HybridSignature {
        key.sign(ogong_base::domain::COSIGN, &self.vote().to_bytes())
    }

    /// Checks a hybrid co-signature.
    ///
    /// # Errors
    /// When either half does not verify.
    pub fn verify_cosign(&self, public: &NodePublic, signature: &HybridSignature) -> Result<(), KeyError> {
        public.verify(ogong_base::domain::COSIGN, &self.vote().to_bytes(), signature)
    }
}

/// A validator's word on one reply. Two of them that contradict each other cost its bond, so it says in plain bytes what the
/// digest only commits to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Vote {
    /// Of which network.
    pub network: NetworkId,
    /// The program's address.
    pub program: ChainKey,
    /// Which reply.
    pub reply_id: ReplyId,
    /// Outcome byte of the verdict (SPEC 5.6).
    pub outcome: u8,
    /// Hash of the verdict.
    pub verdict_hash: VerdictHash,
    /// Of the settlement it is part of.
    pub digest: Hash32,
}

impl Encode for Vote {
    fn encode(&self, w: &mut Writer) {
        w.u8(VERSION).put(&self.network).put(&self.program).put(&self.reply_id);
        w.u8(self.outcome).put(&self.verdict_hash).put(&self.digest);
    }
}

impl Encode for Settlement {
    fn encode(&self, w: &mut Writer) {
        w.put(&self.network)
            .put(&self.program)
            .put(&self.reply_id)
            .put(&self.record_hash)
            .u8(self.outcome)
            .put(&self.verdict_hash)
            .u64(self.round)
            .u32(self.n_prompt)
            .u32(self.n_billed)
            .u32(self.n_counted)
            .list(&self.payees, |w, (payee, amount)| {
                w.put(payee).u64(*amount);
            })
            .u64(self.stake_epoch)
            .u64(self.expiry_ms);
    }
}
