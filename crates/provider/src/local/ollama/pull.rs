//! `/api/pull`: a model into the library, with its progress as lines.

use super::{line, ndjson};
use crate::local::{
    fail::OllamaRefusal,
    pull::{self, progress::Event},
    server::{App, Read, body},
};
use axum::{
    Json,
    extract::State,
    response::{IntoResponse, Response},
};
use bytes::Bytes;
use ogong_openai::read;
use serde_json::{Value, json};
use std::{convert::Infallible, sync::Arc};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;

/// Lines that wait for a slow reader; progress that finds no room is left out.
const LINES_MAX: usize = 64;

/// `POST /api/pull`.
///
/// # Errors
/// In Ollama's shape; once lines have begun, as a line with `error`.
pub async fn pull(State(app): State<Arc<App>>, read: Read) -> Result<Response, OllamaRefusal> {
    let request = read::object(&body(read)?)?;
    let name = read::model(&request)?;
    let streaming = read::flag(&request, "stream")?.unwrap_or(true);
    let library = Arc::clone(app.shelf.open_library()?);
    if !streaming {
        pull::pull(&library, &name, &|_| true).await.map_err(crate::Error::from)?;
        return Ok(Json(json!({"status": "success"})).into_response());
    }
    let (sender, receiver) = mpsc::channel::<Result<Bytes, Infallible>>(LINES_MAX);
    tokio::spawn(async move {
        let reporting = sender.clone();
        let said = |value: &Value| reporting.try_send(Ok(line(value))).is_ok() || !reporting.is_closed();
        said(&json!({"status": "pulling manifest"}));
        let outcome = pull::pull(&library, &name, &|event| status(&name, event).is_none_or(|value| said(&value))).await;
        let last = match outcome {
            Ok(_) => json!({"status": "success"}),
            Err(error) => json!({"error": crate::refusal::Refusal::from(crate::Error::from(error)).to_string()}),
        };
        // A client that has left hears nothing.
        let _ = sender.send(Ok(line(&last))).await;
    });
    Ok(ndjson(ReceiverStream::new(receiver)))
}

/// The line for an event. Ollama names a layer by its digest; here a model is one file and its name stands there.
fn status(name: &str, event: Event) -> Option<Value> {
    Some(match event {
        Event::Said(text) => json!({"status": text}),
        Event::Progress { done, total: Some(total) } => {
            json!({"status": format!("pulling {name}"), "digest": name, "total": total, "completed": done})
        }
        Event::Progress { .. } => return None,
        Event::Verifying => json!({"status": "verifying sha256 digest"}),
        Event::Present => json!({"status": "already here"}),
        Event::Done => return None,
    })
}
