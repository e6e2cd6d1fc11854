//! A connection that comes back: dials at once, again after every loss, with a growing, bounded pause between failures.

use super::{Endpoint, Peer, Pin, ResponseStream, peer::expect_reply, request_timeout, serve::Serve};
use crate::{
    Error,
    wire::{Ask, Request, Response},
};
use std::{sync::Arc, time::Duration};
use tokio::{
    sync::watch,
    time::{Instant, sleep, timeout_at},
};
use tracing::{debug, warn};

/// Pause after the first failure; doubled after each further one.
const PAUSE_MIN: Duration = Duration::from_millis(100);

/// Longest pause: a peer that restarts is found again within this time.
const PAUSE_MAX: Duration = Duration::from_secs(5);

/// Sends of one request, the first among them. Only a lost connection is tried again.
const SENDS_MAX: u32 = 8;

const _: () = assert!(PAUSE_MIN.as_millis() < PAUSE_MAX.as_millis());

/// Where a dialer stands.
#[derive(Clone, Debug)]
pub enum DialState {
    /// No connection now.
    Connecting {
        /// Failures since the last connection.
        failures: u32,
        /// Why the last attempt failed; none before the first has ended.
        last_error: Option<Arc<Error>>,
    },
    /// Connected.
    Connected(Peer),
    /// The endpoint was closed; no more attempts.
    Stopped,
}

/// Keeps one connection up. Clones share it; it ends when the last one is dropped.
#[derive(Clone, Debug)]
pub struct Dialer {
    target: Arc<str>,
    pin: Arc<Pin>,
    wait: Duration,
    state: watch::Receiver<DialState>,
    _alive: Arc<watch::Sender<()>>,
}

impl Dialer {
    pub(super) fn start(endpoint: Endpoint, target: String, pin: Pin, handler: Option<Arc<dyn Serve>>) -> Self {
        let (reports, state) = watch::channel(DialState::Connecting { failures: 0, last_error: None });
        let (alive, ended) = watch::channel(());
        let dialer = Self {
            target: target.into(),
            pin: Arc::new(pin),
            wait: endpoint.limits().connect,
            state,
            _alive: Arc::new(alive),
        };
        let (target, pin) = (Arc::clone(&dialer.target), Arc::clone(&dialer.pin));
        tokio::spawn(keep_up(endpoint, target, pin, handler, reports, ended));
        dialer
    }

    /// The `host:port` it dials.
    pub fn target(&self) -> &str {
        &self.target
    }

    /// Which certificates it allows.
    pub fn pin(&self) -> &Pin {
        &self.pin
    }

    /// How it stands, to look at or to wait on.
    pub fn state(&self) -> watch::Receiver<DialState> {
        self.state.clone()
    }

    /// The live connection, if there is one now.
    pub fn live(&self) -> Option<Peer> {
        match &*self.state.borrow() {
            DialState::Connected(peer) if !peer.is_closed() => Some(peer.clone()),
            _ => None,
        }
    }

    /// The connection; waits for it up to the endpoint's connect limit.
    ///
    /// # Errors
    /// Why the last attempt failed. A wrong pin is reported without waiting.
    pub async fn peer(&self) -> Result<Peer, Error> {
        self.peer_until(Instant::now() + self.wait).await
    }

    async fn peer_until(&self, deadline: Instant) -> Result<Peer, Error> {
        let mut state = self.state.clone();
        loop {
            match &*state.borrow_and_update() {
                DialState::Connected(peer) if !peer.is_closed() => return Ok(peer.clone()),
                DialState::Stopped => return Err(Error::Closed),
                DialState::Connecting { last_error: Some(error), .. } => {
                    if let Error::WrongPin { addr, expected, got } = error.as_ref() {
                        let (addr, expected, got) = (*addr, expected.clone(), *got);
                        return Err(Error::WrongPin { addr, expected, got });
                    }
                }
                _ => {}
            }
            match timeout_at(deadline, state.changed()).await {
                Ok(Ok(())) => {}
                Ok(Err(_)) => return Err(Error::Closed),
                Err(_) => return Err(self.unreachable(&state.borrow())),
            }
        }
    }

    fn unreachable(&self, state: &DialState) -> Error {
        let why = match state {
            DialState::Connecting { last_error: Some(error), .. } => error.to_string(),
            _ => "no connection yet".into(),
        };
        Error::Connect { target: self.target.to_string(), why }
    }

