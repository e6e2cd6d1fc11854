use super::{meta, meta_mut, signer_mut};
use crate::bytes::Writer;
use crate::token::SYSTEM_PROGRAM_ID;
use crate::{Address, Instruction, address};

/// Writes a part of a node's public key; the last part has it verified against the node id (SPEC 9.12).
#[derive(Clone, Debug)]
pub struct PublishNodeKey {
    /// Signs and pays the rent; the account is its own.
    pub payer: Address,
    /// SPEC 1.1.
    pub node_id: [u8; 32],
    /// Where `part` begins: 0, which starts anew, or the end of what is there.
    pub offset: u16,
    /// Some bytes of the 1,344.
    pub part: Vec<u8>,
}

impl PublishNodeKey {
    /// Bytes of a key that go into one transaction.
    pub const PART_BYTES: usize = 672;

    /// The instructions that publish a whole key, each for a transaction of its own.
    pub fn parts(payer: &Address, node_id: [u8; 32], public: &[u8]) -> Vec<Self> {
        let starts = (0u16..).step_by(Self::PART_BYTES);
        let parts = starts.zip(public.chunks(Self::PART_BYTES));
        parts.map(|(offset, part)| Self { payer: *payer, node_id, offset, part: part.to_vec() }).collect()
    }

    /// The instruction for the program at `program`.
    pub fn instruction(&self, program: &Address) -> Instruction {
        Instruction {
            program_id: *program,
            accounts: vec![
                signer_mut(&self.payer),
                meta_mut(&address::node_key(program, &self.node_id, &self.payer)),
                meta(&SYSTEM_PROGRAM_ID),
            ],
            data: Writer::instruction("publish_node_key")
                .raw(&self.node_id)
                .u16(self.offset)
                .bytes(&self.part)
                .finish(),
        }
    }
}
