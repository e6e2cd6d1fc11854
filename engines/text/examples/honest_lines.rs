//! How far honest replies lie from the lines of SPEC 5.5: every temperature and top_p that SPEC 4.7 names, scored in
//! tolerance mode by the same weights. Prints one line a cell and what the worst of all was.
//!
//! `cargo run -p ogong-text --example honest_lines -- MODEL.gguf [TOKENS] [PROMPTS] [VERIFIER.gguf]`

use bytes::Bytes;
use ogong_base::hash::ReplyId;
use ogong_base::params::MARGIN_STEPS_PER_NAT;
use ogong_commitment::drift;
use ogong_engine::wire::{OrderLimits, ScoreMode, ScoreReply, ScoreRequest};
use ogong_text::{Engine, EngineConfig};

const PROMPTS: [&str; 6] = [
    "Explain how a bicycle stays upright, in detail, for a curious teenager.",
    "Write a short story about a lighthouse keeper who finds a message in a bottle.",
    "List ten practical tips for learning a new language and explain each one.",
    "What were the main causes of the industrial revolution in Britain?",
    "Write a Python function that parses a CSV file and computes the mean of every numeric column.",
    "Compare renting and buying a house.",
];
const TEMPERATURES: [&str; 5] = ["0", "0.1", "0.7", "1", "1.5"];
const TOP_PS: [&str; 3] = ["0.5", "0.9", "1"];
const LIMITS: OrderLimits = OrderLimits { issued_ms: 1_700_000_000_000, max_tokens: 1024, n_ctx: 2048 };

#[derive(Default, Clone, Copy)]
struct Cell {
    tokens: usize,
    l2: f64,
    ks: f64,
    ks_position: f64,
    margin_sum: f64,
    margin_reply: f64,
    margin_max: f64,
    over_line: usize,
    capped: usize,
}

impl Cell {
    fn add(&mut self, other: Self) {
        self.tokens += other.tokens;
        self.l2 = self.l2.max(other.l2);
        self.ks = self.ks.max(other.ks);
        self.ks_position = self.ks_position.max(other.ks_position);
        self.margin_sum += other.margin_sum;
        self.margin_reply = self.margin_reply.max(other.margin_reply);
        self.margin_max = self.margin_max.max(other.margin_max);
        self.over_line += other.over_line;
        self.capped += other.capped;
    }

    fn print(&self, name: &str) {
        println!(
            "{name:<18} tokens {:5}  L2 {:.4}  KS {:.4}  KS position {:.4}  margin mean {:.5} worst reply {:.5} max {:.3}  over 1.5: {}  capped: {}",
            self.tokens,
            self.l2,
            self.ks,
            self.ks_position,
            self.margin_sum / self.tokens.max(1) as f64,
            self.margin_reply,
            self.margin_max,
            self.over_line,
            self.capped
        );
    }
}

fn main() -> anyhow::Result<()> {
    let mut args = std::env::args().skip(1);
    let model = args
        .next()
        .ok_or_else(|| anyhow::anyhow!("usage: honest_lines MODEL.gguf [TOKENS] [PROMPTS] [VERIFIER.gguf]"))?;
    let tokens: u32 = args.next().unwrap_or_else(|| "96".into()).parse()?;
    let prompts: usize = args.next().unwrap_or_else(|| "2".into()).parse()?;
    let config = |path: &str| EngineConfig { n_ctx: 2048, parallel: 4, threads: 1, ..EngineConfig::new(path) };
    let engine = Engine::load(&config(&model))?;
    let verifier = args.next().map(|path| Engine::load(&config(&path))).transpose()?.unwrap_or_else(|| engine.clone());
    let mut all = Cell::default();
    for (row, temperature) in TEMPERATURES.iter().enumerate() {
        for (column, top_p) in TOP_PS.iter().enumerate() {
            let mut cell = Cell::default();
            for (n, prompt) in PROMPTS.iter().take(prompts).enumerate() {
                let body = Bytes::from(format!(
                    r#"{{"messages":[{{"role":"user","content":"{prompt}"}}],"temperature":{temperature},"top_p":{top_p},"max_tokens":{tokens}}}"#
                ));
                let id = ReplyId::from_bytes([u8::try_from(row * 50 + column * 10 + n)?; 32]);
                cell.add(one(&engine, &verifier, &body, id)?);
            }
            cell.print(&format!("T {temperature} top_p {top_p}"));
            all.add(cell);
        }
    }
    all.print("all");
    Ok(())
}

fn one(engine: &Engine, verifier: &Engine, body: &Bytes, id: ReplyId) -> anyhow::Result<Cell> {
    let trajectory = engine.generate_committed(body.clone(), id, LIMITS)?;
    let windows = (0..u32::try_from(trajectory.leaves.len())?).collect();
    let request = ScoreRequest::new(id, body, &trajectory.ids, windows, ScoreMode::Tolerance, LIMITS);
    let reply: ScoreReply = verifier.score(&request)?;
    let mut cell = Cell { tokens: trajectory.ids.len(), ..Cell::default() };
    for (leaf, window) in trajectory.leaves.iter().zip(&reply.windows) {
        let (sketches, tops) = window.unpack()?;
        let ks = drift::window_ks(&leaf.digests, &tops);
        cell.l2 = cell.l2.max(drift::window_l2(&leaf.sketches, &sketches));
        cell.ks = cell.ks.max(ks.mean);
        cell.ks_position = cell.ks_position.max(ks.worst);
    }
    for margin in reply.margin_list()? {
        let margin = f64::from(margin) / f64::from(MARGIN_STEPS_PER_NAT);
        cell.margin_sum += margin;
        cell.margin_max = cell.margin_max.max(margin);
        cell.over_line += usize::from(margin > 1.5);
        cell.capped += usize::from(margin >= 9.99);
    }
    cell.margin_reply = cell.margin_sum / cell.tokens as f64;
    Ok(cell)
}
