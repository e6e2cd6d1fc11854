//! `ogong-mesh bench soundness`: honest replies are paid, all of them; lies are rejected, all of them, and for the right reason.

use super::{
    honest,
    liars::{self, Liars},
    questions::Random,
};
use crate::{
    Mesh, MeshConfig, ProviderSpec, Tools,
    adversary::{LyingEngine, cast::Adversary, lying_verifier::LyingVerifier},
};
use anyhow::{Result, bail, ensure};
use serde_json::{Value, json};
use std::{path::PathBuf, time::Instant};

/// Honest providers' price, atoms per 1,000 tokens.
const PRICE: u64 = 1_000_000;

/// How many of what.
#[derive(Debug, Clone, clap::Args)]
pub struct Args {
    /// Print one JSON object instead of a table.
    #[arg(long)]
    pub json: bool,
    /// Honest replies.
    #[arg(long, default_value_t = 200)]
    pub honest: u32,
    /// Lies of each adversary.
    #[arg(long, default_value_t = 20)]
    pub each: u32,
    /// Adversaries by name, with commas between; all of them if none is named.
    #[arg(long, value_name = "NAMES", value_delimiter = ',')]
    pub only: Vec<String>,
    /// What the questions are drawn from (default: the clock).
    #[arg(long)]
    pub seed: Option<u64>,
    /// When audits are exact: with `never` thresholds alone decide, and adversaries that only exact mode sees are left out.
    #[arg(long, default_value = "auto", value_parser = ["auto", "always", "never"])]
    pub exact: String,
    /// Keep logs and stores in this directory.
    #[arg(long, value_name = "DIR")]
    pub dir: Option<PathBuf>,
}

impl Default for Args {
    fn default() -> Self {
        Self { json: false, honest: 200, each: 20, only: Vec::new(), seed: None, exact: "auto".to_owned(), dir: None }
    }
}

/// What was counted.
#[derive(Debug, Clone)]
pub struct Counts {
    /// Of the questions.
    pub seed: u64,
    /// When audits were exact.
    pub exact: String,
    /// Honest traffic.
    pub honest: honest::Tally,
    /// Honest traffic beside a lying verifier.
    pub beside_liar: Option<honest::Tally>,
    /// The liars.
    pub liars: Vec<liars::Tally>,
    /// How long all of it took.
    pub seconds: u64,
}

/// Runs it and prints the counts.
///
/// # Errors
/// When something does not come up, or the counts are not what a sound network gives.
pub async fn run(args: &Args) -> Result<()> {
    let counts = count(args).await?;
    if args.json {
        println!("{}", counts.json());
    } else {
        print!("{}", counts.table());
    }
    counts.sound()
}

/// Runs it.
///
/// # Errors
/// When something does not come up.
pub async fn count(args: &Args) -> Result<Counts> {
    let begun = Instant::now();
    let seed = args.seed.unwrap_or_else(ogong_daemon::clock::now_ms);
    let say = |what: &str| eprintln!("[{:>5} s] {what}", begun.elapsed().as_secs());
    say(&format!("seed {seed}"));
    let cast = cast(args)?;
    let mut random = Random::new(seed);
    let providers =
        ["attic", "cellar", "larder"].map(|name| ProviderSpec { price: PRICE, ..ProviderSpec::honest(name) });
    let config = MeshConfig {
        providers: providers.into(),
        exact: args.exact.clone(),
        dir: args.dir.clone(),
        ..MeshConfig::default()
    };
    let mut mesh = Mesh::start(Tools::find()?, config, say).await?;
    let gateway = mesh.start_gateway("gateway-honest", Some(PRICE)).await?;
    let honest = honest::Tally::of(&mesh, &gateway.endpoint, args.honest, &mut random, say).await;
    let mut liars = Liars::new(&mesh, PRICE).await?;
    let mut tallies = Vec::new();
    for adversary in cast {
        let tally = liars.tell(&mut mesh, adversary, args.each, &mut random).await?;
        say(&format!("{}: {} of {} rejected for {:?}", adversary.name(), tally.rejected, tally.told, tally.reasons));
        tallies.push(tally);
    }
    let beside_liar = if args.only.is_empty() || args.only.iter().any(|name| name == "lying_verifier") {
        Some(beside_liar(&mut mesh, &liars, (&gateway.endpoint, args.each), &mut random, say).await?)
    } else {
        None
    };
    liars.stop().await;
    gateway.node.stop().await;
    mesh.stop().await;
    Ok(Counts {
        seed,
        exact: args.exact.clone(),
        honest,
        beside_liar,
        liars: tallies,
        seconds: begun.elapsed().as_secs(),
    })
}

