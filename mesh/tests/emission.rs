//! An epoch of a whole mesh: answers are settled and counted, the validators end the epoch by themselves, approve its emission, and
//! every earner claims by its own command. The chain's clock is moved instead of waiting.

use anyhow::{Context, Result, ensure};
use ogong_mesh::{
    Driver, Mesh, MeshConfig, Tools,
    client::{Question, ask},
    provision::{json, run},
    tour::{FINAL, outcome},
};
use ogong_settlement::interface::{EPOCH_GRACE_MS, account::Emission};
use serde_json::Value;
use std::{ffi::OsStr, path::Path, time::Duration};
use tokio::time::{Instant, sleep};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_epochs_work_is_paid_by_the_curve_and_once() -> Result<()> {
    let config = MeshConfig { driver: Driver::InProcess, ..MeshConfig::default() };
    let mesh = Mesh::start(Tools::find()?, config, |step| eprintln!("   {step}")).await?;
    let mut fees = 0;
    for prompt in ["Name three rivers.", "Name three seas."] {
        let reply = ask(mesh.url(), &Question::new(prompt, 40), |_| ()).await?;
        let outcome = outcome(&mesh, &reply.reply_id, FINAL).await?;
        ensure!(outcome.verdict() == "accept" && outcome.verifiers.len() == 1, "{}", outcome.receipt);
        fees += outcome.escrow.fee;
    }
    let chain = &mesh.ledger.chain;
    let counted = chain.epoch(0).await?.context("epoch 0")?;
    ensure!((counted.totals.fees, counted.totals.routes) == (fees, 2), "{:?}", counted.totals);
    // All three sign each audit: their stakes are equal and more than two thirds are needed.
    ensure!((counted.totals.audits, counted.totals.verifications) == (6, 2), "{:?}", counted.totals);
    let emission = ended_and_approved(&mesh).await?;

    // The curve's part of a day is far more than so little work may mint: the roles divide what left the payers' purses.
    let outside = counted.totals.outside_fees;
    let [providers, routers, audits, checks] = [59, 5, 10, 10].map(|part| outside * part / 84);
    ensure!(outside > 0 && emission.amounts == [providers, routers, audits, checks, 0], "{emission:?}");
    let before = chain.supply().await?.emitted;
    let claimed = claimed_by_all(&mesh).await?;
    ensure!(claimed == chain.supply().await?.emitted - before, "{claimed} atoms were claimed, others minted");
    // Divisions are rounded down, at most one atom an earner.
    ensure!(claimed <= outside && claimed + 24 > outside, "{claimed} of {outside}");
    ensure!(claimed_by_all(&mesh).await? == 0, "a second claim minted");
    mesh.stop().await;
    Ok(())
}

/// Nobody but the validators sends anything here.
async fn ended_and_approved(mesh: &Mesh) -> Result<Emission> {
    let chain = &mesh.ledger.chain;
    let config = chain.config().await?;
    mesh.ledger.travel(config.epoch_started_ms + config.epoch_length_ms + 1_000).await?;
    let deadline = Instant::now() + FINAL;
    let begun = loop {
        let config = chain.config().await?;
        if config.stake_epoch == 1 {
            break config;
        }
        ensure!(
            Instant::now() < deadline,
            "no validator began the next epoch\n  hint: logs are in {}",
            mesh.dir().display()
        );
        sleep(Duration::from_millis(200)).await;
    };
    ensure!(chain.emission(0).await?.is_none(), "approved while settlements can still name the epoch");
    // Behind the grace, and behind every validator's turn to propose.
    mesh.ledger.travel(begun.epoch_started_ms + EPOCH_GRACE_MS + 120_000).await?;
    loop {
        if let Some(emission) = chain.emission(0).await? {
            return Ok(emission);
        }
        ensure!(Instant::now() < deadline, "no emission was approved\n  hint: logs are in {}", mesh.dir().display());
        sleep(Duration::from_millis(200)).await;
    }
}

/// Providers (their verifiers' work among it) by `ogong-provider wallet claim`, validators and the router by `ogong-chain claim`.
async fn claimed_by_all(mesh: &Mesh) -> Result<u64> {
    let (provider, operator) = (mesh.tools.bin("ogong-provider")?, mesh.tools.bin("ogong-chain")?);
    let rpc = ["--rpc-url", &mesh.ledger.rpc_url];
    let atoms = |found: &Value| found["claimed_atoms"].as_u64().with_context(|| found.to_string());
    let mut sum = 0;
    for one in &mesh.providers {
        let home: [(&str, &OsStr); 1] = [("OGONG_HOME", one.role.home.as_ref())];
        let owed = json(&provider, [&["wallet", "--json"], &rpc[..], &["balance"]].concat(), &home).await?;
        let expected: u64 =
            owed["earnings"].as_array().into_iter().flatten().filter_map(|row| row["atoms"].as_u64()).sum();
        let found = json(&provider, [&["wallet", "--json"], &rpc[..], &["claim"]].concat(), &home).await?;
        ensure!(atoms(&found)? == expected, "the balance said {expected}: {found}");
        if expected == 0 {
            let said = run(&provider, [&["wallet"], &rpc[..], &["claim"]].concat(), &home).await?;
            ensure!(String::from_utf8_lossy(&said).contains("nothing to claim"), "{said:?}");
        }
        sum += expected;
    }
    let routers = mesh.dir().join("router.json");
    let validators = mesh.validators.iter().map(|pair| pair.role.home.join("validator-keypair.json"));
    for keypair in validators.chain([routers]) {
        let args = [OsStr::new("claim"), "--json".as_ref(), "--rpc-url".as_ref(), mesh.ledger.rpc_url.as_ref()];
        let found =
            json(&operator, args.into_iter().chain(["--keypair".as_ref(), Path::new(&keypair).as_ref()]), &[]).await?;
        sum += atoms(&found)?;
    }
    Ok(sum)
}
