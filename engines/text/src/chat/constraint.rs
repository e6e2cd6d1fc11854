//! What an answer may say, by the grammar that llama.cpp makes for a template: calls, schemas, thinking.

use llama_cpp_4::chat::ChatParams;
use llama_cpp_4::common_sampler::GrammarSource;
use llama_cpp_4::token::LlamaToken;
use serde::Deserialize;

use super::asked::Constrained;
use crate::error::RequestError;
use crate::fields;
use crate::model::Model;
use crate::prompt::Body;
use crate::sampling::{Constraint, Grammar, Thinking, Trigger, tag_tokens};

/// What an answer to `applied` may say, of which `begun` stands in the prompt already.
pub(super) fn constraint(
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
pub(super) fn parallel(body: &Body) -> Result<bool, RequestError> {
    Ok(fields::truth(body, "parallel_tool_calls")?.unwrap_or(false))
}

/// Rules of llama.cpp's grammars that let calls follow one another in any case: calls in tags of their own, and Functionary's.
const SEVERAL: [&str; 2] = ["tool-calls", "tools"];

/// A family's grammar with one call at most.
fn one_call(grammar: &str) -> String {
    let once = |line: &str| {
        let (rule, body) = line.split_once(" ::= ").filter(|(rule, _)| SEVERAL.contains(rule))?;
        let call = body.strip_prefix('(')?.strip_suffix(")+")?;
        Some(format!("{rule} ::= ({call})"))
    };
    grammar.lines().map(|line| once(line).unwrap_or_else(|| line.to_owned())).collect::<Vec<_>>().join("\n")
}

#[derive(Deserialize)]
struct RawTrigger {
    r#type: String,
    value: String,
    token: i32,
}

/// The text that a call of this family begins with, where it is a fixed one.
pub(super) fn call_marker(applied: &ChatParams) -> Result<Option<String>, RequestError> {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_grammar_of_one_call_has_no_more() {
        let grammar = "root ::= tool-calls\ntool-calls ::= (tool-call space)+\nspace ::= | \" \"";
        assert_eq!(one_call(grammar), "root ::= tool-calls\ntool-calls ::= (tool-call space)\nspace ::= | \" \"");
        assert_eq!(one_call("tools ::= (tool-0 | tool-1)+"), "tools ::= (tool-0 | tool-1)");
        assert_eq!(one_call("root ::= (a)+"), "root ::= (a)+");
    }
}
