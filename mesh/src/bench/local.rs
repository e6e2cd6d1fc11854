//! `ogong-mesh bench local`: `ogong-provider local` against llama.cpp's own server, on the same file, with the same threads, slots and prompts.
//!
//! Both are up during the whole run and asked in turn, so that what else this machine does meets both. A figure is the median of the pairs with
//! the lowest and the highest; a ratio is over the pairs, ours over theirs. Beside the wall clock stands the CPU time of each server's processes,
//! since a shared machine's wall clock says little.
//!
//! | row | work |
//! |---|---|
//! | prompt | 512 tokens of prompt, one of answer |
//! | decode, clients: n | n clients count on at once; nothing comes from memory |
//! | shared, clients: n | n prompts that begin with the same 512 tokens, new in each round; memory may serve |
//! | start | from the start of the process to the first token |
//! | memory | resident bytes of each server's processes at the end, the model's mapped file among them |

use super::{
    llama_server,
    load::{Answer, Load, cpu_of, timed},
    spread::Spread,
};
use crate::{
    Tools,
    process::{Process, Spec},
};
use anyhow::{Context, Result, bail};
use futures::future::try_join_all;
use ogong_engine::EngineClient;
use serde_json::{Map, Value, json};
use std::{
    fmt::Write as _,
    net::TcpListener,
    path::Path,
    time::{Duration, Instant},
};

/// Tokens of a slot on either side.
const N_CTX: u32 = 2048;
/// How long a server may take to come up.
const STARTING: Duration = Duration::from_secs(120);
const LOOK: Duration = Duration::from_millis(10);
/// Clients of the shared beginning.
const SHARING: u32 = 8;
/// Starts of either server at most; each takes seconds.
const STARTS: u32 = 5;

/// What to measure.
#[derive(Debug, Clone, clap::Args)]
pub struct Args {
    /// Print one JSON object instead of a table.
    #[arg(long)]
    pub json: bool,
    /// Pairs of each comparison.
    #[arg(long, default_value_t = 7, value_parser = clap::value_parser!(u32).range(1..=101))]
    pub pairs: u32,
    /// Answer tokens of one request.
    #[arg(long, default_value_t = 64, value_parser = clap::value_parser!(u32).range(8..=1024))]
    pub tokens: u32,
    /// Threads of either server.
    #[arg(long, default_value_t = 1)]
    pub threads: u32,
    /// Clients that ask at once, with commas between; either server has as many slots as the most.
    #[arg(long, value_delimiter = ',', default_values_t = [1, 4, 8, 16], value_parser = clap::value_parser!(u32).range(1..=64))]
    pub clients: Vec<u32>,
    /// Weight format.
    #[arg(long, default_value = "Q8_0")]
    pub format: String,
}

/// A server under measurement.
struct Side {
    client: EngineClient,
    process: Process,
    /// Its processes, whose CPU time counts.
    pids: Vec<u32>,
}

/// What one run of a load gave.
struct Figures {
    /// Tokens a second of all clients, from the request on.
    rate: f64,
    /// Tokens a second of CPU.
    cpu_rate: f64,
    /// Seconds to the first token, the middle one of the clients.
    first: f64,
    /// Seconds from one token to the next, of the middle one of the clients.
    between: f64,
}

/// Runs it and prints what was measured.
///
/// # Errors
/// When a server does not come up or refuses.
pub async fn run(args: &Args) -> Result<()> {
    let tools = Tools::find()?;
    let scratch = tempfile::TempDir::with_prefix("ogong-bench-")?;
    let slots = args.clients.iter().copied().max().context("no clients\n  hint: --clients 1,4")?;
    let mut ours = start_ours(&tools, args, slots, scratch.path()).await?;
    let mut theirs = start_theirs(&tools, args, slots, scratch.path()).await?;
    let busy = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let mut rows = Map::new();
    let sides = [&ours, &theirs];
    compare(&mut rows, "prompt", |_, _| Load::prefill(), 1, args.pairs, sides).await?;
    for clients in &args.clients {
        let load = |_, _| Load::decode(args.tokens);
        compare(&mut rows, &format!("decode_{clients}"), load, *clients, args.pairs, sides).await?;
    }
    let sharing = SHARING.min(slots);
    let load = |round, client| Load::shared(round, client, args.tokens);
    compare(&mut rows, &format!("shared_{sharing}"), load, sharing, args.pairs, sides).await?;
    for side in [&mut ours, &mut theirs] {
        side.process.alive()?;
    }
    let resident = [&ours, &theirs].map(|side| side.pids.iter().map(|pid| resident_bytes(*pid)).sum::<f64>());
    insert(&mut rows, "memory", "mib", resident.map(|bytes| vec![bytes / f64::from(1 << 20)]));
    for side in [ours, theirs] {
        side.end().await?;
    }
    starts(&mut rows, &tools, args, slots, scratch.path()).await?;
    let report = json!({
        "pairs": args.pairs, "threads": args.threads, "slots": slots, "tokens": args.tokens, "format": args.format,
        "peer": llama_server::name(), "load_before": busy.split(' ').next(), "rows": rows,
    });
    if args.json {
        println!("{report}");
    } else {
        print!("{}", table(&report));
    }
    Ok(())
}

