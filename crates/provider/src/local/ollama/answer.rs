//! `/api/chat` and `/api/generate`.
//!
//! The engine is always asked for a stream, so that a client that hangs up ends the work; a client that wants one object gets the sum.

use super::{line, ndjson};
use crate::{
    local::{
        fail::OllamaRefusal,
        pool::Wish,
        relay::{self, Clock},
        server::{App, Read, body},
        shelf::{self, Ready},
    },
    refusal::Refusal,
};
use axum::{
    Json,
    extract::State,
    response::{IntoResponse, Response},
};
use futures::{StreamExt, stream};
use ogong_openai::{
    Endpoint,
    ollama::{
        Chat, Generate, Options,
        lines::{self, Kind, Writer},
    },
};
use serde_json::{Value, json};
use std::sync::Arc;

/// `POST /api/chat`.
///
/// # Errors
/// In Ollama's shape.
pub async fn chat(State(app): State<Arc<App>>, read: Read) -> Result<Response, OllamaRefusal> {
    let mut clock = Clock::start();
    let chat = Chat::read(&body(read)?)?;
    warn_unknown(&chat.options);
    if chat.messages.is_empty() && shelf::is_unload(chat.keep_alive) {
        app.shelf.unload(&chat.model)?;
        return Ok(Json(lines::loaded(Kind::Chat, &chat.model, "unload", relay::now_micros())).into_response());
    }
    let wish = Wish { n_ctx: chat.options.n_ctx, keep_alive: chat.keep_alive, pinned: false };
    let ready = app.shelf.ready(Some(&chat.model), wish).await?;
    if chat.messages.is_empty() {
        return Ok(Json(lines::loaded(Kind::Chat, &chat.model, "load", relay::now_micros())).into_response());
    }
    let options = Options::defaults().overridden_by(ready.options()).overridden_by(chat.options.clone());
    let question = chat.engine_body(with_made(&chat.messages, &ready), &options);
    clock.asked();
    let response = relay::ask(&ready, Endpoint::Chat.path(), &question).await?;
    let writer = Writer::new(Kind::Chat, &chat.model, chat.show_thinking);
    answered(Answer { ready, clock, writer, before: Before::Nothing }, response, chat.stream).await
}

/// The model's own system prompt and messages before the client's.
fn with_made(messages: &[Value], ready: &Ready) -> Vec<Value> {
    let has_system = messages.first().and_then(|message| message.get("role")).is_some_and(|role| role == "system");
    let system = ready.system().filter(|_| !has_system).map(|system| json!({"role": "system", "content": system}));
    let (own, rest) = messages.split_at(usize::from(has_system));
    own.iter().cloned().chain(system).chain(ready.messages().iter().cloned()).chain(rest.iter().cloned()).collect()
}

/// `POST /api/generate`.
///
/// # Errors
/// In Ollama's shape.
pub async fn generate(State(app): State<Arc<App>>, read: Read) -> Result<Response, OllamaRefusal> {
    let mut clock = Clock::start();
    let generate = Generate::read(&body(read)?)?;
    warn_unknown(&generate.options);
    if generate.is_empty() && shelf::is_unload(generate.keep_alive) {
        app.shelf.unload(&generate.model)?;
        return Ok(Json(lines::loaded(Kind::Generate, &generate.model, "unload", relay::now_micros())).into_response());
    }
    let wish = Wish { n_ctx: generate.options.n_ctx, keep_alive: generate.keep_alive, pinned: false };
    let ready = app.shelf.ready(Some(&generate.model), wish).await?;
    if generate.is_empty() {
        return Ok(Json(lines::loaded(Kind::Generate, &generate.model, "load", relay::now_micros())).into_response());
    }
    let options = Options::defaults().overridden_by(ready.options()).overridden_by(generate.options.clone());
    clock.asked();
    let (response, before) = ask_generate(&ready, &generate, &options).await?;
    let writer = Writer::new(Kind::Generate, &generate.model, generate.show_thinking);
    answered(Answer { ready, clock, writer, before }, response, generate.stream).await
}

