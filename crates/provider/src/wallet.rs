//! `wallet`: the payout address, and what stands behind it on the chain.
//!
//! Without a verb only the address is printed, and nothing but this machine is needed. `balance` asks the chain that the
//! config names, or `--rpc-url`.

use crate::{
    cli::{Wallet, WalletCommand},
    commands::{load, print_json},
    error::Error,
    keys::{self, Keys},
};
use ogong_base::hash::ChainKey;
use ogong_daemon::files;
use ogong_settlement::{Chain, interface::PROGRAM_ID, token::tokens_text, wallet};
use serde_json::json;
use std::path::Path;

/// Said of an empty wallet.
const NOTHING: &str = "nothing: fees need SOL, and a stake needs OGONG";

/// Runs `wallet` or one of its verbs.
///
/// # Errors
/// When the keys cannot be used, no chain is named, or it does not answer.
pub async fn run(home: &Path, args: &Wallet) -> Result<(), Error> {
    files::create_private_dir(home)?;
    let keys = Keys::load_or_create(home)?;
    match args.command {
        None => address(home, &keys, args.output.json),
        Some(WalletCommand::Balance) => balance(&connect(home, args).await?, &keys.payout, args.output.json).await,
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
    if json {
        print_json(&json!({
            "address": owner.to_string(), "rpc_url": chain.rpc_url(),
            "lamports": lamports, "sol": tokens_text(lamports), "atoms": atoms, "tokens": tokens_text(atoms),
        }));
        return Ok(());
    }
    println!("address  {owner}\nSOL      {}\nOGONG    {}", tokens_text(lamports), tokens_text(atoms));
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
