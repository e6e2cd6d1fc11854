//! Inclusion proofs of Merkle trees as RFC 6962 hashes them, leaves being settlement digests (SPEC 9.8).

use solana_sha256_hasher::hashv;

/// Whether `leaf` is number `index` of the `count` leaves under `root` (RFC 9162, 2.1.3.2).
pub fn includes(root: &[u8; 32], count: u32, index: u32, leaf: &[u8; 32], proof: &[[u8; 32]]) -> bool {
    let Some(mut last) = count.checked_sub(1).filter(|last| index <= *last) else { return false };
    let mut place = index;
    let mut node = hashv(&[&[0], leaf]).to_bytes();
    for sibling in proof {
        if last == 0 {
            return false;
        }
        if place & 1 == 1 || place == last {
            node = inner(sibling, &node);
            while place & 1 == 0 && place != 0 {
                (place, last) = (place >> 1, last >> 1);
            }
        } else {
            node = inner(&node, sibling);
        }
        (place, last) = (place >> 1, last >> 1);
    }
    last == 0 && node == *root
}

fn inner(left: &[u8; 32], right: &[u8; 32]) -> [u8; 32] {
    hashv(&[&[1], left, right]).to_bytes()
}
