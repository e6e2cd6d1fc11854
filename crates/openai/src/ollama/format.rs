//! `format`, `think` and tool definitions: what constrains an answer, as the engine reads it.

use crate::read::Error;
use serde_json::{Map, Value, json};

/// Writes `format` (`"json"` or a schema) as `response_format`.
///
/// # Errors
/// When it is neither.
pub fn response_format(request: &Map<String, Value>, body: &mut Map<String, Value>) -> Result<(), Error> {
    let format = match request.get("format") {
        None | Some(Value::Null) => return Ok(()),
        Some(Value::String(text)) if text.is_empty() => return Ok(()),
        Some(Value::String(text)) if text == "json" => json!({"type": "json_object"}),
        Some(schema @ Value::Object(_)) => {
            json!({"type": "json_schema", "json_schema": {"name": "response", "strict": true, "schema": schema}})
        }
        Some(_) => return Err(Error::member("format", "must be \"json\" or a JSON schema")),
    };
    body.insert("response_format".into(), format);
    Ok(())
}

/// Writes `think` as the template's argument; says whether reasoning is wanted in the answer.
///
/// # Errors
/// When it is neither a flag nor a level.
pub fn think(request: &Map<String, Value>, body: &mut Map<String, Value>) -> Result<bool, Error> {
    let (arguments, shown) = match request.get("think") {
        None | Some(Value::Null) => return Ok(true),
        Some(Value::Bool(think)) => (json!({"enable_thinking": think}), *think),
        Some(Value::String(level)) if ["low", "medium", "high"].contains(&level.as_str()) => {
            (json!({"enable_thinking": true, "reasoning_effort": level}), true)
        }
        Some(_) => return Err(Error::member("think", "must be true, false, \"low\", \"medium\" or \"high\"")),
    };
    body.insert("chat_template_kwargs".into(), arguments);
    Ok(shown)
}

/// Writes `logprobs` and `top_logprobs`, which the engine names alike.
pub fn logprobs(request: &Map<String, Value>, body: &mut Map<String, Value>) {
    for member in ["logprobs", "top_logprobs"] {
        if let Some(value) = request.get(member).filter(|value| !value.is_null()) {
            body.insert(member.into(), value.clone());
        }
    }
}

/// One token's log probability as Ollama writes it: without the engine's id.
pub fn logprob(entry: &Value) -> Value {
    let bare = |entry: &Value| json!({"token": entry.get("token"), "logprob": entry.get("logprob"), "bytes": entry.get("bytes")});
    let mut written = bare(entry);
    if let (Some(top), Some(object)) =
        (entry.get("top_logprobs").and_then(Value::as_array).filter(|top| !top.is_empty()), written.as_object_mut())
    {
        object.insert("top_logprobs".into(), top.iter().map(bare).collect());
    }
    written
}

/// A data URL of an image that Ollama sends as bare base64.
///
/// # Errors
/// When the bytes are no image of a known kind.
pub fn image_part(base64: &Value, at: &str) -> Result<Value, Error> {
    let Some(base64) = base64.as_str() else { return Err(Error::member(at, "must be base64 text")) };
    // The first bytes of each kind, in base64.
    let kind = [("iVBORw0KGgo", "png"), ("/9j/", "jpeg"), ("R0lGOD", "gif"), ("UklGR", "webp"), ("Qk", "bmp")]
        .iter()
        .find(|(magic, _)| base64.starts_with(magic))
        .map(|(_, kind)| kind)
        .ok_or_else(|| Error::member(at, "is not base64 of a PNG, JPEG, GIF, WebP or BMP image"))?;
    Ok(json!({"type": "image_url", "image_url": {"url": format!("data:image/{kind};base64,{base64}")}}))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn object(value: Value) -> Map<String, Value> {
        let Value::Object(object) = value else { panic!("an object") };
        object
    }

    #[test]
    fn formats_become_response_formats() {
        let mut body = Map::new();
        response_format(&object(json!({"format": "json"})), &mut body).expect("json");
        assert_eq!(body["response_format"]["type"], "json_object");
        response_format(&object(json!({"format": {"type": "object"}})), &mut body).expect("a schema");
        assert_eq!(body["response_format"]["json_schema"]["schema"]["type"], "object");
        assert!(response_format(&object(json!({"format": "xml"})), &mut body).is_err());
        let mut none = Map::new();
        response_format(&object(json!({"format": ""})), &mut none).expect("nothing");
        assert!(none.is_empty());
    }

    #[test]
    fn thinking_is_a_template_argument() {
        let mut body = Map::new();
        assert_eq!(think(&object(json!({"think": false})), &mut body), Ok(false));
        assert_eq!(body["chat_template_kwargs"]["enable_thinking"], false);
        assert_eq!(think(&object(json!({"think": "high"})), &mut body), Ok(true));
        assert_eq!(body["chat_template_kwargs"]["reasoning_effort"], "high");
        assert!(think(&object(json!({"think": "much"})), &mut body).is_err());
    }

    #[test]
    fn images_are_told_apart_by_their_first_bytes() {
        let part = image_part(&json!("iVBORw0KGgoAAAA"), "images[0]").expect("a PNG");
        assert_eq!(part["image_url"]["url"], "data:image/png;base64,iVBORw0KGgoAAAA");
        assert!(image_part(&json!("AAAA"), "images[0]").is_err());
    }
}
