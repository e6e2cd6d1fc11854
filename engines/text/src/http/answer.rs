//! `/v1/chat/completions` and `/v1/completions`, plain and committed.

use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use ogong_base::hash::ReplyId;
use ogong_engine::wire::{HEADER_ISSUED_MS, HEADER_MAX_TOKENS, HEADER_N_CTX, HEADER_REPLY_ID, OrderLimits};
use ogong_openai::Endpoint;

use super::error::Refusal;
use super::frame::{Choice, Head};
use super::reader::Reader;
use super::stream::Streaming;
use super::{App, random_id, read_body};
use crate::Engine;
use crate::error::{Error, RequestError};
use crate::request::{Framing, Prepared};
use crate::slot::Event;

/// `POST /v1/chat/completions`.
pub async fn chat(State(app): State<App>, headers: HeaderMap, body: Body) -> Result<Response, Refusal> {
    answer(&app, Endpoint::Chat, &headers, body).await
}

/// `POST /v1/completions`.
pub async fn completions(State(app): State<App>, headers: HeaderMap, body: Body) -> Result<Response, Refusal> {
    answer(&app, Endpoint::Completions, &headers, body).await
}

/// `POST /infill`: fills in the middle.
pub async fn infill(State(app): State<App>, body: Body) -> Result<Response, Refusal> {
    let engine = app.engine()?.clone();
    let bytes = read_body(body).await?;
    let preparing = tokio::task::spawn_blocking({
        let engine = engine.clone();
        move || engine.prepare_infill(&bytes)
    });
    let prepared = preparing.await.map_err(|_| Refusal::from(Error::Stopped))??;
    app.check_model(prepared.framing.model.as_deref())?;
    respond(engine, prepared, None).await
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
    if prepared.framing.endpoint != endpoint {
        let (param, path) = if endpoint == Endpoint::Chat {
            ("prompt", "/v1/completions")
        } else {
            ("messages", "/v1/chat/completions")
        };
        return Err(RequestError::member(param, format!("belongs to {path}")).into());
    }
    if !prepared.framing.committed {
        app.check_model(prepared.framing.model.as_deref())?;
    }
    respond(engine, prepared, committed.map(|(reply_id, _)| reply_id)).await
}

/// Begins the jobs and frames what they say.
async fn respond(engine: Engine, prepared: Prepared, reply_id: Option<ReplyId>) -> Result<Response, Refusal> {
    let Prepared { jobs, framing } = prepared;
    let Framing { endpoint, model, stream, include_usage, per_prompt, reader, .. } = framing;
    let model = model.unwrap_or_else(|| engine.capabilities().model.clone());
    let created = ogong_daemon::clock::now_ms() / 1000;
    let head = Head { endpoint, id: answer_id(endpoint, reply_id), model, created };
    let mut answers = Vec::with_capacity(jobs.len());
    for (index, job) in jobs.into_iter().enumerate() {
        let choice = Choice::new(index, reader.clone().map(Reader::new));
        // Those begun already end with their receivers, should the queue be full.
        answers.push((choice, engine.generate(job)?));
    }
    if stream {
        return Ok(event_stream(Streaming::new(engine, head, include_usage, per_prompt, answers).into_stream()));
    }
    let mut choices = Vec::with_capacity(answers.len());
    for (choice, events) in answers {
        choices.push(collect(&engine, endpoint, choice, events).await?);
    }
    let answer = head.answer(&mut choices, per_prompt);
    Ok(([(header::CONTENT_TYPE, "application/json")], answer).into_response())
}

fn event_stream(
    stream: impl futures::Stream<Item = Result<Bytes, std::convert::Infallible>> + Send + 'static,
) -> Response {
    let mut response = Response::new(Body::from_stream(stream));
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    response
}

async fn collect(
    engine: &Engine,
    endpoint: Endpoint,
    mut choice: Choice,
    mut events: tokio::sync::mpsc::Receiver<Event>,
) -> Result<Choice, Refusal> {
    while let Some(event) = events.recv().await {
        match event {
            Event::Text(bytes) => choice.keep(&bytes),
            Event::Logprobs(measured) => choice.likely(endpoint, engine.model(), &measured),
            Event::Done(done) => {
                choice.keep_end(done);
                return Ok(choice);
            }
            Event::Failed(error) => return Err(error.into()),
        }
    }
    Err(Error::Stopped.into())
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
        None => random_id(),
    };
    format!("{prefix}-{name}")
}
