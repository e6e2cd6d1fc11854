//! How to run a model on a machine: slots, context, offload and paging, chosen from what the model's file says of itself and
//! the machine's memory.
//!
//! The rules, in order: weights that fit beside one slot leave the spare memory to further slots, up to where one machine
//! stops scaling. Otherwise the context shrinks; then a mixture of experts leaves experts in RAM, as many layers' as it must;
//! then a dense model leaves layers in RAM; and what RAM cannot hold is paged from disk. What the operator has set is kept.

use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;

use serde::Serialize;

/// Tokens of one slot where nobody says otherwise.
pub const N_CTX_DEFAULT: u32 = 8192;
/// Tokens of one slot at least.
const N_CTX_MIN: u32 = 2048;
/// Requests at once where a single GPU stops scaling, and where a CPU does.
const SLOTS_MAX_GPU: u32 = 16;
const SLOTS_MAX_CPU: u32 = 4;
/// Part of the memory that is planned with, in percent: of a GPU's free memory, and of RAM that others use too.
const GPU_PERCENT: u64 = 90;
const RAM_PERCENT: u64 = 75;
/// Rows of one decode call, which the working memory grows with.
const ROWS: u64 = 512;
/// Working memory beside that.
const WORK_BYTES: u64 = 96 << 20;

/// What a model's file says of itself, as far as memory depends on it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Description {
    /// Whole numbers of the architecture by their names without its prefix, e.g. `block_count`; several where each layer has
    /// its own.
    pub numbers: BTreeMap<String, Vec<u64>>,
    /// Bytes of each tensor by its name.
    pub tensors: BTreeMap<String, u64>,
    /// Entries of the vocabulary.
    pub vocabulary: u64,
}

impl Description {
    fn number(&self, member: &str) -> Option<u64> {
        self.numbers.get(member)?.iter().copied().max()
    }

    /// Bytes by layer of the tensors that `wanted` takes.
    fn layers(&self, wanted: impl Fn(&str) -> bool) -> BTreeMap<u32, u64> {
        let mut layers = BTreeMap::new();
        for (name, bytes) in &self.tensors {
            let layer = name.strip_prefix("blk.").and_then(|rest| rest.split('.').next()?.parse().ok());
            if let Some(layer) = layer.filter(|_: &u32| wanted(name)) {
                *layers.entry(layer).or_default() += bytes;
            }
        }
        layers
    }
}

/// A device with memory of its own.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Device {
    /// Its name.
    pub name: String,
    /// Bytes that are free.
    pub free_bytes: u64,
}

/// What a machine has.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Machine {
    /// Bytes of RAM that can be had.
    pub ram_bytes: u64,
    /// Devices that the engine was built for, e.g. as `ogong-text-server devices` lists them.
    pub devices: Vec<Device>,
}

impl Machine {
    /// This machine's RAM, no more than the process may use, with no devices.
    pub fn here() -> Self {
        let of_machine = meminfo().or_else(sysctl).unwrap_or(4 << 30);
        Self { ram_bytes: cgroup_limit().map_or(of_machine, |limit| limit.min(of_machine)), devices: Vec::new() }
    }
}

fn meminfo() -> Option<u64> {
    let text = std::fs::read_to_string("/proc/meminfo").ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("MemAvailable:"))?;
    line.split_whitespace().next()?.parse::<u64>().ok().map(|kib| kib * 1024)
}

fn sysctl() -> Option<u64> {
    let output = std::process::Command::new("sysctl").args(["-n", "hw.memsize"]).output().ok()?;
    String::from_utf8_lossy(&output.stdout).trim().parse().ok()
}

/// What the control group leaves of its limit.
fn cgroup_limit() -> Option<u64> {
    let read = |name: &str| std::fs::read_to_string(Path::new("/sys/fs/cgroup").join(name)).ok();
    let limit: u64 = read("memory.max")?.trim().parse().ok()?;
    let used: u64 = read("memory.current").and_then(|text| text.trim().parse().ok()).unwrap_or(0);
    Some(limit.saturating_sub(used))
}

