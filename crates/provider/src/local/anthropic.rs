//! Anthropic's Messages API: `/v1/messages` and `/v1/messages/count_tokens`.

use super::{
    pool::Wish,
    relay,
    server::{App, Read, body},
    v1,
};
use crate::refusal::{Refusal, respond};
use axum::{
    Json,
    body::Body,
    extract::State,
    response::{IntoResponse, Response},
};
use bytes::Bytes;
use futures::{StreamExt, stream};
use http::header;
use ogong_openai::{
    Endpoint, Turn,
    anthropic::{self, Messages, Writer, events},
};
use serde_json::{Value, json};
use std::{convert::Infallible, sync::Arc};

/// A refusal in Anthropic's shape.
#[derive(Debug)]
pub struct AnthropicRefusal(Refusal);

impl<E: Into<Refusal>> From<E> for AnthropicRefusal {
    fn from(error: E) -> Self {
        Self(error.into())
    }
}

impl IntoResponse for AnthropicRefusal {
    fn into_response(self) -> Response {
        respond(self.0.kind(), anthropic::error_body(self.0.kind(), &self.0.to_string()).to_string().into_bytes())
    }
}

/// `POST /v1/messages`.
///
/// # Errors
/// In Anthropic's shape.
pub async fn messages(State(app): State<Arc<App>>, read: Read) -> Result<Response, AnthropicRefusal> {
    let request = Messages::read(&body(read)?, false)?;
    let ready = app.shelf.ready(Some(&request.model), Wish::default()).await?;
    let mut question = with_made(request.engine_body(), &ready);
    app.images.inline(&ready, &mut question).await?;
    let response = relay::ask(&ready, Endpoint::Chat.path(), &question).await?;
    let id = format!("msg_{}", relay::name());
    let mut pieces = Box::pin(relay::pieces(response));
    if !request.stream {
        let mut turn = Turn::default();
        while let Some(piece) = pieces.next().await {
            turn.push(&piece?);
        }
        return Ok(Json(anthropic::message(&id, &request.model, &turn)).into_response());
    }
    let writer = Writer::new(&id, &request.model);
    let first = framed(&[writer.start()]);
    let rest = stream::unfold(Some((ready, writer, pieces)), |state| async move {
        let (ready, mut writer, mut pieces) = state?;
        Some(match pieces.next().await {
            Some(Ok(piece)) => (framed(&writer.push(&piece)), Some((ready, writer, pieces))),
            Some(Err(refusal)) => (framed(&[anthropic::error_body(refusal.kind(), &refusal.to_string())]), None),
            None => (framed(&writer.finish()), None),
        })
    });
    Ok(event_stream(stream::once(async { first }).chain(rest)))
}

/// `POST /v1/messages/count_tokens`.
///
/// # Errors
/// In Anthropic's shape.
pub async fn count_tokens(State(app): State<Arc<App>>, read: Read) -> Result<Json<Value>, AnthropicRefusal> {
    let request = Messages::read(&body(read)?, true)?;
    let ready = app.shelf.ready(Some(&request.model), Wish::default()).await?;
    let mut question = with_made(request.engine_body(), &ready);
    app.images.inline(&ready, &mut question).await?;
    Ok(Json(json!({"input_tokens": relay::counted(&ready, &question).await?})))
}

fn with_made(question: Value, ready: &super::shelf::Ready) -> Value {
    match question {
        Value::Object(mut question) => {
            v1::add_made(&mut question, ready);
            Value::Object(question)
        }
        other => other,
    }
}

fn framed(events: &[Value]) -> Bytes {
    events.iter().map(events::frame).collect::<String>().into()
}

/// Server-sent events; a piece without any is left out.
pub fn event_stream(events: impl futures::Stream<Item = Bytes> + Send + 'static) -> Response {
    let bytes = events.filter(|bytes| futures::future::ready(!bytes.is_empty())).map(Ok::<_, Infallible>);
    let headers = [(header::CONTENT_TYPE, "text/event-stream"), (header::CACHE_CONTROL, "no-cache")];
    (headers, Body::from_stream(bytes)).into_response()
}
