//! A plan as people read it.

use super::{Placement, Plan};
use std::fmt;

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = if self.experts > 0 { format!("mixture of {} experts", self.experts) } else { "dense".into() };
        writeln!(f, "model      {} layers, {kind}, weights {}", self.layers, size(self.weights_bytes))?;
        let (k, v) = &self.cache_types;
        let token = size(self.kv_bytes_per_token);
        writeln!(f, "kv cache   {token} a token (keys {k}, values {v}), {} in all", size(self.kv_bytes))?;
        write!(f, "slots      {} of {} tokens", self.slots, self.n_ctx)?;
        match self.is_shrunk() {
            true => writeln!(f, ": {} do not fit", self.n_ctx_wanted)?,
            false => writeln!(f)?,
        }
        match self.placement {
            Placement::Cpu => writeln!(f, "placement  cpu")?,
            Placement::Gpu => writeln!(f, "placement  gpu, all layers")?,
            Placement::Split => writeln!(
                f,
                "placement  {} of {} layers on the gpu, experts of {} layers in ram",
                self.n_gpu_layers.min(self.layers),
                self.layers,
                self.n_cpu_moe
            )?,
        }
        if self.expert_cache_slots > 0 {
            let (slots, bytes) = (self.expert_cache_slots, size(self.expert_cache_bytes));
            writeln!(f, "experts    {slots} of each layer in a cache of {bytes} on the gpu")?;
        }
        if self.paged {
            writeln!(f, "paging     weights are read from disk as they are needed: memory cannot hold them")?;
        }
        writeln!(f, "needed     {}", size(self.needed_bytes))?;
        write!(f, "budget     {}", size(self.budget_bytes))
    }
}

/// A number of bytes as people read it.
fn size(bytes: u64) -> String {
    const UNITS: [&str; 5] = ["B", "KiB", "MiB", "GiB", "TiB"];
    let (mut value, mut unit) = (bytes as f64, 0);
    while value >= 1024.0 && unit + 1 < UNITS.len() {
        value /= 1024.0;
        unit += 1;
    }
    let name = UNITS.get(unit).copied().unwrap_or_default();
    if unit == 0 { format!("{bytes} B") } else { format!("{value:.1} {name}") }
}
