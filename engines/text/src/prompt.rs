//! From a request body to prompt tokens. Serving and scoring both come through here, so that they cannot differ.
//!
//! Which endpoint a body is for is read from the body itself: `messages` is a chat, `prompt` a completion.

use llama_cpp_4::chat::{ChatApplyParams, ChatTemplates, ReasoningFormat};
use llama_cpp_4::model::{AddBos, Special};
use ogong_openai::Endpoint;
use serde_json::{Map, Value};

use crate::clock;
use crate::error::RequestError;
use crate::model::{Model, ids};

/// Messages of a chat at most.
const MESSAGES_MAX: usize = 4096;
/// Depth of JSON handed to llama.cpp at most.
pub const DEPTH_MAX: usize = 32;

/// A parsed request body.
pub type Body = Map<String, Value>;

/// Reads a request body.
///
/// # Errors
/// When it is not a JSON object.
pub fn parse_body(bytes: &[u8]) -> Result<Body, RequestError> {
    match serde_json::from_slice(bytes) {
        Ok(Value::Object(body)) => Ok(body),
        Ok(_) => Err(RequestError::Json("it is another JSON value".into())),
        Err(error) => Err(RequestError::Json(error.to_string())),
    }
}

/// The endpoint that a body is for.
///
/// # Errors
/// When it has neither or both of `messages` and `prompt`.
pub fn endpoint_of(body: &Body) -> Result<Endpoint, RequestError> {
    match (body.contains_key("messages"), body.contains_key("prompt")) {
        (true, false) => Ok(Endpoint::Chat),
        (false, true) => Ok(Endpoint::Completions),
        (true, true) => Err(RequestError::member("prompt", "a request has either messages or a prompt, not both")),
        (false, false) => Err(RequestError::member("messages", "missing; a chat has messages, a completion a prompt")),
    }
}

/// The prompt's tokens. `issued_ms` pins the clock of templates that read it (SPEC 2.3); without it they read the real one.
///
/// # Errors
/// When the body cannot be rendered.
pub fn prompt_ids(model: &Model, body: &Body, issued_ms: Option<u64>) -> Result<Vec<u32>, RequestError> {
    let ids = match endpoint_of(body)? {
        Endpoint::Chat => chat_ids(model, body, issued_ms)?,
        Endpoint::Completions => completion_ids(model, body.get("prompt").unwrap_or(&Value::Null))?,
    };
    if ids.is_empty() {
        return Err(RequestError::member("prompt", "the prompt has no tokens"));
    }
    Ok(ids)
}

fn chat_ids(model: &Model, body: &Body, issued_ms: Option<u64>) -> Result<Vec<u32>, RequestError> {
    let messages = body.get("messages").unwrap_or(&Value::Null);
    check_messages(messages, Parts::Text)?;
    let text = messages.to_string();
    let params = ChatApplyParams::new(text)
        .with_template_kwargs(template_arguments(body, issued_ms)?)
        .with_reasoning_format(ReasoningFormat::None);
    let refused = |error: &dyn std::fmt::Display| {
        RequestError::member("messages", format!("the model's chat template refuses them: {error}"))
    };
    let rendered = match pinned_templates(model, issued_ms)? {
        Some(templates) => templates.apply(&params),
        None => model.templates().apply(&params),
    };
    let rendered = rendered.map_err(|error| refused(&error))?;
    let tokens = rendered.tokenize_prompt(model.llama(), model.add_bos()).map_err(|error| refused(&error))?;
    Ok(without_second_bos(model, ids(tokens)))
}

/// Templates that write BOS themselves would double it.
pub fn without_second_bos(model: &Model, mut ids: Vec<u32>) -> Vec<u32> {
    let bos = model.bos();
    if matches!(model.add_bos(), AddBos::Always)
        && bos.is_some()
        && ids.first().copied() == bos
        && ids.get(1).copied() == bos
    {
        ids.remove(0);
    }
    ids
}

