use super::{meta, meta_mut, signer_mut};
use crate::bytes::Writer;
use crate::token::{SYSTEM_PROGRAM_ID, TOKEN_PROGRAM_ID};
use crate::{Address, Instruction, address};

/// Mints the launch allocation (SPEC 9.11) to three token accounts; once per deployment.
#[derive(Clone, Debug)]
pub struct AllocateLaunch {
    /// The config's admin; signs and pays the rent.
    pub admin: Address,
    /// A token account: 625 million OGONG for team and advisors.
    pub team_token: Address,
    /// A token account: 250 million for the foundation.
    pub foundation_token: Address,
    /// A token account: 125 million for public liquidity.
    pub liquidity_token: Address,
    /// What a provider's emission in an epoch may be at most, in basis points of the fees that left its own purses.
    pub emission_cap_bps: u16,
}

impl AllocateLaunch {
    /// The instruction for the program at `program`.
    pub fn instruction(&self, program: &Address) -> Instruction {
        Instruction {
            program_id: *program,
            accounts: vec![
                signer_mut(&self.admin),
                meta(&address::config(program)),
                meta_mut(&address::supply(program)),
                meta_mut(&address::mint(program)),
                meta_mut(&self.team_token),
                meta_mut(&self.foundation_token),
                meta_mut(&self.liquidity_token),
                meta(&TOKEN_PROGRAM_ID),
                meta(&SYSTEM_PROGRAM_ID),
            ],
            data: Writer::instruction("allocate_launch").u16(self.emission_cap_bps).finish(),
        }
    }
}
