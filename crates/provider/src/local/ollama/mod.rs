//! Ollama's API: a translation in `ogong_openai::ollama`, served here.

pub mod answer;
pub mod blobs;
pub mod create;
pub mod embed;
pub mod models;
pub mod pull;

use axum::{
    body::Body,
    response::{IntoResponse, Response},
};
use bytes::Bytes;
use futures::Stream;
use http::header;
use serde_json::Value;
use std::convert::Infallible;

/// A line of a stream.
pub fn line(value: &Value) -> Bytes {
    let mut text = value.to_string();
    text.push('\n');
    text.into()
}

/// A stream of lines.
pub fn ndjson(lines: impl Stream<Item = Result<Bytes, Infallible>> + Send + 'static) -> Response {
    ([(header::CONTENT_TYPE, "application/x-ndjson")], Body::from_stream(lines)).into_response()
}

/// A name as Ollama lists it: with a tag.
pub fn tagged(id: &str) -> String {
    let has_tag = id.rsplit('/').next().is_some_and(|name| name.contains(':'));
    if has_tag { id.to_owned() } else { format!("{id}:latest") }
}