impl Side {
    async fn end(mut self) -> Result<()> {
        self.process.kill_hard().await?;
        Ok(())
    }
}

/// Starts both in turn, alone on the machine, and asks for one token.
async fn starts(rows: &mut Map<String, Value>, tools: &Tools, args: &Args, slots: u32, dir: &Path) -> Result<()> {
    eprintln!("start");
    let mut seconds = [Vec::new(), Vec::new()];
    for pair in 0..args.pairs.min(STARTS) {
        let mut order = [0, 1];
        order.rotate_left(usize::from(pair % 2 == 1));
        for at in order {
            let began = Instant::now();
            let side = match at {
                0 => start_ours(tools, args, slots, dir).await?,
                _ => start_theirs(tools, args, slots, dir).await?,
            };
            let answer = timed(&side.client, &Load::decode(1), None).await?;
            seconds[at].push((answer.first - began).as_secs_f64());
            side.end().await?;
        }
    }
    insert(rows, "start", "seconds", seconds);
    Ok(())
}

/// Bytes of a process in memory.
fn resident_bytes(pid: u32) -> f64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    line.and_then(|line| line.split_whitespace().next()?.parse::<f64>().ok()).map_or(f64::NAN, |kib| kib * 1024.0)
}

/// Notes figures of both sides and their ratio.
fn insert(rows: &mut Map<String, Value>, name: &str, what: &str, [ours, theirs]: [Vec<f64>; 2]) {
    let ratio = Spread::ratios(&ours, &theirs);
    if let Some(row) = rows.entry(name).or_insert_with(|| json!({})).as_object_mut() {
        row.insert(what.into(), json!({"ours": Spread::of(ours), "theirs": Spread::of(theirs), "ratio": ratio}));
    }
}

async fn start_ours(tools: &Tools, args: &Args, slots: u32, dir: &Path) -> Result<Side> {
    let ready = dir.join("ready.json");
    let model = tools.model(&args.format)?;
    let spec = Spec::new("local", tools.bin("ogong-provider")?, dir)
        .env("OGONG_HOME", dir)
        .args(["local", "--listen", "127.0.0.1:0", "--ready-file"])
        .args([&ready])
        .args(["--model".into(), model])
        .args(flags("--threads", args.threads))
        .args(flags("--parallel", slots))
        .args(flags("--n-ctx", N_CTX));
    let mut process = Process::start(spec)?;
    let (client, engine) = waited(&mut process, async || {
        let ready: Value = serde_json::from_slice(&std::fs::read(&ready).ok()?).ok()?;
        let client = EngineClient::new(&format!("http://{}", ready["listen"].as_str()?)).ok()?;
        let loaded: Value = client.get("/api/ps").await.ok()?.json().await.ok()?;
        let engine = loaded.pointer("/models/0/ogong/pid")?.as_u64()?;
        Some((client, u32::try_from(engine).ok()?))
    })
    .await?;
    let pids = process.pid().into_iter().chain([engine]).collect();
    Ok(Side { client, process, pids })
}

async fn start_theirs(tools: &Tools, args: &Args, slots: u32, dir: &Path) -> Result<Side> {
    let program = llama_server::find().await?;
    let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
    // Its context is of all slots together.
    let spec = Spec::new("llama-server", program, dir)
        .args(["--host", "127.0.0.1", "--flash-attn", "on", "-m"])
        .args([tools.model(&args.format)?])
        .args(flags("--port", u32::from(port)))
        .args(flags("--threads", args.threads))
        .args(flags("--parallel", slots))
        .args(flags("--ctx-size", N_CTX * slots));
    let mut process = Process::start(spec)?;
    let client = EngineClient::new(&format!("http://127.0.0.1:{port}"))?;
    waited(&mut process, async || client.health().await.ok().filter(|healthy| *healthy)).await?;
    let pids = process.pid().into_iter().collect();
    Ok(Side { client, process, pids })
}

fn flags(name: &str, value: u32) -> [String; 2] {
    [name.to_owned(), value.to_string()]
}

