//! Everybody who lies, by name: what each really runs, and what an audit is expected to make of it.

use super::{
    Expected, LyingEngine, crooked::Crook, empty_commitment, forged_digest, forged_digest::ForgedDigest,
    opening_refused, prefill_spoof, prefill_spoof::PrefillSpoof, replayed_record, replayed_record::ReplayedRecord,
    requantised, requantised::Requantised, system_prompt, system_prompt::SystemPrompt, token_substituted,
    token_substituted::TokenSubstituted,
};
use crate::Tools;
use anyhow::{Result, bail};
use ogong_engine::{EngineClient, wire::Capabilities};
use std::path::PathBuf;

/// A lying provider. The lying verifier stands beside them: nobody's answer is wrong there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Adversary {
    /// Q4_0 weights.
    RequantisedQ4_0,
    /// Q5_0 weights.
    RequantisedQ5_0,
    /// The Q4_1 weights the ordered Q8_0 were made from.
    RequantisedQ4_1,
    /// Another system prompt.
    SystemPrompt,
    /// One word of the system prompt.
    SystemPromptWord,
    /// One token of the answer.
    TokenSubstituted,
    /// A cheap model's answer under the ordered model's numbers.
    PrefillSpoof,
    /// The same with digests bent.
    ForgedDigest,
    /// An old answer.
    ReplayedRecord,
    /// No opening.
    OpeningRefused,
    /// No windows.
    EmptyCommitment,
}

impl Adversary {
    /// All of them.
    pub const ALL: [Self; 11] = [
        Self::RequantisedQ4_0,
        Self::RequantisedQ5_0,
        Self::RequantisedQ4_1,
        Self::SystemPrompt,
        Self::SystemPromptWord,
        Self::TokenSubstituted,
        Self::PrefillSpoof,
        Self::ForgedDigest,
        Self::ReplayedRecord,
        Self::OpeningRefused,
        Self::EmptyCommitment,
    ];

    /// Its name in reports.
    pub const fn name(self) -> &'static str {
        match self {
            Self::RequantisedQ4_0 => "requantised_q4_0",
            Self::RequantisedQ5_0 => "requantised_q5_0",
            Self::RequantisedQ4_1 => "requantised_q4_1",
            Self::SystemPrompt => "system_prompt",
            Self::SystemPromptWord => "system_prompt_word",
            Self::TokenSubstituted => "token_substituted",
            Self::PrefillSpoof => "prefill_spoof",
            Self::ForgedDigest => "forged_digest",
            Self::ReplayedRecord => "replayed_record",
            Self::OpeningRefused => "opening_refused",
            Self::EmptyCommitment => "empty_commitment",
        }
    }

    /// What an audit makes of it.
    pub const fn expected(self) -> Expected {
        match self {
            Self::RequantisedQ4_0 | Self::RequantisedQ5_0 => requantised::COARSE,
            Self::RequantisedQ4_1 => requantised::FINE,
            Self::SystemPrompt => system_prompt::WHOLE,
            Self::SystemPromptWord => system_prompt::WORD,
            Self::TokenSubstituted => token_substituted::EXPECTED,
            Self::PrefillSpoof => prefill_spoof::EXPECTED,
            Self::ForgedDigest => forged_digest::EXPECTED,
            Self::ReplayedRecord => replayed_record::TRAJECTORY,
            Self::OpeningRefused => opening_refused::EXPECTED,
            Self::EmptyCommitment => empty_commitment::EXPECTED,
        }
    }

    /// Whether thresholds see nothing and only a verifier of the same class does.
    pub const fn needs_exact(self) -> bool {
        matches!(self, Self::RequantisedQ4_1 | Self::SystemPromptWord)
    }

    /// Weight format of the file that answers.
    pub const fn runs(self) -> &'static str {
        match self {
            Self::RequantisedQ4_0 | Self::PrefillSpoof | Self::ForgedDigest => "Q4_0",
            Self::RequantisedQ5_0 => "Q5_0",
            Self::RequantisedQ4_1 => "Q4_1",
            _ => "Q8_0",
        }
    }

    /// Whether the lie is in the engine; if not, the provider itself tells it.
    pub const fn is_in_engine(self) -> bool {
        self.crook().is_none()
    }

    /// What a provider does with its records, where that is the lie.
    pub const fn crook(self) -> Option<Crook> {
        match self {
            Self::OpeningRefused => Some(Crook::Silent),
            Self::EmptyCommitment => Some(Crook::Empty),
            _ => None,
        }
    }

    /// Starts the lying front before an engine on [`Self::runs`] that runs already.
    ///
    /// # Errors
    /// When the lie is not an engine's, or the system has no port.
    pub async fn before(self, runs: EngineClient, real: EngineClient, claims: Capabilities) -> Result<LyingEngine> {
        match self {
            Self::RequantisedQ4_0 | Self::RequantisedQ5_0 | Self::RequantisedQ4_1 => {
                LyingEngine::before(runs, claims, Requantised).await
            }
            Self::SystemPrompt => LyingEngine::before(runs, claims, SystemPrompt::Whole).await,
            Self::SystemPromptWord => LyingEngine::before(runs, claims, SystemPrompt::Word).await,
            Self::TokenSubstituted => LyingEngine::before(runs, claims, TokenSubstituted).await,
            Self::PrefillSpoof => LyingEngine::before(runs, claims, PrefillSpoof { real }).await,
            Self::ForgedDigest => LyingEngine::before(runs, claims, ForgedDigest { real }).await,
            Self::ReplayedRecord => LyingEngine::before(runs, claims, ReplayedRecord::default()).await,
            Self::OpeningRefused | Self::EmptyCommitment => bail!("{} is not an engine's lie", self.name()),
        }
    }

    /// Starts the engine it really runs and the front that lies.
    ///
    /// # Errors
    /// As [`Self::before`], or when the engine does not come up.
    pub async fn start(
        self,
        tools: &Tools,
        real: EngineClient,
        claims: Capabilities,
        (log, threads): (PathBuf, u32),
    ) -> Result<LyingEngine> {
        let engine = super::engine(tools, self.runs(), log, threads).await?;
        let front = self.before(engine.client().clone(), real, claims).await?;
        Ok(front.with(engine))
    }
}
