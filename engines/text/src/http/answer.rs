//! `/v1/chat/completions` and `/v1/completions`, plain and committed.

use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use ogong_base::hash::ReplyId;
use ogong_engine::wire::{HEADER_ISSUED_MS, HEADER_MAX_TOKENS, HEADER_N_CTX, HEADER_REPLY_ID, OrderLimits};
use ogong_openai::{Endpoint, ErrorKind};

use super::error::Refusal;
use super::frame::{self, Head};
use super::{App, read_body};
use crate::error::{Error, RequestError};
use crate::request::Prepared;
use crate::slot::{Done, Event};
use crate::stop::Utf8Assembler;

/// `POST /v1/chat/completions`.
pub async fn chat(State(app): State<App>, headers: HeaderMap, body: Body) -> Result<Response, Refusal> {
    answer(&app, Endpoint::Chat, &headers, body).await
}

/// `POST /v1/completions`.
pub async fn completions(State(app): State<App>, headers: HeaderMap, body: Body) -> Result<Response, Refusal> {
    answer(&app, Endpoint::Completions, &headers, body).await
}

async fn answer(app: &App, endpoint: Endpoint, headers: &HeaderMap, body: Body) -> Result<Response, Refusal> {
    let engine = app.engine()?.clone();
    let committed = commit_headers(headers)?;
    let bytes = read_body(body).await?;
    // Rendering and tokenising a long prompt takes milliseconds, too long for an async thread.
    let preparing = tokio::task::spawn_blocking({
        let engine = engine.clone();
        move || match committed {
            Some((reply_id, limits)) => engine.prepare_committed(bytes, reply_id, limits),
            None => engine.prepare_plain(&bytes),
        }
    });
    let prepared = preparing.await.map_err(|_| Refusal::from(Error::Stopped))??;
    if prepared.endpoint != endpoint {
        let (param, path) = if endpoint == Endpoint::Chat {
            ("prompt", "/v1/completions")
        } else {
            ("messages", "/v1/chat/completions")
        };
        return Err(RequestError::member(param, format!("belongs to {path}")).into());
    }
    check_model(app, &prepared)?;
    let Prepared { job, model, include_usage, .. } = prepared;
    let id = answer_id(endpoint, committed.map(|(reply_id, _)| reply_id));
    let model = model.unwrap_or_else(|| engine.capabilities().model.clone());
    let head = Head { endpoint, id, model, created: ogong_daemon::clock::now_ms() / 1000 };
    let streaming = job.stream;
    let events = engine.generate(job)?;
    if streaming {
        return Ok(event_stream(frame::stream(head, include_usage, events)));
    }
    let (text, done) = collect(events).await?;
    Ok(([(header::CONTENT_TYPE, "application/json")], head.answer(text, &done)).into_response())
}

fn event_stream(
    stream: impl futures::Stream<Item = Result<Bytes, std::convert::Infallible>> + Send + 'static,
) -> Response {
    let mut response = Response::new(Body::from_stream(stream));
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    response
}

async fn collect(mut events: tokio::sync::mpsc::Receiver<Event>) -> Result<(String, Done), Refusal> {
    let mut assembler = Utf8Assembler::default();
    let mut text = String::new();
    while let Some(event) = events.recv().await {
        match event {
            Event::Text(bytes) => text.push_str(&assembler.push(&bytes)),
            Event::Done(done) => {
                text.push_str(&assembler.finish());
                return Ok((text, done));
            }
            Event::Failed(error) => return Err(error.into()),
        }
    }
    Err(Error::Stopped.into())
}

/// A plain request must name the model it gets, where the operator has named it.
fn check_model(app: &App, prepared: &Prepared) -> Result<(), Refusal> {
    match (&app.alias, &prepared.model) {
        (Some(alias), Some(model)) if prepared.job.commit.is_none() && **alias != **model => {
            let message = format!("model {model:?} is not served here, {alias:?} is; hint: see /v1/models");
            Err(Refusal::new(ErrorKind::NotFound, "model_not_found", message))
        }
        _ => Ok(()),
    }
}

fn commit_headers(headers: &HeaderMap) -> Result<Option<(ReplyId, OrderLimits)>, Refusal> {
    let Some(reply_id) = headers.get(HEADER_REPLY_ID) else { return Ok(None) };
    let wrong = |name: &str| {
        Refusal::from(RequestError::member(name, "this header of a committed request is missing or malformed"))
    };
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let reply_id =
        reply_id.to_str().ok().and_then(|hex| ReplyId::from_hex(hex).ok()).ok_or_else(|| wrong(HEADER_REPLY_ID))?;
    let issued_ms =
        text(HEADER_ISSUED_MS).and_then(|value| value.parse().ok()).ok_or_else(|| wrong(HEADER_ISSUED_MS))?;
    let max_tokens =
        text(HEADER_MAX_TOKENS).and_then(|value| value.parse().ok()).ok_or_else(|| wrong(HEADER_MAX_TOKENS))?;
    let n_ctx = text(HEADER_N_CTX).and_then(|value| value.parse().ok()).ok_or_else(|| wrong(HEADER_N_CTX))?;
    Ok(Some((reply_id, OrderLimits { issued_ms, max_tokens, n_ctx })))
}

fn answer_id(endpoint: Endpoint, reply_id: Option<ReplyId>) -> String {
    let prefix = if endpoint == Endpoint::Chat { "chatcmpl" } else { "cmpl" };
    let name = match reply_id {
        Some(reply_id) => reply_id.to_hex(),
        None => {
            let mut random = [0; 12];
            // Without randomness the id is not unique, which harms nobody.
            let _ = getrandom::fill(&mut random);
            random.iter().map(|byte| format!("{byte:02x}")).collect()
        }
    };
    format!("{prefix}-{name}")
}