fn pinned_templates(model: &Model, issued_ms: Option<u64>) -> Result<Option<ChatTemplates>, RequestError> {
    let Some(issued_ms) = issued_ms else { return Ok(None) };
    let cannot = |why: String| {
        RequestError::member(
            "messages",
            format!("the model's chat template reads the clock in a way that cannot be repeated: {why}"),
        )
    };
    let source = model.templates().source(None).map_err(|error| cannot(error.to_string()))?;
    if !clock::reads_clock(&source) {
        return Ok(None);
    }
    let pinned = clock::pin(&source, issued_ms).ok_or_else(|| cannot("not a call with a plain format".into()))?;
    ChatTemplates::from_model(model.llama(), Some(&pinned)).map(Some).map_err(|error| cannot(error.to_string()))
}

/// Arguments for the template. llama.cpp wants each value as a string of JSON.
///
/// # Errors
/// When they are no object, or nested too deeply.
pub fn template_arguments(body: &Body, issued_ms: Option<u64>) -> Result<String, RequestError> {
    let param = "chat_template_kwargs";
    let mut arguments = Body::new();
    if let Some(issued_ms) = issued_ms {
        for (name, format) in [("datetime", "%b %d %Y"), ("date_string", "%d %b %Y")] {
            let text = clock::strftime(format, issued_ms).unwrap_or_default();
            arguments.insert(name.into(), Value::String(Value::String(text).to_string()));
        }
    }
    match body.get(param) {
        None | Some(Value::Null) => {}
        Some(Value::Object(given)) => {
            for (name, value) in given {
                check_text(value, param, DEPTH_MAX)?;
                arguments.insert(name.clone(), Value::String(value.to_string()));
            }
        }
        Some(_) => return Err(RequestError::member(param, "must be an object")),
    }
    Ok(Value::Object(arguments).to_string())
}

/// What the contents of messages may consist of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Parts {
    /// Text only: without a projector, and in committed requests, whose answers are checked by their text.
    Text,
    /// Text and images.
    TextAndImages,
}

/// Refuses messages that llama.cpp should not see.
///
/// # Errors
/// When they are no list of messages with such parts.
pub fn check_messages(messages: &Value, parts: Parts) -> Result<(), RequestError> {
    let Some(messages) = messages.as_array() else { return Err(RequestError::member("messages", "must be an array")) };
    if messages.is_empty() || messages.len() > MESSAGES_MAX {
        return Err(RequestError::member(
            "messages",
            format!("must hold 1 to {MESSAGES_MAX} messages, has {}", messages.len()),
        ));
    }
    for (index, message) in messages.iter().enumerate() {
        let at = format!("messages[{index}]");
        let wrong = |why: &str| RequestError::member(&at, why);
        let Some(message) = message.as_object() else { return Err(wrong("must be an object")) };
        if !message.get("role").is_some_and(Value::is_string) {
            return Err(wrong("role must be a string"));
        }
        check_content(message.get("content"), parts, &at)?;
        for value in message.values() {
            check_text(value, &at, DEPTH_MAX)?;
        }
    }
    Ok(())
}

fn check_content(content: Option<&Value>, parts: Parts, at: &str) -> Result<(), RequestError> {
    let wrong = |why: &str| Err(RequestError::member(at, why));
    match content {
        None | Some(Value::Null | Value::String(_)) => Ok(()),
        Some(Value::Array(given)) => {
            for part in given {
                match (part.get("type").and_then(Value::as_str), parts) {
                    (Some("text"), _) => {}
                    (Some("image_url"), Parts::TextAndImages) => continue,
                    (Some("image_url"), Parts::Text) => return Err(RequestError::NoImages),
                    _ => return wrong("content parts must be of type text or image_url"),
                }
                if !part.get("text").is_some_and(Value::is_string) {
                    return wrong("a text part needs a text");
                }
            }
            Ok(())
        }
        Some(_) => wrong("content must be a string or an array of parts"),
    }
}

