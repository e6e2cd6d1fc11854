//! `/api/generate`: one prompt with system, images, format; raw; with a suffix; going on from a context.

use super::{chat, format, keep_alive::KeepAlive, options::Options};
use crate::read::{self, Error};
use serde_json::{Map, Value, json};

/// Tokens of a context at most.
const CONTEXT_MAX: usize = 1 << 20;

/// A prompt to complete, read and checked.
#[derive(Clone, Debug, PartialEq)]
pub struct Generate {
    /// The model as the client wrote it.
    pub model: String,
    /// Whether lines are wanted as they come; Ollama's default is yes.
    pub stream: bool,
    /// The prompt; empty means: load the model.
    pub prompt: String,
    /// Text that follows what is wanted, for fill-in-the-middle.
    pub suffix: Option<String>,
    /// Replaces the model's system prompt.
    pub system: Option<String>,
    /// The prompt goes to the model as it is.
    pub raw: bool,
    /// Tokens of an earlier answer to go on from.
    pub context: Vec<u32>,
    /// Images, as parts of a message.
    pub images: Vec<Value>,
    /// Sampling and context.
    pub options: Options,
    /// How long the model shall stay.
    pub keep_alive: Option<KeepAlive>,
    /// Whether reasoning is shown.
    pub show_thinking: bool,
    extra: Map<String, Value>,
}

impl Generate {
    /// Reads a request.
    ///
    /// # Errors
    /// Names the member that is wrong.
    pub fn read(bytes: &[u8]) -> Result<Self, Error> {
        let request = read::object(bytes)?;
        let mut extra = Map::new();
        format::response_format(&request, &mut extra)?;
        let show_thinking = format::think(&request, &mut extra)?;
        format::logprobs(&request, &mut extra);
        if read::text(&request, "template")?.is_some_and(|template| !template.is_empty()) {
            let why = "Go templates are not supported; the model's own chat template is used, or send the rendered prompt with raw: true";
            return Err(Error::member("template", why));
        }
        let images = read::array(&request, "images")?;
        let images: Result<Vec<Value>, Error> =
            images.iter().enumerate().map(|(i, image)| format::image_part(image, &format!("images[{i}]"))).collect();
        let read = Self {
            model: read::model(&request)?,
            stream: read::flag(&request, "stream")?.unwrap_or(true),
            prompt: read::text(&request, "prompt")?.unwrap_or_default(),
            suffix: read::text(&request, "suffix")?.filter(|suffix| !suffix.is_empty()),
            system: read::text(&request, "system")?,
            raw: read::flag(&request, "raw")?.unwrap_or(false),
            context: context(read::array(&request, "context")?)?,
            images: images?,
            options: Options::read(request.get("options"))?,
            keep_alive: KeepAlive::read(request.get("keep_alive"))?,
            show_thinking,
            extra,
        };
        let without = [("raw", read.raw), ("suffix", read.suffix.is_some()), ("context", !read.context.is_empty())];
        match without.iter().find(|(_, given)| *given && !read.images.is_empty()) {
            Some((member, _)) => {
                let why = format!(
                    "images are shown to the model's chat template, which {member} goes past; send them to /api/chat"
                );
                Err(Error::member("images", why))
            }
            None => Ok(read),
        }
    }

    /// Whether the request only loads or unloads the model.
    pub fn is_empty(&self) -> bool {
        self.prompt.is_empty() && self.suffix.is_none() && self.images.is_empty()
    }

    /// The prompt as messages, with the system prompt in front; `system` is the model's own.
    pub fn messages(&self, system: Option<&str>) -> Vec<Value> {
        let system = self.system.as_deref().or(system).filter(|system| !system.is_empty());
        let mut messages: Vec<Value> =
            system.map(|system| json!({"role": "system", "content": system})).into_iter().collect();
        if self.images.is_empty() {
            messages.push(json!({"role": "user", "content": self.prompt}));
        } else {
            let mut parts = vec![json!({"type": "text", "text": self.prompt})];
            parts.extend(self.images.iter().cloned());
            messages.push(json!({"role": "user", "content": parts}));
        }
        messages
    }

