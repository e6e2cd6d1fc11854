//! OGONG on chain (SPEC 9): stake and the validator set, the model catalogue, escrow by reply id, settlement and refund by a
//! quorum of stake. Inference never comes here; hashes of it do.
//!
//! ```text
//! open_escrow ──▶ open ──settle (quorum, until expiry)────────▶ settled
//!                      ├─refund_reject (quorum, until expiry)─▶ refunded
//!                      └─refund_expired (anyone, after deadline)▶ refunded
//! ```
//!
//! The mint belongs to the program: [`supply`] is the only code that mints, and never past the cap.
//!
//! One instruction a file under `instructions/`; accounts under `state/`. Refusals that Anchor has a constraint for are
//! constraints; the others carry a number of [`error::ChainError`].
//!
//! Nothing settles twice: the instruction that moves the tokens checks and writes the escrow's status. An escrow is never
//! closed, so a reply id is used once.

use anchor_lang::prelude::*;
#[cfg(target_arch = "bpf")]
use sbf_builtins as _;

pub mod curve;
pub mod error;
pub mod event;
pub mod hash;
pub mod instructions;
pub mod model_id;
pub mod order;
pub mod quorum;
pub mod settlement;
pub mod state;
pub mod supply;
pub mod vault;

use instructions::*;

// The address of development chains; `chain/interface` says where it comes from.
declare_id!("EYqQP6tZ26rrDyTameEanEExGU5wn45Y9ej8moFgHr7J");

#[program]
pub mod ogong_chain {
    use super::*;

    pub fn initialize(ctx: Context<Initialize>, parameters: Parameters) -> Result<()> {
        instructions::initialize(ctx, parameters)
    }

    pub fn allocate_launch(ctx: Context<AllocateLaunch>) -> Result<()> {
        instructions::allocate_launch(ctx)
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

    pub fn open_escrow(
        ctx: Context<OpenEscrow>,
        order: Vec<u8>,
        session_key: [u8; 32],
        provider_payout: Pubkey,
        router_payout: Pubkey,
    ) -> Result<()> {
        instructions::open_escrow(ctx, &order, session_key, provider_payout, router_payout)
    }

    pub fn settle<'info>(ctx: Context<'info, Settle<'info>>, release: Release) -> Result<()> {
        instructions::settle(ctx, &release)
    }

    pub fn refund_reject<'info>(ctx: Context<'info, RefundReject<'info>>, reject: Reject) -> Result<()> {
        instructions::refund_reject(ctx, &reject)
    }

    pub fn refund_expired(ctx: Context<RefundExpired>) -> Result<()> {
        instructions::refund_expired(ctx)
    }
}
