//! What validators do for the chain beside replies: verifiers named and paid, epochs begun, emissions approved by those that compute
//! the same, and by nobody else.

mod common;

use common::ledger::EPOCH_MS;
use common::people::world::{self, TRUE_MODEL, Verifier};
use common::people::{Provider, Scorer, reply};
use common::{Net, until};
use ogong_base::hash::ChainKey;
use ogong_net::Error as NetError;
use ogong_net::wire::{CosignRequest, EmissionRequest, ErrorCode, ErrorReply};
use ogong_settlement::emission::EmissionPlan;
use ogong_settlement::interface::account::{Epoch, EscrowStatus, Totals, ValidatorSet};
use ogong_settlement::interface::{Address, EPOCH_GRACE_MS};
use ogong_settlement::message::QuorumMessage;
use ogong_settlement::solana::unpaid;
use ogong_settlement::{address, plan::SettlePlan};
use ogong_validator::ledger::Ledger;
use ogong_validator::payment::Case;
use ogong_validator::state::Phase;

const ALL: u64 = 1_000_000;

fn refused<T: std::fmt::Debug>(answer: Result<T, NetError>) -> ErrorReply {
    match answer {
        Err(NetError::Refused(reply)) => reply,
        other => panic!("expected a refusal, got {other:?}"),
    }
}

fn owner(key: u8) -> ChainKey {
    ChainKey::from_bytes([key; 32])
}

