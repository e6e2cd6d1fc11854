//! The answering side: [`Handler`], and what happens to one request stream.

use super::{Limits, Peer, frame};
use crate::{
    error::FrameError,
    wire::{ErrorCode, ErrorReply, Kind, Request, Response},
};
use ogong_base::hash::ConsensusId;
use std::{future::Future, net::SocketAddr, pin::Pin, sync::Arc, time::Instant};
use tokio::{sync::mpsc, time::timeout};
use tracing::{debug, error, warn};

/// Responses of one stream that wait to be written; a slow reader slows the handler.
const SINK_DEPTH: usize = 8;

/// Who asks.
#[derive(Clone, Debug)]
pub struct PeerInfo {
    /// Proven in the handshake.
    pub consensus_id: ConsensusId,
    /// Where the connection comes from now.
    pub addr: SocketAddr,
    /// The connection itself, to ask back.
    pub peer: Peer,
}

/// Answers requests. Implement it with plain `async fn`s.
pub trait Handler: Send + Sync + 'static {
    /// Answers one request with one response.
    fn handle(&self, from: PeerInfo, request: Request) -> impl Future<Output = Result<Response, ErrorReply>> + Send;

    /// Answers one request with any number of responses. Only a service that relays overrides it.
    fn stream(
        &self,
        from: PeerInfo,
        request: Request,
        sink: &mut ResponseSink,
    ) -> impl Future<Output = Result<(), ErrorReply>> + Send {
        async move {
            let response = self.handle(from, request).await?;
            // A peer that has gone needs no answer.
            let _ = sink.send(response).await;
            Ok(())
        }
    }

    /// A connection stands, whichever side opened it. Must not block.
    fn connected(&self, _peer: Peer) {}

    /// A connection has ended. Must not block.
    fn disconnected(&self, _consensus_id: ConsensusId) {}
}

impl<H: Handler> Handler for Arc<H> {
    async fn handle(&self, from: PeerInfo, request: Request) -> Result<Response, ErrorReply> {
        H::handle(self, from, request).await
    }

    async fn stream(&self, from: PeerInfo, request: Request, sink: &mut ResponseSink) -> Result<(), ErrorReply> {
        H::stream(self, from, request, sink).await
    }

    fn connected(&self, peer: Peer) {
        H::connected(self, peer);
    }

    fn disconnected(&self, consensus_id: ConsensusId) {
        H::disconnected(self, consensus_id);
    }
}

/// Where a streaming handler puts its responses.
#[derive(Debug)]
pub struct ResponseSink(mpsc::Sender<Response>);

/// The asking side has gone; stop working for it.
#[derive(Debug, thiserror::Error)]
#[error("the asking side has gone")]
pub struct Gone;

impl ResponseSink {
    /// Sends one response; waits while the peer is slow to read.
    ///
    /// # Errors
    /// [`Gone`] when nobody reads any more.
    pub async fn send(&mut self, response: impl Into<Response>) -> Result<(), Gone> {
        self.0.send(response.into()).await.map_err(|_| Gone)
    }
}

type Boxed<'a> = Pin<Box<dyn Future<Output = Result<(), ErrorReply>> + Send + 'a>>;

/// [`Handler`] as a trait object.
pub(super) trait Serve: Send + Sync {
    fn stream<'a>(&'a self, from: PeerInfo, request: Request, sink: &'a mut ResponseSink) -> Boxed<'a>;
    fn connected(&self, peer: Peer);
    fn disconnected(&self, consensus_id: ConsensusId);
}

impl<H: Handler> Serve for H {
    fn stream<'a>(&'a self, from: PeerInfo, request: Request, sink: &'a mut ResponseSink) -> Boxed<'a> {
        Box::pin(Handler::stream(self, from, request, sink))
    }

    fn connected(&self, peer: Peer) {
        Handler::connected(self, peer);
    }

    fn disconnected(&self, consensus_id: ConsensusId) {
        Handler::disconnected(self, consensus_id);
    }
}

/// Serves a side that asks nothing of its peers but is asked.
pub(super) struct Nothing;

impl Handler for Nothing {
    async fn handle(&self, _from: PeerInfo, request: Request) -> Result<Response, ErrorReply> {
        Err(ErrorReply::unsupported(request.kind(), "node that only dials"))
    }
}

