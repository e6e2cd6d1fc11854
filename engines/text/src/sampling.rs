//! How plain requests are sampled: llama.cpp's own chain, with llama-server's names, ranges and defaults.
//!
//! The chain is built while the request is checked, not by the engine's thread, so that a large grammar delays nobody else and
//! one that cannot be is the client's 400.

use std::ops::RangeInclusive;

use llama_cpp_4::common_sampler::{
    CommonSampler, CommonSamplerParams, CommonSamplerScalars, CommonSamplerType, GrammarSource,
};
use llama_cpp_4::model::Special;
use llama_cpp_4::token::LlamaToken;
use serde_json::Value;

use crate::error::RequestError;
use crate::fields;
use crate::model::{Model, ids};
use crate::prompt::Body;
use crate::raw;

/// Entries of `logit_bias` at most.
const BIASES_MAX: usize = 4096;
/// Breakers of the DRY sampler at most, and bytes of one.
const BREAKERS_MAX: usize = 64;
/// llama.cpp draws a seed of its own for this one.
const SEED_DRAWN: u32 = u32::MAX;

/// The sampler members of a request.
pub struct Sampling {
    scalars: CommonSamplerScalars,
    biases: Vec<(u32, f32)>,
    order: Option<Vec<CommonSamplerType>>,
    breakers: Option<Vec<String>>,
    seed: Option<u32>,
}

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

impl Sampling {
    /// Reads the sampler members of `body`.
    ///
    /// # Errors
    /// When one is of the wrong kind or out of its range.
    pub fn from_body(model: &Model, n_ctx: u32, body: &Body) -> Result<Self, RequestError> {
        let mut scalars = CommonSamplerParams::new().scalars();
        read_numbers(body, &mut scalars)?;
        read_integers(body, i64::from(n_ctx), &mut scalars)?;
        let mut biases = logit_bias(model, body)?;
        if fields::truth(body, "ignore_eos")?.unwrap_or(false) {
            biases.extend(model.end_tokens().map(|id| (id, f32::NEG_INFINITY)));
        }
        Ok(Self { scalars, biases, order: order(body)?, breakers: breakers(body)?, seed: seed(body)? })
    }

    /// Whether the client named a seed, so that the answer must come out the same again.
    pub fn is_seeded(&self) -> bool {
        self.seed.is_some()
    }

    /// The chain for answer `nth` of a request.
    ///
    /// # Errors
    /// When llama.cpp cannot build it; the grammar is then at fault.
    pub fn chain(
        &self,
        model: &Model,
        constraint: &Constraint,
        prompt: &[u32],
        nth: u32,
    ) -> Result<CommonSampler, RequestError> {
        let refused = |param: &str, error: &dyn std::fmt::Display| {
            let log = raw::take_log();
            let why = if log.is_empty() { error.to_string() } else { format!("{error}: {log}") };
            RequestError::member(param, why)
        };
        let mut params = CommonSamplerParams::new();
        let mut scalars = self.scalars;
        scalars.seed = self.seed.map_or(SEED_DRAWN, |seed| seed.wrapping_add(nth).min(SEED_DRAWN - 1));
        scalars.no_perf = true;
        self.apply_thinking(&mut params, &mut scalars, constraint).map_err(|error| refused("messages", &error))?;
        params.set_scalars(&scalars);
        let outcome = self.apply_lists(&mut params).and_then(|()| apply_grammar(&mut params, constraint));
        outcome.map_err(|error| refused("grammar", &error))?;
        raw::take_log();
        let mut chain = CommonSampler::new(model.llama(), &mut params).map_err(|error| {
            let param = if constraint.grammar.is_some() { "grammar" } else { "request" };
            refused(param, &error)
        })?;
        for id in self.looked_back_at(prompt) {
            chain.accept(token(*id), false);
        }
        Ok(chain)
    }

