//! The book's three stages, by the scripts a person runs: `chain/scripts/run-mesh-stage*.sh`.

use anyhow::{Context, Result, ensure};
use ogong_mesh::{Tools, provision::run};
use std::{
    ffi::OsStr,
    path::{Path, PathBuf},
};

/// Runs a stage from `chain/`, as the book says, and returns what it printed.
async fn stage(number: u8) -> Result<String> {
    let tools = Tools::find()?;
    let chain = Path::new(env!("CARGO_MANIFEST_DIR")).join("../chain").canonicalize()?;
    let script = chain.join(format!("scripts/run-mesh-stage{number}.sh"));
    let programs: PathBuf = tools.bin("ogong-mesh")?.parent().context("a directory")?.to_owned();
    let env: [(&str, &OsStr); 2] =
        [("OGONG_BIN_DIR", programs.as_ref()), ("OGONG_LOCALNET_BIN", tools.localnet().as_ref())];
    let printed = run(Path::new("bash"), [&script], &env).await?;
    let printed = String::from_utf8(printed)?;
    eprintln!("{printed}");
    Ok(printed)
}

fn says(printed: &str, parts: &[&str]) -> Result<()> {
    for part in parts {
        ensure!(printed.contains(part), "{part:?} is missing in: {printed}");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn stage_1_each_node_finds_the_others_from_the_chain_alone() -> Result<()> {
    let printed = stage(1).await?;
    let found = printed.lines().filter(|line| line.contains("found 2 peers from the chain alone")).count();
    ensure!(found == 3, "{printed}");
    says(&printed, &["stage 1: each of 3 validators found the others"])
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn stage_2_a_quorum_pays_the_provider_the_gross() -> Result<()> {
    says(&stage(2).await?, &["not_selected, 2 co-signers", "the provider's fee account holds the gross of"])
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn stage_3_only_an_accept_settles() -> Result<()> {
    let parts = ["accept, 2 co-signers", "holds the gross of", "a cheat: Reject", "stage 3: only an Accept settles"];
    says(&stage(3).await?, &parts)
}
