//! What a verifier answers: scoring jobs of validators, and its status.

use std::sync::Arc;
use std::time::{Duration, Instant};

use ogong_base::codec::{Decode, Encode};
use ogong_base::keys::{NodeKey, NodePublic};
use ogong_base::params::VERIFIER_JOB_MS;
use ogong_engine::client::EngineClient;
use ogong_net::wire::{ErrorCode, ErrorReply, Request, Response, ScoreJob, SignedReport, Status};
use ogong_net::{Handler, Identity, PeerInfo};
use tracing::info;

use crate::desk::Desk;
use crate::engine::Capability;
use crate::job;
use crate::members::Members;
use crate::score;

/// One verifier, shared by its requests.
pub struct Verifier {
    /// Signs reports.
    pub key: NodeKey,
    /// Presents the certificate.
    pub identity: Identity,
    /// The engine.
    pub engine: EngineClient,
    /// What the engine can do, found out at the start and again when it changes.
    pub capability: Capability,
    /// The queue.
    pub desk: Desk,
    /// Whom it works for.
    pub members: Members,
    /// Windows in one job at most.
    pub windows_max: usize,
}

/// The QUIC side of a verifier.
pub struct Service(pub Arc<Verifier>);

impl Handler for Service {
    async fn handle(&self, from: PeerInfo, request: Request) -> Result<Response, ErrorReply> {
        match request {
            Request::ScoreJob(job) => {
                self.0.members.admit(&from)?;
                Ok(self.0.score(job).await?.into())
            }
            Request::StatusRequest(_) => Ok(self.0.status().into()),
            other => Err(ErrorReply::unsupported(other.kind(), "verifier")),
        }
    }
}

impl Verifier {
    /// Scores one job and signs the report.
    ///
    /// # Errors
    /// A refusal; nothing in it is held against the provider.
    pub async fn score(&self, wire: ScoreJob) -> Result<SignedReport, ErrorReply> {
        let asked_by = NodePublic::from_bytes(&wire.validator_public).map(|public| public.node_id()).ok();
        let job = job::check(&wire, self.windows_max)?;
        if let Some(report) = self.desk.report(job.hash) {
            return Ok(report);
        }
        let capabilities = self.capability.fit(&self.engine, &job).await?;
        let _turn = self.desk.turn().await?;
        // Whoever waited behind the same job finds it done.
        if let Some(report) = self.desk.report(job.hash) {
            return Ok(report);
        }
        let begun = Instant::now();
        let scored = tokio::time::timeout(Duration::from_millis(VERIFIER_JOB_MS), self.engine.score(&job.request));
        let reply = scored
            .await
            .map_err(|_| {
                ErrorReply::new(
                    ErrorCode::Timeout,
                    format!("the engine did not score within {VERIFIER_JOB_MS} ms"),
                    "draw another verifier",
                )
            })?
            .map_err(|err| score::engine_refusal(&err))?;
        let report = score::report(&job, &reply, &capabilities)?;
        let ms = u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX);
        info!(reply_id = %job.reply_id, tokens = job.tokens, mode = ?job.mode, ms, validator = asked_by.map(|id| id.to_hex()), "job scored");
        let signed = score::sign(report, &self.key);
        self.desk.keep(job.hash, signed.clone());
        Ok(signed)
    }

    fn status(&self) -> Status {
        Status {
            node_id: self.key.node_id().as_bytes().to_vec(),
            consensus_id: self.identity.consensus_id().as_bytes().to_vec(),
            role: "verifier".to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            pending: u64::try_from(self.desk.occupied()).unwrap_or(u64::MAX),
            public: self.key.public().to_bytes(),
            ..Status::default()
        }
    }
}
