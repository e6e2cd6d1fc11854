//! Quorums that one signature set of one transaction does not show: approvals of a large committee, and one word for many replies. On
//! the real program, every balance to the atom.

use ogong_base::{RecordHash, ReplyId, hash::VerdictHash};
use ogong_settlement::{
    Error,
    batch::BatchPlan,
    cosign::Cosignatures,
    interface::{
        Address, ChainError,
        account::{EscrowStatus, Role},
        address as places,
    },
    message::{Quorum, QuorumMessage, QuorumPlan, choose_cosigners},
    plan::{Decision, OUTCOME_ACCEPT, SettlePlan},
    solana::Settled,
    token::ATOMS_PER_TOKEN,
};

use super::world::{ADMIN, FEES, OWNER, SOL, VALIDATORS, World, address, open, registration, wallet};

const HOUR_MS: u64 = 3_600_000;

async fn planned(world: &World, nonce: u8) -> (ReplyId, SettlePlan) {
    let (order, reply_id) = open(&world.chain, nonce, HOUR_MS).await.expect("opened");
    let decision = Decision {
        record_hash: RecordHash::from_bytes([51; 32]),
        outcome: OUTCOME_ACCEPT,
        verdict_hash: VerdictHash::from_bytes([nonce; 32]),
        round: 7,
        n_prompt: 100,
        n_billed: 200,
        n_counted: 200,
        expiry_ms: order.deadline_ms,
        verifiers: Vec::new(),
    };
    let accounts = world.chain.settle_accounts(&reply_id, &address(VALIDATORS[0])).await.expect("read");
    (reply_id, SettlePlan::new(&accounts, &decision).expect("a plan"))
}

