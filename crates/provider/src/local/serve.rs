//! `ogong-provider local`: from flags to a server that answers.

use super::{
    access::Access,
    adapters::Adapters,
    cli::{EngineFlags, Local},
    images::{Images, Reach},
    library::{self, Entry, Library},
    plan::Sizing,
    pool::{Pool, PoolConfig, Wish},
    pull::{self, progress::Terminal},
    served,
    server::{self, App},
    shelf::{Named, Shelf, Source, options_of},
};
use crate::{Error, verifier};
use ogong_daemon::{Shutdown, clock::now_ms, files};
use ogong_engine::EngineClient;
use ogong_openai::ollama::KeepAlive;
use serde_json::json;
use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::Arc,
};
use tokio::net::TcpListener;
use tracing::{error, info, warn};

/// Serves until `shutdown`.
///
/// # Errors
/// When the port is taken, a model is not there and cannot be fetched, or a flag's value is wrong.
pub async fn run(home: &Path, flags: Local, shutdown: Shutdown) -> Result<(), Error> {
    if flags.estimate_only {
        return estimate(home, &flags).await;
    }
    // First, so that a taken port is found before anything is downloaded or loaded.
    let (listener, addr) = listen(flags.listen).await?;
    let library = Arc::new(Library::open(home)?);
    let access = Access {
        api_key: flags.api_key_file.as_deref().map(read_key).transpose()?,
        origins: flags.allow_origins.clone(),
        loopback: addr.ip().is_loopback(),
    };
    if !access.loopback && access.api_key.is_none() {
        warn!(%addr, "anybody who reaches this address can use it: --api-key-file asks for a key");
    }
    let images = Images::new(if access.loopback { Reach::Private } else { Reach::Public })?;
    let adapters = Adapters::new(
        flags.image_upstream.as_deref(),
        flags.audio_upstream.as_deref(),
        flags.video_upstream.as_deref(),
    )?;
    let source = source(home, &flags, &library).await?;
    let app = Arc::new(App {
        shelf: Shelf { source, library },
        access,
        begun: now_ms() / 1_000,
        adapters,
        images,
        responses: Default::default(),
    });
    let serving = serve(listener, Arc::clone(&app), shutdown.clone());
    if let Some(path) = &flags.ready_file {
        let ready = json!({"listen": addr.to_string()}).to_string();
        files::write_atomic(path, ready.as_bytes(), files::PUBLIC)?;
    }
    info!(%addr, "local mode serves OpenAI's API at /v1 and Ollama's at /api");
    let loading = shutdown.unless(load_named(&app));
    let (served, _) = tokio::join!(serving, loading);
    if let Some(pool) = app.shelf.pool() {
        pool.stop().await;
    }
    served.map_err(|source| Error::Listen { addr, source })
}

/// Prints the plan for every model that would be served.
async fn estimate(home: &Path, flags: &Local) -> Result<(), Error> {
    let library = Library::open(home)?;
    let mut entries = match &flags.served_models {
        Some(given) => served::parse(given)?,
        None => Vec::new(),
    };
    if entries.is_empty() {
        entries = named(flags, &library).await?;
    }
    if entries.is_empty() {
        entries = library.list()?;
    }
    let sizing = Sizing::new(&flags.engine, library.catalog(), flags.memory_budget);
    for entry in entries {
        let n_ctx = options_of(Some(&entry)).n_ctx;
        println!("{}\n{}\n", entry.id, sizing.plan(&entry, n_ctx)?.plan);
    }
    Ok(())
}

async fn listen(wanted: SocketAddr) -> Result<(TcpListener, SocketAddr), Error> {
    let failed = |source| Error::Listen { addr: wanted, source };
    let listener = TcpListener::bind(wanted).await.map_err(failed)?;
    let addr = listener.local_addr().map_err(failed)?;
    Ok((listener, addr))
}

async fn serve(listener: TcpListener, app: Arc<App>, shutdown: Shutdown) -> std::io::Result<()> {
    let ended = async move { shutdown.cancelled().await };
    axum::serve(listener, server::routes(app)).with_graceful_shutdown(ended).await
}

fn read_key(path: &Path) -> Result<String, Error> {
    let bytes = files::read_small(path)?;
    let key = String::from_utf8_lossy(&bytes).trim().to_owned();
    if key.is_empty() {
        return Err(Error::Flag { flag: "--api-key-file", why: format!("{} is empty", path.display()) });
    }
    Ok(key)
}

