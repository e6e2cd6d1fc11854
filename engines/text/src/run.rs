//! What the program does with its command line.

use std::net::SocketAddr;
use std::path::Path;

use anyhow::Context as _;
use ogong_daemon::{ResultExt as _, Shutdown, Usage};
use ogong_engine::supervisor::LISTENING;
use tokio::net::TcpListener;

use crate::cancel::Cancel;
use crate::cli::{Cli, ServeFlags, Tool};
use crate::engine::{Engine, default_threads};
use crate::error::Error;
use crate::http::{self, App};
use crate::{model, quantize, raw};

/// Runs a tool, or serves until `shutdown`.
///
/// # Errors
/// When the tool fails, the port is taken or the model cannot be loaded.
pub async fn run(cli: Cli, shutdown: Shutdown) -> anyhow::Result<()> {
    match cli.tool {
        None => serve(cli.serve, shutdown).await,
        Some(Tool::ModelRoot { files }) => {
            println!("{}", model::root_of_files(&files).hint_from(hint)?);
            Ok(())
        }
        Some(Tool::Devices { json }) => {
            print_devices(json);
            Ok(())
        }
        Some(Tool::Quantize { from, to, format, threads }) => {
            let threads = i32::try_from(threads.unwrap_or_else(default_threads)).unwrap_or(1);
            let work = move || quantize::quantize(&from, &to, &format, threads);
            tokio::task::spawn_blocking(work).await?.hint_from(hint)
        }
    }
}

fn print_devices(json: bool) {
    let devices = raw::gpus();
    if json {
        let list: Vec<_> = devices
            .iter()
            .map(|device| {
                serde_json::json!({
                    "name": device.name, "description": device.description,
                    "free_bytes": device.free_bytes, "total_bytes": device.total_bytes,
                })
            })
            .collect();
        println!("{}", serde_json::Value::from(list));
        return;
    }
    if devices.is_empty() {
        eprintln!("no GPU; hint: build with --features cuda, metal, vulkan or hip");
    }
    for device in devices {
        let mib = |bytes: u64| bytes >> 20;
        let (free, total) = (mib(device.free_bytes), mib(device.total_bytes));
        println!("{}  {}  {free} of {total} MiB free", device.name, device.description);
    }
}

fn hint(error: &Error) -> Option<String> {
    error.hint().map(str::to_owned)
}

async fn serve(flags: ServeFlags, shutdown: Shutdown) -> anyhow::Result<()> {
    let config = flags.engine().map_err(|error| Usage(error.to_string()))?;
    let token = flags.auth_token_file.as_deref().map(read_token).transpose()?;
    let listener = listen(&flags.host, flags.port).await?;
    let address = listener.local_addr().context("the listener has no address")?;
    println!("{LISTENING}{address}");
    tracing::info!(%address, "listening");
    if flags.exit_on_stdin_close {
        end_with_stdin(shutdown.clone());
    }
    let app = App::new(token, flags.alias.clone());
    let cancel = Cancel::default();
    let mut loading = tokio::task::spawn_blocking({
        let cancel = cancel.clone();
        move || Engine::load_unless(&config, &cancel)
    });
    let load = async {
        app.serve_with((&mut loading).await?.hint_from(hint)?);
        std::future::pending::<anyhow::Result<()>>().await
    };
    let outcome = tokio::select! {
        outcome = http::serve(listener, app.clone(), shutdown) => outcome,
        failed = load => return failed,
    };
    if !app.is_ready() {
        cancel.cancel();
        // Whatever it says, the process ends; only it must not end beneath llama.cpp.
        let _ = loading.await;
    }
    Ok(outcome?)
}

async fn listen(host: &str, port: u16) -> anyhow::Result<TcpListener> {
    let taken = "is another engine running? choose another with --port, or 0 for a free one";
    let listener =
        TcpListener::bind((host, port)).await.with_context(|| format!("cannot listen on {host}:{port}")).hint(taken)?;
    let address: SocketAddr = listener.local_addr()?;
    if !address.ip().is_loopback() {
        tracing::warn!(%address, "the engine listens beyond this machine");
    }
    Ok(listener)
}

fn read_token(path: &Path) -> anyhow::Result<String> {
    let token =
        std::fs::read_to_string(path).with_context(|| format!("cannot read the token file {}", path.display()))?;
    let token = token.trim().to_owned();
    if token.is_empty() {
        return Err(Usage(format!("token file {} is empty", path.display())).into());
    }
    Ok(token)
}

/// Ends the process once whoever holds the other end of stdin is gone.
fn end_with_stdin(shutdown: Shutdown) {
    std::thread::spawn(move || {
        // Whatever ends the reading, there is nobody left to serve.
        let _ = std::io::copy(&mut std::io::stdin().lock(), &mut std::io::sink());
        tracing::info!("stdin closed, stopping");
        shutdown.trigger();
    });
}
