//! What this server serves: models named at the start, those of the library on demand, or somebody else's server.

use super::{
    library::{Entry, Library},
    pool::{Lease, Pool, Wish},
};
use crate::Error;
use ogong_engine::EngineClient;
use ogong_openai::ollama::{KeepAlive, Options};
use serde_json::Value;
use std::sync::Arc;

/// Where answers come from.
pub enum Source {
    /// Engines of our own.
    Engines {
        /// The engines.
        pool: Pool,
        /// Models named at the start, in order.
        named: Vec<Named>,
        /// Whether the library's models are served too.
        open: bool,
    },
    /// Somebody else's server.
    Upstream(EngineClient),
}

/// A model named at the start.
#[derive(Debug, Clone)]
pub struct Named {
    /// The model.
    pub entry: Entry,
    /// Loaded at the start and kept.
    pub pinned: bool,
}

/// What is served, and the library beside it.
pub struct Shelf {
    /// Where answers come from.
    pub source: Source,
    /// Models on this machine.
    pub library: Arc<Library>,
}

/// A model that a request is for, ready to be asked.
pub struct Ready {
    /// The model; `None` for an upstream's.
    pub entry: Option<Entry>,
    /// It is not evicted while this lives.
    pub lease: Lease,
}

impl Ready {
    /// The system prompt that the model was made with.
    pub fn system(&self) -> Option<&str> {
        self.entry.as_ref()?.made.as_ref()?.system.as_deref()
    }

    /// Messages that the model was made with.
    pub fn messages(&self) -> &[Value] {
        self.entry.as_ref().and_then(|entry| entry.made.as_ref()).map_or(&[], |made| made.messages.as_slice())
    }

    /// The parameters that the model was made with.
    pub fn options(&self) -> Options {
        options_of(self.entry.as_ref())
    }
}

/// The parameters that a model was made with.
pub fn options_of(entry: Option<&Entry>) -> Options {
    let made = entry.and_then(|entry| entry.made.as_ref());
    // They were checked when the model was made.
    made.and_then(|made| Options::read(Some(&Value::Object(made.parameters.clone()))).ok()).unwrap_or_default()
}

impl Shelf {
    /// The model a client means; with one model served, a request may leave the name out.
    ///
    /// # Errors
    /// When it is not served.
    pub fn find(&self, name: Option<&str>) -> Result<Option<Entry>, Error> {
        let Source::Engines { named, open, .. } = &self.source else { return Ok(None) };
        let missing = |name: &str| Error::NoSuchModel { name: name.to_owned() };
        let Some(name) = name.filter(|name| !name.is_empty()) else {
            return match named.as_slice() {
                [only] => Ok(Some(only.entry.clone())),
                _ => Err(missing("")),
            };
        };
        if let Some(found) = named.iter().find(|model| model.entry.is_called(name)) {
            return Ok(Some(found.entry.clone()));
        }
        // A name of the catalogue or a made model may stand for a file that was named by its path.
        let known = self.library.find(name)?;
        let shared = known.as_ref().and_then(|entry| named.iter().find(|model| model.entry.path == entry.path));
        match (known, shared) {
            // It shares the engine, so what the engine was started with is its own too.
            (Some(entry), Some(base)) => Ok(Some(Entry { args: base.entry.args.clone(), ..entry })),
            (Some(entry), None) if *open => Ok(Some(entry)),
            _ => Err(missing(name)),
        }
    }

    /// The model a client means, loaded.
    ///
    /// # Errors
    /// When it is not served or cannot be loaded.
    pub async fn ready(&self, name: Option<&str>, mut wish: Wish) -> Result<Ready, Arc<Error>> {
        let entry = self.find(name).map_err(Arc::new)?;
        match (&self.source, entry) {
            (Source::Engines { pool, named, .. }, Some(entry)) => {
                wish.pinned = named.iter().any(|model| model.pinned && model.entry.path == entry.path);
                wish.n_ctx = wish.n_ctx.or(options_of(Some(&entry)).n_ctx);
                let lease = pool.acquire(&entry, wish).await?;
                Ok(Ready { entry: Some(entry), lease })
            }
            (Source::Upstream(client), _) => Ok(Ready { entry: None, lease: Lease::of_upstream(client.clone()) }),
            (Source::Engines { .. }, None) => {
                Err(Arc::new(Error::NoSuchModel { name: name.unwrap_or_default().to_owned() }))
            }
        }
    }

    /// Unloads the model once nobody uses it.
    ///
    /// # Errors
    /// When it is not served.
    pub fn unload(&self, name: &str) -> Result<(), Error> {
        let entry = self.find(Some(name))?;
        if let (Source::Engines { pool, .. }, Some(entry)) = (&self.source, entry) {
            pool.unload(&entry);
        }
        Ok(())
    }

    /// Every model that is served.
    ///
    /// # Errors
    /// When the library cannot be read.
    pub fn list(&self) -> Result<Vec<Entry>, Error> {
        let Source::Engines { named, open, .. } = &self.source else { return Ok(Vec::new()) };
        let mut entries: Vec<Entry> = named.iter().map(|model| model.entry.clone()).collect();
        for entry in self.library.list()? {
            let shared = entries.iter().any(|known| known.path == entry.path && known.made == entry.made);
            let base_served = entry.made.is_some() && named.iter().any(|model| model.entry.path == entry.path);
            if !shared && (*open || base_served) {
                entries.push(entry);
            }
        }
        Ok(entries)
    }

    /// The library, where clients may change it.
    ///
    /// # Errors
    /// When a fixed set is served.
    pub fn open_library(&self) -> Result<&Arc<Library>, Error> {
        match &self.source {
            Source::Engines { open: true, .. } => Ok(&self.library),
            Source::Engines { .. } => Err(Error::NotServed {
                what: "this server serves the models it was started with (--served-models); its library cannot be changed here".into(),
            }),
            Source::Upstream(_) => {
                Err(Error::NotServed { what: "this server passes requests on (--upstream) and keeps no models".into() })
            }
        }
    }

    /// The engines, if they are ours.
    pub fn pool(&self) -> Option<&Pool> {
        match &self.source {
            Source::Engines { pool, .. } => Some(pool),
            Source::Upstream(_) => None,
        }
    }
}

/// What `keep_alive: 0` with nothing to answer asks for.
pub fn is_unload(keep_alive: Option<KeepAlive>) -> bool {
    matches!(keep_alive, Some(KeepAlive::For(after)) if after.is_zero())
}
