//! Chats of plain requests: llama.cpp's own code renders them for the model's family, makes the grammar of tools and schemas,
//! and reads thinking and tool calls back out of the answer.

use std::sync::Arc;

use llama_cpp_4::chat::{ChatApplyParams, ChatParams, ReasoningFormat, ToolChoice};
use llama_cpp_4::common_sampler::GrammarSource;
use llama_cpp_4::model::Special;
use llama_cpp_4::token::LlamaToken;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::error::RequestError;
use crate::fields;
use crate::model::{Model, ids};
use crate::prompt::{self, Body, DEPTH_MAX, Parts};
use crate::sampling::{Constraint, Grammar, Thinking, Trigger, tag_tokens};
use crate::tools;
use crate::vision::Prompt;

/// Tools of a request at most.
const TOOLS_MAX: usize = 512;

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

/// The tools a request offers and what it says of their use.
struct Tools {
    list: Vec<Value>,
    choice: ToolChoice,
}

impl Tools {
    fn from_body(body: &Body) -> Result<Self, RequestError> {
        let mut list = fields::array(body, "tools")?.unwrap_or_default().to_vec();
        if list.len() > TOOLS_MAX {
            return Err(RequestError::member("tools", format!("must hold at most {TOOLS_MAX} tools")));
        }
        for (index, tool) in list.iter().enumerate() {
            let at = format!("tools[{index}]");
            if !tool.pointer("/function/name").is_some_and(Value::is_string) {
                return Err(RequestError::member(&at, "must be of type function, with a function that has a name"));
            }
            prompt::check_text(tool, &at, DEPTH_MAX)?;
        }
        let choice = match fields::present(body, "tool_choice") {
            None => ToolChoice::Auto,
            Some(Value::String(word)) => match word.as_str() {
                "auto" => ToolChoice::Auto,
                "none" => ToolChoice::None,
                "required" | "any" => ToolChoice::Required,
                _ => return Err(wrong_choice()),
            },
            Some(named) => {
                let name = named.pointer("/function/name").or_else(|| named.get("name")).and_then(Value::as_str);
                let name = name.ok_or_else(wrong_choice)?;
                list.retain(|tool| tool.pointer("/function/name").and_then(Value::as_str) == Some(name));
                if list.is_empty() {
                    return Err(RequestError::member("tool_choice", format!("no tool is named {name:?}")));
                }
                ToolChoice::Required
            }
        };
        if choice == ToolChoice::Required && list.is_empty() {
            return Err(RequestError::member("tool_choice", "a tool is required, but tools is empty"));
        }
        Ok(Self { list, choice })
    }
}

fn wrong_choice() -> RequestError {
    RequestError::member("tool_choice", "must be auto, none, required, or name a function")
}

/// What the caller wants the answer to be.
pub enum Constrained {
    /// Anything.
    Free,
    /// A sentence of this grammar, in GBNF.
    Grammar(String),
    /// A JSON value of this schema.
    Schema(Value),
}

impl Constrained {
    /// What `grammar`, `json_schema` and `response_format` say.
    ///
    /// # Errors
    /// When they are wrong, or say it twice.
    pub fn from_body(body: &Body) -> Result<Self, RequestError> {
        let mut found = Vec::new();
        if let Some(grammar) = fields::text(body, "grammar")?.filter(|grammar| !grammar.is_empty()) {
            if grammar.contains('\0') {
                return Err(RequestError::member("grammar", "must not contain NUL"));
            }
            found.push(Self::Grammar(grammar.to_owned()));
        }
        if let Some(schema) = fields::present(body, "json_schema") {
            found.push(Self::Schema(checked(schema, "json_schema")?));
        }
        if let Some(format) = fields::object(body, "response_format")? {
            let kind = fields::text(format, "type")?.unwrap_or_default();
            let schema = match kind {
                "text" => None,
                "json_object" => Some(fields::present(format, "schema").cloned().unwrap_or(json!({"type": "object"}))),
                "json_schema" => {
                    let schema =
                        format.get("json_schema").and_then(|inner| inner.get("schema")).or(format.get("schema"));
                    let missing = || RequestError::member("response_format", "json_schema.schema is missing");
                    Some(schema.cloned().ok_or_else(missing)?)
                }
                _ => {
                    let why = "type must be text, json_object or json_schema";
                    return Err(RequestError::member("response_format", why));
                }
            };
            if let Some(schema) = schema {
                found.push(Self::Schema(checked(&schema, "response_format")?));
            }
        }
        match (found.pop(), found.is_empty()) {
            (None, _) => Ok(Self::Free),
            (Some(one), true) => Ok(one),
            _ => Err(RequestError::member("response_format", "only one of grammar, json_schema and response_format")),
        }
    }

