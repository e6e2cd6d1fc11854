//! Getting a verifier's report (SPEC 5.3, 5.4). The verifier gets request, ids and windows, never the openings.
//!
//! A drawn verifier that is busy or away is asked a few times before it is struck and the next is drawn. The configured one
//! is asked until it answers: there is no other.

use std::sync::Arc;
use std::time::Duration;

use ogong_audit::{Attempt, Decision, Evidence, Exactness, Material, Mode, SignedReport};
use ogong_base::codec::{Decode, Encode};
use ogong_base::hash::{ClassHash, ConsensusId, NodeId};
use ogong_base::keys::NodePublic;
use ogong_commitment::leaf::Header;
use ogong_net::wire::{self, ErrorCode, ScoreJob, StatusRequest};
use tracing::{debug, info, warn};

use crate::audit::store;
use crate::cases::Step;
use crate::cli::ExactPolicy;
use crate::error::Error;
use crate::node::Node;
use crate::state::{Entry, Phase};

/// Times a drawn verifier is asked before it is struck.
const ASKED_MAX: u32 = 3;
/// Pause between them.
const PAUSE: Duration = Duration::from_secs(2);

/// A verifier and the way to it.
struct Target<'a> {
    consensus_id: ConsensusId,
    endpoint: &'a str,
}

/// Why a verifier gave no report.
enum NoReport {
    /// It cannot do this mode; another may be asked for.
    Mode(String),
    /// Anything else.
    Failed(String),
}

/// Asks the verifier that was drawn.
///
/// # Errors
/// When the store does not take what came of it.
pub async fn ask_drawn(
    node: &Arc<Node>,
    entry: &Entry,
    mut evidence: Evidence,
    decision: &Decision,
    id: NodeId,
    exactness: Exactness,
) -> Result<Step, Error> {
    let announced =
        evidence.candidates.iter().find(|candidate| candidate.node_id() == id).map(|found| found.body.clone());
    let Some(announced) = announced else {
        return Err(Error::Audit(format!("the drawn verifier {id} is no candidate")));
    };
    let target = Target { consensus_id: announced.consensus_id, endpoint: &announced.endpoint };
    let mode = mode(node.config.exact, exactness);
    let mut failed = String::new();
    let mut report = None;
    for attempt in 0..ASKED_MAX {
        if attempt > 0 {
            tokio::time::sleep(PAUSE).await;
        }
        match ask(node, &evidence, decision, &target, mode).await {
            Ok(found) if found.node_id() == id => report = Some(found),
            Ok(found) => failed = format!("the report is signed by {}", found.node_id()),
            Err(NoReport::Mode(why) | NoReport::Failed(why)) => failed = why,
        }
        if report.is_some() {
            break;
        }
        debug!(reply_id = %entry.reply_id, verifier = %id, failed, attempt, "verifier gave no report");
    }
    if report.is_none() {
        warn!(reply_id = %entry.reply_id, verifier = %id, why = failed, "verifier struck, the next is drawn");
    }
    evidence.attempts.push(Attempt { verifier: id, report });
    store(node, entry, &evidence, Phase::Auditing, "weighs the verifier's report").await
}

/// Asks the verifier that was configured.
///
/// # Errors
/// When the store does not take what came of it.
pub async fn ask_pinned(
    node: &Arc<Node>,
    entry: &Entry,
    mut evidence: Evidence,
    decision: &Decision,
) -> Result<Step, Error> {
    let Some(pinned) = &node.config.verifier else {
        return Err(Error::Audit("the configured verifier was taken away".to_owned()));
    };
    let target = Target { consensus_id: pinned.consensus_id, endpoint: &pinned.endpoint };
    let waits =
        |why: String| Ok(Step::Wait(PAUSE, format!("waits for the configured verifier {}: {why}", pinned.endpoint)));
    let header = header_class(&evidence);
    let report = match pinned_report(node, &evidence, decision, &target, header).await {
        Ok(report) => report,
        Err(NoReport::Mode(why) | NoReport::Failed(why)) => return waits(why),
    };
    if report.node_id() == evidence.order.provider {
        return waits("it is the audited provider itself".to_owned());
    }
    evidence.attempts.push(Attempt { verifier: report.node_id(), report: Some(report) });
    store(node, entry, &evidence, Phase::Auditing, "weighs the verifier's report").await
}