    fn apply_thinking(
        &self,
        params: &mut CommonSamplerParams,
        scalars: &mut CommonSamplerScalars,
        constraint: &Constraint,
    ) -> Result<(), llama_cpp_4::common_sampler::CommonSamplerError> {
        let Some(Thinking { start, ends, budget }) = &constraint.thinking else { return Ok(()) };
        let forced = ends.first().cloned().unwrap_or_default();
        scalars.reasoning_budget_tokens = *budget;
        params.set_reasoning_budget(start, ends, &forced, "")
    }

    fn apply_lists(
        &self,
        params: &mut CommonSamplerParams,
    ) -> Result<(), llama_cpp_4::common_sampler::CommonSamplerError> {
        for (id, bias) in &self.biases {
            params.add_logit_bias(token(*id), *bias)?;
        }
        if let Some(order) = &self.order {
            params.set_samplers(order)?;
        }
        if let Some(breakers) = &self.breakers {
            params.set_dry_breakers(&breakers.iter().map(String::as_str).collect::<Vec<_>>())?;
        }
        Ok(())
    }

    /// The end of the prompt that the penalties look back at; nothing where they are off, which saves going through it.
    fn looked_back_at<'prompt>(&self, prompt: &'prompt [u32]) -> &'prompt [u32] {
        let scalars = &self.scalars;
        let penalties = scalars.penalty_repeat != 1.0 || scalars.penalty_freq != 0.0 || scalars.penalty_present != 0.0;
        let reach = [(penalties, scalars.penalty_last_n), (scalars.dry_multiplier > 0.0, scalars.dry_penalty_last_n)]
            .into_iter()
            .filter(|(on, _)| *on)
            .map(|(_, reach)| usize::try_from(reach).unwrap_or(usize::MAX))
            .max()
            .unwrap_or(0);
        prompt.get(prompt.len().saturating_sub(reach)..).unwrap_or(prompt)
    }
}

fn apply_grammar(
    params: &mut CommonSamplerParams,
    constraint: &Constraint,
) -> Result<(), llama_cpp_4::common_sampler::CommonSamplerError> {
    params.set_generation_prompt(&constraint.generation_prompt)?;
    let Some(Grammar { text, source, triggers }) = &constraint.grammar else { return Ok(()) };
    params.set_grammar(text, *source, !triggers.is_empty())?;
    for Trigger { kind, value, token } in triggers {
        params.add_grammar_trigger(kind, value, LlamaToken(*token))?;
    }
    Ok(())
}

fn read_numbers(body: &Body, scalars: &mut CommonSamplerScalars) -> Result<(), RequestError> {
    const UNIT: RangeInclusive<f64> = 0.0..=1.0;
    let read = |member: &str, range, place: &mut f32| {
        if let Some(value) = fields::number(body, member, range)? {
            *place = value as f32;
        }
        Ok::<(), RequestError>(())
    };
    read("temperature", 0.0..=5.0, &mut scalars.temp)?;
    read("top_p", UNIT, &mut scalars.top_p)?;
    read("min_p", UNIT, &mut scalars.min_p)?;
    read("typical_p", UNIT, &mut scalars.typ_p)?;
    read("top_n_sigma", -1.0..=100.0, &mut scalars.top_n_sigma)?;
    read("xtc_probability", UNIT, &mut scalars.xtc_probability)?;
    read("xtc_threshold", UNIT, &mut scalars.xtc_threshold)?;
    read("dynatemp_range", 0.0..=5.0, &mut scalars.dynatemp_range)?;
    read("dynatemp_exponent", 0.0..=10.0, &mut scalars.dynatemp_exponent)?;
    read("repeat_penalty", 0.01..=10.0, &mut scalars.penalty_repeat)?;
    read("presence_penalty", -100.0..=100.0, &mut scalars.penalty_present)?;
    read("frequency_penalty", -100.0..=100.0, &mut scalars.penalty_freq)?;
    read("dry_multiplier", 0.0..=100.0, &mut scalars.dry_multiplier)?;
    read("dry_base", 1.0..=100.0, &mut scalars.dry_base)?;
    read("mirostat_tau", 0.0..=100.0, &mut scalars.mirostat_tau)?;
    read("mirostat_eta", UNIT, &mut scalars.mirostat_eta)
}

