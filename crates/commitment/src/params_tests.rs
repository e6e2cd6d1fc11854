use super::*;

fn derive(body: &str) -> Result<SamplingParams, Refusal> {
    SamplingParams::from_body(body.as_bytes(), 512)
}

fn temperature(number: &str) -> Option<i32> {
    derive(&format!("{{\"temperature\":{number}}}")).ok().map(|p| p.temperature)
}

#[test]
fn a_silent_body_means_the_defaults() {
    let expected = SamplingParams { max_tokens: 512, ..SamplingParams::default() };
    assert_eq!(derive("{}"), Ok(expected.clone()));
    let nulls = r#"{"temperature":null,"top_p":null,"stop":null,"n":null,"seed":null,"tools":null,"max_tokens":null}"#;
    assert_eq!(derive(nulls), Ok(expected.clone()));
    let neutral = r#"{"model":"m","messages":[],"stream":true,"stream_options":{"include_usage":true},"n":1,
        "logprobs":false,"tools":[],"logit_bias":{},"response_format":{"type":"text"},"tool_choice":"none"}"#;
    assert_eq!(derive(neutral), Ok(expected));
}

#[test]
fn numbers_round_half_to_even_by_their_own_digits() {
    for (text, steps) in [
        ("0", 0),
        ("-0", 0),
        ("-0.0", 0),
        ("0.7", 7_000),
        ("1", 10_000),
        ("1.0", 10_000),
        ("2", 20_000),
        ("2.0e0", 20_000),
        ("0.00005", 0),
        ("0.00015", 2),
        ("0.00025", 2),
        ("0.000050000000000000000000000001", 1),
        ("0.00004999", 0),
        ("1.99995", 20_000),
        ("2.00005", 20_000),
        ("2e0", 20_000),
        ("0.2E1", 20_000),
        ("20e-1", 20_000),
        ("7e-5", 1),
        ("0.1234499999999999999999999999999", 1_234),
        ("1e-999999999999999999999", 0),
        ("-0.00005", 0),
        ("-1e-9", 0),
        ("0e999999999999999999999", 0),
        ("0.0000000000000000000000001e25", 10_000),
    ] {
        assert_eq!(temperature(text), Some(steps), "{text}");
    }
    for text in ["2.00006", "-0.00006", "-1", "3", "1e999999999999999999999", "1e9", "123456789012345678901234567890"] {
        assert_eq!(temperature(text), None, "{text}");
    }
}

#[test]
fn every_range_holds_at_its_edges() {
    for (member, inside, outside) in [
        ("temperature", ["0", "2"], ["-0.0001", "2.0001"]),
        ("top_p", ["0.0001", "1"], ["0", "1.0001"]),
        ("min_p", ["0", "1"], ["-0.0001", "1.0001"]),
        ("presence_penalty", ["-2", "2"], ["-2.0001", "2.0001"]),
        ("frequency_penalty", ["-2", "2"], ["-2.0001", "2.0001"]),
    ] {
        for number in inside {
            assert!(derive(&format!("{{\"{member}\":{number}}}")).is_ok(), "{member} {number}");
        }
        for number in outside {
            let refusal = derive(&format!("{{\"{member}\":{number}}}")).expect_err(member);
            assert!(matches!(&refusal, Refusal::Range { member: m, .. } if *m == member), "{refusal}");
            assert_eq!(refusal.member(), Some(member));
        }
        let refusal = derive(&format!("{{\"{member}\":\"1\"}}")).expect_err(member);
        assert_eq!(refusal, Refusal::Type { member, expected: "a number" });
    }
}

#[test]
fn top_k_of_none_and_of_many_is_64() {
    for (text, k) in [("0", 64), ("1", 1), ("64", 64), ("65", 64), ("1e30", 64), ("40.0", 40), ("4e1", 40)] {
        assert_eq!(derive(&format!("{{\"top_k\":{text}}}")).map(|p| p.top_k), Ok(k), "{text}");
    }
    for text in ["-1", "1.5", "-1e30", "1e-1"] {
        assert!(
            matches!(derive(&format!("{{\"top_k\":{text}}}")), Err(Refusal::Range { member: "top_k", .. })),
            "{text}"
        );
    }
}

