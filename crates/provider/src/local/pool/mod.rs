//! Engines loaded on demand under a memory budget.
//!
//! ```text
//!   acquire(model) ── at the door, one at a time ──▶ loaded: lease at once
//!                                                 └▶ not loaded: evict the least recently used that nobody uses,
//!                                                    wait while all are in use, then load beside the door
//! ```
//!
//! The door is first come, first served: who waits for memory is not overtaken by requests that keep another model busy. A model in use is
//! never evicted. Loading goes on when the client who asked for it leaves. A model whose engine crashed is started again by its supervisor.

mod expiry;
mod lease;
mod room;

use super::{library::Entry, plan::Sizing};
use crate::Error;
use expiry::{expire, stop_all};
use futures::future::{BoxFuture, Shared};
pub use lease::Lease;
use lease::User;
use ogong_engine::{EngineClient, Supervisor, plan::Plan};
use ogong_openai::ollama::KeepAlive;
use room::Room;
use std::{
    collections::HashMap,
    path::PathBuf,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, SystemTime},
};
use tokio::{sync::Notify, time::Instant};

/// Requests that may wait at the door; Ollama's number.
const WAITING_MAX: usize = 512;
/// How long a model that nobody pinned stays after its last use; Ollama's number.
pub const KEEP_ALIVE: Duration = Duration::from_secs(300);
/// How long a request waits for a crashed engine to come back.
const RECOVERY_MAX: Duration = Duration::from_secs(60);
const RECOVERY_LOOK: Duration = Duration::from_millis(50);

/// How engines are run.
#[derive(Debug, Clone)]
pub struct PoolConfig {
    /// The engine program; `None` looks beside this one.
    pub program: Option<PathBuf>,
    /// Where engines log.
    pub log_dir: PathBuf,
    /// What plans are made with.
    pub sizing: Sizing,
    /// Threads of each engine; `None` lets the engine choose.
    pub threads: Option<u32>,
    /// How long a model that was not named at the start stays.
    pub keep_alive: KeepAlive,
}

/// A use of a model, its loading, and whether that was over before.
type Reserved = (User, Loading, bool);
type Loading = Shared<BoxFuture<'static, Result<Arc<Supervisor>, Arc<Error>>>>;

struct Slot {
    entry: Entry,
    engine: Loading,
    users: usize,
    pinned: bool,
    /// Tokens that its slots were wanted to have; the plan has what they got.
    n_ctx: u32,
    plan: Plan,
    used: Instant,
    keep_alive: KeepAlive,
}

#[derive(Default)]
struct State {
    slots: HashMap<PathBuf, Slot>,
}

/// All engines of this process. Clones share it.
#[derive(Clone)]
pub struct Pool {
    shared: Arc<Inner>,
}

struct Inner {
    config: PoolConfig,
    state: Mutex<State>,
    door: tokio::sync::Mutex<()>,
    waiting: AtomicUsize,
    changed: Notify,
}

/// What a client wants of a model.
#[derive(Debug, Clone, Copy, Default)]
pub struct Wish {
    /// Context it needs at least; `None` takes what is loaded.
    pub n_ctx: Option<u32>,
    /// How long it shall stay afterwards.
    pub keep_alive: Option<KeepAlive>,
    /// Stays until something needs its memory.
    pub pinned: bool,
}

/// A loaded model, as `/api/ps` shows it.
#[derive(Debug, Clone)]
pub struct Loaded {
    /// The model.
    pub entry: Entry,
    /// How it is run.
    pub plan: Plan,
    /// Requests it serves now.
    pub users: usize,
    /// When it goes if nobody asks; `None` for never.
    pub expires: Option<SystemTime>,
    /// How often its engine had to be started again.
    pub restarts: u64,
    /// The engine's process, while it runs.
    pub pid: Option<u32>,
    /// A client of the engine.
    pub client: EngineClient,
}

impl Pool {
    /// An empty pool; must run inside a tokio runtime, where it also unloads what nobody asked for in a while.
    pub fn new(config: PoolConfig) -> Self {
        let shared = Inner {
            config,
            state: Mutex::default(),
            door: tokio::sync::Mutex::default(),
            waiting: AtomicUsize::new(0),
            changed: Notify::new(),
        };
        let pool = Self { shared: Arc::new(shared) };
        tokio::spawn(expire(Arc::downgrade(&pool.shared)));
        pool
    }

    /// Its configuration.
    pub fn config(&self) -> &PoolConfig {
        &self.shared.config
    }

    /// The model's engine, loaded if it is not; returns once it serves.
    ///
    /// # Errors
    /// When too many wait, the file is no model, the engine cannot load it, or does not come back from a crash.
    pub async fn acquire(&self, entry: &Entry, wish: Wish) -> Result<Lease, Arc<Error>> {
        let begun = Instant::now();
        let (user, loading, already) = self.at_the_door(entry, wish).await?;
        let supervisor = match loading.await {
            Ok(supervisor) => supervisor,
            Err(error) => {
                drop(user);
                self.forget(&entry.path);
                return Err(error);
            }
        };
        while !supervisor.is_ready() {
            if begun.elapsed() > RECOVERY_MAX {
                return Err(Arc::new(Error::EngineDown { model: entry.id.clone() }));
            }
            tokio::time::sleep(RECOVERY_LOOK).await;
        }
        let load = if already { Duration::ZERO } else { begun.elapsed() };
        Ok(Lease { client: supervisor.client().clone(), load, _user: Some(user) })
    }