fn read_integers(body: &Body, n_ctx: i64, scalars: &mut CommonSamplerScalars) -> Result<(), RequestError> {
    let read = |member: &str, range, place: &mut i32| {
        if let Some(value) = fields::integer(body, member, range)? {
            *place = i32::try_from(value).unwrap_or(i32::MAX);
        }
        Ok::<(), RequestError>(())
    };
    let any = 0..=i64::from(i32::MAX);
    read("top_k", -1..=i64::from(i32::MAX), &mut scalars.top_k)?;
    read("min_keep", any.clone(), &mut scalars.min_keep)?;
    read("repeat_last_n", -1..=i64::from(i32::MAX), &mut scalars.penalty_last_n)?;
    read("dry_allowed_length", any, &mut scalars.dry_allowed_length)?;
    read("dry_penalty_last_n", -1..=i64::from(i32::MAX), &mut scalars.dry_penalty_last_n)?;
    read("mirostat", 0..=2, &mut scalars.mirostat)?;
    // The samplers keep a ring of this length: never longer than what there is to look back at.
    for reach in [&mut scalars.penalty_last_n, &mut scalars.dry_penalty_last_n] {
        let bound = i32::try_from(n_ctx).unwrap_or(i32::MAX);
        *reach = if *reach < 0 { bound } else { (*reach).min(bound) };
    }
    Ok(())
}

fn order(body: &Body) -> Result<Option<Vec<CommonSamplerType>>, RequestError> {
    let Some(names) = fields::array(body, "samplers")? else { return Ok(None) };
    let kind = |name: &Value| {
        Some(match name.as_str()? {
            "dry" => CommonSamplerType::Dry,
            "top_k" => CommonSamplerType::TopK,
            "top_p" => CommonSamplerType::TopP,
            "min_p" => CommonSamplerType::MinP,
            "typ_p" | "typical_p" => CommonSamplerType::TypicalP,
            "temperature" | "temp" => CommonSamplerType::Temperature,
            "xtc" => CommonSamplerType::Xtc,
            "penalties" => CommonSamplerType::Penalties,
            "top_n_sigma" => CommonSamplerType::TopNSigma,
            _ => return None,
        })
    };
    let wrong = |name: &Value| RequestError::member("samplers", format!("{name} is no sampler known here"));
    if names.len() > 32 {
        return Err(RequestError::member("samplers", "must hold at most 32 names"));
    }
    names.iter().map(|name| kind(name).ok_or_else(|| wrong(name))).collect::<Result<Vec<_>, _>>().map(Some)
}

fn breakers(body: &Body) -> Result<Option<Vec<String>>, RequestError> {
    if fields::present(body, "dry_sequence_breakers").is_none() {
        return Ok(None);
    }
    let breakers = fields::strings(body, "dry_sequence_breakers", BREAKERS_MAX)?;
    if breakers.iter().any(|text| text.is_empty() || text.len() > BREAKERS_MAX || text.contains('\0')) {
        return Err(RequestError::member("dry_sequence_breakers", "must be short texts without NUL"));
    }
    Ok(Some(breakers))
}

/// llama-server's rule: a negative seed is drawn.
fn seed(body: &Body) -> Result<Option<u32>, RequestError> {
    let Some(value) = fields::present(body, "seed") else { return Ok(None) };
    let number = value.as_i64().map(i64::cast_unsigned).or_else(|| value.as_u64());
    let number = number.ok_or_else(|| RequestError::member("seed", "must be an integer"))?;
    if number.cast_signed() < 0 && value.as_u64().is_none() {
        return Ok(None);
    }
    let folded = u32::try_from((number ^ (number >> 32)) & u64::from(u32::MAX)).unwrap_or(0);
    Ok(Some(folded.min(SEED_DRAWN - 1)))
}

