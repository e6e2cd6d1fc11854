//! From an engine's answer to a signed report (SPEC 5.4).
//!
//! The engine is trusted by its own operator, not blindly: shape and counts are held against the job, so that a broken
//! engine costs a refusal and never a report that charges somebody.

use ogong_audit::{Report, SignedReport, WindowReport};
use ogong_base::codec::Encode;
use ogong_base::keys::NodeKey;
use ogong_base::params::WINDOW_TOKENS;
use ogong_engine::Error as EngineError;
use ogong_engine::wire::{Capabilities, ScoreReply};
use ogong_net::wire::{self, ErrorCode, ErrorReply};

use crate::job::Job;

/// Builds the report of a job.
///
/// # Errors
/// When the engine's answer is not about this job.
pub fn report(job: &Job, reply: &ScoreReply, capabilities: &Capabilities) -> Result<Report, ErrorReply> {
    let broken = |what: String| {
        ErrorReply::new(
            ErrorCode::Internal,
            format!("the engine's score is not usable: {what}"),
            "draw another verifier",
        )
    };
    if reply.class != capabilities.class {
        return Err(broken(format!("its numeric class changed from {:?} to {:?}", capabilities.class, reply.class)));
    }
    let margins = reply.margin_list().map_err(|err| broken(err.to_string()))?;
    if margins.len() != job.tokens {
        return Err(broken(format!("{} margins for {} tokens", margins.len(), job.tokens)));
    }
    let asked = &job.request.windows;
    if reply.windows.len() != asked.len() {
        return Err(broken(format!("{} windows, {} were asked for", reply.windows.len(), asked.len())));
    }
    let mut windows = Vec::with_capacity(asked.len());
    for (score, window) in reply.windows.iter().zip(asked) {
        let (sketches, tops) = score.unpack().map_err(|err| broken(err.to_string()))?;
        let expected = tokens_of(*window, job.tokens);
        if score.window != *window || sketches.len() != expected || tops.len() != expected {
            return Err(broken(format!(
                "window {} with {} tokens, expected window {window} with {expected}",
                score.window,
                sketches.len()
            )));
        }
        windows.push(WindowReport { window: *window, sketches, tops });
    }
    Ok(Report {
        job: job.hash,
        mode: job.mode,
        class: reply.class.class_hash(),
        n_prompt: reply.n_prompt,
        prompt_ids: reply.prompt_ids_hash,
        raw_text_sha256: *reply.raw_text_sha256.as_bytes(),
        end_token_at: reply.end_token_at,
        stop_string_at: reply.stop_string_at,
        windows,
        margins,
    })
}

/// Signs a report and writes it for the wire.
#[must_use]
pub fn sign(report: Report, key: &NodeKey) -> wire::SignedReport {
    let signed = SignedReport::sign(report, key);
    wire::SignedReport {
        report: signed.body.to_bytes(),
        signature: signed.signature.to_bytes(),
        verifier_public: signed.public.to_bytes(),
    }
}

/// What a validator hears when the engine does not score.
#[must_use]
pub fn engine_refusal(err: &EngineError) -> ErrorReply {
    let code =
        if matches!(err, EngineError::Unreachable { .. }) { ErrorCode::Unavailable } else { ErrorCode::Internal };
    ErrorReply::new(
        code,
        format!("the verifier's engine did not score: {err}"),
        "draw another verifier or try again later",
    )
}

/// Tokens of a window: 32, fewer in the last.
fn tokens_of(window: u32, tokens: usize) -> usize {
    let start = usize::try_from(window).unwrap_or(usize::MAX).saturating_mul(WINDOW_TOKENS);
    tokens.saturating_sub(start).min(WINDOW_TOKENS)
}
