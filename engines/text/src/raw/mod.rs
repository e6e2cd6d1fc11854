//! The one home of `unsafe` in this crate: whatever llama.cpp offers that its safe wrapper does not, with the lifetime rules held
//! by construction.
//!
//! - [`log`]: the process-wide backend and its log.
//! - [`device`]: GPUs, and those of other machines.
//! - [`load`]: a model with its weights where they are wanted.
//! - [`tap`]: hidden states, read off the graph while it is computed.
//! - [`context`]: decoding; with a thread pool, as ggml else starts and joins its threads once per graph.
//! - [`heads`]: drafting from hidden states.
//! - [`embedding`]: inputs to vectors.
//! - [`media`]: pieces of a prompt that are not text.

mod context;
mod device;
mod embedding;
mod heads;
mod load;
mod log;
mod media;
mod tap;

pub use context::{Context, ContextConfig, ROWS_MAX, Row};
pub use device::{Device, RPC_DEVICES_MAX, add_worker, gpus, serve_devices};
pub use embedding::{EmbeddingConfig, EmbeddingContext};
pub use heads::{HeadKind, layers_read};
pub use load::{ModelParts, load_model};
pub use log::{backend, take_log};
pub use media::Chunks;

/// Token ids, positions and sequences stay far below `i32::MAX`; larger ones would be refused by llama.cpp.
fn signed(value: u32) -> i32 {
    i32::try_from(value).unwrap_or(i32::MAX)
}

fn row_index(index: usize) -> i32 {
    i32::try_from(index).expect("invariant: a batch holds few rows")
}
