//! OpenAI's Responses API as a translation: input items become the engine's messages, the engine's pieces become output items and their events.
//!
//! Keeping responses for `previous_response_id` is the server's matter; [`Request::engine_body`] takes the earlier conversation as messages.

pub mod events;
pub mod request;

pub use events::Writer;
pub use request::Request;
