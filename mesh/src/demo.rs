//! `ogong-mesh demo`: one honest answer, audited and paid; one cheat, rejected and refunded.

use crate::{
    Mesh, MeshConfig, ProviderSpec, Tools,
    adversary::requantised,
    client::{Question, ask},
    ledger::TOKEN,
    rho,
    show::Screen,
    tour::{FINAL, Outcome, outcome},
};
use anyhow::{Context, Result, ensure};
use ogong_settlement::{interface::Address, interface::SPLIT_BPS_DEFAULT, split::Split};
use serde_json::{Value, json};
use std::time::Instant;

/// What is asked when nothing else is said.
const PROMPT: &str = "In two sentences: why is the sky blue?";
/// Answer tokens at most.
const TOKENS: u32 = 96;
/// Honest providers' price, atoms per 1,000 tokens.
const PRICE: u64 = TOKEN / 1_000;

/// How to show it.
#[derive(Debug, Clone, clap::Args)]
pub struct Args {
    /// Print one JSON object instead of the tour.
    #[arg(long)]
    pub json: bool,
    /// Leave the mesh up and print its endpoints; Ctrl-C stops all of it.
    #[arg(long)]
    pub keep: bool,
    /// Keep logs and stores in this directory.
    #[arg(long, value_name = "DIR")]
    pub dir: Option<std::path::PathBuf>,
    /// What to ask.
    #[arg(long, default_value = PROMPT)]
    pub prompt: String,
}

/// The wallets whose balances are shown.
struct Wallets {
    names: Vec<&'static str>,
    addresses: Vec<Address>,
}

/// Runs it.
///
/// # Errors
/// When something does not come up, or an account differs from what the default split says by one atom.
pub async fn run(args: &Args) -> Result<()> {
    let begun = Instant::now();
    let screen = Screen::new(!args.json);
    let tools = Tools::find()?;
    screen.title("Starting the mesh: every role a process of its own");
    let config = MeshConfig {
        providers: ["attic", "cellar"].map(|name| ProviderSpec { price: PRICE, ..ProviderSpec::honest(name) }).into(),
        dir: args.dir.clone(),
        ..MeshConfig::default()
    };
    let mut mesh = Mesh::start(tools, config, |what| screen.step(what)).await?;
    let honest = honest(&mesh, args, &screen).await?;
    let rho_ppm = rho::measure(&mesh, &args.prompt, TOKENS).await?;
    screen.fact(
        "cost of checking",
        &format!(
            "rho = {:.3}: scoring took that part of the time of generating, same engine, same tokens",
            ppm(rho_ppm)
        ),
    );
    let cheat = cheat(&mut mesh, args, &screen).await?;
    if args.json {
        let mut report = honest;
        report["cheats"] = json!([cheat]);
        report["rho_ppm"] = json!(rho_ppm);
        report["seconds"] = json!(begun.elapsed().as_secs());
        println!("{report}");
    } else {
        screen.title(&format!("Done in {} s", begun.elapsed().as_secs()));
    }
    if args.keep {
        keep(&mesh, &screen).await?;
    }
    mesh.stop().await;
    Ok(())
}

async fn honest(mesh: &Mesh, args: &Args, screen: &Screen) -> Result<Value> {
    screen.title("An honest answer");
    screen.quote("you", &args.prompt);
    let before_all = all_balances(mesh, None).await?;
    screen.begin_answer();
    let reply = ask(mesh.url(), &Question::new(&args.prompt, TOKENS), |piece| screen.piece(piece)).await?;
    screen.end_answer();
    screen.fact("gateway checked", &reply.finding);
    let outcome = outcome(mesh, &reply.reply_id, FINAL).await?;
    ensure!(
        outcome.verdict() == "accept",
        "an honest answer got {}: {}",
        outcome.verdict(),
        outcome.receipt["verdict"]
    );
    let (wallets, provider) = wallets(mesh, &outcome)?;
    let before: Vec<u64> = wallets
        .addresses
        .iter()
        .map(|address| before_all.iter().find(|(a, _)| a == address).map_or(0, |(_, atoms)| *atoms))
        .collect();
    let after = mesh.ledger.balances(&wallets.addresses).await?;
    screen.receipt(&outcome.receipt);
    screen.fact("verifiers", &verifiers_paid(&outcome));
    screen.balances(&wallets.names, &before, &after);
    check_split(&outcome, &wallets, &before, &after)?;
    screen.fact("accounts", "every account moved by exactly what the default split and the verifier's flat fee say");
    let delta = |index: usize| i128::from(after[index]) - i128::from(before[index]);
    Ok(json!({
        "answer": reply.text, "reply_id": reply.reply_id, "verdict": outcome.verdict(), "checks": outcome.receipt["verdict"]["checks"],
        "settle_signature": outcome.receipt["transaction"], "fee": outcome.escrow.fee, "provider": provider,
        "provider_delta": delta(0) as i64, "consumer_delta": delta(4) as i64,
        "verifiers_paid": outcome.verifiers.len(), "verifier_fee": outcome.verifier_fee,
    }))
}

