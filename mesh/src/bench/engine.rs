//! `ogong-mesh bench engine`: what committing costs a provider, what scoring costs a verifier, and what either weighs.
//!
//! Every engine is the process that a provider runs. What is compared is measured in pairs, in turn, in one run; printed is
//! the median with the lowest and the highest. Beside the wall clock stands the CPU time of the engine's threads, since a
//! shared machine's wall clock says little. llama.cpp's own `llama-bench`, linked with the engine's own libraries, says what
//! the same machine does without any of this.

use super::{
    load::{Load, Rate, answer},
    native::LlamaBench,
    spread::Spread,
};
use crate::Tools;
use anyhow::{Context, Result};
use ogong_base::{Encode, hash::ReplyId};
use ogong_commitment::{builder::Trajectory, leaf::window_count};
use ogong_engine::{
    Supervisor, SupervisorConfig,
    wire::{ScoreMode, ScoreRequest},
};
use serde_json::{Map, Value, json};
use std::path::Path;

/// Tokens of the reply whose bytes are counted.
const WEIGHED_TOKENS: u32 = 512;
/// Requests an engine serves at once here.
const SLOTS: u32 = 8;
/// Tokens of one of its slots.
const N_CTX: u32 = 2048;

/// What to measure.
#[derive(Debug, Clone, clap::Args)]
pub struct Args {
    /// Print one JSON object instead of a table.
    #[arg(long)]
    pub json: bool,
    /// Pairs of each comparison.
    #[arg(long, default_value_t = 7, value_parser = clap::value_parser!(u32).range(1..=101))]
    pub pairs: u32,
    /// Answer tokens of one measurement.
    #[arg(long, default_value_t = 128, value_parser = clap::value_parser!(u32).range(8..=1024))]
    pub tokens: u32,
    /// Threads of every engine and of llama-bench.
    #[arg(long, default_value_t = 1)]
    pub threads: u32,
    /// Weight formats, with commas between; the first is the one whose speed is measured.
    #[arg(long, value_delimiter = ',', default_values_t = ["Q8_0", "Q4_0", "F16"].map(str::to_owned))]
    pub formats: Vec<String>,
}

/// Runs it and prints what was measured.
///
/// # Errors
/// When an engine does not come up or refuses.
pub async fn run(args: &Args) -> Result<()> {
    let tools = Tools::find()?;
    let scratch = tempfile::TempDir::with_prefix("ogong-bench-")?;
    let first = args.formats.first().context("no weight format\n  hint: --formats Q8_0")?;
    let mut report = Map::new();
    report.insert("pairs".into(), json!(args.pairs));
    report.insert("threads".into(), json!(args.threads));
    report.insert("format".into(), json!(first));
    report.insert("speed".into(), speed(args, &tools, first, scratch.path()).await?);
    let mut rhos = Map::new();
    for format in &args.formats {
        eprintln!("rho {format}");
        let rho = rho(args, &tools, format, scratch.path()).await?;
        eprintln!("  {rho}");
        rhos.insert(format.clone(), rho);
    }
    report.insert("rho".into(), Value::Object(rhos));
    eprintln!("bytes of a reply of {WEIGHED_TOKENS} tokens");
    report.insert("bytes".into(), bytes(args, &tools, first, scratch.path()).await?);
    let report = Value::Object(report);
    if args.json {
        println!("{report}");
    } else {
        print!("{}", super::engine_table::table(&report));
    }
    Ok(())
}

async fn engine(args: &Args, tools: &Tools, format: &str, commit: bool, dir: &Path) -> Result<Supervisor> {
    let mut config = SupervisorConfig::new(tools.model(format)?, dir.join(format!("{format}-{commit}.log")));
    config.program = Some(tools.bin("ogong-text-server")?);
    config.commit = commit;
    (config.threads, config.parallel, config.n_ctx) = (Some(args.threads), Some(SLOTS), Some(N_CTX));
    Ok(Supervisor::start(config).await?)
}

/// Decode and prefill, at one and at eight sequences, committing and not, and llama-bench.
async fn speed(args: &Args, tools: &Tools, format: &str, dir: &Path) -> Result<Value> {
    let plain = engine(args, tools, format, false, dir).await?;
    let committing = engine(args, tools, format, true, dir).await?;
    let native = match LlamaBench::find(tools, format).await {
        Ok(native) => Some(native),
        Err(why) => {
            eprintln!("no llama-bench: {why:#}");
            None
        }
    };
    let mut found = Map::new();
    for (name, load) in [("decode", Load::decode(args.tokens)), ("prefill", Load::prefill())] {
        for sequences in [1, SLOTS] {
            eprintln!("{name} at {sequences} sequences");
            let native = native.as_ref().filter(|_| sequences == 1);
            let pairs = pairs(args, (&plain, &committing), (&load, sequences), native).await?;
            eprintln!("  commit over plain {}", pairs["commit_over_plain"]);
            found.insert(format!("{name}_{sequences}"), pairs);
        }
    }
    plain.stop().await;
    committing.stop().await;
    Ok(Value::Object(found))
}