/// OpenAI's object from ids to numbers, or llama-server's array of pairs; a key that is no id is text, each of whose tokens is
/// meant; `false` is never.
fn logit_bias(model: &Model, body: &Body) -> Result<Vec<(u32, f32)>, RequestError> {
    let wrong = |why: String| RequestError::member("logit_bias", why);
    match fields::present(body, "logit_bias") {
        None => Ok(Vec::new()),
        Some(Value::Object(members)) => biases(model, members.iter().map(|(key, bias)| (key.clone(), bias))),
        Some(Value::Array(items)) => {
            let pair = |item: &'_ Value| -> Option<(String, Value)> {
                let [key, bias] = item.as_array()?.as_slice() else { return None };
                let key = key.as_str().map(str::to_owned).or_else(|| key.as_u64().map(|id| id.to_string()))?;
                Some((key, bias.clone()))
            };
            let pairs = items
                .iter()
                .map(|item| pair(item).ok_or_else(|| wrong(format!("{item} is no pair of token and bias"))))
                .collect::<Result<Vec<_>, _>>()?;
            biases(model, pairs.iter().map(|(key, bias)| (key.clone(), bias)))
        }
        Some(_) => Err(wrong("must be an object or an array".into())),
    }
}

fn biases<'body>(
    model: &Model,
    pairs: impl Iterator<Item = (String, &'body Value)>,
) -> Result<Vec<(u32, f32)>, RequestError> {
    let wrong = |why: String| RequestError::member("logit_bias", why);
    let mut biases = Vec::new();
    for (key, bias) in pairs {
        let bias = match bias {
            Value::Bool(false) => f32::NEG_INFINITY,
            other => other.as_f64().ok_or_else(|| wrong(format!("{other} is no number")))? as f32,
        };
        match key.parse::<u32>() {
            Ok(id) if id < model.n_vocab => biases.push((id, bias)),
            Ok(id) => return Err(wrong(format!("id {id} is not below the vocabulary of {}", model.n_vocab))),
            Err(_) => {
                let tokens =
                    model.tokenize(&key, false, Special::Tokenize).map_err(|error| wrong(error.to_string()))?;
                biases.extend(tokens.into_iter().map(|id| (id, bias)));
            }
        }
        if biases.len() > BIASES_MAX {
            return Err(wrong(format!("must hold at most {BIASES_MAX} tokens")));
        }
    }
    Ok(biases)
}

/// A token as llama.cpp takes it.
pub fn token(id: u32) -> LlamaToken {
    LlamaToken(i32::try_from(id).unwrap_or(i32::MAX))
}

/// The tokens of a tag, as the model would write it.
///
/// # Errors
/// When it cannot be tokenised.
pub fn tag_tokens(model: &Model, tag: &str) -> Result<Vec<LlamaToken>, RequestError> {
    let tokens = model.llama().str_to_token_with_special(tag, llama_cpp_4::model::AddBos::Never, Special::Tokenize);
    let tokens = tokens.map_err(|error| RequestError::member("messages", error.to_string()))?;
    Ok(ids(tokens).into_iter().map(token).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seed_of(text: &str) -> Result<Option<u32>, RequestError> {
        seed(&crate::prompt::parse_body(text.as_bytes()).expect("an object"))
    }

    #[test]
    fn a_seed_is_repeated_and_a_negative_or_absent_one_drawn() {
        assert_eq!(seed_of(r#"{"seed":7}"#), Ok(Some(7)));
        assert_eq!(seed_of(r#"{"seed":-1}"#), Ok(None));
        assert_eq!(seed_of("{}"), Ok(None));
        assert_ne!(seed_of(r#"{"seed":4294967296}"#), Ok(Some(0)), "high bits count");
        assert_eq!(seed_of(r#"{"seed":4294967295}"#), Ok(Some(SEED_DRAWN - 1)), "never the one that is drawn");
        assert!(seed_of(r#"{"seed":18446744073709551615}"#).is_ok_and(|seed| seed.is_some()));
        assert!(seed_of(r#"{"seed":"x"}"#).is_err());
    }
}
