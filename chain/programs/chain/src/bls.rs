//! Proof that a validator has the secret key of a BLS12-381 key in G2 (SPEC 9.10): a Schnorr proof, checked by the runtime's
//! curve syscalls. Nothing has to be hashed to a curve, as it would for a signature of the key.

use crate::hash;
use anchor_lang::prelude::*;

/// `s·G = R + c·K`, c the first 16 bytes of the tagged hash over network, program, authority, K and R.
#[derive(AnchorSerialize, AnchorDeserialize, Clone)]
pub struct Proof {
    /// R, compressed.
    pub commitment: [u8; 96],
    /// s, big-endian, reduced.
    pub response: [u8; 32],
}

/// G, compressed.
const GENERATOR: [u8; 96] = [
    0x93, 0xe0, 0x2b, 0x60, 0x52, 0x71, 0x9f, 0x60, 0x7d, 0xac, 0xd3, 0xa0, 0x88, 0x27, 0x4f, 0x65, 0x59, 0x6b, 0xd0,
    0xd0, 0x99, 0x20, 0xb6, 0x1a, 0xb5, 0xda, 0x61, 0xbb, 0xdc, 0x7f, 0x50, 0x49, 0x33, 0x4c, 0xf1, 0x12, 0x13, 0x94,
    0x5d, 0x57, 0xe5, 0xac, 0x7d, 0x05, 0x5d, 0x04, 0x2b, 0x7e, 0x02, 0x4a, 0xa2, 0xb2, 0xf0, 0x8f, 0x0a, 0x91, 0x26,
    0x08, 0x05, 0x27, 0x2d, 0xc5, 0x10, 0x51, 0xc6, 0xe4, 0x7a, 0xd4, 0xfa, 0x40, 0x3b, 0x02, 0xb4, 0x51, 0x0b, 0x64,
    0x7a, 0xe3, 0xd1, 0x77, 0x0b, 0xac, 0x03, 0x26, 0xa8, 0x05, 0xbb, 0xef, 0xd4, 0x80, 0x56, 0xc8, 0xc1, 0x21, 0xbd,
    0xb8,
];

/// The bit of a compressed point that says infinity, whose secret key everybody knows.
const INFINITY: u8 = 0x40;

/// Whether the proof is one for `key`, made for this registration.
pub fn has_secret(key: &[u8; 96], proof: &Proof, network: &[u8; 32], authority: &Pubkey) -> bool {
    key[0] & INFINITY == 0 && equation_holds(key, proof, &challenge(key, proof, network, authority)) == Some(true)
}

fn challenge(key: &[u8; 96], proof: &Proof, network: &[u8; 32], authority: &Pubkey) -> [u8; 32] {
    let mut message = Vec::with_capacity(288);
    message.extend_from_slice(network);
    message.extend_from_slice(crate::ID.as_ref());
    message.extend_from_slice(authority.as_ref());
    message.extend_from_slice(key);
    message.extend_from_slice(&proof.commitment);
    let digest = hash::tagged("ogong/v1/settlement/bls-key", &message);
    let mut scalar = [0; 32];
    scalar[16..].copy_from_slice(&digest[..16]);
    scalar
}

fn equation_holds(key: &[u8; 96], proof: &Proof, challenge: &[u8; 32]) -> Option<bool> {
    let left = g2::multiply(&proof.response, &g2::decompress(&GENERATOR)?)?;
    let scaled = g2::multiply(challenge, &g2::decompress(key)?)?;
    let right = g2::add(&g2::decompress(&proof.commitment)?, &scaled)?;
    Some(left == right)
}

/// The syscalls (SIMD-0388), big-endian. None for points outside the group and scalars that are not reduced.
#[cfg(any(target_os = "solana", target_arch = "bpf"))]
mod g2 {
    use solana_define_syscall::definitions::{sol_curve_decompress, sol_curve_group_op};

    pub type Point = [u8; 192];

    const G2_BIG_ENDIAN: u64 = 6 | 0x80;
    const ADD: u64 = 0;
    const MULTIPLY: u64 = 2;

    pub fn decompress(point: &[u8; 96]) -> Option<Point> {
        let mut result = [0; 192];
        // SAFETY: the syscall reads 96 bytes and writes 192.
        let failed = unsafe { sol_curve_decompress(G2_BIG_ENDIAN, point.as_ptr(), result.as_mut_ptr()) };
        (failed == 0).then_some(result)
    }

    pub fn add(left: &Point, right: &Point) -> Option<Point> {
        group_op(ADD, left, right)
    }

    pub fn multiply(scalar: &[u8; 32], point: &Point) -> Option<Point> {
        group_op(MULTIPLY, scalar, point)
    }

    fn group_op(op: u64, left: &[u8], right: &Point) -> Option<Point> {
        let mut result = [0; 192];
        // SAFETY: the syscall reads a scalar (32 bytes) or point (192) on the left, a point on the right, and writes a point.
        let failed =
            unsafe { sol_curve_group_op(G2_BIG_ENDIAN, op, left.as_ptr(), right.as_ptr(), result.as_mut_ptr()) };
        (failed == 0).then_some(result)
    }
}

/// There are no syscalls off the chain: nothing verifies.
#[cfg(not(any(target_os = "solana", target_arch = "bpf")))]
mod g2 {
    pub type Point = [u8; 192];

    pub fn decompress(_: &[u8; 96]) -> Option<Point> {
        None
    }

    pub fn add(_: &Point, _: &Point) -> Option<Point> {
        None
    }

    pub fn multiply(_: &[u8; 32], _: &Point) -> Option<Point> {
        None
    }
}
