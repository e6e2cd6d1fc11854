//! OGONG on chain (SPEC 9): stake by role and epoch, the model catalogue, escrow by reply id, settlement and refund by a quorum
//! of stake, and the count of work. Inference never comes here; hashes of it do.
//!
//! ```text
//! open_escrow ──▶ open ──settle, settle_cohort, settle_batched (quorum, until expiry)──▶ decided ──release (anyone)──▶ settled
//!                      ├─refund_reject (quorum, until expiry)─▶ refunded
//!                      └─refund_expired (anyone, after deadline)▶ refunded
//! ```
//!
//! The mint belongs to the program: [`supply`] is the only code that mints, and never past the cap.
//!
//! One instruction a file under `instructions/`; accounts under `state/`. Refusals that Anchor has a constraint for are
//! constraints; the others carry a number of [`error::ChainError`].
//!
//! Nothing settles twice: each instruction checks the escrow's status and writes the next one. An escrow is never closed, only
//! shrunk to a stub, so a reply id is used once.

use anchor_lang::prelude::*;
#[cfg(target_arch = "bpf")]
use sbf_builtins as _;

pub mod bls;
pub mod curve;
pub mod ed25519;
pub mod emission;
pub mod error;
pub mod escrow;
pub mod event;
pub mod evidence;
pub mod hash;
pub mod instructions;
pub mod liveness;
pub mod merkle;
pub mod model_id;
pub mod order;
pub mod quorum;
pub mod settlement;
pub mod slashing;
pub mod state;
pub mod supply;
pub mod vault;
pub mod work;

use escrow::Terms;
use instructions::*;
use liveness::Answer;
use settlement::Verdict;

// The address of development chains; `chain/interface` says where it comes from.
declare_id!("EYqQP6tZ26rrDyTameEanEExGU5wn45Y9ej8moFgHr7J");

#[program]
pub mod ogong_chain {
    use super::*;

    pub fn initialize(ctx: Context<Initialize>, parameters: Parameters) -> Result<()> {
        instructions::initialize(ctx, parameters)
    }

    pub fn allocate_launch(ctx: Context<AllocateLaunch>, emission_cap_bps: u16) -> Result<()> {
        instructions::allocate_launch(ctx, emission_cap_bps)
    }

    pub fn register_validator(ctx: Context<RegisterValidator>, registration: Registration) -> Result<()> {
        instructions::register_validator(ctx, registration)
    }

    pub fn update_validator(ctx: Context<UpdateValidator>, consensus_id: [u8; 32], endpoint: String) -> Result<()> {
        instructions::update_validator(ctx, consensus_id, endpoint)
    }

    pub fn set_model(ctx: Context<SetModel>, model_id: String, model_root: [u8; 32], maker: Pubkey) -> Result<()> {
        instructions::set_model(ctx, model_id, model_root, maker)
    }

    pub fn advance_epoch(ctx: Context<AdvanceEpoch>) -> Result<()> {
        instructions::advance_epoch(ctx)
    }

    pub fn stake_validator(ctx: Context<ValidatorStake>, amount: u64) -> Result<()> {
        instructions::stake_validator(ctx, amount)
    }

    pub fn unstake_validator(ctx: Context<ValidatorStake>, amount: u64) -> Result<()> {
        instructions::unstake_validator(ctx, amount)
    }

    pub fn withdraw_validator(ctx: Context<ValidatorStake>) -> Result<()> {
        instructions::withdraw_validator(ctx)
    }

    pub fn register_bls_key(ctx: Context<RegisterBlsKey>, key: [u8; 96], proof: bls::Proof) -> Result<()> {
        instructions::register_bls_key(ctx, key, proof)
    }

    pub fn register_operator(ctx: Context<RegisterOperator>, enrolment: Enrolment) -> Result<()> {
        instructions::register_operator(ctx, enrolment)
    }

    pub fn update_operator(
        ctx: Context<UpdateOperator>,
        node_id: [u8; 32],
        payout: Pubkey,
        models: Vec<[u8; 32]>,
    ) -> Result<()> {
        instructions::update_operator(ctx, node_id, payout, models)
    }

    pub fn stake_operator(ctx: Context<OperatorStake>, amount: u64) -> Result<()> {
        instructions::stake_operator(ctx, amount)
    }

    pub fn unstake_operator(ctx: Context<OperatorStake>, amount: u64) -> Result<()> {
        instructions::unstake_operator(ctx, amount)
    }

    pub fn withdraw_operator(ctx: Context<OperatorStake>) -> Result<()> {
        instructions::withdraw_operator(ctx)
    }

    pub fn open_work(ctx: Context<OpenWork>) -> Result<()> {
        instructions::open_work(ctx)
    }

    pub fn fund_deposit(ctx: Context<FundDeposit>, delegate: Pubkey, amount: u64) -> Result<()> {
        instructions::fund_deposit(ctx, delegate, amount)
    }

