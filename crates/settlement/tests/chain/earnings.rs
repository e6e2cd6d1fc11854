//! Work that settlement counted, an ended epoch's emission approved by a quorum, and the claims: on the real program, the chain's
//! clock moved instead of waiting. Every atom that is minted is computed here from the curve.

use super::world::{
    ADMIN, FEES, OWNER, PROVIDER, ROUTER, VALIDATORS, VERIFIER, World, address, enrolment, now_ms, open_with, travel,
    wallet,
};
use ogong_base::{RecordHash, ReplyId, hash::VerdictHash};
use ogong_settlement::{
    Error, Wallet,
    cosign::Cosignatures,
    emission::{self, EmissionPlan},
    interface::{
        Address, EPOCH_GRACE_MS,
        account::{EscrowStatus, Role},
    },
    message::{Quorum, QuorumMessage},
    plan::{Decision, OUTCOME_ACCEPT, OUTCOME_REJECT, SettlePlan},
    solana::{Claims, Earner, Enrolment, Standing, unpaid},
    token::ATOMS_PER_TOKEN,
};

const HOUR_MS: u64 = 3_600_000;

/// A world whose provider, router and verifier are registered.
async fn registered() -> World {
    registered_in(World::build().await).await
}

async fn registered_in(world: World) -> World {
    for seed in [PROVIDER, ROUTER, VERIFIER] {
        world.chain.airdrop(&address(seed), 10 * super::world::SOL).await.expect("an airdrop");
        world.chain.transfer(&wallet(ADMIN), &address(seed), 2 * ATOMS_PER_TOKEN).await.expect("sent");
    }
    for (seed, role, stake) in [(PROVIDER, Role::Provider, 0), (ROUTER, Role::Router, 1), (VERIFIER, Role::Verifier, 1)]
    {
        let registered =
            world.chain.stake_operator(&wallet(seed), &enrolment(seed, role), stake * ATOMS_PER_TOKEN).await;
        assert_eq!(registered.expect("registered").payout, address(seed));
    }
    world
}

/// Signs as the validators of these seeds, whoever is asked for.
fn signed(message: QuorumMessage, seeds: &[u8]) -> Cosignatures {
    let mut signatures = Cosignatures::new(message);
    seeds.iter().for_each(|seed| signatures.sign(&wallet(*seed)).expect("asked for"));
    signatures
}

/// Opens an escrow that names the operators and closes it, the verifier named.
async fn close(world: &World, nonce: u8, outcome: u8) -> ReplyId {
    close_with(world, nonce, outcome, (1, VALIDATORS[1])).await
}

/// The same at prices so many times as high, with a co-signer of choice.
async fn close_with(world: &World, nonce: u8, outcome: u8, (dearer, cosigner): (u64, u8)) -> ReplyId {
    let chain = &world.chain;
    let operators = [(Role::Provider, 41, PROVIDER), (Role::Router, 42, ROUTER)];
    let mut named = [None; 2];
    for (place, (role, node, payout)) in named.iter_mut().zip(operators) {
        *place = chain.operator_of(role, &super::world::node(node), &address(payout)).await.expect("read");
    }
    assert_eq!(named, [Some(address(PROVIDER)), Some(address(ROUTER))]);
    let (order, reply_id) = open_with(chain, nonce, HOUR_MS, named, dearer).await.expect("opened");
    let decision = Decision {
        record_hash: RecordHash::from_bytes([51; 32]),
        outcome,
        verdict_hash: VerdictHash::from_bytes([52; 32]),
        round: 7,
        n_prompt: 100,
        n_billed: 200,
        n_counted: 200,
        expiry_ms: order.deadline_ms,
        verifiers: vec![address(VERIFIER)],
    };
    let handler = wallet(VALIDATORS[0]);
    let accounts = chain.settle_accounts(&reply_id, &handler.address()).await.expect("read");
    let plan = SettlePlan::new(&accounts, &decision).expect("a plan");
    let peers = |message: Vec<u8>, _: Vec<Address>| {
        let ours = QuorumMessage::check(&plan, &message).expect("the peers decide the same");
        let signature = (address(cosigner), wallet(cosigner).sign(&ours.bytes));
        async move { vec![signature] }
    };
    let closed = chain.settle(&plan, &handler, &[address(cosigner)], peers).await.expect("closed");
    let paid = if outcome == OUTCOME_REJECT { EscrowStatus::Refunded } else { EscrowStatus::Settled };
    assert_eq!(closed.escrow.status, paid);
    assert_eq!(unpaid(&closed.escrow), [address(VERIFIER)]);
    reply_id
}

