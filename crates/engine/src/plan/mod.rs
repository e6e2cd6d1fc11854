//! How to run a model on a machine: slots, context, offload and paging, chosen from what the model's file says of itself and
//! the machine's memory.
//!
//! The rules, in order: weights that fit beside one slot leave the spare memory to further slots, up to where one machine
//! stops scaling. Otherwise the context shrinks, where that is enough. Otherwise a mixture of experts leaves its experts in
//! RAM, and what memory the devices have left becomes a cache of them; then a dense model leaves layers in RAM; and what RAM
//! cannot hold is paged from disk: weights are always mapped from their file, so that needs no flag. What the operator has set
//! is kept.

mod machine;
mod shape;
mod text;

pub use machine::{Device, Machine};
pub use shape::Description;

use serde::Serialize;
use shape::Shape;

/// Tokens of one slot where nobody says otherwise.
pub const N_CTX_DEFAULT: u32 = 8192;
/// Tokens of one slot at least.
const N_CTX_MIN: u32 = 2048;
/// Requests at once where a single GPU stops scaling, and where a CPU does.
const SLOTS_MAX_GPU: u32 = 16;
const SLOTS_MAX_CPU: u32 = 4;
/// Part of a GPU's free memory that is planned with, in percent.
const GPU_PERCENT: u64 = 90;

/// What the operator has set; the rest is chosen.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Wishes {
    /// Tokens of one slot.
    pub n_ctx: Option<u32>,
    /// Tokens of one slot that a client would like: fewer where they do not fit.
    pub n_ctx_wanted: Option<u32>,
    /// Requests at once.
    pub parallel: Option<u32>,
    /// Layers on the devices.
    pub n_gpu_layers: Option<u32>,
    /// Layers whose experts stay in RAM.
    pub n_cpu_moe: Option<u32>,
    /// Experts of each layer in the devices' cache.
    pub moe_cache_slots: Option<u32>,
    /// Storage type of keys.
    pub cache_type_k: Option<String>,
    /// Storage type of values.
    pub cache_type_v: Option<String>,
}

/// Where the weights are computed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Placement {
    /// All in RAM, by the CPU.
    Cpu,
    /// All on the devices.
    Gpu,
    /// Some on the devices, the rest in RAM.
    Split,
}

/// How to run a model.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Plan {
    /// Requests at once.
    pub slots: u32,
    /// Tokens of one slot.
    pub n_ctx: u32,
    /// Tokens of one slot that were wanted and the model was trained for.
    pub n_ctx_wanted: u32,
    /// Tokens that the model was trained for.
    pub n_ctx_train: u32,
    /// Layers on the devices.
    pub n_gpu_layers: u32,
    /// Layers whose experts stay in RAM.
    pub n_cpu_moe: u32,
    /// Experts of each layer in a cache on the devices; 0 is no cache.
    pub expert_cache_slots: u32,
    /// Bytes of that cache.
    pub expert_cache_bytes: u64,
    /// Where the weights are computed.
    pub placement: Placement,
    /// Whether weights are paged from disk, because the memory cannot hold them.
    pub paged: bool,
    /// Storage types of keys and values.
    pub cache_types: (String, String),
    /// Layers of the model.
    pub layers: u32,
    /// Experts of a layer; 0 in a dense model.
    pub experts: u32,
    /// Bytes of the weights.
    pub weights_bytes: u64,
    /// Bytes of the KV cache for one token of one slot.
    pub kv_bytes_per_token: u64,
    /// Bytes of the KV cache in all.
    pub kv_bytes: u64,
    /// Bytes of working memory.
    pub work_bytes: u64,
    /// Bytes of weights, caches and working memory in the memory that `budget_bytes` is of.
    pub needed_bytes: u64,
    /// Bytes that may be used: of the devices where there are any, else of RAM.
    pub budget_bytes: u64,
}