async fn source(home: &Path, flags: &Local, library: &Library) -> Result<Source, Error> {
    if let Some(url) = &flags.upstream {
        let mut client = EngineClient::new(url)?;
        if let Some(path) = &flags.upstream_key_file {
            client = client.with_token_file(path).map_err(|source| Error::File { path: path.clone(), source })?;
        }
        return Ok(Source::Upstream(client));
    }
    let (named, open) = match &flags.served_models {
        Some(given) => {
            if !flags.models.is_empty() {
                warn!("--served-models takes precedence over --model");
            }
            (served::parse(given)?.into_iter().map(|entry| Named { entry, pinned: false }).collect(), false)
        }
        None => {
            let entries = named(flags, library).await?;
            (entries.into_iter().map(|entry| Named { entry, pinned: true }).collect(), true)
        }
    };
    let mut config = pool_config(home, library, &flags.engine, flags.memory_budget);
    config.keep_alive = flags.keep_alive;
    Ok(Source::Engines { pool: Pool::new(config), named, open })
}

/// The models of --model, with the projector of --mmproj.
async fn named(flags: &Local, library: &Library) -> Result<Vec<Entry>, Error> {
    let mut entries = Vec::new();
    for model in &flags.models {
        entries.push(entry_of(library, model).await?);
    }
    if let Some(given) = &flags.mmproj {
        let [only] = entries.as_mut_slice() else {
            let why = format!(
                "is for a single vision model, and {} are named; hint: --served-models takes it in each model's args",
                flags.models.len()
            );
            return Err(Error::Flag { flag: "--mmproj", why });
        };
        only.args.extend(projector_args(given)?);
    }
    Ok(entries)
}

/// The engine's arguments for a projector.
///
/// # Errors
/// When there is no such file.
pub fn projector_args(given: &Path) -> Result<[String; 2], Error> {
    let wrong = |source| Error::File { path: given.to_owned(), source };
    let path = std::path::absolute(given).map_err(wrong)?;
    path.metadata().map_err(wrong)?;
    Ok([library::PROJECTOR.to_owned(), path.to_string_lossy().into_owned()])
}

/// How engines of this home are run.
pub fn pool_config(home: &Path, library: &Library, flags: &EngineFlags, budget_bytes: Option<u64>) -> PoolConfig {
    PoolConfig {
        program: flags.text_server.clone(),
        log_dir: verifier::log_dir(home),
        sizing: Sizing::new(flags, library.catalog(), budget_bytes),
        threads: flags.threads,
        keep_alive: KeepAlive::For(super::pool::KEEP_ALIVE),
    }
}

/// The model that a person names: a file, one of the library, or one to fetch now.
///
/// # Errors
/// When there is no such file or it cannot be fetched.
pub async fn entry_of(library: &Library, given: &str) -> Result<Entry, Error> {
    let path = PathBuf::from(given);
    let is_address = given.contains("://") || given.starts_with("hf:");
    if !is_address && (path.is_file() || (given.ends_with(".gguf") && given.contains(std::path::MAIN_SEPARATOR))) {
        let path = std::path::absolute(&path).map_err(|source| Error::File { path: path.clone(), source })?;
        path.metadata().map_err(|source| Error::File { path: path.clone(), source })?;
        let known = library.list()?.into_iter().find(|entry| entry.made.is_none() && entry.path == path);
        return Ok(known.unwrap_or_else(|| Entry::of_path(&path)));
    }
    if let Some(entry) = library.find(given)? {
        return Ok(entry);
    }
    let terminal = Terminal::new(given);
    Ok(pull::pull(library, given, &|event| terminal.show(event)).await?)
}

/// Loads the models that were named. One that cannot be loaded is said; the others are served.
async fn load_named(app: &App) {
    let Source::Engines { named, .. } = &app.shelf.source else { return };
    for model in named.iter().filter(|model| model.pinned) {
        match app.shelf.ready(Some(&model.entry.id), Wish::default()).await {
            Ok(_) => {}
            Err(failed) => {
                let hint = failed.hint().unwrap_or_default();
                error!(model = %model.entry.id, error = %failed, hint, "model is not served");
            }
        }
    }
}
