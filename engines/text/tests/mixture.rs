//! A mixture of experts, of random weights: it loads, answers, commits, and its experts can stay in RAM.

mod common;

use common::{body, config, reply_id, tiny};
use ogong_engine::wire::OrderLimits;
use ogong_text::placement::{ExpertsInRam, Placement};
use ogong_text::{Engine, EngineConfig};

#[test]
fn experts_answer_wherever_they_are() {
    let dir = tempfile::tempdir().expect("a directory");
    let path = tiny::mixture(dir.path());
    let limits = OrderLimits { max_tokens: 12, n_ctx: 256, issued_ms: 0 };
    let answers: Vec<_> = [ExpertsInRam::None, ExpertsInRam::First(1), ExpertsInRam::All]
        .into_iter()
        .map(|experts_in_ram| {
            let placement = Placement { experts_in_ram, ..Placement::default() };
            // Slots of a GPU's cache, of which there is none here: said, and left out.
            let moe_cache_slots = Some(2);
            let base = config("Q8_0");
            let config = EngineConfig { model: path.clone(), placement, moe_cache_slots, ..base };
            let engine = Engine::load(&config).expect("a mixture loads");
            engine.generate_committed(body("Count.", r#","temperature":0"#), reply_id(3), limits).expect("an answer")
        })
        .collect();
    let roots: Vec<_> = answers.iter().map(|answer| answer.commit_root()).collect();
    assert!(roots.iter().all(|root| *root == roots[0]), "the same commitment wherever experts are: {roots:?}");
    assert_eq!(answers[0].ids.len(), 12);
}