#[tokio::test(flavor = "multi_thread")]
async fn the_verifier_that_checked_is_named_and_paid_once_the_reserve_can() {
    let net = Net::start(3, ALL).await;
    // Registered by its owner; and a stranger who registered the same node earns nothing by it.
    net.ledger.enrol(owner(20), *world::node_key(20).node_id().as_bytes());
    net.ledger.enrol(owner(99), *world::node_key(20).node_id().as_bytes());
    net.ledger.empty_reserve();
    let provider = Provider::join(&net).await;
    let case = reply(1, TRUE_MODEL, TRUE_MODEL);
    let scorer = Scorer::join(&net, Verifier::honest(20), true).await;
    scorer.learn(&case);
    provider.answer(&net, &case).await;
    let reply_id = case.order.reply_id();
    let entry = net.reaches(0, reply_id, Phase::Settled).await;
    let escrow = net.ledger.escrow_of(reply_id);
    assert_eq!(escrow.decision.verifiers[0], address(&owner(20)));
    assert_eq!(escrow.decision.verifiers[1..], [Address::default(); 2]);
    assert!(entry.work.payees.contains(&([20; 32], 10)), "the receipt shows the flat fee: {:?}", entry.work.payees);
    until("the debt to be paid when the reserve can", || unpaid(&net.ledger.escrow_of(reply_id)).is_empty()).await;
    until("the debt to be forgotten", || net.nodes[0].node.shelf.owed(9).expect("readable").is_empty()).await;

    // A handler that names somebody else's wallet, or nobody, gets no signature.
    provider.serve(&net, &case);
    let ledger = net.ledger.clone();
    let (handler, due) = (net.nodes[0].node.chain_key(), Case::of(&entry).expect("decided"));
    let honest = due.plan(ledger.as_ref(), handler).await.expect("a plan");
    let accounts = Ledger::accounts(ledger.as_ref(), &reply_id, &address(&handler)).await.expect("read");
    let naming = |verifiers: Vec<Address>| {
        let decision = ogong_settlement::plan::Decision { verifiers, ..due.decision.clone() };
        SettlePlan::new(&accounts, &decision).expect("a plan")
    };
    let peers: Vec<Address> = net.nodes[1..].iter().map(|running| address(&running.node.chain_key())).collect();
    let ask = |plan: SettlePlan| {
        let message = QuorumMessage::build(&plan, &peers, [7; 32], 0).expect("fits").bytes;
        let request = CosignRequest { evidence: due.evidence.clone(), verdict: due.verdict_bytes.clone(), message };
        let (links, peer) = (net.nodes[0].node.links.clone(), net.nodes[1].node.consensus_id());
        async move { links.ask(peer, request).await }
    };
    for foreign in [vec![address(&owner(99))], vec![address(&owner(20)), address(&owner(99))], Vec::new()] {
        let reply = refused(ask(naming(foreign)).await);
        assert_eq!(reply.code(), ErrorCode::Disagree, "{reply:?}");
        assert!(reply.message.contains("differ from those of our own plan"), "{reply:?}");
    }
    ask(honest).await.expect("the one that checked");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_settlement_sent_before_a_crash_is_sent_again_byte_for_byte() {
    let mut net = Net::start(3, ALL).await;
    let provider = Provider::join(&net).await;
    let case = reply(2, TRUE_MODEL, TRUE_MODEL);
    let scorer = Scorer::join(&net, Verifier::honest(20), true).await;
    scorer.learn(&case);
    net.ledger.set_silent(true);
    provider.answer(&net, &case).await;
    let reply_id = case.order.reply_id();
    let entry = net.reaches(0, reply_id, Phase::Submitted).await;
    until("the settlement to be sent", || !net.ledger.sent(reply_id).is_empty()).await;
    let dead = net.kill(0).await;
    let before = net.ledger.sent(reply_id).len();
    dead.stop().await;
    net.revive(0).await;
    until("it to be sent again", || net.ledger.sent(reply_id).len() > before).await;
    net.ledger.set_silent(false);
    let closed = net.reaches(0, reply_id, Phase::Settled).await;
    assert_eq!(closed.work.transaction, entry.work.transaction, "one transaction, whoever sent it last");
    let sent = net.ledger.sent(reply_id);
    assert!(sent.len() > before && sent.iter().all(|bytes| *bytes == sent[0]), "{} different ones", sent.len());
    assert_eq!(net.ledger.moved(reply_id).len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_committee_that_no_transaction_holds_approves_one_by_one() {
    let net = Net::start(14, ALL).await;
    let provider = Provider::join(&net).await;
    let case = reply(3, TRUE_MODEL, TRUE_MODEL);
    let scorer = Scorer::join(&net, Verifier::honest(20), true).await;
    scorer.learn(&case);
    provider.answer(&net, &case).await;
    let reply_id = case.order.reply_id();
    let entry = net.reaches(0, reply_id, Phase::Settled).await;
    // Ten of fourteen equal stakes are more than two thirds; nine signatures fit.
    let approvals = net.ledger.approvals();
    assert_eq!(approvals.len(), 10, "the handler and the fewest that make a quorum");
    assert_eq!(entry.work.cosignatures.len(), 9);
    assert!(net.ledger.signed().iter().all(|signers| signers.len() == 2), "each over a message of its own");
    assert_eq!(net.ledger.sent(reply_id).len(), 1);
    assert_eq!(net.ledger.sent(reply_id)[0].first(), Some(&1), "the settlement needs the handler alone");
    assert_eq!(net.ledger.moved(reply_id), [EscrowStatus::Settled]);
}

#[tokio::test(flavor = "multi_thread")]
async fn replies_that_pile_up_are_settled_under_one_root_each_once() {
    let net = Net::start(3, ALL).await;
    let provider = Provider::join(&net).await;
    let scorer = Scorer::join(&net, Verifier::honest(20), true).await;
    net.ledger.set_unplanned(true);
    let cases: Vec<_> = (30..42).map(|nonce| reply(nonce, TRUE_MODEL, TRUE_MODEL)).collect();
    for case in &cases {
        scorer.learn(case);
        provider.answer(&net, case).await;
    }
    for case in &cases {
        net.reaches(0, case.order.reply_id(), Phase::Cosigning).await;
    }
    net.ledger.set_unplanned(false);
    let mut alone = 0;
    for case in &cases {
        let reply_id = case.order.reply_id();
        let entry = net.reaches(0, reply_id, Phase::Settled).await;
        assert_eq!(net.ledger.moved(reply_id), [EscrowStatus::Settled]);
        assert_eq!(entry.work.cosignatures.len(), 2, "both peers voted on it");
        assert_eq!(entry.work.payees.len(), 5);
        alone += net.ledger.sent(reply_id).len();
    }
    assert_eq!(alone, 0, "no reply had a quorum's signatures of its own");
    let signed = net.ledger.signed();
    assert!(signed.len() == 1 && signed[0].len() == 3, "one root, signed by all three: {signed:?}");
}

/// An epoch that ended with a little work in it.
fn worked(number: u64, net: &Net) -> Epoch {
    let members: Vec<(Address, u64)> =
        net.nodes.iter().map(|running| (address(&running.node.chain_key()), 1_000)).collect();
    let totals =
        Totals { fees: 90_000, outside_fees: 9_000, replies: 1, routes: 1, audits: 3, verifications: 1, liveness: 0 };
    Epoch {
        set: ValidatorSet { epoch: number, total_stake: 3_000, members },
        started_ms: (number - 1) * EPOCH_MS,
        ended_ms: number * EPOCH_MS,
        totals,
        audits: vec![1; 3],
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_ended_epoch_is_followed_by_the_next_and_its_emission_approved_by_those_who_compute_it() {
    let net = Net::start(3, ALL).await;
    assert_eq!(net.ledger.epoch(), 1);
    net.ledger.travel(EPOCH_MS);
    until("some validator to begin the next epoch", || net.ledger.epoch() == 2).await;
    // Not before the epoch is closed does any peer sign, whatever is proposed.
    net.ledger.worked(worked(1, &net));
    let early =
        EmissionRequest { epoch: 1, stake_epoch: 2, amounts: vec![0; 5], sums: vec![0; 6], message: Vec::new() };
    let (asker, peer) = (net.nodes[0].node.links.clone(), net.nodes[1].node.consensus_id());
    let reply = refused(asker.ask(peer, early).await);
    assert!(reply.code() == ErrorCode::Disagree && reply.message.contains("epoch 1 is not closed"), "{reply:?}");
    assert_eq!(net.ledger.approved(), 0);

    // A wrong proposal is refused by its figure.
    let accounts = Ledger::emission_accounts(net.ledger.as_ref(), 1).await.expect("read");
    let closed_ms = EPOCH_MS + EPOCH_GRACE_MS + 1;
    let handler = address(&net.nodes[0].node.chain_key());
    let at_closing = ogong_settlement::emission::Accounts { now_ms: closed_ms, ..accounts };
    let plan = EmissionPlan::new(&at_closing, &handler).expect("a plan");
    let peers: Vec<Address> = net.nodes[1..].iter().map(|running| address(&running.node.chain_key())).collect();
    let message = QuorumMessage::build(&plan, &peers, [7; 32], 0).expect("fits").bytes;
    let honest = EmissionRequest {
        epoch: 1,
        stake_epoch: 2,
        amounts: plan.terms.amounts.to_vec(),
        sums: plan.terms.sums.to_vec(),
        message,
    };
    net.ledger.travel(closed_ms);
    let mut more = honest.clone();
    more.amounts[2] += 1;
    let mut routes = honest.clone();
    routes.sums[2] += 7;
    let mut short = honest.clone();
    short.sums.pop();
    let mut bytes = honest.clone();
    *bytes.message.last_mut().expect("bytes") ^= 1;
    let cases = [
        (more, ErrorCode::Disagree, "validators' amount"),
        (routes, ErrorCode::Disagree, "routes"),
        (short, ErrorCode::Malformed, "sums"),
        (bytes, ErrorCode::Disagree, "not ours"),
    ];
    for (request, code, why) in cases {
        let reply = refused(asker.ask(peer, request).await);
        assert!(reply.code() == code && reply.message.contains(why), "{why}: {reply:?}");
    }
    asker.ask(peer, honest.clone()).await.expect("its own figures");
    assert_eq!(net.ledger.approved(), 0);
    net.ledger.list_worked();
    until("the emission to be approved by a quorum", || net.ledger.approved() == 1).await;
    let again = refused(asker.ask(peer, honest.clone()).await);
    assert!(again.code() == ErrorCode::Disagree && again.message.contains("approved already"), "{again:?}");
    let provider = Provider::join(&net).await;
    let stranger = provider.endpoint.peer(&peer).expect("dialled").ask(honest).await;
    assert_eq!(refused(stranger).code(), ErrorCode::Forbidden, "only validators are co-signed for");
}
