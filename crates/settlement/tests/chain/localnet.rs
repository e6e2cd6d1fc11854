//! The client against the real program on a development chain: every instruction, every balance to the atom.

use std::time::Duration;

use super::world::{
    ADMIN, FEES, Localnet, MODEL_ID, OWNER, PROVIDER, ROUTER, STAKES, VALIDATORS, World, address, model_root, open,
    session, wallet,
};
use ogong_base::{RecordHash, ReplyId, hash::VerdictHash};
use ogong_settlement::{
    Chain, Error,
    interface::{Address, ChainError, account::EscrowStatus, instruction::Terms},
    message::QuorumMessage,
    plan::{Decision, OUTCOME_ACCEPT, OUTCOME_REJECT, SettlePlan, check_order},
    token::ATOMS_PER_TOKEN,
};

const MINUTE_MS: u64 = 60_000;

fn decision(outcome: u8, expiry_ms: u64) -> Decision {
    Decision {
        record_hash: RecordHash::from_bytes([51; 32]),
        outcome,
        verdict_hash: VerdictHash::from_bytes([52; 32]),
        round: 7,
        n_prompt: 100,
        n_billed: 200,
        n_counted: 200,
        expiry_ms,
        verifiers: Vec::new(),
    }
}

/// Plans as the first validator and closes the escrow with its peers, each of which checks the bytes against its own plan.
async fn close(
    world: &World,
    reply_id: &ReplyId,
    decision: &Decision,
) -> Result<ogong_settlement::solana::Closed, Error> {
    let handler = wallet(VALIDATORS[0]);
    let accounts = world.chain.settle_accounts(reply_id, &handler.address()).await?;
    let plan = SettlePlan::new(&accounts, decision)?;
    let cosigners = [address(VALIDATORS[1]), address(VALIDATORS[2])];
    let peers = |message: Vec<u8>, asked: Vec<Address>| {
        let plan = plan.clone();
        async move {
            let ours = QuorumMessage::check(&plan, &message).expect("the peers decide the same");
            assert_eq!(asked.len(), 2);
            VALIDATORS[1..].iter().map(|seed| (address(*seed), wallet(*seed).sign(&ours.bytes))).collect()
        }
    };
    world.chain.settle(&plan, &handler, &cosigners, peers).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reply_is_paid_to_the_atom_and_only_once() {
    let world = World::build().await;
    let (order, reply_id) = open(&world.chain, 1, 10 * MINUTE_MS).await.expect("opened");
    let escrow = world.chain.escrow(&reply_id).await.expect("read").expect("there");
    let payouts = (wallet(PROVIDER).key(), wallet(ROUTER).key());
    check_order(&escrow, &order, &payouts.0, &payouts.1).expect("the escrow is the order's");
    assert_eq!(world.balances().await, [0, 0, 0, 0, 99 * ATOMS_PER_TOKEN]);

    let terms = Terms {
        session_key: session().public(),
        provider_payout: address(PROVIDER),
        router_payout: address(ROUTER),
        provider_operator: None,
        router_operator: None,
    };
    let opened = world.chain.open_escrow(&wallet(OWNER), &ogong_base::Encode::to_bytes(&order), terms).await;
    let again = opened.expect("opening twice is opening once");
    assert_eq!(again, escrow);
    assert_eq!(world.balances().await[4], 99 * ATOMS_PER_TOKEN);

    let decision = decision(OUTCOME_ACCEPT, order.deadline_ms);
    let closed = close(&world, &reply_id, &decision).await.expect("settled");
    assert!(closed.signature.is_some());
    assert_eq!(closed.escrow.status, EscrowStatus::Settled);
    assert_eq!(closed.escrow.fee, 900_000);
    assert_eq!(closed.escrow.record_hash, [51; 32]);
    assert_eq!(closed.escrow.verdict_hash, [52; 32]);
    let paid = [765_000, 45_000, 45_000, 45_000, 100 * ATOMS_PER_TOKEN - 900_000];
    assert_eq!(world.balances().await, paid);

    let twice = close(&world, &reply_id, &decision).await;
    assert!(matches!(twice, Err(Error::NotOpen { status: EscrowStatus::Settled, .. })), "{twice:?}");
    let refunded = world.chain.refund_expired(&wallet(OWNER), &reply_id).await.expect("nothing to do");
    assert_eq!(refunded.status, EscrowStatus::Settled);
    assert_eq!(world.balances().await, paid);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_racing_handler_finds_it_closed_and_nothing_moves_twice() {
    let world = World::build().await;
    let (order, reply_id) = open(&world.chain, 2, 10 * MINUTE_MS).await.expect("opened");
    let decision = decision(OUTCOME_ACCEPT, order.deadline_ms);
    let late = wallet(VALIDATORS[1]);
    let accounts = world.chain.settle_accounts(&reply_id, &late.address()).await.expect("read");
    let late_plan = SettlePlan::new(&accounts, &decision).expect("planned while open");
    let first = close(&world, &reply_id, &decision).await.expect("the first handler settles");
    let before = world.balances().await;
    let nobody = |_: Vec<u8>, _: Vec<Address>| async { Vec::new() };
    let cosigners = [address(VALIDATORS[0])];
    let closed = world.chain.settle(&late_plan, &late, &cosigners, nobody).await.expect("closed is success");
    assert_eq!(closed.escrow.status, EscrowStatus::Settled);
    assert!(closed.signature.is_some() && closed.signature == first.signature, "it learns who closed it");
    assert_eq!(world.balances().await, before);
}

#[tokio::test(flavor = "multi_thread")]
async fn forged_and_missing_cosignatures_move_nothing() {
    let world = World::build().await;
    let (order, reply_id) = open(&world.chain, 3, 10 * MINUTE_MS).await.expect("opened");
    let handler = wallet(VALIDATORS[0]);
    let accounts = world.chain.settle_accounts(&reply_id, &handler.address()).await.expect("read");
    let plan = SettlePlan::new(&accounts, &decision(OUTCOME_ACCEPT, order.deadline_ms)).expect("a plan");
    let forger = |message: Vec<u8>, _: Vec<Address>| async move {
        vec![(address(VALIDATORS[1]), wallet(VALIDATORS[2]).sign(&message))]
    };
    let refused = world.chain.settle(&plan, &handler, &[address(VALIDATORS[1])], forger).await;
    assert!(matches!(refused, Err(Error::Unsigned(1))), "{refused:?}");

    // Half of the stake, honestly signed: the program counts too.
    let alone = |_: Vec<u8>, _: Vec<Address>| async { Vec::new() };
    let refused = world.chain.settle(&plan, &handler, &[], alone).await;
    assert!(matches!(refused, Err(Error::Refused(ChainError::QuorumNotReached))), "{refused:?}");
    let escrow = world.chain.escrow(&reply_id).await.expect("read").expect("there");
    assert_eq!(escrow.status, EscrowStatus::Open);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reject_returns_everything() {
    let world = World::build().await;
    let (order, reply_id) = open(&world.chain, 4, 10 * MINUTE_MS).await.expect("opened");
    let closed = close(&world, &reply_id, &decision(OUTCOME_REJECT, order.deadline_ms)).await.expect("refunded");
    assert_eq!(closed.escrow.status, EscrowStatus::Refunded);
    assert_eq!(world.balances().await, [0, 0, 0, 0, 100 * ATOMS_PER_TOKEN]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_expired_escrow_goes_back_without_any_validator() {
    let world = World::build().await;
    let (_, reply_id) = open(&world.chain, 5, 15_000).await.expect("opened");
    let early = world.chain.refund_expired(&wallet(OWNER), &reply_id).await;
    assert!(matches!(early, Err(Error::Refused(ChainError::DeadlineNotPassed))), "{early:?}");
    let waiting = async {
        loop {
            match world.chain.refund_expired(&wallet(OWNER), &reply_id).await {
                Err(Error::Refused(ChainError::DeadlineNotPassed)) => {
                    tokio::time::sleep(Duration::from_millis(500)).await
                }
                outcome => return outcome,
            }
        }
    };
    let escrow = tokio::time::timeout(Duration::from_secs(60), waiting).await.expect("in time").expect("refunded");
    assert_eq!(escrow.status, EscrowStatus::Refunded);
    assert_eq!(world.balances().await, [0, 0, 0, 0, 100 * ATOMS_PER_TOKEN]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_stands_on_the_chain_is_read_back() {
    let world = World::build().await;
    let set = world.chain.validator_set().await.expect("read");
    assert_eq!(set.total_stake, STAKES.iter().sum::<u64>() * ATOMS_PER_TOKEN);
    let validators = world.chain.validators().await.expect("read");
    assert_eq!(validators.len(), 3);
    for validator in &validators {
        assert_eq!(set.stake_of(&validator.authority), Some(validator.bond.stake));
        assert_eq!(validator.fee_owner, address(FEES));
    }
    assert_eq!(world.chain.model_root(MODEL_ID).await.expect("read"), Some(model_root()));
    assert_eq!(world.chain.model_root("ogong/verified/test/other").await.expect("read"), None);
    assert_eq!(world.chain.models().await.expect("read").len(), 1);
    assert_eq!(world.chain.escrow(&ReplyId::ZERO).await.expect("read"), None);

    let mut moved = super::world::registration(VALIDATORS[0], STAKES[0] * ATOMS_PER_TOKEN);
    moved.endpoint = "127.0.0.1:9999".into();
    let after = world.chain.register_validator(&wallet(VALIDATORS[0]), &moved).await.expect("moved");
    assert_eq!(after.endpoint, "127.0.0.1:9999");
    assert_eq!(world.chain.validator(&address(VALIDATORS[0])).await.expect("read"), Some(after));
    let again = world.chain.initialise(&wallet(ADMIN), &super::world::initialisation()).await.expect("done already");
    assert_eq!(again, world.config);
    let stranger = world.chain.set_model(&wallet(OWNER), MODEL_ID, &model_root(), &address(OWNER)).await;
    assert!(matches!(stranger, Err(Error::Refused(ChainError::AdminWrong))), "{stranger:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_chain_that_cannot_be_used_says_why() {
    let localnet = Localnet::start();
    let url = localnet.ready.rpc_url.clone();
    let program: Address = localnet.ready.program_id.parse().expect("an address");
    let fresh = Chain::connect(&url, program).await.expect_err("nobody initialised it");
    assert!(matches!(fresh, Error::NotInitialised { .. }), "{fresh:?}");
    assert!(fresh.hint().is_some_and(|hint| hint.contains("ogong-chain init")));
    let other = Chain::connect(&url, address(99)).await.expect_err("no program there");
    assert!(matches!(other, Error::ProgramMissing { .. }), "{other:?}");
    drop(localnet);
    let gone = Chain::connect(&url, program).await.expect_err("nobody listens");
    assert!(matches!(gone, Error::Unreachable { .. }), "{gone:?}");
    assert!(gone.hint().is_some_and(|hint| hint.contains("ogong-localnet")));
}
