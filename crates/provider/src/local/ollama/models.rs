//! `/api/tags`, `/api/show`, `/api/ps`, `/api/version`: what is here, what is loaded.

use super::tagged;
use crate::local::gguf::Gguf;
use crate::local::{
    fail::OllamaRefusal,
    library::{Entry, shards},
    manifest::modified_ns,
    pool::Wish,
    relay,
    server::{App, Read, body},
};
use axum::{Json, extract::State};
use ogong_engine::plan::{Placement, Plan};
use ogong_openai::{read, time::rfc3339};
use serde_json::{Map, Value, json};
use std::{sync::Arc, time::UNIX_EPOCH};

/// The version of Ollama's API that this server speaks; clients hold features against it.
const API_VERSION: &str = "0.13.0";

/// `GET /api/version`.
pub async fn version() -> Json<Value> {
    Json(json!({"version": API_VERSION, "server": concat!("ogong-provider ", env!("CARGO_PKG_VERSION"))}))
}

/// `GET /api/tags`.
///
/// # Errors
/// When the library cannot be read.
pub async fn tags(State(app): State<Arc<App>>) -> Result<Json<Value>, OllamaRefusal> {
    if app.shelf.pool().is_none() {
        return of_upstream(&app).await;
    }
    let entries = app.shelf.list()?;
    // A file that nobody has hashed yet is hashed now, which takes a while.
    let listed = tokio::task::spawn_blocking(move || {
        entries.iter().filter_map(|entry| tag(&app, entry)).collect::<Vec<Value>>()
    });
    let models = listed.await.map_err(|error| crate::Error::Tls(error.to_string()))?;
    Ok(Json(json!({"models": models})))
}

/// What an upstream lists at `/v1/models`, of which nothing but the names is known.
async fn of_upstream(app: &App) -> Result<Json<Value>, OllamaRefusal> {
    let ready = app.shelf.ready(None, Wish::default()).await?;
    let response = ready.lease.client().get("/v1/models").await.map_err(crate::Error::from)?;
    let listed: Value = serde_json::from_slice(&relay::whole(response).await?).unwrap_or_default();
    let ids = listed.get("data").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let model = |id: &str| json!({"name": id, "model": id, "modified_at": rfc3339(app.begun * 1_000_000), "size": 0, "digest": "0".repeat(64), "details": {}});
    let models: Vec<Value> = ids.iter().filter_map(|entry| entry.get("id")?.as_str().map(model)).collect();
    Ok(Json(json!({"models": models})))
}

fn tag(app: &App, entry: &Entry) -> Option<Value> {
    let metadata = entry.path.metadata().ok()?;
    let origin = app.shelf.library.origin(&entry.path).ok()?;
    let details = app.shelf.library.head(&entry.path).map(|head| details(&head, entry)).unwrap_or_else(|_| json!({}));
    Some(json!({
        "name": tagged(&entry.id), "model": tagged(&entry.id), "modified_at": rfc3339(modified_ns(&metadata) / 1_000),
        "size": size(entry), "digest": origin.sha256, "details": details,
    }))
}

/// Bytes of all of a model's files.
fn size(entry: &Entry) -> u64 {
    shards(&entry.path).iter().filter_map(|shard| shard.metadata().ok()).map(|metadata| metadata.len()).sum()
}

fn details(head: &Gguf, entry: &Entry) -> Value {
    let family = head.architecture().unwrap_or("unknown");
    json!({
        "parent_model": entry.made.as_ref().map_or("", |made| made.from.as_str()), "format": "gguf", "family": family,
        "families": [family], "parameter_size": parameter_size(head.parameters),
        "quantization_level": head.weight_format().unwrap_or("unknown"),
    })
}

/// `134.52M`, `7.62B`.
pub fn parameter_size(parameters: u64) -> String {
    let scaled = |unit: u64, letter: &str| {
        let hundredths = parameters / (unit / 100);
        let (whole, part) = (hundredths / 100, hundredths % 100);
        if part % 10 == 0 { format!("{whole}.{}{letter}", part / 10) } else { format!("{whole}.{part:02}{letter}") }
    };
    match parameters {
        1_000_000_000.. => scaled(1_000_000_000, "B"),
        1_000_000.. => scaled(1_000_000, "M"),
        _ => scaled(1_000, "K"),
    }
}

/// `POST /api/show`.
///
/// # Errors
/// When there is no such model.
pub async fn show(State(app): State<Arc<App>>, read: Read) -> Result<Json<Value>, OllamaRefusal> {
    let request = read::object(&body(read)?)?;
    let name = read::model(&request)?;
    let verbose = read::flag(&request, "verbose")?.unwrap_or(false);
    let missing = || crate::Error::NoSuchModel { name: name.clone() };
    let entry = app.shelf.find(Some(&name))?.ok_or_else(missing)?;
    Ok(Json(described(&app, &entry, verbose)?))
}

