//! Validators, a provider and verifiers over real QUIC: what is paid, what is refused, and what survives a restart.

mod common;

use std::sync::atomic::Ordering;

use common::people::world::{self, REQUANTISED, TRUE_MODEL, Verifier};
use common::people::{Provider, Scorer, push, reply};
use common::{Net, until};
use ogong_audit::{Evidence, Outcome, Reason, Verdict};
use ogong_base::codec::{Decode, Encode};
use ogong_base::hash::ReplyId;
use ogong_net::Error as NetError;
use ogong_net::wire::{CosignRequest, ErrorCode, ErrorReply, PushRecord, ReplyStatusRequest, StatusRequest};
use ogong_settlement::interface::account::EscrowStatus;
use ogong_validator::state::{Manual, Phase};

const ALL: u64 = 1_000_000;

fn refused<T: std::fmt::Debug>(answer: Result<T, NetError>) -> ErrorReply {
    match answer {
        Err(NetError::Refused(reply)) => reply,
        other => panic!("expected a refusal, got {other:?}"),
    }
}

fn verdict(entry: &ogong_validator::state::Entry) -> Verdict {
    Verdict::from_bytes(entry.work.verdict.as_deref().expect("a verdict")).expect("reads back")
}

async fn with_verifiers(net: &Net, verifiers: &[Verifier], cases: &[&world::Case]) -> Vec<Scorer> {
    let mut scorers = Vec::new();
    for verifier in verifiers {
        let scorer = Scorer::join(net, verifier.clone(), true).await;
        cases.iter().for_each(|case| scorer.learn(case));
        scorers.push(scorer);
    }
    scorers
}

