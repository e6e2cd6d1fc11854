//! Plans for machines that are made up.

use super::*;
use std::collections::BTreeMap;

const GIB: u64 = 1 << 30;

/// 32 layers of `layer` bytes, `experts` of which are the experts'; 8 KV heads of 128, 128 KiB of cache a token.
pub(super) fn model(layer: u64, experts: u64) -> Description {
    let numbers = [
        ("block_count", 32),
        ("embedding_length", 4096),
        ("attention.head_count", 32),
        ("attention.head_count_kv", 8),
        ("context_length", 131_072),
        ("expert_count", if experts > 0 { 64 } else { 0 }),
        ("expert_used_count", if experts > 0 { 8 } else { 0 }),
    ];
    let mut tensors = BTreeMap::from([("token_embd.weight".to_owned(), GIB / 4)]);
    for at in 0..32 {
        tensors.insert(format!("blk.{at}.attn_q.weight"), layer - experts);
        tensors.insert(format!("blk.{at}.ffn_up_exps.weight"), experts);
    }
    let numbers = numbers.into_iter().map(|(name, number)| (name.to_owned(), vec![number])).collect();
    Description { numbers, tensors, vocabulary: 32_000, beside_bytes: 0 }
}

fn machine(ram: u64, vram: u64) -> Machine {
    let devices = if vram > 0 { vec![Device { name: "gpu".into(), free_bytes: vram }] } else { Vec::new() };
    Machine { ram_bytes: ram, devices }
}

fn plan(model: &Description, ram: u64, vram: u64) -> Plan {
    Plan::new(model, &machine(ram, vram), &Wishes::default())
}