/// Everything that is known of a model.
///
/// # Errors
/// When its file is no whole model.
pub fn described(app: &App, entry: &Entry, verbose: bool) -> Result<Value, crate::Error> {
    let head = app.shelf.library.head(&entry.path);
    let head = head.map_err(|source| crate::Error::Model { path: entry.path.clone(), source })?;
    let made = entry.made.clone().unwrap_or_default();
    let origin = app.shelf.library.origin(&entry.path)?;
    let known = entry
        .path
        .file_name()
        .and_then(|name| name.to_str())
        .and_then(|name| app.shelf.library.catalog().of_file(name));
    let license = made.license.clone().or_else(|| known.map(|known| known.license.clone()));
    let mut shown = Map::new();
    if let Some(license) = license.or_else(|| head.text("general.license").map(str::to_owned)) {
        shown.insert("license".into(), license.into());
    }
    shown.insert("modelfile".into(), modelfile(entry).into());
    if !made.parameters.is_empty() {
        shown.insert("parameters".into(), parameters(&made.parameters).into());
    }
    shown.insert("template".into(), head.text("tokenizer.chat_template").unwrap_or_default().into());
    if let Some(system) = &made.system {
        shown.insert("system".into(), system.clone().into());
    }
    shown.insert("details".into(), details(&head, entry));
    shown.insert("model_info".into(), model_info(&head, verbose));
    shown.insert("capabilities".into(), capabilities(&head, entry).into());
    let modified = entry.path.metadata().map_or(0, |metadata| modified_ns(&metadata) / 1_000);
    shown.insert("modified_at".into(), rfc3339(modified).into());
    let plan = app.shelf.pool().map(|pool| pool.plan(entry)).transpose()?;
    shown.insert(
        "ogong".into(),
        json!({
            "file": entry.path.file_name().unwrap_or_default().to_string_lossy(), "sha256": origin.sha256,
            "sha256_from": origin.provenance, "source": origin.source, "bytes": size(entry),
            "plan": plan,
        }),
    );
    Ok(Value::Object(shown))
}

fn modelfile(entry: &Entry) -> String {
    let made = entry.made.clone().unwrap_or_default();
    let from = if made.from.is_empty() { entry.path.display().to_string() } else { made.from.clone() };
    let mut text = format!("FROM {from}\n");
    if let Some(system) = &made.system {
        text.push_str(&format!("SYSTEM \"\"\"{system}\"\"\"\n"));
    }
    for (name, value) in &made.parameters {
        text.push_str(&format!("PARAMETER {name} {value}\n"));
    }
    text
}

fn parameters(parameters: &Map<String, Value>) -> String {
    let lines: Vec<String> = parameters.iter().map(|(name, value)| format!("{name:<30} {value}")).collect();
    lines.join("\n")
}

/// The GGUF's own pairs. Vocabularies were never read; the chat template stands beside.
fn model_info(head: &Gguf, verbose: bool) -> Value {
    let shown = head.pairs.iter().filter(|(key, value)| {
        *key != "tokenizer.chat_template" && (verbose || !(value.is_null() || value.is_array()))
    });
    let mut info: Map<String, Value> = shown.map(|(key, value)| (key.clone(), value.clone())).collect();
    info.insert("general.parameter_count".into(), head.parameters.into());
    Value::Object(info)
}

fn capabilities(head: &Gguf, entry: &Entry) -> Vec<&'static str> {
    if head.is_embedding() {
        return vec!["embedding"];
    }
    let template = head.text("tokenizer.chat_template").unwrap_or_default();
    let mut capabilities = vec!["completion"];
    if entry.sees() {
        capabilities.push("vision");
    }
    if template.contains("tools") {
        capabilities.push("tools");
    }
    if template.contains("<think>") || template.contains("enable_thinking") {
        capabilities.push("thinking");
    }
    if head.pairs.contains_key("tokenizer.ggml.prefix_token_id")
        || head.pairs.contains_key("tokenizer.ggml.fim_pre_token_id")
    {
        capabilities.push("insert");
    }
    capabilities
}

/// Bytes of the devices' memory.
fn vram_of(plan: &Plan) -> u64 {
    if plan.placement == Placement::Cpu { 0 } else { plan.needed_bytes }
}

/// `GET /api/ps`.
pub async fn ps(State(app): State<Arc<App>>) -> Json<Value> {
    let loaded = app.shelf.pool().map(crate::local::pool::Pool::loaded).unwrap_or_default();
    let models: Vec<Value> = loaded
        .iter()
        .map(|model| {
            let head = app.shelf.library.head(&model.entry.path);
            let expires =
                model.expires.and_then(|at| at.duration_since(UNIX_EPOCH).ok()).map(|since| since.as_micros());
            // Ollama writes a far year for what stays.
            let expires = expires.and_then(|micros| u64::try_from(micros).ok()).unwrap_or(9_214_646_400_000_000);
            json!({
                "name": tagged(&model.entry.id), "model": tagged(&model.entry.id), "size": model.plan.weights_bytes + model.plan.kv_bytes + model.plan.work_bytes, "size_vram": vram_of(&model.plan),
                "digest": app.shelf.library.origin(&model.entry.path).map(|origin| origin.sha256).unwrap_or_default(),
                "details": head.map(|head| details(&head, &model.entry)).unwrap_or_else(|_| json!({})),
                "expires_at": rfc3339(expires), "context_length": model.plan.n_ctx,
                "ogong": {"users": model.users, "restarts": model.restarts, "pid": model.pid, "plan": model.plan},
            })
        })
        .collect();
    Json(json!({"models": models}))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_written_as_people_read_them() {
        assert_eq!(parameter_size(134_515_008), "134.51M");
        assert_eq!(parameter_size(7_600_000_000), "7.6B");
        assert_eq!(parameter_size(512_000), "512.0K");
    }
}
