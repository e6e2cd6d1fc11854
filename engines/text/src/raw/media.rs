//! Pieces of a prompt that are not text, as mtmd cuts it up.

use llama_cpp_4::mtmd::{MtmdContext, MtmdInputChunk, MtmdInputChunks};

use super::context::Context;
use super::log::take_log;
use super::signed;
use crate::error::Error;

/// A prompt cut into pieces of text and images; written once, then only read.
#[derive(Debug)]
pub struct Chunks(MtmdInputChunks);

// SAFETY: the list is plain memory of its own and nothing in it is tied to a thread.
unsafe impl Send for Chunks {}
// SAFETY: after `Chunks::new` nothing writes to the list; mtmd reads it through const pointers only.
unsafe impl Sync for Chunks {}

impl Chunks {
    /// Takes over a list that is complete.
    pub fn new(list: MtmdInputChunks) -> Self {
        Self(list)
    }

    /// The pieces in order.
    pub fn iter(&self) -> impl Iterator<Item = MtmdInputChunk<'_>> {
        self.0.iter()
    }

    /// The piece at `index`.
    pub fn get(&self, index: usize) -> Option<MtmdInputChunk<'_>> {
        self.0.get(index)
    }
}

impl Context<'_> {
    /// Encodes an image and puts its rows into `sequence` from `position` on.
    ///
    /// # Errors
    /// When the encoder or llama.cpp fails.
    pub fn decode_media(
        &mut self,
        mtmd: &mut MtmdContext,
        piece: &MtmdInputChunk<'_>,
        position: u32,
        sequence: u32,
    ) -> Result<(), Error> {
        let rows = signed(self.rows());
        let mut next = 0;
        let outcome =
            mtmd.eval_chunk_single(self.llama_mut(), piece, signed(position), signed(sequence), rows, false, &mut next);
        outcome.map_err(|error| Error::Image(format!("{error}: {}", take_log())))
    }
}