impl Plan {
    /// Chooses for a model.
    pub fn new(model: &Description, machine: &Machine, wishes: &Wishes) -> Self {
        let shape = Shape::of(model, wishes);
        let vram = machine.devices.iter().fold(0_u64, |sum, device| sum.saturating_add(device.free_bytes));
        let gpu = vram > 0 && wishes.n_gpu_layers != Some(0);
        let budget = if gpu { vram / 100 * GPU_PERCENT } else { machine.ram_bytes };
        let mut plan = Self::first(&shape, wishes, budget, if gpu { Placement::Gpu } else { Placement::Cpu });
        plan.shrink_context(wishes, &shape);
        if gpu {
            // Where a shorter context alone is not enough, what moves to RAM leaves room for the whole of it.
            if plan.needed(&shape) > budget {
                plan.n_ctx = plan.wanted(wishes, &shape);
            }
            plan.leave_in_ram(wishes, &shape);
            plan.shrink_context(wishes, &shape);
            plan.paged = shape.weights.saturating_sub(plan.on_device(&shape)) > machine.ram_bytes;
        } else {
            plan.paged = plan.needed(&shape) > budget;
        }
        if plan.expert_cache_slots == 0 {
            plan.fill_slots(wishes, &shape, if gpu { SLOTS_MAX_GPU } else { SLOTS_MAX_CPU });
        }
        plan.kv_bytes = shape.kv(plan.n_ctx, plan.slots);
        plan.needed_bytes = plan.needed(&shape);
        plan
    }

    /// The engine's flags for it.
    pub fn args(&self) -> Vec<(&'static str, String)> {
        let (k, v) = &self.cache_types;
        let mut args = vec![
            ("--parallel", self.slots.to_string()),
            ("--n-ctx", self.n_ctx.to_string()),
            ("--cache-type-k", k.clone()),
            ("--cache-type-v", v.clone()),
        ];
        if self.placement != Placement::Cpu {
            args.push(("--n-gpu-layers", self.n_gpu_layers.to_string()));
            for (flag, value) in [("--n-cpu-moe", self.n_cpu_moe), ("--moe-cache-slots", self.expert_cache_slots)] {
                if value > 0 {
                    args.push((flag, value.to_string()));
                }
            }
        }
        args
    }

    /// Whether the context is shorter than was wanted, for want of memory.
    pub fn is_shrunk(&self) -> bool {
        self.n_ctx < self.n_ctx_wanted
    }

    /// Everything on the devices or in RAM, one slot where nobody says otherwise.
    fn first(shape: &Shape, wishes: &Wishes, budget_bytes: u64, placement: Placement) -> Self {
        let cache_type = |wish: &Option<String>| wish.clone().unwrap_or_else(|| "f16".into());
        let all = shape.layers.saturating_add(1);
        let mut plan = Self {
            slots: wishes.parallel.unwrap_or(1),
            n_ctx: 0,
            n_ctx_wanted: 0,
            n_ctx_train: shape.n_ctx_train,
            n_gpu_layers: if placement == Placement::Cpu { 0 } else { wishes.n_gpu_layers.unwrap_or(all).min(all) },
            n_cpu_moe: wishes.n_cpu_moe.unwrap_or(0),
            expert_cache_slots: 0,
            expert_cache_bytes: 0,
            placement,
            paged: false,
            cache_types: (cache_type(&wishes.cache_type_k), cache_type(&wishes.cache_type_v)),
            layers: shape.layers,
            experts: shape.experts,
            weights_bytes: shape.weights,
            kv_bytes_per_token: shape.kv_per_token,
            kv_bytes: 0,
            work_bytes: shape.work,
            needed_bytes: 0,
            budget_bytes,
        };
        plan.n_ctx_wanted = plan.wanted(wishes, shape);
        plan.n_ctx = plan.n_ctx_wanted;
        plan
    }

    /// The context that is wanted, as far as the model was trained for it.
    fn wanted(&self, wishes: &Wishes, shape: &Shape) -> u32 {
        wishes.n_ctx.or(wishes.n_ctx_wanted).unwrap_or(N_CTX_DEFAULT).min(shape.n_ctx_train.max(1))
    }

