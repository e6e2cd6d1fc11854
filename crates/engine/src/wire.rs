//! JSON shapes of the engine's own endpoints (`/v1/capabilities`, `/v1/score`) and the headers of commit mode.
//!
//! Numbers that are hashed or compared travel as the bytes of their canonical encoding, in base64.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use ogong_base::class::NumericClass;
use ogong_base::codec::{Encode, Reader, Writer};
use ogong_base::hash::{Hash32, ModelRoot, ReplyId};
use ogong_base::params::{SKETCH_DIMS, WINDOW_TOKENS};
use ogong_commitment::digest::Digest;
use ogong_commitment::sketch::Sketch;
use serde::{Deserialize, Serialize};

use crate::error::Error;

/// Names the reply to commit; its presence asks for commit mode.
pub const HEADER_REPLY_ID: &str = "x-ogong-reply-id";
/// The order's `issued_ms`.
pub const HEADER_ISSUED_MS: &str = "x-ogong-issued-ms";
/// The order's `max_tokens`.
pub const HEADER_MAX_TOKENS: &str = "x-ogong-max-tokens";
/// The order's `n_ctx`.
pub const HEADER_N_CTX: &str = "x-ogong-n-ctx";

/// What an engine is and can do; `GET /v1/capabilities`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Capabilities {
    /// Engine name and build.
    pub engine: String,
    /// The model's alias.
    pub model: String,
    /// Root over the model's files (SPEC 1.5).
    pub model_root: ModelRoot,
    /// Tokens of one slot, prompt and answer together.
    pub n_ctx: u32,
    /// Entries of the vocabulary.
    pub n_vocab: u32,
    /// Numeric class (SPEC 1.6).
    pub class: NumericClass,
    /// Committed replies are possible.
    pub commit: bool,
    /// Score mode is possible.
    pub score: bool,
    /// Exact mode is possible; the same bit as in the class.
    pub exact: bool,
    /// Requests served at once.
    pub slots: u32,
}

/// How to score (SPEC 5.4).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ScoreMode {
    /// One big prefill.
    Tolerance,
    /// Prompt chunks and windows exactly as the provider ran them (SPEC 4.8).
    Exact,
}

/// A teacher-forced score of one answer; `POST /v1/score`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ScoreRequest {
    /// The reply, for its seed.
    pub reply_id: ReplyId,
    /// Frozen request body, base64.
    pub body: String,
    /// Answer ids, base64 of u32 LE.
    pub ids: String,
    /// Windows whose sketches and digests are wanted.
    pub windows: Vec<u32>,
    /// Tolerance or exact.
    pub mode: ScoreMode,
    /// The order's `issued_ms`.
    pub issued_ms: u64,
    /// The order's `max_tokens`.
    pub max_tokens: u32,
    /// The order's `n_ctx`.
    pub n_ctx: u32,
}

impl ScoreRequest {
    /// A request over raw bytes and ids.
    pub fn new(
        reply_id: ReplyId,
        body: &[u8],
        ids: &[u32],
        windows: Vec<u32>,
        mode: ScoreMode,
        limits: OrderLimits,
    ) -> Self {
        let OrderLimits { issued_ms, max_tokens, n_ctx } = limits;
        Self {
            reply_id,
            body: BASE64.encode(body),
            ids: BASE64.encode(ids_bytes(ids)),
            windows,
            mode,
            issued_ms,
            max_tokens,
            n_ctx,
        }
    }

    /// The frozen body.
    ///
    /// # Errors
    /// When the field is not base64.
    pub fn body_bytes(&self) -> Result<Vec<u8>, Error> {
        decoded(&self.body, "body")
    }

    /// The answer's ids.
    ///
    /// # Errors
    /// When the field is not base64 of whole u32.
    pub fn id_list(&self) -> Result<Vec<u32>, Error> {
        ids_of(&decoded(&self.ids, "ids")?)
    }
}

/// What an order says of lengths and time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OrderLimits {
    /// Unix milliseconds of issue; what templates that read the clock get (SPEC 2.3).
    pub issued_ms: u64,
    /// Answer tokens at most.
    pub max_tokens: u32,
    /// Prompt and answer tokens at most.
    pub n_ctx: u32,
}

/// The engine's own numbers for one window.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WindowScore {
    /// Window index.
    pub window: u32,
    /// n sketches, base64 of n × 64 × u16 LE.
    pub sketches: String,
    /// n digests of 64 entries, uncut, base64 of their encodings one after another.
    pub tops: String,
}

impl WindowScore {
    /// Packs the numbers of one window.
    pub fn new(window: u32, sketches: &[Sketch], tops: &[Digest]) -> Self {
        let mut w = Writer::new();
        for sketch in sketches {
            sketch.encode(&mut w);
        }
        let sketches = BASE64.encode(w.finish());
        let mut w = Writer::new();
        for top in tops {
            top.encode(&mut w);
        }
        Self { window, sketches, tops: BASE64.encode(w.finish()) }
    }

