//! Bad input, bad money, a wrong pin, a router that restarts, escrows that come back.

mod common;

use common::provider::Behaviour;
use common::{MODEL, Mesh, Options, PATIENCE, error_of, router_config};
use ogong_base::ReplyId;
use ogong_base::params::BODY_BYTES_MAX;
use ogong_gateway::chain::EscrowState;
use ogong_gateway::reclaim;

#[tokio::test]
async fn every_bad_request_has_a_status_a_code_and_a_hint_and_costs_nothing() {
    let mesh = Mesh::start(Options::default()).await;
    let provider = mesh.provider(1, Behaviour::Honest).await;
    let with = |members: &str| format!(r#"{{"model":"{MODEL}","messages":[],{members}}}"#);
    let table: Vec<(&str, String, u16, &str)> = vec![
        ("/v1/chat/completions", String::new(), 400, "invalid_request"),
        ("/v1/chat/completions", "{\"model\": ".into(), 400, "invalid_request"),
        ("/v1/chat/completions", "[1]".into(), 400, "invalid_request"),
        ("/v1/chat/completions", r#"{"messages":[]}"#.into(), 400, "invalid_request"),
        ("/v1/chat/completions", r#"{"model":"gpt-4o","messages":[]}"#.into(), 404, "model_not_found"),
        (
            "/v1/chat/completions",
            r#"{"model":"ogong/verified/acme/UPPER","messages":[]}"#.into(),
            404,
            "model_not_found",
        ),
        ("/v1/chat/completions", with(r#""stream":"yes""#), 400, "invalid_request"),
        ("/v1/chat/completions", with(r#""n":3"#), 400, "unsupported_parameter"),
        ("/v1/chat/completions", with(r#""tools":[{}]"#), 400, "unsupported_parameter"),
        ("/v1/completions", with(r#""temperature":-1"#), 400, "unsupported_parameter"),
        ("/v1/chat/completions", r#"{"model":"ogong/tee/acme/small","messages":[]}"#.into(), 400, "tier_unavailable"),
        (
            "/v1/chat/completions",
            r#"{"model":"ogong/verified/other/small","messages":[]}"#.into(),
            404,
            "model_not_found",
        ),
        ("/v1/chat/completions", r#"{"model":"ogong/verified/acme/rare","messages":[]}"#.into(), 503, "no_provider"),
        ("/v1/embeddings", "{}".into(), 404, "unknown_path"),
        ("/v1/models", "{}".into(), 405, "method_not_allowed"),
        (
            "/v1/chat/completions",
            format!(r#"{{"model":"{MODEL}","messages":["{}"]}}"#, "x".repeat(BODY_BYTES_MAX)),
            413,
            "request_too_large",
        ),
        (
            "/v1/chat/completions",
            format!(r#"{{"model":"{MODEL}","messages":["{}"]}}"#, "x".repeat(512 << 10)),
            400,
            "context_length_exceeded",
        ),
    ];
    for (path, body, status, code) in table {
        let shown: String = body.chars().take(60).collect();
        let (got, word, message) = error_of(mesh.post(path, body).await).await;
        assert_eq!((got, word.as_str()), (status, code), "{path} {shown}: {message}");
        assert!(message.contains("hint: "), "{shown}: {message}");
    }
    assert_eq!((mesh.chain.count(), provider.served()), (0, 0));
    assert_eq!(mesh.chat(false).await.status(), 200, "the gateway is well");
}

#[tokio::test]
async fn nothing_is_forwarded_that_is_not_paid() {
    for (refusal, status, code) in [("funds", 402, "escrow_funds"), ("unreachable", 503, "chain_unreachable")] {
        let mesh = Mesh::start(Options::default()).await;
        let provider = mesh.provider(1, Behaviour::Honest).await;
        mesh.chain.refuse(refusal);
        let (got, word, message) = error_of(mesh.chat(true).await).await;
        assert_eq!((got, word.as_str()), (status, code), "{message}");
        assert_eq!(provider.served(), 0);
    }
}

#[tokio::test]
async fn a_request_over_the_ceiling_is_rejected_at_match_time() {
    let mesh = Mesh::start(Options { max_price: 2_999, ..Options::default() }).await;
    let provider = mesh.provider(1, Behaviour::Honest).await;
    let (status, code, message) = error_of(mesh.chat(true).await).await;
    assert_eq!((status, code.as_str()), (402, "over_max_price"), "{message}");
    assert!(message.contains("2999") && message.contains("3000"), "{message}");
    assert_eq!((mesh.chain.count(), provider.served()), (0, 0));
}

#[tokio::test]
async fn models_and_health_are_told() {
    let mesh = Mesh::start(Options::default()).await;
    let _provider = mesh.provider(1, Behaviour::Honest).await;
    let get = |path: &str| mesh.client.get(format!("{}{path}", mesh.base)).send();
    let models: serde_json::Value =
        serde_json::from_slice(&get("/v1/models").await.unwrap().bytes().await.unwrap()).unwrap();
    assert_eq!((models["data"][0]["id"].as_str(), models["data"][0]["owned_by"].as_str()), (Some(MODEL), Some("acme")));
    let health: serde_json::Value =
        serde_json::from_slice(&get("/health").await.unwrap().bytes().await.unwrap()).unwrap();
    assert_eq!((health["status"].as_str(), health["router"].as_str()), (Some("ok"), Some("connected")));
}

#[tokio::test]
async fn a_wrong_pin_is_a_502_that_says_so() {
    let mesh = Mesh::start(Options { wrong_pin: true, ..Options::default() }).await;
    let (status, code, message) = error_of(mesh.chat(true).await).await;
    assert_eq!((status, code.as_str()), (502, "router_unreachable"));
    assert!(message.contains("pinned is") && message.contains("hint: "), "{message}");
}

#[tokio::test]
async fn a_router_that_restarts_is_found_again_and_providers_upsert_again() {
    let mut mesh = Mesh::start(Options::default()).await;
    let provider = mesh.provider(1, Behaviour::Honest).await;
    assert!(provider.heartbeat(8).await);
    assert_eq!(mesh.chat(false).await.status(), 200);
    mesh.router.take().expect("a router").close().await;
    let config = router_config(&mesh.dir.path().join("router"), mesh.router_addr, false);
    let restarted = async {
        loop {
            match ogong_router::start(&config) {
                Ok(endpoint) => break endpoint,
                // The old socket goes with the last task that holds it.
                Err(ogong_router::Error::Net(ogong_net::Error::Bind { .. })) => tokio::task::yield_now().await,
                Err(error) => panic!("{error}"),
            }
        }
    };
    let again = tokio::time::timeout(PATIENCE, restarted).await.expect("the port is free again");
    assert_eq!(again.consensus_id(), mesh.router_id, "the identity is kept");
    assert!(!provider.heartbeat(8).await, "the registry starts empty");
    let (status, code, _) = error_of(mesh.chat(false).await).await;
    assert_eq!((status, code.as_str()), (503, "no_provider"));
    provider.upsert().await;
    assert_eq!(mesh.chat(false).await.status(), 200);
}

#[tokio::test]
async fn expired_escrows_come_back_and_settled_ones_are_left_alone() {
    let mesh = Mesh::start(Options::default()).await;
    let _provider = mesh.provider(1, Behaviour::Honest).await;
    for _ in 0..3 {
        assert_eq!(mesh.chat(false).await.status(), 200);
    }
    let opened: Vec<ReplyId> = mesh.chain.escrows.lock().unwrap().keys().copied().collect();
    mesh.chain.escrows.lock().unwrap().get_mut(&opened[0]).unwrap().state = EscrowState::Closed;
    mesh.ledger.note(&ReplyId::from_bytes([42; 32]), 0).unwrap();
    let (chain, ledger) = (mesh.chain.as_ref(), &mesh.ledger);
    let now = ogong_daemon::clock::now_ms();

    let early = reclaim::turn(chain, ledger, now + 900_000).await.unwrap();
    assert_eq!((early.refunded, early.closed, early.left), (0, 1, 0), "only the one that never was");
    mesh.chain.refuse("refund");
    let refused = reclaim::turn(chain, ledger, now + 1_000_000).await.unwrap();
    assert_eq!((refused.refunded, refused.closed, refused.left), (0, 1, 2));
    *mesh.chain.refusal.lock().unwrap() = None;
    let late = reclaim::turn(chain, ledger, now + 1_000_000).await.unwrap();
    assert_eq!((late.refunded, late.closed, late.left), (2, 0, 0));
    assert_eq!(ledger.due(u64::MAX, 10).unwrap(), []);
    assert!(mesh.chain.escrows.lock().unwrap().values().all(|escrow| escrow.state == EscrowState::Closed));
}
