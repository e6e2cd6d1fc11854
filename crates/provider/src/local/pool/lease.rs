//! A model in use. It is not evicted while its lease lives.

use super::Pool;
use ogong_engine::EngineClient;
use std::{path::PathBuf, time::Duration};
use tokio::time::Instant;

/// A model in use; it is not evicted while this lives.
pub struct Lease {
    pub(super) client: EngineClient,
    /// How long the request waited for it to be loaded.
    pub load: Duration,
    pub(super) _user: Option<User>,
}

/// One request's use of a model.
pub(super) struct User {
    pub pool: Pool,
    pub key: PathBuf,
}

impl Lease {
    /// A lease of a server that somebody else runs.
    pub fn of_upstream(client: EngineClient) -> Self {
        Self { client, load: Duration::ZERO, _user: None }
    }

    /// A client of the engine.
    pub fn client(&self) -> &EngineClient {
        &self.client
    }
}

impl Drop for User {
    fn drop(&mut self) {
        let mut state = self.pool.lock();
        if let Some(slot) = state.slots.get_mut(&self.key) {
            slot.users = slot.users.saturating_sub(1);
            slot.used = Instant::now();
        }
        drop(state);
        self.pool.shared.changed.notify_waiters();
    }
}
