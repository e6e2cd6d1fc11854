//! Each filter, the boundary of each, and the shares of the draw over the whole registry.

use super::*;
use ogong_base::params::HEARTBEAT_MS;
use proptest::prelude::*;
use rand::SeedableRng;
use rand::rngs::StdRng;

const NOW: u64 = 1_000_000_000;
const ASKER: ConsensusId = ConsensusId::from_bytes([200; 32]);

fn model() -> ModelId {
    "ogong/verified/acme/small".parse().unwrap()
}

fn node(index: u8) -> NodeId {
    NodeId::from_bytes([index; 32])
}

fn listing(index: u8) -> Listing<u8> {
    Listing {
        node: node(index),
        model: model(),
        consensus: ConsensusId::from_bytes([index; 32]),
        price_prompt: 10,
        price_completion: 20,
        slots: 2,
        n_ctx: 4_096,
        issued_ms: NOW,
        expires_ms: NOW + 3_600_000,
        signed: index,
    }
}

fn query() -> Query {
    Query { peer: ASKER, model: model(), max_price: u64::MAX, tokens: 0, exclude: vec![] }
}

fn registry(indices: impl IntoIterator<Item = u8>) -> Registry<u8> {
    let mut registry = Registry::new();
    for index in indices {
        registry.upsert(listing(index), NOW).unwrap();
    }
    registry
}

fn rng() -> StdRng {
    StdRng::seed_from_u64(7)
}

#[test]
fn an_empty_registry_matches_nobody() {
    assert_eq!(registry([]).route(&query(), NOW, &mut rng()).unwrap_err(), NoMatch::Unoffered);
}

#[test]
fn a_provider_that_misses_its_heartbeats_is_gone_and_one_that_does_not_stays() {
    let mut registry = registry([1, 2]);
    for beat in 1..=3 {
        assert_eq!(registry.heartbeat(listing(1).consensus, node(1), &model(), 2, NOW + beat * HEARTBEAT_MS), Ok(true));
    }
    let later = NOW + HEARTBEAT_EXPIRY_MS;
    assert_eq!(registry.route(&query(), later, &mut rng()).unwrap().signed, 1);
    assert_eq!(registry.heartbeat(listing(2).consensus, node(2), &model(), 2, later), Ok(false));
    assert!(registry.live(node(2), &model(), later).is_none());
}

#[test]
fn an_expired_offer_is_gone_however_loud_its_heartbeat() {
    let mut registry = registry([1]);
    let expiry = listing(1).expires_ms;
    for now in (NOW..expiry).step_by(usize::try_from(HEARTBEAT_MS).unwrap()) {
        registry.heartbeat(listing(1).consensus, node(1), &model(), 2, now).unwrap();
    }
    assert!(registry.route(&query(), expiry - 1, &mut rng()).is_ok());
    assert_eq!(registry.route(&query(), expiry, &mut rng()).unwrap_err(), NoMatch::Unoffered);
}

#[test]
fn both_prices_count_and_the_ceiling_itself_is_allowed() {
    let mut registry = registry([1]);
    assert!(registry.route(&Query { max_price: 20, ..query() }, NOW, &mut rng()).is_ok());
    let refused = registry.route(&Query { max_price: 19, ..query() }, NOW, &mut rng()).unwrap_err();
    assert_eq!(refused, NoMatch::OverPrice { max_price: 19, least: 20 });
}

#[test]
fn context_tier_and_exclusion_filter() {
    let mut registry = registry([1]);
    assert!(registry.route(&Query { tokens: 4_096, ..query() }, NOW, &mut rng()).is_ok());
    let refused = registry.route(&Query { tokens: 4_097, ..query() }, NOW, &mut rng()).unwrap_err();
    assert_eq!(refused, NoMatch::Context { tokens: 4_097, largest: 4_096 });
    let other_tier = Query { model: "ogong/tee/acme/small".parse().unwrap(), ..query() };
    assert_eq!(registry.route(&other_tier, NOW, &mut rng()).unwrap_err(), NoMatch::Unoffered);
    let excluded = Query { exclude: vec![node(1)], ..query() };
    assert_eq!(registry.route(&excluded, NOW, &mut rng()).unwrap_err(), NoMatch::Excluded);
}

