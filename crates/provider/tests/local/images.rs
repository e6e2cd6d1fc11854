//! Images in all four APIs, with a projector of random weights for the shipped model: what it sees means nothing, but all of it must arrive.

use crate::common::{
    file_server::{FileServer, Manner},
    local::{Local, home_with},
    tiny,
};
use base64::{Engine as _, prelude::BASE64_STANDARD};
use serde_json::{Value, json};
use std::path::Path;

const MODEL: &str = "smollm2-135m-instruct";
const FILE: &str = "SmolLM2-135M-Instruct.Q4_1.gguf";
const QUESTION: &str = "What is in this picture?";

/// A picture of one colour, 32 pixels a side, as BMP: a header of 54 bytes and the pixels as they are.
fn picture(blue_green_red: [u8; 3]) -> Vec<u8> {
    let pixels = blue_green_red.repeat(32 * 32);
    let mut file = b"BM".to_vec();
    for number in [54 + pixels.len() as u32, 0, 54, 40, 32, 32, 1 | 24 << 16, 0, pixels.len() as u32, 2835, 2835, 0, 0]
    {
        file.extend(number.to_le_bytes());
    }
    file.extend(pixels);
    file
}

async fn seeing(dir: &Path) -> Local {
    let projector = tiny::projector(dir);
    let projector = projector.to_str().expect("UTF-8");
    let home = home_with(&[FILE]);
    let local =
        Local::start(home, &["--model", MODEL, "--mmproj", projector, "--n-ctx", "1024", "--parallel", "1"]).await;
    local.until("the model to be loaded", |loaded| loaded.len() == 1).await;
    local
}

fn openai(url: &str) -> Value {
    let parts = json!([{"type": "text", "text": QUESTION}, {"type": "image_url", "image_url": {"url": url}}]);
    json!({"model": MODEL, "messages": [{"role": "user", "content": parts}], "max_tokens": 8, "temperature": 0, "seed": 1,
        "logprobs": true, "top_logprobs": 4})
}

/// What the first token's alternatives were.
async fn seen(local: &Local, url: &str) -> (String, u64, Vec<f64>) {
    let (status, said) = local.post("/v1/chat/completions", openai(url)).await;
    assert_eq!(status, 200, "{said}");
    let top = said["choices"][0]["logprobs"]["content"][0]["top_logprobs"].as_array().expect("alternatives");
    let numbers = top.iter().map(|entry| entry["logprob"].as_f64().expect("a number")).collect();
    let text = said["choices"][0]["message"]["content"].as_str().expect("an answer").to_owned();
    (text, said["usage"]["prompt_tokens"].as_u64().expect("a count"), numbers)
}

#[tokio::test]
async fn every_api_shows_the_model_the_same_picture() {
    let dir = tempfile::tempdir().expect("a directory");
    let local = seeing(dir.path()).await;
    let (_, shown) = local.post("/api/show", json!({"model": MODEL})).await;
    assert!(shown["capabilities"].as_array().is_some_and(|all| all.contains(&json!("vision"))), "{shown}");

    let files = FileServer::start();
    files.put("/red.bmp", picture([0, 0, 255]), Manner::Honest);
    files.put("/moved.bmp", Vec::new(), Manner::Redirects("/red.bmp".into()));
    let base64 = BASE64_STANDARD.encode(picture([0, 0, 255]));
    let data = format!("data:image/bmp;base64,{base64}");
    let (text, tokens, numbers) = seen(&local, &data).await;
    let blue = format!("data:image/bmp;base64,{}", BASE64_STANDARD.encode(picture([255, 0, 0])));
    let differs = |a: &[f64], b: &[f64]| a.iter().zip(b).any(|(a, b)| (a - b).abs() > 1e-3);
    assert!(differs(&seen(&local, &blue).await.2, &numbers), "the model tells one picture from another");
    for url in [files.url("/red.bmp"), files.url("/moved.bmp")] {
        let (_, counted, fetched) = seen(&local, &url).await;
        assert!(counted == tokens && !differs(&fetched, &numbers), "{url} is another picture");
    }

    let item = |url: &str| json!({"role": "user", "content": [{"type": "input_text", "text": QUESTION}, {"type": "input_image", "image_url": url}]});
    for url in [&data, &files.url("/red.bmp")] {
        let request =
            json!({"model": MODEL, "input": [item(url)], "max_output_tokens": 8, "temperature": 0, "seed": 1});
        let (_, response) = local.post("/v1/responses", request).await;
        assert_eq!(
            (&response["output"][0]["content"][0]["text"], &response["usage"]["input_tokens"]),
            (&json!(text), &json!(tokens))
        );
    }
    for source in [
        json!({"type": "base64", "media_type": "image/bmp", "data": base64}),
        json!({"type": "url", "url": files.url("/red.bmp")}),
    ] {
        let blocks = json!([{"type": "text", "text": QUESTION}, {"type": "image", "source": source}]);
        let request = json!({"model": MODEL, "max_tokens": 8, "temperature": 0, "seed": 1, "messages": [{"role": "user", "content": blocks}]});
        let (_, counts) = local.post("/v1/messages/count_tokens", request.clone()).await;
        assert_eq!(counts, json!({"input_tokens": tokens}));
        let (_, message) = local.post("/v1/messages", request).await;
        let counted =
            ["input_tokens", "cache_read_input_tokens"].map(|name| message["usage"][name].as_u64().unwrap_or(0));
        assert_eq!((&message["content"][0]["text"], counted[0] + counted[1]), (&json!(text), tokens), "{message}");
    }
    let options = json!({"num_predict": 8, "temperature": 0, "seed": 1, "repeat_penalty": 1.0});
    let message = json!({"role": "user", "content": QUESTION, "images": [base64]});
    let chat = json!({"model": MODEL, "messages": [message], "stream": false, "options": options});
    let (_, said) = local.post("/api/chat", chat).await;
    assert_eq!((&said["message"]["content"], &said["prompt_eval_count"]), (&json!(text), &json!(tokens)), "{said}");
    let generate = json!({"model": MODEL, "prompt": QUESTION, "images": [base64], "stream": false, "options": options});
    let (_, said) = local.post("/api/generate", generate).await;
    assert_eq!((&said["response"], &said["prompt_eval_count"]), (&json!(text), &json!(tokens)), "{said}");

    files.put("/page.png", b"<html>".to_vec(), Manner::Page);
    let host = files.url("").replace("127.0.0.1", "169.254.169.254");
    for (url, why) in [
        (files.url("/page.png"), "comes as"),
        (files.url("/none.bmp"), "404"),
        (format!("{host}/latest/meta-data"), "never fetched from"),
        ("file:///etc/passwd".into(), "no http or https"),
        ("http://127.0.0.1:1/x.png".into(), "cannot be fetched"),
    ] {
        let (status, error) = local.post("/v1/chat/completions", openai(&url)).await;
        let message = error["error"]["message"].as_str().unwrap_or_default();
        assert!(
            status == 400 && message.contains(why) && error["error"]["code"] == "invalid_image_url",
            "{url}: {error}"
        );
    }
    let cut = format!("data:image/bmp;base64,{}", &base64[..80]);
    assert_eq!(local.post("/v1/chat/completions", openai(&cut)).await.0, 400);
}
