//! Rules of rounds, proofs and aggregates: the honest case, each lie, and the boundary.

use ogong_base::codec::{Decode, Encode};
use ogong_base::hash::{ConsensusId, NetworkId, NodeId};
use ogong_base::units::{Round, UnixMillis};

use crate::{Beacon, BeaconProof, Error, Schedule, Share, Validator, ValidatorSet, VrfKey, VrfProof, VrfPublic};

const ROUND: Round = Round(41);

fn network() -> NetworkId {
    NetworkId::of_name("beacon-tests")
}

fn key(seed: u8) -> VrfKey {
    VrfKey::from_seed([seed; 32]).expect("a seed is a key")
}

fn id(seed: u8) -> ConsensusId {
    ConsensusId::from_bytes([seed; 32])
}

fn set(stakes: &[(u8, u64)]) -> ValidatorSet {
    let validators = stakes.iter().map(|&(seed, stake)| Validator {
        consensus_id: id(seed),
        node_id: NodeId::from_bytes([seed; 32]),
        vrf: key(seed).public(),
        stake,
    });
    ValidatorSet::new(validators.collect()).expect("a good set")
}

fn share(seed: u8) -> Share {
    Share { consensus_id: id(seed), proof: key(seed).prove(network(), ROUND).expect("proof") }
}

#[test]
fn rounds_start_where_the_schedule_says() {
    let schedule = Schedule::new(UnixMillis(1_000), 3_000).expect("schedule");
    assert_eq!(schedule.round_at(UnixMillis(999)), None);
    assert_eq!(schedule.round_at(UnixMillis(1_000)), Some(Round(0)));
    assert_eq!(schedule.round_at(UnixMillis(3_999)), Some(Round(0)));
    assert_eq!(schedule.round_at(UnixMillis(4_000)), Some(Round(1)));
    assert_eq!(schedule.start_ms(Round(2)), UnixMillis(7_000));
    assert_eq!(schedule.start_ms(Round(u64::MAX)), UnixMillis(u64::MAX));
    assert!(!schedule.has_begun(Round(1), UnixMillis(3_999)) && schedule.has_begun(Round(1), UnixMillis(4_000)));
    assert_eq!(Schedule::new(UnixMillis(0), 0), Err(Error::Period));
    assert_eq!(Schedule::from_bytes(&schedule.to_bytes()), Ok(schedule));
    assert!(Schedule::from_bytes(&[0; 16]).is_err());
}

#[test]
fn a_record_waits_two_seconds_for_its_round() {
    let schedule = Schedule::new(UnixMillis(1_000), 3_000).expect("schedule");
    assert_eq!(schedule.first_round_after(UnixMillis(0)), Round(1), "2,000 is past round 0");
    assert_eq!(schedule.first_round_after(UnixMillis(2_000)), Round(1), "4,000 is just round 1's start");
    assert_eq!(schedule.first_round_after(UnixMillis(2_001)), Round(2));
    for received in (0..20_000).step_by(7) {
        let round = schedule.first_round_after(UnixMillis(received));
        assert!(schedule.start_ms(round).0 >= received + 2_000);
        assert!(round.0 == 0 || schedule.start_ms(Round(round.0 - 1)).0 < received + 2_000);
    }
}

#[test]
fn a_proof_holds_for_its_key_round_and_network_only() {
    let proof = key(1).prove(network(), ROUND).expect("proof");
    let public = key(1).public();
    let output = public.verify(network(), ROUND, &proof).expect("honest");
    assert_eq!(output, public.verify(network(), ROUND, &proof).expect("again"));
    assert!(public.verify(network(), Round(42), &proof).is_err());
    assert!(public.verify(NetworkId::of_name("other"), ROUND, &proof).is_err());
    assert!(key(2).public().verify(network(), ROUND, &proof).is_err());
    for byte in 0..proof.0.len() {
        let mut bent = proof;
        bent.0[byte] ^= 1;
        assert!(public.verify(network(), ROUND, &bent).is_err(), "byte {byte}");
    }
}

/// Adds the group order to the proof's scalar: the same proof to a decoder that reduces, other bytes to a hash.
fn malleated(proof: &VrfProof) -> VrfProof {
    const ORDER: [u8; 32] = [
        0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58, 0xd6, 0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde, 0x14, 0, 0, 0, 0, 0,
        0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x10,
    ];
    let mut bent = *proof;
    let mut carry = 0u16;
    for (byte, add) in bent.0[48..].iter_mut().zip(ORDER) {
        let sum = u16::from(*byte) + u16::from(add) + carry;
        *byte = sum.to_le_bytes()[0];
        carry = sum >> 8;
    }
    assert_eq!(carry, 0, "scalar plus order fits 256 bits");
    bent
}

