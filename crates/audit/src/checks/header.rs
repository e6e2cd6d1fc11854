//! SPEC 5.5, 3: the header leaf is derived again from order, request and record.

use ogong_commitment::leaf::Header;
use ogong_commitment::params::SamplingParams;
use ogong_commitment::record::Record;

use super::{ensure, run};
use crate::evidence::Material;
use crate::{Check, Evidence, Profile, Reason};

/// Reads the header and holds everything in it that does not take the model.
pub(crate) fn check(
    evidence: &Evidence,
    profile: &Profile,
    record: &Record,
    material: &Material,
) -> Result<Header, Reason> {
    // A header that cannot be read rejects whichever checks are on: nothing after it could run.
    let header = material.header.header().map_err(|_| Reason::HeaderFormat)?;
    run(profile, Check::Header, || derived(evidence, record, material, &header))?;
    run(profile, Check::TokenCount, || ensure(record.n_tokens <= header.params.max_tokens, Reason::TokenCount))?;
    Ok(header)
}

fn derived(evidence: &Evidence, record: &Record, material: &Material, header: &Header) -> Result<(), Reason> {
    ensure(header.n_tokens == record.n_tokens, Reason::HeaderTokens)?;
    let params = SamplingParams::from_body(&material.body, evidence.order.max_tokens);
    ensure(header.params == params.map_err(|_| Reason::RequestRefused)?, Reason::HeaderParams)?;
    let tokens = u64::from(header.n_prompt) + u64::from(header.n_tokens);
    ensure(tokens <= u64::from(evidence.order.n_ctx), Reason::Context)
}
