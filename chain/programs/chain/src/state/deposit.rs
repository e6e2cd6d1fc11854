use anchor_lang::prelude::*;

/// A consumer's money in the vault that is not bound to a reply yet. Its delegate, a gateway for one, opens escrows out of it.
#[account]
#[derive(InitSpace)]
pub struct Deposit {
    pub version: u8,
    pub bump: u8,
    /// Who paid in, and alone takes out.
    pub owner: Pubkey,
    /// May open escrows of the owner's orders, and nothing else.
    pub delegate: Pubkey,
    pub balance: u64,
    pub reserved: [u8; 64],
}

impl Deposit {
    pub const SEED: &'static [u8] = b"deposit";
}