    pub fn withdraw_deposit(ctx: Context<WithdrawDeposit>, amount: u64) -> Result<()> {
        instructions::withdraw_deposit(ctx, amount)
    }

    pub fn open_escrow(ctx: Context<OpenEscrow>, order: Vec<u8>, terms: Terms) -> Result<()> {
        instructions::open_escrow(ctx, &order, &terms)
    }

    pub fn open_escrow_from_deposit(ctx: Context<OpenEscrowFromDeposit>, order: Vec<u8>, terms: Terms) -> Result<()> {
        instructions::open_escrow_from_deposit(ctx, &order, &terms)
    }

    pub fn approve(ctx: Context<Approve>, digest: [u8; 32], stake_epoch: u64) -> Result<()> {
        instructions::approve(ctx, digest, stake_epoch)
    }

    pub fn close_approvals(ctx: Context<CloseApprovals>) -> Result<()> {
        instructions::close_approvals(ctx)
    }

    pub fn settle<'info>(ctx: Context<'info, Settle<'info>>, verdict: Verdict) -> Result<()> {
        instructions::settle(ctx, &verdict)
    }

    pub fn settle_cohort<'info>(
        ctx: Context<'info, SettleCohort<'info>>,
        verdict: Verdict,
        shards: Vec<state::Shard>,
    ) -> Result<()> {
        instructions::settle_cohort(ctx, &verdict, shards)
    }

    pub fn settle_batch<'info>(
        ctx: Context<'info, SettleBatch<'info>>,
        root: [u8; 32],
        count: u32,
        stake_epoch: u64,
        expiry_ms: u64,
    ) -> Result<()> {
        instructions::settle_batch(ctx, root, count, stake_epoch, expiry_ms)
    }

    pub fn settle_batched(
        ctx: Context<SettleBatched>,
        verdict: Verdict,
        index: u32,
        proof: Vec<[u8; 32]>,
    ) -> Result<()> {
        instructions::settle_batched(ctx, &verdict, index, &proof)
    }

    pub fn close_batch(ctx: Context<CloseBatch>) -> Result<()> {
        instructions::close_batch(ctx)
    }

    pub fn release<'info>(ctx: Context<'info, Release<'info>>) -> Result<()> {
        instructions::release(ctx)
    }

    pub fn pay_verifier(ctx: Context<PayVerifier>) -> Result<()> {
        instructions::pay_verifier(ctx)
    }

    pub fn refund_reject<'info>(ctx: Context<'info, RefundReject<'info>>, verdict: Verdict) -> Result<()> {
        instructions::refund_reject(ctx, &verdict)
    }

    pub fn refund_expired(ctx: Context<RefundExpired>) -> Result<()> {
        instructions::refund_expired(ctx)
    }

    pub fn compact_escrow(ctx: Context<CompactEscrow>) -> Result<()> {
        instructions::compact_escrow(ctx)
    }

    pub fn publish_node_key(ctx: Context<PublishNodeKey>, node_id: [u8; 32], offset: u16, part: Vec<u8>) -> Result<()> {
        instructions::publish_node_key(ctx, node_id, offset, &part)
    }

    pub fn plant_honeypot(ctx: Context<PlantHoneypot>, commitment: [u8; 32]) -> Result<()> {
        instructions::plant_honeypot(ctx, commitment)
    }

    pub fn accuse_validator(ctx: Context<AccuseValidator>, reply_id: [u8; 32]) -> Result<()> {
        instructions::accuse_validator(ctx, reply_id)
    }

    pub fn accuse_verifier(ctx: Context<AccuseVerifier>, opening: Opening) -> Result<()> {
        instructions::accuse_verifier(ctx, &opening)
    }

    pub fn accuse_router(ctx: Context<AccuseRouter>, query: [u8; 32]) -> Result<()> {
        instructions::accuse_router(ctx, query)
    }

    pub fn slash_validator<'info>(ctx: Context<'info, SlashValidator<'info>>, stake_epoch: u64) -> Result<()> {
        instructions::slash_validator(ctx, stake_epoch)
    }

    pub fn slash_operator<'info>(ctx: Context<'info, SlashOperator<'info>>, stake_epoch: u64) -> Result<()> {
        instructions::slash_operator(ctx, stake_epoch)
    }

    pub fn record_liveness<'info>(ctx: Context<'info, RecordLiveness<'info>>, answer: Answer) -> Result<()> {
        instructions::record_liveness(ctx, &answer)
    }

    pub fn approve_emission<'info>(
        ctx: Context<'info, ApproveEmission<'info>>,
        number: u64,
        stake_epoch: u64,
    ) -> Result<()> {
        instructions::approve_emission(ctx, number, stake_epoch)
    }

    pub fn claim_work(ctx: Context<ClaimWork>) -> Result<()> {
        instructions::claim_work(ctx)
    }

    pub fn claim_audits(ctx: Context<ClaimAudits>) -> Result<()> {
        instructions::claim_audits(ctx)
    }
}