/// Looks until something is there, as long as the process lives.
async fn waited<T>(process: &mut Process, look: impl AsyncFn() -> Option<T>) -> Result<T> {
    let looking = async {
        loop {
            if let Some(found) = look().await {
                return Ok(found);
            }
            process.alive()?;
            tokio::time::sleep(LOOK).await;
        }
    };
    match tokio::time::timeout(STARTING, looking).await {
        Ok(found) => found,
        Err(_) => {
            bail!("{} did not come up within {} seconds{}", process.name(), STARTING.as_secs(), process.where_to_look())
        }
    }
}

/// Asks both in turn, once each to warm up and then pair by pair, who is first changing each time.
async fn compare(
    rows: &mut Map<String, Value>,
    name: &str,
    load: impl Fn(u32, u32) -> Load,
    clients: u32,
    pairs: u32,
    sides: [&Side; 2],
) -> Result<()> {
    eprintln!("{name}");
    let loads = |round: u32| (0..clients).map(|client| load(round, client)).collect::<Vec<_>>();
    for side in sides {
        measure(side, &loads(pairs)).await?;
    }
    let mut figures: [Vec<Figures>; 2] = [Vec::new(), Vec::new()];
    for pair in 0..pairs {
        let mut order = [0, 1];
        order.rotate_left(usize::from(pair % 2 == 1));
        for at in order {
            figures[at].push(measure(sides[at], &loads(pair)).await?);
        }
    }
    for (what, of) in [
        ("tokens_per_s", (|figures| figures.rate) as fn(&Figures) -> f64),
        ("tokens_per_cpu_s", |figures| figures.cpu_rate),
        ("first_token_s", |figures| figures.first),
        ("between_tokens_s", |figures| figures.between),
    ] {
        let both = [0, 1].map(|at: usize| figures[at].iter().map(of).collect::<Vec<f64>>());
        // Answers of one token have nothing between.
        if both.iter().flatten().all(|value| value.is_finite()) {
            insert(rows, name, what, both);
        }
    }
    Ok(())
}

async fn measure(side: &Side, loads: &[Load]) -> Result<Figures> {
    // A connection that was idle while the other side was asked may be closed just when it is used again.
    let client = EngineClient::new(side.client.base_url())?;
    let cpu = || side.pids.iter().map(|pid| cpu_of(*pid)).sum::<f64>();
    let before = cpu();
    let answers: Vec<Answer> = try_join_all(loads.iter().map(|load| timed(&client, load, None))).await?;
    let prefill = loads.first().is_some_and(|load| load.prefill);
    let spent = cpu() - before;
    let tokens: u64 = answers.iter().map(|answer| if prefill { answer.n_prompt } else { answer.n_tokens }).sum();
    let begun = answers.iter().map(|answer| answer.began).min();
    let end = answers.iter().map(|answer| answer.end).max();
    let seconds = begun.zip(end).map_or(f64::NAN, |(begun, end)| (end - begun).as_secs_f64());
    let middle =
        |of: fn(&Answer) -> f64| Spread::of(answers.iter().map(of).collect()).map_or(f64::NAN, |all| all.median);
    Ok(Figures {
        rate: tokens as f64 / seconds,
        cpu_rate: tokens as f64 / spent,
        first: middle(|answer| (answer.first - answer.began).as_secs_f64()),
        between: middle(|answer| (answer.end - answer.first).as_secs_f64() / (answer.n_tokens as f64 - 1.0)),
    })
}

fn table(report: &Value) -> String {
    let mut text = format!(
        "{} weights, {} threads, {} slots, median of {} pairs [lowest, highest], against {}\n",
        report["format"].as_str().unwrap_or("?"),
        report["threads"],
        report["slots"],
        report["pairs"],
        report["peer"].as_str().unwrap_or("?"),
    );
    for (name, row) in report["rows"].as_object().into_iter().flatten() {
        let _ = writeln!(text, "\n{}", name.replace('_', ", clients: "));
        for (what, figures) in row.as_object().into_iter().flatten() {
            let of = |side: &str| {
                let spread: Option<(f64, f64, f64)> = (|| {
                    let side = figures.get(side)?;
                    Some((side.get("median")?.as_f64()?, side.get("low")?.as_f64()?, side.get("high")?.as_f64()?))
                })();
                spread
                    .map_or_else(|| "-".to_owned(), |(median, low, high)| format!("{median:.3} [{low:.3}, {high:.3}]"))
            };
            let what = what.replace('_', " ");
            let _ =
                writeln!(text, "  {what:<18} ours {}   theirs {}   ratio {}", of("ours"), of("theirs"), of("ratio"));
        }
    }
    text
}