/// Serves one request stream from its first byte to its last.
pub(super) async fn stream(
    from: PeerInfo,
    handler: Arc<dyn Serve>,
    limits: Arc<Limits>,
    budget: Arc<frame::Budget>,
    (mut send, mut recv): (quinn::SendStream, quinn::RecvStream),
) {
    let begun = Instant::now();
    let read = timeout(limits.frame, read_request(&mut recv, &budget)).await;
    let request = match read.unwrap_or(Err(FrameError::Slow)) {
        Ok(request) => request,
        Err(error) => {
            debug!(addr = %from.addr, %error, "frame refused");
            let _ = recv.stop(quinn::VarInt::from_u32(1));
            let _ = write(&mut send, &frame::refusal(&error).into()).await;
            let _ = send.finish();
            return;
        }
    };
    let kind = request.kind();
    let addr = from.addr;
    let answered = answer(from, handler, &limits, request, &mut send).await;
    let _ = send.finish();
    let ms = begun.elapsed().as_millis();
    match answered {
        Ok(()) => debug!(%kind, %addr, ms, "request answered"),
        Err(reply) => debug!(%kind, %addr, ms, code = ?reply.code(), message = %reply.message, "request refused"),
    }
}

async fn read_request(recv: &mut quinn::RecvStream, budget: &frame::Budget) -> Result<Request, FrameError> {
    let needed = crate::wire::FRAME_HEADER_BYTES;
    let (kind, body) =
        frame::read(recv, Some(budget), Kind::is_request).await?.ok_or(FrameError::Truncated { got: 0, needed })?;
    frame::expect_end(recv, kind).await?;
    Request::decode(kind, &body)
        .ok_or(FrameError::OutOfPlace(kind))?
        .map_err(|error| FrameError::Body { kind, why: error.to_string() })
}

/// Runs the handler in a task of its own and writes what it sends.
async fn answer(
    from: PeerInfo,
    handler: Arc<dyn Serve>,
    limits: &Limits,
    request: Request,
    send: &mut quinn::SendStream,
) -> Result<(), ErrorReply> {
    let kind = request.kind();
    let (sender, mut responses) = mpsc::channel(SINK_DEPTH);
    let mut task = tokio::spawn(async move {
        let mut sink = ResponseSink(sender);
        handler.stream(from, request, &mut sink).await
    });
    // A caller that hangs up on a relayed answer stops its generation; other work is small and worth finishing.
    let relayed = kind == Kind::Forward;
    let refused = loop {
        let next = tokio::select! {
            _ = send.stopped(), if relayed => {
                task.abort();
                return Ok(());
            }
            next = timeout(limits.handler, responses.recv()) => next,
        };
        match next {
            Ok(Some(response)) => match write(send, &response).await {
                Ok(()) => {}
                Err(Written::TooLong(why)) => break Some(ErrorReply::internal(why)),
                Err(Written::Gone) => {
                    if relayed {
                        task.abort();
                    }
                    return Ok(());
                }
            },
            Ok(None) => break joined(kind, (&mut task).await),
            Err(_) => {
                warn!(%kind, within = ?limits.handler, "handler took too long");
                task.abort();
                let message = format!("{kind} took longer than {} s", limits.handler.as_secs());
                break Some(ErrorReply::new(ErrorCode::Timeout, message, "try again later"));
            }
        }
    };
    match refused {
        None => Ok(()),
        Some(reply) => {
            let _ = write(send, &reply.clone().into()).await;
            Err(reply)
        }
    }
}

/// What is left to tell the peer after the handler has ended.
fn joined(kind: Kind, ended: Result<Result<(), ErrorReply>, tokio::task::JoinError>) -> Option<ErrorReply> {
    match ended {
        Ok(Ok(())) => None,
        Ok(Err(reply)) => Some(reply),
        Err(fault) => {
            error!(%kind, %fault, "handler panicked");
            Some(ErrorReply::internal(format!("{kind} failed inside the peer")))
        }
    }
}

enum Written {
    TooLong(String),
    Gone,
}

async fn write(send: &mut quinn::SendStream, response: &Response) -> Result<(), Written> {
    let frame = frame::encode(response.kind(), &response.body()).map_err(|error| {
        error!(%error, "response not sent");
        Written::TooLong(error.to_string())
    })?;
    send.write_all(&frame).await.map_err(|_| Written::Gone)
}
