//! `pull`, `list`, `rm`, `ps` and `show MODEL`: looking after the models on this machine.

use super::{
    cli::{Ps, Pull, Remove},
    library::{Library, shards},
    pull::{self, progress::Terminal},
};
use crate::Error;
use crate::local::gguf::Gguf;
use indicatif::HumanBytes;
use ogong_engine::{
    EngineClient,
    plan::{Machine, Plan, Wishes},
};
use serde_json::{Value, json};
use std::path::Path;

/// `pull`.
///
/// # Errors
/// When it cannot be fetched.
pub async fn pull(home: &Path, flags: &Pull) -> Result<(), Error> {
    let library = Library::open(home)?;
    let Some(name) = &flags.name else {
        catalog(&library, flags.json)?;
        return Ok(());
    };
    let terminal = Terminal::new(name);
    let entry = pull::pull(&library, name, &|event| terminal.show(event)).await?;
    if flags.json {
        let origin = library.origin(&entry.path)?;
        println!(
            "{}",
            json!({"model": entry.id, "path": entry.path, "sha256": origin.sha256, "sha256_from": origin.provenance})
        );
    } else {
        println!("{}", entry.id);
    }
    Ok(())
}

fn catalog(library: &Library, as_json: bool) -> Result<(), Error> {
    let here = library.list()?;
    let rows = library.catalog().entries().iter().map(|entry| {
        let pulled = here.iter().any(|model| model.made.is_none() && model.id == entry.name());
        (entry, pulled)
    });
    if as_json {
        let rows: Vec<Value> = rows
            .map(|(entry, pulled)| {
                json!({"name": entry.name(), "model_id": entry.model_id, "license": entry.license, "bytes": entry.bytes, "pulled": pulled})
            })
            .collect();
        println!("{}", Value::Array(rows));
        return Ok(());
    }
    let mut table = Table::new(&["NAME", "SIZE", "LICENSE", "HERE"]);
    for (entry, pulled) in rows {
        let size = entry.bytes.map_or_else(|| "at pull".to_owned(), |bytes| HumanBytes(bytes).to_string());
        table.row([entry.name().to_owned(), size, entry.license.clone(), if pulled { "yes" } else { "" }.to_owned()]);
    }
    table.print();
    Ok(())
}

/// `list`.
///
/// # Errors
/// When the library cannot be read.
pub fn list(home: &Path, as_json: bool) -> Result<(), Error> {
    let library = Library::open(home)?;
    let mut table = Table::new(&["NAME", "SIZE", "FORMAT", "FROM"]);
    let mut rows = Vec::new();
    for entry in library.list()? {
        let bytes: u64 =
            shards(&entry.path).iter().filter_map(|path| path.metadata().ok()).map(|file| file.len()).sum();
        let format = match library.head(&entry.path) {
            Ok(head) => head.weight_format().unwrap_or("unknown").to_owned(),
            Err(error) => error.to_string(),
        };
        let from = entry.made.as_ref().map(|made| made.from.clone());
        rows.push(json!({"name": entry.id, "path": entry.path, "bytes": bytes, "format": format, "from": from}));
        table.row([entry.id, HumanBytes(bytes).to_string(), format, from.unwrap_or_default()]);
    }
    if as_json {
        println!("{}", Value::Array(rows));
    } else if rows.is_empty() {
        eprintln!("no models yet; hint: ogong-provider pull --list");
    } else {
        table.print();
    }
    Ok(())
}

/// `rm`.
///
/// # Errors
/// When one is not there or is another's base.
pub fn remove(home: &Path, flags: &Remove) -> Result<(), Error> {
    let library = Library::open(home)?;
    for name in &flags.models {
        let removed = library.remove(name)?;
        println!("removed {}", removed.id);
    }
    Ok(())
}

/// `ps`.
///
/// # Errors
/// When no server answers.
pub async fn ps(flags: &Ps) -> Result<(), Error> {
    let response = EngineClient::new(&format!("http://{}", flags.listen))?.get("/api/ps").await;
    let response = response.map_err(|_| Error::NoServer { addr: flags.listen })?;
    let body: Value = response.json().await.map_err(|_| Error::NoServer { addr: flags.listen })?;
    if flags.json {
        println!("{body}");
        return Ok(());
    }
    let mut table = Table::new(&["NAME", "SIZE", "CONTEXT", "REQUESTS", "UNTIL"]);
    for model in body.get("models").and_then(Value::as_array).unwrap_or(&Vec::new()) {
        let text = |pointer: &str| match model.pointer(pointer) {
            Some(Value::String(text)) => text.clone(),
            Some(value) => value.to_string(),
            None => String::new(),
        };
        let until = text("/expires_at");
        let until = if until.starts_with("22") { "forever".to_owned() } else { until.chars().take(19).collect() };
        let size = model.get("size").and_then(Value::as_u64).unwrap_or(0);
        table.row([text("/name"), HumanBytes(size).to_string(), text("/context_length"), text("/ogong/users"), until]);
    }
    table.print();
    Ok(())
}

/// `show MODEL`.
///
/// # Errors
/// When it is not here or its file is damaged.
pub fn show(home: &Path, name: &str, as_json: bool) -> Result<(), Error> {
    let library = Library::open(home)?;
    let entry = library.find(name)?.ok_or_else(|| Error::NoSuchModel { name: name.to_owned() })?;
    let head = Gguf::open(&entry.path).map_err(|source| Error::Model { path: entry.path.clone(), source })?;
    let origin = library.origin(&entry.path)?;
    let made = entry.made.clone().unwrap_or_default();
    let machine = Machine { ram_bytes: 0, devices: Vec::new() };
    let plan = Plan::new(&head.description(), &machine, &Wishes::default());
    let rows = [
        ("name", json!(entry.id)),
        ("file", json!(entry.path)),
        ("bytes", json!(head.file_bytes)),
        ("sha256", json!(origin.sha256)),
        ("sha256 from", json!(origin.provenance)),
        ("source", json!(origin.source)),
        ("architecture", json!(head.architecture())),
        ("parameters", json!(head.parameters)),
        ("format", json!(head.weight_format())),
        ("trained context", json!(head.count("context_length"))),
        ("kv bytes per token", json!(plan.kv_bytes_per_token)),
        ("license", json!(head.text("general.license"))),
        ("system", json!(made.system)),
        ("options", json!(made.parameters)),
    ];
    if as_json {
        let object: serde_json::Map<String, Value> =
            rows.iter().map(|(name, value)| (name.replace(' ', "_"), value.clone())).collect();
        println!("{}", Value::Object(object));
        return Ok(());
    }
    for (name, value) in rows.iter().filter(|(_, value)| !value.is_null() && *value != json!({})) {
        let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        println!("{name:<20}{value}");
    }
    Ok(())
}

/// Columns that are as wide as their widest cell.
struct Table(Vec<Vec<String>>);

impl Table {
    fn new(head: &[&str]) -> Self {
        Self(vec![head.iter().map(|cell| (*cell).to_owned()).collect()])
    }

    fn row<const N: usize>(&mut self, cells: [String; N]) {
        self.0.push(cells.into());
    }

    fn print(&self) {
        let columns = self.0.first().map_or(0, Vec::len);
        let width = |column: usize| {
            self.0.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max().unwrap_or(0)
        };
        let widths: Vec<usize> = (0..columns).map(width).collect();
        for row in &self.0 {
            let cells: Vec<String> = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}")).collect();
            println!("{}", cells.join("  ").trim_end());
        }
    }
}
