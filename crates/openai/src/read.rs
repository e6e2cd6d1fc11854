//! Reading members of a request that clients write in several shapes.

use serde_json::{Map, Value};

/// A request that cannot be served, in words for the client.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Not a JSON object.
    #[error("request body is not a JSON object: {0}")]
    Json(String),
    /// A member is missing or has the wrong form.
    #[error("{member}: {why}")]
    Member {
        /// Which.
        member: String,
        /// What is wrong, with what to do.
        why: String,
    },
}

impl Error {
    /// A member is wrong.
    pub fn member(member: impl Into<String>, why: impl Into<String>) -> Self {
        Self::Member { member: member.into(), why: why.into() }
    }

    /// The member at fault.
    pub fn param(&self) -> Option<&str> {
        match self {
            Self::Json(_) => None,
            Self::Member { member, .. } => Some(member),
        }
    }
}

/// Reads a JSON object. An empty body is an empty object, as with Ollama.
///
/// # Errors
/// When the bytes are something else.
pub fn object(body: &[u8]) -> Result<Map<String, Value>, Error> {
    match serde_json::from_slice(body) {
        Ok(Value::Object(object)) => Ok(object),
        Ok(_) => Err(Error::Json("it is another JSON value".into())),
        Err(error) => Err(Error::Json(error.to_string())),
    }
}

/// The model's name, under `model` or Ollama's older `name`.
///
/// # Errors
/// When there is none.
pub fn model(body: &Map<String, Value>) -> Result<String, Error> {
    let named = text(body, "model")?.filter(|name| !name.is_empty());
    let named = match named {
        Some(name) => Some(name),
        None => text(body, "name")?.filter(|name| !name.is_empty()),
    };
    named.ok_or_else(|| Error::member("model", "missing; name the model, as /api/tags lists it"))
}

/// An optional string.
///
/// # Errors
/// When it is something else.
pub fn text(body: &Map<String, Value>, member: &str) -> Result<Option<String>, Error> {
    match body.get(member) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text.clone())),
        Some(_) => Err(Error::member(member, "must be a string")),
    }
}

/// An optional flag.
///
/// # Errors
/// When it is something else.
pub fn flag(body: &Map<String, Value>, member: &str) -> Result<Option<bool>, Error> {
    match body.get(member) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::Bool(flag)) => Ok(Some(*flag)),
        Some(_) => Err(Error::member(member, "must be true or false")),
    }
}

/// An optional array; absent is empty.
///
/// # Errors
/// When it is something else.
pub fn array<'a>(body: &'a Map<String, Value>, member: &str) -> Result<&'a [Value], Error> {
    match body.get(member) {
        None | Some(Value::Null) => Ok(&[]),
        Some(Value::Array(values)) => Ok(values),
        Some(_) => Err(Error::member(member, "must be an array")),
    }
}