#[test]
fn a_burst_fills_every_slot_once_and_a_report_gives_one_back() {
    let mut registry = registry([1, 2, 3]);
    let mut rng = rng();
    let mut counts = [0u32; 4];
    for _ in 0..6 {
        counts[usize::from(registry.route(&query(), NOW, &mut rng).unwrap().signed)] += 1;
    }
    assert_eq!(counts, [0, 2, 2, 2]);
    assert_eq!(registry.route(&query(), NOW, &mut rng).unwrap_err(), NoMatch::Busy);
    assert!(registry.report(ASKER, node(2), &model(), Outcome::Served, NOW));
    assert_eq!(registry.route(&query(), NOW, &mut rng).unwrap().signed, 2);
}

#[test]
fn a_heartbeat_counts_what_has_arrived_and_not_what_is_on_its_way() {
    let mut registry = registry([1]);
    let mut rng = rng();
    registry.route(&query(), NOW, &mut rng).unwrap();
    // The first request runs by now, the provider says one slot is free; the second route is younger than the travel time.
    registry.route(&query(), NOW + 9_000, &mut rng).unwrap();
    registry.heartbeat(listing(1).consensus, node(1), &model(), 1, NOW + 10_000).unwrap();
    assert_eq!(registry.route(&query(), NOW + 10_000, &mut rng).unwrap_err(), NoMatch::Busy);
    // The oldest route ends: the provider's count of free slots rises by what it had counted.
    assert!(registry.report(ASKER, node(1), &model(), Outcome::Served, NOW + 11_000));
    assert!(registry.route(&query(), NOW + 11_000, &mut rng).is_ok());
}

#[test]
fn routes_nobody_reports_on_come_back_with_time() {
    let mut registry = registry([1]);
    let mut rng = rng();
    registry.route(&query(), NOW, &mut rng).unwrap();
    registry.route(&query(), NOW, &mut rng).unwrap();
    assert_eq!(registry.route(&query(), NOW, &mut rng).unwrap_err(), NoMatch::Busy);
    registry.heartbeat(listing(1).consensus, node(1), &model(), 2, NOW + TRAVEL_MS).unwrap();
    assert!(registry.route(&query(), NOW + TRAVEL_MS, &mut rng).is_ok());
}

#[test]
fn only_who_was_sent_may_report_and_once() {
    let mut registry = registry([1]);
    let stranger = ConsensusId::from_bytes([9; 32]);
    registry.route(&query(), NOW, &mut rng()).unwrap();
    assert!(!registry.report(stranger, node(1), &model(), Outcome::Failed, NOW));
    assert!(registry.report(ASKER, node(1), &model(), Outcome::Failed, NOW));
    assert!(!registry.report(ASKER, node(1), &model(), Outcome::Failed, NOW));
    assert_eq!(registry.reputation_ppm(&node(1), NOW), 500_000);
    assert_eq!(registry.reputation_ppm(&node(2), NOW), 1_000_000);
}

#[test]
fn reputation_outlives_a_withdrawn_offer() {
    let mut registry = registry([1]);
    registry.route(&query(), NOW, &mut rng()).unwrap();
    registry.report(ASKER, node(1), &model(), Outcome::Failed, NOW);
    assert_eq!(registry.withdraw(ConsensusId::from_bytes([9; 32]), node(1), &model()), Err(Refusal::Stranger));
    assert_eq!(registry.withdraw(listing(1).consensus, node(1), &model()), Ok(true));
    registry.upsert(listing(1), NOW).unwrap();
    assert_eq!(registry.reputation_ppm(&node(1), NOW), 500_000);
}

