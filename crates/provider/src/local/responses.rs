//! OpenAI's Responses API: `/v1/responses`, and the responses that are kept so that another can go on from them.
//!
//! They are kept in memory, the latest of them, and end with the process.

use super::{
    anthropic::event_stream,
    pool::Wish,
    relay,
    server::{App, Read, body},
    v1,
};
use crate::refusal::Refusal;
use axum::{
    Json,
    extract::{Path, State},
    response::{IntoResponse, Response},
};
use bytes::Bytes;
use futures::{StreamExt, stream};
use ogong_openai::{
    Endpoint, ErrorKind,
    responses::{Request, Writer},
};
use serde_json::{Value, json};
use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

/// Responses kept at most.
const KEPT_MAX: usize = 1_000;
/// Bytes of their conversations at most.
const KEPT_BYTES_MAX: usize = 64 << 20;

#[derive(Debug, Clone)]
struct Kept {
    id: String,
    response: Value,
    items: Vec<Value>,
    /// The whole conversation, its answer included, in the engine's shape.
    conversation: Vec<Value>,
    bytes: usize,
}

/// The latest responses.
#[derive(Debug, Default)]
pub struct Store(Mutex<VecDeque<Kept>>);

impl Store {
    fn put(&self, kept: Kept) {
        let mut all = self.lock();
        all.push_back(kept);
        while all.len() > KEPT_MAX || all.iter().map(|kept| kept.bytes).sum::<usize>() > KEPT_BYTES_MAX {
            all.pop_front();
        }
    }

    fn find(&self, id: &str) -> Result<Kept, Refusal> {
        let found = self.lock().iter().find(|kept| kept.id == id).cloned();
        found.ok_or_else(|| {
            Refusal::new(ErrorKind::NotFound, "response_not_found", format!("response {id:?} is not kept here"))
                .hint("the latest responses are kept until the server ends; send the conversation as input")
        })
    }

    fn remove(&self, id: &str) {
        self.lock().retain(|kept| kept.id != id);
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<Kept>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A response under way.
struct UnderWay {
    app: Arc<App>,
    writer: Writer,
    store: bool,
    items: Vec<Value>,
    conversation: Vec<Value>,
}

impl UnderWay {
    /// Ends it, and keeps it if that is wanted.
    fn finish(mut self) -> (Vec<Value>, Value) {
        let (events, response) = self.writer.finish();
        if self.store {
            self.conversation.push(self.writer.answer());
            let bytes = self.conversation.iter().chain(&self.items).map(|value| value.to_string().len()).sum();
            let kept = Kept {
                id: self.writer.id(),
                response: response.clone(),
                items: self.items,
                conversation: self.conversation,
                bytes,
            };
            self.app.responses.put(kept);
        }
        (events, response)
    }
}

/// `POST /v1/responses`.
///
/// # Errors
/// In OpenAI's shape.
pub async fn create(State(app): State<Arc<App>>, read: Read) -> Result<Response, Refusal> {
    let request = Request::read(&body(read)?)?;
    let earlier = match &request.previous {
        Some(id) => app.responses.find(id).map_err(|refusal| refusal.param("previous_response_id"))?.conversation,
        None => Vec::new(),
    };
    let ready = app.shelf.ready(Some(&request.model), Wish::default()).await?;
    let mut question = request.engine_body(&earlier);
    if let Value::Object(question) = &mut question {
        v1::add_made(question, &ready);
    }
    app.images.inline(&ready, &mut question).await?;
    let response = relay::ask(&ready, Endpoint::Chat.path(), &question).await?;
    let mut writer = Writer::new(&relay::name(), &request, relay::now_micros() / 1_000_000);
    let first = framed(&writer.start());
    let conversation = earlier.into_iter().chain(request.messages).collect();
    let mut under_way =
        UnderWay { app: Arc::clone(&app), writer, store: request.store, items: request.items, conversation };
    let mut pieces = Box::pin(relay::pieces(response));
    if !request.stream {
        while let Some(piece) = pieces.next().await {
            under_way.writer.push(&piece?);
        }
        return Ok(Json(under_way.finish().1).into_response());
    }
    let rest = stream::unfold(Some((ready, under_way, pieces)), |state| async move {
        let (ready, mut under_way, mut pieces) = state?;
        Some(match pieces.next().await {
            Some(Ok(piece)) => (framed(&under_way.writer.push(&piece)), Some((ready, under_way, pieces))),
            Some(Err(refusal)) => (framed(&[under_way.writer.fail("server_error", &refusal.to_string())]), None),
            None => (framed(&under_way.finish().0), None),
        })
    });
    Ok(event_stream(stream::once(async { first }).chain(rest)))
}

fn framed(events: &[Value]) -> Bytes {
    events.iter().map(ogong_openai::anthropic::events::frame).collect::<String>().into()
}

/// `GET /v1/responses/{id}`.
///
/// # Errors
/// When it is not kept.
pub async fn retrieve(State(app): State<Arc<App>>, Path(id): Path<String>) -> Result<Json<Value>, Refusal> {
    Ok(Json(app.responses.find(&id)?.response))
}

/// `DELETE /v1/responses/{id}`.
///
/// # Errors
/// When it is not kept.
pub async fn delete(State(app): State<Arc<App>>, Path(id): Path<String>) -> Result<Json<Value>, Refusal> {
    app.responses.find(&id)?;
    app.responses.remove(&id);
    Ok(Json(json!({"id": id, "object": "response.deleted", "deleted": true})))
}

/// `GET /v1/responses/{id}/input_items`.
///
/// # Errors
/// When it is not kept.
pub async fn input_items(State(app): State<Arc<App>>, Path(id): Path<String>) -> Result<Json<Value>, Refusal> {
    let mut items = app.responses.find(&id)?.items;
    for (index, item) in items.iter_mut().enumerate() {
        if item.get("id").is_none() {
            item["id"] = format!("{id}_in{index}").into();
        }
    }
    let id_of = |item: Option<&Value>| item.and_then(|item| item.get("id")).cloned().unwrap_or(Value::Null);
    let (first, last) = (id_of(items.first()), id_of(items.last()));
    Ok(Json(json!({"object": "list", "data": items, "first_id": first, "last_id": last, "has_more": false})))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_latest_are_kept() {
        let store = Store::default();
        let kept = |n: usize, bytes: usize| Kept {
            id: n.to_string(),
            response: Value::Null,
            items: Vec::new(),
            conversation: Vec::new(),
            bytes,
        };
        for n in 0..=KEPT_MAX {
            store.put(kept(n, 1));
        }
        assert!(store.find("0").is_err() && store.find("1").is_ok());
        store.put(kept(9_999, KEPT_BYTES_MAX));
        assert_eq!(store.lock().len(), 1);
        store.remove("9999");
        assert!(store.find("9999").is_err());
    }
}
