//! `kill -9` of any one process during traffic, the development chain aside: what must still hold afterwards.
//!
//! - An answer whose record the gateway verified is settled in the end: no record that had a receipt is lost.
//! - Nothing settles twice: the accounts have moved by exactly the sum of the settled fees' shares.
//! - An honest provider is never rejected, however often it or a validator dies.

use crate::{
    Mesh,
    client::{Question, Reply, ask},
    process::Process,
    tour::{self, Outcome},
};
use anyhow::{Result, ensure};
use ogong_settlement::{interface::SPLIT_BPS_DEFAULT, split::Split};
use std::time::Duration;
use tokio::time::sleep;

/// Questions in flight while a process dies.
const IN_FLIGHT: u64 = 3;
/// A reply is final within: every validator's turn may have to pass.
const FINAL: Duration = Duration::from_secs(300);

/// Who dies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Victim {
    /// One of the validators.
    Validator(usize),
    /// One of the providers; its engine and verifier end with it.
    Provider(usize),
    /// The router.
    Router,
    /// The gateway.
    Gateway,
}

/// A deterministic sequence, so that a failure can be run again.
#[derive(Debug, Clone)]
pub struct Dice(u64);

impl Dice {
    /// Dice of a seed.
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// A number below `bound` (splitmix64).
    pub fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % bound
    }
}

/// What a run of chaos saw.
#[derive(Debug, Default)]
pub struct Tally {
    /// Answers whose record the gateway verified.
    pub answered: usize,
    /// Requests that failed with a message.
    pub refused: usize,
    /// Answers that ended settled.
    pub settled: usize,
}

/// Kills each victim once during traffic, restarts it, and checks what must hold.
///
/// # Errors
/// What did not hold.
pub async fn run(mesh: &mut Mesh, victims: &[Victim], dice: &mut Dice) -> Result<Tally> {
    let wallets: Vec<_> = mesh.providers.iter().map(|provider| provider.payout).collect();
    let before: u64 = mesh.ledger.balances(&wallets).await?.iter().sum();
    let mut tally = Tally::default();
    let mut replies = Vec::new();
    for victim in victims {
        eprintln!("   chaos: {victim:?} dies");
        let answers = traffic(mesh.url().to_owned(), dice);
        sleep(Duration::from_millis(dice.below(2_000))).await;
        process(mesh, *victim)?.kill_alone().await?;
        sleep(Duration::from_millis(500 + dice.below(1_500))).await;
        process(mesh, *victim)?.restart()?;
        for answer in answers {
            match answer.await? {
                Ok(reply) if reply.finding.starts_with("ogong-verified") => replies.push(reply),
                Ok(reply) => anyhow::bail!("an answer ended without a verified record: {:?}", reply.finding),
                Err(error) => {
                    eprintln!("   chaos: request failed: {error:#}");
                    tally.refused += 1;
                }
            }
        }
        mesh.joined().await?;
    }
    tally.answered = replies.len();
    let fees = settle_all(mesh, &replies, &mut tally).await?;
    let after: u64 = mesh.ledger.balances(&wallets).await?.iter().sum();
    ensure!(
        after - before == fees,
        "providers got {} atoms, their shares of the settled fees and their audits are {fees}",
        after - before
    );
    Ok(tally)
}

type Asked = tokio::task::JoinHandle<Result<Reply>>;

fn traffic(url: String, dice: &mut Dice) -> Vec<Asked> {
    (0..IN_FLIGHT)
        .map(|index| {
            let url = url.clone();
            let question = Question::new(
                &format!("Count from {index} upwards in words."),
                24 + u32::try_from(dice.below(64)).unwrap_or(0),
            );
            tokio::spawn(async move { ask(&url, &question, |_| ()).await })
        })
        .collect()
}

fn process(mesh: &mut Mesh, victim: Victim) -> Result<&mut Process> {
    let node = match victim {
        Victim::Validator(index) => &mut mesh.validators[index].role.node,
        Victim::Provider(index) => &mut mesh.providers[index].role.node,
        Victim::Router => &mut mesh.router.node,
        Victim::Gateway => &mut mesh.gateway.node,
    };
    node.process()
}

/// The providers' shares of all fees and what their audits earned, once every answered reply is settled.
async fn settle_all(mesh: &Mesh, replies: &[Reply], tally: &mut Tally) -> Result<u64> {
    let mut shares = 0;
    for reply in replies {
        let outcome: Outcome = tour::outcome(mesh, &reply.reply_id, FINAL).await?;
        ensure!(
            outcome.verdict() == "accept",
            "honest reply {} got {}: {}",
            reply.reply_id,
            outcome.verdict(),
            outcome.receipt["verdict"]
        );
        let fee = outcome.escrow.fee;
        // The providers verify for each other: their wallets are the verifiers' too.
        let audits = outcome.verifier_fee * outcome.verifiers.len() as u64;
        shares += Split::of(fee, fee, &SPLIT_BPS_DEFAULT)?.provider + audits;
        tally.settled += 1;
    }
    Ok(shares)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_rolls_the_same() {
        let rolls = |seed| {
            let mut dice = Dice::new(seed);
            (0..8).map(|_| dice.below(100)).collect::<Vec<_>>()
        };
        assert_eq!(rolls(1), rolls(1));
        assert_ne!(rolls(1), rolls(2));
    }
}