    /// Asks; a connection lost on the way is awaited and the request sent again within its time limit.
    ///
    /// Requests of this protocol may be repeated: each names what it is about, and receivers keep the first.
    ///
    /// # Errors
    /// As [`Peer::ask`] and [`Dialer::peer`].
    pub async fn ask<A: Ask>(&self, message: A) -> Result<A::Reply, Error> {
        let request: Request = message.into();
        let within = request_timeout(request.kind());
        let asked = request.kind();
        expect_reply(asked, self.request_within(&request, within).await?)
    }

    /// As [`Dialer::ask`] with a time limit of the caller's.
    ///
    /// # Errors
    /// As [`Dialer::ask`].
    pub async fn ask_within<A: Ask>(&self, message: A, within: Duration) -> Result<A::Reply, Error> {
        let request: Request = message.into();
        let asked = request.kind();
        expect_reply(asked, self.request_within(&request, within).await?)
    }

    /// As [`Dialer::ask`], for whatever message answers.
    ///
    /// # Errors
    /// As [`Dialer::ask`].
    pub async fn request(&self, request: Request) -> Result<Response, Error> {
        let within = request_timeout(request.kind());
        self.request_within(&request, within).await
    }

    /// As [`Dialer::request`] with a time limit of the caller's.
    ///
    /// # Errors
    /// As [`Dialer::ask`].
    pub async fn request_within(&self, request: &Request, within: Duration) -> Result<Response, Error> {
        let deadline = Instant::now() + within;
        let mut sends = 0;
        loop {
            let peer = self.peer_until(deadline.min(Instant::now() + self.wait)).await?;
            sends += 1;
            let left = deadline.saturating_duration_since(Instant::now());
            match peer.request_within(request, left).await {
                Err(Error::Lost { addr, why }) if sends < SENDS_MAX => {
                    debug!(kind = %request.kind(), %addr, why, "connection lost, request is sent again");
                    sleep(PAUSE_MIN).await;
                }
                outcome => return outcome,
            }
        }
    }

    /// Sends a request that is answered by several messages. Not repeated.
    ///
    /// # Errors
    /// As [`Dialer::peer`] and [`Peer::request_stream`].
    pub async fn request_stream(&self, request: Request) -> Result<ResponseStream, Error> {
        self.peer().await?.request_stream(request).await
    }
}

/// Dials until nobody holds the dialer any more or the endpoint is closed.
async fn keep_up(
    endpoint: Endpoint,
    target: Arc<str>,
    pin: Arc<Pin>,
    handler: Option<Arc<dyn Serve>>,
    reports: watch::Sender<DialState>,
    mut ended: watch::Receiver<()>,
) {
    let mut failures = 0u32;
    loop {
        let dialled = tokio::select! {
            dialled = endpoint.dial_host(&target, &pin, handler.clone()) => dialled,
            _ = ended.changed() => return,
        };
        let last_error = match dialled {
            Ok(peer) => {
                failures = 0;
                reports.send_replace(DialState::Connected(peer.clone()));
                tokio::select! {
                    why = peer.closed() => {
                        let addr = peer.addr();
                        Some(Arc::new(Error::Lost { addr, why }))
                    }
                    _ = ended.changed() => return peer.close(),
                }
            }
            Err(Error::Closed) => break,
            Err(error) => {
                // Said once a series: a peer that is down for hours shall not fill the log.
                if failures == 0 {
                    warn!(%target, %error, "peer not reachable, dialling on");
                }
                failures = failures.saturating_add(1);
                Some(Arc::new(error))
            }
        };
        reports.send_replace(DialState::Connecting { failures, last_error });
        tokio::select! {
            () = sleep(pause(failures)) => {}
            _ = ended.changed() => return,
        }
    }
    reports.send_replace(DialState::Stopped);
}

/// Doubles up to the bound, then takes a random part off, so that peers of a restarted node do not come all at once.
fn pause(failures: u32) -> Duration {
    let doubled = PAUSE_MIN.saturating_mul(1 << failures.min(10)).min(PAUSE_MAX);
    let random = getrandom::u32().unwrap_or(u32::MAX);
    doubled.mul_f64(0.5 + f64::from(random) / f64::from(u32::MAX) / 2.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_and_stay_bounded() {
        for failures in 0..40 {
            let pause = pause(failures);
            assert!(pause >= PAUSE_MIN / 2 && pause <= PAUSE_MAX, "{failures}: {pause:?}");
        }
        assert!(pause(10) >= PAUSE_MAX / 2);
    }
}
