//! What a model will need of this machine's memory, estimated from the head of its file before it is loaded.

use super::library;
use crate::Error;
use crate::local::gguf::Gguf;
use ogong_engine::plan::{Description, Machine, Plan, Wishes};
use std::path::Path;

/// Slots of an engine that was not told otherwise.
pub const SLOTS: u32 = 4;
/// The share of this machine's memory that engines may use together, in percent.
const SHARE_PERCENT: u64 = 80;
/// The budget where this machine does not tell its memory.
const UNKNOWN_BYTES: u64 = 8 << 30;

/// The engine's plan for a model with this context, and slots where they are set.
///
/// # Errors
/// When a file cannot be read or is no whole model; the error says which.
pub fn of_model(path: &Path, n_ctx: u32, parallel: Option<u32>) -> Result<Plan, Error> {
    let mut description: Option<Description> = None;
    for shard in library::shards(path) {
        let head = Gguf::open(&shard).map_err(|source| Error::Model { path: shard.clone(), source })?;
        match &mut description {
            // The first names the numbers; every one brings its tensors.
            Some(first) => first.tensors.extend(head.tensor_bytes),
            None => description = Some(head.description()),
        }
    }
    let wishes = Wishes { n_ctx: Some(n_ctx), parallel, ..Wishes::default() };
    Ok(Plan::new(&description.unwrap_or_default(), &Machine::here(), &wishes))
}

/// Bytes of weights, key-value cache and working memory.
///
/// # Errors
/// As [`of_model`].
pub fn bytes_needed(path: &Path, n_ctx: u32, parallel: Option<u32>) -> Result<u64, Error> {
    let plan = of_model(path, n_ctx, parallel)?;
    Ok(plan.weights_bytes.saturating_add(plan.kv_bytes).saturating_add(plan.work_bytes))
}

/// Bytes of the f16 key-value cache of all slots. No slot is longer than what the model was trained for.
pub fn cache_bytes(head: &Gguf, n_ctx: u32, slots: u32) -> u64 {
    let n_ctx = head
        .count("context_length")
        .filter(|trained| *trained > 0)
        .map_or(u64::from(n_ctx), |t| t.min(u64::from(n_ctx)));
    head.kv_bytes_per_token().saturating_mul(n_ctx).saturating_mul(u64::from(slots))
}

/// What all engines may use together on this machine.
pub fn default_budget() -> u64 {
    total_memory().map_or(UNKNOWN_BYTES, |total| total / 100 * SHARE_PERCENT)
}

/// This machine's memory, bytes.
pub fn total_memory() -> Option<u64> {
    let text = std::fs::read_to_string("/proc/meminfo").ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("MemTotal:"))?;
    let kib: u64 = line.split_whitespace().next()?.parse().ok()?;
    kib.checked_mul(1024)
}