#[test]
fn the_least_limit_of_body_and_order_counts() {
    let max = |body: &str, order| SamplingParams::from_body(body.as_bytes(), order).map(|p| p.max_tokens);
    assert_eq!(max("{}", 100), Ok(100));
    assert_eq!(max(r#"{"max_tokens":7}"#, 100), Ok(7));
    assert_eq!(max(r#"{"max_tokens":700}"#, 100), Ok(100));
    assert_eq!(max(r#"{"max_tokens":7,"max_completion_tokens":9}"#, 100), Ok(9));
    assert_eq!(max(r#"{"max_tokens":7,"max_completion_tokens":null}"#, 100), Ok(7));
    assert_eq!(max(r#"{"max_tokens":99999999999}"#, 100), Ok(100));
    assert_eq!(max("{}", 0), Err(Refusal::NoTokens));
    for body in
        [r#"{"max_tokens":0}"#, r#"{"max_completion_tokens":0}"#, r#"{"max_tokens":1.5}"#, r#"{"max_tokens":-1}"#]
    {
        assert!(matches!(max(body, 100), Err(Refusal::Range { .. })), "{body}");
    }
}

#[test]
fn stop_strings_are_counted_and_measured_in_bytes() {
    let stops = |json: &str| derive(&format!("{{\"stop\":{json}}}")).map(|p| p.stop);
    assert_eq!(stops("\"a\""), Ok(vec![b"a".to_vec()]));
    assert_eq!(stops("[]"), Ok(vec![]));
    assert_eq!(stops(r#"["a","b","c","d"]"#).map(|s| s.len()), Ok(4));
    assert_eq!(stops(r#"["a","b","c","d","e"]"#), Err(Refusal::StopCount(5)));
    assert_eq!(stops("\"\""), Err(Refusal::StopLength(0)));
    assert!(stops(&format!("\"{}\"", "x".repeat(64))).is_ok());
    assert_eq!(stops(&format!("\"{}\"", "x".repeat(65))), Err(Refusal::StopLength(65)));
    assert_eq!(stops(&format!("\"{}\"", "ü".repeat(33))), Err(Refusal::StopLength(66)));
    for json in ["1", "[1]", "{}", "true"] {
        assert!(matches!(stops(json), Err(Refusal::Type { member: "stop", .. })), "{json}");
    }
}

#[test]
fn everything_without_a_canonical_rule_is_refused_by_name() {
    for (member, value) in [
        ("logit_bias", r#"{"1":-100}"#),
        ("logprobs", "true"),
        ("top_logprobs", "5"),
        ("tools", r#"[{"type":"function"}]"#),
        ("tool_choice", "\"auto\""),
        ("functions", "[{}]"),
        ("response_format", r#"{"type":"json_object"}"#),
        ("grammar", "\"root ::= x\""),
        ("json_schema", "{}"),
        ("seed", "1"),
        ("repeat_penalty", "1.1"),
        ("mirostat", "2"),
        ("dry_multiplier", "0.8"),
        ("xtc_probability", "0.5"),
        ("typical_p", "0.9"),
        ("samplers", "[]"),
        ("suffix", "\"x\""),
        ("best_of", "2"),
        ("some_new_sampler", "0"),
        ("chat_template_kwargs", "{}"),
    ] {
        let refusal = derive(&format!("{{\"{member}\":{value}}}")).expect_err(member);
        assert_eq!(refusal, Refusal::Unsupported { member: member.to_owned() });
        assert!(refusal.to_string().contains(member));
    }
    for n in ["2", "0", "1.5", "\"1\"", "[]"] {
        assert!(matches!(derive(&format!("{{\"n\":{n}}}")), Err(Refusal::Choices(_))), "{n}");
    }
    for body in ["", "[]", "null", "{\"temperature\":1,\"temperature\":2}"] {
        assert!(matches!(derive(body), Err(Refusal::Body(_))), "{body:?}");
    }
}

#[test]
fn params_of_a_peer_are_held_to_the_same_ranges() {
    let good = derive(r#"{"temperature":0.7,"stop":["a","b"]}"#).expect("good");
    assert_eq!(SamplingParams::from_bytes(&good.to_bytes()), Ok(good.clone()));
    let spoils: [fn(&mut SamplingParams); 8] = [
        |p| p.temperature = 20_001,
        |p| p.top_p = 0,
        |p| p.min_p = -1,
        |p| p.top_k = 65,
        |p| p.top_k = 0,
        |p| p.presence = 20_001,
        |p| p.max_tokens = 0,
        |p| p.stop = vec![vec![]],
    ];
    for spoil in spoils {
        let mut bad = good.clone();
        spoil(&mut bad);
        assert!(SamplingParams::from_bytes(&bad.to_bytes()).is_err(), "{bad:?}");
    }
}
