//! The embedded validator: ports, start, deployment, log, end.

use std::{
    borrow::Cow,
    io,
    net::{Ipv4Addr, SocketAddrV4, TcpListener},
    path::PathBuf,
    thread,
    time::Duration,
};

use crossbeam_channel::{Receiver, Sender};
use surfpool_core::{
    runloops::start_local_surfnet_runloop,
    surfnet::{
        GeyserEvent,
        locker::SurfnetSvmLocker,
        svm::{SurfnetSvm, SurfnetSvmConfig},
    },
};
use surfpool_types::{BlockProductionMode, RpcConfig, SimnetCommand, SimnetConfig, SimnetEvent, SurfpoolConfig};
use tokio::{runtime, sync::oneshot, time};
use tracing::{debug, info, warn};

use crate::{clock, error::Error, ledger::Ledger, ready::Ready};

/// How long the validator may take to come up; it needs about 0.1 s on an idle machine.
const START_LIMIT: Duration = Duration::from_secs(60);
/// How long the validator may take to close its ports.
const STOP_LIMIT: Duration = Duration::from_secs(5);
/// How often the chain's clock is compared with the wall clock.
const CLOCK_PERIOD: Duration = Duration::from_secs(1);

/// What to start.
#[derive(Debug)]
pub struct LocalnetConfig {
    /// Address to listen on.
    pub host: Ipv4Addr,
    /// JSON-RPC port, 0 for a free one.
    pub rpc_port: u16,
    /// WebSocket port, 0 for a free one.
    pub ws_port: u16,
    /// Milliseconds between blocks.
    pub slot_ms: u64,
    /// The program's ELF.
    pub program: Cow<'static, [u8]>,
    /// Where the chain is kept; nowhere if absent.
    pub ledger: Option<PathBuf>,
}

/// A running development chain.
pub struct Localnet {
    ready: Ready,
    commands: Sender<SimnetCommand>,
    ended: oneshot::Receiver<String>,
    locker: SurfnetSvmLocker,
    ledger: Option<Ledger>,
}

impl Localnet {
    /// Starts the validator and deploys the program. Call it on a multi-threaded tokio runtime.
    ///
    /// # Errors
    /// [`Error::Port`], [`Error::Start`], [`Error::Deploy`] or one of the ledger's.
    pub async fn start(config: LocalnetConfig) -> Result<Self, Error> {
        let rpc_port = reserve(config.host, config.rpc_port)?;
        let ws_port = reserve(config.host, config.ws_port)?;
        let (mut svm, events, geyser) = SurfnetSvm::new(SurfnetSvmConfig {
            slot_time: config.slot_ms,
            instruction_profiling_enabled: false,
            ..Default::default()
        })
        .map_err(|refused| Error::Start(refused.to_string()))?;
        let ledger = config.ledger.as_deref().map(|dir| Ledger::open(dir, &mut svm)).transpose()?;
        let locker = SurfnetSvmLocker::new(svm);
        let (commands, commands_rx) = crossbeam_channel::unbounded();
        let surfpool = surfpool_config(&config, rpc_port, ws_port);
        let ended = spawn_validator(locker.clone(), surfpool, commands.clone(), commands_rx, geyser)?;
        wait_until_up(events).await?;
        let program_id = ogong_chain_interface::PROGRAM_ID;
        locker
            .write_program(program_id.to_bytes().into(), None, 0, &config.program, &None)
            .await
            .map_err(|refused| Error::Deploy(refused.to_string()))?;
        info!(%program_id, bytes = config.program.len(), rpc_port, ws_port, "development chain started");
        let host = config.host;
        Ok(Self {
            ready: Ready {
                rpc_url: format!("http://{host}:{rpc_port}"),
                ws_url: format!("ws://{host}:{ws_port}"),
                program_id: program_id.to_string(),
                config: ogong_chain_interface::address::config(&program_id).to_string(),
                pid: std::process::id(),
            },
            commands,
            ended,
            locker,
            ledger,
        })
    }

    /// Where the chain listens.
    pub fn ready(&self) -> &Ready {
        &self.ready
    }

    /// Runs until the validator ends by itself, which it should not, or its ledger's disk fails; drop the future to stop waiting.
    pub async fn keep(&mut self) -> Error {
        let mut tick = time::interval(CLOCK_PERIOD);
        loop {
            tokio::select! {
                why = &mut self.ended => return Error::Ended(why.unwrap_or_else(|_| "its thread died".into())),
                _ = tick.tick() => {
                    self.correct_clock();
                    if let Err(failed) = self.keep_ledger() {
                        return failed;
                    }
                }
            }
        }
    }

