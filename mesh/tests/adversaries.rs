//! Every lie on real engines' numbers: caught by the check it is said to be caught by; with that check off, caught by one that
//! stands behind it or not at all; with those off too, it passes. So each check is shown to be needed and none is credited with
//! another's work.

use anyhow::{Context, Result, ensure};
use ogong_audit::{Check, Decision, Outcome, Profile, Reason, Vote};
use ogong_commitment::record::Record;
use ogong_engine::{EngineClient, Supervisor};
use ogong_mesh::{
    Tools,
    adversary::{
        Expected, LyingEngine,
        cast::Adversary,
        court::{Court, Presented},
        empty_commitment, engine,
        lying_verifier::LyingVerifier,
        replayed_record,
    },
};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// Answer tokens at most: four windows, all of them audited.
const TOKENS: u32 = 128;

/// A court of three honest verifiers, and the engines that liars run.
struct Scene {
    court: Court,
    engines: BTreeMap<&'static str, Supervisor>,
    tools: Tools,
    dir: tempfile::TempDir,
}

impl Scene {
    async fn open() -> Result<Self> {
        let tools = Tools::find()?;
        let dir = tempfile::tempdir()?;
        let real = engine(&tools, "Q8_0", dir.path().join("Q8_0.log"), 1).await?;
        let court = Court::new(vec![real.client().clone(); 3]).await?;
        Ok(Self { court, engines: BTreeMap::from([("Q8_0", real)]), tools, dir })
    }

    fn real(&self) -> EngineClient {
        self.engines["Q8_0"].client().clone()
    }

    async fn engine(&mut self, format: &'static str) -> Result<EngineClient> {
        if !self.engines.contains_key(format) {
            let log = self.dir.path().join(format!("{format}.log"));
            self.engines.insert(format, engine(&self.tools, format, log, 1).await?);
        }
        Ok(self.engines[format].client().clone())
    }

    /// What a provider in front of a liar's engine hands over.
    async fn present(&mut self, adversary: Adversary) -> Result<Presented> {
        let runs = self.engine(adversary.runs()).await?;
        let front = adversary.before(runs, self.real(), self.court.capabilities().clone()).await?;
        let presented = self.court.serve(&EngineClient::new(&front.url)?, &question(), TOKENS).await;
        front.stop().await;
        presented
    }

    async fn convict_all(&mut self, adversaries: &[Adversary]) -> Result<()> {
        for adversary in adversaries {
            let presented = self.present(*adversary).await?;
            self.convict(adversary.name(), &presented, adversary.expected(), adversary.needs_exact())
                .await
                .with_context(|| adversary.name())?;
        }
        Ok(())
    }

    async fn convict(&self, name: &str, presented: &Presented, expected: Expected, exact: bool) -> Result<()> {
        let all = Profile::default();
        let (_, decision) = self.court.hear(presented, &all, exact).await?;
        eprintln!("{name}: {}", told(&decision));
        ensure!(decision.verdict.outcome == Outcome::Reject, "with every check on: {}", told(&decision));
        ensure!(is_by(&decision, expected.caught_by), "caught by another check: {}", told(&decision));
        let without = off(all, expected.caught_by);
        let (_, decision) = self.court.hear(presented, &without, exact).await?;
        eprintln!("{name} without {:?}: {}", expected.caught_by, told(&decision));
        let passes = decision.verdict.outcome == Outcome::Accept;
        ensure!(passes || is_by(&decision, expected.backed_by), "with its check off: {}", told(&decision));
        let (_, decision) = self.court.hear(presented, &off(without, expected.backed_by), exact).await?;
        ensure!(decision.verdict.outcome == Outcome::Accept, "with all its checks off: {}", told(&decision));
        Ok(())
    }

    async fn close(self) {
        for engine in self.engines.into_values() {
            engine.stop().await;
        }
    }
}

fn question() -> Value {
    json!({
        "model": "any", "temperature": 0.8,
        "messages": [{ "role": "user", "content": "Tell me a short story about a lighthouse keeper and his dog." }],
    })
}

fn off(profile: Profile, checks: &[Check]) -> Profile {
    checks.iter().fold(profile, |profile, check| profile.without(*check))
}

fn is_by(decision: &Decision, checks: &[Check]) -> bool {
    decision.verdict.reason.check().is_some_and(|check| checks.contains(&check))
}

fn told(decision: &Decision) -> String {
    let verdict = &decision.verdict;
    let scores: Vec<String> =
        verdict.scores.iter().map(|score| format!("{}={}", score.check, score.value_ppm)).collect();
    format!("{} ({}) {}", verdict.outcome.name(), verdict.reason, scores.join(" "))
}

#[tokio::test]
async fn thresholds_and_replay_catch_what_is_said() -> Result<()> {
    let mut scene = Scene::open().await?;
    let lies = [
        Adversary::RequantisedQ4_0,
        Adversary::RequantisedQ5_0,
        Adversary::SystemPrompt,
        Adversary::TokenSubstituted,
        Adversary::PrefillSpoof,
        Adversary::ForgedDigest,
        Adversary::ReplayedRecord,
    ];
    let outcome = scene.convict_all(&lies).await;
    scene.close().await;
    outcome
}

