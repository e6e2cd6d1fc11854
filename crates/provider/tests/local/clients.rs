//! Applications that know nothing of OGONG: the official client packages at `ogong-provider local`, every method that it has an endpoint for.

use crate::common::{
    clients,
    local::{Local, home_with, shipped},
};

const MODEL: &str = "smollm2-135m-instruct";
const FILE: &str = "SmolLM2-135M-Instruct.Q4_1.gguf";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_official_packages_are_served() {
    let local = Local::start(home_with(&[FILE]), &["--model", MODEL, "--n-ctx", "1024"]).await;
    // Loaded before the first client counts its patience.
    local.until("the model to be loaded", |loaded| loaded.len() == 1).await;
    let url = local.url.clone();
    let found = tokio::task::spawn_blocking(move || {
        let args = [url.as_str(), MODEL];
        let gguf = shipped();
        let gguf = gguf.to_str().expect("UTF-8");
        [
            clients::python("openai_local.py", &args),
            clients::python("ollama_local.py", &[url.as_str(), MODEL, gguf]),
            clients::python("anthropic_local.py", &args),
            clients::node("openai_local.mjs", &args),
            clients::node("ollama_local.mjs", &args),
        ]
    });
    let found = found.await.unwrap_or_else(|error| panic!("{error}: {}", local.log()));
    for each in &found {
        eprintln!("   {each}");
    }
    // At temperature 0 the same question has one answer, whatever the package, language or endpoint.
    let answers: Vec<&str> = found.iter().filter_map(|each| each["text"].as_str()).collect();
    assert_eq!(answers.len(), found.len());
    assert!(answers.iter().all(|answer| *answer == answers[0]), "{answers:?}");
}
