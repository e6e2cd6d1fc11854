//! `wallet`: the payout address, and what stands behind it on the chain.
//!
//! Without a verb only the address is printed, and nothing but this machine is needed. Every verb works on the chain that the
//! config names, or `--rpc-url`, and ends with what the wallet then holds.

use crate::{
    cli::{Duty, Wallet, WalletCommand},
    commands::{load, print_json},
    error::Error,
    keys::{self, Keys},
    verifier,
};
use ogong_base::hash::{ChainKey, ModelRoot};
use ogong_daemon::{files, keys::load_or_create_node_key};
use ogong_settlement::{
    self as settlement, Chain,
    interface::{PROGRAM_ID, account::Role},
    solana::{Earning, Enrolment},
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
        WalletCommand::Stake { total, duty } => {
            let enrolment = enrolment(home, &keys, &chain, *duty).await?;
            chain.stake_operator(&payer, &enrolment, *total).await?;
        }
        WalletCommand::Unstake { keep, duty } => {
            chain.unstake_operator(&payer, (*duty).into(), *keep).await?;
        }
        WalletCommand::Withdraw { duty } => {
            chain.withdraw_operator(&payer, (*duty).into()).await?;
        }
        WalletCommand::Claim { epoch } => return claim(&chain, &payer, *epoch, args.output.json).await,
    }
    balance(&chain, &keys.payout, args.output.json).await
}

impl From<Duty> for Role {
    fn from(duty: Duty) -> Self {
        match duty {
            Duty::Provider => Self::Provider,
            Duty::Verifier => Self::Verifier,
        }
    }
}

/// A provider registers the model it serves; its verifier is a node of its own, beside it.
async fn enrolment(home: &Path, keys: &Keys, chain: &Chain, duty: Duty) -> Result<Enrolment, Error> {
    let payout = wallet::address(&keys.payout);
    Ok(match duty {
        Duty::Provider => {
            let models = models(home, chain).await?;
            Enrolment { role: Role::Provider, node_id: keys.node.node_id(), payout, models }
        }
        Duty::Verifier => {
            let dir = verifier::data_dir(home);
            files::create_private_dir(&dir)?;
            let node_id = load_or_create_node_key(&dir)?.node_id();
            Enrolment { role: Role::Verifier, node_id, payout, models: Vec::new() }
        }
    })
}

async fn claim(chain: &Chain, payer: &settlement::Wallet, epoch: Option<u64>, json: bool) -> Result<(), Error> {
    let claims = chain.claim_all(payer, &payer.address(), epoch).await?;
    if json {
        let claimed = claims.claimed.iter().map(
            |(earning, atoms)| json!({ "epoch": earning.epoch, "role": earning.earner.to_string(), "atoms": atoms }),
        );
        print_json(&json!({
            "address": payer.address().to_string(), "claimed": claimed.collect::<Vec<_>>(), "claimed_atoms": claims.atoms(),
            "claimed_tokens": tokens_text(claims.atoms()),
            "waiting": claims.waiting.iter().map(Earning::to_json).collect::<Vec<_>>(),
        }));
        return Ok(());
    }
    for (earning, atoms) in &claims.claimed {
        println!("epoch {} as {}: {} claimed", earning.epoch, earning.earner, tokens_text(*atoms));
    }
    if claims.claimed.is_empty() {
        println!("nothing to claim");
    }
    for earning in &claims.waiting {
        eprintln!("{earning}");
    }
    Ok(())
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
    let verifying = chain.operator(Role::Verifier, &place).await?.map(|operator| operator.bond);
    let earnings = match chain.earnings(&place).await {
        Err(settlement::Error::NotRegistered(_)) => Vec::new(),
        earnings => earnings?,
    };
    let (stake, cooling) = bond.map_or((0, 0), |bond| (bond.stake, bond.cooling));
    if json {
        print_json(&json!({
            "address": owner.to_string(), "rpc_url": chain.rpc_url(),
            "lamports": lamports, "sol": tokens_text(lamports), "atoms": atoms, "tokens": tokens_text(atoms),
            "registered": bond.is_some(), "stake_atoms": stake, "stake_tokens": tokens_text(stake),
            "cooling_atoms": cooling, "unlock_epoch": bond.map(|bond| bond.unlock_epoch),
            "verifier_stake_atoms": verifying.map(|bond| bond.stake),
            "verifier_cooling_atoms": verifying.map(|bond| bond.cooling),
            "earnings": earnings.iter().map(Earning::to_json).collect::<Vec<_>>(),
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
    if let Some(bond) = verifying {
        println!("verifier {} staked, {} cooling", tokens_text(bond.stake), tokens_text(bond.cooling));
    }
    for earning in &earnings {
        println!("earned   {earning}");
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
