//! The verifier's job and its signed report (SPEC 5.4).
//!
//! A verifier sees the request, the claimed ids and which windows to score; never the openings, so it has nothing to echo.

use ogong_base::codec::{Decode, DecodeError, Encode, Reader, Writer};
use ogong_base::domain::{self, Tag};
use ogong_base::hash::{ClassHash, Hash32, JobHash, RecordHash, ReqHash, tagged};
use ogong_base::params::{ANSWER_TOKENS_MAX, VERSION, WINDOW_TOKENS};
use ogong_commitment::digest::Digest;
use ogong_commitment::response::ids_hash;
use ogong_commitment::sketch::Sketch;

use crate::selection::WINDOWS_MAX;
use crate::signed::{Signable, Signed, version};

/// Hash of a report, as verdicts list it.
pub type ReportHash = Hash32;

/// How a verifier recomputes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Mode {
    /// One big prefill; numbers agree within limits.
    Tolerance = 1,
    /// In the network's chunks; numbers agree bit for bit (SPEC 4.8).
    Exact = 2,
    /// Logprobs without hidden states, from an engine that has no score mode. Refused by default.
    LogprobsOnly = 3,
}

impl Mode {
    fn from_number(number: u8) -> Result<Self, DecodeError> {
        [Self::Tolerance, Self::Exact, Self::LogprobsOnly]
            .into_iter()
            .find(|mode| *mode as u8 == number)
            .ok_or_else(|| DecodeError::invalid("report mode", number))
    }
}

/// What a verifier is asked to score.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Job<'a> {
    /// The record under audit.
    pub record_hash: RecordHash,
    /// Hash of the frozen body.
    pub req_hash: ReqHash,
    /// The claimed answer.
    pub ids: &'a [u32],
    /// The windows to report on, ascending.
    pub windows: &'a [u32],
    /// How.
    pub mode: Mode,
}

impl Job<'_> {
    /// `H("ogong/v1/audit/job", hash record_hash ‖ hash req_hash ‖ sha256(ids) ‖ list<u32> windows ‖ u8 mode)`.
    pub fn hash(&self) -> JobHash {
        let mut w = Writer::new();
        w.put(&self.record_hash).put(&self.req_hash).raw(&ids_hash(self.ids));
        w.list(self.windows, |w, &window| {
            w.u32(window);
        });
        w.u8(self.mode as u8);
        JobHash::from_bytes(tagged(domain::JOB, &[&w.finish()]))
    }
}

/// A verifier's own numbers for one window.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WindowReport {
    /// The window.
    pub window: u32,
    /// One a token.
    pub sketches: Vec<Sketch>,
    /// One a token: the 64 likeliest, uncut.
    pub tops: Vec<Digest>,
}

/// A verifier's own numbers for one reply.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// The job it answers.
    pub job: JobHash,
    /// How it was computed.
    pub mode: Mode,
    /// The verifier's numeric class.
    pub class: ClassHash,
    /// Prompt tokens.
    pub n_prompt: u32,
    /// Hash of the prompt's ids.
    pub prompt_ids: Hash32,
    /// Hash of the raw text that the claimed ids spell.
    pub raw_text_sha256: [u8; 32],
    /// Index of the first end token among the claimed ids.
    pub end_token_at: Option<u32>,
    /// Index of the claimed id that completes the first stop string of the request.
    pub stop_string_at: Option<u32>,
    /// The audited windows, ascending.
    pub windows: Vec<WindowReport>,
    /// Margins of all answer tokens, in 1/1024 nat.
    pub margins: Vec<u16>,
}

/// A report with its signature.
pub type SignedReport = Signed<Report>;

impl Report {
    /// `H("ogong/v1/audit/report-hash", report)`.
    pub fn hash(&self) -> ReportHash {
        ReportHash::from_bytes(tagged(domain::REPORT_HASH, &[&self.to_bytes()]))
    }
}

impl Signable for Report {
    const TAG: Tag = domain::REPORT;
}

/// `u32 window ‖ u8 n ‖ n × sketch ‖ n × digest`.
impl Encode for WindowReport {
    fn encode(&self, w: &mut Writer) {
        assert_eq!(self.sketches.len(), self.tops.len(), "a window has one sketch and one digest a token");
        let n = u8::try_from(self.tops.len()).expect("invariant: a window has at most 32 tokens");
        w.u32(self.window).u8(n);
        self.sketches.iter().for_each(|sketch| sketch.encode(w));
        self.tops.iter().for_each(|top| top.encode(w));
    }
}

impl Decode for WindowReport {
    fn decode(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let window = r.u32()?;
        let n = r.u8()?;
        if usize::from(n) > WINDOW_TOKENS {
            return Err(DecodeError::TooLong { what: "window tokens", got: n.into(), max: WINDOW_TOKENS });
        }
        let sketches = (0..n).map(|_| r.get()).collect::<Result<_, _>>()?;
        let tops = (0..n).map(|_| r.get()).collect::<Result<_, _>>()?;
        Ok(Self { window, sketches, tops })
    }
}

impl Encode for Report {
    fn encode(&self, w: &mut Writer) {
        w.u8(VERSION).put(&self.job).u8(self.mode as u8).put(&self.class).u32(self.n_prompt).put(&self.prompt_ids);
        w.raw(&self.raw_text_sha256).opt(self.end_token_at.as_ref(), |w, &at| {
            w.u32(at);
        });
        w.opt(self.stop_string_at.as_ref(), |w, &at| {
            w.u32(at);
        });
        w.list(&self.windows, |w, window| window.encode(w));
        w.list(&self.margins, |w, &margin| {
            w.u16(margin);
        });
    }
}

impl Decode for Report {
    fn decode(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        version(r, "report version")?;
        Ok(Self {
            job: r.get()?,
            mode: Mode::from_number(r.u8()?)?,
            class: r.get()?,
            n_prompt: r.u32()?,
            prompt_ids: r.get()?,
            raw_text_sha256: r.array()?,
            end_token_at: r.opt(|r| r.u32())?,
            stop_string_at: r.opt(|r| r.u32())?,
            windows: r.list(WINDOWS_MAX, WindowReport::decode)?,
            margins: r.list(ANSWER_TOKENS_MAX, |r| r.u16())?,
        })
    }
}
