//! The asking side: [`Peer`] is one live connection to a node whose certificate is known.

use super::{frame, request_timeout};
use crate::{
    Error,
    error::FrameError,
    wire::{Ask, FRAME_HEADER_BYTES, Kind, Request, Response},
};
use ogong_base::hash::ConsensusId;
use std::{net::SocketAddr, time::Duration};
use tokio::time::timeout;

/// A connection, whichever side opened it. Clones share it; it lives until either side closes it.
#[derive(Clone)]
pub struct Peer {
    connection: quinn::Connection,
    consensus_id: ConsensusId,
}

impl std::fmt::Debug for Peer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Peer({} at {})", self.consensus_id, self.addr())
    }
}

impl Peer {
    pub(super) fn new(connection: quinn::Connection, consensus_id: ConsensusId) -> Self {
        Self { connection, consensus_id }
    }

    /// Who this is.
    pub fn consensus_id(&self) -> ConsensusId {
        self.consensus_id
    }

    /// Where it is now.
    pub fn addr(&self) -> SocketAddr {
        self.connection.remote_address()
    }

    /// Round-trip time of the connection.
    pub fn rtt(&self) -> Duration {
        self.connection.rtt()
    }

    /// Whether the connection has ended.
    pub fn is_closed(&self) -> bool {
        self.connection.close_reason().is_some()
    }

    /// Waits for the end of the connection and says why it ended.
    pub async fn closed(&self) -> String {
        self.connection.closed().await.to_string()
    }

    /// Ends the connection, and every stream on it.
    pub fn close(&self) {
        self.connection.close(quinn::VarInt::from_u32(0), b"closed");
    }

    pub(super) fn connection(&self) -> &quinn::Connection {
        &self.connection
    }

    /// Asks, and waits as long as [`request_timeout`] says for this kind.
    ///
    /// # Errors
    /// [`Error::Refused`] with the peer's words, or what went wrong on the way.
    pub async fn ask<A: Ask>(&self, message: A) -> Result<A::Reply, Error> {
        let request: Request = message.into();
        let within = request_timeout(request.kind());
        self.ask_request(request, within).await
    }

    /// Asks with a time limit of the caller's.
    ///
    /// # Errors
    /// As [`Peer::ask`].
    pub async fn ask_within<A: Ask>(&self, message: A, within: Duration) -> Result<A::Reply, Error> {
        self.ask_request(message.into(), within).await
    }

    async fn ask_request<R>(&self, request: Request, within: Duration) -> Result<R, Error>
    where
        R: TryFrom<Response, Error = Response>,
    {
        let asked = request.kind();
        let response = self.request_within(&request, within).await?;
        expect_reply(asked, response)
    }

    /// Sends a request and returns whatever message answers it.
    ///
    /// # Errors
    /// As [`Peer::ask`].
    pub async fn request(&self, request: Request) -> Result<Response, Error> {
        let within = request_timeout(request.kind());
        self.request_within(&request, within).await
    }

    /// As [`Peer::request`] with a time limit of the caller's.
    ///
    /// # Errors
    /// As [`Peer::ask`].
    pub async fn request_within(&self, request: &Request, within: Duration) -> Result<Response, Error> {
        let kind = request.kind();
        let frame = frame::encode(kind, &request.body())?;
        let exchange = async {
            let mut recv = self.send(&frame).await?;
            let response = self.read_response(&mut recv).await?;
            let needed = FRAME_HEADER_BYTES;
            response.ok_or_else(|| self.cut(FrameError::Truncated { got: 0, needed }))
        };
        match timeout(within, exchange).await {
            Ok(Ok(Response::ErrorReply(reply))) => Err(Error::Refused(reply)),
            Ok(outcome) => outcome,
            Err(_) => Err(Error::Timeout { kind, addr: self.addr(), within }),
        }
    }

    /// Sends a request that is answered by several messages, such as [`crate::wire::Forward`].
    ///
    /// # Errors
    /// When the request cannot be sent. What goes wrong later comes out of the stream.
    pub async fn request_stream(&self, request: Request) -> Result<ResponseStream, Error> {
        let kind = request.kind();
        let frame = frame::encode(kind, &request.body())?;
        let within = request_timeout(kind);
        let sent = timeout(within, self.send(&frame)).await;
        let recv = sent.map_err(|_| Error::Timeout { kind, addr: self.addr(), within })??;
        Ok(ResponseStream { peer: self.clone(), recv, kind, within })
    }

    async fn send(&self, frame: &[u8]) -> Result<quinn::RecvStream, Error> {
        let (mut send, recv) = self.connection.open_bi().await.map_err(|why| self.lost(&why))?;
        match send.write_all(frame).await {
            // A peer that stops reading has already said why on the other half.
            Ok(()) | Err(quinn::WriteError::Stopped(_)) => {}
            Err(quinn::WriteError::ConnectionLost(why)) => return Err(self.lost(&why)),
            Err(error) => return Err(self.cut(FrameError::Cut(error.to_string()))),
        }
        let _ = send.finish();
        Ok(recv)
    }

    async fn read_response(&self, recv: &mut quinn::RecvStream) -> Result<Option<Response>, Error> {
        let frame = frame::read(recv, None, |kind| !kind.is_request()).await;
        let Some((kind, body)) = frame.map_err(|error| self.cut(error))? else { return Ok(None) };
        let response = Response::decode(kind, &body)
            .ok_or(FrameError::OutOfPlace(kind))?
            .map_err(|error| FrameError::Body { kind, why: error.to_string() })?;
        Ok(Some(response))
    }

    /// A cut stream on a dead connection is a lost connection.
    fn cut(&self, error: FrameError) -> Error {
        match (&error, self.connection.close_reason()) {
            (FrameError::Cut(_) | FrameError::Truncated { .. }, Some(why)) => self.lost(&why),
            _ => Error::Frame(error),
        }
    }

    fn lost(&self, why: &quinn::ConnectionError) -> Error {
        Error::Lost { addr: self.addr(), why: why.to_string() }
    }
}

/// The message that answers `asked`, or an error that names what came instead.
pub(super) fn expect_reply<R>(asked: Kind, response: Response) -> Result<R, Error>
where
    R: TryFrom<Response, Error = Response>,
{
    R::try_from(response).map_err(|other| Error::WrongReply { asked, got: other.kind() })
}

/// The answer to a streamed request. Dropping it tells the peer to stop.
#[derive(Debug)]
pub struct ResponseStream {
    peer: Peer,
    recv: quinn::RecvStream,
    kind: Kind,
    within: Duration,
}

impl ResponseStream {
    /// The next message; `None` when the peer has finished.
    ///
    /// # Errors
    /// [`Error::Refused`] when the peer gives up, [`Error::Timeout`] when it is silent for too long, [`Error::Lost`] when it is gone.
    pub async fn next(&mut self) -> Result<Option<Response>, Error> {
        let read = timeout(self.within, self.peer.read_response(&mut self.recv)).await;
        match read {
            Ok(Ok(Some(Response::ErrorReply(reply)))) => Err(Error::Refused(reply)),
            Ok(outcome) => outcome,
            Err(_) => {
                let (kind, within) = (self.kind, self.within);
                Err(Error::Timeout { kind, addr: self.peer.addr(), within })
            }
        }
    }

    /// Changes how long [`ResponseStream::next`] waits.
    pub fn set_timeout(&mut self, within: Duration) {
        self.within = within;
    }
}
