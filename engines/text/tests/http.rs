//! The HTTP front with the real model: frames, commit mode, hang-ups, and bad input.

mod common;

use std::time::Duration;

use bytes::Bytes;
use common::server::Server;
use common::{body, config, limits, reply_id};
use ogong_engine::Error;
use ogong_engine::client::CommitHeaders;
use ogong_engine::wire::{ScoreMode, ScoreRequest};
use ogong_openai::sse::{EventReader, Payload};
use ogong_openai::{Endpoint, ErrorBody};
use ogong_text::EngineConfig;
use tokio::time::timeout;

const CHAT: &str = "/v1/chat/completions";
/// The text of a stream, its last finish reason, and whether it ended properly.
async fn read_stream(endpoint: Endpoint, response: reqwest::Response) -> (String, Vec<String>, bool) {
    assert_eq!(response.headers()["content-type"], "text/event-stream");
    let bytes = response.bytes().await.expect("stream");
    let (mut text, mut documents, mut done) = (String::new(), Vec::new(), false);
    for event in EventReader::new(1 << 20).push(&bytes).expect("events") {
        match event.payload {
            Payload::Data(data) => {
                text.push_str(&endpoint.chunk_text(&data).expect("a chunk"));
                documents.push(String::from_utf8(data).expect("utf-8"));
            }
            Payload::Done => done = true,
            _ => {}
        }
    }
    (text, documents, done)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn streamed_and_whole_answers_agree() {
    let server = Server::start(EngineConfig { parallel: 2, ..config("Q8_0") }).await;
    for (endpoint, plain) in [
        (
            Endpoint::Chat,
            r#"{"messages":[{"role":"user","content":"Describe a tree 🌳 in French."}],"max_tokens":40,"seed":5"#,
        ),
        (Endpoint::Completions, r#"{"prompt":"Once upon a time","max_tokens":40,"seed":5,"temperature":0.9"#),
    ] {
        let (status, whole) = server.post(endpoint.path(), format!("{plain}}}")).await;
        assert_eq!(status, 200, "{whole:?}");
        let whole_text = endpoint.answer_text(&whole).expect("an answer");
        let streamed = format!(r#"{plain},"stream":true,"stream_options":{{"include_usage":true}}}}"#);
        let response = server.client.forward(endpoint.path(), streamed.into(), None).await.expect("an answer");
        let (text, documents, done) = read_stream(endpoint, response).await;
        assert_eq!(text, whole_text);
        assert!(!text.is_empty() && done);
        let last: serde_json::Value = serde_json::from_str(documents.last().expect("chunks")).expect("json");
        let whole: serde_json::Value = serde_json::from_slice(&whole).expect("json");
        for count in ["prompt_tokens", "completion_tokens", "total_tokens"] {
            assert_eq!(last["usage"][count], whole["usage"][count]);
        }
        assert_eq!(last["choices"], serde_json::json!([]));
    }
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn stop_strings_never_show() {
    let server = Server::start(EngineConfig { parallel: 1, ..config("Q8_0") }).await;
    let request = r#"{"messages":[{"role":"user","content":"Count from one to ten in digits, separated by commas."}],"temperature":0,"max_tokens":60"#;
    let (_, whole) = server.post(CHAT, format!("{request}}}")).await;
    let unstopped = Endpoint::Chat.answer_text(&whole).expect("an answer");
    let stop: String = unstopped.chars().skip(8).take(3).collect();
    let expected = unstopped.split(&stop).next().expect("a part").to_owned();
    let stop = serde_json::to_string(&stop).expect("json");
    let (_, whole) = server.post(CHAT, format!(r#"{request},"stop":{stop}}}"#)).await;
    assert_eq!(Endpoint::Chat.answer_text(&whole).as_deref(), Some(expected.as_str()));
    let response = server
        .client
        .forward(CHAT, format!(r#"{request},"stop":[{stop}],"stream":true}}"#).into(), None)
        .await
        .expect("an answer");
    let (text, documents, done) = read_stream(Endpoint::Chat, response).await;
    assert_eq!((text, done), (expected, true));
    assert!(documents.last().expect("chunks").contains(r#""finish_reason":"stop""#));
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_committed_reply_is_kept_and_can_be_scored() {
    let server = Server::start(EngineConfig { parallel: 2, ..config("Q8_0") }).await;
    let commit = CommitHeaders { reply_id: reply_id(4), limits: limits(40) };
    let request = body("What is the moon made of?", r#","stream":true"#);
    let response = server.client.forward(CHAT, request.clone(), Some(commit)).await.expect("an answer");
    let (text, _, done) = read_stream(Endpoint::Chat, response).await;
    assert!(done);
    let trajectory = server.client.trajectory(commit.reply_id).await.expect("the trajectory");
    assert_eq!(String::from_utf8_lossy(&trajectory.raw_text), text);
    assert_eq!(server.client.replay(commit.reply_id).await.expect("the body"), request);
    let score = ScoreRequest::new(commit.reply_id, &request, &trajectory.ids, vec![0], ScoreMode::Exact, commit.limits);
    let reply = server.client.score(&score).await.expect("a score");
    assert_eq!(reply.n_prompt, trajectory.header.n_prompt);
    let (sketches, tops) = reply.windows[0].unpack().expect("numbers");
    assert_eq!(sketches, trajectory.leaves[0].sketches);
    assert_eq!(
        tops.iter().map(ogong_commitment::digest::Digest::cut).collect::<Vec<_>>(),
        trajectory.leaves[0].digests
    );
    assert!(matches!(server.client.trajectory(reply_id(5)).await, Err(Error::Refused { status: 404, .. })));
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hang_up_frees_the_slot() {
    let server = Server::start(EngineConfig { parallel: 1, ..config("Q8_0") }).await;
    // Greedy counting goes on and on in the only slot.
    let endless =
        r#"{"prompt":"0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12,","max_tokens":1400,"stream":true,"temperature":0}"#;
    let (_, sample) = server.post("/v1/completions", endless.replace("1400", "200").replace("true", "false")).await;
    assert!(String::from_utf8_lossy(&sample).contains(r#""finish_reason":"length""#), "{sample:?}");
    for streaming in [true, false] {
        let request = if streaming { endless.to_owned() } else { endless.replace("true", "false") };
        let call = server.client.forward("/v1/completions", request.into(), None);
        if streaming {
            let mut response = call.await.expect("an answer");
            assert!(response.chunk().await.expect("a first token").is_some());
            drop(response);
        } else {
            // Long enough to be seated, far too short to be done.
            assert!(timeout(Duration::from_millis(700), call).await.is_err(), "the long reply is under way");
        }
        let began = std::time::Instant::now();
        let (status, _) = server.post("/v1/completions", r#"{"prompt":"Hi","max_tokens":1}"#).await;
        assert_eq!(status, 200);
        assert!(began.elapsed() < Duration::from_secs(4), "the slot was free again at once: {:?}", began.elapsed());
    }
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bad_input_is_refused_and_the_engine_goes_on() {
    let server =
        Server::start(EngineConfig { parallel: 1, n_ctx: 512, alias: Some("smol".into()), ..config("Q8_0") }).await;
    let long = common::long_text(900);
    let huge = vec![b' '; 33 << 20];
    let cases: Vec<(&str, Bytes, u16, &str)> = vec![
        (CHAT, "{".into(), 400, "invalid_json"),
        (CHAT, "[]".into(), 400, "invalid_json"),
        (CHAT, "{}".into(), 400, "invalid_value"),
        (CHAT, r#"{"prompt":"x"}"#.into(), 400, "invalid_value"),
        ("/v1/completions", r#"{"messages":[{"role":"user","content":"x"}]}"#.into(), 400, "invalid_value"),
        ("/v1/completions", r#"{"prompt":["a",{}]}"#.into(), 400, "invalid_value"),
        ("/v1/completions", r#"{"prompt":[49152]}"#.into(), 400, "invalid_value"),
        ("/v1/completions", r#"{"prompt":""}"#.into(), 400, "invalid_value"),
        ("/v1/completions", r#"{"prompt":"x","grammar":"root ::= nothing"}"#.into(), 400, "invalid_value"),
        ("/v1/completions", r#"{"prompt":"x","json_schema":{"type":"nonsense"}}"#.into(), 400, "invalid_value"),
        ("/v1/completions", r#"{"prompt":"x","mirostat":3}"#.into(), 400, "invalid_value"),
        ("/v1/completions", r#"{"prompt":"x","repeat_penalty":0}"#.into(), 400, "invalid_value"),
        ("/v1/completions", b"{\"prompt\":\"\xff\"}".as_slice().into(), 400, "invalid_json"),
        ("/infill", r#"{"input_prefix":"a","input_suffix":"b"}"#.into(), 400, "infill_unavailable"),
        ("/v1/completions", r#"{"prompt":"x","temperature":9}"#.into(), 400, "invalid_value"),
        ("/v1/completions", r#"{"prompt":"x","n":17}"#.into(), 400, "invalid_value"),
        ("/v1/completions", r#"{"prompt":"x","stream":"yes"}"#.into(), 400, "invalid_value"),
        ("/v1/completions", r#"{"prompt":"x","model":"gpt-9"}"#.into(), 404, "model_not_found"),
        ("/v1/completions", format!(r#"{{"prompt":"{long}"}}"#).into(), 400, "context_length_exceeded"),
        ("/v1/completions", huge.into(), 413, "body_too_large"),
        ("/v1/score", r#"{"reply_id":"00"}"#.into(), 400, "invalid_json"),
        ("/v1/nothing", "{}".into(), 404, "no_such_path"),
        ("/health", "{}".into(), 405, "no_such_method"),
    ];
    for (path, request, status, code) in cases {
        let shown = String::from_utf8_lossy(&request[..request.len().min(60)]).into_owned();
        let (got, answer) = server.post(path, request).await;
        let answer = ErrorBody::from_json(&answer).unwrap_or_else(|| panic!("{path} {shown}: {answer:?}"));
        assert_eq!(
            (got, answer.error.code.as_deref()),
            (status, Some(code)),
            "{path} {shown}: {}",
            answer.error.message
        );
    }
    let (status, answer) = server.post("/v1/completions", format!(r#"{{"prompt":"{long}"}}"#)).await;
    let message = ErrorBody::from_json(&answer).expect("an error").error.message;
    assert!(status == 400 && message.contains("512"), "{message}");
    assert!(bad_commits(&server).await);
    let (status, _) = server.post("/v1/completions", r#"{"model":"smol","prompt":"x","max_tokens":1}"#).await;
    assert_eq!(status, 200, "it serves on");
    server.stop().await;
}

/// What commit mode refuses beyond that.
async fn bad_commits(server: &Server) -> bool {
    let commit =
        CommitHeaders { reply_id: reply_id(6), limits: ogong_engine::wire::OrderLimits { n_ctx: 512, ..limits(8) } };
    for (sampling, n_ctx) in
        [(r#","seed":1"#, 512), (r#","logit_bias":{"1":1}"#, 512), (r#","mirostat":2"#, 512), ("", 4096)]
    {
        let mut commit = commit;
        commit.limits.n_ctx = n_ctx;
        let response = server.client.forward(CHAT, body("x", sampling), Some(commit)).await.expect("an answer");
        assert_eq!(response.status().as_u16(), 400, "{sampling}");
    }
    let request = |ids: &[u32], windows: Vec<u32>| {
        ScoreRequest::new(reply_id(1), &body("x", ""), ids, windows, ScoreMode::Tolerance, commit.limits)
    };
    for bad in [
        request(&[], vec![]),
        request(&[49_152], vec![]),
        request(&[5], vec![1]),
        request(&[5], vec![0, 0]),
        request(&[5; 600], vec![]),
    ] {
        assert!(
            matches!(server.client.score(&bad).await, Err(Error::Refused { status: 400, .. })),
            "{:?}",
            bad.windows
        );
    }
    server.client.score(&request(&[5], vec![0])).await.is_ok()
}
