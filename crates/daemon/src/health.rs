//! Whether a process is ready, and if not, what it waits for, in words.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

/// A process's readiness. Clones share it. Ready means: nothing is waited for.
#[derive(Clone, Debug, Default)]
pub struct Health(Arc<Mutex<BTreeMap<&'static str, String>>>);

/// Readiness at one moment, for `/health`.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Snapshot {
    /// `ok` or `waiting`.
    pub status: &'static str,
    /// What is waited for, one line each.
    pub waiting_for: Vec<String>,
}

impl Health {
    /// Nothing is waited for yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// The part named waits for something; a later call replaces the text.
    pub fn waiting(&self, part: &'static str, text: impl Into<String>) {
        self.lock().insert(part, text.into());
    }

    /// The part named goes on.
    pub fn ready(&self, part: &'static str) {
        self.lock().remove(part);
    }

    /// Whether nothing is waited for.
    pub fn is_ready(&self) -> bool {
        self.lock().is_empty()
    }

    /// What is waited for, in one line; empty when ready.
    pub fn waiting_for(&self) -> String {
        self.snapshot().waiting_for.join("; ")
    }

    /// For `/health`.
    pub fn snapshot(&self) -> Snapshot {
        let waiting_for: Vec<String> = self.lock().iter().map(|(part, text)| format!("{part}: {text}")).collect();
        let status = if waiting_for.is_empty() { "ok" } else { "waiting" };
        Snapshot { status, waiting_for }
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<&'static str, String>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ready_means_nothing_is_waited_for() {
        let health = Health::new();
        assert!(health.is_ready());
        health.waiting("chain", "no answer from 127.0.0.1:8899");
        health.clone().waiting("peers", "1 of 2 connected");
        assert_eq!(health.waiting_for(), "chain: no answer from 127.0.0.1:8899; peers: 1 of 2 connected");
        assert_eq!(health.snapshot().status, "waiting");
        health.ready("chain");
        health.ready("peers");
        assert!(health.is_ready() && health.waiting_for().is_empty());
    }
}