    /// Unpacks the numbers.
    ///
    /// # Errors
    /// When they are malformed, or not as many sketches as digests.
    pub fn unpack(&self) -> Result<(Vec<Sketch>, Vec<Digest>), Error> {
        let malformed = |what: &str| Error::Malformed { what: format!("{what} of window {}", self.window) };
        let sketch_bytes = decoded(&self.sketches, "sketches")?;
        let count = sketch_bytes.len() / (2 * SKETCH_DIMS);
        if count == 0 || count > WINDOW_TOKENS || count * 2 * SKETCH_DIMS != sketch_bytes.len() {
            return Err(malformed("sketches"));
        }
        let mut r = Reader::new(&sketch_bytes);
        let sketches =
            (0..count).map(|_| r.get()).collect::<Result<Vec<Sketch>, _>>().map_err(|_| malformed("sketches"))?;
        let top_bytes = decoded(&self.tops, "tops")?;
        let mut r = Reader::new(&top_bytes);
        let tops = (0..count).map(|_| r.get()).collect::<Result<Vec<Digest>, _>>().map_err(|_| malformed("digests"))?;
        r.finish().map_err(|_| malformed("digests"))?;
        Ok((sketches, tops))
    }
}

/// The answer of `/v1/score`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ScoreReply {
    /// The engine's numeric class.
    pub class: NumericClass,
    /// Tokens of the rendered prompt.
    pub n_prompt: u32,
    /// `prompt_ids` of SPEC 3.2.
    pub prompt_ids_hash: Hash32,
    /// SHA-256 of the raw text of the ids (SPEC 2.5).
    pub raw_text_sha256: Hash32,
    /// Index of the first end token among the ids.
    pub end_token_at: Option<u32>,
    /// Index of the token that completes the first stop string.
    pub stop_string_at: Option<u32>,
    /// The windows asked for, in the order asked.
    pub windows: Vec<WindowScore>,
    /// One margin per id in 1/1024 nat, base64 of u16 LE.
    pub margins: String,
}

impl ScoreReply {
    /// The margins, 1/1024 nat.
    ///
    /// # Errors
    /// When the field is malformed.
    pub fn margin_list(&self) -> Result<Vec<u16>, Error> {
        let bytes = decoded(&self.margins, "margins")?;
        let (pairs, rest) = bytes.as_chunks::<2>();
        if rest.is_empty() {
            Ok(pairs.iter().map(|pair| u16::from_le_bytes(*pair)).collect())
        } else {
            Err(Error::Malformed { what: "margins".into() })
        }
    }
}

/// Packs margins for [`ScoreReply::margins`].
pub fn margins_text(margins: &[u16]) -> String {
    BASE64.encode(margins.iter().flat_map(|margin| margin.to_le_bytes()).collect::<Vec<u8>>())
}

/// Ids as u32 LE, one after another.
pub fn ids_bytes(ids: &[u32]) -> Vec<u8> {
    ids.iter().flat_map(|id| id.to_le_bytes()).collect()
}

fn ids_of(bytes: &[u8]) -> Result<Vec<u32>, Error> {
    let (words, rest) = bytes.as_chunks::<4>();
    if rest.is_empty() {
        Ok(words.iter().map(|word| u32::from_le_bytes(*word)).collect())
    } else {
        Err(Error::Malformed { what: "ids".into() })
    }
}

fn decoded(text: &str, what: &str) -> Result<Vec<u8>, Error> {
    BASE64.decode(text).map_err(|_| Error::Malformed { what: format!("{what} is not base64") })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_score_request_round_trips() {
        let limits = OrderLimits { issued_ms: 1, max_tokens: 2, n_ctx: 3 };
        let request =
            ScoreRequest::new(ReplyId::from_bytes([7; 32]), b"{}", &[1, 70_000], vec![0], ScoreMode::Exact, limits);
        let json = serde_json::to_string(&request).expect("json");
        let back: ScoreRequest = serde_json::from_str(&json).expect("same shape");
        assert_eq!(back, request);
        assert_eq!((back.body_bytes().expect("body"), back.id_list().expect("ids")), (b"{}".to_vec(), vec![1, 70_000]));
        assert!(json.contains(r#""mode":"exact""#));
    }

    #[test]
    fn malformed_fields_are_refused() {
        assert!(ids_of(&[1, 2, 3]).is_err());
        assert!(decoded("!", "x").is_err());
        let empty = WindowScore { window: 0, sketches: String::new(), tops: String::new() };
        assert!(empty.unpack().is_err());
        let short = WindowScore { window: 0, sketches: BASE64.encode([0; 127]), tops: String::new() };
        assert!(short.unpack().is_err());
    }
}