/// Ends the current epoch on the chain's own clock.
async fn end_epoch(world: &World) {
    let config = world.chain.config().await.expect("read");
    let over_ms = config.epoch_started_ms + config.epoch_length_ms + 1_000;
    if world.chain.clock_ms().await.expect("read") < over_ms {
        travel(&world.chain, over_ms).await;
    }
    world.chain.advance_epoch(&wallet(VALIDATORS[1]), config.stake_epoch).await.expect("begun");
}

/// Moves the clock behind the grace of the epoch that ended last.
async fn close_epoch(world: &World) {
    let config = world.chain.config().await.expect("read");
    travel(&world.chain, config.epoch_started_ms + EPOCH_GRACE_MS + 2_000).await;
}

async fn approve(world: &World, epoch: u64, seeds: &[u8]) -> Result<(), Error> {
    let plan = EmissionPlan::new(&world.chain.emission_accounts(epoch).await?, &address(seeds[0]))?;
    let cosigners: Vec<Address> = seeds[1..].iter().map(|seed| address(*seed)).collect();
    let blockhash = world.chain.blockhash().await?;
    let message = world.chain.message(&plan, &Quorum::Cosigners(cosigners), &blockhash, 0).await?;
    world.chain.send_signed(&signed(message, seeds), &blockhash).await.map(drop)
}