    fn shrink_context(&mut self, wishes: &Wishes, shape: &Shape) {
        while wishes.n_ctx.is_none() && self.n_ctx / 2 >= N_CTX_MIN && self.needed(shape) > self.budget_bytes {
            self.n_ctx /= 2;
        }
    }

    /// Leaves experts, then whole layers, in RAM until the rest fits the devices.
    fn leave_in_ram(&mut self, wishes: &Wishes, shape: &Shape) {
        let too_big = shape.experts > 0 && self.needed(shape) > self.budget_bytes;
        if wishes.n_cpu_moe.is_none() && (too_big || wishes.moe_cache_slots.is_some_and(|slots| slots > 0)) {
            self.n_cpu_moe = shape.layers;
            self.cache_experts(wishes, shape);
        }
        if wishes.n_gpu_layers.is_none() {
            while self.n_gpu_layers > 0 && self.needed(shape) > self.budget_bytes {
                self.n_gpu_layers -= 1;
            }
        }
        let whole = self.n_gpu_layers >= shape.layers && self.n_cpu_moe == 0;
        self.placement = match (whole, self.n_gpu_layers) {
            (true, _) => Placement::Gpu,
            (false, 0) => Placement::Cpu,
            (false, _) => Placement::Split,
        };
    }

    /// Makes what the devices have left a cache of experts. One that does not hold what a token is sent to would only be
    /// filled and emptied.
    fn cache_experts(&mut self, wishes: &Wishes, shape: &Shape) {
        let spare = self.budget_bytes.saturating_sub(self.needed(shape));
        let fitting = u32::try_from(spare / shape.expert_slot().max(1)).unwrap_or(u32::MAX);
        let fitting = if fitting < shape.experts_used { 0 } else { fitting };
        self.expert_cache_slots = wishes.moe_cache_slots.unwrap_or(fitting).min(shape.experts);
        self.expert_cache_bytes = shape.expert_slot().saturating_mul(u64::from(self.expert_cache_slots));
    }

    fn fill_slots(&mut self, wishes: &Wishes, shape: &Shape, max: u32) {
        if wishes.parallel.is_some() {
            return;
        }
        let spare = self.budget_bytes.saturating_sub(self.needed(shape));
        let each = shape.kv(self.n_ctx, 1).max(1);
        let more = u32::try_from(spare / each).unwrap_or(u32::MAX);
        self.slots = self.slots.saturating_add(more).min(max).max(1);
    }

    /// Bytes needed of the budget's memory.
    fn needed(&self, shape: &Shape) -> u64 {
        let (weights, kv) = match self.placement {
            Placement::Cpu => (shape.weights, shape.kv(self.n_ctx, self.slots)),
            // The cache of a layer is where the layer is.
            _ => (
                self.on_device(shape).saturating_add(self.expert_cache_bytes),
                (shape.kv(self.n_ctx, self.slots) / u64::from(shape.layers.max(1)))
                    .saturating_mul(u64::from(self.n_gpu_layers.min(shape.layers))),
            ),
        };
        weights.saturating_add(kv).saturating_add(self.work_bytes)
    }

    /// Bytes of weights on the devices: the last layers, without the experts of the first ones.
    fn on_device(&self, shape: &Shape) -> u64 {
        let first = shape.layers.saturating_sub(self.n_gpu_layers);
        let layers: u64 = shape.layer_bytes.iter().filter(|(layer, _)| **layer >= first).map(|(_, bytes)| bytes).sum();
        let experts: u64 = shape
            .expert_bytes
            .iter()
            .filter(|(layer, _)| **layer >= first && **layer < self.n_cpu_moe)
            .map(|(_, bytes)| bytes)
            .sum();
        let ends = if self.n_gpu_layers > shape.layers { shape.ends } else { 0 };
        layers.saturating_sub(experts) + ends
    }
}

#[cfg(test)]
mod tests;