#[tokio::test(flavor = "multi_thread")]
async fn an_honest_reply_is_audited_cosigned_by_all_and_paid_once() {
    let net = Net::start(3, ALL).await;
    let provider = Provider::join(&net).await;
    let case = reply(1, TRUE_MODEL, TRUE_MODEL);
    let _scorers = with_verifiers(&net, &[Verifier::honest(20), Verifier::exact(21)], &[&case]).await;
    provider.answer(&net, &case).await;
    let reply_id = case.order.reply_id();
    let entry = net.reaches(0, reply_id, Phase::Settled).await;
    assert_eq!(verdict(&entry).outcome, Outcome::Accept);
    assert_eq!(entry.work.cosignatures.len(), 2, "three equal validators all sign");
    assert!(!entry.work.transaction.is_empty());
    assert_eq!(entry.work.fee, case.order.fee(u32::try_from(case.prompt.len()).expect("short"), case.record.n_tokens));
    for peer in 1..3 {
        net.reaches(peer, reply_id, Phase::Settled).await;
    }
    assert_eq!(net.ledger.moved(reply_id), [EscrowStatus::Settled]);
    let status = provider
        .endpoint
        .peer(&net.nodes[0].node.consensus_id())
        .expect("dialled")
        .ask(StatusRequest {})
        .await
        .expect("answered");
    assert_eq!((status.settled, status.pending, status.has_sink, status.announced), (1, 0, true, 3));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_requantised_reply_is_refunded_and_its_provider_ejected() {
    let net = Net::start(3, ALL).await;
    let provider = Provider::join(&net).await;
    let (case, next) = (reply(2, REQUANTISED, REQUANTISED), reply(3, TRUE_MODEL, TRUE_MODEL));
    let scorers =
        with_verifiers(&net, &[Verifier::honest(20), Verifier::honest(21), Verifier::honest(22)], &[&case]).await;
    provider.answer(&net, &case).await;
    let entry = net.reaches(0, case.order.reply_id(), Phase::Refunded).await;
    let verdict = verdict(&entry);
    assert_eq!((verdict.outcome, verdict.verifiers.len()), (Outcome::Reject, 2), "a second verifier confirms");
    assert_eq!(scorers.iter().map(|scorer| scorer.jobs.load(Ordering::SeqCst)).sum::<u32>(), 2);
    assert_eq!(net.ledger.moved(case.order.reply_id()), [EscrowStatus::Refunded]);
    provider.serve(&net, &next);
    let reply = refused(provider.push_to(&net.nodes[0], push(&next)).await);
    assert_eq!(reply.code(), ErrorCode::Forbidden);
    assert!(reply.message.contains("ejected"), "{}", reply.message);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_audits_a_reply_is_paid_on_the_draws_proof() {
    let net = Net::start(3, 0).await;
    let provider = Provider::join(&net).await;
    let case = reply(4, TRUE_MODEL, TRUE_MODEL);
    provider.answer(&net, &case).await;
    let entry = net.reaches(0, case.order.reply_id(), Phase::Settled).await;
    assert_eq!(verdict(&entry).outcome, Outcome::NotSelected);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_provider_that_opens_nothing_loses_the_fee() {
    let net = Net::start(3, ALL).await;
    let provider = Provider::join(&net).await;
    provider.refuses.store(true, Ordering::SeqCst);
    let case = reply(5, TRUE_MODEL, TRUE_MODEL);
    provider.answer(&net, &case).await;
    let entry = net.reaches(0, case.order.reply_id(), Phase::Refunded).await;
    assert_eq!(verdict(&entry).reason, Reason::NoOpening);
}

#[tokio::test(flavor = "multi_thread")]
async fn intake_names_what_does_not_hold() {
    let net = Net::start(3, ALL).await;
    let provider = Provider::join(&net).await;
    let case = reply(6, TRUE_MODEL, TRUE_MODEL);
    let node = &net.nodes[0];
    let good = push(&case);
    let unopened = refused(provider.push_to(node, good.clone()).await);
    assert_eq!(unopened.code(), ErrorCode::NotFound, "{}", unopened.message);
    provider.serve(&net, &case);
    let mut forged = good.clone();
    forged.record_signature[100] ^= 1;
    let mut foreign = case.clone();
    foreign.record.req_hash = world::order(b"{}", 40).req_hash;
    let mut replayed = case.clone();
    replayed.record.reply_id = ReplyId::from_bytes([9; 32]);
    let unsigned = PushRecord { order_signature: vec![0; 64], ..good.clone() };
    let elsewhere = PushRecord { provider_payout: vec![1; 32], ..good.clone() };
    let stranger = PushRecord { session_key: vec![1; 32], ..good.clone() };
    let cut = PushRecord { record: good.record[..good.record.len() - 1].to_vec(), ..good.clone() };
    let cases = [
        ("record's signature", ErrorCode::Unverified, forged),
        ("foreign req_hash", ErrorCode::Unverified, push(&foreign)),
        ("foreign reply id", ErrorCode::Unverified, push(&replayed)),
        ("order's signature", ErrorCode::Unverified, unsigned),
        ("provider payout", ErrorCode::Unverified, elsewhere),
        ("order's signature", ErrorCode::Unverified, stranger),
        ("record", ErrorCode::Malformed, cut),
        ("order", ErrorCode::Malformed, PushRecord { order: Vec::new(), ..good.clone() }),
        ("session_key", ErrorCode::Malformed, PushRecord { session_key: vec![0; 31], ..good.clone() }),
    ];
    for (name, code, push) in cases {
        let reply = refused(provider.push_to(node, push).await);
        assert!(reply.message.contains(name) && !reply.hint.is_empty(), "{name}: {} / {}", reply.message, reply.hint);
        assert_eq!(reply.code(), code, "{name}");
    }
    net.ledger.set_down(true);
    let down = refused(provider.push_to(node, good.clone()).await);
    assert!(down.code().is_transient(), "{}", down.message);
    net.ledger.set_down(false);
    let first = provider.push_to(node, good.clone()).await.expect("a receipt");
    assert_eq!(provider.push_to(node, good).await.expect("the same receipt"), first);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_record_of_no_tokens_or_too_many_returns_the_money_at_once() {
    for (seed, n_tokens) in [(21, 0), (22, u32::MAX)] {
        let net = Net::start(3, ALL).await;
        let provider = Provider::join(&net).await;
        let mut case = reply(seed, TRUE_MODEL, TRUE_MODEL);
        case.record.n_tokens = n_tokens;
        provider.answer(&net, &case).await;
        let entry = net.reaches(0, case.order.reply_id(), Phase::Refunded).await;
        assert_eq!(verdict(&entry).reason, Reason::TokenCount, "{n_tokens} tokens");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn two_records_for_one_reply_return_the_money() {
    let net = Net::start(3, ALL).await;
    let provider = Provider::join(&net).await;
    let case = reply(7, TRUE_MODEL, TRUE_MODEL);
    provider.serve(&net, &case);
    let mut other = case.clone();
    other.record.t1_ms += 1;
    for running in &net.nodes {
        provider.push_to(running, push(&case)).await.expect("a receipt");
        let reply = refused(provider.push_to(running, push(&other)).await);
        assert_eq!(reply.code(), ErrorCode::Conflict);
    }
    let entry = net.reaches(0, case.order.reply_id(), Phase::Refunded).await;
    assert_eq!(verdict(&entry).reason, Reason::Equivocation);
    assert_eq!(net.ledger.moved(case.order.reply_id()), [EscrowStatus::Refunded]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_record_with_a_receipt_survives_a_kill_and_is_paid_once() {
    let mut net = Net::start(3, ALL).await;
    let mut provider = Provider::join(&net).await;
    let case = reply(8, TRUE_MODEL, TRUE_MODEL);
    provider.answer(&net, &case).await;
    let reply_id = case.order.reply_id();
    // No verifier yet: the reply cannot be decided before the node is gone.
    net.reaches(0, reply_id, Phase::AwaitingVerdict).await;
    let killed = net.kill(0).await;
    let old = killed.node.consensus_id();
    killed.stop().await;
    for running in &net.nodes {
        until("the others to see it gone", || running.node.links.live(old).is_none()).await;
    }
    net.revive(0).await;
    assert_eq!(net.nodes[0].node.consensus_id(), old);
    provider.dial(&net.nodes[0]).await;
    let _scorers = with_verifiers(&net, &[Verifier::honest(20), Verifier::honest(21)], &[&case]).await;
    let entry = net.reaches(0, reply_id, Phase::Settled).await;
    assert_eq!(verdict(&entry).outcome, Outcome::Accept);
    assert_eq!(net.ledger.moved(reply_id), [EscrowStatus::Settled]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_peer_signs_nothing_it_cannot_check() {
    let net = Net::start(3, ALL).await;
    let provider = Provider::join(&net).await;
    let case = reply(9, TRUE_MODEL, TRUE_MODEL);
    let _scorers = with_verifiers(&net, &[Verifier::honest(20), Verifier::honest(21)], &[&case]).await;
    provider.answer(&net, &case).await;
    let entry = net.reaches(0, case.order.reply_id(), Phase::Settled).await;
    // What was signed a moment ago is signed no more: the escrow is closed.
    let request = CosignRequest {
        evidence: entry.work.evidence.clone().expect("evidence"),
        verdict: entry.work.verdict.clone().expect("a verdict"),
        message: entry.work.message.clone().expect("a message"),
    };
    let peer = net.nodes[1].node.consensus_id();
    let ask = |request: CosignRequest| net.nodes[0].node.links.ask(peer, request);
    assert_eq!(refused(ask(request.clone()).await).code(), ErrorCode::Conflict);
    // The same escrow, open again: every tampered copy is refused, the true one is signed.
    provider.serve(&net, &case);
    ask(request.clone()).await.expect("signed");
    let tampered = tampered(&request);
    for (name, request) in tampered {
        let reply = refused(ask(request).await);
        assert!(
            matches!(
                reply.code(),
                ErrorCode::Disagree | ErrorCode::Malformed | ErrorCode::NotFound | ErrorCode::Conflict
            ),
            "{name}: {reply:?}"
        );
    }
    let stranger = provider.endpoint.peer(&peer).expect("dialled").ask(request).await;
    assert_eq!(refused(stranger).code(), ErrorCode::Forbidden, "only validators are co-signed for");
}

fn tampered(request: &CosignRequest) -> Vec<(&'static str, CosignRequest)> {
    let evidence = Evidence::from_bytes(&request.evidence).expect("reads back");
    let with = |change: fn(&mut Evidence)| {
        let mut evidence = evidence.clone();
        change(&mut evidence);
        CosignRequest { evidence: evidence.to_bytes(), ..request.clone() }
    };
    let mut verdict = Verdict::from_bytes(&request.verdict).expect("reads back");
    verdict.outcome = Outcome::NotSelected;
    let mut message = request.message.clone();
    let last = message.len() - 1;
    message[last] ^= 1;
    vec![
        ("another verdict", CosignRequest { verdict: verdict.to_bytes(), ..request.clone() }),
        ("another transaction", CosignRequest { message, ..request.clone() }),
        ("no report", with(|evidence| evidence.attempts.clear())),
        (
            "a verifier's number",
            with(|evidence| evidence.attempts[0].report.as_mut().expect("a report").body.margins[0] ^= 1),
        ),
        ("an opened leaf", with(|evidence| evidence.openings[0].leaf[40] ^= 1)),
        ("a leaf less", with(|evidence| drop(evidence.openings.pop()))),
        ("another answer", with(|evidence| evidence.material.as_mut().expect("material").ids[0] ^= 1)),
        ("another beacon", with(|evidence| evidence.beacon.round.0 += 1)),
        ("less coverage", with(|evidence| evidence.alpha_ppm = 0)),
        ("another order", with(|evidence| evidence.order.price_completion += 1)),
        ("a receipt of nobody", with(|evidence| evidence.receipt.body.received.0 += 60_000)),
        ("fewer candidates", with(|evidence| evidence.candidates.clear())),
        ("a configured verifier", with(|evidence| evidence.pinned = true)),
        ("no evidence", CosignRequest { evidence: Vec::new(), ..request.clone() }),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lying_verifier_is_outvoted_and_a_silent_one_replaced() {
    let net = Net::start(3, ALL).await;
    let provider = Provider::join(&net).await;
    let case = reply(10, TRUE_MODEL, TRUE_MODEL);
    let liar = Verifier { lie: Some(|report| report.margins[0] = 9_000), ..Verifier::honest(20) };
    let silent = Verifier { silent: true, ..Verifier::honest(23) };
    let verifiers = [liar, Verifier::honest(21), Verifier::honest(22), silent];
    let _scorers = with_verifiers(&net, &verifiers, &[&case]).await;
    provider.answer(&net, &case).await;
    let entry = net.reaches(0, case.order.reply_id(), Phase::Settled).await;
    let verdict = verdict(&entry);
    assert_eq!(verdict.outcome, Outcome::Accept);
    // Whoever the round draws first: the liar's word alone decides nothing, the silent one's absence neither.
    let lied = verdict.verifiers.first() == Some(&world::node_key(20).node_id());
    assert_eq!(verdict.verifiers.len(), if lied { 3 } else { 1 });
}

#[tokio::test(flavor = "multi_thread")]
async fn a_verdict_by_hand_needs_every_operators_word() {
    let net = Net::start(3, ALL).await;
    let provider = Provider::join(&net).await;
    let case = reply(12, TRUE_MODEL, TRUE_MODEL);
    provider.answer(&net, &case).await;
    let reply_id = case.order.reply_id();
    net.reaches(0, reply_id, Phase::AwaitingVerdict).await;
    let decide = |index: usize| {
        let node = net.nodes[index].node.clone();
        async move {
            node.shelf.update(&reply_id, |entry| entry.work.manual = Some(Manual::Accept)).await.expect("stored");
            node.news.notify_waiters();
        }
    };
    decide(0).await;
    net.reaches(0, reply_id, Phase::Cosigning).await;
    until("a peer to refuse", || {
        net.entry(0, reply_id).is_some_and(|entry| entry.note.contains("operator has not decided"))
    })
    .await;
    assert!(net.ledger.moved(reply_id).is_empty());
    decide(1).await;
    decide(2).await;
    let entry = net.reaches(0, reply_id, Phase::Settled).await;
    assert_eq!(verdict(&entry).reason, Reason::Manual);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_registry_is_read_again_and_prompts_stay_private() {
    let net = Net::start(2, ALL).await;
    let provider = Provider::join(&net).await;
    let case = reply(13, TRUE_MODEL, TRUE_MODEL);
    let _scorers = with_verifiers(&net, &[Verifier::honest(20)], &[&case]).await;
    net.ledger.set_down(true);
    let left = net.nodes[1].node.consensus_id();
    net.ledger.unregister(net.nodes[1].node.chain_key());
    tokio::time::sleep(std::time::Duration::from_millis(400)).await;
    assert_eq!(net.nodes[0].node.roster().expect("the last reading stands").members.len(), 2);
    net.ledger.set_down(false);
    until("the departure to be read", || {
        net.nodes[0].node.roster().is_some_and(|roster| roster.by_consensus_id(left).is_none())
    })
    .await;
    net.ledger.register(&net.nodes[1]);
    net.settled_down().await;
    provider.serve(&net, &case);
    for running in &net.nodes {
        let _ = provider.push_to(running, push(&case)).await;
    }
    until("an audit", || net.entry(0, case.order.reply_id()).is_some_and(|entry| entry.work.evidence.is_some())).await;
    let request = ReplyStatusRequest { reply_id: case.order.reply_id().as_bytes().to_vec(), with_evidence: true };
    let first = net.nodes[0].node.consensus_id();
    let stranger = provider.endpoint.peer(&first).expect("dialled").ask(request.clone()).await.expect("answered");
    assert!(stranger.evidence.is_empty() && !stranger.record.is_empty());
    let peer = net.nodes[1].node.links.ask(first, request).await.expect("answered");
    assert!(!peer.evidence.is_empty());
}