/// Refuses NUL, which would cut the text short inside llama.cpp, and nesting that would overflow its parser.
///
/// # Errors
/// When there is either.
pub fn check_text(value: &Value, at: &str, depth: usize) -> Result<(), RequestError> {
    if depth == 0 {
        return Err(RequestError::member(at, "nested too deeply"));
    }
    match value {
        Value::String(text) if text.contains('\0') => Err(RequestError::member(at, "text must not contain NUL")),
        Value::Array(items) => items.iter().try_for_each(|item| check_text(item, at, depth - 1)),
        Value::Object(members) => members.values().try_for_each(|item| check_text(item, at, depth - 1)),
        _ => Ok(()),
    }
}

/// The tokens of a completion's prompt: text, or ids.
///
/// # Errors
/// When it is neither.
pub fn completion_ids(model: &Model, prompt: &Value) -> Result<Vec<u32>, RequestError> {
    let wrong = |why: String| RequestError::member("prompt", why);
    match prompt {
        Value::String(text) => {
            let tokens = model.llama().str_to_token_with_special(text, model.add_bos(), Special::Tokenize);
            Ok(ids(tokens.map_err(|error| wrong(error.to_string()))?))
        }
        Value::Array(items) => {
            let id =
                |item: &Value| item.as_u64().and_then(|id| u32::try_from(id).ok()).filter(|id| *id < model.n_vocab);
            items
                .iter()
                .map(|item| {
                    id(item).ok_or_else(|| {
                        wrong(format!("must be one string or token ids below {}; got {item}", model.n_vocab))
                    })
                })
                .collect()
        }
        _ => Err(wrong("must be a string or an array of token ids".into())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn body(text: &str) -> Body {
        parse_body(text.as_bytes()).expect("an object")
    }

    #[test]
    fn the_body_names_its_endpoint() {
        assert_eq!(endpoint_of(&body(r#"{"messages":[]}"#)), Ok(Endpoint::Chat));
        assert_eq!(endpoint_of(&body(r#"{"prompt":""}"#)), Ok(Endpoint::Completions));
        assert!(endpoint_of(&body(r#"{"prompt":"","messages":[]}"#)).is_err());
        assert!(endpoint_of(&body("{}")).is_err());
        assert!(parse_body(b"[]").is_err());
        assert!(parse_body(b"{").is_err());
    }

    #[test]
    fn messages_are_checked_before_llama_sees_them() {
        let check = |text: &str| check_messages(body(text).get("messages").expect("messages"), Parts::Text);
        assert!(check(r#"{"messages":[{"role":"user","content":"x"}]}"#).is_ok());
        assert!(check(r#"{"messages":[{"role":"user","content":[{"type":"text","text":"x"}]}]}"#).is_ok());
        for bad in [
            r#"{"messages":[]}"#,
            r#"{"messages":"x"}"#,
            r#"{"messages":[3]}"#,
            r#"{"messages":[{"content":"x"}]}"#,
            r#"{"messages":[{"role":"user","content":7}]}"#,
            r#"{"messages":[{"role":"user","content":[{"type":"image_url","image_url":{"url":"data:,"}}]}]}"#,
            "{\"messages\":[{\"role\":\"user\",\"content\":\"a\\u0000b\"}]}",
        ] {
            assert!(check(bad).is_err(), "{bad}");
        }
        let image = r#"[{"role":"user","content":[{"type":"image_url","image_url":{"url":"data:,"}}]}]"#;
        let image: Value = serde_json::from_str(image).expect("messages");
        assert_eq!(check_messages(&image, Parts::Text), Err(RequestError::NoImages));
        assert_eq!(check_messages(&image, Parts::TextAndImages), Ok(()));
        let marker = serde_json::json!([{"role": "user", "content": [{"type": "media_marker", "text": "x"}]}]);
        assert!(check_messages(&marker, Parts::TextAndImages).is_err(), "only the engine sets markers");
    }

    #[test]
    fn template_arguments_are_strings_of_json_and_pin_the_dates() {
        let text =
            template_arguments(&body(r#"{"chat_template_kwargs":{"a":"s","b":true}}"#), Some(0)).expect("arguments");
        assert_eq!(text, r#"{"datetime":"\"Jan 01 1970\"","date_string":"\"01 Jan 1970\"","a":"\"s\"","b":"true"}"#);
        assert!(template_arguments(&body(r#"{"chat_template_kwargs":3}"#), None).is_err());
    }
}