/// Signs as the validators of these seeds and sends.
async fn send(world: &World, message: QuorumMessage, seeds: &[u8], blockhash: &ogong_settlement::solana::Blockhash) {
    let mut signatures = Cosignatures::new(message);
    seeds.iter().for_each(|seed| signatures.sign(&wallet(*seed)).expect("asked for"));
    world.chain.send_signed(&signatures, blockhash).await.expect("taken");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_committee_of_fifteen_settles_by_approvals_and_gets_the_rent_back() {
    let world = World::build().await;
    let chain = &world.chain;
    let more: Vec<u8> = (60..72).collect();
    for seed in &more {
        chain.airdrop(&address(*seed), SOL).await.expect("an airdrop");
        chain.transfer(&wallet(ADMIN), &address(*seed), 20 * ATOMS_PER_TOKEN).await.expect("sent");
        let registration = registration(*seed, 20 * ATOMS_PER_TOKEN);
        chain.register_validator(&wallet(*seed), &registration).await.expect("registered");
    }
    let (reply_id, plan) = planned(&world, 1).await;
    let handler = wallet(VALIDATORS[0]);
    let everybody: Vec<Address> = VALIDATORS.iter().chain(&more).map(|seed| address(*seed)).collect();
    let cosigners = choose_cosigners(&plan, &everybody).expect("240 of 340");
    assert_eq!(cosigners.len(), 9, "and the handler: ten signatures");
    let blockhash = chain.blockhash().await.expect("read");
    let direct = chain.message(&plan, &Quorum::Cosigners(cosigners.clone()), &blockhash, 0).await;
    assert!(matches!(direct, Err(Error::TooLong { .. })), "{direct:?}");

    chain.prepare_payees(&plan, &handler).await.expect("prepared");
    for _ in 0..2 {
        chain.approve(&plan, &handler).await.expect("approved, and approved already");
    }
    let place = places::approvals(&chain.program(), &plan.digest(), plan.validators.epoch);
    let early = chain.message(&plan, &Quorum::Approvals(place), &blockhash, 0).await.expect("fits");
    let mut alone = Cosignatures::new(early);
    alone.sign(&handler).expect("the handler");
    let refused = chain.send_settlement(&reply_id, &alone, &blockhash).await;
    assert!(matches!(refused, Err(Error::Refused(ChainError::QuorumNotReached))), "{refused:?}");

    let seeds: Vec<u8> =
        VALIDATORS.iter().chain(&more).copied().filter(|seed| cosigners.contains(&address(*seed))).collect();
    for seed in seeds {
        let blockhash = chain.blockhash().await.expect("read");
        let approval = QuorumMessage::approval(&plan, &address(seed), blockhash.hash, 0).expect("fits");
        QuorumMessage::check(&plan, &approval.bytes).expect("a peer that decides the same signs it");
        send(&world, approval, &[VALIDATORS[0], seed], &blockhash).await;
    }
    let approved = chain.approved_by(&plan.digest(), plan.validators.epoch).await.expect("read");
    assert_eq!(approved.len(), 10);
    assert!(chain.close_approvals(&handler, &plan.digest(), plan.validators.epoch).await.is_err(), "not used yet");
    let blockhash = chain.blockhash().await.expect("read");
    let mut last =
        Cosignatures::new(chain.message(&plan, &Quorum::Approvals(place), &blockhash, 0).await.expect("fits"));
    last.sign(&handler).expect("the handler");
    let settled = chain.send_settlement(&reply_id, &last, &blockhash).await.expect("settled");
    assert!(matches!(settled, Settled::Closed(_)));
    assert_eq!(chain.release(&handler, &reply_id).await.expect("paid").status, EscrowStatus::Settled);
    assert_eq!(world.balances().await[..4], [765_000, 45_000, 45_000, 45_000]);
    let before = chain.lamports(&handler.address()).await.expect("read");
    for _ in 0..2 {
        chain.close_approvals(&handler, &plan.digest(), plan.validators.epoch).await.expect("closed, once");
    }
    assert!(chain.lamports(&handler.address()).await.expect("read") > before, "the rent is back");
}

#[tokio::test(flavor = "multi_thread")]
async fn one_quorums_word_settles_many_replies_each_by_its_proof() {
    let world = World::build().await;
    let chain = &world.chain;
    let handler = wallet(VALIDATORS[0]);
    let mut plans = Vec::new();
    for nonce in 1..=5 {
        plans.push(planned(&world, nonce).await.1);
    }
    let batch = BatchPlan::new(plans[..4].to_vec()).expect("a batch");
    let blockhash = chain.blockhash().await.expect("read");
    let cosigners = vec![address(VALIDATORS[1]), address(VALIDATORS[2])];
    let message = chain.message(&batch, &Quorum::Cosigners(cosigners), &blockhash, 0).await.expect("fits");
    QuorumMessage::check(&batch, &message.bytes).expect("a peer that plans the same signs it");
    send(&world, message, &VALIDATORS, &blockhash).await;
    let signed = chain.batch(&batch.root()).await.expect("read").expect("there");
    assert_eq!((signed.count, signed.settled), (4, 0));

    // A reply that the quorum did not sign for is in no proof.
    let more = BatchPlan::new(plans.clone()).expect("a batch");
    let foreign = chain.settle_batched(&wallet(OWNER), &more, 0).await;
    assert!(foreign.is_err(), "nobody signed that root: {foreign:?}");
    for index in 0..4 {
        for _ in 0..2 {
            let closed = chain.settle_batched(&wallet(OWNER), &batch, index).await.expect("settled by anybody, once");
            assert_eq!((closed.escrow.status, closed.escrow.fee), (EscrowStatus::Settled, 900_000));
        }
        let shares = u64::try_from(index).expect("few") + 1;
        assert_eq!(world.balances().await[..4], [765_000 * shares, 45_000 * shares, 45_000 * shares, 45_000 * shares]);
    }
    assert!(matches!(chain.settle_batched(&wallet(OWNER), &batch, 4).await, Err(Error::Foreign(_))));
    let last = plans[4].settlement.reply_id;
    assert_eq!(chain.escrow(&last).await.expect("read").expect("there").status, EscrowStatus::Open);
    // One audit each for the three that signed, per reply.
    let epoch = chain.epoch(0).await.expect("read").expect("there");
    assert_eq!((epoch.totals.audits, epoch.audits), (12, vec![4, 4, 4]));
    let before = chain.lamports(&handler.address()).await.expect("read");
    for _ in 0..2 {
        chain.close_batch(&wallet(OWNER), &batch.root()).await.expect("closed, once");
    }
    assert!(chain.batch(&batch.root()).await.expect("read").is_none());
    assert!(chain.lamports(&handler.address()).await.expect("read") > before, "the rent is the handler's");
    assert!(chain.operator(Role::Provider, &address(FEES)).await.expect("read").is_none());
}
