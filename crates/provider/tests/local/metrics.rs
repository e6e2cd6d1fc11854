//! `/metrics` as Prometheus reads it, after real requests.

use crate::common::local::{LOADING, Local, home_with};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// Samples by family and labels. Panics at what Prometheus would not take.
fn scraped(text: &str) -> BTreeMap<String, f64> {
    let (mut families, mut samples, mut family) = (BTreeSet::new(), BTreeMap::new(), String::new());
    for line in text.lines() {
        if let Some(declared) = line.strip_prefix("# TYPE ") {
            let (name, kind) = declared.split_once(' ').expect("a kind");
            assert!(families.insert(name.to_owned()), "{name} is declared twice");
            assert!(["counter", "gauge", "histogram"].contains(&kind), "{line}");
            family = name.to_owned();
        } else if !line.starts_with("# HELP ") {
            let (series, value) = line.rsplit_once(' ').expect("a value");
            assert!(series.starts_with(&family), "{series} stands under {family}");
            let value: f64 = value.parse().unwrap_or_else(|_| panic!("{line}"));
            assert!(samples.insert(series.to_owned(), value).is_none(), "{series} is there twice");
        }
    }
    samples
}

#[tokio::test]
async fn what_is_scraped_is_what_was_answered() {
    let local = Local::start(home_with(&["one.gguf", "two.gguf"]), &["--n-ctx", "512", "--parallel", "2"]).await;
    let (mut prompt, mut answer) = (0, 0);
    let mut count = |usage: &Value, names: [&str; 2]| {
        prompt += usage[names[0]].as_u64().expect("tokens in");
        answer += usage[names[1]].as_u64().expect("tokens out");
    };
    let message = json!([{"role": "user", "content": "Name a colour."}]);
    for tokens in [3, 5] {
        let request = json!({"model": "one", "messages": message, "max_tokens": tokens, "temperature": 0});
        let (_, said) = local.post("/v1/chat/completions", request).await;
        count(&said["usage"], ["prompt_tokens", "completion_tokens"]);
    }
    let chat =
        json!({"model": "one", "messages": message, "stream": false, "options": {"num_predict": 4, "temperature": 0}});
    let (_, said) = local.post("/api/chat", chat).await;
    count(&said, ["prompt_eval_count", "eval_count"]);
    let generate = json!({"model": "two", "prompt": "Name a colour.", "stream": false, "options": {"num_predict": 2}});
    assert_eq!(local.post("/api/generate", generate).await.0, 200);
    assert_eq!(local.post("/v1/chat/completions", json!({"model": "nobody", "messages": message})).await.0, 404);

    // An engine counts an answer when it is over, which its client may hear a moment before.
    let counted = async {
        loop {
            let (_, text) = local.get("/metrics").await;
            let samples = scraped(text.as_str().expect("text"));
            let done = |model: &str| {
                samples.get(&format!("ogong_text_requests_total{{model=\"{model}\",outcome=\"done\"}}")).copied()
            };
            if (done("one"), done("two")) == (Some(3.0), Some(1.0)) {
                return samples;
            }
            tokio::task::yield_now().await;
        }
    };
    let samples = tokio::time::timeout(LOADING, counted).await.expect("four answers are counted");
    let of = |name: &str| *samples.get(name).unwrap_or_else(|| panic!("{name} is not among {samples:#?}"));
    assert_eq!(of(r#"ogong_local_requests_total{path="/v1/chat/completions",status="200"}"#), 2.0);
    assert_eq!(of(r#"ogong_local_requests_total{path="/v1/chat/completions",status="404"}"#), 1.0);
    assert_eq!((of("ogong_local_models_loaded"), of("ogong_local_requests_waiting")), (2.0, 0.0));
    let tokens_in = of(r#"ogong_text_prompt_tokens_total{model="one"}"#)
        + of(r#"ogong_text_prompt_cached_tokens_total{model="one"}"#);
    assert_eq!((tokens_in, of(r#"ogong_text_answer_tokens_total{model="one"}"#)), (prompt as f64, answer as f64));
    let used = of(r#"ogong_text_kv_usage_ratio{model="one"}"#);
    assert!(used > 0.0 && used <= 1.0, "{used}");
    assert_eq!(of(r#"ogong_text_first_token_seconds_count{model="one"}"#), 3.0);
    assert_eq!(of(r#"ogong_text_queue_seconds_count{model="one"}"#), 3.0);
    assert_eq!(of(r#"ogong_text_inter_token_seconds_count{model="one"}"#), (answer - 3) as f64);
    assert_eq!(of(r#"ogong_text_first_token_seconds_count{model="two"}"#), 1.0);
    for model in ["one", "two"] {
        for name in ["first_token", "inter_token", "queue"] {
            let series = format!("ogong_text_{name}_seconds");
            let bounds = samples.iter().filter(|(at, _)| {
                at.starts_with(&format!("{series}_bucket")) && at.contains(&format!("model=\"{model}\""))
            });
            let mut counts: Vec<f64> = bounds.map(|(_, count)| *count).collect();
            counts.sort_by(f64::total_cmp);
            assert!(counts.len() > 5, "{series}: {counts:?}");
            let all = of(&format!("{series}_bucket{{model=\"{model}\",le=\"+Inf\"}}"));
            assert_eq!((all, counts.last()), (of(&format!("{series}_count{{model=\"{model}\"}}")), Some(&all)));
            assert!(of(&format!("{series}_sum{{model=\"{model}\"}}")) >= 0.0);
        }
    }
}
