//! Clients that are not ours at the development chain: `@solana/kit` from the program's IDL, and the classic `@solana/web3.js`.

use anyhow::{Context, Result, ensure};
use ogong_mesh::{Tools, ledger::start_chain, provision::run};
use serde_json::Value;
use std::{
    ffi::{OsStr, OsString},
    path::Path,
};

const RUN: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../chain/scripts/ts.sh");

/// Runs one TypeScript program at a chain of its own and returns what it printed.
async fn at_a_chain(program: &str) -> Result<Value> {
    let tools = Tools::find()?;
    let dir = tempfile::tempdir()?;
    let (chain, ready) = start_chain(&tools, dir.path()).await?;
    let said = |field: &str| ready[field].as_str().map(OsString::from).with_context(|| format!("no {field}"));
    let (rpc, ws, id) = (said("rpc_url")?, said("ws_url")?, said("program_id")?);
    let operator = tools.bin("ogong-chain")?;
    let env: [(&str, &OsStr); 4] = [
        ("OGONG_RPC_URL", &rpc),
        ("OGONG_WS_URL", &ws),
        ("OGONG_PROGRAM_ID", &id),
        ("OGONG_CHAIN_BIN", operator.as_ref()),
    ];
    let printed = run(Path::new("bash"), [RUN, program], &env).await?;
    chain.stop().await;
    serde_json::from_slice(&printed).with_context(|| String::from_utf8_lossy(&printed).into_owned())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn kit_opens_an_escrow_from_the_idl_reads_it_back_and_follows_it_to_its_end() -> Result<()> {
    let found = at_a_chain("smoke").await?;
    eprintln!("   {found}");
    ensure!(found["event"] == "Expired" && found["atoms"] == "3000000000", "{found}");
    ensure!(found["opened"] != found["refunded"], "{found}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn web3_js_is_answered_as_by_a_validator() -> Result<()> {
    let found = at_a_chain("web3").await?;
    eprintln!("   {found}");
    ensure!(found["signature"].is_string() && found["slot"].as_u64() > Some(0), "{found}");
    Ok(())
}