async fn claim(world: &World, seed: u8) -> Claims {
    let wallet = wallet(seed);
    world.chain.claim_all(&wallet, &wallet.address(), None).await.expect("claims")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_verifier_is_paid_its_flat_fee_whatever_the_verdict_and_once() {
    let world = registered().await;
    let fee = world.config.verifier_fee;
    let payer = wallet(OWNER);
    let reserve = [world.config.reserve_owner, address(VERIFIER)];
    let balances = || async { world.chain.token_balances(&world.config.mint, &reserve).await.expect("balances") };
    let refused = close(&world, 1, OUTCOME_REJECT).await;
    let poor = world.chain.pay_verifiers(&payer, &refused).await.expect_err("a reject brings the reserve nothing");
    assert!(matches!(poor, Error::Refused(ogong_settlement::interface::ChainError::ReserveTooLow)), "{poor:?}");
    // One reply's share of the reserve is less than the fee: four pay for one audit.
    let mut accepted = Vec::new();
    for nonce in 2..=5 {
        accepted.push(close(&world, nonce, OUTCOME_ACCEPT).await);
    }
    let [before_reserve, before_verifier] = balances().await[..] else { panic!("two") };
    for _ in 0..2 {
        let escrow = world.chain.pay_verifiers(&payer, &refused).await.expect("paid now, and paid already");
        assert!(unpaid(&escrow).is_empty());
        assert_eq!(balances().await, [before_reserve - fee, before_verifier + fee]);
    }
    let strangers = Enrolment { node_id: super::world::node(41), ..enrolment(OWNER, Role::Provider) };
    world.chain.stake_operator(&payer, &strangers, 0).await.expect("anybody may claim to run a node");
    let found =
        world.chain.operator_of(Role::Provider, &super::world::node(41), &address(PROVIDER)).await.expect("read");
    assert_eq!(found, Some(address(PROVIDER)), "but its payout is not the provider's");
    assert_eq!(
        world.chain.operator_of(Role::Router, &super::world::node(41), &address(PROVIDER)).await.expect("read"),
        None
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_ended_epochs_emission_is_approved_once_and_claimed_once() {
    let world = registered().await;
    let chain = &world.chain;
    let stranger = chain.earnings(&address(200)).await.expect_err("never seen");
    assert!(matches!(stranger, Error::NotRegistered(_)) && stranger.hint().is_some(), "{stranger:?}");
    for nonce in 1..=3 {
        close(&world, nonce, OUTCOME_ACCEPT).await;
    }
    let paid = close(&world, 4, OUTCOME_ACCEPT).await;
    chain.pay_verifiers(&wallet(OWNER), &paid).await.expect("paid");
    let standing = |seed: u8| async move { chain.earnings(&address(seed)).await.expect("read")[0].standing };
    assert_eq!(standing(PROVIDER).await, Standing::Counting);
    assert!(matches!(approve(&world, 0, &VALIDATORS).await, Err(Error::EpochOpen { epoch: 0 })));
    end_epoch(&world).await;
    assert!(matches!(approve(&world, 0, &VALIDATORS).await, Err(Error::EpochOpen { epoch: 0 })), "in its grace");
    assert_eq!(chain.unapproved_epochs().await.expect("read"), [] as [u64; 0]);
    close_epoch(&world).await;
    assert_eq!(chain.unapproved_epochs().await.expect("read"), [0]);
    let early = chain.claim_all(&wallet(PROVIDER), &address(PROVIDER), Some(0)).await.expect_err("not approved");
    assert!(matches!(early, Error::EmissionPending { epoch: 0 }) && early.hint().is_some(), "{early:?}");

    // The figures, from the chain's counters by hand: four replies of 900,000 atoms, 15% of it outside.
    let (epoch, supply) = (chain.epoch(0).await.expect("read").expect("there"), chain.supply().await.expect("read"));
    let outside = 4 * 3 * 45_000;
    assert_eq!((epoch.totals.fees, epoch.totals.outside_fees), (4 * 900_000, outside));
    assert_eq!((epoch.totals.routes, epoch.totals.audits, epoch.totals.verifications), (4, 8, 1));
    let whole = emission::emitted((epoch.ended_ms - supply.launched_ms) / 1_000)
        - emission::emitted((epoch.started_ms.max(supply.launched_ms) - supply.launched_ms) / 1_000);
    assert!(whole / 20 > outside, "the curve's share of an hour is over what so little work may mint");
    // Of what left the payers' purses 59, 5, 10 and 10 parts of 84.
    let [providers, routers, validators, verifiers] = [59, 5, 10, 10].map(|part| outside * part / 84);
    assert!(matches!(standing(ROUTER).await, Standing::Unapproved(atoms) if atoms == routers));

    let minority = approve(&world, 0, &VALIDATORS[1..]).await;
    assert!(minority.is_err(), "half of the stake approves nothing");
    approve(&world, 0, &VALIDATORS[..2]).await.expect("80 of 100");
    assert!(matches!(approve(&world, 0, &VALIDATORS).await, Err(Error::EmissionApproved { epoch: 0 })));

    let minted = chain.supply().await.expect("read").emitted;
    let earners: [(u8, u8, Earner, u64); 5] = [
        (PROVIDER, PROVIDER, Earner::Operator(Role::Provider), providers),
        (ROUTER, ROUTER, Earner::Operator(Role::Router), routers),
        (VERIFIER, VERIFIER, Earner::Operator(Role::Verifier), verifiers),
        (VALIDATORS[0], FEES, Earner::Validator, validators / 2),
        (VALIDATORS[1], FEES, Earner::Validator, validators / 2),
    ];
    for (seed, payee, earner, atoms) in earners {
        let before = chain.token_balance(&address(payee)).await.expect("read");
        assert_eq!(standing(seed).await, Standing::Claimable(atoms), "{earner}");
        let claims = claim(&world, seed).await;
        assert_eq!(
            claims.claimed.iter().map(|(earning, atoms)| (earning.earner, *atoms)).collect::<Vec<_>>(),
            [(earner, atoms)]
        );
        assert_eq!(chain.token_balance(&address(payee)).await.expect("read"), before + atoms, "{earner}");
        assert_eq!(claim(&world, seed).await, Claims::default(), "{earner}: nothing to claim");
    }
    assert!(claim(&world, VALIDATORS[2]).await.claimed.is_empty(), "it signed nothing");
    let minted = chain.supply().await.expect("read").emitted - minted;
    assert_eq!(minted, earners.iter().map(|(.., atoms)| atoms).sum::<u64>(), "and not an atom more");
    assert!(minted <= outside, "all roles together are minted no more than left the payers' purses");
    assert_eq!(chain.unapproved_epochs().await.expect("read"), [] as [u64; 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn where_fees_are_large_an_epoch_mints_what_the_curve_released_in_proportion_to_work() {
    let parameters = super::world::initialisation();
    let short = ogong_settlement::solana::Initialisation { epoch_length_ms: 1_000, ..parameters };
    let world = registered_in(World::with(&short).await).await;
    let chain = &world.chain;
    chain.transfer(&wallet(ADMIN), &address(OWNER), 500_000 * ATOMS_PER_TOKEN).await.expect("sent");
    // 90,000 OGONG a reply: the fees that leave the provider's purse are over what the curve releases in half an hour.
    for (nonce, cosigner) in [(1, VALIDATORS[1]), (2, VALIDATORS[1]), (3, VALIDATORS[2])] {
        let reply = close_with(&world, nonce, OUTCOME_ACCEPT, (100_000_000, cosigner)).await;
        chain.pay_verifiers(&wallet(OWNER), &reply).await.expect("paid");
    }
    end_epoch(&world).await;
    close_epoch(&world).await;
    let (epoch, supply) = (chain.epoch(0).await.expect("read").expect("there"), chain.supply().await.expect("read"));
    // The first four years release 2·10⁹ OGONG evenly.
    let released = |at_ms: u64| {
        let seconds = at_ms.saturating_sub(supply.launched_ms) / 1_000;
        u64::try_from(u128::from(seconds) * 2_000_000_000_000_000_000 / 126_230_400).expect("atoms")
    };
    let whole = released(epoch.ended_ms) - released(epoch.started_ms);
    let bps = |bps: u64| u64::try_from(u128::from(whole) * u128::from(bps) / 10_000).expect("atoms");
    let (routers, validators, verifiers) = (bps(500), bps(1_000), bps(1_000));
    let providers = whole - routers - validators - verifiers - bps(1_600);
    assert!(providers < epoch.totals.outside_fees, "nothing is capped: {providers} {:?}", epoch.totals);
    approve(&world, 0, &VALIDATORS).await.expect("all of them");
    assert_eq!(
        chain.emission(0).await.expect("read").expect("there").amounts,
        [providers, routers, validators, verifiers, 0]
    );
    let before = supply.emitted;
    // Three audits each signed by the handler, two by the second validator, one by the third.
    let expected = [
        (PROVIDER, providers),
        (ROUTER, routers),
        (VERIFIER, verifiers),
        (VALIDATORS[0], validators / 2),
        (VALIDATORS[1], validators / 3),
        (VALIDATORS[2], validators / 6),
    ];
    for (seed, atoms) in expected {
        assert_eq!(claim(&world, seed).await.atoms(), atoms, "{seed}");
        assert_eq!(claim(&world, seed).await.atoms(), 0, "{seed}, again");
    }
    let minted = chain.supply().await.expect("read").emitted - before;
    assert_eq!(minted, expected.iter().map(|(_, atoms)| atoms).sum::<u64>());
}

#[tokio::test(flavor = "multi_thread")]
async fn validators_that_begin_an_epoch_at_once_all_find_it_begun() {
    let world = World::build().await;
    let early = world.chain.advance_epoch(&wallet(VALIDATORS[0]), 0).await;
    assert!(early.is_err(), "{early:?}");
    let config = world.chain.config().await.expect("read");
    travel(&world.chain, config.epoch_started_ms + config.epoch_length_ms + 1_000).await;
    assert!(world.chain.clock_ms().await.expect("read") > now_ms() + HOUR_MS / 2, "the chain's clock, not ours");
    let [one, two, three] = VALIDATORS.map(wallet);
    let begin = |wallet: &Wallet| {
        let (chain, wallet) = (world.chain.clone(), wallet.clone());
        async move { chain.advance_epoch(&wallet, 0).await }
    };
    let begun = tokio::join!(begin(&one), begin(&two), begin(&three));
    for config in [begun.0, begun.1, begun.2] {
        assert_eq!(config.expect("begun, by whoever").stake_epoch, 1);
    }
    assert_eq!(world.chain.config().await.expect("read").stake_epoch, 1);
}
