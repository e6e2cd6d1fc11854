//! Making room for a model under the budget, and starting its engine in it.

use super::{Loading, Pool, Reserved, Slot, State, Wish, lease::User};
use crate::{
    Error,
    local::{library::Entry, plan::Planned},
};
use futures::future::FutureExt;
use ogong_engine::{Supervisor, plan::Plan, supervisor::SupervisorConfig};
use ogong_openai::ollama::KeepAlive;
use std::{path::PathBuf, sync::Arc};
use tokio::time::Instant;
use tracing::{info, warn};

/// What becomes of a model that wants in.
pub(super) enum Room {
    /// There is room once these have stopped.
    Made(Vec<Slot>),
    /// What is loaded is in use.
    InUse,
}

impl Pool {
    pub(super) fn make_room(&self, state: &mut State, entry: &Entry, wish: Wish) -> Result<Room, Arc<Error>> {
        let mut evicted = Vec::new();
        if let Some(slot) = state.slots.get(&entry.path) {
            // It is there with too short a context, or `reserve` would have taken it.
            if slot.users > 0 {
                return Ok(Room::InUse);
            }
            evicted.extend(state.slots.remove(&entry.path));
            return Ok(Room::Made(evicted));
        }
        let needed = self.shared.config.sizing.plan(entry, wish.n_ctx).map_err(Arc::new)?.plan.needed_bytes;
        loop {
            let used: u64 = state.slots.values().map(|slot| slot.plan.needed_bytes).sum();
            if state.slots.is_empty() || used.saturating_add(needed) <= self.shared.config.sizing.budget_bytes {
                return Ok(Room::Made(evicted));
            }
            let idle = state.slots.iter().filter(|(_, slot)| slot.users == 0);
            let Some(oldest) = idle.min_by_key(|(_, slot)| slot.used).map(|(key, _)| key.clone()) else {
                return Ok(if evicted.is_empty() { Room::InUse } else { Room::Made(evicted) });
            };
            evicted.extend(state.slots.remove(&oldest));
        }
    }

    /// Starts the model's engine by its plan; who waits for it shares the loading.
    ///
    /// # Errors
    /// When the file is no model.
    pub(super) fn begin(&self, state: &mut State, entry: &Entry, wish: Wish) -> Result<Reserved, Arc<Error>> {
        let config = &self.shared.config;
        let planned = config.sizing.plan(entry, wish.n_ctx).map_err(Arc::new)?;
        say(entry, &planned.plan);
        let loading = load(entry.id.clone(), self.spawn(entry, &planned));
        let slot = Slot {
            entry: entry.clone(),
            engine: loading.clone(),
            users: 1,
            pinned: wish.pinned,
            n_ctx: config.sizing.n_ctx(wish.n_ctx),
            plan: planned.plan,
            used: Instant::now(),
            keep_alive: wish.keep_alive.unwrap_or(if wish.pinned { KeepAlive::Forever } else { config.keep_alive }),
        };
        state.slots.insert(entry.path.clone(), slot);
        Ok((User { pool: self.clone(), key: entry.path.clone() }, loading, false))
    }

    fn spawn(&self, entry: &Entry, planned: &Planned) -> SupervisorConfig {
        let config = &self.shared.config;
        let mut spawn = SupervisorConfig::new(&entry.path, self.log_file(entry));
        spawn.program.clone_from(&config.program);
        spawn.threads = config.threads;
        spawn.commit = false;
        // Nothing here is committed or scored, so the engine need not find out whether it could.
        spawn.plain = true;
        spawn.own_group = true;
        if planned.embeds {
            spawn.extra_args.push("--embedding".into());
        }
        spawn.extra_args.extend(planned.args());
        spawn
    }

    fn log_file(&self, entry: &Entry) -> PathBuf {
        let name = entry.path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        self.shared.config.log_dir.join(format!("engine-{name}.log"))
    }
}

fn load(id: String, spawn: SupervisorConfig) -> Loading {
    let loading = async move {
        let begun = Instant::now();
        let started = Supervisor::start(spawn).await;
        match &started {
            Ok(_) => info!(model = %id, seconds = begun.elapsed().as_secs_f32(), "model loaded"),
            Err(error) => warn!(model = %id, %error, "model could not be loaded"),
        }
        started.map(Arc::new).map_err(|error| Arc::new(Error::from(error)))
    };
    let loading: Loading = loading.boxed().shared();
    // On its own task: it goes on when the client that asked first has left.
    tokio::spawn(loading.clone());
    loading
}

fn say(entry: &Entry, plan: &Plan) {
    info!(
        model = %entry.id, slots = plan.slots, n_ctx = plan.n_ctx, gpu_layers = plan.n_gpu_layers,
        cpu_moe_layers = plan.n_cpu_moe, expert_cache_bytes = plan.expert_cache_bytes, weights_bytes = plan.weights_bytes,
        kv_bytes = plan.kv_bytes, needed_bytes = plan.needed_bytes, budget_bytes = plan.budget_bytes, "model planned"
    );
    if plan.is_shrunk() {
        warn!(model = %entry.id, wanted = plan.n_ctx_wanted, n_ctx = plan.n_ctx, "context shrunk: not one slot of what was wanted fits the memory");
    }
    if plan.paged {
        warn!(model = %entry.id, "memory cannot hold the model: weights are read from disk as they are needed, which is slow");
    }
}
