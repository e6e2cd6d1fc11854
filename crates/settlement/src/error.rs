//! Everything that can stop a settlement, each with what to do about it.

use ogong_base::hash::{ChainKey, ReplyId};
use ogong_chain_interface::{Address, ChainError, DecodeError, account::EscrowStatus};

/// Why something about escrows or the chain could not be done.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The chain's RPC does not answer.
    #[error("no chain answers at {url}")]
    Unreachable {
        /// Where it was looked for.
        url: String,
        /// Why.
        #[source]
        source: reqwest::Error,
    },
    /// The chain's RPC refused a call.
    #[error("{method} was refused: {message} (code {code})")]
    Rpc {
        /// The RPC method.
        method: &'static str,
        /// JSON-RPC error code.
        code: i64,
        /// What the node said.
        message: String,
    },
    /// The RPC answered with something else than its protocol says.
    #[error("{method} answered with something unexpected: {why}")]
    Answer {
        /// The RPC method.
        method: &'static str,
        /// What was wrong.
        why: String,
    },
    /// There is no program at the program id.
    #[error("the chain at {url} has no program at {program}")]
    ProgramMissing {
        /// The chain.
        url: String,
        /// The program id.
        program: Address,
    },
    /// The program is there but nobody initialised it.
    #[error("the program {program} has no config account")]
    NotInitialised {
        /// The program id.
        program: Address,
    },
    /// An account that should be there is not.
    #[error("no {what} account at {address}")]
    AccountMissing {
        /// What it should hold.
        what: &'static str,
        /// Where.
        address: Address,
    },
    /// An account holds other bytes than it should.
    #[error("the {what} account at {address} does not decode")]
    Account {
        /// What it should hold.
        what: &'static str,
        /// Where.
        address: Address,
        /// Why.
        #[source]
        source: DecodeError,
    },
    /// The program refused the transaction.
    #[error("the program refused: {0}")]
    Refused(#[from] ChainError),
    /// The chain refused the transaction for another reason.
    #[error("the transaction failed: {0}")]
    Transaction(String),
    /// The blockhash ran out before the transaction was confirmed.
    #[error("the transaction was not confirmed before its blockhash expired")]
    Expired,
    /// A transaction was sent, and the chain did not say in time what became of it.
    #[error("the transaction {signature} was sent, but the chain did not say whether it landed")]
    Unconfirmed {
        /// Its name on the chain, base58.
        signature: String,
    },
    /// The transaction does not fit a packet.
    #[error("the transaction has {bytes} bytes, at most {max} fit")]
    TooLong {
        /// Its size.
        bytes: usize,
        /// The chain's limit.
        max: usize,
    },
    /// A wallet has too little of something.
    #[error("{owner} holds {have} {unit}, {need} needed")]
    Poor {
        /// Whose.
        owner: Address,
        /// What is there.
        have: u64,
        /// What is needed.
        need: u64,
        /// `lamports` or `atoms`.
        unit: &'static str,
    },
    /// The escrow is closed already.
    #[error("the escrow of {reply_id} is {status:?}, not open")]
    NotOpen {
        /// Which reply.
        reply_id: ReplyId,
        /// What it is.
        status: EscrowStatus,
    },
    /// The escrow says something else than the order.
    #[error("the escrow's {field} is not the order's")]
    EscrowMismatch {
        /// Which field.
        field: &'static str,
    },
    /// The shares do not divide a fee.
    #[error("the split {split_bps:?} does not sum to 10000 with a maker's share of 0")]
    SplitWrong {
        /// Provider, router, validator, reserve, maker.
        split_bps: [u16; 5],
    },
    /// The fee is more than the escrow holds.
    #[error("a fee of {fee} atoms is over the escrow's {max_fee}")]
    FeeOverEscrow {
        /// Computed fee.
        fee: u64,
        /// What the escrow holds.
        max_fee: u64,
    },
    /// The outcome neither settles nor refunds.
    #[error("outcome {0} neither settles nor refunds")]
    OutcomeOpen(u8),
    /// More tokens are billed than ordered.
    #[error("{n_billed} tokens billed, at most {max_tokens} ordered")]
    BilledOverMax {
        /// Billed.
        n_billed: u32,
        /// Ordered.
        max_tokens: u32,
    },
    /// The settlement would be valid longer than the order.
    #[error("expiry {expiry_ms} is after the order's deadline {deadline_ms}")]
    ExpiryAfterDeadline {
        /// Of the settlement.
        expiry_ms: u64,
        /// Of the order.
        deadline_ms: u64,
    },
    /// The set on chain is not of the epoch the config names.
    #[error("the validator set is of epoch {set}, the config of epoch {config}")]
    EpochMixed {
        /// The set's.
        set: u64,
        /// The config's.
        config: u64,
    },
    /// A key is not a registered validator.
    #[error("{0} is not in the validator set")]
    NotAValidator(ChainKey),
    /// A key is nobody's registration.
    #[error("{0} is not registered on this chain, as a provider, router, verifier or validator")]
    NotRegistered(Address),
    /// A settlement can still name the epoch.
    #[error("epoch {epoch} is not closed: what it counts can still change")]
    EpochOpen {
        /// Which epoch.
        epoch: u64,
    },
    /// An epoch's emission is approved once.
    #[error("the emission of epoch {epoch} is approved already")]
    EmissionApproved {
        /// Which epoch.
        epoch: u64,
    },
    /// A peer proposes another emission than this node computes.
    #[error("the proposed emission's {figure} is {got}, this node computes {ours}")]
    EmissionDiffers {
        /// Which figure.
        figure: &'static str,
        /// Proposed.
        got: u64,
        /// Computed here.
        ours: u64,
    },
    /// An epoch's pay cannot be claimed yet.
    #[error("the emission of epoch {epoch} is not approved yet")]
    EmissionPending {
        /// Which epoch.
        epoch: u64,
    },
    /// The reachable validators do not hold enough stake.
    #[error("validators with {signed} of {total} atoms of stake would sign, more than two thirds are needed")]
    NoQuorum {
        /// Stake that would sign.
        signed: u64,
        /// All stake.
        total: u64,
    },
    /// A peer's transaction is not the one we would make.
    #[error("the transaction is not ours: {0}")]
    Foreign(&'static str),
    /// A co-signature does not verify.
    #[error("the signature of {0} does not verify")]
    Signature(ChainKey),
    /// Signatures are missing.
    #[error("{0} signatures are missing")]
    Unsigned(usize),
    /// A keypair file is unusable.
    #[error("{file}: {why}")]
    Keypair {
        /// Which file.
        file: String,
        /// What is wrong.
        why: String,
    },
}

impl Error {
    /// What can be done about it, if there is something.
    pub fn hint(&self) -> Option<&'static str> {
        Some(match self {
            Error::Unreachable { .. } => {
                "start a development chain with `ogong-localnet`, or name a chain with --rpc-url"
            }
            Error::ProgramMissing { .. } => {
                "this chain does not run OGONG: check --rpc-url and --program-id, or start `ogong-localnet`"
            }
            Error::NotInitialised { .. } => "the operator runs `ogong-chain init` once for each chain",
            Error::Poor { unit: "lamports", .. } => "on a development chain: `ogong-chain airdrop ADDRESS SOL`",
            Error::Poor { .. } => {
                "buy OGONG, or on a development chain: `ogong-chain send ADDRESS TOKENS` from the admin's wallet"
            }
            Error::NotAValidator(_) => "register it with `ogong-chain register-validator`",
            Error::NotRegistered(_) => {
                "a provider registers with `ogong-provider wallet stake TOKENS` (0 will do), others with `ogong-chain register-operator`"
            }
            Error::EmissionPending { .. } => {
                "validators approve an epoch once no settlement can name it, 15 minutes after it ended: try again then"
            }
            Error::NoQuorum { .. } => "wait until more validators are reachable, or another handler's turn",
            Error::Expired => "the chain is slow or stuck: try again",
            Error::Unconfirmed { .. } => "the chain's node is away: look the transaction up before sending it again",
            Error::Keypair { .. } => "make a keypair with `ogong-chain keygen PATH`",
            Error::Refused(ChainError::AdminWrong) => "sign with the admin's keypair: `ogong-chain config` shows it",
            _ => return None,
        })
    }

    /// Whether a request may have been carried out although its answer is missing or makes no sense.
    pub(crate) fn is_lost_answer(&self) -> bool {
        match self {
            Error::Unreachable { source, .. } => !source.is_connect(),
            Error::Answer { .. } => true,
            _ => false,
        }
    }

    /// Whether asking again later may help, nothing being wrong with what was asked.
    pub fn is_transient(&self) -> bool {
        matches!(
            self,
            Error::Unreachable { .. }
                | Error::Expired
                | Error::Unconfirmed { .. }
                | Error::Unsigned(_)
                | Error::NoQuorum { .. }
        )
    }
}
