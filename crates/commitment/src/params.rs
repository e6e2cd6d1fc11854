//! Canonical sampling parameters (SPEC 3.3): read from the frozen body by the digits of its numbers, so that prover,
//! validator and verifier derive the same bytes.

use crate::{error::Error, request};
use ogong_base::params::{DIGEST_ENTRIES_MAX, PARAM_STEPS, STOP_STRING_BYTES_MAX, STOP_STRINGS_MAX};
use ogong_base::{Decode, DecodeError, Encode, Reader, Writer};
use serde_json::{Map, Value};
use thiserror::Error;

const TOP_K_MAX: u32 = DIGEST_ENTRIES_MAX as u32;
/// Decimal digits kept of a number's integer part; more cannot be in any range.
const DIGITS_MAX: i64 = 15;

/// Members a committed request may carry that do not touch sampling.
const PLAIN_MEMBERS: [&str; 12] = [
    "model",
    "messages",
    "prompt",
    "stream",
    "stream_options",
    "user",
    "metadata",
    "safety_identifier",
    "store",
    "service_tier",
    "prompt_cache_key",
    "prompt_cache_retention",
];
/// Members this module reads.
const SAMPLING_MEMBERS: [&str; 10] = [
    "temperature",
    "top_p",
    "top_k",
    "min_p",
    "presence_penalty",
    "frequency_penalty",
    "max_tokens",
    "max_completion_tokens",
    "stop",
    "n",
];

/// Why a request cannot be answered with a commitment: the client's 400.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum Refusal {
    /// The body cannot be read.
    #[error("{0}")]
    Body(#[from] Error),
    /// A member that a verified answer cannot honour, or that is unknown.
    #[error("`{member}` is not supported in verified answers{}", hint(.member))]
    Unsupported {
        /// The member.
        member: String,
    },
    /// More than one choice was asked for.
    #[error("`n` must be 1 in verified answers, got {0}")]
    Choices(String),
    /// A member has the wrong JSON type.
    #[error("`{member}` must be {expected}")]
    Type {
        /// The member.
        member: &'static str,
        /// What it should be.
        expected: &'static str,
    },
    /// A number is outside its range.
    #[error("`{member}` must be {range}, got {got}")]
    Range {
        /// The member.
        member: &'static str,
        /// The range in words.
        range: &'static str,
        /// The number as it was written.
        got: String,
    },
    /// Too many stop strings.
    #[error("`stop` takes at most {STOP_STRINGS_MAX} strings, got {0}")]
    StopCount(usize),
    /// A stop string of a length that is not allowed.
    #[error("a stop string must have 1 to {STOP_STRING_BYTES_MAX} bytes, got {0}")]
    StopLength(usize),
    /// The order leaves no token to generate.
    #[error("the order's max_tokens is 0")]
    NoTokens,
}

impl Refusal {
    /// The member at fault, where it is one.
    pub fn member(&self) -> Option<&str> {
        match self {
            Self::Body(_) | Self::NoTokens => None,
            Self::Unsupported { member } => Some(member),
            Self::Choices(_) => Some("n"),
            Self::Type { member, .. } | Self::Range { member, .. } => Some(member),
            Self::StopCount(_) | Self::StopLength(_) => Some("stop"),
        }
    }
}

fn hint(member: &str) -> &'static str {
    match member {
        "tools" | "tool_choice" | "functions" | "function_call" => ": tool calls have no canonical rule yet",
        "response_format" | "grammar" | "json_schema" => ": only plain text has a canonical rule yet",
        "seed" => ": coins come from the order",
        "logprobs" | "top_logprobs" => ": the commitment holds the logprobs",
        "repeat_penalty" => ": use frequency_penalty or presence_penalty",
        _ => "",
    }
}

/// Sampling parameters as they are committed: reals in 1/10⁴.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SamplingParams {
    /// 0–20,000; 0 takes the likeliest token.
    pub temperature: i32,
    /// 1–10,000.
    pub top_p: i32,
    /// 0–10,000.
    pub min_p: i32,
    /// 1–64.
    pub top_k: u32,
    /// −20,000–20,000.
    pub presence: i32,
    /// −20,000–20,000.
    pub frequency: i32,
    /// Generated tokens at most, at least 1.
    pub max_tokens: u32,
    /// 0–4 strings of 1–64 bytes.
    pub stop: Vec<Vec<u8>>,
}

impl Default for SamplingParams {
    /// What a body that says nothing means, with no limit on the length.
    fn default() -> Self {
        Self {
            temperature: PARAM_STEPS,
            top_p: PARAM_STEPS,
            min_p: 0,
            top_k: TOP_K_MAX,
            presence: 0,
            frequency: 0,
            max_tokens: u32::MAX,
            stop: Vec::new(),
        }
    }
}

