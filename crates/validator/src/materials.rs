//! What only the provider can hand over: request, answer, header and the drawn leaves (SPEC 5.3).
//!
//! The provider dialled this validator and keeps the connection; it is asked over that one, behind the certificate it
//! announced. A provider that is restarting gets its whole deadline to come back.

use std::time::Duration;

use ogong_audit::Material;
use ogong_base::codec::Decode;
use ogong_base::hash::{NodeId, ReplyId};
use ogong_base::params::PROOF_HASHES_MAX;
use ogong_commitment::builder::Opening;
use ogong_commitment::merkle::MerkleProof;
use ogong_net::wire::{Ask, ErrorCode, LeafOpening, MaterialRequest, OpeningRequest};
use tokio::time::{Instant, sleep, timeout_at};
use tracing::debug;

use crate::node::Node;

/// Pause between two tries.
const RETRY: Duration = Duration::from_millis(400);

/// Why the provider handed nothing over.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unopened {
    /// It refused, answered something else, or was not there until the deadline.
    #[error("the provider did not open in time: {0}")]
    Refused(String),
    /// It has not said behind which certificate it answers, so nobody could ask it.
    #[error("the provider has not announced itself to this validator")]
    Unannounced,
}

/// Asks for request, answer and header.
///
/// # Errors
/// [`Unopened`] once the deadline has passed.
pub async fn material(node: &Node, provider: NodeId, reply_id: ReplyId, until: Instant) -> Result<Material, Unopened> {
    let request = MaterialRequest { reply_id: reply_id.as_bytes().to_vec() };
    let given = ask(node, provider, request, until, |given| {
        let header = given.header.as_ref().ok_or("it sent no header")?;
        opening(header).map(|header| (header, given.reply_id == reply_id.as_bytes()))
    })
    .await?;
    let (wire, (header, same)) = given;
    if !same {
        return Err(Unopened::Refused("it answered for another reply".to_owned()));
    }
    Ok(Material { body: wire.body, ids: wire.ids, raw_text: wire.raw_text, header })
}

/// Asks for leaves by index.
///
/// # Errors
/// [`Unopened`] once the deadline has passed.
pub async fn openings(
    node: &Node,
    provider: NodeId,
    reply_id: ReplyId,
    leaves: &[u32],
    until: Instant,
) -> Result<Vec<Opening>, Unopened> {
    let request = OpeningRequest { reply_id: reply_id.as_bytes().to_vec(), leaves: leaves.to_vec() };
    let (_, opened) = ask(node, provider, request, until, |given| {
        let opened = given.openings.iter().map(opening).collect::<Result<Vec<_>, _>>()?;
        let asked = opened.iter().map(|one| one.index).eq(leaves.iter().copied());
        if asked { Ok(opened) } else { Err("it opened other leaves than asked for") }
    })
    .await?;
    Ok(opened)
}

/// Asks until the answer can be read or the deadline passes.
async fn ask<A, T>(
    node: &Node,
    provider: NodeId,
    request: A,
    until: Instant,
    mut read: impl FnMut(&A::Reply) -> Result<T, &'static str>,
) -> Result<(A::Reply, T), Unopened>
where
    A: Ask + Clone,
{
    let mut last = "it is not connected".to_owned();
    loop {
        // Its deadline runs only while it can be asked at all.
        let certificate = node.announced.certificate_of(provider).ok_or(Unopened::Unannounced)?;
        if let Some(peer) = node.links.live(certificate) {
            let left = until.saturating_duration_since(Instant::now());
            match timeout_at(until, peer.ask_within(request.clone(), left)).await {
                Ok(Ok(reply)) => match read(&reply) {
                    Ok(value) => return Ok((reply, value)),
                    // What it sent is its answer: asking again gives it no second chance to think of another.
                    Err(why) => return Err(Unopened::Refused(why.to_owned())),
                },
                Ok(Err(ogong_net::Error::Refused(reply)))
                    if !reply.code().is_transient() && reply.code() != ErrorCode::NotFound =>
                {
                    return Err(Unopened::Refused(reply.message));
                }
                Ok(Err(err)) => last = err.to_string(),
                Err(_) => break,
            }
        }
        if Instant::now() + RETRY >= until {
            break;
        }
        debug!(%provider, last, "provider asked again");
        sleep(RETRY).await;
    }
    Err(Unopened::Refused(last))
}

fn opening(wire: &LeafOpening) -> Result<Opening, &'static str> {
    Ok(Opening { index: wire.index, leaf: wire.leaf.clone(), proof: proof(&wire.proof)? })
}

/// An audit path: 32 bytes a node, with or without the list's count in front.
fn proof(bytes: &[u8]) -> Result<MerkleProof, &'static str> {
    let (hashes, rest) = bytes.as_chunks::<32>();
    if rest.is_empty() && hashes.len() <= PROOF_HASHES_MAX {
        return Ok(MerkleProof(hashes.to_vec()));
    }
    MerkleProof::from_bytes(bytes).map_err(|_| "a proof is not a list of hashes")
}

#[cfg(test)]
mod tests {
    use ogong_base::codec::Encode;

    use super::*;

    #[test]
    fn a_proof_reads_in_both_forms_and_nothing_else_does() {
        for count in [0, 1, 5, PROOF_HASHES_MAX] {
            let path = MerkleProof(vec![[7; 32]; count]);
            assert_eq!(proof(path.0.as_flattened()), Ok(path.clone()));
            assert_eq!(proof(&path.to_bytes()), Ok(path));
        }
        let long = MerkleProof(vec![[7; 32]; PROOF_HASHES_MAX + 1]);
        for bad in [&[1, 2, 3][..], &long.to_bytes(), long.0.as_flattened()] {
            assert!(proof(bad).is_err());
        }
    }
}
