//! `options`: Ollama's sampling and loading parameters, as the engine names them.

use crate::read::Error;
use serde_json::{Map, Value, json};

/// What samples: Ollama's name, the engine's name.
const SAMPLING: &[(&str, &str)] = &[
    ("temperature", "temperature"),
    ("top_k", "top_k"),
    ("top_p", "top_p"),
    ("min_p", "min_p"),
    ("typical_p", "typical_p"),
    ("seed", "seed"),
    ("repeat_penalty", "repeat_penalty"),
    ("repeat_last_n", "repeat_last_n"),
    ("presence_penalty", "presence_penalty"),
    ("frequency_penalty", "frequency_penalty"),
    ("mirostat", "mirostat"),
    ("mirostat_tau", "mirostat_tau"),
    ("mirostat_eta", "mirostat_eta"),
    ("num_keep", "n_keep"),
];

/// How Ollama places a model; here the engine places itself, so these have no effect. `penalize_newline` and `tfs_z` are gone from both.
const PLACEMENT: &[&str] = &[
    "num_batch",
    "num_gpu",
    "main_gpu",
    "num_thread",
    "use_mmap",
    "use_mlock",
    "numa",
    "low_vram",
    "f16_kv",
    "vocab_only",
    "logits_all",
    "penalize_newline",
    "tfs_z",
    "draft_num_predict",
];

/// Stop strings at most.
const STOPS_MAX: usize = 64;

/// Parameters of a request, or of a model that was made with some.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Options {
    /// Members for the engine's request.
    pub engine: Map<String, Value>,
    /// Tokens of context wanted, `num_ctx`.
    pub n_ctx: Option<u32>,
    /// Names that neither Ollama nor this server knows; worth a warning.
    pub unknown: Vec<String>,
}

impl Options {
    /// What Ollama does when a request says nothing.
    ///
    /// Source: Ollama's `api.DefaultOptions`.
    pub fn defaults() -> Self {
        let Value::Object(engine) = json!({
            "temperature": 0.8, "top_k": 40, "top_p": 0.9, "min_p": 0.0, "repeat_penalty": 1.1, "repeat_last_n": 64,
        }) else {
            unreachable!("invariant: an object literal")
        };
        Self { engine, ..Self::default() }
    }

    /// Reads an `options` object.
    ///
    /// # Errors
    /// When a known option has the wrong kind.
    pub fn read(value: Option<&Value>) -> Result<Self, Error> {
        let given = match value {
            None | Some(Value::Null) => return Ok(Self::default()),
            Some(Value::Object(given)) => given,
            Some(_) => return Err(Error::member("options", "must be an object")),
        };
        let mut options = Self::default();
        for (name, value) in given.iter().filter(|(_, value)| !value.is_null()) {
            options.take(name, value)?;
        }
        Ok(options)
    }

    /// These, with `other`'s where both say something.
    pub fn overridden_by(mut self, other: Self) -> Self {
        self.engine.extend(other.engine);
        self.n_ctx = other.n_ctx.or(self.n_ctx);
        self.unknown.extend(other.unknown);
        self
    }

    fn take(&mut self, name: &str, value: &Value) -> Result<(), Error> {
        let wrong = |why: &str| Error::member(format!("options.{name}"), why);
        if let Some((_, theirs)) = SAMPLING.iter().find(|(ours, _)| *ours == name) {
            if !value.is_number() {
                return Err(wrong("must be a number"));
            }
            self.engine.insert((*theirs).into(), value.clone());
            return Ok(());
        }
        match name {
            "num_predict" => {
                let limit = value.as_i64().ok_or_else(|| wrong("must be an integer"))?;
                // -1 is no limit and -2 is until the context is full: both end at the context here.
                if limit >= 0 {
                    self.engine.insert("max_tokens".into(), json!(limit.max(1)));
                }
            }
            "num_ctx" => {
                let n_ctx = value.as_u64().and_then(|n| u32::try_from(n).ok()).filter(|n| *n > 0);
                self.n_ctx = Some(n_ctx.ok_or_else(|| wrong("must be a positive integer"))?);
            }
            "stop" => {
                let stops = match value {
                    Value::String(_) => vec![value.clone()],
                    Value::Array(stops) if stops.iter().all(Value::is_string) => stops.clone(),
                    _ => return Err(wrong("must be a string or an array of strings")),
                };
                if stops.len() > STOPS_MAX {
                    return Err(wrong(&format!("holds {} strings, at most {STOPS_MAX} are taken", stops.len())));
                }
                if !stops.is_empty() {
                    self.engine.insert("stop".into(), Value::Array(stops));
                }
            }
            _ if PLACEMENT.contains(&name) => {}
            _ => self.unknown.push(name.to_owned()),
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_become_the_engines() {
        let options =
            json!({"num_predict": 7, "num_ctx": 4096, "temperature": 0, "stop": "x", "num_gpu": 1, "warmth": 3});
        let read = Options::read(Some(&options)).expect("options");
        assert_eq!(read.engine["max_tokens"], 7);
        assert_eq!(read.engine["stop"], json!(["x"]));
        assert_eq!((read.n_ctx, read.unknown.as_slice()), (Some(4096), &["warmth".to_owned()][..]));
        let all = Options::defaults().overridden_by(read);
        assert_eq!((&all.engine["temperature"], &all.engine["top_k"]), (&json!(0), &json!(40)));
        assert!(Options::read(Some(&json!({"num_predict": -1}))).expect("no limit").engine.is_empty());
    }

    #[test]
    fn wrong_kinds_are_named() {
        for bad in [
            json!({"temperature": "hot"}),
            json!({"num_ctx": 0}),
            json!({"stop": [1]}),
            json!({"num_predict": "7"}),
            json!([]),
        ] {
            let error = Options::read(Some(&bad)).expect_err("wrong");
            assert!(error.to_string().contains("options"), "{error}");
        }
    }
}