impl SamplingParams {
    /// Derives the parameters of a request body; ranges hold for the rounded value. A `null` member counts as missing.
    ///
    /// # Errors
    /// A [`Refusal`] for everything SPEC 3.3 refuses and for every member it does not name.
    pub fn from_body(body: &[u8], order_max_tokens: u32) -> Result<Self, Refusal> {
        let mut members = request::object(body)?;
        members.retain(|_, value| !value.is_null());
        refuse_unsupported(&members)?;
        let limit = match count(&members, "max_completion_tokens")? {
            Some(limit) => limit,
            None => count(&members, "max_tokens")?.unwrap_or(u32::MAX),
        };
        if order_max_tokens == 0 {
            return Err(Refusal::NoTokens);
        }
        let one = PARAM_STEPS;
        Ok(Self {
            temperature: real(&members, "temperature", (0, 2 * one), "from 0 to 2")?.unwrap_or(one),
            top_p: real(&members, "top_p", (1, one), "above 0 and at most 1")?.unwrap_or(one),
            min_p: real(&members, "min_p", (0, one), "from 0 to 1")?.unwrap_or(0),
            top_k: top_k(&members)?,
            presence: real(&members, "presence_penalty", (-2 * one, 2 * one), "from -2 to 2")?.unwrap_or(0),
            frequency: real(&members, "frequency_penalty", (-2 * one, 2 * one), "from -2 to 2")?.unwrap_or(0),
            max_tokens: limit.min(order_max_tokens),
            stop: stop_strings(&members)?,
        })
    }

    fn is_canonical(&self) -> bool {
        let one = PARAM_STEPS;
        (0..=2 * one).contains(&self.temperature)
            && (1..=one).contains(&self.top_p)
            && (0..=one).contains(&self.min_p)
            && (1..=TOP_K_MAX).contains(&self.top_k)
            && (-2 * one..=2 * one).contains(&self.presence)
            && (-2 * one..=2 * one).contains(&self.frequency)
            && self.max_tokens > 0
            && self.stop.iter().all(|stop| !stop.is_empty())
    }
}

impl Encode for SamplingParams {
    fn encode(&self, w: &mut Writer) {
        w.i32(self.temperature).i32(self.top_p).i32(self.min_p).u32(self.top_k).i32(self.presence);
        w.i32(self.frequency).u32(self.max_tokens).list(&self.stop, |w, stop| {
            w.bytes(stop);
        });
    }
}

impl Decode for SamplingParams {
    fn decode(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let params = Self {
            temperature: r.i32()?,
            top_p: r.i32()?,
            min_p: r.i32()?,
            top_k: r.u32()?,
            presence: r.i32()?,
            frequency: r.i32()?,
            max_tokens: r.u32()?,
            stop: r.list(STOP_STRINGS_MAX, |r| Ok(r.bytes(STOP_STRING_BYTES_MAX)?.to_vec()))?,
        };
        if params.is_canonical() {
            Ok(params)
        } else {
            Err(DecodeError::invalid("sampling parameters", "out of range"))
        }
    }
}

fn refuse_unsupported(members: &Map<String, Value>) -> Result<(), Refusal> {
    for (name, value) in members {
        let known = PLAIN_MEMBERS.contains(&name.as_str()) || SAMPLING_MEMBERS.contains(&name.as_str());
        if !known && !asks_for_nothing(name, value) {
            return Err(Refusal::Unsupported { member: name.clone() });
        }
    }
    match members.get("n") {
        None => Ok(()),
        Some(Value::Number(n)) if Decimal::parse(n.as_str()).and_then(|d| d.integer()) == Some(1) => Ok(()),
        Some(other) => Err(Refusal::Choices(other.to_string())),
    }
}

/// Members that clients send at their neutral value as a matter of course.
fn asks_for_nothing(name: &str, value: &Value) -> bool {
    match (name, value) {
        ("logprobs" | "echo", Value::Bool(false)) => true,
        ("tools" | "functions", Value::Array(items)) => items.is_empty(),
        ("logit_bias", Value::Object(bias)) => bias.is_empty(),
        ("tool_choice", Value::String(choice)) => choice == "none",
        ("response_format", Value::Object(format)) => {
            format.len() == 1 && format.get("type").and_then(Value::as_str) == Some("text")
        }
        ("modalities", Value::Array(kinds)) => kinds.iter().all(|kind| kind.as_str() == Some("text")),
        _ => false,
    }
}

fn number<'a>(members: &'a Map<String, Value>, member: &'static str) -> Result<Option<(&'a str, Decimal)>, Refusal> {
    let refused = Refusal::Type { member, expected: "a number" };
    match members.get(member) {
        None => Ok(None),
        Some(Value::Number(n)) => Decimal::parse(n.as_str()).map(|d| Some((n.as_str(), d))).ok_or(refused),
        Some(_) => Err(refused),
    }
}

fn real(
    members: &Map<String, Value>,
    member: &'static str,
    (least, most): (i32, i32),
    range: &'static str,
) -> Result<Option<i32>, Refusal> {
    let Some((text, decimal)) = number(members, member)? else { return Ok(None) };
    decimal
        .scaled(4)
        .and_then(|steps| i32::try_from(steps).ok())
        .filter(|steps| (least..=most).contains(steps))
        .map(Some)
        .ok_or_else(|| Refusal::Range { member, range, got: text.chars().take(40).collect() })
}

