//! Stages 2 and 3: a settle by quorum, without and with an audit before it.

use super::{ProviderSpec, duties, say};
use crate::{
    Duty, Mesh, MeshConfig, Tools,
    adversary::{self, requantised},
    client::{Question, ask},
    ledger::{self, Ledger},
    mesh::{Provider, list_model},
    node::{Driver, Node},
    process::Spec,
    provision::free_udp_port,
    tools::MODEL_ID,
    tour::{FINAL, Outcome, outcome},
};
use anyhow::{Context, Result, ensure};
use ogong_settlement::interface::account::Role;
use std::{
    ffi::OsStr,
    path::{Path, PathBuf},
    time::Duration,
};

const PROMPT: &str = "Name three colours.";
/// Long enough for a margin to be measured.
const TOKENS: u32 = 72;
/// Atoms per 1,000 tokens.
const PRICE: u64 = 1_000_000;
/// A verifier is up within.
const READY: Duration = Duration::from_secs(60);

/// Stage 2.
pub(super) async fn quorum(ledger: Ledger, tools: Tools, dir: PathBuf, config: MeshConfig) -> Result<()> {
    let config = MeshConfig {
        providers: vec![provider("attic", PRICE)],
        duties: duties(Duty { alpha: "0", ..Duty::default() }),
        ..config
    };
    let mesh = Mesh::on(ledger, tools, dir, config, say).await?;
    let (gross, _) = paid(&mesh, mesh.url(), "not_selected").await?;
    println!("stage 2: quorum settle over QUIC, the provider's fee account holds the gross of {gross} atoms");
    mesh.stop().await;
    Ok(())
}

/// Stage 3.
pub(super) async fn audited(ledger: Ledger, tools: Tools, dir: PathBuf, config: MeshConfig) -> Result<()> {
    say("a verifier on an engine of its own");
    let threads = config.engine_threads;
    list_model(&ledger, &tools, &config.catalogue_format).await?;
    let engine = adversary::engine(&tools, &config.catalogue_format, dir.join("verifier-engine.log"), threads).await?;
    let (verifier, endpoint) = start_verifier(&tools, &dir, engine.client().base_url(), &ledger).await?;
    let handling = Duty { verifier: Some((endpoint, dir.join("verifier.der"))), ..Duty::default() };
    let config = MeshConfig { providers: vec![provider("attic", PRICE)], duties: duties(handling), ..config };
    let mut mesh = Mesh::on(ledger, tools, dir, config, say).await?;
    let (gross, outcome) = paid(&mesh, mesh.url(), "accept").await?;
    println!("the audit's checks: {}", outcome.receipt["verdict"]["checks"]);
    println!("an honest answer: Accept, quorum-settled, the provider's fee account holds the gross of {gross} atoms");
    cheat(&mut mesh).await?;
    println!("stage 3: only an Accept settles");
    mesh.stop().await;
    verifier.stop().await;
    engine.stop().await;
    Ok(())
}

/// A provider that does not verify for others: who verifies is configured.
fn provider(name: &str, price: u64) -> ProviderSpec {
    ProviderSpec { verify: false, price, ..ProviderSpec::honest(name) }
}

/// Asks once and holds the provider's account against the escrow: it must have grown by the whole fee.
async fn paid(mesh: &Mesh, gateway: &str, verdict: &str) -> Result<(u64, Outcome)> {
    let provider = mesh.providers.first().context("no provider")?;
    let before = balance(mesh, provider).await?;
    say("a consumer asks; its fee is in escrow");
    let reply = ask(gateway, &Question::new(PROMPT, TOKENS), |_| ()).await?;
    let outcome = outcome(mesh, &reply.reply_id, FINAL).await?;
    ensure!(outcome.verdict() == verdict, "{verdict} was expected: {}", outcome.receipt["verdict"]);
    let cosigners = outcome.receipt["cosigners"].as_array().map_or(0, Vec::len);
    ensure!(cosigners == mesh.validators.len() - 1, "{cosigners} validators co-signed: {}", outcome.receipt);
    let (gross, paid) = (outcome.escrow.fee, balance(mesh, provider).await? - before);
    ensure!(gross > 0 && paid == gross, "the fee account grew by {paid} atoms, the gross is {gross}");
    println!(
        "reply {}: {verdict}, {cosigners} co-signers, {} verifiers paid {} atoms each, transaction {}",
        reply.reply_id,
        outcome.verifiers.len(),
        outcome.verifier_fee,
        outcome.receipt["transaction"]
    );
    Ok((gross, outcome))
}

/// A provider that serves coarser weights under the ordered model's root: rejected, refunded, not paid.
async fn cheat(mesh: &mut Mesh) -> Result<()> {
    say("a cheat joins: Q4_0 weights sold as Q8_0, at half the price");
    let liar = requantised::start(mesh).await?;
    mesh.add_provider(&ProviderSpec { upstream: Some(liar.url.clone()), ..provider("bargain", PRICE / 2) }).await?;
    mesh.joined().await?;
    let thrifty = mesh.start_gateway("gateway-thrifty", Some(PRICE / 2)).await?;
    let consumer = [mesh.consumer.address()];
    let before = mesh.ledger.balances(&consumer).await?;
    let reply = ask(&thrifty.endpoint, &Question::new(PROMPT, TOKENS), |_| ()).await?;
    let outcome = outcome(mesh, &reply.reply_id, FINAL).await?;
    ensure!(outcome.verdict() == "reject" && outcome.is_refunded(), "the cheat got {}", outcome.receipt["verdict"]);
    ensure!(mesh.ledger.balances(&consumer).await? == before, "the consumer was not refunded in full");
    let cheat = mesh.providers.last().context("no provider")?;
    ensure!(balance(mesh, cheat).await? == 0, "the cheat was paid");
    println!(
        "a cheat: Reject, caught by {}, refunded, nothing paid but {} verifiers' flat fee",
        outcome.caught_by().unwrap_or("?"),
        outcome.verifiers.len()
    );
    thrifty.node.stop().await;
    liar.stop().await;
    Ok(())
}

async fn balance(mesh: &Mesh, provider: &Provider) -> Result<u64> {
    mesh.ledger.balances(&[provider.payout]).await?.pop().context("no balance")
}

async fn start_verifier(tools: &Tools, dir: &Path, engine: &str, ledger: &Ledger) -> Result<(Node, String)> {
    let cert = dir.join("verifier.der");
    let endpoint = format!("127.0.0.1:{}", free_udp_port()?);
    let owner = ledger::wallet()?;
    ledger.enrol(&owner, Role::Verifier, &dir.join("verifier")).await?;
    let owner = owner.address().to_string();
    let spec = Spec::new("verifier", tools.bin("ogong-verifierd")?, dir)
        .args(["--bind", &endpoint, "--provider-url", engine, "--model-id", MODEL_ID, "--stake-owner", &owner])
        .args(["--rpc-url", &ledger.rpc_url, "--registry-refresh", "2"])
        .args([OsStr::new("--cert-out"), cert.as_ref(), "--data-dir".as_ref(), dir.join("verifier").as_ref()])
        .env("OGONG_PROGRAM_ID", ledger.chain.program().to_string());
    let mut node = Node::start(Driver::Processes, spec)?;
    node.ready(&cert, READY).await?;
    Ok((node, endpoint))
}
