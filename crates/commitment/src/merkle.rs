//! RFC 6962 trees over leaf bytes (SPEC 3.8). The tree head does not say how many leaves there are: the checker brings
//! the count, from the record's `n_tokens`.

use crate::error::Error;
use ct_merkle::{InclusionProof, RootHash, mem_backed_tree::MemoryBackedTree};
use ogong_base::params::{LEAVES_MAX, PROOF_HASHES_MAX};
use ogong_base::{CommitRoot, Decode, DecodeError, Encode, Reader, Writer};
use sha2::Sha256;

/// Sibling hashes from a leaf up to the tree head.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct MerkleProof(pub Vec<[u8; 32]>);

/// Tree head over the leaves.
pub fn root<L: AsRef<[u8]>>(leaves: &[L]) -> CommitRoot {
    CommitRoot::from_bytes((*tree(leaves).root().as_bytes()).into())
}

/// Proof that leaf `index` stands in the tree.
///
/// # Errors
/// When there is no such leaf.
pub fn prove<L: AsRef<[u8]>>(leaves: &[L], index: usize) -> Result<MerkleProof, Error> {
    if index >= leaves.len() {
        return Err(Error::LeafIndex { index: index as u64, leaves: leaves.len() as u64 });
    }
    let proof = tree(leaves).prove_inclusion(index);
    Ok(MerkleProof(proof.as_bytes().as_chunks::<32>().0.to_vec()))
}

/// Holds that `leaf` stands at `index` of the tree of `leaves` leaves under `root`.
///
/// # Errors
/// When the index is outside the tree or the proof does not lead to the root.
pub fn verify(root: &CommitRoot, leaves: u64, index: u64, leaf: &[u8], proof: &MerkleProof) -> Result<(), Error> {
    if index >= leaves || leaves > LEAVES_MAX as u64 {
        return Err(Error::LeafIndex { index, leaves });
    }
    let head = RootHash::<Sha256>::new((*root.as_bytes()).into(), leaves);
    let proof = InclusionProof::<Sha256>::try_from_bytes(proof.0.as_flattened().to_vec());
    let proof = proof.map_err(|_| Error::Inclusion(index))?;
    head.verify_inclusion(&leaf, index, &proof).map_err(|_| Error::Inclusion(index))
}

impl Encode for MerkleProof {
    fn encode(&self, w: &mut Writer) {
        w.list(&self.0, |w, hash| {
            w.raw(hash);
        });
    }
}

impl Decode for MerkleProof {
    fn decode(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self(r.list(PROOF_HASHES_MAX, Reader::array)?))
    }
}

fn tree<L: AsRef<[u8]>>(leaves: &[L]) -> MemoryBackedTree<Sha256, &[u8]> {
    let mut tree = MemoryBackedTree::new();
    for leaf in leaves {
        tree.push(leaf.as_ref());
    }
    tree
}

#[cfg(test)]
mod tests {
    use super::*;
    use ogong_base::sha256;

    fn leaves(n: usize) -> Vec<Vec<u8>> {
        (0..n).map(|i| vec![i as u8; i]).collect()
    }

    #[test]
    fn two_leaves_hash_as_the_standard_says() {
        let node = |l: [u8; 32], r: [u8; 32]| sha256(&[&[1][..], &l, &r].concat());
        let leaf = |b: &[u8]| sha256(&[&[0][..], b].concat());
        assert_eq!(*root(&[b"a"]).as_bytes(), leaf(b"a"));
        assert_eq!(*root(&[b"a", b"b"]).as_bytes(), node(leaf(b"a"), leaf(b"b")));
    }

    #[test]
    fn every_leaf_proves_and_nothing_else_does() {
        for n in 1..=9 {
            let leaves = leaves(n);
            let head = root(&leaves);
            for i in 0..n {
                let proof = prove(&leaves, i).expect("in the tree");
                assert_eq!(verify(&head, n as u64, i as u64, &leaves[i], &proof), Ok(()));
                assert!(verify(&head, n as u64, i as u64, b"other", &proof).is_err());
                assert!(verify(&head, n as u64, n as u64, &leaves[i], &proof).is_err());
                if n > 1 {
                    let other = (i + 1) % n;
                    assert!(verify(&head, n as u64, other as u64, &leaves[i], &proof).is_err());
                    let mut short = proof.clone();
                    short.0.pop();
                    assert!(verify(&head, n as u64, i as u64, &leaves[i], &short).is_err());
                }
                let mut long = proof.clone();
                long.0.push([0; 32]);
                assert!(verify(&head, n as u64, i as u64, &leaves[i], &long).is_err());
            }
            assert!(prove(&leaves, n).is_err());
        }
        assert!(verify(&root(&leaves(1)), 0, 0, b"", &MerkleProof::default()).is_err());
        assert!(verify(&root(&leaves(1)), u64::MAX, 0, b"", &MerkleProof::default()).is_err());
    }
}
