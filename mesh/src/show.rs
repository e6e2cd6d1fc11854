//! The demo on a terminal: plain lines, readable by a person, nothing at all in JSON mode.

use serde_json::Value;
use std::io::Write;

/// Where the tour goes.
#[derive(Debug, Clone, Copy)]
pub struct Screen {
    on: bool,
}

impl Screen {
    /// A screen that shows, or one that does not.
    pub fn new(on: bool) -> Self {
        Self { on }
    }

    /// A new part.
    pub fn title(&self, text: &str) {
        if self.on {
            println!("\n== {text}");
        }
    }

    /// A step under way. Goes to stderr, so that scripts see that something happens.
    pub fn step(&self, text: &str) {
        eprintln!("   {text}");
    }

    /// What somebody said.
    pub fn quote(&self, who: &str, text: &str) {
        if self.on {
            println!("   {who}: {text}");
        }
    }

    /// One fact.
    pub fn fact(&self, name: &str, value: &str) {
        if self.on {
            println!("   {name:<17} {value}");
        }
    }

    /// The model begins to speak.
    pub fn begin_answer(&self) {
        if self.on {
            print!("   model: ");
            let _ = std::io::stdout().flush();
        }
    }

    /// A piece of the answer, as it comes.
    pub fn piece(&self, text: &str) {
        if self.on {
            print!("{}", text.replace('\n', "\n          "));
            let _ = std::io::stdout().flush();
        }
    }

    /// The model is done.
    pub fn end_answer(&self) {
        if self.on {
            println!();
        }
    }

    /// Record, beacon round, figures, verdict, co-signatures, transaction.
    pub fn receipt(&self, receipt: &Value) {
        if !self.on {
            return;
        }
        let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        let record = &receipt["record"];
        println!("   reply             {}", text(&receipt["reply_id"]));
        println!("   record            {} tokens, commit root {}", record["n_tokens"], short(&record["commit_root"]));
        let beacon = &receipt["beacon"];
        println!(
            "   beacon            round {}, value {}, {} validators",
            beacon["round"],
            short(&beacon["value"]),
            count(&beacon["participants"])
        );
        let verdict = &receipt["verdict"];
        println!(
            "   audit             windows {}, verifiers {}, marks {}",
            verdict["windows"],
            count(&verdict["verifiers"]),
            verdict["marks"]
        );
        self.checks(&verdict["checks"]);
        let caught = verdict["caught_by"].as_str().map(|check| format!(", caught by {check}")).unwrap_or_default();
        println!("   verdict           {}{caught}", text(&verdict["outcome"]));
        println!("   co-signed by      the handler and {} peers", count(&receipt["cosigners"]));
        println!("   transaction       {}", text(&receipt["transaction"]));
    }

    fn checks(&self, checks: &Value) {
        for (name, score) in checks.as_object().into_iter().flatten() {
            let figure =
                |value: &Value| value.as_u64().map_or_else(|| "-".to_owned(), |ppm| format!("{:.4}", ppm as f64 / 1e6));
            println!("     {name:<17} {:>8}  limit {}", figure(&score["value_ppm"]), figure(&score["limit_ppm"]));
        }
    }

    /// What the accounts held and hold, in OGONG.
    pub fn balances(&self, names: &[&str], before: &[u64], after: &[u64]) {
        if !self.on {
            return;
        }
        println!("   {:<17} {:>22} {:>22} {:>16}", "balance (OGONG)", "before", "after", "change");
        for ((name, before), after) in names.iter().zip(before).zip(after) {
            let change = i128::from(*after) - i128::from(*before);
            println!(
                "   {name:<17} {:>22} {:>22} {:>16}",
                tokens(i128::from(*before)),
                tokens(i128::from(*after)),
                tokens(change)
            );
        }
    }
}

fn short(value: &Value) -> String {
    value.as_str().map(|text| text.chars().take(16).collect::<String>() + "…").unwrap_or_default()
}

fn count(value: &Value) -> usize {
    value.as_array().map_or_else(|| value.as_u64().unwrap_or(0) as usize, Vec::len)
}

fn tokens(atoms: i128) -> String {
    let sign = if atoms < 0 { "-" } else { "" };
    let atoms = atoms.unsigned_abs();
    format!("{sign}{}.{:09}", atoms / 1_000_000_000, atoms % 1_000_000_000)
}
