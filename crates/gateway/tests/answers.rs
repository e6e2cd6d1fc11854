//! A request's way through router and gateway, and every way a provider can fail it.

mod common;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use common::provider::{Behaviour, PIECES};
use common::{MODEL, Mesh, Options, PATIENCE, error_of};
use futures::StreamExt;
use ogong_base::codec::Decode;
use ogong_commitment::record::Record;
use ogong_gateway::chain::EscrowState;
use ogong_openai::sse::{EventReader, Payload};

/// The text of a stream, its comments, and whether it ended in `[DONE]`.
async fn read_stream(response: reqwest::Response) -> (String, Vec<String>, Vec<u8>, bool) {
    let body = tokio::time::timeout(PATIENCE, response.bytes()).await.unwrap().unwrap().to_vec();
    let (mut text, mut comments, mut done) = (String::new(), Vec::new(), false);
    for event in EventReader::new(1 << 20).push(&body).unwrap() {
        match event.payload {
            Payload::Data(json) => text.push_str(
                &ogong_openai::Endpoint::Chat.chunk_text(&json).unwrap_or_else(|| String::from_utf8(json).unwrap()),
            ),
            Payload::Comment(comment) => comments.push(String::from_utf8(comment).unwrap()),
            Payload::Done => done = true,
            Payload::Other => {}
        }
    }
    (text, comments, body, done)
}

fn header(response: &reqwest::Response, name: &str) -> String {
    response.headers().get(name).unwrap_or_else(|| panic!("no {name}")).to_str().unwrap().to_owned()
}

async fn streamed_answer_is_relayed_and_verified(relay: bool) {
    let mesh = Mesh::start(Options { relay, ..Options::default() }).await;
    let provider = mesh.provider(1, Behaviour::Honest).await;
    let response = mesh.chat(true).await;
    assert_eq!(response.status(), 200);
    assert_eq!(header(&response, "x-ogong-provider"), provider.offer.node_id.to_hex());
    assert_eq!(header(&response, "content-type"), "text/event-stream");
    let reply_id = header(&response, "x-ogong-reply-id");
    let (text, comments, body, done) = read_stream(response).await;
    assert_eq!(text, PIECES.concat());
    assert!(done);
    assert!(comments[0].starts_with("ogong-record "), "{comments:?}");
    assert!(
        comments[1].starts_with(&format!("ogong-verified reply_id={reply_id} resp_hash=ok record=")),
        "{comments:?}"
    );
    assert!(String::from_utf8_lossy(&body).ends_with("data: [DONE]\n\n"));

    let order = provider.inner.orders.lock().unwrap()[0].clone();
    assert_eq!(order.reply_id().to_hex(), reply_id);
    assert_eq!((order.max_tokens, order.n_ctx, order.deadline_ms - order.issued_ms), (64, 2_048, 900_000));
    let escrows = mesh.chain.escrows.lock().unwrap();
    let escrow = &escrows[&order.reply_id()];
    assert_eq!(
        (escrow.state, escrow.max_fee, escrow.provider_payout),
        (EscrowState::Open, order.max_fee, provider.offer.payout)
    );
}

#[tokio::test]
async fn a_streamed_answer_is_relayed_and_verified() {
    streamed_answer_is_relayed_and_verified(false).await;
}

#[tokio::test]
async fn a_streamed_answer_through_a_relaying_router_is_the_same() {
    streamed_answer_is_relayed_and_verified(true).await;
}

async fn plain_answer_carries_its_record(relay: bool) {
    let mesh = Mesh::start(Options { relay, ..Options::default() }).await;
    let _provider = mesh.provider(1, Behaviour::Honest).await;
    let response = mesh.chat(false).await;
    assert_eq!(response.status(), 200);
    assert_eq!(header(&response, "x-ogong-resp-hash"), "ok");
    let record = Record::from_bytes(&STANDARD.decode(header(&response, "x-ogong-record")).unwrap()).unwrap();
    assert_eq!(record.reply_id.to_hex(), header(&response, "x-ogong-reply-id"));
    assert_eq!(record.record_hash().to_hex(), header(&response, "x-ogong-record-hash"));
    let answer: serde_json::Value = serde_json::from_slice(&response.bytes().await.unwrap()).unwrap();
    assert_eq!(answer["choices"][0]["message"]["content"], PIECES.concat());
}

#[tokio::test]
async fn a_plain_answer_carries_its_record() {
    plain_answer_carries_its_record(false).await;
}

#[tokio::test]
async fn a_plain_answer_through_a_relaying_router_is_the_same() {
    plain_answer_carries_its_record(true).await;
}

#[tokio::test]
async fn the_body_is_frozen_once_and_names_nobody() {
    let mesh = Mesh::start(Options::default()).await;
    let provider = mesh.provider(1, Behaviour::Honest).await;
    mesh.chat(false).await;
    let expected = format!(
        r#"{{"model":"{MODEL}","messages":[{{"role":"user","content":"hi"}}],"stream":false,"max_tokens":64}}"#
    );
    assert_eq!(provider.inner.bodies.lock().unwrap()[0], expected);
}

