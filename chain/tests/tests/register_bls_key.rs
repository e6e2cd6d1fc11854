//! `register_bls_key`: a key whose owner shows that it has the secret one.

use blstrs::{G2Projective, Scalar};
use group::Group;
use litesvm::types::TransactionResult;
use ogong_chain_interface::account::Validator;
use ogong_chain_interface::instruction::RegisterBlsKey;
use ogong_chain_interface::{Address, ChainError, PROGRAM_ID, address};
use ogong_chain_tests::Expected::{Chain, Number};
use ogong_chain_tests::world::NETWORK;
use ogong_chain_tests::{Refusal, World, check};
use sha2::{Digest, Sha256};

/// Anchor's: the account is not the one its seeds derive.
const SEEDS: u32 = 2006;
/// Anchor's: there is no such account.
const NOT_INITIALIZED: u32 = 3012;
/// Anchor's: the key did not sign.
const NOT_SIGNER: u32 = 3010;

/// `H("ogong/v1/settlement/bls-key", network ‖ program ‖ authority ‖ K ‖ R)`, its first 16 bytes big-endian.
fn challenge(network: &[u8; 32], authority: &Address, key: &[u8; 96], commitment: &[u8; 96]) -> Scalar {
    const TAG: &str = "ogong/v1/settlement/bls-key";
    let digest = Sha256::new()
        .chain_update(u32::try_from(TAG.len()).expect("a length").to_le_bytes())
        .chain_update(TAG)
        .chain_update(network)
        .chain_update(PROGRAM_ID.as_array())
        .chain_update(authority.as_array())
        .chain_update(key)
        .chain_update(commitment)
        .finalize();
    let mut bytes = [0; 32];
    bytes[16..].copy_from_slice(&digest[..16]);
    Scalar::from_bytes_be(&bytes).expect("128 bits are less than the order")
}

/// The key of a secret number, with the proof for a registration.
pub fn registration(network: &[u8; 32], authority: Address, secret: u64) -> RegisterBlsKey {
    let (secret, nonce) = (Scalar::from(secret), Scalar::from(0x5eed_u64));
    let key = (G2Projective::generator() * secret).to_compressed();
    let commitment = (G2Projective::generator() * nonce).to_compressed();
    let response = nonce + challenge(network, &authority, &key, &commitment) * secret;
    RegisterBlsKey { authority, key, commitment, response: response.to_bytes_be() }
}

fn register(world: &mut World, spoil: fn(&mut RegisterBlsKey)) -> TransactionResult {
    let mut registration = registration(&NETWORK, world.validators[0].address(), 77);
    spoil(&mut registration);
    world.send(registration, &world.quorum()[..1])
}

pub const REFUSALS: &[Refusal] = &[
    Refusal {
        name: "one bit of the response",
        expected: Chain(ChainError::BlsProofInvalid),
        attempt: |world| register(world, |registration| registration.response[31] ^= 1),
    },
    Refusal {
        name: "a response that is not reduced",
        expected: Chain(ChainError::BlsProofInvalid),
        attempt: |world| register(world, |registration| registration.response = [0xff; 32]),
    },
    Refusal {
        name: "another commitment",
        expected: Chain(ChainError::BlsProofInvalid),
        attempt: |world| register(world, |registration| registration.commitment = registration.key),
    },
    Refusal {
        name: "bytes that are no point",
        expected: Chain(ChainError::BlsProofInvalid),
        attempt: |world| register(world, |registration| registration.key = [0xff; 96]),
    },
    Refusal {
        name: "infinity, whose secret everybody knows",
        expected: Chain(ChainError::BlsProofInvalid),
        attempt: |world| {
            let infinity = registration(&NETWORK, world.validators[0].address(), 0);
            assert_eq!(infinity.key[0], 0xc0);
            world.send(infinity, &world.quorum()[..1])
        },
    },
    Refusal {
        name: "another validator's key and proof",
        expected: Chain(ChainError::BlsProofInvalid),
        attempt: |world| {
            let theirs = registration(&NETWORK, world.validators[1].address(), 77);
            let stolen = RegisterBlsKey { authority: world.validators[0].address(), ..theirs };
            world.send(stolen, &world.quorum()[..1])
        },
    },
    Refusal {
        name: "a proof from another network",
        expected: Chain(ChainError::BlsProofInvalid),
        attempt: |world| {
            let elsewhere = registration(&[0xdd; 32], world.validators[0].address(), 77);
            world.send(elsewhere, &world.quorum()[..1])
        },
    },
    Refusal {
        name: "into another's registration",
        expected: Number(SEEDS),
        attempt: |world| {
            let registration = registration(&NETWORK, world.validators[0].address(), 77);
            let mut instruction = registration.instruction(&PROGRAM_ID);
            instruction.accounts[2].pubkey = address::validator(&PROGRAM_ID, &world.validators[1].address());
            world.send(instruction, &world.quorum()[..1])
        },
    },
    Refusal {
        name: "without the validator's signature",
        expected: Number(NOT_SIGNER),
        attempt: |world| {
            let registration = registration(&NETWORK, world.validators[0].address(), 77);
            let mut instruction = registration.instruction(&PROGRAM_ID);
            instruction.accounts[0].is_signer = false;
            world.send(instruction, &[world.owner.key.insecure_clone()])
        },
    },
    Refusal {
        name: "not registered",
        expected: Number(NOT_INITIALIZED),
        attempt: |world| {
            let registration = registration(&NETWORK, world.owner.address(), 77);
            world.send(registration, &[world.owner.key.insecure_clone()])
        },
    },
];

/// The runtime's curve syscalls check it, as mainnet has them; the key can be changed for another.
#[test]
fn a_key_with_its_proof_is_entered() {
    let mut world = World::with_stakes(&[1_000; 3]);
    let authority = world.validators[0].address();
    for secret in [77, 78] {
        let registration = registration(&NETWORK, authority, secret);
        world.must(registration.clone(), &world.quorum()[..1]);
        let validator = Validator::decode(&world.data(&address::validator(&PROGRAM_ID, &authority)));
        assert_eq!(validator.expect("a validator").bls_key, registration.key);
    }
}

#[test]
fn refusals() {
    check(REFUSALS);
}