/// The configured verifier announced no class: exact mode is tried where the policy wants it, and taken back where the
/// verifier cannot or turns out to be of another class.
async fn pinned_report(
    node: &Node,
    evidence: &Evidence,
    decision: &Decision,
    target: &Target<'_>,
    header: Option<ClassHash>,
) -> Result<SignedReport, NoReport> {
    if node.config.exact == ExactPolicy::Never {
        return ask(node, evidence, decision, target, Mode::Tolerance).await;
    }
    match ask(node, evidence, decision, target, Mode::Exact).await {
        Ok(report) if node.config.exact == ExactPolicy::Always || Some(report.body.class) == header => Ok(report),
        Err(NoReport::Mode(why)) if node.config.exact == ExactPolicy::Always => Err(NoReport::Mode(why)),
        Ok(_) | Err(NoReport::Mode(_)) => ask(node, evidence, decision, target, Mode::Tolerance).await,
        Err(failed) => Err(failed),
    }
}

fn mode(policy: ExactPolicy, exactness: Exactness) -> Mode {
    match (policy, exactness) {
        (_, Exactness::Required) | (ExactPolicy::Always, _) | (ExactPolicy::Auto, Exactness::Possible) => Mode::Exact,
        (ExactPolicy::Never, _) | (ExactPolicy::Auto, Exactness::Impossible) => Mode::Tolerance,
    }
}

fn header_class(evidence: &Evidence) -> Option<ClassHash> {
    let material = evidence.material.as_ref()?;
    Header::from_bytes(&material.header.leaf).ok().map(|header| header.class)
}

async fn ask(
    node: &Node,
    evidence: &Evidence,
    decision: &Decision,
    target: &Target<'_>,
    mode: Mode,
) -> Result<SignedReport, NoReport> {
    let failed = |why: String| NoReport::Failed(why);
    let material = evidence.material.as_ref().ok_or_else(|| failed("there is no material".to_owned()))?;
    // Few audits at once: reports are large, and engines work one after the other anyway.
    let _place = node.places.acquire().await.map_err(|err| failed(err.to_string()))?;
    let job = job(node, evidence, material, &decision.verdict.windows, mode);
    let begun = std::time::Instant::now();
    let reply = node.links.ask_at(target.consensus_id, target.endpoint, job).await.map_err(|err| match err {
        ogong_net::Error::Refused(reply) if reply.code() == ErrorCode::Unsupported => NoReport::Mode(reply.message),
        other => failed(other.to_string()),
    })?;
    let report = decoded(&reply).map_err(failed)?;
    let ms = u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX);
    info!(reply_id = %decision.verdict.reply_id, verifier = %report.node_id(), ?mode, ms, "report received");
    Ok(report)
}

fn job(node: &Node, evidence: &Evidence, material: &Material, windows: &[u32], mode: Mode) -> ScoreJob {
    let order = &evidence.order;
    ScoreJob {
        record_hash: evidence.record.record_hash().as_bytes().to_vec(),
        reply_id: order.reply_id().as_bytes().to_vec(),
        body: material.body.clone(),
        ids: material.ids.clone(),
        windows: windows.to_vec(),
        mode: mode as u32,
        issued_ms: order.issued_ms,
        max_tokens: order.max_tokens,
        n_ctx: order.n_ctx,
        model_root: order.model_root.as_bytes().to_vec(),
        model_id: order.model_id.to_string(),
        validator_public: node.keys.node.public().to_bytes(),
    }
}

fn decoded(reply: &wire::SignedReport) -> Result<SignedReport, String> {
    let bad = |what: &str, err: ogong_base::codec::DecodeError| format!("its {what} does not decode: {err}");
    Ok(SignedReport {
        body: Decode::from_bytes(&reply.report).map_err(|err| bad("report", err))?,
        public: Decode::from_bytes(&reply.verifier_public).map_err(|err| bad("key", err))?,
        signature: Decode::from_bytes(&reply.signature).map_err(|err| bad("signature", err))?,
    })
}

/// Asks the configured verifier who it is, at the start, so that a wrong address or certificate shows in the log at once.
pub async fn introduce_pinned(node: Arc<Node>) {
    let Some(pinned) = &node.config.verifier else { return };
    match node.links.ask_at(pinned.consensus_id, &pinned.endpoint, StatusRequest {}).await {
        Ok(status) => {
            let id = NodePublic::from_bytes(&status.public).map(|public| public.node_id().to_hex()).unwrap_or_default();
            info!(endpoint = %pinned.endpoint, node_id = id, role = status.role, "configured verifier reachable");
        }
        Err(error) => warn!(endpoint = %pinned.endpoint, %error, "configured verifier not reachable yet"),
    }
}
