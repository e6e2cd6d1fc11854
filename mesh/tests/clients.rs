//! Applications that know nothing of OGONG: the official `openai` Python package at the gateway of a real mesh.

use anyhow::{Context, Result, ensure};
use ogong_mesh::{
    Mesh, MeshConfig, Tools,
    tools::{MODEL_ID, cache_dir},
    tour::{FINAL, outcome},
};
use serde_json::Value;
use std::{
    ffi::OsStr,
    path::{Path, PathBuf},
};
use tokio::process::Command;

/// The pinned client.
const OPENAI: &str = "openai==3.51.0";
const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/clients/openai_gateway.py");

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_openai_package_is_served_and_its_answers_settle() -> Result<()> {
    let python = python_with_openai().await?;
    let mesh = Mesh::start(Tools::find()?, MeshConfig::default(), |step| eprintln!("   {step}")).await?;
    let printed = run(&python, [OsStr::new(SCRIPT), mesh.url().as_ref(), MODEL_ID.as_ref()]).await?;
    eprintln!("   {printed}");
    let found: Value = serde_json::from_str(printed.trim())?;
    ensure!(found["foreign_model"]["status"] == 404, "{}", found["foreign_model"]);
    ensure!(found["unknown_model"]["status"] == 404, "{}", found["unknown_model"]);
    ensure!(found["logit_bias"]["status"] == 400, "{}", found["logit_bias"]);
    for kind in ["plain", "streamed"] {
        let reply_id = found[kind]["reply_id"].as_str().context("no reply id")?;
        let outcome = outcome(&mesh, reply_id, FINAL).await?;
        ensure!(outcome.verdict() == "accept" && !outcome.is_refunded(), "{kind}: {}", outcome.receipt);
        ensure!(outcome.escrow.fee > 0, "{kind}: nothing was paid");
        eprintln!("   {kind}: accepted, {} atoms, transaction {}", outcome.escrow.fee, outcome.receipt["transaction"]);
    }
    mesh.stop().await;
    Ok(())
}

/// The interpreter of a virtual environment in the user's cache, made if it is not there.
async fn python_with_openai() -> Result<PathBuf> {
    let venv = cache_dir()?.join("clients").join("venv");
    let python = venv.join("bin").join("python");
    if !python.is_file() {
        run(Path::new("python3"), [OsStr::new("-m"), "venv".as_ref(), venv.as_ref()])
            .await
            .context("no virtual environment\n  hint: install python3 with its venv module")?;
    }
    let (_, version) = OPENAI.split_once("==").context("not pinned")?;
    let present = run(&python, ["-c", "import openai; print(openai.__version__)"]).await;
    if present.is_ok_and(|present| present.trim() == version) {
        return Ok(python);
    }
    run(&python, ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", OPENAI]).await?;
    Ok(python)
}

/// Runs a program and returns what it printed.
async fn run<S: AsRef<OsStr>>(program: &Path, args: impl IntoIterator<Item = S>) -> Result<String> {
    let output = Command::new(program)
        .args(args)
        .env("NO_PROXY", "127.0.0.1")
        .kill_on_drop(true)
        .output()
        .await
        .with_context(|| format!("cannot start {}", program.display()))?;
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    ensure!(output.status.success(), "{} failed: {}{}", program.display(), text(&output.stdout), text(&output.stderr));
    Ok(text(&output.stdout))
}