/// Asks, and says what stands before the answer in the context that the client gets.
async fn ask_generate(
    ready: &Ready,
    generate: &Generate,
    options: &Options,
) -> Result<(reqwest::Response, Before), Refusal> {
    if let Some(suffix) = &generate.suffix {
        return Ok((relay::ask(ready, "/infill", &generate.infill_body(suffix, options)).await?, Before::Nothing));
    }
    if generate.raw {
        let question = generate.completion_body(&generate.prompt, options);
        return Ok((relay::ask(ready, Endpoint::Completions.path(), &question).await?, Before::Nothing));
    }
    if generate.context.is_empty() {
        let mut messages = generate.messages(ready.system());
        let at = messages.len() - 1;
        messages.splice(at..at, ready.messages().iter().cloned());
        let question = generate.chat_body(messages, options);
        return Ok((relay::ask(ready, Endpoint::Chat.path(), &question).await?, Before::Chat(question)));
    }
    // The earlier conversation as it was, and the new prompt as the template writes it without the system prompt, which stands there already.
    let earlier = relay::text(ready, &generate.context).await?;
    let question = generate.chat_body(generate.messages(None), options);
    let prompt = format!("{earlier}{}", relay::rendered(ready, &question).await?);
    let response = relay::ask(ready, Endpoint::Completions.path(), &generate.completion_body(&prompt, options)).await?;
    Ok((response, Before::Prompt(prompt)))
}

/// What stands before an answer in its context.
enum Before {
    /// There is no context.
    Nothing,
    /// The prompt that the template makes of this chat.
    Chat(Value),
    /// This text.
    Prompt(String),
}

/// An answer under way. It holds the lease.
struct Answer {
    ready: Ready,
    clock: Clock,
    writer: Writer,
    before: Before,
}

impl Answer {
    /// The tokens of the conversation so far, for a client that goes on with `context`. An engine that cannot tell leaves it out.
    async fn context(&self) -> Option<Vec<u32>> {
        let before = match &self.before {
            Before::Nothing => return None,
            Before::Chat(question) => relay::rendered(&self.ready, question).await.ok()?,
            Before::Prompt(prompt) => prompt.clone(),
        };
        relay::tokens(&self.ready, &format!("{before}{}", self.writer.turn().text)).await.ok()
    }
}

async fn answered(mut answer: Answer, response: reqwest::Response, streaming: bool) -> Result<Response, OllamaRefusal> {
    let mut pieces = Box::pin(relay::pieces(response));
    if !streaming {
        while let Some(piece) = pieces.next().await {
            let piece = piece?;
            answer.clock.piece(&piece);
            answer.writer.push(&piece, 0);
        }
        let measured = answer.clock.measured(answer.ready.lease.load);
        let context = answer.context().await;
        return Ok(Json(answer.writer.whole(measured, context, relay::now_micros())).into_response());
    }
    let lines = stream::unfold(Some((answer, pieces)), |state| async move {
        let (mut answer, mut pieces) = state?;
        loop {
            match pieces.next().await {
                Some(Ok(piece)) => {
                    answer.clock.piece(&piece);
                    if let Some(written) = answer.writer.push(&piece, relay::now_micros()) {
                        return Some((Ok(line(&written)), Some((answer, pieces))));
                    }
                }
                Some(Err(refusal)) => return Some((Ok(line(&json!({"error": refusal.to_string()}))), None)),
                None => {
                    let measured = answer.clock.measured(answer.ready.lease.load);
                    let context = answer.context().await;
                    let end = answer.writer.finish(measured, context, relay::now_micros());
                    let bytes: Vec<u8> = end.iter().flat_map(|value| line(value).to_vec()).collect();
                    return Some((Ok(bytes.into()), None));
                }
            }
        }
    });
    Ok(ndjson(lines))
}

fn warn_unknown(options: &Options) {
    if !options.unknown.is_empty() {
        tracing::warn!(options = ?options.unknown, "unknown options left out");
    }
}