#[tokio::test]
async fn every_lie_about_an_answer_is_named() {
    let table = [
        (Behaviour::OtherText, "content", "mismatch"),
        (Behaviour::NoRecord, "proof_absent", "absent"),
        (Behaviour::ForeignKey, "signer", "mismatch"),
        (Behaviour::MoreTokens, "n_tokens", "mismatch"),
    ];
    for (behaviour, reason, word) in table {
        let mesh = Mesh::start(Options::default()).await;
        let _provider = mesh.provider(1, behaviour).await;
        let (_, comments, _, done) = read_stream(mesh.chat(true).await).await;
        let last = comments.last().expect("a finding");
        assert!(
            last.starts_with("ogong-mismatch ") && last.ends_with(&format!("reason={reason}")),
            "{behaviour:?}: {last}"
        );
        assert!(done);
        assert_eq!(header(&mesh.chat(false).await, "x-ogong-resp-hash"), word, "{behaviour:?}");
    }
}

#[tokio::test]
async fn a_provider_that_fails_before_its_first_byte_is_replaced_with_a_new_order() {
    for behaviour in [Behaviour::Fails, Behaviour::SilentEnd, Behaviour::OtherFiles] {
        let mesh = Mesh::start(Options::default()).await;
        let bad = mesh.provider(1, behaviour).await;
        // Alone, the failing one is tried and its failure told.
        let (status, code, message) = error_of(mesh.chat(true).await).await;
        assert_eq!((status, code.as_str()), (502, "provider_failed"), "{behaviour:?}: {message}");
        let good = mesh.provider(2, Behaviour::Honest).await;
        for _ in 0..8 {
            let response = mesh.chat(true).await;
            assert_eq!(response.status(), 200, "{behaviour:?}");
            assert_eq!(header(&response, "x-ogong-provider"), good.offer.node_id.to_hex());
            response.bytes().await.unwrap();
        }
        assert_eq!(good.served(), 8);
        // Every escrow that was opened is in the ledger, whoever failed.
        let noted = mesh.ledger.due(u64::MAX, 100).unwrap();
        assert_eq!(noted.len(), mesh.chain.count());
        assert_eq!(noted.len(), 8 + bad.served());
    }
}

#[tokio::test]
async fn a_stream_that_breaks_off_ends_in_an_error_and_not_in_done() {
    let mesh = Mesh::start(Options::default()).await;
    let provider = mesh.provider(1, Behaviour::BreaksOff).await;
    let mut pieces = mesh.chat(true).await.bytes_stream();
    let mut body = pieces.next().await.unwrap().unwrap().to_vec();
    provider.inner.break_off.notify_one();
    while let Some(piece) = pieces.next().await {
        body.extend_from_slice(&piece.unwrap());
    }
    let text = String::from_utf8(body).unwrap();
    assert!(text.contains(PIECES[0]) && text.contains("provider_failed"), "{text}");
    assert!(!text.contains("[DONE]"), "{text}");
}

#[tokio::test]
async fn what_the_provider_refuses_as_the_consumers_fault_goes_to_the_consumer() {
    let mesh = Mesh::start(Options::default()).await;
    let _providers = (mesh.provider(1, Behaviour::Refuses).await, mesh.provider(2, Behaviour::Refuses).await);
    let (status, code, message) = error_of(mesh.chat(false).await).await;
    assert_eq!((status, code.as_str(), message.as_str()), (400, "context_length_exceeded", "prompt is too long"));
    assert_eq!(mesh.chain.count(), 1, "another provider would say the same");
}

async fn hang_up_reaches_the_provider(relay: bool) {
    let mesh = Mesh::start(Options { relay, ..Options::default() }).await;
    let provider = mesh.provider(1, Behaviour::Endless).await;
    let mut pieces = mesh.chat(true).await.bytes_stream();
    assert!(!pieces.next().await.unwrap().unwrap().is_empty());
    drop(pieces);
    tokio::time::timeout(PATIENCE, provider.inner.hung_up.notified())
        .await
        .expect("the provider's connection is closed");
}

#[tokio::test]
async fn a_consumer_that_hangs_up_closes_the_upstream() {
    hang_up_reaches_the_provider(false).await;
}

#[tokio::test]
async fn a_consumer_that_hangs_up_closes_the_upstream_through_a_relay() {
    hang_up_reaches_the_provider(true).await;
}

#[tokio::test]
async fn parallel_requests_spread_and_all_hold() {
    let mesh = Mesh::start(Options::default()).await;
    let (one, two) = (mesh.provider(1, Behaviour::Honest).await, mesh.provider(2, Behaviour::Honest).await);
    let answers = futures::future::join_all((0..32).map(|index| mesh.chat(index % 2 == 0))).await;
    for response in answers {
        assert_eq!(response.status(), 200);
        if header(&response, "content-type").starts_with("text/event-stream") {
            let (_, comments, _, done) = read_stream(response).await;
            assert!(done && comments[1].starts_with("ogong-verified "), "{comments:?}");
        } else {
            assert_eq!(header(&response, "x-ogong-resp-hash"), "ok");
        }
    }
    assert_eq!(one.served() + two.served(), 32);
    assert!(one.served() > 0 && two.served() > 0);
}
