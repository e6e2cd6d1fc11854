//! One-shot commands: they talk to the running node over QUIC with the node's own identity, or only touch its keys.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::Path;

use ogong_base::hash::{ConsensusId, ReplyId};
use ogong_net::wire::{Ask, ManualVerdict, ReplyStatusRequest, StatusRequest};
use ogong_net::{Endpoint, Identity};
use serde_json::{Value, json};

use crate::cli::{Command, NodeAddress, NodeFlags, OutputFlags, QueryFlags, ReceiptFlags, VerdictFlags};
use crate::config::certificate_pin;
use crate::error::Error;
use crate::{dossier, keys};

/// Runs a command and gives what goes to stdout.
///
/// # Errors
/// When the node is not there or refuses.
pub async fn run(command: &Command, flags: &NodeFlags, dir: &Path) -> Result<String, Error> {
    match command {
        Command::Verdict(verdict) => self::verdict(verdict, dir).await,
        Command::Status(query) => status(query, dir).await,
        Command::Receipt(receipt) => self::receipt(receipt, dir).await,
        Command::Identity(output) => identity(output, flags, dir),
    }
}

async fn verdict(flags: &VerdictFlags, dir: &Path) -> Result<String, Error> {
    let reply_id = reply_id(&flags.reply_id)?;
    let reply = ask(
        &flags.address,
        dir,
        ManualVerdict { reply_id: reply_id.as_bytes().to_vec(), accept: flags.accept, reason: String::new() },
    )
    .await?;
    Ok(format!("verdict taken, the reply is {}\n", reply.state))
}

async fn status(flags: &QueryFlags, dir: &Path) -> Result<String, Error> {
    let status = ask(&flags.address, dir, StatusRequest {}).await?;
    let peers: Vec<Value> = status
        .peers
        .iter()
        .map(|peer| {
            json!({
                "consensus_id": hex::encode(&peer.consensus_id), "endpoint": peer.endpoint, "connected": peer.connected,
                "stake": peer.stake, "last_error": peer.last_error,
            })
        })
        .collect();
    let value = json!({
        "node_id": hex::encode(&status.node_id), "consensus_id": hex::encode(&status.consensus_id), "role": status.role,
        "version": status.version, "has_sink": status.has_sink, "alpha_ppm": status.alpha_ppm, "peers": peers,
        "announced": status.announced, "pending": status.pending, "settled": status.settled, "refunded": status.refunded,
        "rejected": status.rejected, "waiting_for": status.waiting_for,
    });
    if flags.output.json {
        return Ok(line(&value));
    }
    let connected = status.peers.iter().filter(|peer| peer.connected).count();
    let mut text = format!(
        "validator {}\n  peers      {connected} of {} connected\n  announced  {}\n  replies    {} open, {} settled, {} refunded, {} rejected\n",
        hex::encode(&status.node_id),
        status.peers.len(),
        status.announced,
        status.pending,
        status.settled,
        status.refunded,
        status.rejected
    );
    if !status.waiting_for.is_empty() {
        text.push_str(&format!("  waits for  {}\n", status.waiting_for));
    }
    Ok(text)
}

async fn receipt(flags: &ReceiptFlags, dir: &Path) -> Result<String, Error> {
    let reply_id = reply_id(&flags.reply_id)?;
    let status =
        ask(&flags.address, dir, ReplyStatusRequest { reply_id: reply_id.as_bytes().to_vec(), with_evidence: true })
            .await?;
    if status.state == "unknown" {
        return Err(Error::failed(
            format!("this validator holds no record of reply {reply_id}"),
            "ask the validator that the provider pushed it to",
        ));
    }
    let value = dossier::of(&status)?;
    Ok(if flags.output.json { line(&value) } else { dossier::text(&value) })
}

fn identity(output: &OutputFlags, flags: &NodeFlags, dir: &Path) -> Result<String, Error> {
    let keypair = flags.chain.validator_keypair.as_deref().or(flags.chain.authority_keypair.as_deref());
    let (keys, vrf) = keys::load_or_create(dir, keypair)?;
    if let Some(path) = &flags.chain.validator_cert_out {
        keys.identity.write_cert(path)?;
    }
    let cert = flags.chain.validator_cert_out.clone().unwrap_or_else(|| dir.join(ogong_net::quic::CERT_FILE));
    let keypair = keypair.map_or_else(|| dir.join(keys::KEYPAIR_FILE), Path::to_path_buf);
    let value = json!({
        "node_id": keys.node.node_id().to_hex(), "consensus_id": keys.identity.consensus_id().to_hex(),
        "vrf_key": hex::encode(vrf.public().0), "authority": keys.wallet.key().to_string(),
        "cert": cert.display().to_string(), "keypair": keypair.display().to_string(), "data_dir": dir.display().to_string(),
    });
    if output.json {
        return Ok(line(&value));
    }
    let fields = value.as_object().into_iter().flatten();
    Ok(fields.map(|(name, field)| format!("{name:<13} {}\n", field.as_str().unwrap_or_default())).collect())
}

/// Asks the running node as its operator: with its own certificate, pinned to its own.
async fn ask<A: Ask>(address: &NodeAddress, dir: &Path, message: A) -> Result<A::Reply, Error> {
    let identity = Identity::load_or_create(dir)?;
    let pin: ConsensusId = match &address.node_cert {
        Some(path) => certificate_pin(path)?,
        None => identity.consensus_id(),
    };
    let any = SocketAddr::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), 0);
    let endpoint = Endpoint::bind(any, &identity)?;
    let peer = endpoint.connect_host(&address.node, pin).await?;
    let reply = peer.ask(message).await;
    endpoint.close().await;
    Ok(reply?)
}

fn reply_id(text: &str) -> Result<ReplyId, Error> {
    ReplyId::from_hex(text)
        .map_err(|err| Error::usage(err.to_string(), "a reply id is 64 hex digits; the gateway returns it in a header"))
}

fn line(value: &Value) -> String {
    format!("{value}\n")
}
