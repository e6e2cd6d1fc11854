//! What a chat's request asks of its answer: tools and their use, a grammar or a schema.

use llama_cpp_4::chat::ToolChoice;
use llama_cpp_4::common_sampler::GrammarSource;
use serde_json::{Value, json};

use crate::error::RequestError;
use crate::fields;
use crate::prompt::{self, Body, DEPTH_MAX};
use crate::sampling::Grammar;

/// Tools of a request at most.
const TOOLS_MAX: usize = 512;

/// The tools a request offers and what it says of their use.
pub(super) struct Tools {
    pub(super) list: Vec<Value>,
    pub(super) choice: ToolChoice,
}

impl Tools {
    pub(super) fn from_body(body: &Body) -> Result<Self, RequestError> {
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

    pub(super) fn member(&self) -> Option<&'static str> {
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

pub(super) fn constrained(body: &Body, tools: &Tools) -> Result<Constrained, RequestError> {
    let constrained = Constrained::from_body(body)?;
    if matches!(constrained, Constrained::Grammar(_)) && !tools.list.is_empty() {
        return Err(RequestError::member("grammar", "a grammar and tools exclude one another"));
    }
    Ok(constrained)
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
