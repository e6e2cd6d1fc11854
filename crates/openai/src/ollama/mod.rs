//! Ollama's API as a translation: its requests become requests of the engine, the engine's pieces become its lines.
//!
//! Nothing here does I/O or reads a clock. A request is read once into a [`Chat`] or [`Generate`]; the server asks the engine for what
//! [`Chat::engine_body`] says, feeds what comes back to a [`lines::Writer`] and sends the lines it gives.

pub mod chat;
pub mod embed;
pub mod format;
pub mod generate;
pub mod keep_alive;
pub mod lines;
pub mod options;

pub use crate::read::Error;
pub use chat::Chat;
pub use embed::Embed;
pub use generate::Generate;
pub use keep_alive::KeepAlive;
pub use options::Options;
