//! Tagged hashes (SPEC 0) by the runtime's sha256 syscall.

use solana_sha256_hasher::hashv;

/// `H(tag, m) = sha256(bytes(tag) ‖ m)`.
pub fn tagged(tag: &str, message: &[u8]) -> [u8; 32] {
    let length = (tag.len() as u32).to_le_bytes();
    hashv(&[&length, tag.as_bytes(), message]).to_bytes()
}

/// Untagged, of all parts in a row: the seed of a model's address (SPEC 9.1), and evidence (SPEC 9.12).
pub fn sha256(parts: &[&[u8]]) -> [u8; 32] {
    hashv(parts).to_bytes()
}
