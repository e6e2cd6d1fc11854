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

use super::{gguf::Gguf, library::Entry, plan};
use crate::Error;
use futures::future::{BoxFuture, FutureExt, Shared};
use ogong_engine::{EngineClient, Supervisor, supervisor::SupervisorConfig};
use ogong_openai::ollama::KeepAlive;
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
use tracing::{info, warn};

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
    /// Context of a slot, tokens.
    pub n_ctx: u32,
    /// Slots of each engine; `None` lets the engine choose.
    pub parallel: Option<u32>,
    /// Threads of each engine; `None` lets the engine choose.
    pub threads: Option<u32>,
    /// Bytes that all engines together may use, as estimated before loading.
    pub budget_bytes: u64,
    /// How long a model that was not named at the start stays.
    pub keep_alive: KeepAlive,
}

type Loading = Shared<BoxFuture<'static, Result<Arc<Supervisor>, Arc<Error>>>>;

struct Slot {
    entry: Entry,
    engine: Loading,
    users: usize,
    pinned: bool,
    n_ctx: u32,
    bytes: u64,
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

/// A model in use; it is not evicted while this lives.
pub struct Lease {
    client: EngineClient,
    /// How long the request waited for it to be loaded.
    pub load: Duration,
    _user: Option<User>,
}

struct User {
    pool: Pool,
    key: PathBuf,
}

/// A loaded model, as `/api/ps` shows it.
#[derive(Debug, Clone)]
pub struct Loaded {
    /// The model.
    pub entry: Entry,
    /// Estimated bytes of weights and cache.
    pub bytes: u64,
    /// Context of a slot.
    pub n_ctx: u32,
    /// Requests it serves now.
    pub users: usize,
    /// When it goes if nobody asks; `None` for never.
    pub expires: Option<SystemTime>,
    /// How often its engine had to be started again.
    pub restarts: u64,
    /// The engine's process, while it runs.
    pub pid: Option<u32>,
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
    async fn at_the_door(&self, entry: &Entry, wish: Wish) -> Result<(User, Loading, bool), Arc<Error>> {
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
                        return Ok(self.begin(&mut state, entry, wish));
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
    fn reserve(&self, state: &mut State, entry: &Entry, wish: Wish) -> Option<(User, Loading, bool)> {
        let slot = state.slots.get_mut(&entry.path)?;
        if wish.n_ctx.is_some_and(|wanted| wanted > slot.n_ctx) {
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

    fn make_room(&self, state: &mut State, entry: &Entry, wish: Wish) -> Result<Room, Arc<Error>> {
        let mut evicted = Vec::new();
        if let Some(slot) = state.slots.get(&entry.path) {
            // It is there with too short a context, or `reserve` would have taken it.
            if slot.users > 0 {
                return Ok(Room::InUse);
            }
            evicted.extend(state.slots.remove(&entry.path));
            return Ok(Room::Made(evicted));
        }
        let needed = self.estimate(entry, wish).map_err(Arc::new)?;
        loop {
            let used: u64 = state.slots.values().map(|slot| slot.bytes).sum();
            if state.slots.is_empty() || used.saturating_add(needed) <= self.shared.config.budget_bytes {
                return Ok(Room::Made(evicted));
            }
            let idle = state.slots.iter().filter(|(_, slot)| slot.users == 0);
            let Some(oldest) = idle.min_by_key(|(_, slot)| slot.used).map(|(key, _)| key.clone()) else {
                return Ok(if evicted.is_empty() { Room::InUse } else { Room::Made(evicted) });
            };
            evicted.extend(state.slots.remove(&oldest));
        }
    }

    fn estimate(&self, entry: &Entry, wish: Wish) -> Result<u64, Error> {
        let n_ctx = self.n_ctx(wish);
        plan::bytes_needed(&entry.path, n_ctx, self.shared.config.parallel)
    }

    fn n_ctx(&self, wish: Wish) -> u32 {
        wish.n_ctx.unwrap_or(0).max(self.shared.config.n_ctx)
    }

    fn begin(&self, state: &mut State, entry: &Entry, wish: Wish) -> (User, Loading, bool) {
        let config = &self.shared.config;
        let n_ctx = self.n_ctx(wish);
        let mut spawn = SupervisorConfig::new(&entry.path, self.log_file(entry));
        spawn.program.clone_from(&config.program);
        spawn.n_ctx = Some(n_ctx);
        let planned = plan::of_model(&entry.path, n_ctx, config.parallel);
        spawn.parallel = config.parallel.or(planned.ok().map(|plan| plan.slots));
        spawn.threads = config.threads;
        spawn.commit = false;
        spawn.own_group = true;
        // Nothing here is committed or scored, so the engine need not find out whether it could.
        spawn.extra_args.push("--plain".into());
        if Gguf::open(&entry.path).is_ok_and(|head| head.is_embedding()) {
            spawn.extra_args.push("--embedding".into());
        }
        spawn.extra_args.extend(entry.args.iter().cloned());
        let id = entry.id.clone();
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
        let slot = Slot {
            entry: entry.clone(),
            engine: loading.clone(),
            users: 1,
            pinned: wish.pinned,
            n_ctx,
            bytes: self.estimate(entry, wish).unwrap_or(0),
            used: Instant::now(),
            keep_alive: wish.keep_alive.unwrap_or(if wish.pinned { KeepAlive::Forever } else { config.keep_alive }),
        };
        state.slots.insert(entry.path.clone(), slot);
        (User { pool: self.clone(), key: entry.path.clone() }, loading, false)
    }

    fn log_file(&self, entry: &Entry) -> PathBuf {
        let name = entry.path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        self.shared.config.log_dir.join(format!("engine-{name}.log"))
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
                    bytes: slot.bytes,
                    n_ctx: slot.n_ctx,
                    users: slot.users,
                    expires,
                    restarts: supervisor.restarts(),
                    pid: supervisor.pid(),
                })
            })
            .collect();
        loaded.sort_by(|a, b| a.entry.id.cmp(&b.entry.id));
        loaded
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

enum Room {
    /// There is room once these have stopped.
    Made(Vec<Slot>),
    /// What is loaded is in use.
    InUse,
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

struct Waiting<'a>(&'a Inner);

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.waiting.fetch_sub(1, Ordering::AcqRel);
    }
}

async fn stop_all(slots: Vec<Slot>) {
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
async fn expire(inner: std::sync::Weak<Inner>) {
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
