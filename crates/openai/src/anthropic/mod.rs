//! Anthropic's Messages API as a translation: a [`Messages`] request becomes the engine's chat request, the engine's pieces become a message
//! or its events.

pub mod error;
pub mod events;
pub mod request;

use crate::{answer::ModelList, time::rfc3339};
use serde_json::{Value, json};

pub use error::error_body;
pub use events::{Writer, message};
pub use request::Messages;

/// `/v1/models` as Anthropic's clients read it.
pub fn models(list: &ModelList) -> Value {
    let model = |model: &crate::answer::Model| json!({"type": "model", "id": model.id, "display_name": model.id, "created_at": rfc3339(model.created * 1_000_000)});
    let id = |model: Option<&crate::answer::Model>| model.map(|model| model.id.clone());
    json!({"data": list.data.iter().map(model).collect::<Vec<_>>(), "has_more": false,
        "first_id": id(list.data.first()), "last_id": id(list.data.last())})
}
