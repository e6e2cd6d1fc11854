//! SPEC 5.5, 1: who signed what, and that order and record speak of the same thing.

use ogong_base::codec::Decode;
use ogong_base::params::ANSWER_TOKENS_MAX;
use ogong_commitment::record::Record;

use super::{ensure, run};
use crate::{Check, Evidence, Profile, Reason};

/// Holds order and record to each other, to the catalogue and to the network; gives the record.
pub(crate) fn check(evidence: &Evidence, profile: &Profile) -> Result<Record, Reason> {
    let record = Record::from_bytes(&evidence.record.record).map_err(|_| Reason::RecordSignature)?;
    // Whichever checks are on: windows are drawn over this count, and nothing is drawn over more than an answer can have.
    ensure(usize::try_from(record.n_tokens).is_ok_and(|n| n <= ANSWER_TOKENS_MAX), Reason::TokenCount)?;
    run(profile, Check::RecordSignature, || record_signature(evidence))?;
    run(profile, Check::OrderSignature, || order_signature(evidence))?;
    run(profile, Check::OrderTerms, || order_terms(evidence))?;
    run(profile, Check::RecordBinding, || record_binding(evidence, &record))?;
    run(profile, Check::Equivocation, || equivocation(evidence))?;
    run(profile, Check::Catalogue, || catalogue(evidence, &record))?;
    run(profile, Check::Request, || ensure(record.req_hash == evidence.order.req_hash, Reason::ReqHash))?;
    run(profile, Check::TokenCount, || token_count(evidence, &record))?;
    Ok(record)
}

fn record_signature(evidence: &Evidence) -> Result<(), Reason> {
    let by_provider = evidence.record.public.node_id() == evidence.order.provider;
    ensure(by_provider && evidence.record.verify().is_ok(), Reason::RecordSignature)
}

fn order_signature(evidence: &Evidence) -> Result<(), Reason> {
    let verified = evidence.order.verify(&evidence.ground.session_key, &evidence.order_signature);
    ensure(verified.is_ok(), Reason::OrderSignature)
}

fn order_terms(evidence: &Evidence) -> Result<(), Reason> {
    let (order, ground) = (&evidence.order, &evidence.ground);
    ensure(order.network == ground.network && order.program == ground.program, Reason::OrderNetwork)
}

fn record_binding(evidence: &Evidence, record: &Record) -> Result<(), Reason> {
    ensure(record.reply_id == evidence.order.reply_id(), Reason::RecordReplyId)?;
    ensure(record.t0_ms <= record.t1_ms, Reason::RecordTimes)
}

/// Two records prove themselves; a rival that does not verify proves nothing.
fn equivocation(evidence: &Evidence) -> Result<(), Reason> {
    let twice = evidence.rival.as_ref().is_some_and(|rival| evidence.record.is_equivocation(rival).unwrap_or(false));
    ensure(!twice, Reason::Equivocation)
}

fn catalogue(evidence: &Evidence, record: &Record) -> Result<(), Reason> {
    ensure(evidence.ground.catalogue_root == Some(evidence.order.model_root), Reason::Catalogue)?;
    ensure(record.model_root == evidence.order.model_root, Reason::ModelRoot)
}

fn token_count(evidence: &Evidence, record: &Record) -> Result<(), Reason> {
    ensure((1..=evidence.order.max_tokens).contains(&record.n_tokens), Reason::TokenCount)
}
