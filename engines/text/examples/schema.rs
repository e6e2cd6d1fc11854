//! Answers under a JSON schema at temperature 1, each held against the schema: how many of them are valid?
//!
//! `cargo run -p ogong-text --example schema -- MODEL.gguf [COUNT] [THREADS]`

use ogong_text::engine::wait;
use ogong_text::{Engine, EngineConfig};
use serde_json::{Value, json};

/// Prompts asked in turn, so that answers differ in more than their seed.
const PROMPTS: [&str; 4] =
    ["Invent a person.", "Describe a famous painter.", "Who lives next door?", "Write about a sailor with many tags."];

fn schema() -> Value {
    json!({
        "type": "object", "additionalProperties": false, "required": ["name", "age", "colour", "tags"],
        "properties": {
            "name": {"type": "string", "maxLength": 24},
            "age": {"type": "integer", "minimum": 0, "maximum": 150},
            "colour": {"enum": ["red", "green", "blue"]},
            "tags": {"type": "array", "minItems": 1, "maxItems": 3, "items": {"type": "string", "maxLength": 10}},
        },
    })
}

fn is_valid(value: &Value) -> bool {
    let Some(person) = value.as_object() else { return false };
    let short = |text: &Value, max: usize| text.as_str().is_some_and(|text| text.chars().count() <= max);
    person.len() == 4
        && person.get("name").is_some_and(|name| short(name, 24))
        && person.get("age").is_some_and(|age| age.as_i64().is_some_and(|age| (0..=150).contains(&age)))
        && person.get("colour").is_some_and(|colour| ["red", "green", "blue"].contains(&colour.as_str().unwrap_or("")))
        && person.get("tags").is_some_and(|tags| {
            tags.as_array().is_some_and(|tags| (1..=3).contains(&tags.len()) && tags.iter().all(|tag| short(tag, 10)))
        })
}

fn main() -> anyhow::Result<()> {
    let mut args = std::env::args().skip(1);
    let model = args.next().ok_or_else(|| anyhow::anyhow!("usage: schema MODEL.gguf [COUNT] [THREADS]"))?;
    let count: usize = args.next().unwrap_or_else(|| "200".into()).parse()?;
    let threads: u32 = args.next().unwrap_or_else(|| "1".into()).parse()?;
    let config =
        EngineConfig { n_ctx: 1024, parallel: 8, threads, commit: false, plain: true, ..EngineConfig::new(&model) };
    let engine = Engine::load(&config)?;
    let mut waiting = Vec::new();
    for (seed, prompt) in PROMPTS.iter().cycle().take(count).enumerate() {
        let body = json!({
            "messages": [{"role": "user", "content": prompt}], "seed": seed, "max_tokens": 400,
            "temperature": 1, "top_k": 0, "top_p": 1, "min_p": 0,
            "response_format": {"type": "json_schema", "json_schema": {"name": "person", "schema": schema()}},
        });
        let mut prepared = engine.prepare_plain(body.to_string().as_bytes())?;
        let Some(job) = prepared.jobs.pop() else { anyhow::bail!("no job") };
        waiting.push((prepared.framing.reader, engine.generate(job)?));
    }
    let mut valid = 0;
    for (reader, events) in waiting {
        let (text, _) = wait(events)?;
        let text = String::from_utf8_lossy(&text).into_owned();
        let (params, begun) = reader.ok_or_else(|| anyhow::anyhow!("the answer has no reader"))?;
        let message: Value = serde_json::from_str(&params.parse(&(begun + &text), false)?)?;
        let content = message["content"].as_str().unwrap_or_default();
        match serde_json::from_str::<Value>(content) {
            Ok(value) if is_valid(&value) => valid += 1,
            other => eprintln!("not valid: {other:?}: {text}"),
        }
    }
    println!("{valid} of {count} valid");
    anyhow::ensure!(valid == count, "some answers are not of the schema");
    Ok(())
}
