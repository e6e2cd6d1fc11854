//! Committed replies of the real model, scored and replayed (SPEC 3, 4, 5.5): no honest reply may fail.

mod common;

use common::{body, check_bindings, commit, config, engine, limits, measure, recomputed, reply_id, score};
use ogong_engine::wire::ScoreMode;
use ogong_text::engine::wait;
use ogong_text::{Engine, EngineConfig};

#[test]
fn an_honest_reply_passes_in_both_modes() {
    let engine = engine("Q8_0");
    assert!(engine.capabilities().exact, "Q8_0 reproduces itself");
    let cases = [
        ("Explain how a bicycle stays upright.", "", 90),
        ("Name three rivers.", r#","temperature":0,"max_tokens":40"#, 90),
        ("Write a limerick about a lighthouse.", r#","temperature":1.5,"top_p":0.9,"frequency_penalty":0.5"#, 70),
        ("Count to twenty.", r#","temperature":0.7,"stop":["7","\n\n"]"#, 70),
    ];
    for (n, (prompt, sampling, max_tokens)) in (1..).zip(cases) {
        let reply = commit(&engine, n, body(prompt, sampling), max_tokens);
        let tolerance = score(&engine, &reply, ScoreMode::Tolerance);
        check_bindings(&reply, &tolerance);
        let measured = measure(&reply, &tolerance);
        assert!(measured.passes(reply.trajectory.ids.len()), "{prompt}: {measured:?}");
        let exact = score(&engine, &reply, ScoreMode::Exact);
        check_bindings(&reply, &exact);
        assert_eq!(recomputed(&reply, &exact), reply.trajectory.leaves, "{prompt}: exact mode gives the same leaves");
        let measured = measure(&reply, &exact);
        assert!(measured.margin_max < 0.002, "{prompt}: the same numbers leave only the rounding: {measured:?}");
    }
}

#[test]
fn a_long_prompt_is_reproduced_across_its_chunks() {
    let engine = engine("Q8_0");
    let prompt = common::long_text(700);
    let reply = commit(&engine, 9, body(&prompt, ""), 40);
    assert!(
        reply.trajectory.header.n_prompt > 600,
        "the prompt spans two chunks: {}",
        reply.trajectory.header.n_prompt
    );
    let exact = score(&engine, &reply, ScoreMode::Exact);
    assert_eq!(recomputed(&reply, &exact), reply.trajectory.leaves);
}

#[test]
fn company_changes_nothing() {
    let engine = engine("Q8_0");
    let prompts = ["What is rain?", "Tell a story about a fox.", "List five colours.", &common::long_text(560)];
    let bodies: Vec<_> = prompts.iter().map(|prompt| body(prompt, r#","temperature":0.8"#)).collect();
    let alone: Vec<_> = (20..).zip(&bodies).map(|(n, body)| commit(&engine, n, body.clone(), 48).trajectory).collect();
    let together: Vec<_> = (20..)
        .zip(&bodies)
        .map(|(n, body)| {
            let mut prepared = engine.prepare_committed(body.clone(), reply_id(n), limits(48)).expect("a request");
            engine.generate(prepared.jobs.remove(0)).expect("queued")
        })
        .collect();
    // A score in between must disturb nothing and be disturbed by nothing.
    let first =
        common::Reply { id: reply_id(20), body: bodies[0].clone(), limits: limits(48), trajectory: alone[0].clone() };
    let exact = score(&engine, &first, ScoreMode::Exact);
    assert_eq!(recomputed(&first, &exact), first.trajectory.leaves);
    for (alone, events) in alone.iter().zip(together) {
        let (text, done) = wait(events).expect("a reply");
        let trajectory = done.trajectory.expect("committed");
        assert_eq!(&trajectory, alone);
        assert_eq!(text, trajectory.raw_text);
    }
}

#[test]
fn a_foreign_answer_does_not_pass() {
    let honest = engine("Q8_0");
    let cheap = Engine::load(&config("Q4_0")).expect("engine");
    let reply = commit(&cheap, 30, body("Explain how a bicycle stays upright.", ""), 96);
    let measured = measure(&reply, &score(&honest, &reply, ScoreMode::Tolerance));
    assert!(!measured.passes(reply.trajectory.ids.len()), "Q4_0 for Q8_0: {measured:?}");
}

#[test]
fn an_engine_that_does_not_commit_says_so() {
    let engine = Engine::load(&EngineConfig { commit: false, parallel: 1, ..config("Q8_0") }).expect("engine");
    let refused = engine.prepare_committed(body("x", ""), reply_id(1), limits(8));
    assert_eq!(refused.expect_err("refused"), ogong_text::RequestError::NotCommitting);
    let mut prepared =
        engine.prepare_plain(&body("Say hello.", r#","seed":1,"max_tokens":8"#)).expect("a plain request");
    let (text, done) = wait(engine.generate(prepared.jobs.remove(0)).expect("queued")).expect("a reply");
    assert!(!text.is_empty() && done.trajectory.is_none() && done.n_tokens <= 8);
}

/// The tap's hidden states are those that llama.cpp's own, slower switch gives.
#[test]
fn the_tap_reads_what_llama_calls_embeddings() {
    use llama_cpp_4::context::params::{LlamaContextParams, LlamaPoolingType};
    use llama_cpp_4::llama_batch::LlamaBatch;
    use llama_cpp_4::token::LlamaToken;
    use ogong_text::cancel::Cancel;
    use ogong_text::model::Model;
    use ogong_text::raw::{Context, ContextConfig, Row, backend};

    let config = config("Q8_0");
    let model = Model::load(&config.model, &config.placement, None, true, false, &Cancel::default()).expect("model");
    let context = ContextConfig {
        tap: true,
        threads_batch: 1,
        rows: 512,
        rows_together: 512,
        expert_cache_bytes: 0,
        n_ctx: 256,
        sequences: 4,
        threads: 1,
        poll: 0,
        flash_attention: true,
        cache_type_k: config.cache_type_k,
        cache_type_v: config.cache_type_v,
    };
    let mut tapped = Context::new(model.llama(), &context).expect("context");
    let params = LlamaContextParams::default()
        .with_n_ctx(std::num::NonZeroU32::new(1024))
        .with_n_seq_max(4)
        .with_n_threads(1)
        .with_n_threads_batch(1)
        .with_flash_attn_type(llama_cpp_4::context::params::LlamaFlashAttnType::Enabled)
        .with_pooling_type(LlamaPoolingType::None)
        .with_embeddings(true);
    let mut own = model.llama().new_context(backend(), params).expect("context");
    // Sequences with a gap, so that llama.cpp computes them in several graphs.
    let rows: Vec<Row> = [0, 1, 3]
        .iter()
        .map(|sequence| Row { token: 100 + sequence * 7, position: 0, sequence: *sequence, output: true })
        .collect();
    tapped.decode(rows.iter().copied(), true).expect("decode");
    let mut batch = LlamaBatch::new(8, 1);
    for row in &rows {
        batch.add(LlamaToken(row.token as i32), 0, &[row.sequence as i32], true).expect("room");
    }
    own.decode(&mut batch).expect("decode");
    for index in 0..rows.len() {
        let (a, b) = (tapped.hidden(index).expect("tapped"), own.embeddings_ith(index as i32).expect("own"));
        assert_eq!(a.len(), 576);
        assert_eq!(a, b, "row {index}");
        assert_eq!(tapped.logits(index), own.get_logits_ith(index as i32), "row {index}");
    }
    assert!(tapped.hidden(3).is_err());
}
