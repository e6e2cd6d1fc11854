//! What an answer may say, beside what the model would say: a grammar, and how long the model may think.

use llama_cpp_4::common_sampler::{CommonSamplerError, CommonSamplerParams, CommonSamplerScalars, GrammarSource};
use llama_cpp_4::model::{AddBos, Special};
use llama_cpp_4::token::LlamaToken;

use super::token;
use crate::error::RequestError;
use crate::model::{Model, ids};

/// What an answer may say, beside what the model would say.
#[derive(Clone, Debug, Default)]
pub struct Constraint {
    /// The grammar, if any.
    pub grammar: Option<Grammar>,
    /// What the template has already put at the start of the answer; grammars of templates begin there.
    pub generation_prompt: String,
    /// The model's thinking, where its template knows tags for it.
    pub thinking: Option<Thinking>,
}

/// A grammar in GBNF.
#[derive(Clone, Debug)]
pub struct Grammar {
    /// The rules; begins at `root`.
    pub text: String,
    /// Where it comes from.
    pub source: GrammarSource,
    /// What wakes it; without triggers it holds from the first token.
    pub triggers: Vec<Trigger>,
}

/// What wakes a grammar that sleeps: llama.cpp's kind, its value, and the token of kind `token`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trigger {
    /// `token`, `word`, `pattern` or `pattern_full`.
    pub kind: String,
    /// Text or regular expression.
    pub value: String,
    /// The token, of kind `token`.
    pub token: i32,
}

/// The tags around the model's thinking, as tokens, and how many tokens it may take.
#[derive(Clone, Debug)]
pub struct Thinking {
    /// The opening tag.
    pub start: Vec<LlamaToken>,
    /// Closing tags; the first is used to end it by force.
    pub ends: Vec<Vec<LlamaToken>>,
    /// Tokens at most; negative is no bound.
    pub budget: i32,
}

impl Constraint {
    /// Puts the bound on thinking into the chain's parameters.
    ///
    /// # Errors
    /// When llama.cpp does not take it.
    pub fn apply_thinking(
        &self,
        params: &mut CommonSamplerParams,
        scalars: &mut CommonSamplerScalars,
    ) -> Result<(), CommonSamplerError> {
        let Some(Thinking { start, ends, budget }) = &self.thinking else { return Ok(()) };
        let forced = ends.first().cloned().unwrap_or_default();
        scalars.reasoning_budget_tokens = *budget;
        params.set_reasoning_budget(start, ends, &forced, "")
    }

    /// Puts the grammar into the chain's parameters.
    ///
    /// # Errors
    /// When llama.cpp does not take it.
    pub fn apply(&self, params: &mut CommonSamplerParams) -> Result<(), CommonSamplerError> {
        params.set_generation_prompt(&self.generation_prompt)?;
        let Some(Grammar { text, source, triggers }) = &self.grammar else { return Ok(()) };
        params.set_grammar(text, *source, !triggers.is_empty())?;
        for Trigger { kind, value, token } in triggers {
            params.add_grammar_trigger(kind, value, LlamaToken(*token))?;
        }
        Ok(())
    }
}

/// The tokens of a tag, as the model would write it.
///
/// # Errors
/// When it cannot be tokenised.
pub fn tag_tokens(model: &Model, tag: &str) -> Result<Vec<LlamaToken>, RequestError> {
    let tokens = model.llama().str_to_token_with_special(tag, AddBos::Never, Special::Tokenize);
    let tokens = tokens.map_err(|error| RequestError::member("messages", error.to_string()))?;
    Ok(ids(tokens).into_iter().map(token).collect())
}