fn flag<'a>(args: &'a [(&'static str, String)], name: &str) -> Option<&'a str> {
    args.iter().find(|(flag, _)| *flag == name).map(|(_, value)| value.as_str())
}

#[test]
fn spare_memory_becomes_slots() {
    let dense = model(GIB / 8, 0);
    let on_cpu = plan(&dense, 48 * GIB, 0);
    assert_eq!((on_cpu.slots, on_cpu.n_ctx, on_cpu.placement, on_cpu.paged), (4, 8192, Placement::Cpu, false));
    assert_eq!((on_cpu.kv_bytes_per_token, on_cpu.kv_bytes), (128 << 10, 4 * GIB));
    assert!(on_cpu.needed_bytes <= on_cpu.budget_bytes && !on_cpu.is_shrunk());
    let on_gpu = plan(&dense, 48 * GIB, 80 * GIB);
    assert_eq!((on_gpu.slots, on_gpu.placement), (16, Placement::Gpu));
    let small = plan(&dense, 48 * GIB, 9 * GIB);
    assert_eq!((small.slots, small.placement), (3, Placement::Gpu), "{small}");
    let args = small.args();
    assert_eq!((flag(&args, "--parallel"), flag(&args, "--n-gpu-layers")), (Some("3"), Some("33")));
}

#[test]
fn what_the_operator_has_set_is_kept() {
    let wishes = Wishes {
        n_ctx: Some(4096),
        parallel: Some(2),
        cache_type_k: Some("q8_0".into()),
        n_gpu_layers: Some(10),
        ..Wishes::default()
    };
    let set = Plan::new(&model(GIB / 8, 0), &machine(48 * GIB, 80 * GIB), &wishes);
    assert_eq!((set.slots, set.n_ctx, set.kv_bytes_per_token), (2, 4096, 64 * 1024 / 32 * 17 + 64 * 1024));
    assert_eq!((set.n_gpu_layers, set.placement), (10, Placement::Split));
    let args = set.args();
    let shown: Vec<String> = args.iter().map(|(flag, value)| format!("{flag} {value}")).collect();
    let expected = ["--parallel 2", "--n-ctx 4096", "--cache-type-k q8_0", "--cache-type-v f16", "--n-gpu-layers 10"];
    assert_eq!(shown, expected);
    // Ten slots of 8192 do not fit, and stay.
    let wishes = Wishes { n_ctx: Some(8192), parallel: Some(10), ..Wishes::default() };
    let much = Plan::new(&model(GIB / 8, 0), &machine(6 * GIB, 0), &wishes);
    assert_eq!((much.slots, much.n_ctx, much.paged), (10, 8192, true));
}

#[test]
fn a_context_of_which_not_one_slot_fits_shrinks() {
    let dense = model(GIB / 8, 0);
    for (ram, vram, placement) in [(5 * GIB, 0, Placement::Cpu), (48 * GIB, 5 * GIB + GIB / 3, Placement::Gpu)] {
        let tight = plan(&dense, ram, vram);
        assert!(tight.is_shrunk() && tight.n_ctx >= N_CTX_MIN && tight.placement == placement, "{tight}");
        assert!(tight.needed_bytes <= tight.budget_bytes && !tight.paged, "{tight}");
        assert!(tight.to_string().contains("8192 do not fit"), "{tight}");
    }
    let wishes = Wishes { n_ctx_wanted: Some(65_536), ..Wishes::default() };
    let client = Plan::new(&dense, &machine(9 * GIB, 0), &wishes);
    assert_eq!((client.n_ctx_wanted, client.n_ctx), (65_536, 32_768), "what a client would like shrinks too: {client}");
    let mut short = model(GIB / 8, 0);
    short.numbers.insert("context_length".into(), vec![1024]);
    let short = plan(&short, 48 * GIB, 0);
    assert!(short.n_ctx == 1024 && !short.is_shrunk(), "it was not trained for more: {short}");
}

#[test]
fn a_mixture_that_is_too_big_streams_its_experts() {
    // 32 GiB, 28 of them experts', on a device of 16 GiB.
    let mixture = model(GIB, GIB / 8 * 7);
    let with_gpu = plan(&mixture, 48 * GIB, 16 * GIB);
    assert_eq!((with_gpu.placement, with_gpu.n_cpu_moe, with_gpu.n_gpu_layers), (Placement::Split, 32, 33));
    assert!(with_gpu.expert_cache_slots >= 8 && with_gpu.slots == 1 && !with_gpu.paged, "{with_gpu}");
    assert!(!with_gpu.is_shrunk() && with_gpu.needed_bytes <= with_gpu.budget_bytes, "{with_gpu}");
    let args = with_gpu.args();
    assert_eq!(flag(&args, "--n-cpu-moe"), Some("32"));
    assert_eq!(flag(&args, "--moe-cache-slots"), Some(with_gpu.expert_cache_slots.to_string().as_str()));
    assert!(with_gpu.to_string().contains("in a cache of"), "{with_gpu}");
    // RAM cannot hold the experts either.
    assert!(plan(&mixture, 12 * GIB, 16 * GIB).paged);
    // Less is left than a token is sent to: no cache.
    let narrow = plan(&mixture, 48 * GIB, 7 * GIB);
    assert!(narrow.expert_cache_slots == 0 && narrow.n_cpu_moe == 32, "{narrow}");
    let set = Wishes { moe_cache_slots: Some(24), ..Wishes::default() };
    assert_eq!(Plan::new(&mixture, &machine(48 * GIB, 16 * GIB), &set).expert_cache_slots, 24);
    let set = Wishes { n_cpu_moe: Some(12), ..Wishes::default() };
    let partial = Plan::new(&mixture, &machine(48 * GIB, 24 * GIB), &set);
    assert_eq!((partial.n_cpu_moe, partial.expert_cache_slots), (12, 0));
    // It fits: nothing is left in RAM.
    let fitting = plan(&mixture, 48 * GIB, 80 * GIB);
    assert_eq!((fitting.placement, fitting.n_cpu_moe, fitting.expert_cache_slots), (Placement::Gpu, 0, 0));
}

#[test]
fn a_mixture_that_is_too_big_without_a_device_is_paged() {
    let paged = plan(&model(GIB, GIB / 8 * 7), 12 * GIB, 0);
    assert!(paged.paged && paged.slots == 1 && paged.placement == Placement::Cpu, "{paged}");
    assert!(flag(&paged.args(), "--moe-cache-slots").is_none() && flag(&paged.args(), "--n-gpu-layers").is_none());
}

#[test]
fn a_dense_model_that_is_too_big_leaves_layers_in_ram_and_is_paged_from_disk() {
    let split = plan(&model(GIB / 8, 0), 48 * GIB, 3 * GIB);
    assert!(split.placement == Placement::Split && split.n_gpu_layers < 32 && split.n_cpu_moe == 0, "{split}");
    assert!(!split.paged && split.needed_bytes <= split.budget_bytes, "{split}");
    let paged = plan(&model(GIB, 0), 12 * GIB, 0);
    assert!(paged.paged && paged.slots == 1 && paged.n_ctx == N_CTX_MIN, "{paged}");
    assert!(paged.to_string().contains("read from disk"));
}

#[test]
fn the_smallest_machine_gets_a_plan_that_runs() {
    let tiny = plan(&model(GIB / 8, 0), 1 << 20, 0);
    assert!(tiny.paged && tiny.slots == 1 && tiny.n_ctx == N_CTX_MIN, "{tiny}");
    let nothing = plan(&Description::default(), 0, 0);
    assert!(nothing.slots >= 1 && nothing.n_ctx >= 1, "{nothing}");
}

#[test]
fn what_is_loaded_beside_counts() {
    let alone = plan(&model(GIB / 8, 0), 7 * GIB, 0);
    let mut with = model(GIB / 8, 0);
    with.beside_bytes = GIB;
    let with = plan(&with, 7 * GIB, 0);
    assert_eq!(with.weights_bytes, alone.weights_bytes + GIB);
    assert!(with.slots < alone.slots, "{with}");
}
