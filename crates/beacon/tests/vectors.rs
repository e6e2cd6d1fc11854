//! Frozen vectors: RFC 9381 appendix B.3 (edwards25519, try-and-increment) and one aggregated round of our own.
//! `OGONG_BLESS=1` writes the file again; a changed value means a new protocol version.

use std::path::PathBuf;

use ogong_base::codec::{Decode, Encode};
use ogong_base::hash::{ConsensusId, NetworkId, NodeId};
use ogong_base::units::Round;
use ogong_beacon::{Beacon, Share, Validator, ValidatorSet, VrfKey, VrfProof, VrfPublic, verify_alpha};
use serde_json::{Value, json};

fn path() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../spec/vectors/beacon.json")
}

fn field<const N: usize>(value: &Value, name: &str) -> [u8; N] {
    let text = value[name].as_str().expect("a hex string");
    hex::decode(text).expect("hex").try_into().expect("length")
}

/// RFC 9381, appendix B.3, examples 16 to 18: secret, public, alpha, pi, beta.
const RFC9381: [[&str; 5]; 3] = [
    [
        "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
        "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
        "",
        "8657106690b5526245a92b003bb079ccd1a92130477671f6fc01ad16f26f723f26f8a57ccaed74ee1b190bed1f479d9727d2d0f9b005a6e456a35d4fb0daab1268a1b0db10836d9826a528ca76567805",
        "90cf1df3b703cce59e2a35b925d411164068269d7b2d29f3301c03dd757876ff66b71dda49d2de59d03450451af026798e8f81cd2e333de5cdf4f3e140fdd8ae",
    ],
    [
        "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
        "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
        "72",
        "f3141cd382dc42909d19ec5110469e4feae18300e94f304590abdced48aed5933bf0864a62558b3ed7f2fea45c92a465301b3bbf5e3e54ddf2d935be3b67926da3ef39226bbc355bdc9850112c8f4b02",
        "eb4440665d3891d668e7e0fcaf587f1b4bd7fbfe99d0eb2211ccec90496310eb5e33821bc613efb94db5e5b54c70a848a0bef4553a41befc57663b56373a5031",
    ],
    [
        "c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
        "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025",
        "af82",
        "9bc0f79119cc5604bf02d23b4caede71393cedfbb191434dd016d30177ccbf8096bb474e53895c362d8628ee9f9ea3c0e52c7a5c691b6c18c9979866568add7a2d41b00b05081ed0f58ee5e31b3a970e",
        "645427e5d00c62a23fb703732fa5d892940935942101e456ecca7bb217c61c452118fec1219202a0edcf038bb6373241578be7217ba85a2687f7a0310b2df19f",
    ],
];

fn round_vector() -> Value {
    let network = NetworkId::of_name("vectors");
    let round = Round(1_000_003);
    let seeds = [[0x11u8; 32], [0x22; 32], [0x33; 32]];
    let keys: Vec<VrfKey> = seeds.iter().map(|seed| VrfKey::from_seed(*seed).expect("key")).collect();
    let ids: Vec<ConsensusId> = (1..=3u8).map(|i| ConsensusId::from_bytes([i * 0x40; 32])).collect();
    let validators = keys.iter().zip(&ids).map(|(key, &consensus_id)| Validator {
        consensus_id,
        node_id: NodeId::from_bytes(*consensus_id.as_bytes()),
        vrf: key.public(),
        stake: 1_000,
    });
    let set = ValidatorSet::new(validators.collect()).expect("set");
    let shares: Vec<Share> = keys
        .iter()
        .zip(&ids)
        .map(|(key, &consensus_id)| Share { consensus_id, proof: key.prove(network, round).expect("proof") })
        .collect();
    let beacon = Beacon::aggregate(network, round, &set, shares.clone()).expect("aggregate");
    json!({
        "network_name": "vectors",
        "network": network.to_hex(),
        "round": round.0,
        "seeds": seeds.map(hex::encode),
        "consensus_ids": ids.iter().map(ConsensusId::to_hex).collect::<Vec<_>>(),
        "vrf_publics": keys.iter().map(|key| hex::encode(key.public().0)).collect::<Vec<_>>(),
        "proofs": shares.iter().map(|share| hex::encode(share.proof.0)).collect::<Vec<_>>(),
        "validator_set": hex::encode(set.to_bytes()),
        "value": beacon.value.to_hex(),
        "beacon": hex::encode(beacon.to_bytes()),
    })
}

fn vectors() -> Value {
    let rfc = RFC9381.map(|[secret, public, alpha, pi, beta]| {
        json!({ "secret": secret, "public": public, "alpha": alpha, "pi": pi, "beta": beta })
    });
    json!({ "rfc9381_edwards25519_tai": rfc, "aggregate": round_vector() })
}

#[test]
fn the_file_holds_what_the_code_computes() {
    if std::env::var_os("OGONG_BLESS").is_some() {
        let text = serde_json::to_string_pretty(&vectors()).expect("json") + "\n";
        std::fs::write(path(), text).expect("writable");
    }
    let frozen: Value = serde_json::from_slice(&std::fs::read(path()).expect("vector file")).expect("json");
    assert_eq!(frozen, vectors());
}

#[test]
fn the_standards_examples_hold() {
    let frozen: Value = serde_json::from_slice(&std::fs::read(path()).expect("vector file")).expect("json");
    for example in frozen["rfc9381_edwards25519_tai"].as_array().expect("list") {
        let key = VrfKey::from_seed(field(example, "secret")).expect("key");
        let public = VrfPublic(field(example, "public"));
        assert_eq!(key.public(), public);
        let alpha = hex::decode(example["alpha"].as_str().expect("hex")).expect("hex");
        let proof = VrfProof(field(example, "pi"));
        assert_eq!(key.prove_alpha(&alpha), Ok(proof));
        assert_eq!(verify_alpha(&public, &alpha, &proof), Ok(field(example, "beta")));
    }
}

#[test]
fn the_frozen_round_verifies_from_its_bytes() {
    let frozen: Value = serde_json::from_slice(&std::fs::read(path()).expect("vector file")).expect("json");
    let aggregate = &frozen["aggregate"];
    let bytes = hex::decode(aggregate["beacon"].as_str().expect("hex")).expect("hex");
    let beacon = Beacon::from_bytes(&bytes).expect("decodes");
    let set = ValidatorSet::from_bytes(&hex::decode(aggregate["validator_set"].as_str().expect("hex")).expect("hex"));
    assert_eq!(beacon.verify(NetworkId::of_name("vectors"), &set.expect("set")), Ok(()));
}
