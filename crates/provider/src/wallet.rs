//! `wallet`: the payout address, and what stands behind it on the chain.
//!
//! Without a verb only the address is printed, and nothing but this machine is needed. Every verb works on the chain that the
//! config names, or `--rpc-url`, and ends with what the wallet then holds.

use crate::{
    cli::{Wallet, WalletCommand},
    commands::{load, print_json},
    error::Error,
    keys::{self, Keys},
};
use ogong_base::hash::{ChainKey, ModelRoot};
use ogong_daemon::files;
use ogong_settlement::{
    self as settlement, Chain,
    interface::{PROGRAM_ID, account::Role},
    token::tokens_text,
    wallet,
};
use serde_json::json;
use std::path::Path;

/// Said of an empty wallet.
const NOTHING: &str = "nothing: fees need SOL, and a stake needs OGONG";

/// Runs `wallet` or one of its verbs.
///
/// # Errors
/// When the keys cannot be used, no chain is named, it does not answer or it refuses.
pub async fn run(home: &Path, args: &Wallet) -> Result<(), Error> {
    files::create_private_dir(home)?;
    let keys = Keys::load_or_create(home)?;
    let Some(command) = &args.command else { return address(home, &keys, args.output.json) };
    let chain = connect(home, args).await?;
    let payer = settlement::Wallet::read(&home.join(keys::WALLET_FILE))?;
    match command {
        WalletCommand::Balance => {}
        WalletCommand::Stake { total } => {
            let models = models(home, &chain).await?;
            chain.stake_provider(&payer, &keys.node.node_id(), &models, *total).await?;
        }
        WalletCommand::Unstake { keep } => {
            chain.unstake_provider(&payer, *keep).await?;
        }
        WalletCommand::Withdraw => {
            chain.withdraw_provider(&payer).await?;
        }
    }
    balance(&chain, &keys.payout, args.output.json).await
}

/// Root of the model that is served, where the catalogue has it.
async fn models(home: &Path, chain: &Chain) -> Result<Vec<ModelRoot>, Error> {
    match load(home)?.model_id {
        Some(model_id) => Ok(chain.model_root(&model_id.to_string()).await?.into_iter().collect()),
        None => Ok(Vec::new()),
    }
}

fn address(home: &Path, keys: &Keys, json: bool) -> Result<(), Error> {
    if !json {
        println!("{}", keys.payout);
        return Ok(());
    }
    let provider_id = keys.provider_id(load(home)?.machine.as_deref());
    print_json(&json!({
        "address": keys.payout.to_string(), "keypair": home.join(keys::WALLET_FILE), "node_id": keys.node.node_id().to_hex(),
        "provider_id": provider_id,
    }));
    Ok(())
}

async fn balance(chain: &Chain, owner: &ChainKey, json: bool) -> Result<(), Error> {
    let place = wallet::address(owner);
    let (lamports, atoms) = (chain.lamports(&place).await?, chain.token_balance(&place).await?);
    let bond = chain.operator(Role::Provider, &place).await?.map(|operator| operator.bond);
    let (stake, cooling) = bond.map_or((0, 0), |bond| (bond.stake, bond.cooling));
    if json {
        print_json(&json!({
            "address": owner.to_string(), "rpc_url": chain.rpc_url(),
            "lamports": lamports, "sol": tokens_text(lamports), "atoms": atoms, "tokens": tokens_text(atoms),
            "registered": bond.is_some(), "stake_atoms": stake, "stake_tokens": tokens_text(stake),
            "cooling_atoms": cooling, "unlock_epoch": bond.map(|bond| bond.unlock_epoch),
        }));
        return Ok(());
    }
    println!(
        "address  {owner}\nSOL      {}\nOGONG    {}\nstake    {}",
        tokens_text(lamports),
        tokens_text(atoms),
        tokens_text(stake)
    );
    if let Some(bond) = bond.filter(|bond| bond.cooling > 0) {
        println!("cooling  {}, until epoch {}", tokens_text(cooling), bond.unlock_epoch);
    }
    if lamports == 0 && atoms == 0 {
        eprintln!("the wallet holds {NOTHING}");
    }
    Ok(())
}

async fn connect(home: &Path, args: &Wallet) -> Result<Chain, Error> {
    let config = load(home)?;
    let rpc_url = args.rpc_url.clone().or(config.rpc_url).ok_or(Error::Missing { flag: "--rpc-url" })?;
    let named = args.program_id.as_deref().map(str::parse::<ChainKey>).transpose();
    let named = named.map_err(|error| Error::Flag { flag: "--program-id", why: error.to_string() })?;
    let program = named.or(config.program_id).unwrap_or_else(|| wallet::chain_key(&PROGRAM_ID));
    Ok(Chain::connect(&rpc_url, wallet::address(&program)).await?)
}
