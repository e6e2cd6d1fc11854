//! `/api/embed` and the older `/api/embeddings`, as the engine's `/v1/embeddings`.

use super::{keep_alive::KeepAlive, options::Options};
use crate::read::{self, Error};
use serde_json::{Map, Value, json};

/// Texts to embed, read and checked.
#[derive(Clone, Debug, PartialEq)]
pub struct Embed {
    /// The model as the client wrote it.
    pub model: String,
    /// The texts; none means: load the model.
    pub input: Vec<String>,
    /// Numbers of each embedding wanted, where fewer than the model's are.
    pub dimensions: Option<u32>,
    /// Context.
    pub options: Options,
    /// How long the model shall stay.
    pub keep_alive: Option<KeepAlive>,
}

impl Embed {
    /// Reads `/api/embed` (`input`, a string or several) or `/api/embeddings` (`prompt`).
    ///
    /// # Errors
    /// Names the member that is wrong.
    pub fn read(bytes: &[u8]) -> Result<Self, Error> {
        let request = read::object(bytes)?;
        let wrong = || Error::member("input", "must be a string or an array of strings");
        let given = request.get("input").or_else(|| request.get("prompt"));
        let input = match given {
            None | Some(Value::Null) => Vec::new(),
            Some(Value::String(text)) if text.is_empty() => Vec::new(),
            Some(Value::String(text)) => vec![text.clone()],
            Some(Value::Array(texts)) => {
                let texts: Option<Vec<String>> = texts.iter().map(|text| text.as_str().map(str::to_owned)).collect();
                texts.ok_or_else(wrong)?
            }
            Some(_) => return Err(wrong()),
        };
        let dimensions = match request.get("dimensions") {
            None | Some(Value::Null) => None,
            Some(value) => Some(
                value
                    .as_u64()
                    .and_then(|n| u32::try_from(n).ok())
                    .filter(|n| *n > 0)
                    .ok_or_else(|| Error::member("dimensions", "must be a positive integer"))?,
            ),
        };
        Ok(Self {
            model: read::model(&request)?,
            input,
            dimensions,
            options: Options::read(request.get("options"))?,
            keep_alive: KeepAlive::read(request.get("keep_alive"))?,
        })
    }

    /// The body for `/v1/embeddings`.
    pub fn engine_body(&self) -> Value {
        let mut body = Map::new();
        body.insert("model".into(), self.model.clone().into());
        body.insert("input".into(), self.input.clone().into());
        body.insert("encoding_format".into(), "float".into());
        if let Some(dimensions) = self.dimensions {
            body.insert("dimensions".into(), dimensions.into());
        }
        Value::Object(body)
    }
}

/// The engine's embeddings in the order of their inputs, and the tokens of all inputs; `None` when the answer is something else.
pub fn embeddings(answer: &[u8]) -> Option<(Vec<Value>, u64)> {
    let answer: Value = serde_json::from_slice(answer).ok()?;
    let mut data: Vec<(u64, Value)> = Vec::new();
    for entry in answer.get("data")?.as_array()? {
        let index = entry.get("index").and_then(Value::as_u64)?;
        data.push((index, entry.get("embedding").filter(|embedding| embedding.is_array())?.clone()));
    }
    data.sort_by_key(|(index, _)| *index);
    let tokens = answer.pointer("/usage/prompt_tokens").and_then(Value::as_u64).unwrap_or(0);
    Some((data.into_iter().map(|(_, embedding)| embedding).collect(), tokens))
}

/// The answer of `/api/embed`; durations in nanoseconds.
pub fn answer(model: &str, embeddings: Vec<Value>, tokens: u64, total: u64, load: u64) -> Value {
    json!({
        "model": model, "embeddings": embeddings, "total_duration": total, "load_duration": load, "prompt_eval_count": tokens,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_shapes_are_read() {
        let read = |value: Value| Embed::read(value.to_string().as_bytes());
        assert_eq!(read(json!({"model": "m", "input": "a"})).expect("one").input, ["a"]);
        assert_eq!(read(json!({"model": "m", "prompt": "a"})).expect("older").input, ["a"]);
        let two = read(json!({"model": "m", "input": ["a", "b"], "dimensions": 8})).expect("two");
        assert_eq!((two.engine_body()["input"].clone(), two.dimensions), (json!(["a", "b"]), Some(8)));
        assert!(read(json!({"model": "m", "input": [1]})).is_err());
        assert!(read(json!({"model": "m", "input": "a", "dimensions": 0})).is_err());
    }

    #[test]
    fn embeddings_come_in_the_order_of_their_inputs() {
        let engine = json!({"data": [{"index": 1, "embedding": [2.0]}, {"index": 0, "embedding": [1.0]}], "usage": {"prompt_tokens": 5}});
        let (found, tokens) = embeddings(engine.to_string().as_bytes()).expect("embeddings");
        assert_eq!((found, tokens), (vec![json!([1.0]), json!([2.0])], 5));
        assert_eq!(embeddings(br#"{"data":[{}]}"#), None);
    }
}
