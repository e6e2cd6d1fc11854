//! `bench`: how fast a model answers on this machine, as a client sees it.
//!
//! Each figure is over whole answers through the engine's own HTTP: time to the first token, tokens a second of one client, and of several at once.

use super::{
    cli::Bench,
    library::Library,
    pool::{Pool, Wish},
    relay,
    serve::{entry_of, pool_config},
    shelf::Ready,
};
use crate::Error;
use futures::{StreamExt, future::try_join_all};
use ogong_daemon::Shutdown;
use ogong_openai::{Endpoint, Turn};
use serde_json::{Value, json};
use std::{path::Path, time::Duration};
use tokio::time::Instant;

const PROMPT: &str = "Write a story about a lighthouse keeper who finds a message in a bottle.";

/// What one answer took.
struct Sample {
    first: Duration,
    total: Duration,
    tokens: u32,
}

/// Measures and prints.
///
/// # Errors
/// When the model is not there, or its engine fails.
pub async fn run(home: &Path, flags: &Bench, shutdown: Shutdown) -> Result<(), Error> {
    let library = Library::open(home)?;
    let entry = entry_of(&library, &flags.model).await?;
    let pool = Pool::new(pool_config(home, &library, &flags.engine, None));
    let measuring = async {
        let lease = pool.acquire(&entry, Wish { pinned: true, ..Wish::default() }).await.map_err(Error::Shared)?;
        measure(flags, Ready { entry: Some(entry.clone()), lease }).await
    };
    let outcome = shutdown.unless(measuring).await;
    pool.stop().await;
    let Some(rows) = outcome else { return Ok(()) };
    print(&rows?, flags.json);
    Ok(())
}

async fn measure(flags: &Bench, ready: Ready) -> Result<Vec<Value>, Error> {
    let load = ready.lease.load;
    // The first answer also warms what is warmed once.
    answer(&ready, flags.tokens).await?;
    let mut rows = vec![json!({"clients": 0, "load_s": seconds(load)})];
    for clients in [1, flags.clients] {
        let begun = Instant::now();
        let samples = try_join_all((0..clients).map(|_| answer(&ready, flags.tokens))).await?;
        let wall = begun.elapsed();
        let tokens: u32 = samples.iter().map(|sample| sample.tokens).sum();
        let mut first: Vec<Duration> = samples.iter().map(|sample| sample.first).collect();
        first.sort();
        let slowest = samples.iter().map(|sample| sample.total).max().unwrap_or_default();
        rows.push(json!({
            "clients": clients, "tokens": tokens, "first_token_s": seconds(first.get(first.len() / 2).copied().unwrap_or_default()),
            "tokens_per_s": f64::from(tokens) / wall.as_secs_f64().max(1e-9), "slowest_s": seconds(slowest),
        }));
        if flags.clients == 1 {
            break;
        }
    }
    Ok(rows)
}

async fn answer(ready: &Ready, tokens: u32) -> Result<Sample, Error> {
    let body = json!({"messages": [{"role": "user", "content": PROMPT}], "max_tokens": tokens, "temperature": 0, "stream": true,
        "stream_options": {"include_usage": true}, "cache_prompt": false, "ignore_eos": true});
    let failed = |refusal: crate::refusal::Refusal| Error::Answer { why: refusal.to_string() };
    let begun = Instant::now();
    let response = relay::ask(ready, Endpoint::Chat.path(), &body).await.map_err(failed)?;
    let mut pieces = Box::pin(relay::pieces(response));
    let (mut turn, mut first) = (Turn::default(), None);
    while let Some(piece) = pieces.next().await {
        let piece = piece.map_err(failed)?;
        if !piece.text.is_empty() {
            first.get_or_insert_with(|| begun.elapsed());
        }
        turn.push(&piece);
    }
    let total = begun.elapsed();
    Ok(Sample { first: first.unwrap_or(total), total, tokens: turn.usage.completion_tokens })
}

fn seconds(duration: Duration) -> f64 {
    (duration.as_secs_f64() * 1_000.0).round() / 1_000.0
}

fn print(rows: &[Value], as_json: bool) {
    if as_json {
        println!("{}", Value::Array(rows.to_vec()));
        return;
    }
    let number = |row: &Value, member: &str| row.get(member).and_then(Value::as_f64).unwrap_or(0.0);
    for row in rows {
        if let Some(load) = row.get("load_s").and_then(Value::as_f64) {
            println!("loaded in {load:.2} s");
            continue;
        }
        println!(
            "{:>3.0} clients: {:>7.1} tokens/s, first token after {:.2} s, slowest answer {:.2} s",
            number(row, "clients"),
            number(row, "tokens_per_s"),
            number(row, "first_token_s"),
            number(row, "slowest_s"),
        );
    }
}
