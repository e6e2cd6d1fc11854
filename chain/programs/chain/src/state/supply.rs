use anchor_lang::prelude::*;

/// What was minted, and since when (SPEC 9.11). Without it nothing is emitted; it is made once, by the launch.
#[account]
#[derive(InitSpace)]
pub struct Supply {
    pub version: u8,
    pub bump: u8,
    /// The launch, Unix milliseconds: the emission curve's zero.
    pub launched_ms: u64,
    /// Atoms minted at launch.
    pub launched: u64,
    /// Atoms minted by emission.
    pub emitted: u64,
    /// What a provider's emission in an epoch may be at most, in basis points of the fees that left its own purses.
    pub emission_cap_bps: u16,
    pub reserved: [u8; 64],
}

impl Supply {
    pub const SEED: &'static [u8] = b"supply";
}