async fn cheat(mesh: &mut Mesh, args: &Args, screen: &Screen) -> Result<Value> {
    screen.title("A cheat: a provider half as dear that serves Q4_0 weights as if they were the ordered Q8_0");
    let liar = requantised::start(mesh).await?;
    let spec = ProviderSpec {
        upstream: Some(liar.url.clone()),
        verify: false,
        price: PRICE / 2,
        ..ProviderSpec::honest("bargain")
    };
    mesh.add_provider(&spec).await?;
    mesh.joined().await?;
    let thrifty = mesh.start_gateway("gateway-thrifty", Some(PRICE / 2)).await?;
    let before = mesh.ledger.balances(&[mesh.consumer.address()]).await?;
    screen.quote("you", &args.prompt);
    screen.begin_answer();
    let reply = ask(&thrifty.endpoint, &Question::new(&args.prompt, TOKENS), |piece| screen.piece(piece)).await?;
    screen.end_answer();
    let outcome = outcome(mesh, &reply.reply_id, FINAL).await?;
    let after = mesh.ledger.balances(&[mesh.consumer.address()]).await?;
    screen.receipt(&outcome.receipt);
    screen.balances(&["consumer"], &before, &after);
    ensure!(outcome.verdict() == "reject", "the cheat got {}", outcome.verdict());
    ensure!(outcome.is_refunded() && before == after, "the consumer was not refunded in full");
    screen.fact("verifiers", &verifiers_paid(&outcome));
    screen
        .fact("cheat", &format!("caught by {}, the consumer has every atom back", outcome.caught_by().unwrap_or("?")));
    thrifty.node.stop().await;
    liar.stop().await;
    Ok(
        json!({ "name": "requantised", "verdict": outcome.verdict(), "caught_by": outcome.caught_by(), "refunded": outcome.is_refunded() }),
    )
}

async fn keep(mesh: &Mesh, screen: &Screen) -> Result<()> {
    screen.title("The mesh stays up; Ctrl-C stops all of it");
    eprintln!("gateway     {}\nchain       {}\nlogs        {}", mesh.url(), mesh.ledger.rpc_url, mesh.dir().display());
    eprintln!(
        "\ncurl -N {}/v1/chat/completions -H 'content-type: application/json' -d '{{\"model\":\"{}\",\"messages\":[{{\"role\":\"user\",\"content\":\"hi\"}}],\"stream\":true}}'",
        mesh.url(),
        crate::tools::MODEL_ID
    );
    tokio::signal::ctrl_c().await.context("cannot wait for Ctrl-C")
}

fn verifiers_paid(outcome: &Outcome) -> String {
    let (count, fee) = (outcome.verifiers.len(), outcome.verifier_fee);
    format!("{count} registered, each paid {fee} atoms by the reserve, whatever the verdict")
}

/// Provider, router, validator, reserve, consumer of a settled reply, in SPEC 9.3's order, and its verifiers.
fn wallets(mesh: &Mesh, outcome: &Outcome) -> Result<(Wallets, String)> {
    let provider = mesh
        .providers
        .iter()
        .find(|provider| provider.payout == outcome.escrow.provider_payout)
        .context("an unknown provider was paid")?;
    let handler = handler(mesh, outcome)?;
    let mut names = vec!["provider", "router", "validator", "reserve", "consumer"];
    let mut addresses =
        vec![provider.payout, mesh.router_payout, handler, mesh.ledger.reserve, mesh.consumer.address()];
    ensure!(!outcome.verifiers.is_empty(), "an audited answer, and no registered verifier was named");
    names.resize(names.len() + outcome.verifiers.len(), "verifier");
    addresses.extend(&outcome.verifiers);
    Ok((Wallets { names, addresses }, provider.role.node.name().to_owned()))
}

fn handler(mesh: &Mesh, outcome: &Outcome) -> Result<Address> {
    let key = outcome.receipt["handler"].as_str().context("the receipt names no handler")?;
    let pair = mesh
        .validators
        .iter()
        .find(|pair| pair.authority.to_string() == key)
        .context("the handler is not of this mesh")?;
    Ok(pair.fee_owner)
}

async fn all_balances(mesh: &Mesh, more: Option<Address>) -> Result<Vec<(Address, u64)>> {
    let mut addresses: Vec<Address> = mesh.providers.iter().map(|provider| provider.payout).collect();
    addresses.extend(mesh.validators.iter().map(|pair| pair.fee_owner));
    addresses.extend([mesh.router_payout, mesh.ledger.reserve, mesh.consumer.address()]);
    addresses.extend(more);
    let balances = mesh.ledger.balances(&addresses).await?;
    Ok(addresses.into_iter().zip(balances).collect())
}

/// Every account against the default split and the verifiers' flat fee, to the atom (SPEC 9.5).
fn check_split(outcome: &Outcome, wallets: &Wallets, before: &[u64], after: &[u64]) -> Result<()> {
    let fee = outcome.escrow.fee;
    let split = Split::of(fee, fee, &SPLIT_BPS_DEFAULT)?;
    let (flat, count) = (i128::from(outcome.verifier_fee), outcome.verifiers.len());
    let owed = flat * i128::try_from(count)?;
    let mut expected = vec![
        i128::from(split.provider),
        i128::from(split.router),
        i128::from(split.validator),
        i128::from(split.reserve) - owed,
        -i128::from(fee),
    ];
    expected.resize(expected.len() + count, flat);
    for (index, name) in wallets.names.iter().enumerate() {
        let got = i128::from(after[index]) - i128::from(before[index]);
        ensure!(got == expected[index], "{name}'s account moved by {got} atoms, the split says {}", expected[index]);
    }
    Ok(())
}

fn ppm(value: u64) -> f64 {
    value as f64 / 1e6
}