#[tokio::test]
async fn exact_mode_catches_what_thresholds_cannot_see() -> Result<()> {
    let mut scene = Scene::open().await?;
    let outcome = async {
        ensure!(scene.court.capabilities().exact, "the engine's self-test of exact mode failed on this machine");
        for adversary in [Adversary::RequantisedQ4_1, Adversary::SystemPromptWord] {
            let presented = scene.present(adversary).await?;
            let (_, seen) = scene.court.hear(&presented, &Profile::default(), false).await?;
            eprintln!("{} by thresholds: {}", adversary.name(), told(&seen));
            ensure!(seen.verdict.outcome == Outcome::Accept, "thresholds were to miss it: {}", told(&seen));
            scene.convict(adversary.name(), &presented, adversary.expected(), true).await.context(adversary.name())?;
        }
        Ok(())
    };
    let outcome = outcome.await;
    scene.close().await;
    outcome
}

#[tokio::test]
async fn honest_replies_pass_and_a_lying_verifier_is_outvoted() -> Result<()> {
    let scene = Scene::open().await?;
    let outcome = async {
        let honest = scene.court.serve(&scene.real(), &question(), TOKENS).await?;
        for exact in [false, true] {
            let (_, decision) = scene.court.hear(&honest, &Profile::default(), exact).await?;
            eprintln!("honest, exact {exact}: {}", told(&decision));
            ensure!(decision.verdict.outcome == Outcome::Accept, "{}", told(&decision));
        }
        let liar = LyingEngine::before(scene.real(), scene.court.capabilities().clone(), LyingVerifier).await?;
        let court = Court::new(vec![EngineClient::new(&liar.url)?, scene.real(), scene.real()]).await?;
        let honest = asked_first(&court, honest).await?;
        let (_, decision) = court.hear(&honest, &Profile::default(), false).await?;
        liar.stop().await;
        ensure!(decision.verdict.outcome == Outcome::Accept, "{}", told(&decision));
        let votes: Vec<_> = decision.findings.iter().map(|finding| (finding.vote, finding.outvoted)).collect();
        let pass = (Ok(Vote::Pass { exact: false }), false);
        ensure!(votes == [(Ok(Vote::Fail(Reason::SketchL2)), true), pass, pass], "{votes:?}");
        Ok(())
    };
    let outcome = outcome.await;
    scene.close().await;
    outcome
}

/// The same reply, ended a few milliseconds later, so that verifier 0 is drawn first.
async fn asked_first(court: &Court, mut honest: Presented) -> Result<Presented> {
    let mut record = honest.record.verify()?;
    for _ in 0..64 {
        if court.is_asked_first(&honest, 0).await? {
            return Ok(honest);
        }
        record.t1_ms += 1;
        honest.record = record.sign(&court.provider());
    }
    anyhow::bail!("the liar is never drawn first")
}

#[tokio::test]
async fn records_that_say_nothing_are_refused() -> Result<()> {
    let scene = Scene::open().await?;
    let outcome = async {
        let honest = scene.court.serve(&scene.real(), &question(), 40).await?;
        refused(&scene, &honest).await.context("opening_refused")?;
        empty(&scene, &honest).await.context("empty_commitment")?;
        shown_again(&scene, &honest).await.context("replayed_record")
    };
    let outcome = outcome.await;
    scene.close().await;
    outcome
}

async fn refused(scene: &Scene, honest: &Presented) -> Result<()> {
    let silent = Presented { opens: false, ..honest.clone() };
    let (_, decision) = scene.court.hear(&silent, &Profile::default(), false).await?;
    ensure!(decision.verdict.outcome == Outcome::Reject, "{}", told(&decision));
    ensure!(is_by(&decision, Adversary::OpeningRefused.expected().caught_by), "{}", told(&decision));
    Ok(())
}

async fn empty(scene: &Scene, honest: &Presented) -> Result<()> {
    let record: Record = honest.record.verify()?;
    let (trajectory, record) = empty_commitment::emptied(honest.trajectory.clone(), &record, &scene.court.provider());
    let empty = Presented { trajectory, record, ..honest.clone() };
    let expected = Adversary::EmptyCommitment.expected();
    let (_, decision) = scene.court.hear(&empty, &Profile::default(), false).await?;
    ensure!(decision.verdict.outcome == Outcome::Reject && is_by(&decision, expected.caught_by), "{}", told(&decision));
    let (_, decision) = scene.court.hear(&empty, &off(Profile::default(), expected.caught_by), false).await?;
    ensure!(decision.verdict.outcome == Outcome::Reject && is_by(&decision, expected.backed_by), "{}", told(&decision));
    Ok(())
}

/// The record, leaves and all, of an earlier order for the same question.
async fn shown_again(scene: &Scene, earlier: &Presented) -> Result<()> {
    let later = scene.court.serve(&scene.real(), &question(), 40).await?;
    ensure!(later.order.reply_id() != earlier.order.reply_id(), "two orders are one");
    let again = Presented { order: later.order, ..earlier.clone() };
    scene.convict("replayed_record (record)", &again, replayed_record::RECORD, false).await
}
