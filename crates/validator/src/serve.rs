//! What a validator answers, request by request. Decisions live in the modules named here; this file only dispatches.

use std::sync::{Arc, Weak};

use ogong_daemon::clock::now_ms;
use ogong_net::wire::{ErrorCode, ErrorReply, ManualVerdict, ManualVerdictReply, Request, Response};
use ogong_net::{Handler, PeerInfo};

use crate::error::refusal;
use crate::node::Node;
use crate::roster::{Member, Roster};
use crate::{batch, cosign, emission, manual, record, report};

/// The QUIC side of a node. It does not keep the node alive: connections may outlast it by a moment.
pub struct Service(pub Weak<Node>);

impl Handler for Service {
    async fn handle(&self, from: PeerInfo, request: Request) -> Result<Response, ErrorReply> {
        let node = &self.0.upgrade().ok_or_else(|| {
            refusal(ErrorCode::Unavailable, "this validator is stopping", "try again when it is back")
        })?;
        match request {
            Request::PushRecord(push) => Ok(record::push(node, push).await?.into()),
            Request::Announce(announce) => Ok(node.announced.take(node, &from, announce).await?.into()),
            Request::RoundShareRequest(request) => {
                let roster = node.roster_for_peer()?;
                Ok(node.rounds.answer(request, &roster, now_ms())?.into())
            }
            Request::CosignRequest(request) => {
                let roster = node.roster_for_peer()?;
                let handler = registered(&roster, &from)?;
                Ok(cosign::answer(node, &roster, handler, request).await?.into())
            }
            Request::EmissionRequest(request) => {
                let roster = node.roster_for_peer()?;
                Ok(emission::answer(node, registered(&roster, &from)?, request).await?.into())
            }
            Request::BatchRequest(request) => {
                let roster = node.roster_for_peer()?;
                let handler = registered(&roster, &from)?;
                Ok(batch::answer(node, &roster, handler, request).await?.into())
            }
            Request::StatusRequest(_) => Ok(report::status(node).into()),
            Request::ReplyStatusRequest(request) => {
                let trusted = is_own(node, &from)
                    || node.roster().is_some_and(|roster| roster.by_consensus_id(from.consensus_id).is_some());
                Ok(report::reply_status(node, &request, trusted)?.into())
            }
            Request::ManualVerdict(verdict) => Ok(by_operator(node, &from, &verdict).await?.into()),
            other => Err(ErrorReply::unsupported(other.kind(), "validator")),
        }
    }
}

fn registered<'a>(roster: &'a Roster, from: &PeerInfo) -> Result<&'a Member, ErrorReply> {
    roster.by_consensus_id(from.consensus_id).ok_or_else(|| {
        refusal(
            ErrorCode::Forbidden,
            "only registered validators may ask for co-signatures",
            "register the validator on chain with the certificate it presents",
        )
    })
}

fn is_own(node: &Node, from: &PeerInfo) -> bool {
    from.consensus_id == node.consensus_id()
}

async fn by_operator(
    node: &Arc<Node>,
    from: &PeerInfo,
    verdict: &ManualVerdict,
) -> Result<ManualVerdictReply, ErrorReply> {
    if !is_own(node, from) {
        return Err(refusal(
            ErrorCode::Forbidden,
            "a verdict by hand is taken from the validator's own operator only",
            "run `ogong-validatord verdict` with the node's own --data-dir",
        ));
    }
    manual::take(node, verdict).await
}
