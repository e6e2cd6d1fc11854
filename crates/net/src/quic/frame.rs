//! Reading and writing frames: `u16 kind ‖ u32 length ‖ body`, little-endian.
//!
//! A reader knows the bound of a kind before it reads the body, and buffers only what has come.

use crate::{
    Error,
    error::FrameError,
    wire::{ErrorCode, ErrorReply, FRAME_HEADER_BYTES, Kind},
};
use tokio::sync::Semaphore;

/// Read size, and the most that is allocated ahead of the bytes.
const CHUNK_BYTES: usize = 64 << 10;

/// One permit of the reading budget stands for this many bytes.
const PERMIT_BYTES: usize = 1 << 10;

/// How many bodies' bytes may be read at once.
pub(super) struct Budget {
    permits: Semaphore,
    total: usize,
}

impl Budget {
    pub(super) fn new(bytes: usize) -> Self {
        let total = (bytes / PERMIT_BYTES).clamp(1, Semaphore::MAX_PERMITS);
        Self { permits: Semaphore::new(total), total }
    }

    /// Waits until `bytes` more may be read. A body longer than the whole budget takes all of it.
    async fn reserve(&self, bytes: usize) -> Option<tokio::sync::SemaphorePermit<'_>> {
        let permits = bytes.div_ceil(PERMIT_BYTES).clamp(1, self.total);
        self.permits.acquire_many(u32::try_from(permits).ok()?).await.ok()
    }
}

/// The bytes of a frame.
///
/// # Errors
/// When the body is over the bound of its kind.
pub(super) fn encode(kind: Kind, body: &[u8]) -> Result<Vec<u8>, Error> {
    let (bytes, max) = (body.len(), kind.bytes_max());
    let length = u32::try_from(bytes).ok().filter(|_| bytes <= max);
    let length = length.ok_or(Error::TooLong { kind, bytes, max })?;
    let mut frame = Vec::with_capacity(FRAME_HEADER_BYTES + bytes);
    frame.extend_from_slice(&kind.number().to_le_bytes());
    frame.extend_from_slice(&length.to_le_bytes());
    frame.extend_from_slice(body);
    Ok(frame)
}

/// Reads one frame. `None` when the stream ended before a first byte.
pub(super) async fn read(
    stream: &mut quinn::RecvStream,
    budget: Option<&Budget>,
    allowed: fn(Kind) -> bool,
) -> Result<Option<(Kind, Vec<u8>)>, FrameError> {
    let mut header = [0; FRAME_HEADER_BYTES];
    let got = fill(stream, &mut header).await?;
    if got == 0 {
        return Ok(None);
    }
    if got < FRAME_HEADER_BYTES {
        return Err(FrameError::Truncated { got, needed: FRAME_HEADER_BYTES });
    }
    let [k0, k1, l0, l1, l2, l3] = header;
    let number = u16::from_le_bytes([k0, k1]);
    let kind = Kind::from_number(number).ok_or(FrameError::UnknownKind(number))?;
    if !allowed(kind) {
        return Err(FrameError::OutOfPlace(kind));
    }
    let bytes = usize::try_from(u32::from_le_bytes([l0, l1, l2, l3])).unwrap_or(usize::MAX);
    let max = kind.bytes_max();
    if bytes > max {
        return Err(FrameError::Oversized { kind, bytes, max });
    }
    let _reserved = match budget {
        Some(budget) => budget.reserve(bytes).await,
        None => None,
    };
    let mut body = Vec::with_capacity(bytes.min(CHUNK_BYTES));
    while body.len() < bytes {
        let before = body.len();
        body.resize(bytes.min(before + CHUNK_BYTES), 0);
        let wanted = body.len() - before;
        let got = fill(stream, body.get_mut(before..).unwrap_or_default()).await?;
        if got < wanted {
            return Err(FrameError::Truncated { got: before + got, needed: bytes });
        }
    }
    Ok(Some((kind, body)))
}

/// Refuses bytes after the last frame.
pub(super) async fn expect_end(stream: &mut quinn::RecvStream, kind: Kind) -> Result<(), FrameError> {
    match fill(stream, &mut [0]).await? {
        0 => Ok(()),
        _ => Err(FrameError::Trailing(kind)),
    }
}

/// Fills the buffer, or as much of it as comes before the stream's end.
async fn fill(stream: &mut quinn::RecvStream, buffer: &mut [u8]) -> Result<usize, FrameError> {
    let mut filled = 0;
    while let Some(rest) = buffer.get_mut(filled..).filter(|rest| !rest.is_empty()) {
        match stream.read(rest).await {
            Ok(Some(n)) => filled += n,
            Ok(None) => break,
            Err(error) => return Err(FrameError::Cut(error.to_string())),
        }
    }
    Ok(filled)
}

/// What a peer is told about a frame that was none.
pub(super) fn refusal(error: &FrameError) -> ErrorReply {
    let (code, hint) = match error {
        FrameError::UnknownKind(_) => {
            (ErrorCode::UnknownKind, "the peer speaks another protocol version; update the older of the two")
        }
        FrameError::OutOfPlace(_) => {
            (ErrorCode::UnknownKind, "a stream opens with a request and is answered by its reply")
        }
        FrameError::Oversized { .. } => {
            (ErrorCode::BadFrame, "send less in one request; the bound is part of the protocol")
        }
        FrameError::Slow => (ErrorCode::Timeout, "the link or the sender is too slow; try again"),
        _ => (ErrorCode::BadFrame, "a frame is u16 kind, u32 length, body, and nothing after it"),
    };
    ErrorReply::new(code, error.to_string(), hint)
}
