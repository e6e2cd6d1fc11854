//! A consumer's body becomes a request that can be routed, priced and paid, once, at the edge (SPEC 2.1, 3.3).

use crate::refusal::Refusal;
use bytes::Bytes;
use ogong_base::params::ANSWER_TOKENS_MAX;
use ogong_base::{ModelId, Tier};
use ogong_commitment::{params::SamplingParams, request};
use ogong_openai::{Endpoint, ErrorKind, RequestHead};

/// Answer tokens where the request states no limit.
pub const TOKENS_DEFAULT: u32 = 512;
/// Tokens a chat template may add to what the body says: a default system prompt, role marks.
pub const TEMPLATE_TOKENS_MAX: u64 = 256;
/// Bytes of body that hold at least one prompt token, generously: a router may skip contexts that surely do not fit.
const BYTES_PER_TOKEN_MAX: usize = 64;

/// A request that can be routed and paid.
#[derive(Clone, Debug)]
pub struct ValidRequest {
    /// Which API it came in on.
    pub endpoint: Endpoint,
    /// The model.
    pub model: ModelId,
    /// The frozen body: relayed and hashed as it is.
    pub body: Bytes,
    /// Whether the consumer wants a stream.
    pub stream: bool,
    /// Answer tokens at most.
    pub tokens_max: u32,
}

impl ValidRequest {
    /// Reads and freezes a body.
    ///
    /// # Errors
    /// A 400 that says which member is wrong, a 404 for a name that is no model id; nothing has been paid then.
    pub fn parse(endpoint: Endpoint, body: &[u8]) -> Result<Self, Refusal> {
        let head = RequestHead::parse(body).map_err(|error| {
            invalid("invalid_request", error.to_string(), "send a JSON object as OpenAI's API reference describes it")
        })?;
        let model: ModelId = head.model.parse().map_err(|_| {
            Refusal::new(
                ErrorKind::NotFound,
                "model_not_found",
                format!("{:?} is not a model id", shortened(&head.model)),
                "write ogong/<verified|tee>/<maker>/<model>; GET /v1/models lists what is served",
            )
            .param("model")
        })?;
        if model.tier() == Tier::Tee {
            // An answer under this tier's name without a checked enclave would be a promise nobody keeps.
            let why = "the tee tier is not served by this version: no attestation is checked yet";
            return Err(invalid("tier_unavailable", why, "use ogong/verified/<maker>/<model>").param("model"));
        }
        let frozen = request::freeze(body).map_err(|error| {
            invalid("invalid_request", error.to_string(), "send a JSON object without repeated members")
        })?;
        request::check_media(&frozen).map_err(|error| {
            invalid("remote_media", error.to_string(), "inline media as data URLs").param("messages")
        })?;
        let most = u32::try_from(ANSWER_TOKENS_MAX).unwrap_or(u32::MAX);
        let tokens_max = head.tokens_max.unwrap_or(TOKENS_DEFAULT).min(most);
        SamplingParams::from_body(&frozen, tokens_max).map_err(|refusal| {
            invalid(
                "unsupported_parameter",
                refusal.to_string(),
                "verified answers take the sampling parameters that the documentation lists",
            )
        })?;
        Ok(Self { endpoint, model, body: frozen.into(), stream: head.stream, tokens_max })
    }

    /// Prompt tokens at most: a token has at least one byte, and the body holds every byte of the prompt but the template's.
    pub fn prompt_tokens_max(&self) -> u64 {
        u64::try_from(self.body.len()).unwrap_or(u64::MAX).saturating_add(TEMPLATE_TOKENS_MAX)
    }

    /// Prompt tokens at least, for skipping contexts that are surely too small.
    pub fn prompt_tokens_min(&self) -> u32 {
        u32::try_from(self.body.len() / BYTES_PER_TOKEN_MAX).unwrap_or(u32::MAX)
    }
}

fn invalid(code: &str, message: impl Into<String>, hint: &str) -> Refusal {
    Refusal::new(ErrorKind::InvalidRequest, code, message, hint)
}

fn shortened(text: &str) -> String {
    text.chars().take(80).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const MODEL: &str = "ogong/verified/acme/small";

    fn parse(body: &str) -> Result<ValidRequest, Refusal> {
        ValidRequest::parse(Endpoint::Chat, body.as_bytes())
    }

    #[test]
    fn what_identifies_a_person_is_dropped_and_the_rest_keeps_its_order() {
        let request = parse(&format!(r#"{{ "user":"me", "stream": true, "model":"{MODEL}","messages":[{{"role":"user","content":"hi"}}],"store":true}}"#)).unwrap();
        assert_eq!(
            request.body,
            format!(r#"{{"stream":true,"model":"{MODEL}","messages":[{{"role":"user","content":"hi"}}]}}"#).as_bytes()
        );
        assert!(request.stream);
        assert_eq!(request.tokens_max, TOKENS_DEFAULT);
        assert_eq!(request.prompt_tokens_max(), request.body.len() as u64 + TEMPLATE_TOKENS_MAX);
    }

    #[test]
    fn every_bad_body_is_refused_with_a_code() {
        let table = [
            ("", "invalid_request"),
            ("{\"model\":", "invalid_request"),
            ("[]", "invalid_request"),
            ("{}", "invalid_request"),
            (r#"{"model":"gpt-4o"}"#, "model_not_found"),
            (r#"{"model":"ogong/free/acme/small"}"#, "model_not_found"),
            (r#"{"model":"ogong/tee/acme/small"}"#, "tier_unavailable"),
            (r#"{"model":"ogong/verified/acme/small","max_tokens":"many"}"#, "invalid_request"),
            (r#"{"model":"ogong/verified/acme/small","max_tokens":0}"#, "invalid_request"),
            (r#"{"model":"ogong/verified/acme/small","n":2}"#, "unsupported_parameter"),
            (r#"{"model":"ogong/verified/acme/small","logit_bias":{"1":2}}"#, "unsupported_parameter"),
            (r#"{"model":"ogong/verified/acme/small","temperature":3}"#, "unsupported_parameter"),
        ];
        for (body, code) in table {
            let refusal = parse(body).unwrap_err();
            let kind = if code == "model_not_found" { ErrorKind::NotFound } else { ErrorKind::InvalidRequest };
            assert_eq!((refusal.kind(), refusal.body().error.code.as_deref()), (kind, Some(code)), "{body}: {refusal}");
            assert!(refusal.body().error.message.contains("hint: "), "{body}");
        }
    }
}
