//! A provider's stream on its way to the consumer: every event passes on unchanged the moment it is whole, and just before `data: [DONE]`
//! stands what the gateway found when it held the record against the text (SPEC 2.5).
//!
//! ```text
//! provider  data… data… : ogong-record <proof>                                    data: [DONE]
//! consumer  data… data… : ogong-record <proof>  : ogong-verified reply_id=… …     data: [DONE]
//! ```
//!
//! Pure: bytes in, bytes out.

use crate::check::{Held, Mismatch, check};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use ogong_base::ReplyId;
use ogong_base::codec::Decode;
use ogong_commitment::order::Order;
use ogong_net::proof::{PROOF_BYTES_MAX, PROOF_COMMENT, ProofBundle};
use ogong_openai::sse::{self, EventReader, Payload};
use ogong_openai::{Endpoint, ErrorBody, ErrorKind};

/// Bytes of one event at most: a proof in base64.
const EVENT_BYTES_MAX: usize = PROOF_BYTES_MAX / 3 * 4 + 1024;
/// Bytes of answer text that are kept for the comparison.
const TEXT_BYTES_MAX: usize = PROOF_BYTES_MAX;

/// How a relayed answer ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ending {
    /// The record speaks of this very answer.
    Held(Held),
    /// It does not, or none came.
    Mismatch(Mismatch),
    /// The provider's stream broke or said that it failed.
    Broken,
}

/// Relays one streamed answer.
#[derive(Debug)]
pub struct Relay {
    endpoint: Endpoint,
    order: Order,
    reply_id: ReplyId,
    reader: EventReader,
    text: String,
    proof: Option<Result<ProofBundle, Mismatch>>,
    ending: Option<Ending>,
}

impl Relay {
    /// A relay for the answer to `order`.
    pub fn new(endpoint: Endpoint, order: Order, reply_id: ReplyId) -> Self {
        let reader = EventReader::new(EVENT_BYTES_MAX);
        Self { endpoint, order, reply_id, reader, text: String::new(), proof: None, ending: None }
    }

    /// Takes bytes of the provider and returns what goes to the consumer now.
    pub fn push(&mut self, bytes: &[u8]) -> Bytes {
        if self.ending.is_some() {
            return Bytes::new();
        }
        let mut out = Vec::with_capacity(bytes.len());
        match self.reader.push(bytes) {
            Ok(events) => {
                for event in events {
                    self.event(event, &mut out);
                }
            }
            Err(error) => {
                tracing::warn!(reply_id = %self.reply_id, %error, "provider's stream refused");
                self.broke("the provider sent an event that is too long", &mut out);
            }
        }
        out.into()
    }

    /// The provider's stream is over, or broke: what the consumer still gets, and how it ended.
    pub fn finish(mut self) -> (Bytes, Ending) {
        let mut out = Vec::new();
        if self.ending.is_none() {
            self.broke("the provider's stream ended early", &mut out);
        }
        (out.into(), self.ending.unwrap_or(Ending::Broken))
    }

    /// Whether the consumer has all it will get.
    pub fn is_over(&self) -> bool {
        self.ending.is_some()
    }

    fn event(&mut self, event: sse::Event, out: &mut Vec<u8>) {
        if self.ending.is_some() {
            return;
        }
        match &event.payload {
            Payload::Data(json) => match self.endpoint.chunk_text(json) {
                Some(text) if self.text.len() + text.len() <= TEXT_BYTES_MAX => self.text.push_str(&text),
                Some(_) => return self.broke("the answer is too long", out),
                // An error object of the provider: the consumer's library knows it, the answer is over.
                None => self.ending = Some(Ending::Broken),
            },
            Payload::Comment(comment) => {
                if let Some(encoded) = comment.strip_prefix(PROOF_COMMENT.as_bytes()) {
                    self.proof = Some(read_proof(encoded));
                }
            }
            Payload::Done => {
                let ending = self.judge();
                out.extend_from_slice(self.finding(&ending).as_bytes());
                self.ending = Some(ending);
            }
            Payload::Other => {}
        }
        out.extend_from_slice(&event.raw);
    }

    fn judge(&self) -> Ending {
        let bundle = match &self.proof {
            None => return Ending::Mismatch(Mismatch::Absent),
            Some(Err(mismatch)) => return Ending::Mismatch(*mismatch),
            Some(Ok(bundle)) => bundle,
        };
        match check(bundle, &self.order, &self.reply_id, &self.text) {
            Ok(held) => Ending::Held(held),
            Err(mismatch) => Ending::Mismatch(mismatch),
        }
    }

    fn finding(&self, ending: &Ending) -> String {
        match ending {
            Ending::Held(held) => sse::comment(&format!(
                "ogong-verified reply_id={} resp_hash=ok record={} tokens={}",
                self.reply_id, held.record_hash, held.n_tokens
            )),
            Ending::Mismatch(mismatch) => {
                sse::comment(&format!("ogong-mismatch reply_id={} reason={mismatch}", self.reply_id))
            }
            Ending::Broken => String::new(),
        }
    }

    /// Ends the consumer's stream with an error that its library raises, never with `[DONE]`.
    fn broke(&mut self, why: &str, out: &mut Vec<u8>) {
        let body = ErrorBody::new(ErrorKind::Upstream, "provider_failed", why)
            .hint("send the request again; nothing is paid for an answer without a record");
        let json = String::from_utf8_lossy(&body.to_json()).into_owned();
        // A half-written event of the provider must not swallow ours.
        out.extend_from_slice(b"\n\n");
        out.extend_from_slice(sse::data_event(&json).as_bytes());
        self.ending = Some(Ending::Broken);
    }
}

fn read_proof(encoded: &[u8]) -> Result<ProofBundle, Mismatch> {
    let bytes = STANDARD.decode(encoded.trim_ascii()).map_err(|_| Mismatch::Malformed)?;
    ProofBundle::from_bytes(&bytes).map_err(|_| Mismatch::Malformed)
}
