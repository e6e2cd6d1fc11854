//! What a gateway must know of a request before it passes the bytes on: the model, whether to stream, how long.

use serde::Deserialize;

/// The members of a chat or completion request that decide its route and its price.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestHead {
    /// The model as the client wrote it.
    pub model: String,
    /// Whether the answer is wanted as server-sent events.
    pub stream: bool,
    /// The client's own limit, in tokens: `max_completion_tokens`, else `max_tokens` (SPEC 3.3).
    pub tokens_max: Option<u32>,
}

/// Why a body is no request.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Not JSON, or a member of the wrong kind.
    #[error("request body is not a valid JSON request: {0}")]
    Json(#[from] serde_json::Error),
    /// JSON, but not an object.
    #[error("request body must be a JSON object")]
    NotAnObject,
    /// `model` is missing or empty.
    #[error("request has no model")]
    NoModel,
    /// A limit of zero tokens asks for nothing.
    #[error("max_tokens must be at least 1")]
    NoTokens,
}

#[derive(Deserialize)]
struct Raw {
    #[serde(default)]
    model: Option<String>,
    #[serde(default)]
    stream: Option<bool>,
    #[serde(default)]
    max_tokens: Option<u32>,
    #[serde(default)]
    max_completion_tokens: Option<u32>,
}

impl RequestHead {
    /// Reads the head of a request body.
    ///
    /// # Errors
    /// When the body is not a JSON object, a member has the wrong kind or stands twice, or the model is missing.
    pub fn parse(body: &[u8]) -> Result<Self, Error> {
        // serde would read an array as the struct's members in order.
        if body.iter().find(|byte| !byte.is_ascii_whitespace()) == Some(&b'[') {
            return Err(Error::NotAnObject);
        }
        let raw: Raw = serde_json::from_slice(body)?;
        let model = raw.model.filter(|model| !model.is_empty()).ok_or(Error::NoModel)?;
        let tokens_max = raw.max_completion_tokens.or(raw.max_tokens);
        if tokens_max == Some(0) {
            return Err(Error::NoTokens);
        }
        Ok(Self { model, stream: raw.stream.unwrap_or(false), tokens_max })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_head_and_leaves_the_rest() {
        let head =
            RequestHead::parse(br#"{"model":"m","messages":[{"role":"user"}],"stream":true,"max_tokens":7}"#).unwrap();
        assert_eq!(head, RequestHead { model: "m".into(), stream: true, tokens_max: Some(7) });
        let newer = RequestHead::parse(br#"{"model":"m","max_tokens":7,"max_completion_tokens":3}"#).unwrap();
        assert_eq!(newer.tokens_max, Some(3));
        assert_eq!(RequestHead::parse(br#"{"model":"m","stream":null,"max_tokens":null}"#).unwrap().tokens_max, None);
    }

    #[test]
    fn refuses_what_is_no_request() {
        let bad: [&[u8]; 11] = [
            b"",
            b"{",
            b"null",
            b"[\"m\"]",
            b"\"m\"",
            b"{}",
            br#"{"model":""}"#,
            br#"{"model":3}"#,
            br#"{"model":"m","max_tokens":-1}"#,
            br#"{"model":"m","max_tokens":0}"#,
            br#"{"model":"m","model":"n"}"#,
        ];
        for body in bad {
            assert!(RequestHead::parse(body).is_err(), "{}", String::from_utf8_lossy(body));
        }
    }
}
