//! Unloading what nobody asked for in a while.

use super::{Inner, Pool, Slot};
use ogong_openai::ollama::KeepAlive;
use std::time::Duration;
use tokio::time::Instant;
use tracing::info;

/// Stops engines, all at once, and returns when they are gone.
pub(super) async fn stop_all(slots: Vec<Slot>) {
    let stopping = slots.into_iter().map(|slot| async move {
        let id = slot.entry.id;
        if let Ok(supervisor) = slot.engine.await {
            supervisor.end().await;
            info!(model = %id, "model unloaded");
        }
    });
    futures::future::join_all(stopping).await;
}

/// Unloads what nobody asked for in a while.
pub(super) async fn expire(inner: std::sync::Weak<Inner>) {
    loop {
        let Some(shared) = inner.upgrade() else { return };
        let pool = Pool { shared };
        let (expired, next) = pool.expired(Instant::now());
        stop_all(expired).await;
        let changed = pool.shared.changed.notified();
        tokio::select! {
            () = changed => {}
            () = tokio::time::sleep(next) => {}
        }
    }
}

/// How often expiry is looked at when nothing is due.
const EXPIRY_LOOK: Duration = Duration::from_secs(30);

impl Pool {
    /// What is due, taken out, and when to look again.
    fn expired(&self, now: Instant) -> (Vec<Slot>, Duration) {
        let mut state = self.lock();
        let mut next = EXPIRY_LOOK;
        let mut due = Vec::new();
        for (key, slot) in &state.slots {
            // What is being loaded has a user.
            let (0, KeepAlive::For(after)) = (slot.users, slot.keep_alive) else { continue };
            let left = (slot.used + after).saturating_duration_since(now);
            if left.is_zero() {
                due.push(key.clone());
            } else {
                next = next.min(left);
            }
        }
        (due.iter().filter_map(|key| state.slots.remove(key)).collect(), next)
    }
}
