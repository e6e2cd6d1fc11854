//! Chats of plain requests: llama.cpp's own code renders them for the model's family, makes the grammar of tools and schemas,
//! and reads thinking and tool calls back out of the answer.

mod asked;
mod constraint;

use std::sync::Arc;

use llama_cpp_4::chat::{ChatApplyParams, ChatParams, ReasoningFormat, ToolChoice};
use llama_cpp_4::model::Special;
use llama_cpp_4::token::LlamaToken;
use serde_json::{Value, json};

pub use self::asked::Constrained;
use self::asked::{Tools, constrained};
use self::constraint::{call_marker, constraint, parallel};
use crate::error::RequestError;
use crate::fields;
use crate::model::{Model, ids};
use crate::prompt::{self, Body, Parts};
use crate::sampling::{Constraint, tag_tokens};
use crate::tools;
use crate::vision::Prompt;

/// A chat as the model gets it, and how its answer is read.
#[derive(Debug)]
pub struct Rendered {
    /// The prompt's text.
    pub text: String,
    /// The prompt's tokens and images.
    pub prompt: Prompt,
    /// What the answer may say.
    pub constraint: Constraint,
    /// Reads thinking and tool calls; absent where the answer is plain text.
    pub reader: Option<Arc<ChatParams>>,
    /// Texts that end an answer of this family.
    pub stops: Vec<String>,
    /// Special tokens that the reader must see.
    pub preserved: Vec<u32>,
    /// What of the answer the prompt already holds, for the reader.
    pub begun: String,
}

/// Renders the chat in `body`.
///
/// # Errors
/// When a member is wrong, or the model's template refuses it.
pub fn render(model: &Model, body: &Body) -> Result<Rendered, RequestError> {
    let messages = fields::present(body, "messages").unwrap_or(&Value::Null);
    let parts = if model.projector().is_some() { Parts::TextAndImages } else { Parts::Text };
    prompt::check_messages(messages, parts)?;
    let (mut messages, continued) = continued(messages, body)?;
    let pictures = match model.projector() {
        None => Vec::new(),
        Some(projector) => projector.take_pictures(&mut messages)?,
    };
    let tools = Tools::from_body(body)?;
    let constrained = constrained(body, &tools)?;
    let format = reasoning_format(body)?;
    let asking = |messages: &Value, tools: &Tools, constrained: &Constrained| {
        let mut params = ChatApplyParams::new(messages.to_string())
            .with_template_kwargs(prompt::template_arguments(body, None)?)
            .with_reasoning_format(format)
            .with_enable_thinking(enable_thinking(body))
            .with_add_generation_prompt(fields::truth(body, "add_generation_prompt")?.unwrap_or(true))
            .with_tool_choice(tools.choice)
            .with_parallel_tool_calls(parallel(body)?);
        if !tools.list.is_empty() {
            params = params.with_tools(Value::Array(tools.list.clone()).to_string());
        }
        Ok::<_, RequestError>(match constrained {
            Constrained::Free | Constrained::Grammar(_) => params,
            Constrained::Schema(schema) => params.with_json_schema(schema.to_string()),
        })
    };
    let refused = |error: &dyn std::fmt::Display| {
        let message = format!("the model's chat template refuses the request: {error}");
        RequestError::member(constrained.member().unwrap_or("messages"), message)
    };
    // The template whose code makes grammar and parser: the model's own, unless that knows no tools.
    let reading = model.tool_templates().filter(|_| !tools.list.is_empty());
    let (shown, applied) = match reading {
        None => {
            let applied = model.templates().apply(&asking(&messages, &tools, &constrained)?);
            (None, applied.map_err(|error| refused(&error))?)
        }
        Some(templates) => {
            let told = tools::told(&messages, &tools.list);
            let none = Tools { list: Vec::new(), choice: ToolChoice::Auto };
            let shown = model.templates().apply(&asking(&told, &none, &Constrained::Free)?);
            let applied = templates.apply(&asking(&messages, &tools, &constrained)?);
            (Some(shown.map_err(|error| refused(&error))?), applied.map_err(|error| refused(&error))?)
        }
    };
    // What is shown to the model, and what its answer is held against, differ only where its template knows no tools.
    let shown = shown.as_ref().unwrap_or(&applied);
    let mut prompt = match model.projector().filter(|_| !pictures.is_empty()) {
        Some(projector) => projector.prompt(&shown.prompt, model.adds_bos_to(&shown.prompt), &pictures)?,
        None => {
            let tokens = shown.tokenize_prompt(model.llama(), model.add_bos()).map_err(|error| refused(&error))?;
            prompt::without_second_bos(model, ids(tokens)).into()
        }
    };
    let mut text = shown.prompt.clone();
    // Grammars of families allow any talk before a call; a call that is required begins at once, unless the model thinks first.
    let begun = if tools.choice == ToolChoice::Required && !applied.supports_thinking && continued.is_none() {
        let auto = Tools { list: tools.list.clone(), choice: ToolChoice::Auto };
        let params = asking(&messages, &auto, &constrained)?;
        let applied = reading.unwrap_or_else(|| model.templates()).apply(&params).map_err(|error| refused(&error))?;
        call_marker(&applied)?
    } else {
        None
    };
    if let Some(begun) = &begun {
        prompt.ids.extend(model.tokenize(begun, false, Special::Tokenize).map_err(|error| refused(&error))?);
        text.push_str(begun);
    }
    if let Some(begun) = &continued {
        prompt.ids.extend(model.tokenize(begun, false, Special::Plaintext).map_err(|error| refused(&error))?);
        text.push_str(begun);
    }
    let preserved = single_tokens(model, &applied.preserved_tokens_json)?;
    let reads_tools = !tools.list.is_empty() && tools.choice != ToolChoice::None;
    let reads_thinking = applied.supports_thinking && format != ReasoningFormat::None;
    // A schema's value may come in a fence of the model's habit, which the reader takes off.
    let reads_value = matches!(constrained, Constrained::Schema(_));
    Ok(Rendered {
        text,
        prompt,
        constraint: constraint(model, &applied, &constrained, begun.as_deref(), body)?,
        stops: serde_json::from_str(&applied.additional_stops_json).unwrap_or_default(),
        preserved,
        begun: begun.unwrap_or_default(),
        reader: (reads_tools || reads_thinking || reads_value).then(|| Arc::new(applied)),
    })
}

