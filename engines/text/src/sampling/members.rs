//! The sampler members of a request, with llama-server's names, ranges and defaults.

use std::ops::RangeInclusive;

use llama_cpp_4::common_sampler::{CommonSamplerScalars, CommonSamplerType};
use llama_cpp_4::model::Special;
use serde_json::Value;

use super::SEED_DRAWN;
use crate::error::RequestError;
use crate::fields;
use crate::model::Model;
use crate::prompt::Body;

/// Entries of `logit_bias` at most.
const BIASES_MAX: usize = 4096;
/// Breakers of the DRY sampler at most, and bytes of one.
const BREAKERS_MAX: usize = 64;

/// Reads real numbers into llama.cpp's parameters.
///
/// # Errors
/// When a member is of the wrong kind or out of its range.
pub fn read_numbers(body: &Body, scalars: &mut CommonSamplerScalars) -> Result<(), RequestError> {
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

/// Reads whole numbers into llama.cpp's parameters; `n_ctx` bounds how far samplers look back.
///
/// # Errors
/// When a member is of the wrong kind or out of its range.
pub fn read_integers(body: &Body, n_ctx: i64, scalars: &mut CommonSamplerScalars) -> Result<(), RequestError> {
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

/// The samplers in the order that the client wants.
///
/// # Errors
/// When a member is of the wrong kind or out of its range.
pub fn order(body: &Body) -> Result<Option<Vec<CommonSamplerType>>, RequestError> {
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

/// Texts over which the DRY sampler does not look back.
///
/// # Errors
/// When a member is of the wrong kind or out of its range.
pub fn breakers(body: &Body) -> Result<Option<Vec<String>>, RequestError> {
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
///
/// # Errors
/// When it is no integer.
pub fn seed(body: &Body) -> Result<Option<u32>, RequestError> {
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
///
/// # Errors
/// When a key or a bias is none.
pub fn logit_bias(model: &Model, body: &Body) -> Result<Vec<(u32, f32)>, RequestError> {
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
