//! A scoring job, checked before the engine sees it (SPEC 5.4).
//!
//! The job carries the frozen body, the claimed ids and the windows to report. It carries no opening, no price and no
//! consumer; a verifier that wants to cheat has nothing to echo.

use ogong_audit::Mode;
use ogong_base::hash::{JobHash, ModelRoot, RecordHash, ReplyId};
use ogong_base::params::{ANSWER_TOKENS_MAX, BODY_BYTES_MAX, WINDOW_TOKENS};
use ogong_commitment::request::req_hash;
use ogong_engine::wire::{OrderLimits, ScoreMode, ScoreRequest};
use ogong_net::wire::{ErrorCode, ErrorReply, ScoreJob, field};

/// A job that can be scored.
#[derive(Debug, Clone)]
pub struct Job {
    /// Names the job in the report.
    pub hash: JobHash,
    /// The reply, for the log.
    pub reply_id: ReplyId,
    /// The model to score with.
    pub model_root: ModelRoot,
    /// Tolerance, exact or logprobs only.
    pub mode: Mode,
    /// Ids of the claimed answer.
    pub tokens: usize,
    /// What the engine is asked.
    pub request: ScoreRequest,
}

/// Checks form and bounds; `windows_max` is what this verifier is willing to report.
///
/// # Errors
/// A refusal that names the field.
pub fn check(job: &ScoreJob, windows_max: usize) -> Result<Job, ErrorReply> {
    let record_hash: RecordHash = field("record_hash", &job.record_hash)?;
    let reply_id: ReplyId = field("reply_id", &job.reply_id)?;
    let model_root: ModelRoot = field("model_root", &job.model_root)?;
    if job.body.is_empty() || job.body.len() > BODY_BYTES_MAX {
        return Err(ErrorReply::malformed("body", format!("{} bytes, expected 1 to {BODY_BYTES_MAX}", job.body.len())));
    }
    if job.ids.is_empty() || job.ids.len() > ANSWER_TOKENS_MAX {
        return Err(ErrorReply::malformed("ids", format!("{} ids, expected 1 to {ANSWER_TOKENS_MAX}", job.ids.len())));
    }
    check_windows(&job.windows, job.ids.len(), windows_max)?;
    let mode = [Mode::Tolerance, Mode::Exact, Mode::LogprobsOnly]
        .into_iter()
        .find(|mode| *mode as u32 == job.mode)
        .ok_or_else(|| ErrorReply::malformed("mode", job.mode))?;
    let engine_mode = match mode {
        Mode::Exact => ScoreMode::Exact,
        Mode::Tolerance | Mode::LogprobsOnly => ScoreMode::Tolerance,
    };
    let limits = OrderLimits { issued_ms: job.issued_ms, max_tokens: job.max_tokens, n_ctx: job.n_ctx };
    Ok(Job {
        hash: ogong_audit::Job {
            record_hash,
            req_hash: req_hash(&job.body),
            ids: &job.ids,
            windows: &job.windows,
            mode,
        }
        .hash(),
        reply_id,
        model_root,
        mode,
        tokens: job.ids.len(),
        request: ScoreRequest::new(reply_id, &job.body, &job.ids, job.windows.clone(), engine_mode, limits),
    })
}

fn check_windows(windows: &[u32], tokens: usize, windows_max: usize) -> Result<(), ErrorReply> {
    let count = tokens.div_ceil(WINDOW_TOKENS);
    let ascending = windows.is_sorted_by(|a, b| a < b);
    let inside = windows.last().is_some_and(|last| usize::try_from(*last).is_ok_and(|last| last < count));
    if !ascending || !inside {
        return Err(ErrorReply::malformed(
            "windows",
            format!("expected ascending indices below {count}, got {windows:?}"),
        ));
    }
    if windows.len() > windows_max {
        return Err(ErrorReply::new(
            ErrorCode::Malformed,
            format!("{} windows asked for, this verifier reports at most {windows_max}", windows.len()),
            "start the verifier with a larger --k, or the validator with a smaller one",
        ));
    }
    Ok(())
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    pub(crate) fn wire() -> ScoreJob {
        ScoreJob {
            record_hash: vec![1; 32],
            reply_id: vec![2; 32],
            body: b"{\"messages\":[]}".to_vec(),
            ids: (0..70).collect(),
            windows: vec![0, 2],
            mode: 1,
            issued_ms: 1,
            max_tokens: 100,
            n_ctx: 2048,
            model_root: vec![3; 32],
            model_id: "ogong/verified/a/b".to_owned(),
            validator_public: vec![0; 1344],
        }
    }

    #[test]
    fn a_good_job_is_named_by_what_it_asks() {
        let one = check(&wire(), 4).expect("good");
        let exact = check(&ScoreJob { mode: 2, ..wire() }, 4).expect("good");
        let other = check(&ScoreJob { windows: vec![0, 1], ..wire() }, 4).expect("good");
        assert_ne!(one.hash, exact.hash);
        assert_ne!(one.hash, other.hash);
        assert_eq!(exact.request.mode, ScoreMode::Exact);
        assert_eq!(one.request.id_list().expect("ids"), wire().ids);
    }

    #[test]
    fn every_field_out_of_bounds_is_refused_by_name() {
        let cases = [
            ("reply_id", ScoreJob { reply_id: vec![2; 31], ..wire() }),
            ("model_root", ScoreJob { model_root: vec![], ..wire() }),
            ("body", ScoreJob { body: vec![], ..wire() }),
            ("ids", ScoreJob { ids: vec![], ..wire() }),
            ("windows", ScoreJob { windows: vec![], ..wire() }),
            ("windows", ScoreJob { windows: vec![1, 0], ..wire() }),
            ("windows", ScoreJob { windows: vec![0, 0], ..wire() }),
            ("windows", ScoreJob { windows: vec![0, 3], ..wire() }),
            ("mode", ScoreJob { mode: 9, ..wire() }),
        ];
        for (name, job) in cases {
            let err = check(&job, 4).expect_err(name);
            assert!(err.message.contains(name), "{name}: {}", err.message);
        }
        let err = check(&ScoreJob { windows: vec![0, 1, 2], ..wire() }, 2).expect_err("too many");
        assert!(err.hint.contains("--k"), "{}", err.hint);
    }
}
