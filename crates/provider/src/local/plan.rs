//! How engines of this machine are sized: what a model's file says, what the operator has set, what the machine has, made into one plan that the
//! engine is started with, and that the log, `/api/show`, `/api/ps` and `--estimate-only` show.

use super::{
    catalog::Catalog,
    cli::EngineFlags,
    drafter,
    gguf::Gguf,
    library::{self, Entry, PROJECTOR},
};
use crate::Error;
use ogong_engine::{
    plan::{Description, Device, Machine, N_CTX_DEFAULT, Plan, Wishes},
    supervisor::{PROGRAM, beside},
};
use std::path::Path;

/// The share of this machine's memory that engines may use together, in percent.
const SHARE_PERCENT: u64 = 80;
/// Part of the devices' free memory that they may, in percent.
const DEVICES_PERCENT: u64 = 90;
/// The budget where this machine does not tell its memory.
const UNKNOWN_BYTES: u64 = 8 << 30;

/// The engine's flags that a plan chooses, each with its other spellings.
const CHOSEN: &[(&str, &[&str])] = &[
    ("--parallel", &["-np"]),
    ("--n-ctx", &["-c", "--ctx-size"]),
    ("--cache-type-k", &["-ctk"]),
    ("--cache-type-v", &["-ctv"]),
    ("--n-gpu-layers", &["-ngl", "--ngl", "--gpu-layers"]),
    ("--n-cpu-moe", &["-ncmoe"]),
    ("--moe-cache-slots", &[]),
];
/// The engine's flags for all experts in RAM.
const ALL_EXPERTS_IN_RAM: [&str; 2] = ["-cmoe", "--cpu-moe"];
/// The engine's flags for files that it loads beside the model.
const BESIDE: [&str; 6] = [PROJECTOR, "-mm", "--model-draft", "--draft-model", "--spec-draft-model", "-md"];

/// What every plan of a process is made with.
#[derive(Debug, Clone)]
pub struct Sizing {
    /// This machine, as it was when the process began.
    pub machine: Machine,
    /// What the operator has set for all engines.
    pub wishes: Wishes,
    /// Bytes that all engines may use together: of the devices where there are any, else of RAM.
    pub budget_bytes: u64,
    /// What the operator has set of speculation, as the engine's arguments.
    speculation: Vec<String>,
    /// Names the drafters that are pulled with models.
    catalog: Catalog,
}

/// A model's plan.
#[derive(Debug, Clone)]
pub struct Planned {
    /// How it is run.
    pub plan: Plan,
    /// Whether it makes vectors instead of text.
    pub embeds: bool,
    /// The model's own arguments and what is loaded beside it.
    own: Vec<String>,
}

impl Sizing {
    /// Of this machine, the flags and a budget where one is set.
    pub fn new(flags: &EngineFlags, catalog: &Catalog, budget_bytes: Option<u64>) -> Self {
        let program = flags.text_server.clone().unwrap_or_else(|| beside(PROGRAM));
        let (machine, budget_bytes) = bounded(Machine::here().with_devices_of(&program), budget_bytes);
        Self {
            machine,
            wishes: flags.wishes(),
            budget_bytes,
            speculation: flags.speculation(),
            catalog: catalog.clone(),
        }
    }

    /// Tokens of a slot that a client who asks for `n_ctx` gets, if they fit.
    pub fn n_ctx(&self, n_ctx: Option<u32>) -> u32 {
        n_ctx.unwrap_or(0).max(self.wishes.n_ctx.unwrap_or(N_CTX_DEFAULT))
    }

    /// The plan for a model, for a client who wants `n_ctx`.
    ///
    /// # Errors
    /// When a file cannot be read or is no whole model; the error says which.
    pub fn plan(&self, entry: &Entry, n_ctx: Option<u32>) -> Result<Planned, Error> {
        let mut wishes = self.wishes.clone();
        let wanted = self.n_ctx(n_ctx);
        if wishes.n_ctx != Some(wanted) {
            // A client's wish gives way to the machine; the operator's does not.
            (wishes.n_ctx, wishes.n_ctx_wanted) = (None, Some(wanted));
        }
        set_by(&entry.args, &mut wishes);
        let (mut description, embeds) = described(&entry.path)?;
        let mut own = entry.args.clone();
        if !embeds {
            own.extend(self.speculation(entry));
        }
        description.beside_bytes = beside_bytes(&own);
        Ok(Planned { plan: Plan::new(&description, &self.machine, &wishes), embeds, own })
    }

