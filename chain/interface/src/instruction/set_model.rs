use super::{meta, meta_mut, signer_mut};
use crate::bytes::Writer;
use crate::token::SYSTEM_PROGRAM_ID;
use crate::{Address, Instruction, address};

/// Enters a model into the catalogue, or gives it another root.
#[derive(Clone, Debug)]
pub struct SetModel {
    /// The config's admin; signs and pays the rent.
    pub admin: Address,
    /// SPEC 1.4.
    pub model_id: String,
    /// SPEC 1.5.
    pub model_root: [u8; 32],
    /// The maker's wallet.
    pub maker: Address,
}

impl SetModel {
    /// The instruction for the program at `program`.
    pub fn instruction(&self, program: &Address) -> Instruction {
        Instruction {
            program_id: *program,
            accounts: vec![
                signer_mut(&self.admin),
                meta(&address::config(program)),
                meta_mut(&address::model(program, &self.model_id)),
                meta(&SYSTEM_PROGRAM_ID),
            ],
            data: Writer::instruction("set_model")
                .bytes(self.model_id.as_bytes())
                .raw(&self.model_root)
                .address(&self.maker)
                .finish(),
        }
    }
}
