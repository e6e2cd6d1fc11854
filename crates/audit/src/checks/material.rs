//! SPEC 5.5, 1: request and answer are the ones that order and record name by hash.

use ogong_commitment::record::Record;
use ogong_commitment::request::req_hash;
use ogong_commitment::response::resp_hash;

use super::{ensure, run};
use crate::evidence::Material;
use crate::{Check, Evidence, Profile, Reason};

/// Holds body, ids and raw text.
pub(crate) fn check(
    evidence: &Evidence,
    profile: &Profile,
    record: &Record,
    material: &Material,
) -> Result<(), Reason> {
    run(profile, Check::Request, || ensure(req_hash(&material.body) == evidence.order.req_hash, Reason::Body))?;
    run(profile, Check::Response, || {
        ensure(resp_hash(&material.ids, &material.raw_text) == record.resp_hash, Reason::RespHash)
    })?;
    run(profile, Check::TokenCount, || {
        ensure(u32::try_from(material.ids.len()) == Ok(record.n_tokens), Reason::TokenCount)
    })
}