    /// The engine's arguments for speculation, where the model's own say nothing of it.
    fn speculation(&self, entry: &Entry) -> Vec<String> {
        if drafter::is_named(&entry.args) {
            return Vec::new();
        }
        if !self.speculation.is_empty() {
            return self.speculation.clone();
        }
        let known = entry.path.file_name().and_then(|name| self.catalog.of_file(name.to_str()?));
        let pulled = known.and_then(|known| known.draft_file()).map(|file| entry.path.with_file_name(file));
        // The engine's heads do not draft beside images.
        let found = if entry.sees() { None } else { drafter::find(entry, pulled.as_deref()) };
        found.into_iter().flat_map(|path| [drafter::FLAG.to_owned(), path.display().to_string()]).collect()
    }
}

/// The machine as far as the budget goes, and the budget as far as the machine goes.
fn bounded(mut machine: Machine, budget_bytes: Option<u64>) -> (Machine, u64) {
    if machine.devices.is_empty() {
        let budget_bytes = budget_bytes.unwrap_or_else(default_budget);
        machine.ram_bytes = machine.ram_bytes.min(budget_bytes);
        return (machine, budget_bytes);
    }
    let free: u64 = machine.devices.iter().fold(0, |sum, device| sum.saturating_add(device.free_bytes));
    let planned = free / 100 * DEVICES_PERCENT;
    let budget_bytes = budget_bytes.unwrap_or(planned).min(planned);
    for Device { free_bytes, .. } in &mut machine.devices {
        let scaled = u128::from(*free_bytes) * u128::from(budget_bytes) / u128::from(planned.max(1));
        *free_bytes = u64::try_from(scaled).unwrap_or(*free_bytes);
    }
    (machine, budget_bytes)
}

impl Planned {
    /// The engine's arguments: the plan's, and the model's own over them.
    pub fn args(&self) -> Vec<String> {
        let own = &self.own;
        let all_in_ram = own.iter().any(|arg| ALL_EXPERTS_IN_RAM.contains(&arg.as_str()));
        let is_own = |flag: &str| value_of(own, flag).is_some() || (all_in_ram && flag == "--n-cpu-moe");
        let chosen = self.plan.args().into_iter().filter(|(flag, _)| !is_own(flag));
        chosen.flat_map(|(flag, value)| [flag.to_owned(), value]).chain(own.iter().cloned()).collect()
    }
}

/// The value that a model's own arguments give a flag, however they spell it.
fn value_of<'a>(args: &'a [String], flag: &str) -> Option<&'a str> {
    let others = CHOSEN.iter().find(|(name, _)| *name == flag).map_or(&[][..], |(_, others)| others);
    args.iter().enumerate().find_map(|(at, arg)| {
        let (name, inline) = match arg.split_once('=') {
            Some((name, value)) => (name, Some(value)),
            None => (arg.as_str(), None),
        };
        (name == flag || others.contains(&name)).then(|| inline.or(args.get(at + 1).map(String::as_str)).unwrap_or(""))
    })
}

/// Takes what a model's own arguments set over what is set for all.
fn set_by(args: &[String], wishes: &mut Wishes) {
    let number = |flag: &str| value_of(args, flag).and_then(|value| value.parse::<u32>().ok());
    let text = |flag: &str| value_of(args, flag).map(str::to_owned);
    wishes.parallel = number("--parallel").or(wishes.parallel);
    wishes.n_ctx = number("--n-ctx").filter(|n_ctx| *n_ctx > 0).or(wishes.n_ctx);
    wishes.n_gpu_layers = number("--n-gpu-layers").or(wishes.n_gpu_layers);
    wishes.moe_cache_slots = number("--moe-cache-slots").or(wishes.moe_cache_slots);
    wishes.cache_type_k = text("--cache-type-k").or(wishes.cache_type_k.take());
    wishes.cache_type_v = text("--cache-type-v").or(wishes.cache_type_v.take());
    let all_in_ram = args.iter().any(|arg| ALL_EXPERTS_IN_RAM.contains(&arg.as_str())).then_some(u32::MAX);
    wishes.n_cpu_moe = all_in_ram.or(number("--n-cpu-moe")).or(wishes.n_cpu_moe);
}

/// What a model's files say of its need of memory, and whether it makes vectors.
fn described(path: &Path) -> Result<(Description, bool), Error> {
    let mut known: Option<(Description, bool)> = None;
    for shard in library::shards(path) {
        let head = Gguf::open(&shard).map_err(|source| Error::Model { path: shard.clone(), source })?;
        match &mut known {
            // The first names the numbers; every one brings its tensors.
            Some((first, _)) => first.tensors.extend(head.tensor_bytes),
            None => known = Some((head.description(), head.is_embedding())),
        }
    }
    Ok(known.unwrap_or_default())
}