    /// Closes the ports and ends the validator.
    pub async fn stop(self) {
        if self.commands.send(SimnetCommand::Terminate(None)).is_err() {
            return;
        }
        if time::timeout(STOP_LIMIT, self.ended).await.is_err() {
            warn!("the embedded validator did not end in time");
        }
    }

    fn keep_ledger(&mut self) -> Result<(), Error> {
        let Some(ledger) = &mut self.ledger else { return Ok(()) };
        self.locker.with_svm_writer(|svm| ledger.keep(svm, wall_ms()))
    }

    fn correct_clock(&self) {
        let wall_ms = wall_ms();
        let moved = self.locker.with_svm_writer(|svm| {
            let corrected = clock::correction(svm.updated_at, wall_ms)?;
            let lag_ms = corrected - svm.updated_at;
            svm.updated_at = corrected;
            Some(lag_ms)
        });
        if let Some(lag_ms) = moved {
            debug!(lag_ms, "chain clock moved forward");
        }
    }
}

fn wall_ms() -> u64 {
    std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .ok()
        .and_then(|since| u64::try_from(since.as_millis()).ok())
        .unwrap_or_default()
}

fn surfpool_config(config: &LocalnetConfig, rpc_port: u16, ws_port: u16) -> SurfpoolConfig {
    SurfpoolConfig {
        simnets: vec![SimnetConfig {
            offline_mode: true,
            remote_rpc_url: None,
            slot_time: config.slot_ms,
            block_production_mode: BlockProductionMode::Clock,
            instruction_profiling_enabled: false,
            ..Default::default()
        }],
        rpc: RpcConfig { bind_host: config.host.to_string(), bind_port: rpc_port, ws_port, ..Default::default() },
        ..Default::default()
    }
}

/// Finds out early, with the port in the message, whether an address can be listened on; 0 becomes a free port.
fn reserve(host: Ipv4Addr, port: u16) -> Result<u16, Error> {
    let address = SocketAddrV4::new(host, port);
    TcpListener::bind(address)
        .and_then(|listener| listener.local_addr())
        .map(|bound| bound.port())
        .map_err(|source| Error::Port { address: address.to_string(), source })
}

/// The validator's loop blocks its thread and wants a runtime of its own.
fn spawn_validator(
    locker: SurfnetSvmLocker,
    config: SurfpoolConfig,
    commands: Sender<SimnetCommand>,
    commands_rx: Receiver<SimnetCommand>,
    geyser: Receiver<GeyserEvent>,
) -> Result<oneshot::Receiver<String>, Error> {
    let (ended_tx, ended) = oneshot::channel();
    let runtime =
        runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().map_err(Error::Process)?;
    thread::Builder::new()
        .name("chain".into())
        .spawn(move || {
            let outcome = runtime.block_on(start_local_surfnet_runloop(locker, config, commands, commands_rx, geyser));
            let why = outcome.map_or_else(|error| error.to_string(), |()| "it was told to".into());
            runtime.shutdown_background();
            // Nobody listens once the process is on its way out.
            let _ = ended_tx.send(why);
        })
        .map_err(Error::Process)?;
    Ok(ended)
}

/// Drains the validator's events for its whole life: the channel is bounded and a full one would stall blocks.
async fn wait_until_up(events: Receiver<SimnetEvent>) -> Result<(), Error> {
    let (up_tx, up) = oneshot::channel();
    let drain = move || {
        let mut up_tx = Some(up_tx);
        for event in events {
            let outcome = match event {
                SimnetEvent::CoreStarted(_) => Ok(()),
                SimnetEvent::Aborted(why) => Err(why),
                SimnetEvent::InfoLog(_, line) | SimnetEvent::DebugLog(_, line) => {
                    debug!(line, "validator");
                    continue;
                }
                SimnetEvent::WarnLog(_, line) | SimnetEvent::ErrorLog(_, line) => {
                    warn!(line, "validator");
                    continue;
                }
                _ => continue,
            };
            if let Some(up_tx) = up_tx.take() {
                // The receiver is gone only if starting was given up.
                let _ = up_tx.send(outcome);
            }
        }
    };
    thread::Builder::new().name("chain-events".into()).spawn(drain).map_err(Error::Process)?;
    match time::timeout(START_LIMIT, up).await {
        Ok(Ok(outcome)) => outcome.map_err(Error::Start),
        Ok(Err(_)) => Err(Error::Start("it ended before it was up".into())),
        Err(_) => Err(Error::Start(format!("not up after {} s", START_LIMIT.as_secs()))),
    }
}

impl From<io::Error> for Error {
    fn from(source: io::Error) -> Self {
        Error::Process(source)
    }
}
