//! `/api/create`, `/api/copy`, `/api/delete`: models made from others, without a copy of their weights.

use super::{line, ndjson};
use crate::{
    Error,
    local::{
        fail::OllamaRefusal,
        library::{Library, plain},
        manifest::Made,
        server::{App, Read, body},
    },
};
use axum::{
    Json,
    extract::State,
    response::{IntoResponse, Response},
};
use futures::stream;
use http::StatusCode;
use ogong_openai::{
    ollama::{self, Options, chat},
    read,
};
use serde_json::{Map, Value, json};
use std::sync::Arc;

/// What Ollama takes here and this server does not, with what to do instead.
const NOT_TAKEN: &[(&str, &str)] = &[
    ("template", "Go templates are not supported: the model's own chat template is used"),
    ("quantize", "quantise with `ogong-text-server quantize` and pull or copy the file into the models directory"),
    ("adapters", "adapters are not supported: merge them into the weights"),
];

/// `POST /api/create`.
///
/// # Errors
/// In Ollama's shape.
pub async fn create(State(app): State<Arc<App>>, read: Read) -> Result<Response, OllamaRefusal> {
    let request = read::object(&body(read)?)?;
    let name = read::model(&request)?;
    let streaming = read::flag(&request, "stream")?.unwrap_or(true);
    let library = app.shelf.open_library()?;
    let made = made(library, &request)?;
    let path = library.made_path(&name)?;
    if library.find(&name)?.is_some_and(|entry| entry.made.is_none()) {
        return Err(ollama::Error::member("model", format!("{name} is a model's file; choose another name")).into());
    }
    made.write(&path)?;
    if !streaming {
        return Ok(Json(json!({"status": "success"})).into_response());
    }
    let said = [format!("using existing layer {}", made.file), "writing manifest".into(), "success".into()];
    Ok(ndjson(stream::iter(said.map(|status| Ok(line(&json!({"status": status})))))))
}

fn made(library: &Library, request: &Map<String, Value>) -> Result<Made, OllamaRefusal> {
    for (member, why) in NOT_TAKEN {
        if request.get(*member).is_some_and(|value| !(value.is_null() || value == "" || *value == json!({}))) {
            return Err(ollama::Error::member(*member, *why).into());
        }
    }
    let parameters = match request.get("parameters") {
        None | Some(Value::Null) => Map::new(),
        Some(value @ Value::Object(parameters)) => {
            let read = Options::read(Some(value))?;
            if let Some(unknown) = read.unknown.first() {
                return Err(ollama::Error::member(format!("parameters.{unknown}"), "is no parameter").into());
            }
            parameters.clone()
        }
        Some(_) => return Err(ollama::Error::member("parameters", "must be an object").into()),
    };
    let base = base(library, request)?;
    let messages = chat::messages(read::array(request, "messages")?)?;
    let license = match request.get("license") {
        Some(Value::String(text)) => Some(text.clone()),
        Some(Value::Array(texts)) => Some(texts.iter().filter_map(Value::as_str).collect::<Vec<_>>().join("\n")),
        _ => None,
    };
    let mut all = base.parameters.clone();
    all.extend(parameters);
    Ok(Made {
        system: read::text(request, "system")?.or(base.system),
        parameters: all,
        messages: if messages.is_empty() { base.messages } else { messages },
        license: license.or(base.license),
        file: base.file,
        from: base.from,
    })
}

/// The model that `from` or a blob of `files` names, with what it was made with itself.
fn base(library: &Library, request: &Map<String, Value>) -> Result<Made, OllamaRefusal> {
    if let Some(Value::Object(files)) = request.get("files").filter(|files| **files != json!({})) {
        let gguf = files.iter().find(|(name, _)| name.ends_with(".gguf"));
        let Some((name, digest)) = gguf.and_then(|(name, digest)| Some((name, digest.as_str()?))) else {
            return Err(ollama::Error::member("files", "must name the blob of a .gguf file").into());
        };
        let file = super::blobs::adopt(library, name, digest)?;
        return Ok(Made { from: name.clone(), file, ..Made::default() });
    }
    let from = read::text(request, "from")?;
    let from = from.ok_or_else(|| ollama::Error::member("from", "missing; name the model to make this one from"))?;
    let entry = library.find(&from)?.ok_or_else(|| Error::NoSuchModel { name: from.clone() })?;
    let file = entry.path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    Ok(Made { from, file, ..entry.made.unwrap_or_default() })
}

/// `POST /api/copy`.
///
/// # Errors
/// In Ollama's shape.
pub async fn copy(State(app): State<Arc<App>>, read: Read) -> Result<StatusCode, OllamaRefusal> {
    let request = read::object(&body(read)?)?;
    let missing = |member: &str| ollama::Error::member(member, "missing");
    let source = read::text(&request, "source")?.ok_or_else(|| missing("source"))?;
    let destination = read::text(&request, "destination")?.ok_or_else(|| missing("destination"))?;
    let library = app.shelf.open_library()?;
    let entry = library.find(&source)?.ok_or_else(|| Error::NoSuchModel { name: source.clone() })?;
    let file = entry.path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let made = Made { file, from: plain(&source), ..entry.made.unwrap_or_default() };
    made.write(&library.made_path(&destination)?)?;
    Ok(StatusCode::OK)
}

/// `DELETE /api/delete`.
///
/// # Errors
/// In Ollama's shape.
pub async fn delete(State(app): State<Arc<App>>, read: Read) -> Result<StatusCode, OllamaRefusal> {
    let request = read::object(&body(read)?)?;
    let name = read::model(&request)?;
    let library = app.shelf.open_library()?;
    let entry = library.remove(&name)?;
    if let (None, Some(pool)) = (&entry.made, app.shelf.pool()) {
        pool.unload(&entry);
    }
    Ok(StatusCode::OK)
}
