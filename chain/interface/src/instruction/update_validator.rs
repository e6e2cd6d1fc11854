use super::{meta_mut, signer};
use crate::bytes::Writer;
use crate::{Address, Instruction, address};

/// Moves a validator to another endpoint or certificate.
#[derive(Clone, Debug)]
pub struct UpdateValidator {
    /// The registered key; signs.
    pub authority: Address,
    /// SPEC 1.3.
    pub consensus_id: [u8; 32],
    /// `host:port`, at most [`crate::ENDPOINT_BYTES_MAX`] bytes.
    pub endpoint: String,
}

impl UpdateValidator {
    /// The instruction for the program at `program`.
    pub fn instruction(&self, program: &Address) -> Instruction {
        Instruction {
            program_id: *program,
            accounts: vec![signer(&self.authority), meta_mut(&address::validator(program, &self.authority))],
            data: Writer::instruction("update_validator")
                .raw(&self.consensus_id)
                .bytes(self.endpoint.as_bytes())
                .finish(),
        }
    }
}
