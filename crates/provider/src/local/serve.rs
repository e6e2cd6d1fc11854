//! `ogong-provider local`: from flags to a server that answers.

use super::{
    access::Access,
    adapters::Adapters,
    cli::{EngineFlags, Local},
    library::{Entry, Library},
    plan,
    pool::{Pool, PoolConfig, Wish},
    pull::{self, progress::Terminal},
    served,
    server::{self, App},
    shelf::{Named, Shelf, Source},
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
        for model in &flags.models {
            entries.push(entry_of(&library, model).await?);
        }
    }
    if entries.is_empty() {
        entries = library.list()?;
    }
    for entry in entries {
        println!("{}\n{}\n", entry.id, plan::of_model(&entry.path, flags.engine.n_ctx, flags.engine.parallel)?);
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
            let mut named = Vec::new();
            for model in &flags.models {
                named.push(Named { entry: entry_of(library, model).await?, pinned: true });
            }
            (named, true)
        }
    };
    let mut config = pool_config(home, &flags.engine);
    config.budget_bytes = flags.memory_budget.unwrap_or_else(plan::default_budget);
    config.keep_alive = flags.keep_alive;
    Ok(Source::Engines { pool: Pool::new(config), named, open })
}

/// How engines of this home are run.
pub fn pool_config(home: &Path, flags: &EngineFlags) -> PoolConfig {
    PoolConfig {
        program: flags.text_server.clone(),
        log_dir: verifier::log_dir(home),
        n_ctx: flags.n_ctx,
        parallel: flags.parallel,
        threads: flags.threads,
        budget_bytes: plan::default_budget(),
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