/// Those of `texts`, a JSON array, that the model writes as one token.
fn single_tokens(model: &Model, texts: &str) -> Result<Vec<u32>, RequestError> {
    let texts: Vec<String> = serde_json::from_str(texts).unwrap_or_default();
    let mut tokens = Vec::new();
    for text in texts {
        if let [LlamaToken(token)] = tag_tokens(model, &text)?.as_slice()
            && let Ok(token) = u32::try_from(*token)
        {
            tokens.push(token);
        }
    }
    Ok(tokens)
}

/// Takes off a last message of the assistant that the answer is to go on from.
fn continued(messages: &Value, body: &Body) -> Result<(Value, Option<String>), RequestError> {
    let param = "continue_final_message";
    if !fields::truth(body, param)?.unwrap_or(false) {
        return Ok((messages.clone(), None));
    }
    let wrong = || RequestError::member(param, "the last message must be the assistant's, with text");
    let mut list = messages.as_array().cloned().unwrap_or_default();
    let last = list.pop().ok_or_else(wrong)?;
    let text = last.get("content").and_then(Value::as_str).map(str::to_owned);
    match (last.get("role").and_then(Value::as_str), text) {
        (Some("assistant"), Some(text)) if !list.is_empty() => Ok((Value::Array(list), Some(text))),
        _ => Err(wrong()),
    }
}

fn reasoning_format(body: &Body) -> Result<ReasoningFormat, RequestError> {
    match fields::text(body, "reasoning_format")? {
        None | Some("auto") => Ok(ReasoningFormat::Auto),
        Some("deepseek") => Ok(ReasoningFormat::DeepSeek),
        Some("deepseek-legacy") => Ok(ReasoningFormat::DeepSeekLegacy),
        Some("none") => Ok(ReasoningFormat::None),
        Some(_) => Err(RequestError::member("reasoning_format", "must be auto, deepseek, deepseek-legacy or none")),
    }
}

/// Thinks unless told not to, by template argument or by a budget of nothing.
fn enable_thinking(body: &Body) -> bool {
    let argument = body.get("chat_template_kwargs").and_then(|arguments| arguments.get("enable_thinking"));
    let off = |value: &Value| value == &Value::Bool(false) || value == "false";
    !argument.is_some_and(off) && body.get("reasoning_budget") != Some(&json!(0))
}