/// What the operator has set; the rest is chosen.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Wishes {
    /// Tokens of one slot.
    pub n_ctx: Option<u32>,
    /// Requests at once.
    pub parallel: Option<u32>,
    /// Layers on the devices.
    pub n_gpu_layers: Option<u32>,
    /// Layers whose experts stay in RAM.
    pub n_cpu_moe: Option<u32>,
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
    /// Layers on the devices.
    pub n_gpu_layers: u32,
    /// Layers whose experts stay in RAM.
    pub n_cpu_moe: u32,
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
    /// Bytes that may be used: of the devices where there are any, else of RAM.
    pub budget_bytes: u64,
}

impl Plan {
    /// Chooses for a model.
    pub fn new(model: &Description, machine: &Machine, wishes: &Wishes) -> Self {
        let shape = Shape::of(model, wishes);
        let vram: u64 = machine.devices.iter().map(|device| device.free_bytes).sum();
        let ram = machine.ram_bytes / 100 * RAM_PERCENT;
        let gpu = vram > 0 && wishes.n_gpu_layers != Some(0);
        let budget = if gpu { vram / 100 * GPU_PERCENT } else { ram };
        let mut plan = shape.plan(wishes, budget, if gpu { Placement::Gpu } else { Placement::Cpu });
        plan.shrink_context(wishes, &shape);
        if gpu {
            plan.leave_in_ram(wishes, &shape);
            plan.paged = shape.weights.saturating_sub(plan.on_device(&shape)) > ram;
        } else {
            plan.paged = plan.needed(&shape) > budget;
        }
        plan.fill_slots(wishes, &shape, if gpu { SLOTS_MAX_GPU } else { SLOTS_MAX_CPU });
        plan.kv_bytes = shape.kv(plan.n_ctx, plan.slots);
        plan
    }

    /// The engine's flags for it.
    pub fn args(&self) -> Vec<String> {
        let mut args: Vec<String> = Vec::new();
        let mut flag = |name: &str, value: String| args.extend([name.to_owned(), value]);
        flag("--parallel", self.slots.to_string());
        flag("--n-ctx", self.n_ctx.to_string());
        flag("--cache-type-k", self.cache_types.0.clone());
        flag("--cache-type-v", self.cache_types.1.clone());
        if self.placement != Placement::Cpu {
            flag("--n-gpu-layers", self.n_gpu_layers.to_string());
            if self.n_cpu_moe > 0 {
                flag("--n-cpu-moe", self.n_cpu_moe.to_string());
            }
        }
        args
    }

    fn shrink_context(&mut self, wishes: &Wishes, shape: &Shape) {
        while wishes.n_ctx.is_none() && self.n_ctx / 2 >= N_CTX_MIN && self.needed(shape) > self.budget_bytes {
            self.n_ctx /= 2;
        }
    }

