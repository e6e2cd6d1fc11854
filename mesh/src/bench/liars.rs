//! Lying providers, a fresh identity for every lie: one confirmed reject ejects, and an ejected provider's records are not taken.
//!
//! Liars are cheaper than honest providers, each than the one before, and a gateway with that price ceiling asks just him.

use super::questions::Random;
use crate::{
    Mesh, ProviderSpec,
    adversary::{LyingEngine, cast::Adversary, crooked::Crooked, engine},
    client::{Question, Reply, ask},
    mesh::Provider,
    tour::{FINAL, Outcome, outcome},
};
use anyhow::{Context, Result};
use ogong_audit::Check;
use ogong_engine::{EngineClient, Supervisor, wire::Capabilities};
use serde_json::{Value, json};
use std::{collections::BTreeMap, time::Duration};
use tokio::time::{Instant, sleep};

/// Lies under audit at once; a provider stays up until its own is judged.
const UNDER_WAY: usize = 4;
/// A new provider is found by router and gateway within.
const FOUND: Duration = Duration::from_secs(20);

/// What became of one liar's lies.
#[derive(Debug, Clone)]
pub struct Tally {
    /// Who.
    pub adversary: Adversary,
    /// Lies told.
    pub told: u32,
    /// Rejected.
    pub rejected: u32,
    /// By the check that is said to catch it.
    pub rightly: u32,
    /// By the check behind that one: a lie that stayed just within the limits, found by exact mode.
    pub backed: u32,
    /// Consumers that have their money back.
    pub refunded: u32,
    /// Verdicts by reason.
    pub reasons: BTreeMap<String, u32>,
    /// What went wrong.
    pub faults: Vec<String>,
}

impl Tally {
    fn new(adversary: Adversary) -> Self {
        Self {
            adversary,
            told: 0,
            rejected: 0,
            rightly: 0,
            backed: 0,
            refunded: 0,
            reasons: BTreeMap::new(),
            faults: Vec::new(),
        }
    }

    fn count(&mut self, judged: Result<Outcome>) {
        self.told += 1;
        let outcome = match judged {
            Ok(outcome) => outcome,
            Err(error) => return self.faults.push(format!("{error:#}")),
        };
        let caught_by = outcome.caught_by().unwrap_or("none").to_owned();
        let rejected = outcome.verdict() == "reject";
        let among = |checks: &[Check]| checks.iter().any(|check| check.name() == caught_by);
        let expected = self.adversary.expected();
        let (rightly, backed) = (among(expected.caught_by), among(expected.backed_by));
        self.rejected += u32::from(rejected);
        self.rightly += u32::from(rejected && rightly);
        self.backed += u32::from(rejected && !rightly && backed);
        self.refunded += u32::from(outcome.is_refunded());
        *self.reasons.entry(caught_by).or_default() += 1;
        if !(rejected && (rightly || backed)) {
            self.faults.push(outcome.receipt["verdict"].to_string());
        }
    }

    /// Every lie was rejected by its check or by the one behind it, and refunded.
    pub fn is_sound(&self) -> bool {
        [self.rejected, self.rightly + self.backed, self.refunded] == [self.told; 3]
    }

    /// For a script.
    pub fn json(&self) -> Value {
        json!({
            "name": self.adversary.name(), "told": self.told, "rejected": self.rejected, "right_reason": self.rightly, "by_backup": self.backed,
            "refunded": self.refunded, "reasons": self.reasons, "faults": self.faults,
        })
    }
}

/// The liars of one mesh.
pub struct Liars {
    claims: Capabilities,
    real: Supervisor,
    price: u64,
    born: u32,
}

/// Somebody whose lie is under audit.
struct Suspect {
    reply: Reply,
    provider: Suspected,
}

/// A provider as every other, or one of our own making.
enum Suspected {
    Process(Provider),
    Crooked(Crooked),
}

impl Suspected {
    async fn stop(self) {
        match self {
            Self::Process(provider) => provider.stop().await,
            Self::Crooked(provider) => provider.stop().await,
        }
    }
}

