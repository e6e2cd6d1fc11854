//! What committing costs: the same greedy answers from an engine that commits and one that does not, in turn, at one and
//! at eight sequences; and the prefill's rate. Counts CPU time of all threads beside the wall clock, since a shared
//! machine's wall clock says little.
//!
//! `cargo run -p ogong-text --example throughput -- MODEL.gguf [PAIRS] [TOKENS] [THREADS]`

use std::time::Instant;

use bytes::Bytes;
use ogong_base::hash::ReplyId;
use ogong_engine::wire::{OrderLimits, ScoreMode, ScoreRequest};
use ogong_text::slot::Event;
use ogong_text::{Engine, EngineConfig};

const BODY: &str = r#"{"prompt":"0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12,","temperature":0}"#;

/// Seconds of wall clock and of CPU.
#[derive(Clone, Copy)]
struct Spent {
    wall: f64,
    cpu: f64,
}

fn cpu_seconds() -> f64 {
    let mut nanoseconds = 0u64;
    for task in std::fs::read_dir("/proc/self/task").into_iter().flatten().flatten() {
        let stat = std::fs::read_to_string(task.path().join("schedstat")).unwrap_or_default();
        nanoseconds += stat.split(' ').next().and_then(|first| first.parse::<u64>().ok()).unwrap_or(0);
    }
    nanoseconds as f64 / 1e9
}

fn measure(work: impl FnOnce() -> anyhow::Result<()>) -> anyhow::Result<Spent> {
    let (began, cpu) = (Instant::now(), cpu_seconds());
    work()?;
    Ok(Spent { wall: began.elapsed().as_secs_f64(), cpu: cpu_seconds() - cpu })
}

fn decode(engine: &Engine, sequences: u8, tokens: u32, committed: bool) -> anyhow::Result<()> {
    let limits = OrderLimits { issued_ms: 0, max_tokens: tokens, n_ctx: 1024 };
    let mut listeners = Vec::new();
    for n in 0..sequences {
        let mut prepared = if committed {
            engine.prepare_committed(Bytes::from_static(BODY.as_bytes()), ReplyId::from_bytes([n; 32]), limits)?
        } else {
            engine.prepare_plain(BODY.as_bytes())?
        };
        for mut job in prepared.jobs.drain(..) {
            job.limit = tokens;
            listeners.push(engine.generate(job)?);
        }
    }
    for mut listener in listeners {
        while let Some(event) = listener.blocking_recv() {
            match event {
                Event::Done(done) => {
                    anyhow::ensure!(done.n_tokens == tokens, "answer ended early at {}", done.n_tokens)
                }
                Event::Failed(error) => return Err(error.into()),
                Event::Text(_) | Event::Logprobs(_) => {}
            }
        }
    }
    Ok(())
}

fn median(mut values: Vec<f64>) -> (f64, f64, f64) {
    values.sort_by(f64::total_cmp);
    (values[values.len() / 2], values[0], values[values.len() - 1])
}

fn main() -> anyhow::Result<()> {
    let mut args = std::env::args().skip(1);
    let model =
        args.next().ok_or_else(|| anyhow::anyhow!("usage: throughput MODEL.gguf [PAIRS] [TOKENS] [THREADS]"))?;
    let pairs: usize = args.next().unwrap_or_else(|| "7".into()).parse()?;
    let tokens: u32 = args.next().unwrap_or_else(|| "128".into()).parse()?;
    let threads: u32 = args.next().unwrap_or_else(|| "1".into()).parse()?;
    let config = |commit| EngineConfig { n_ctx: 1024, parallel: 8, threads, commit, ..EngineConfig::new(&model) };
    let (plain, committing) = (Engine::load(&config(false))?, Engine::load(&config(true))?);
    println!("class {:?}", committing.capabilities().class);
    for sequences in [1u8, 8] {
        let (mut ratios, mut cpu_ratios, mut rates) = (Vec::new(), Vec::new(), Vec::new());
        for pair in 0..pairs {
            let mut spent = [None, None];
            for side in [pair % 2, 1 - pair % 2] {
                let (engine, committed) = if side == 0 { (&plain, false) } else { (&committing, true) };
                spent[side] = Some(measure(|| decode(engine, sequences, tokens, committed))?);
            }
            if let [Some(plain), Some(committed)] = spent {
                ratios.push(committed.wall / plain.wall);
                cpu_ratios.push(committed.cpu / plain.cpu);
                eprintln!("  wall {:.2} {:.2}  cpu {:.2} {:.2}", plain.wall, committed.wall, plain.cpu, committed.cpu);
                rates.push(f64::from(tokens) * f64::from(sequences) / plain.cpu);
            }
        }
        let (wall, low, high) = median(ratios);
        let (cpu, cpu_low, cpu_high) = median(cpu_ratios);
        let (rate, ..) = median(rates);
        println!(
            "{sequences} sequences: plain {rate:.1} tok/CPU-s; commit/plain wall {wall:.3} [{low:.3}, {high:.3}], CPU {cpu:.3} [{cpu_low:.3}, {cpu_high:.3}]"
        );
    }
    score_ratio(&committing, tokens)
}

/// rho: what scoring costs against generating, prompt included on both sides.
fn score_ratio(engine: &Engine, tokens: u32) -> anyhow::Result<()> {
    let limits = OrderLimits { issued_ms: 0, max_tokens: tokens, n_ctx: 1024 };
    let id = ReplyId::from_bytes([77; 32]);
    let body = Bytes::from_static(BODY.as_bytes());
    let mut ids = Vec::new();
    let generated = measure(|| {
        ids = engine.generate_committed(body.clone(), id, limits)?.ids.clone();
        Ok(())
    })?;
    for mode in [ScoreMode::Tolerance, ScoreMode::Exact] {
        if mode == ScoreMode::Exact && !engine.capabilities().exact {
            continue;
        }
        let request = ScoreRequest::new(id, &body, &ids, vec![0], mode, limits);
        let scored = measure(|| engine.score(&request).map(drop).map_err(Into::into))?;
        println!("rho {mode:?}: CPU {:.3}, wall {:.3}", scored.cpu / generated.cpu, scored.wall / generated.wall);
    }
    Ok(())
}