/// What is left of the adversaries after `--only` and `--exact`.
fn cast(Args { only, exact, .. }: &Args) -> Result<Vec<Adversary>> {
    let mut all = Adversary::ALL.to_vec();
    all.retain(|one| !(one.needs_exact() && exact == "never"));
    let known = |name: &&String| *name == "lying_verifier" || all.iter().any(|adversary| adversary.name() == **name);
    if let Some(unknown) = only.iter().find(|name| !known(name)) {
        let names: Vec<&str> = all.iter().map(|adversary| adversary.name()).collect();
        bail!("no adversary {unknown} here\n  hint: there are {}, lying_verifier", names.join(", "));
    }
    all.retain(|one| only.is_empty() || only.iter().any(|name| name == one.name()));
    Ok(all)
}

/// Honest traffic while one of four verifiers lies. The liar's own provider is too dear to be asked.
async fn beside_liar(
    mesh: &mut Mesh,
    liars: &Liars,
    (gateway, count): (&str, u32),
    random: &mut Random,
    say: impl Fn(&str),
) -> Result<honest::Tally> {
    let front = LyingEngine::before(liars.real(), liars.claims(), LyingVerifier).await?;
    let spec = ProviderSpec {
        upstream: Some(front.url.clone()),
        verify: true,
        price: PRICE * 10,
        ..ProviderSpec::honest("slanderer")
    };
    mesh.config.providers.push(spec.clone());
    mesh.add_provider(&spec).await?;
    mesh.joined().await?;
    let tally = honest::Tally::of(mesh, gateway, count, random, say).await;
    front.stop().await;
    Ok(tally)
}

impl Counts {
    /// What a sound network gives.
    ///
    /// # Errors
    /// The first count that is another.
    pub fn sound(&self) -> Result<()> {
        self.honest.sound()?;
        if let Some(beside) = &self.beside_liar {
            beside.sound()?;
            // Of three verifiers one lies: twenty audits that never ask it first are one chance in 3,300.
            ensure!(beside.asked < 20 || beside.outvoted > 0, "the lying verifier was never heard");
        }
        for tally in &self.liars {
            ensure!(
                tally.is_sound(),
                "{}: {} told, {} rejected, {} for the right reason, {} by the check behind it, {} refunded: {}",
                tally.adversary.name(),
                tally.told,
                tally.rejected,
                tally.rightly,
                tally.backed,
                tally.refunded,
                tally.faults.first().map_or("no fault", String::as_str)
            );
        }
        Ok(())
    }

    /// For a script.
    pub fn json(&self) -> Value {
        let liars: Vec<Value> = self.liars.iter().map(liars::Tally::json).collect();
        json!({
            "seed": self.seed, "exact": self.exact, "honest": self.honest.json(), "adversaries": liars,
            "lying_verifier": self.beside_liar.as_ref().map(honest::Tally::json), "seconds": self.seconds,
        })
    }

    /// For a person.
    pub fn table(&self) -> String {
        let mut table = format!("seed {}, exact {}, {} s\n\n", self.seed, self.exact, self.seconds);
        for (name, tally) in [("honest", Some(&self.honest)), ("beside a lying verifier", self.beside_liar.as_ref())] {
            let Some(tally) = tally else { continue };
            table.push_str(&format!(
                "{name}: {} asked, {} tokens, {} accepted, {} rejected, {} inconclusive, {} settled, {} outvoted\n  worst {:?}\n",
                tally.asked,
                tally.tokens,
                tally.of_outcome("accept"),
                tally.of_outcome("reject"),
                tally.of_outcome("inconclusive"),
                tally.settled,
                tally.outvoted,
                tally.worst
            ));
            tally.faults.iter().for_each(|fault| table.push_str(&format!("  fault: {fault}\n")));
        }
        table.push_str(&format!(
            "\n{:<20}{:>6}{:>10}{:>14}{:>11}{:>10}  caught by\n",
            "adversary", "told", "rejected", "right reason", "by backup", "refunded"
        ));
        for tally in &self.liars {
            table.push_str(&format!(
                "{:<20}{:>6}{:>10}{:>14}{:>11}{:>10}  {:?}\n",
                tally.adversary.name(),
                tally.told,
                tally.rejected,
                tally.rightly,
                tally.backed,
                tally.refunded,
                tally.reasons
            ));
        }
        table
    }
}
