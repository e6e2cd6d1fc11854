//! SPEC 5.5, 3: opened window leaves are windows of this reply, and what they commit to can be.

use ogong_base::codec::Decode;
use ogong_commitment::leaf::{WindowLeaf, window_range};

use super::ensure;
use crate::Reason;

/// An opened window: its bytes as they are hashed, and what they say.
#[derive(Debug, Clone)]
pub(crate) struct Opened {
    pub window: u32,
    pub bytes: Vec<u8>,
    pub leaf: WindowLeaf,
}

/// Reads a leaf; one that cannot be read rejects whichever checks are on.
pub(crate) fn read(window: u32, bytes: &[u8]) -> Result<Opened, Reason> {
    let leaf = WindowLeaf::from_bytes(bytes).map_err(|_| Reason::LeafFormat)?;
    Ok(Opened { window, bytes: bytes.to_vec(), leaf })
}

/// Holds index and ids to the response.
pub(crate) fn ids(opened: &Opened, ids: &[u32]) -> Result<(), Reason> {
    ensure(opened.leaf.index == opened.window, Reason::LeafFormat)?;
    let n_tokens = u32::try_from(ids.len()).unwrap_or(u32::MAX);
    ensure(ids.get(window_range(n_tokens, opened.window)) == Some(opened.leaf.ids.as_slice()), Reason::LeafIds)
}

/// Holds digests and sketches to their rules. The vocabulary's size is not known here: an id outside it has no mass with
/// the verifier and falls to KS.
pub(crate) fn form(opened: &Opened) -> Result<(), Reason> {
    ensure(opened.leaf.digests.iter().all(|digest| digest.check(u32::MAX).is_ok()), Reason::DigestForm)?;
    let finite = opened.leaf.sketches.iter().all(|sketch| sketch.values().iter().all(|value| value.is_finite()));
    ensure(finite, Reason::SketchForm)
}
