//! What the engine can do, and whether that is enough for a job.

use ogong_audit::Mode;
use ogong_engine::client::EngineClient;
use ogong_engine::wire::Capabilities;
use ogong_net::wire::{ErrorCode, ErrorReply};
use tokio::sync::watch;
use tracing::info;

use crate::error::Error;
use crate::job::Job;
use crate::score::engine_refusal;

/// The engine's capabilities as last read.
#[derive(Debug)]
pub struct Capability {
    current: watch::Sender<Capabilities>,
    allow_logprobs_only: bool,
}

impl Capability {
    /// Reads the capabilities for the first time.
    ///
    /// # Errors
    /// The engine does not answer, or cannot score and a lesser report was not allowed.
    pub async fn detect(engine: &EngineClient, allow_logprobs_only: bool) -> Result<Self, Error> {
        let found = engine.capabilities().await.map_err(|err| {
            Error::failed(
                format!("the engine at {} does not say what it can do: {err}", engine.base_url()),
                "start ogong-text-server there, or point --ref-url at it",
            )
        })?;
        if !found.score && !allow_logprobs_only {
            return Err(Error::failed(
                format!("the engine at {} has no score mode", engine.base_url()),
                "use ogong-text-server, or pass --allow-logprobs-only: its reports are marked, and validators refuse them by default",
            ));
        }
        info!(engine = %found.engine, model = %found.model, model_root = %found.model_root, exact = found.exact, "engine ready");
        Ok(Self { current: watch::Sender::new(found), allow_logprobs_only })
    }

    /// The capabilities as last read.
    #[must_use]
    pub fn current(&self) -> Capabilities {
        self.current.borrow().clone()
    }

    /// Reads again; an engine that restarted may serve another model.
    ///
    /// # Errors
    /// The engine does not answer.
    pub async fn refresh(&self, engine: &EngineClient) -> Result<(), Error> {
        let found = engine.capabilities().await?;
        self.current.send_if_modified(|current| {
            let changed = *current != found;
            *current = found;
            changed
        });
        Ok(())
    }

    /// The capabilities, if they are enough for a job.
    ///
    /// # Errors
    /// A refusal that names what is missing.
    pub async fn fit(&self, engine: &EngineClient, job: &Job) -> Result<Capabilities, ErrorReply> {
        if self.current.borrow().model_root != job.model_root {
            self.refresh(engine).await.map_err(|err| match err {
                Error::Engine(err) => engine_refusal(&err),
                other => ErrorReply::internal(other.to_string()),
            })?;
        }
        let current = self.current();
        let cannot = |what: String, hint: &str| Err(ErrorReply::new(ErrorCode::Unsupported, what, hint));
        if current.model_root != job.model_root {
            return cannot(
                format!("this verifier serves model root {}, the job is about {}", current.model_root, job.model_root),
                "draw a verifier that announced this model",
            );
        }
        match job.mode {
            Mode::Exact if !current.exact => cannot(
                format!(
                    "exact mode is not possible here: the self-test of {} did not pass",
                    current.class.weight_format
                ),
                "ask for tolerance mode, or draw a verifier whose class says exact",
            ),
            Mode::Exact | Mode::Tolerance if !current.score => cannot(
                "this engine has no score mode".to_owned(),
                "ask for logprobs only, which validators refuse by default",
            ),
            Mode::LogprobsOnly if !self.allow_logprobs_only => cannot(
                "reports from logprobs only are not given here".to_owned(),
                "start the verifier with --allow-logprobs-only",
            ),
            _ => Ok(current),
        }
    }
}
