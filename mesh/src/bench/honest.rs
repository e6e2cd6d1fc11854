//! Honest traffic, a few requests at a time: every reply is to be accepted and settled.

use super::questions::Random;
use crate::{
    Mesh,
    client::{Question, ask},
    tour::{FINAL, Outcome, outcome},
};
use anyhow::{Result, ensure};
use futures::{StreamExt, stream};
use ogong_settlement::interface::account::EscrowStatus;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use tokio::sync::Semaphore;

/// Questions asked at once.
const AT_ONCE: usize = 4;
/// Replies that are asked, audited or settled at once.
const UNDER_WAY: usize = 12;

/// What became of honest replies.
#[derive(Debug, Clone, Default)]
pub struct Tally {
    /// Questions asked.
    pub asked: u32,
    /// Answers that came.
    pub answered: u32,
    /// Tokens of them.
    pub tokens: u64,
    /// Verdicts by outcome.
    pub outcomes: BTreeMap<String, u32>,
    /// Escrows settled.
    pub settled: u32,
    /// Largest value of every score.
    pub worst: BTreeMap<String, u64>,
    /// What went wrong, with what was asked.
    pub faults: Vec<String>,
    /// Reports of a verifier that was outvoted.
    pub outvoted: u32,
}

impl Tally {
    /// Asks and waits for what becomes of the replies.
    pub async fn of(mesh: &Mesh, gateway: &str, count: u32, random: &mut Random, say: impl Fn(&str)) -> Self {
        let questions: Vec<Question> = (0..count).map(|_| random.question()).collect();
        let turns = Semaphore::new(AT_ONCE);
        let replies = questions.into_iter().map(|question| {
            let turns = &turns;
            async move {
                let told = format!("{question:?}");
                (told, one(mesh, gateway, question, turns).await)
            }
        });
        let mut replies = stream::iter(replies).buffer_unordered(UNDER_WAY);
        let mut tally = Self::default();
        while let Some((question, reply)) = replies.next().await {
            tally.count(&question, reply);
            if tally.asked.is_multiple_of(10) || tally.asked == count {
                say(&format!("{} of {count} honest replies, {} settled", tally.asked, tally.settled));
            }
        }
        tally
    }

    fn count(&mut self, question: &str, reply: Result<Outcome>) {
        self.asked += 1;
        let outcome = match reply {
            Ok(outcome) => outcome,
            Err(error) => return self.faults.push(format!("{error:#}; {question}")),
        };
        self.answered += 1;
        self.tokens += outcome.receipt["record"]["n_tokens"].as_u64().unwrap_or(0);
        *self.outcomes.entry(outcome.verdict().to_owned()).or_default() += 1;
        self.settled += u32::from(outcome.escrow.status == EscrowStatus::Settled);
        for (name, score) in outcome.receipt["verdict"]["checks"].as_object().into_iter().flatten() {
            let worst = self.worst.entry(name.clone()).or_default();
            *worst = (*worst).max(score["value_ppm"].as_u64().unwrap_or(u64::MAX));
        }
        let findings = outcome.receipt["audit"]["findings"].as_array();
        self.outvoted += findings.map_or(0, |all| all.iter().filter(|one| one["outvoted"] == true).count() as u32);
        if outcome.verdict() != "accept" {
            self.faults.push(format!("{}; {question}", outcome.receipt["verdict"]));
        }
    }

    /// Verdicts of one outcome.
    pub fn of_outcome(&self, name: &str) -> u32 {
        self.outcomes.get(name).copied().unwrap_or(0)
    }

    /// Every reply was accepted and settled.
    ///
    /// # Errors
    /// The first that was not.
    pub fn sound(&self) -> Result<()> {
        let sound = self.of_outcome("accept") == self.asked && self.settled == self.asked;
        ensure!(sound, "honest replies were not all paid: {}", self.faults.first().map_or("no fault", String::as_str));
        Ok(())
    }

    /// For a script.
    pub fn json(&self) -> Value {
        json!({
            "asked": self.asked, "answered": self.answered, "tokens": self.tokens, "accepted": self.of_outcome("accept"),
            "rejected": self.of_outcome("reject"), "inconclusive": self.of_outcome("inconclusive"), "settled": self.settled,
            "outcomes": self.outcomes, "worst_ppm": self.worst, "outvoted": self.outvoted, "faults": self.faults,
        })
    }
}

async fn one(mesh: &Mesh, gateway: &str, question: Question, turns: &Semaphore) -> Result<Outcome> {
    let reply = {
        let _turn = turns.acquire().await?;
        ask(gateway, &question, |_| {}).await?
    };
    outcome(mesh, &reply.reply_id, FINAL).await
}
