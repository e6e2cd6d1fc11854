//! Images in prompts, with a projector of random weights for SmolLM2: what it sees means nothing, but all of it must arrive.

mod common;

use std::io::Cursor;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use common::server::Server;
use common::{config, tiny};
use image::{ImageFormat, Rgb, RgbImage};
use ogong_text::EngineConfig;
use serde_json::{Value, json};

const CHAT: &str = "/v1/chat/completions";

/// A picture of one colour in a file of `format`.
fn picture(colour: [u8; 3], side: u32, format: ImageFormat) -> Vec<u8> {
    let mut file = Cursor::new(Vec::new());
    RgbImage::from_pixel(side, side, Rgb(colour)).write_to(&mut file, format).expect("a picture");
    file.into_inner()
}

fn url(kind: &str, file: &[u8]) -> String {
    format!("data:image/{kind};base64,{}", BASE64_STANDARD.encode(file))
}

/// A question about `url`, answered the same way each time.
fn ask(url: &str) -> Value {
    let parts = json!([
        {"type": "text", "text": "What is in this picture?"}, {"type": "image_url", "image_url": {"url": url}},
        {"type": "text", "text": "Answer in one word."},
    ]);
    json!({
        "messages": [{"role": "user", "content": parts}], "max_tokens": 2, "temperature": 0,
        "logprobs": true, "top_logprobs": 4,
    })
}

fn logprobs(answer: &Value) -> Vec<f64> {
    let content = answer["choices"][0]["logprobs"]["content"][0]["top_logprobs"].as_array().expect("alternatives");
    content.iter().map(|entry| entry["logprob"].as_f64().expect("a number")).collect()
}

fn alike(a: &[f64], b: &[f64]) -> bool {
    a.iter().zip(b).all(|(a, b)| (a - b).abs() < 1e-3)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn images_reach_the_model() {
    let dir = tempfile::tempdir().expect("a directory");
    let mmproj = Some(tiny::projector(dir.path()));
    let server = Server::start(EngineConfig { mmproj, commit: false, plain: true, ..config("Q8_0") }).await;
    let props: Value = serde_json::from_slice(&server.get("/props").await).expect("json");
    assert_eq!(props["modalities"]["vision"], true);

    let red = url("png", &picture([255, 0, 0], 32, ImageFormat::Png));
    let blue = url("png", &picture([0, 0, 255], 32, ImageFormat::Png));
    let of_red = server.ask(CHAT, ask(&red)).await;
    let of_blue = server.ask(CHAT, ask(&blue)).await;
    assert!(!alike(&logprobs(&of_red), &logprobs(&of_blue)), "the model tells one picture from another");
    let tokens = of_red["usage"]["prompt_tokens"].as_u64().expect("usage");
    let text = json!({"messages": [{"role": "user", "content": "What is in this picture?\nAnswer in one word."}], "max_tokens": 1});
    let bare = server.ask(CHAT, text).await["usage"]["prompt_tokens"].as_u64().expect("usage");
    assert!(tokens >= bare + 4, "a picture of 32 pixels a side is four rows: {tokens} {bare}");

    // The same picture again comes from memory, another one does not, though all around it is the same.
    let again = server.ask(CHAT, ask(&red)).await;
    let cached = |answer: &Value| answer["usage"]["prompt_tokens_details"]["cached_tokens"].as_u64().expect("usage");
    assert!(alike(&logprobs(&of_red), &logprobs(&again)), "memory changes nothing");
    assert!(cached(&again) + 2 >= tokens && cached(&of_blue) < tokens - 4, "{} {}", cached(&again), cached(&of_blue));

    // Other files of the same picture are the same to the model, as long as they lose nothing.
    for (kind, format) in [("gif", ImageFormat::Gif), ("bmp", ImageFormat::Bmp), ("webp", ImageFormat::WebP)] {
        let same = server.ask(CHAT, ask(&url(kind, &picture([255, 0, 0], 32, format)))).await;
        assert!(alike(&logprobs(&of_red), &logprobs(&same)), "{kind}");
    }
    let jpeg = server.ask(CHAT, ask(&url("jpeg", &picture([255, 0, 0], 32, ImageFormat::Jpeg)))).await;
    assert_eq!(jpeg["usage"]["prompt_tokens"], tokens);

    // llama-server's own way in.
    let file = BASE64_STANDARD.encode(picture([255, 0, 0], 32, ImageFormat::Png));
    let native = json!({
        "prompt": {"prompt_string": "Look: <__media__> I see", "multimodal_data": [file]}, "max_tokens": 3, "temperature": 0,
    });
    let native = server.ask("/v1/completions", native).await;
    assert_eq!(native["usage"]["completion_tokens"], 3);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_no_image_is_refused() {
    let dir = tempfile::tempdir().expect("a directory");
    let mmproj = Some(tiny::projector(dir.path()));
    let server = Server::start(EngineConfig { mmproj, commit: true, ..config("Q8_0") }).await;
    let png = picture([9, 9, 9], 32, ImageFormat::Png);
    let cut = url("png", &png[..png.len() / 2]);
    // A file of a few bytes that says it holds 40,000 x 40,000 pixels.
    let mut bomb = png.clone();
    bomb[16..24].copy_from_slice(&[0, 0, 156, 64, 0, 0, 156, 64]);
    let bomb = url("png", &bomb);
    let wrong = ["", "http://127.0.0.1/a.png", "file:///etc/passwd", "data:image/png;base64,!", "data:image/png,abc"];
    for bad in wrong.into_iter().chain([&*cut, &*bomb, &*url("png", b"no picture")]) {
        let (status, answer) = server.post(CHAT, ask(bad).to_string()).await;
        let answer = String::from_utf8_lossy(&answer).into_owned();
        assert!(status == 400 && answer.contains("image"), "{bad:.40}: {status} {answer}");
    }
    let short = json!({"prompt": {"prompt_string": "no place", "multimodal_data": [BASE64_STANDARD.encode(&png)]}});
    let last = json!({"prompt": {"prompt_string": "<__media__>", "multimodal_data": [BASE64_STANDARD.encode(&png)]}});
    for body in [short, last] {
        assert_eq!(server.post("/v1/completions", body.to_string()).await.0, 400, "{body:.60}");
    }
    // What is committed is text: whoever checks it has no picture.
    let body = json!({"messages": ask(&url("png", &png))["messages"]}).to_string();
    let limits = ogong_engine::wire::OrderLimits { max_tokens: 8, n_ctx: 512, issued_ms: 0 };
    let committed = server.engine.prepare_committed(body.into(), common::reply_id(1), limits);
    assert!(committed.is_err_and(|error| error.to_string().contains("text only")));
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_a_projector_images_are_refused_with_a_hint() {
    let server = Server::start(EngineConfig { commit: false, plain: true, ..config("Q8_0") }).await;
    let body = ask(&url("png", &picture([1, 2, 3], 32, ImageFormat::Png)));
    let (status, answer) = server.post(CHAT, body.to_string()).await;
    assert!(status == 400 && String::from_utf8_lossy(&answer).contains("--mmproj"), "{answer:?}");
    server.stop().await;

    let dir = tempfile::tempdir().expect("a directory");
    let missing = EngineConfig { mmproj: Some(dir.path().join("none.gguf")), ..config("Q8_0") };
    let text = EngineConfig { mmproj: Some(common::model("Q8_0")), ..config("Q8_0") };
    for config in [missing, text] {
        let failed = ogong_text::Engine::load(&config).expect_err("no projector");
        assert!(failed.hint().is_some(), "{failed}");
    }
}
