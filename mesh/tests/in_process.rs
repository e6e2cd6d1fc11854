//! The whole flow with router, gateway, validators, providers and verifiers as tasks of this process; chain and engines are
//! real processes. What it settles is what `real_mesh` settles, without the cost of a dozen processes.

use anyhow::{Result, ensure};
use ogong_mesh::{
    Driver, Mesh, MeshConfig, ProviderSpec, Tools,
    adversary::requantised,
    client::{Question, ask},
    tour::{FINAL, outcome},
};
use ogong_settlement::{interface::SPLIT_BPS_DEFAULT, split::Split};

const PRICE: u64 = 1_000_000;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_process_pays_an_honest_answer_and_refunds_a_cheat() -> Result<()> {
    let config = MeshConfig { driver: Driver::InProcess, ..MeshConfig::default() };
    let mut mesh = Mesh::start(Tools::find()?, config, |step| eprintln!("   {step}")).await?;
    honest_answers_are_paid_to_the_atom(&mesh).await?;
    a_cheat_is_refunded(&mut mesh).await?;
    mesh.stop().await;
    Ok(())
}

async fn honest_answers_are_paid_to_the_atom(mesh: &Mesh) -> Result<()> {
    let payouts: Vec<_> = mesh.providers.iter().map(|provider| provider.payout).collect();
    let before: u64 = mesh.ledger.balances(&payouts).await?.iter().sum();
    let streamed = Question::new("Name three rivers.", 48);
    let plain = Question { stream: false, temperature: 0.0, ..streamed.clone() };
    let mut earned = 0;
    for question in [&streamed, &plain] {
        let reply = ask(mesh.url(), question, |_| ()).await?;
        ensure!(!reply.text.is_empty(), "an empty answer");
        let outcome = outcome(mesh, &reply.reply_id, FINAL).await?;
        ensure!(outcome.verdict() == "accept", "{}", outcome.receipt["verdict"]);
        let fee = outcome.escrow.fee;
        ensure!(fee > 0, "nothing was paid");
        earned += Split::of(fee, fee, &SPLIT_BPS_DEFAULT)?.provider;
        // The providers verify for each other: their wallets are the verifiers' too.
        ensure!(!outcome.verifiers.is_empty(), "no verifier was named: {}", outcome.receipt);
        earned += outcome.verifier_fee * outcome.verifiers.len() as u64;
    }
    let after: u64 = mesh.ledger.balances(&payouts).await?.iter().sum();
    ensure!(after - before == earned, "providers got {} atoms, their shares and fees are {earned}", after - before);
    Ok(())
}

async fn a_cheat_is_refunded(mesh: &mut Mesh) -> Result<()> {
    let liar = requantised::start(mesh).await?;
    let upstream = Some(liar.url.clone());
    let bargain = ProviderSpec { upstream, verify: false, price: PRICE / 2, ..ProviderSpec::honest("bargain") };
    mesh.add_provider(&bargain).await?;
    mesh.joined().await?;
    let gateway = mesh.start_gateway("gateway-thrifty", Some(PRICE / 2)).await?;
    let purse = [mesh.consumer.address()];
    let before = mesh.ledger.balances(&purse).await?;
    let reply = ask(&gateway.endpoint, &Question::new("Why is the sky blue?", 64), |_| ()).await?;
    let outcome = outcome(mesh, &reply.reply_id, FINAL).await?;
    ensure!(outcome.verdict() == "reject" && outcome.is_refunded(), "{}", outcome.receipt["verdict"]);
    ensure!(outcome.caught_by().is_some(), "{}", outcome.receipt["verdict"]);
    ensure!(mesh.ledger.balances(&purse).await? == before, "the consumer was not refunded in full");
    gateway.node.stop().await;
    liar.stop().await;
    Ok(())
}