    /// Leaves experts, then whole layers, in RAM until the rest fits the devices.
    fn leave_in_ram(&mut self, wishes: &Wishes, shape: &Shape) {
        if wishes.n_cpu_moe.is_none() {
            while self.n_cpu_moe < shape.layers && shape.experts > 0 && self.needed(shape) > self.budget_bytes {
                self.n_cpu_moe += 1;
            }
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
                self.on_device(shape),
                shape.kv(self.n_ctx, self.slots) / u64::from(shape.layers.max(1))
                    * u64::from(self.n_gpu_layers.min(shape.layers)),
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

/// The numbers of a model that memory depends on.
struct Shape {
    layers: u32,
    experts: u32,
    n_ctx_train: u32,
    weights: u64,
    /// Weights outside of the layers.
    ends: u64,
    layer_bytes: BTreeMap<u32, u64>,
    expert_bytes: BTreeMap<u32, u64>,
    kv_per_token: u64,
    work: u64,
}

impl Shape {
    fn of(model: &Description, wishes: &Wishes) -> Self {
        let number = |member: &str| model.number(member).unwrap_or(0);
        let small = |value: u64| u32::try_from(value).unwrap_or(u32::MAX);
        let layers = number("block_count");
        let layer_bytes = model.layers(|_| true);
        let weights = model.tensors.values().sum();
        let inside: u64 = layer_bytes.values().sum();
        let vocabulary = model.vocabulary;
        Self {
            layers: small(layers),
            experts: small(number("expert_count")),
            n_ctx_train: small(model.number("context_length").unwrap_or(u64::from(N_CTX_DEFAULT))),
            weights,
            ends: weights.saturating_sub(inside),
            layer_bytes,
            expert_bytes: model.layers(|name| name.contains("_exps")),
            kv_per_token: kv_per_token(model, layers, wishes),
            work: WORK_BYTES
                + ROWS * (number("embedding_length") * 16 + number("feed_forward_length") * 8)
                + vocabulary * 4 * 32,
        }
    }

    fn kv(&self, n_ctx: u32, slots: u32) -> u64 {
        self.kv_per_token.saturating_mul(u64::from(n_ctx)).saturating_mul(u64::from(slots))
    }

    fn plan(&self, wishes: &Wishes, budget_bytes: u64, placement: Placement) -> Plan {
        let cache_type = |wish: &Option<String>| wish.clone().unwrap_or_else(|| "f16".into());
        let n_ctx = wishes.n_ctx.unwrap_or(N_CTX_DEFAULT).min(self.n_ctx_train.max(1));
        let all = if placement == Placement::Cpu { 0 } else { self.layers.saturating_add(1) };
        Plan {
            slots: wishes.parallel.unwrap_or(1),
            n_ctx,
            n_gpu_layers: if placement == Placement::Cpu { 0 } else { wishes.n_gpu_layers.unwrap_or(all) },
            n_cpu_moe: wishes.n_cpu_moe.unwrap_or(0),
            placement,
            paged: false,
            cache_types: (cache_type(&wishes.cache_type_k), cache_type(&wishes.cache_type_v)),
            layers: self.layers,
            experts: self.experts,
            weights_bytes: self.weights,
            kv_bytes_per_token: self.kv_per_token,
            kv_bytes: 0,
            work_bytes: self.work,
            budget_bytes,
        }
    }
}

/// Keys and values of one token over all layers. Layers without attention have no heads that hold any; where keys and values
/// are one compressed vector, it is held once.
fn kv_per_token(model: &Description, layers: u64, wishes: &Wishes) -> u64 {
    let number = |member: &str| model.number(member);
    let heads = number("attention.head_count").unwrap_or(1).max(1);
    let width = number("embedding_length").unwrap_or(0) / heads;
    let (key, value) =
        (number("attention.key_length").unwrap_or(width), number("attention.value_length").unwrap_or(width));
    let kv_heads = model.numbers.get("attention.head_count_kv").cloned().unwrap_or_else(|| vec![heads]);
    let of_layers: u64 = match kv_heads.as_slice() {
        [all] => all * layers,
        each => each.iter().sum(),
    };
    let (key_bytes, value_bytes) = (type_bytes(&wishes.cache_type_k), type_bytes(&wishes.cache_type_v));
    let scaled = |elements: u64, (bytes, block): (u64, u64)| elements.saturating_mul(bytes) / block;
    if number("attention.kv_lora_rank").is_some_and(|rank| rank > 0) {
        return scaled(of_layers * key, key_bytes);
    }
    scaled(of_layers * key, key_bytes) + scaled(of_layers * value, value_bytes)
}

/// Bytes of a block of elements, and the block's length.
fn type_bytes(name: &Option<String>) -> (u64, u64) {
    match name.as_deref() {
        Some("f32") => (4, 1),
        Some("q8_0") => (34, 32),
        Some("q4_0") => (18, 32),
        _ => (2, 1),
    }
}

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = if self.experts > 0 { format!("mixture of {} experts", self.experts) } else { "dense".into() };
        writeln!(f, "model      {} layers, {kind}, weights {}", self.layers, size(self.weights_bytes))?;
        let (k, v) = &self.cache_types;
        let token = size(self.kv_bytes_per_token);
        writeln!(f, "kv cache   {token} a token (keys {k}, values {v}), {} in all", size(self.kv_bytes))?;
        writeln!(f, "slots      {} of {} tokens", self.slots, self.n_ctx)?;
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
        if self.paged {
            writeln!(f, "paging     weights are read from disk as they are needed: memory cannot hold them")?;
        }
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

#[cfg(test)]
mod tests {
    use super::*;

    const GIB: u64 = 1 << 30;

    /// 32 layers of `layer` bytes, `experts` of which are the experts'; 8 KV heads of 128, 128 KiB of cache a token.
    fn model(layer: u64, experts: u64) -> Description {
        let numbers = [
            ("block_count", 32),
            ("embedding_length", 4096),
            ("attention.head_count", 32),
            ("attention.head_count_kv", 8),
            ("context_length", 131_072),
            ("expert_count", if experts > 0 { 64 } else { 0 }),
        ];
        let mut tensors = BTreeMap::from([("token_embd.weight".to_owned(), GIB / 4)]);
        for at in 0..32 {
            tensors.insert(format!("blk.{at}.attn_q.weight"), layer - experts);
            tensors.insert(format!("blk.{at}.ffn_up_exps.weight"), experts);
        }
        let numbers = numbers.into_iter().map(|(name, number)| (name.to_owned(), vec![number])).collect();
        Description { numbers, tensors, vocabulary: 32_000 }
    }

    fn machine(ram: u64, vram: u64) -> Machine {
        let devices = if vram > 0 { vec![Device { name: "gpu".into(), free_bytes: vram }] } else { Vec::new() };
        Machine { ram_bytes: ram, devices }
    }

    #[test]
    fn spare_memory_becomes_slots() {
        let plan = Plan::new(&model(GIB / 8, 0), &machine(64 * GIB, 0), &Wishes::default());
        assert_eq!((plan.slots, plan.n_ctx, plan.placement, plan.paged), (4, 8192, Placement::Cpu, false));
        assert_eq!((plan.kv_bytes_per_token, plan.kv_bytes), (128 << 10, 4 * GIB));
        let plan = Plan::new(&model(GIB / 8, 0), &machine(64 * GIB, 80 * GIB), &Wishes::default());
        assert_eq!((plan.slots, plan.placement), (16, Placement::Gpu));
        let plan = Plan::new(&model(GIB / 8, 0), &machine(64 * GIB, 9 * GIB), &Wishes::default());
        assert_eq!((plan.slots, plan.placement), (3, Placement::Gpu), "{plan}");
        let set =
            Wishes { n_ctx: Some(4096), parallel: Some(2), cache_type_k: Some("q8_0".into()), ..Wishes::default() };
        let plan = Plan::new(&model(GIB / 8, 0), &machine(64 * GIB, 0), &set);
        assert_eq!((plan.slots, plan.n_ctx, plan.kv_bytes_per_token), (2, 4096, 64 * 1024 / 32 * 17 + 64 * 1024));
        assert_eq!(plan.args()[..4], ["--parallel", "2", "--n-ctx", "4096"]);
    }

    #[test]
    fn what_does_not_fit_shrinks_then_stays_in_ram_then_is_paged() {
        let plan = Plan::new(&model(GIB / 8, 0), &machine(64 * GIB, 5 * GIB + GIB / 3), &Wishes::default());
        assert!(plan.n_ctx < 8192 && plan.placement == Placement::Gpu, "{plan}");
        let plan = Plan::new(&model(GIB / 8, 0), &machine(64 * GIB, 3 * GIB), &Wishes::default());
        assert!(
            plan.placement == Placement::Split && plan.n_gpu_layers < 32 && plan.n_cpu_moe == 0 && !plan.paged,
            "{plan}"
        );
        let plan = Plan::new(&model(GIB, GIB / 8 * 7), &machine(64 * GIB, 16 * GIB), &Wishes::default());
        assert!(plan.placement == Placement::Split && plan.n_cpu_moe > 16 && plan.n_gpu_layers > 32, "{plan}");
        let plan = Plan::new(&model(GIB, 0), &machine(16 * GIB, 0), &Wishes::default());
        assert!(plan.paged && plan.slots == 1 && plan.n_ctx == N_CTX_MIN, "{plan}");
        assert!(plan.to_string().contains("read from disk"));
    }

    #[test]
    fn compressed_and_missing_caches_count_as_they_are() {
        let mut compressed = model(GIB / 8, 0);
        for (key, value) in
            [("attention.kv_lora_rank", 512), ("attention.key_length", 576), ("attention.head_count_kv", 1)]
        {
            compressed.numbers.insert(key.to_owned(), vec![value]);
        }
        assert_eq!(kv_per_token(&compressed, 32, &Wishes::default()), 32 * 576 * 2);
        let mut hybrid = model(GIB / 8, 0);
        let heads = (0..32).map(|at| if at % 4 == 3 { 8 } else { 0 }).collect();
        hybrid.numbers.insert("attention.head_count_kv".into(), heads);
        assert_eq!(kv_per_token(&hybrid, 32, &Wishes::default()), 8 * 8 * 128 * 4);
    }

    #[test]
    fn this_machine_has_memory() {
        assert!(Machine::here().ram_bytes > 1 << 20);
    }
}