#[test]
fn heartbeats_of_a_stranger_and_older_offers_are_refused() {
    let mut registry = registry([1]);
    let stranger = ConsensusId::from_bytes([9; 32]);
    assert_eq!(registry.heartbeat(stranger, node(1), &model(), 0, NOW), Err(Refusal::Stranger));
    let older = Listing { issued_ms: NOW - 1, price_prompt: 1, ..listing(1) };
    assert_eq!(registry.upsert(older, NOW), Err(Refusal::Superseded));
    let newer = Listing { issued_ms: NOW + 1, price_prompt: 1, ..listing(1) };
    registry.upsert(newer, NOW + 1).unwrap();
    assert_eq!(registry.models(NOW + 1)[0].price_prompt, 1);
}

#[test]
fn a_node_may_not_fill_the_registry() {
    let mut registry = Registry::new();
    let offer =
        |index: usize| Listing { model: format!("ogong/verified/acme/m{index}").parse().unwrap(), ..listing(1) };
    for index in 0..OFFERS_PER_NODE_MAX {
        registry.upsert(offer(index), NOW).unwrap();
    }
    assert_eq!(registry.upsert(offer(OFFERS_PER_NODE_MAX), NOW), Err(Refusal::TooManyModels));
    assert_eq!(registry.upsert(offer(0), NOW), Ok(()));
}

#[test]
fn models_are_summed_over_live_offers() {
    let mut registry = registry([1, 2]);
    registry.upsert(Listing { model: "ogong/tee/acme/big".parse().unwrap(), ..listing(3) }, NOW).unwrap();
    registry.route(&query(), NOW, &mut rng()).unwrap();
    let models = registry.models(NOW);
    assert_eq!(
        models.iter().map(|summary| summary.model.to_string()).collect::<Vec<_>>(),
        ["ogong/tee/acme/big", "ogong/verified/acme/small"]
    );
    assert_eq!((models[1].providers, models[1].free_slots), (2, 3));
    assert!(registry.models(NOW + HEARTBEAT_EXPIRY_MS).is_empty());
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 16, ..ProptestConfig::default() })]
    /// Over the whole registry a provider is sent its share of stake × reputation, within six standard deviations.
    #[test]
    fn work_is_shared_by_stake_and_reputation(stakes in prop::collection::vec(1_000_000u64..40_000_000, 2..6), failures in 0u32..4, seed: u64) {
        const DRAWS: u32 = 3_000;
        let mut rng = StdRng::seed_from_u64(seed);
        let mut registry = registry(1..=u8::try_from(stakes.len()).unwrap());
        registry.set_stakes(stakes.iter().zip(1u8..).map(|(stake, index)| (node(index), *stake)).collect());
        let others: Vec<NodeId> = (2..=stakes.len()).map(|index| node(u8::try_from(index).unwrap())).collect();
        for _ in 0..failures {
            registry.route(&Query { exclude: others.clone(), ..query() }, NOW, &mut rng).unwrap();
            registry.report(ASKER, node(1), &model(), Outcome::Failed, NOW);
        }
        let weights: Vec<u128> = stakes.iter().zip(1u8..).map(|(stake, index)| weight(*stake, registry.reputation_ppm(&node(index), NOW))).collect();
        let total: u128 = weights.iter().sum();
        let mut counts = vec![0u32; stakes.len()];
        for _ in 0..DRAWS {
            let matched = registry.route(&query(), NOW, &mut rng).unwrap();
            counts[usize::from(matched.signed) - 1] += 1;
            registry.report(ASKER, node(matched.signed), &model(), Outcome::Abandoned, NOW);
        }
        for (count, weight) in counts.iter().zip(&weights) {
            let share = *weight as f64 / total as f64;
            let deviation = (f64::from(DRAWS) * share * (1.0 - share)).sqrt();
            prop_assert!((f64::from(*count) - share * f64::from(DRAWS)).abs() <= 6.0 * deviation + 1.0);
        }
    }
}