/// Bytes of the files that are loaded beside a model. What is not there is said by the engine.
fn beside_bytes(args: &[String]) -> u64 {
    let files =
        BESIDE.iter().filter_map(|flag| value_of(args, flag)).filter_map(|file| Path::new(file).metadata().ok());
    files.fold(0, |sum, metadata| sum.saturating_add(metadata.len()))
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

#[cfg(test)]
mod tests {
    use super::*;

    fn args(text: &str) -> Vec<String> {
        text.split_whitespace().map(str::to_owned).collect()
    }

    fn sizing(budget: Option<u64>, devices: &[u64]) -> Sizing {
        let devices = devices.iter().map(|free| Device { name: "gpu".into(), free_bytes: *free }).collect();
        let (machine, budget_bytes) = bounded(Machine { ram_bytes: 64 << 30, devices }, budget);
        let (speculation, catalog) = (Vec::new(), Catalog::default());
        Sizing { machine, wishes: Wishes::default(), budget_bytes, speculation, catalog }
    }

    #[test]
    fn a_models_own_arguments_win_however_they_are_spelled() {
        let mut wishes = Wishes { parallel: Some(9), cache_type_v: Some("f16".into()), ..Wishes::default() };
        set_by(&args("-np 2 --ctx-size=4096 -ctk q8_0 -ngl 7 -cmoe --moe-cache-slots 3"), &mut wishes);
        let expected = Wishes {
            n_ctx: Some(4096),
            parallel: Some(2),
            n_gpu_layers: Some(7),
            n_cpu_moe: Some(u32::MAX),
            moe_cache_slots: Some(3),
            cache_type_k: Some("q8_0".into()),
            cache_type_v: Some("f16".into()),
            n_ctx_wanted: None,
        };
        assert_eq!(wishes, expected);
        let machine = Machine { ram_bytes: 1 << 30, devices: vec![Device { name: "gpu".into(), free_bytes: 1 << 30 }] };
        let own = args("-np 2 -cmoe --flash-attn on");
        let plan = Plan::new(&Description::default(), &machine, &wishes);
        let started = Planned { plan, embeds: false, own: own.clone() }.args();
        assert!(started.ends_with(&own), "{started:?}");
        for chosen in ["--parallel", "--n-cpu-moe"] {
            assert!(!started.iter().any(|arg| arg == chosen), "{chosen} would be there twice: {started:?}");
        }
        assert!(started.windows(2).any(|pair| pair == ["--n-ctx", "4096"]), "{started:?}");
    }

    #[test]
    fn the_budget_bounds_every_plan() {
        assert_eq!(sizing(Some(4 << 30), &[]).machine.ram_bytes, 4 << 30);
        let free = |sizing: &Sizing| sizing.machine.devices.iter().map(|device| device.free_bytes).sum::<u64>();
        let all = sizing(None, &[6 << 30, 4 << 30]);
        assert_eq!((free(&all), all.budget_bytes), (10 << 30, (10 << 30) / 100 * 90));
        let half = sizing(Some((10 << 30) / 200 * 90), &[6 << 30, 4 << 30]);
        assert!(free(&half).abs_diff(5 << 30) < 1 << 10, "{half:?}");
        assert_eq!(sizing(Some(u64::MAX), &[1 << 30]).budget_bytes, (1 << 30) / 100 * 90);
    }

    #[test]
    fn what_the_operator_sets_of_speculation_is_for_models_that_say_nothing() {
        let mut sizing = sizing(None, &[]);
        let mut entry = Entry::of_path(Path::new("/none/m.gguf"));
        assert!(sizing.speculation(&entry).is_empty());
        sizing.speculation = args("--spec-type ngram-simple");
        assert_eq!(sizing.speculation(&entry), sizing.speculation);
        entry.args = args("--spec-type none");
        assert!(sizing.speculation(&entry).is_empty());
    }

    #[test]
    fn what_a_client_wants_is_at_least_what_is_served() {
        let mut sizing = sizing(None, &[]);
        assert_eq!((sizing.n_ctx(None), sizing.n_ctx(Some(512)), sizing.n_ctx(Some(20_000))), (8192, 8192, 20_000));
        sizing.wishes.n_ctx = Some(1024);
        assert_eq!((sizing.n_ctx(None), sizing.n_ctx(Some(2048))), (1024, 2048));
    }
}