#[test]
fn a_malleated_proof_is_refused() {
    let proof = key(3).prove(network(), ROUND).expect("proof");
    let bent = malleated(&proof);
    assert_ne!(bent, proof);
    let refused = key(3).public().verify(network(), ROUND, &bent);
    assert_eq!(refused, Err(Error::Proof("not in its canonical encoding")));
    let shares = vec![share(1), share(2), Share { consensus_id: id(3), proof: bent }];
    assert!(Beacon::aggregate(network(), ROUND, &set(&[(1, 1), (2, 1), (3, 1)]), shares).is_err());
}

#[test]
fn small_order_keys_are_refused() {
    let mut identity = [0; 32];
    identity[0] = 1;
    let proof = key(1).prove(network(), ROUND).expect("proof");
    assert_eq!(VrfPublic(identity).verify(network(), ROUND, &proof), Err(Error::PublicKey));
}

#[test]
fn an_aggregate_verifies_and_does_not_depend_on_arrival() {
    let set = set(&[(1, 5), (2, 5), (3, 5)]);
    let a = Beacon::aggregate(network(), ROUND, &set, vec![share(3), share(1), share(2), share(1)]).expect("aggregate");
    let b = Beacon::aggregate(network(), ROUND, &set, vec![share(1), share(2), share(3)]).expect("aggregate");
    assert_eq!(a, b);
    assert_eq!(a.verify(network(), &set), Ok(()));
    assert_eq!(a.participants(), [id(1), id(2), id(3)]);
    assert!(a.is_bootstrap() && !a.is_solo());
    assert_eq!(Beacon::from_bytes(&a.to_bytes()), Ok(a.clone()));
    assert!(a.verify(NetworkId::of_name("other"), &set).is_err());
    let mut late = a.clone();
    late.round = Round(42);
    assert!(late.verify(network(), &set).is_err());
}

#[test]
fn a_changed_value_or_order_or_duplicate_is_refused() {
    let set = set(&[(1, 5), (2, 5), (3, 5)]);
    let good = Beacon::aggregate(network(), ROUND, &set, vec![share(1), share(2), share(3)]).expect("aggregate");
    let mut value = good.clone();
    value.value = ogong_base::hash::Hash32::from_bytes([9; 32]);
    assert!(matches!(value.verify(network(), &set), Err(Error::Value { .. })));
    for shares in [vec![share(2), share(1), share(3)], vec![share(1), share(1), share(2)]] {
        let bad = Beacon { proof: BeaconProof::VrfAggregate { shares }, ..good.clone() };
        assert_eq!(bad.verify(network(), &set), Err(Error::Unordered(id(1))));
    }
    let stranger = Beacon { proof: BeaconProof::VrfAggregate { shares: vec![share(1), share(2), share(9)] }, ..good };
    assert_eq!(stranger.verify(network(), &set), Err(Error::Stranger(id(9))));
}

#[test]
fn exactly_two_thirds_of_stake_is_too_little() {
    let even = set(&[(1, 1), (2, 1), (3, 1)]);
    let refused = Beacon::aggregate(network(), ROUND, &even, vec![share(1), share(2)]);
    assert_eq!(refused, Err(Error::Stake { signed: 2, total: 3 }));
    let just_over = set(&[(1, 10), (2, 11), (3, 10)]);
    assert!(Beacon::aggregate(network(), ROUND, &just_over, vec![share(1), share(2)]).is_ok());
    assert!(Beacon::aggregate(network(), ROUND, &even, Vec::new()).is_err());
}

#[test]
fn a_lone_validator_is_solo() {
    let lone = set(&[(7, 1)]);
    let beacon = Beacon::aggregate(network(), ROUND, &lone, vec![share(7)]).expect("aggregate");
    assert!(beacon.is_solo() && beacon.is_bootstrap());
    assert_eq!(beacon.verify(network(), &lone), Ok(()));
    assert!(beacon.verify(network(), &set(&[(7, 1), (8, 1)])).is_err(), "peers who know more validators refuse it");
}

#[test]
fn validator_sets_are_checked() {
    let good = set(&[(2, 5), (1, 5)]);
    assert_eq!(ValidatorSet::from_bytes(&good.to_bytes()), Ok(good.clone()));
    assert_eq!(good.by_consensus_id(id(2)).map(|v| v.stake), Some(5));
    assert_eq!(good.by_consensus_id(id(3)), None);
    let one = *good.iter().next().expect("two validators");
    assert!(ValidatorSet::new(vec![one, one]).is_err(), "twice");
    assert!(ValidatorSet::new(Vec::new()).is_err(), "empty");
    assert!(ValidatorSet::new(vec![Validator { stake: 0, ..one }]).is_err(), "no stake");
    let other = Validator { consensus_id: id(9), stake: u64::MAX, ..one };
    assert!(ValidatorSet::new(vec![one, other]).is_err(), "overflow");
    assert!(ValidatorSet::from_bytes(&[0, 0, 0, 1]).is_err(), "a lying count");
}