    /// The body for `/v1/chat/completions`.
    pub fn chat_body(&self, messages: Vec<Value>, options: &Options) -> Value {
        let mut body = self.common(options);
        body.insert("messages".into(), messages.into());
        chat::streamed(body)
    }

    /// The body for `/v1/completions`: the text goes to the model as it is.
    pub fn completion_body(&self, prompt: &str, options: &Options) -> Value {
        let mut body = self.common(options);
        body.remove("chat_template_kwargs");
        body.insert("prompt".into(), prompt.into());
        chat::streamed(body)
    }

    /// The body for `/infill`.
    pub fn infill_body(&self, suffix: &str, options: &Options) -> Value {
        let mut body = self.common(options);
        body.remove("chat_template_kwargs");
        body.insert("input_prefix".into(), self.prompt.clone().into());
        body.insert("input_suffix".into(), suffix.into());
        if let Some(limit) = body.remove("max_tokens") {
            body.insert("n_predict".into(), limit);
        }
        chat::streamed(body)
    }

    fn common(&self, options: &Options) -> Map<String, Value> {
        let mut body = Map::new();
        body.insert("model".into(), self.model.clone().into());
        body.extend(self.extra.clone());
        body.extend(options.engine.clone());
        body
    }
}

fn context(given: &[Value]) -> Result<Vec<u32>, Error> {
    if given.len() > CONTEXT_MAX {
        return Err(Error::member("context", format!("holds {} tokens, at most {CONTEXT_MAX} are taken", given.len())));
    }
    let token = |value: &Value| value.as_u64().and_then(|id| u32::try_from(id).ok());
    let tokens: Option<Vec<u32>> = given.iter().map(token).collect();
    tokens.ok_or_else(|| Error::member("context", "must hold token ids, as an earlier answer gave them"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(value: Value) -> Result<Generate, Error> {
        Generate::read(value.to_string().as_bytes())
    }

    #[test]
    fn the_requests_system_prompt_wins() {
        let generate = read(json!({"model": "m", "prompt": "hi", "system": "be brief"})).expect("a prompt");
        let messages = generate.messages(Some("be long"));
        assert_eq!((&messages[0]["content"], &messages[1]["content"]), (&json!("be brief"), &json!("hi")));
        let generate = read(json!({"model": "m", "prompt": "hi"})).expect("a prompt");
        assert_eq!(generate.messages(Some("be long"))[0]["content"], "be long");
        assert_eq!(generate.messages(None).len(), 1);
    }

    #[test]
    fn each_way_has_its_body() {
        let options = Options::read(Some(&json!({"num_predict": 5}))).expect("options");
        let generate = read(json!({"model": "m", "prompt": "a", "suffix": "b", "raw": true})).expect("a prompt");
        assert_eq!(generate.completion_body("a", &options)["prompt"], "a");
        let infill = generate.infill_body("b", &options);
        assert_eq!((&infill["input_suffix"], &infill["n_predict"]), (&json!("b"), &json!(5)));
        assert!(read(json!({"model": "m"})).expect("a load").is_empty());
    }

    #[test]
    fn images_go_with_the_template_only() {
        let image = json!(["iVBORw0KGgo="]);
        assert_eq!(read(json!({"model": "m", "prompt": "a", "images": image})).expect("a prompt").images.len(), 1);
        for past in [json!({"raw": true}), json!({"suffix": "b"}), json!({"context": [1]})] {
            let mut request = json!({"model": "m", "prompt": "a", "images": image});
            request.as_object_mut().expect("an object").extend(past.as_object().expect("an object").clone());
            assert_eq!(read(request).expect_err("past it").param(), Some("images"));
        }
    }

    #[test]
    fn go_templates_and_wrong_contexts_are_refused() {
        let error = read(json!({"model": "m", "prompt": "a", "template": "{{ .Prompt }}"})).expect_err("a template");
        assert!(error.to_string().contains("raw"), "{error}");
        assert!(read(json!({"model": "m", "context": [1, -2]})).is_err());
        assert_eq!(read(json!({"model": "m", "context": [1, 2]})).expect("a context").context, [1, 2]);
    }
}