    /// Reserves the model, with room made for it. Holds the door while there is none.
    async fn at_the_door(&self, entry: &Entry, wish: Wish) -> Result<Reserved, Arc<Error>> {
        let inner = &self.shared;
        if inner.waiting.fetch_add(1, Ordering::AcqRel) >= WAITING_MAX {
            inner.waiting.fetch_sub(1, Ordering::AcqRel);
            return Err(Arc::new(Error::Busy { waiting: WAITING_MAX }));
        }
        let _waiting = Waiting(inner);
        let _door = inner.door.lock().await;
        loop {
            let changed = inner.changed.notified();
            tokio::pin!(changed);
            // Before the state is looked at, so that no change is missed.
            changed.as_mut().enable();
            let evicted = {
                let mut state = self.lock();
                if let Some(reserved) = self.reserve(&mut state, entry, wish) {
                    return Ok(reserved);
                }
                match self.make_room(&mut state, entry, wish)? {
                    Room::Made(evicted) if evicted.is_empty() => {
                        return self.begin(&mut state, entry, wish);
                    }
                    Room::Made(evicted) => evicted,
                    Room::InUse => Vec::new(),
                }
            };
            if evicted.is_empty() {
                changed.await;
            } else {
                stop_all(evicted).await;
            }
        }
    }

    /// The model as it is loaded, unless it must be loaded anew for a longer context.
    fn reserve(&self, state: &mut State, entry: &Entry, wish: Wish) -> Option<Reserved> {
        let slot = state.slots.get_mut(&entry.path)?;
        // More than it was trained for it would not get by being loaded anew either.
        if wish.n_ctx.is_some_and(|wanted| wanted.min(slot.plan.n_ctx_train) > slot.n_ctx) {
            return None;
        }
        slot.users += 1;
        slot.used = Instant::now();
        slot.pinned |= wish.pinned;
        if let Some(keep_alive) = wish.keep_alive {
            slot.keep_alive = keep_alive;
        }
        let already = slot.engine.peek().is_some();
        Some((User { pool: self.clone(), key: entry.path.clone() }, slot.engine.clone(), already))
    }

    /// Takes a model that failed to load out, so that the next request tries again.
    fn forget(&self, key: &PathBuf) {
        let mut state = self.lock();
        if state.slots.get(key).is_some_and(|slot| matches!(slot.engine.peek(), Some(Err(_)))) {
            state.slots.remove(key);
        }
        drop(state);
        self.shared.changed.notify_waiters();
    }

    /// Everything that is loaded or being loaded.
    pub fn loaded(&self) -> Vec<Loaded> {
        let now = Instant::now();
        let mut loaded: Vec<Loaded> = self
            .lock()
            .slots
            .values()
            .filter_map(|slot| {
                let supervisor = slot.engine.peek()?.as_ref().ok()?;
                let expires = match slot.keep_alive {
                    KeepAlive::For(after) => {
                        let left = (slot.used + after).saturating_duration_since(now);
                        SystemTime::now().checked_add(if slot.users > 0 { after } else { left })
                    }
                    KeepAlive::Forever => None,
                };
                Some(Loaded {
                    entry: slot.entry.clone(),
                    plan: slot.plan.clone(),
                    users: slot.users,
                    expires,
                    restarts: supervisor.restarts(),
                    pid: supervisor.pid(),
                    client: supervisor.client().clone(),
                })
            })
            .collect();
        loaded.sort_by(|a, b| a.entry.id.cmp(&b.entry.id));
        loaded
    }

    /// How a model is run, or would be if it were asked for now.
    ///
    /// # Errors
    /// When its file is no whole model.
    pub fn plan(&self, entry: &Entry) -> Result<Plan, Error> {
        if let Some(slot) = self.lock().slots.get(&entry.path) {
            return Ok(slot.plan.clone());
        }
        let n_ctx = super::shelf::options_of(Some(entry)).n_ctx;
        Ok(self.shared.config.sizing.plan(entry, n_ctx)?.plan)
    }

    /// Requests that wait for a model's memory or for its loading to begin.
    pub fn waiting(&self) -> usize {
        self.shared.waiting.load(Ordering::Relaxed)
    }

    /// Unloads a model once nobody uses it; one that is not loaded is unloaded already.
    pub fn unload(&self, entry: &Entry) {
        if let Some(slot) = self.lock().slots.get_mut(&entry.path) {
            slot.keep_alive = KeepAlive::For(Duration::ZERO);
        }
        self.shared.changed.notify_waiters();
    }

    /// Stops every engine.
    pub async fn stop(&self) {
        let slots: Vec<Slot> = self.lock().slots.drain().map(|(_, slot)| slot).collect();
        stop_all(slots).await;
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.shared.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

struct Waiting<'a>(&'a Inner);

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.waiting.fetch_sub(1, Ordering::AcqRel);
    }
}