impl Liars {
    /// Liars that undercut `price`. They run an engine on the ordered model too, for lies that need one.
    ///
    /// # Errors
    /// When that engine does not come up.
    pub async fn new(mesh: &Mesh, price: u64) -> Result<Self> {
        let log = mesh.dir().join("liars-engine.log");
        let real = engine(&mesh.tools, &mesh.config.catalogue_format, log, mesh.config.engine_threads).await?;
        let claims = real.client().capabilities().await?;
        Ok(Self { claims, real, price, born: 0 })
    }

    /// The engine on the ordered model.
    pub fn real(&self) -> EngineClient {
        self.real.client().clone()
    }

    /// What it says of itself.
    pub fn claims(&self) -> Capabilities {
        self.claims.clone()
    }

    /// Lets one adversary lie `count` times.
    ///
    /// # Errors
    /// When its engine or one of its providers does not come up.
    pub async fn tell(
        &mut self,
        mesh: &mut Mesh,
        adversary: Adversary,
        count: u32,
        random: &mut Random,
    ) -> Result<Tally> {
        let (url, front) = self.engine(mesh, adversary).await?;
        let mut tally = Tally::new(adversary);
        let mut suspects = Vec::new();
        for _ in 0..count {
            match self.one(mesh, adversary, &url, &random.rich_question()).await {
                Ok(suspect) => suspects.push(suspect),
                Err(error) => tally.count(Err(error)),
            }
            while suspects.len() >= UNDER_WAY {
                judge(mesh, suspects.remove(0), &mut tally).await;
            }
        }
        for suspect in suspects {
            judge(mesh, suspect, &mut tally).await;
        }
        if let Some(front) = front {
            front.stop().await;
        }
        Ok(tally)
    }

    async fn engine(&self, mesh: &Mesh, adversary: Adversary) -> Result<(String, Option<LyingEngine>)> {
        if !adversary.is_in_engine() {
            return Ok((self.real().base_url().to_owned(), None));
        }
        let log = mesh.dir().join(format!("{}.log", adversary.name()));
        let place = (log, mesh.config.engine_threads);
        let front = adversary.start(&mesh.tools, self.real(), self.claims(), place).await?;
        Ok((front.url.clone(), Some(front)))
    }

    async fn one(&mut self, mesh: &mut Mesh, adversary: Adversary, url: &str, question: &Question) -> Result<Suspect> {
        self.born += 1;
        let name = format!("liar-{}", self.born);
        let price = self.price - u64::from(self.born);
        let provider = if let Some(crook) = adversary.crook() {
            Suspected::Crooked(Crooked::start(mesh, &name, self.real(), price, crook).await?)
        } else {
            let upstream = Some(url.to_owned());
            let spec = ProviderSpec { upstream, verify: false, price, ..ProviderSpec::honest(&name) };
            mesh.add_provider(&spec).await?;
            Suspected::Process(mesh.providers.pop().context("it was just added")?)
        };
        let gateway = mesh.start_gateway(&format!("gateway-{name}"), Some(price)).await?;
        let reply = patiently(&gateway.endpoint, question).await;
        gateway.node.stop().await;
        Ok(Suspect { reply: reply?, provider })
    }

    /// Stops what they shared.
    pub async fn stop(self) {
        self.real.stop().await;
    }
}

/// Asks until the router has heard of the new provider.
async fn patiently(gateway: &str, question: &Question) -> Result<Reply> {
    let deadline = Instant::now() + FOUND;
    loop {
        match ask(gateway, question, |_| {}).await {
            Err(error) if Instant::now() < deadline && error.to_string().starts_with("gateway refused") => {
                sleep(Duration::from_millis(300)).await;
            }
            reply => return reply,
        }
    }
}

async fn judge(mesh: &Mesh, suspect: Suspect, tally: &mut Tally) {
    tally.count(outcome(mesh, &suspect.reply.reply_id, FINAL).await);
    suspect.provider.stop().await;
}