fn integer(
    members: &Map<String, Value>,
    member: &'static str,
    least: i64,
    range: &'static str,
) -> Result<Option<u32>, Refusal> {
    let Some((text, decimal)) = number(members, member)? else { return Ok(None) };
    let refused = || Refusal::Range { member, range, got: text.chars().take(40).collect() };
    let value = decimal.integer().filter(|value| *value >= least).ok_or_else(refused)?;
    Ok(Some(u32::try_from(value).unwrap_or(u32::MAX)))
}

fn count(members: &Map<String, Value>, member: &'static str) -> Result<Option<u32>, Refusal> {
    integer(members, member, 1, "a whole number of at least 1")
}

fn top_k(members: &Map<String, Value>) -> Result<u32, Refusal> {
    let asked = integer(members, "top_k", 0, "a whole number of at least 0")?;
    Ok(asked.filter(|k| (1..=TOP_K_MAX).contains(k)).unwrap_or(TOP_K_MAX))
}

fn stop_strings(members: &Map<String, Value>) -> Result<Vec<Vec<u8>>, Refusal> {
    let refused = Refusal::Type { member: "stop", expected: "a string or a list of strings" };
    let strings = match members.get("stop") {
        None => return Ok(Vec::new()),
        Some(Value::String(one)) => vec![one.as_bytes().to_vec()],
        Some(Value::Array(items)) => {
            let text = |item: &Value| item.as_str().map(|text| text.as_bytes().to_vec());
            items.iter().map(text).collect::<Option<Vec<_>>>().ok_or(refused)?
        }
        Some(_) => return Err(refused),
    };
    if strings.len() > STOP_STRINGS_MAX {
        return Err(Refusal::StopCount(strings.len()));
    }
    match strings.iter().find(|stop| !(1..=STOP_STRING_BYTES_MAX).contains(&stop.len())) {
        Some(stop) => Err(Refusal::StopLength(stop.len())),
        None => Ok(strings),
    }
}

/// A JSON number by its own digits: `±0.d₁d₂d₃… · 10^point`, without leading zeros.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Decimal {
    negative: bool,
    digits: Vec<u8>,
    point: i64,
}

impl Decimal {
    fn parse(text: &str) -> Option<Self> {
        let (negative, text) = text.strip_prefix('-').map_or((false, text), |rest| (true, rest));
        let (mantissa, exponent) = text.split_once(['e', 'E']).unwrap_or((text, "0"));
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let mut digits: Vec<u8> = whole.bytes().chain(fraction.bytes()).map(|b| b.wrapping_sub(b'0')).collect();
        if whole.is_empty() || digits.iter().any(|d| *d > 9) {
            return None;
        }
        let mut point = i64::try_from(whole.len()).ok()?.checked_add(exponent_of(exponent)?)?;
        let zeros = digits.iter().take_while(|d| **d == 0).count();
        digits.drain(..zeros);
        point = point.checked_sub(i64::try_from(zeros).ok()?)?;
        Some(Self { negative, digits, point })
    }

    /// The number times 10^`places`, rounded half to even; `None` when it has too many digits for any range.
    fn scaled(&self, places: i64) -> Option<i64> {
        let point = if self.digits.is_empty() { 0 } else { self.point.checked_add(places)? };
        if point > DIGITS_MAX {
            return None;
        }
        let kept = usize::try_from(point).unwrap_or(0);
        let digit = |i: usize| i64::from(self.digits.get(i).copied().unwrap_or(0));
        let mut value = (0..kept).fold(0i64, |value, i| value * 10 + digit(i));
        if point >= 0 {
            let more = self.digits.iter().skip(kept + 1).any(|d| *d != 0);
            let up = match digit(kept) {
                6..=9 => true,
                5 => more || value % 2 == 1,
                _ => false,
            };
            value += i64::from(up);
        }
        Some(if self.negative { -value } else { value })
    }

    /// The number when it is whole, saturating.
    fn integer(&self) -> Option<i64> {
        let whole =
            self.digits.iter().enumerate().all(|(i, d)| *d == 0 || i64::try_from(i).is_ok_and(|i| i < self.point));
        let saturated = if self.negative { i64::MIN } else { i64::MAX };
        whole.then(|| self.scaled(0).unwrap_or(saturated))
    }
}

/// An exponent's value; one too long for an `i64` saturates, which no range survives or which rounds to 0 all the same.
fn exponent_of(text: &str) -> Option<i64> {
    const BOUND: i64 = 1 << 40;
    let (negative, digits) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let value = digits.bytes().fold(0i64, |value, b| (value * 10 + i64::from(b - b'0')).min(BOUND));
    Some(if negative { -value } else { value })
}

#[cfg(test)]
#[path = "params_tests.rs"]
mod tests;
