//! `ogong-provider wallet` on a chain: balances, stake up and down, cooldown, withdrawal; each run twice does it once.

use anyhow::{Context, Result, ensure};
use ogong_mesh::{
    Tools,
    ledger::{Ledger, Network, TOKEN},
    provision::{json, run},
};
use ogong_settlement::interface::Address;
use serde_json::Value;
use std::{ffi::OsStr, path::PathBuf};
use tempfile::TempDir;

/// A provider's command line, and the chain it talks to.
struct Desk {
    program: PathBuf,
    home: TempDir,
    rpc_url: String,
}

impl Desk {
    async fn wallet(&self, verb: &[&str]) -> Result<Value> {
        let args = [&["wallet", "--json", "--rpc-url", &self.rpc_url], verb].concat();
        json(&self.program, args, &[("OGONG_HOME", self.home.path().as_ref())]).await
    }

    /// Twice: the second time must change nothing.
    async fn twice(&self, verb: &[&str]) -> Result<Value> {
        let first = self.wallet(verb).await?;
        let second = self.wallet(verb).await?;
        for figure in ["atoms", "stake_atoms", "cooling_atoms"] {
            ensure!(first[figure] == second[figure], "{verb:?} again changed {figure}: {first} {second}");
        }
        Ok(second)
    }
}

fn holds(found: &Value, atoms: u64, stake: u64, cooling: u64) -> Result<()> {
    let wanted = [("atoms", atoms), ("stake_atoms", stake), ("cooling_atoms", cooling)];
    for (figure, tokens) in wanted {
        ensure!(found[figure] == tokens * TOKEN, "{figure} is not {tokens} tokens: {found}");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stake_goes_up_and_down_and_comes_back_after_its_cooldown() -> Result<()> {
    let (tools, dir) = (Tools::find()?, tempfile::tempdir()?);
    let ledger = Ledger::start(&tools, dir.path(), Network { round_ms: 3_000, alpha_ppm: 0 }).await?;
    let desk =
        Desk { program: tools.bin("ogong-provider")?, home: tempfile::tempdir()?, rpc_url: ledger.rpc_url.clone() };
    let home: [(&str, &OsStr); 1] = [("OGONG_HOME", desk.home.path().as_ref())];
    let printed = String::from_utf8(run(&desk.program, ["wallet"], &home).await?)?;
    let address: Address = printed.trim().parse().ok().context("only the address is printed")?;
    holds(&desk.wallet(&["balance"]).await?, 0, 0, 0)?;

    ledger.fund(&address, 10 * TOKEN).await?;
    holds(&desk.wallet(&["balance"]).await?, 10, 0, 0)?;
    holds(&desk.twice(&["stake", "4"]).await?, 6, 4, 0)?;
    holds(&desk.twice(&["stake", "5"]).await?, 5, 5, 0)?;
    let poor = desk.wallet(&["stake", "500"]).await;
    ensure!(poor.is_err_and(|error| error.to_string().contains("hint:")), "495 tokens are not there");
    let leaving = desk.twice(&["unstake", "2"]).await?;
    holds(&leaving, 5, 2, 3)?;
    ensure!(desk.wallet(&["withdraw"]).await.is_err(), "nothing has cooled down yet");

    let unlock = leaving["unlock_epoch"].as_u64().context("an epoch")?;
    for _ in 0..unlock {
        let config = ledger.chain.config().await?;
        let ends_ms = config.epoch_started_ms + config.epoch_length_ms + 1_000;
        ledger.travel(ends_ms).await?;
        ledger.chain.advance_epoch(&ledger.admin, config.stake_epoch).await?;
    }
    holds(&desk.twice(&["withdraw"]).await?, 8, 2, 0)?;
    Ok(())
}
