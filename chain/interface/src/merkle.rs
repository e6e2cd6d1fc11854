//! Merkle trees as RFC 6962 hashes them, over settlement digests (SPEC 9.8): what a batch's quorum signs, and what settles one
//! reply of it.

use sha2::{Digest, Sha256};

/// The root over `leaves`; of none, the hash of nothing.
pub fn root(leaves: &[[u8; 32]]) -> [u8; 32] {
    match leaves {
        [] => Sha256::digest([]).into(),
        [leaf] => Sha256::new().chain_update([0]).chain_update(leaf).finalize().into(),
        leaves => {
            let (left, right) = leaves.split_at(split(leaves.len()));
            let inner = Sha256::new().chain_update([1]).chain_update(root(left)).chain_update(root(right));
            inner.finalize().into()
        }
    }
}

/// The siblings from leaf `index` up to the root; none where there is no such leaf.
pub fn proof(leaves: &[[u8; 32]], index: usize) -> Option<Vec<[u8; 32]>> {
    match leaves {
        [] => None,
        [_] => (index == 0).then(Vec::new),
        leaves => {
            let at = split(leaves.len());
            let (left, right) = leaves.split_at(at);
            let (mut path, sibling) =
                if index < at { (proof(left, index)?, right) } else { (proof(right, index - at)?, left) };
            path.push(root(sibling));
            Some(path)
        }
    }
}

/// The largest power of two under `count`, which is over 1.
fn split(count: usize) -> usize {
    count.next_power_of_two() / 2
}

#[cfg(test)]
mod tests {
    use super::{proof, root};

    #[test]
    fn a_tree_of_one_is_its_leaf_and_proofs_have_the_depth() {
        let leaves: Vec<[u8; 32]> = (0..9).map(|n| [n; 32]).collect();
        assert_ne!(root(&leaves[..1]), leaves[0], "leaves are hashed with their own prefix");
        assert_eq!(proof(&leaves[..1], 0), Some(vec![]));
        assert_eq!(proof(&leaves, 0).map(|path| path.len()), Some(4));
        assert_eq!(proof(&leaves, 8).map(|path| path.len()), Some(1));
        assert_eq!(proof(&leaves, 9), None);
        assert_eq!(proof(&[], 0), None);
    }
}