    fn member(&self) -> Option<&'static str> {
        match self {
            Self::Free => None,
            Self::Grammar(_) => Some("grammar"),
            Self::Schema(_) => Some("response_format"),
        }
    }

    /// The grammar for an answer that begins at once, as completions do.
    ///
    /// # Errors
    /// When no grammar can be made of the schema.
    pub fn grammar(&self) -> Result<Option<Grammar>, RequestError> {
        let (text, source) = match self {
            Self::Free => return Ok(None),
            Self::Grammar(text) => (text.clone(), GrammarSource::User),
            Self::Schema(schema) => {
                let text = llama_cpp_4::chat::json_schema_to_grammar(&schema.to_string(), true);
                let text = text.map_err(|error| RequestError::member("json_schema", error.to_string()))?;
                (text, GrammarSource::OutputFormat)
            }
        };
        Ok(Some(Grammar { text, source, triggers: Vec::new() }))
    }
}

fn checked(schema: &Value, member: &str) -> Result<Value, RequestError> {
    if !schema.is_object() && !schema.is_boolean() {
        return Err(RequestError::member(member, "a schema must be an object"));
    }
    prompt::check_text(schema, member, DEPTH_MAX)?;
    Ok(schema.clone())
}

fn constrained(body: &Body, tools: &Tools) -> Result<Constrained, RequestError> {
    let constrained = Constrained::from_body(body)?;
    if matches!(constrained, Constrained::Grammar(_)) && !tools.list.is_empty() {
        return Err(RequestError::member("grammar", "a grammar and tools exclude one another"));
    }
    Ok(constrained)
}

fn constraint(
    model: &Model,
    applied: &ChatParams,
    constrained: &Constrained,
    begun: Option<&str>,
    body: &Body,
) -> Result<Constraint, RequestError> {
    let triggers = if applied.grammar_lazy { triggers(model, applied)? } else { Vec::new() };
    // A grammar of the caller's own is none of the template's business.
    let grammar = match constrained {
        Constrained::Grammar(_) => constrained.grammar()?,
        _ if applied.grammar.is_empty() => None,
        _ => {
            let text = if parallel(body)? { applied.grammar.clone() } else { one_call(&applied.grammar) };
            Some(Grammar { text, source: GrammarSource::ToolCalls, triggers })
        }
    };
    Ok(Constraint {
        grammar,
        generation_prompt: applied.generation_prompt().to_owned() + begun.unwrap_or_default(),
        thinking: thinking(model, applied, body)?,
    })
}

/// Whether an answer may call several tools. Source: llama-server's default.
fn parallel(body: &Body) -> Result<bool, RequestError> {
    Ok(fields::truth(body, "parallel_tool_calls")?.unwrap_or(false))
}

/// A family's grammar with one call at most. llama.cpp's own lets calls in tags of their own follow one another in any case.
fn one_call(grammar: &str) -> String {
    let once = |line: &str| match line.strip_prefix("tool-calls ::= (").and_then(|rest| rest.strip_suffix(")+")) {
        Some(call) => format!("tool-calls ::= {call}"),
        None => line.to_owned(),
    };
    grammar.lines().map(once).collect::<Vec<_>>().join("\n")
}

#[derive(Deserialize)]
struct RawTrigger {
    r#type: String,
    value: String,
    token: i32,
}

