//! Start, announce, wait for a reason to end, stop.

use std::io::Read;

use tokio::{
    runtime,
    signal::unix::{SignalKind, signal},
    sync::oneshot,
};
use tracing::info;

use crate::{
    chain::{Localnet, LocalnetConfig},
    cli::Cli,
    error::Error,
    program,
};

/// Runs the chain in this process until a signal, a closed standard input (if asked), or a failure.
///
/// # Errors
/// Any [`Error`]; a requested end is not one.
pub fn run(cli: Cli) -> Result<(), Error> {
    let runtime = runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    let outcome = runtime.block_on(serve(cli));
    runtime.shutdown_background();
    outcome
}

async fn serve(cli: Cli) -> Result<(), Error> {
    let mut interrupted = signal(SignalKind::interrupt())?;
    let mut terminated = signal(SignalKind::terminate())?;
    let program = program::load(cli.program.as_deref())?;
    let config = LocalnetConfig {
        host: cli.host,
        rpc_port: cli.rpc_port,
        ws_port: cli.ws_port,
        slot_ms: cli.slot_ms,
        program,
        ledger: cli.ledger,
    };
    let mut chain = Localnet::start(config).await?;
    let stdin_closed = stdin_closed(cli.exit_on_stdin_close)?;
    chain.ready().announce(cli.ready_file.as_deref())?;
    let why = tokio::select! {
        failure = chain.keep() => return Err(failure),
        _ = interrupted.recv() => "interrupted",
        _ = terminated.recv() => "terminated",
        () = stdin_closed => "standard input closed",
    };
    info!(why, "development chain ended");
    chain.stop().await;
    Ok(())
}

/// Resolves when standard input ends; never, unless asked to watch it.
fn stdin_closed(watch: bool) -> Result<impl Future<Output = ()>, Error> {
    let (closed_tx, closed) = oneshot::channel::<()>();
    let unwatched = if watch {
        // A thread of its own: a blocked read of standard input cannot be cancelled and must not hold the runtime.
        std::thread::Builder::new().name("stdin".into()).spawn(move || {
            let mut ignored = [0u8; 256];
            while matches!(std::io::stdin().lock().read(&mut ignored), Ok(read) if read > 0) {}
            drop(closed_tx);
        })?;
        None
    } else {
        Some(closed_tx)
    };
    Ok(async move {
        let _keeps_waiting = unwatched;
        // Both ends of the channel are ours: an error means the watcher dropped its end.
        let _ = closed.await;
    })
}