/// One comparison. Who goes first alternates, so that a drift of the machine favours nobody.
async fn pairs(
    args: &Args,
    (plain, committing): (&Supervisor, &Supervisor),
    (load, sequences): (&Load, u32),
    native: Option<&LlamaBench>,
) -> Result<Value> {
    let (mut off, mut on, mut llama) = (Vec::new(), Vec::new(), Vec::new());
    load.run(plain, sequences, false).await?;
    load.run(committing, sequences, true).await?;
    for pair in 0..args.pairs {
        if pair % 2 == 0 {
            off.push(load.run(plain, sequences, false).await?);
            on.push(load.run(committing, sequences, true).await?);
        } else {
            on.push(load.run(committing, sequences, true).await?);
            off.push(load.run(plain, sequences, false).await?);
        }
        if let Some(native) = native {
            llama.push(native.rate(load, args.threads).await?);
        }
    }
    let wall = |rates: &[Rate]| rates.iter().map(|rate| rate.wall).collect::<Vec<f64>>();
    let cpu = |rates: &[Rate]| rates.iter().map(|rate| rate.cpu).collect::<Vec<f64>>();
    Ok(json!({
        "plain": Spread::of(wall(&off)), "commit": Spread::of(wall(&on)),
        "plain_cpu": Spread::of(cpu(&off)), "commit_cpu": Spread::of(cpu(&on)),
        "commit_over_plain": Spread::ratios(&wall(&on), &wall(&off)),
        "commit_over_plain_cpu": Spread::ratios(&cpu(&on), &cpu(&off)),
        "llama_bench": Spread::of(llama.clone()),
        "plain_over_llama_bench": Spread::ratios(&wall(&off), &llama),
        "commit_over_llama_bench": Spread::ratios(&wall(&on), &llama),
    }))
}

/// What scoring takes of what generating took: same engine, same tokens, prompt included on both sides.
async fn rho(args: &Args, tools: &Tools, format: &str, dir: &Path) -> Result<Value> {
    let engine = engine(args, tools, format, true, dir).await?;
    let client = engine.client();
    let exact = client.capabilities().await?.exact;
    let load = Load::decode(args.tokens);
    let modes: &[ScoreMode] = if exact { &[ScoreMode::Tolerance, ScoreMode::Exact] } else { &[ScoreMode::Tolerance] };
    let mut generated = Vec::new();
    let mut scored = vec![Vec::new(); modes.len()];
    for pair in 0..args.pairs {
        let reply_id = ReplyId::from_bytes([u8::try_from(pair)?; 32]);
        generated.push(load.spent(&engine, async { answer(client, &load, Some(reply_id)).await.map(drop) }).await?);
        let trajectory = client.trajectory(reply_id).await?;
        let windows = windows(trajectory.header.n_tokens);
        for (mode, spent) in modes.iter().zip(&mut scored) {
            let body = load.body().to_string();
            let request =
                ScoreRequest::new(reply_id, body.as_bytes(), &trajectory.ids, windows.clone(), *mode, load.limits());
            spent.push(load.spent(&engine, async { Ok(client.score(&request).await.map(drop)?) }).await?);
        }
    }
    engine.stop().await;
    let mut found = Map::new();
    for (mode, spent) in modes.iter().zip(&scored) {
        let name = if *mode == ScoreMode::Exact { "exact" } else { "tolerance" };
        let part = |of: fn(&Rate) -> f64| {
            Spread::ratios(&spent.iter().map(of).collect::<Vec<_>>(), &generated.iter().map(of).collect::<Vec<_>>())
        };
        found.insert(name.into(), json!({ "wall": part(|spent| spent.wall), "cpu": part(|spent| spent.cpu) }));
    }
    Ok(Value::Object(found))
}

/// First, last and two between, as an audit draws them.
fn windows(n_tokens: u32) -> Vec<u32> {
    let count = window_count(n_tokens);
    let mut windows = vec![0, count / 3, count * 2 / 3, count.saturating_sub(1)];
    windows.dedup();
    windows
}

/// What a committed reply weighs: one whose every token is sure, and one as people get them.
async fn bytes(args: &Args, tools: &Tools, format: &str, dir: &Path) -> Result<Value> {
    let engine = engine(args, tools, format, true, dir).await?;
    let mut found = Map::new();
    for (name, load) in [("counting", Load::decode(WEIGHED_TOKENS)), ("story", Load::story(WEIGHED_TOKENS))] {
        let reply_id = ReplyId::from_bytes([0xb7; 32]);
        answer(engine.client(), &load, Some(reply_id)).await?;
        found.insert(name.to_owned(), weight(&engine.client().trajectory(reply_id).await?)?);
    }
    engine.stop().await;
    Ok(Value::Object(found))
}

fn weight(trajectory: &Trajectory) -> Result<Value> {
    let n_tokens = trajectory.ids.len();
    let windows = windows(trajectory.header.n_tokens);
    let (mut opened, mut opened_tokens) = (trajectory.open(0)?.to_bytes().len(), 0);
    for window in &windows {
        let opening = trajectory.open(window + 1)?;
        opened_tokens += opening.window()?.ids.len();
        opened += opening.to_bytes().len();
    }
    let per = |bytes: usize, tokens: usize| bytes as f64 / tokens as f64;
    let kept = trajectory.to_bytes().len();
    Ok(json!({
        "tokens": n_tokens, "windows": windows, "kept": kept, "kept_per_reply_token": per(kept, n_tokens),
        "opened": opened, "opened_tokens": opened_tokens,
        "opened_per_opened_token": per(opened, opened_tokens), "opened_per_reply_token": per(opened, n_tokens),
    }))
}