/// The text that a call of this family begins with, where it is a fixed one.
fn call_marker(applied: &ChatParams) -> Result<Option<String>, RequestError> {
    let triggers = raw_triggers(applied)?;
    Ok(triggers.into_iter().find(|trigger| trigger.r#type == "word").map(|trigger| trigger.value))
}

fn raw_triggers(applied: &ChatParams) -> Result<Vec<RawTrigger>, RequestError> {
    serde_json::from_str(&applied.grammar_triggers_json)
        .map_err(|error| RequestError::member("tools", format!("grammar triggers: {error}")))
}

/// The template's triggers; a word that is one token wakes the grammar by that token, as llama-server has it.
fn triggers(model: &Model, applied: &ChatParams) -> Result<Vec<Trigger>, RequestError> {
    raw_triggers(applied)?
        .into_iter()
        .map(|RawTrigger { r#type: kind, value, token }| {
            if kind == "word"
                && let [LlamaToken(token)] = tag_tokens(model, &value)?.as_slice()
            {
                return Ok(Trigger { kind: "token".into(), value, token: *token });
            }
            Ok(Trigger { kind, value, token })
        })
        .collect()
}

fn thinking(model: &Model, applied: &ChatParams, body: &Body) -> Result<Option<Thinking>, RequestError> {
    let ends: Vec<String> = serde_json::from_str(&applied.thinking_end_tags_json).unwrap_or_default();
    let budget = fields::integer(body, "reasoning_budget", -1..=i64::from(i32::MAX))?
        .or(fields::integer(body, "thinking_budget_tokens", -1..=i64::from(i32::MAX))?)
        .unwrap_or(-1);
    if applied.thinking_start_tag.is_empty() || ends.is_empty() {
        return Ok(None);
    }
    Ok(Some(Thinking {
        start: tag_tokens(model, &applied.thinking_start_tag)?,
        ends: ends.iter().map(|tag| tag_tokens(model, tag)).collect::<Result<_, _>>()?,
        budget: i32::try_from(budget).unwrap_or(i32::MAX),
    }))
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

#[cfg(test)]
mod tests {
    use super::*;

    fn body(text: &str) -> Body {
        prompt::parse_body(text.as_bytes()).expect("an object")
    }

    #[test]
    fn a_choice_of_tool_is_one_of_four() {
        let of = |choice: &str| {
            let text = format!(
                r#"{{"tools":[{{"type":"function","function":{{"name":"a"}}}},{{"type":"function","function":{{"name":"b"}}}}],"tool_choice":{choice}}}"#
            );
            Tools::from_body(&body(&text)).map(|tools| (tools.list.len(), tools.choice))
        };
        assert_eq!(of(r#""auto""#).expect("auto"), (2, ToolChoice::Auto));
        assert_eq!(of(r#""none""#).expect("none"), (2, ToolChoice::None));
        assert_eq!(of(r#""required""#).expect("required"), (2, ToolChoice::Required));
        let named = of(r#"{"type":"function","function":{"name":"b"}}"#).expect("named");
        assert_eq!(named, (1, ToolChoice::Required));
        assert!(of(r#"{"type":"function","function":{"name":"c"}}"#).is_err());
        assert!(of("3").is_err() && of(r#""sometimes""#).is_err());
        assert!(Tools::from_body(&body(r#"{"tool_choice":"required"}"#)).is_err());
        assert!(Tools::from_body(&body(r#"{"tools":[{}]}"#)).is_err());
    }

    #[test]
    fn a_grammar_of_one_call_has_no_more() {
        let grammar = "root ::= tool-calls\ntool-calls ::= (tool-call space)+\nspace ::= | \" \"";
        assert_eq!(one_call(grammar), "root ::= tool-calls\ntool-calls ::= tool-call space\nspace ::= | \" \"");
        assert_eq!(one_call("root ::= (a)+"), "root ::= (a)+");
    }

    #[test]
    fn an_answer_is_constrained_once() {
        let of = |text: &str| Constrained::from_body(&body(text));
        assert!(matches!(of(r#"{"response_format":{"type":"text"}}"#), Ok(Constrained::Free)));
        assert!(matches!(of(r#"{"response_format":{"type":"json_object"}}"#), Ok(Constrained::Schema(_))));
        let schema = r#"{"response_format":{"type":"json_schema","json_schema":{"schema":{"type":"integer"}}}}"#;
        assert!(matches!(of(schema), Ok(Constrained::Schema(schema)) if schema == json!({"type": "integer"})));
        assert!(matches!(of(r#"{"grammar":"root ::= \"a\""}"#), Ok(Constrained::Grammar(_))));
        assert!(of(r#"{"grammar":"root ::= \"a\"","json_schema":{}}"#).is_err());
        assert!(of(r#"{"response_format":{"type":"xml"}}"#).is_err());
        assert!(of(r#"{"response_format":{"type":"json_schema"}}"#).is_err());
        assert!(of(r#"{"json_schema":7}"#).is_err());
    }
}
