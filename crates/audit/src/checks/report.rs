//! A verifier's report: whether it is one (the verifier's fault if not), and its word on prompt, text and end token.

use ogong_base::hash::{NodeId, sha256};
use ogong_base::params::{DIGEST_ENTRIES_MAX, MARGIN_CAP_PPM, MARGIN_STEPS_PER_NAT, PPM};
use ogong_commitment::leaf::window_range;

use super::{ensure, run, stop};
use crate::hearing::Hearing;
use crate::report::{Job, Mode, Report, SignedReport, WindowReport};
use crate::{Check, Reason};

/// Holds signature, job, shape and numbers. What fails here is never held against the provider.
pub(crate) fn check(hearing: &Hearing<'_>, verifier: NodeId, report: &SignedReport) -> Result<(), Reason> {
    // Whether logprobs alone are enough is the operator's policy, not a check.
    let accepted = report.body.mode != Mode::LogprobsOnly || hearing.profile.accepts_logprobs_only();
    ensure(accepted, Reason::LogprobsOnly)?;
    run(hearing.profile, Check::Report, || {
        ensure(report.node_id() == verifier && report.verify().is_ok(), Reason::ReportSignature)?;
        job(hearing, &report.body)?;
        ensure(has_shape(hearing, &report.body), Reason::ReportShape)?;
        ensure(has_numbers(&report.body), Reason::ReportNumbers)
    })
}

/// Holds the header and the text to what the verifier derived itself.
pub(crate) fn word(hearing: &Hearing<'_>, report: &Report) -> Result<(), Reason> {
    let header = hearing.header;
    run(hearing.profile, Check::Prompt, || {
        ensure(report.n_prompt == header.n_prompt, Reason::PromptCount)?;
        ensure(report.prompt_ids == header.prompt_ids, Reason::PromptIds)
    })?;
    run(hearing.profile, Check::Stop, || stop::ending(header, report.end_token_at, report.stop_string_at))?;
    run(hearing.profile, Check::RawText, || {
        ensure(report.raw_text_sha256 == sha256(&hearing.material.raw_text), Reason::RawText)
    })
}

fn job(hearing: &Hearing<'_>, report: &Report) -> Result<(), Reason> {
    let job = Job {
        record_hash: hearing.evidence.record.record_hash(),
        req_hash: hearing.evidence.order.req_hash,
        ids: &hearing.material.ids,
        windows: &hearing.drawn.windows,
        mode: report.mode,
    };
    ensure(report.job == job.hash(), Reason::ReportJob)
}

fn has_shape(hearing: &Hearing<'_>, report: &Report) -> bool {
    let n_tokens = hearing.record.n_tokens;
    let windows = report.windows.iter().map(|window| window.window).eq(hearing.drawn.windows.iter().copied());
    let tokens = report.windows.iter().all(|window| {
        let n = window_range(n_tokens, window.window).len();
        window.sketches.len() == n && window.tops.len() == n
    });
    let margins = report.margins.len() == hearing.material.ids.len()
        || report.mode == Mode::LogprobsOnly && report.margins.is_empty();
    windows && tokens && margins
}

fn has_numbers(report: &Report) -> bool {
    let cap = MARGIN_CAP_PPM / PPM * u64::from(MARGIN_STEPS_PER_NAT);
    report.margins.iter().all(|margin| u64::from(*margin) <= cap)
        && report.windows.iter().all(|window| {
            (report.mode == Mode::LogprobsOnly || has_states(window))
                && window.tops.iter().all(|top| top.entries.len() == DIGEST_ENTRIES_MAX && top.check(u32::MAX).is_ok())
        })
}

/// Finite and not all zero: a distance relative to them is a number.
fn has_states(window: &WindowReport) -> bool {
    let values = || window.sketches.iter().flat_map(|sketch| sketch.values());
    values().all(f64::is_finite) && values().any(|value| value != 0.0)
}
