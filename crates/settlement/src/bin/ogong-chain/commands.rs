//! One function a verb.

use std::{
    fs,
    io::{ErrorKind, Write},
    path::Path,
    time::{SystemTime, UNIX_EPOCH},
};

use base64::{Engine, prelude::BASE64_STANDARD};
use ogong_base::hash::{ChainKey, ConsensusId, ModelRoot, NetworkId, NodeId, ReplyId};
use ogong_chain_interface::account::{Config, Escrow, Operator, Validator};
use ogong_settlement::{
    Chain, Wallet, address, chain_key,
    solana::{Claims, Earner, Earning, Enrolment, Initialisation, Launch, Registration},
    token::tokens_text,
};
use serde_json::{Value, json};

use crate::{
    cli::{Cli, Command, Enrol, Init, Register},
    output::{Failure, Outcome},
};

const ESCROW_HINT: &str = "check the reply id, and that --rpc-url names the chain the escrow was opened on";

/// Does what the command line says.
pub async fn run(cli: Cli) -> Result<Outcome, Failure> {
    let program = address(&cli.program_id);
    if let Command::Keygen { path } = &cli.command {
        return keygen(path);
    }
    if let Command::Init(init) = &cli.command {
        return initialise(&Chain::attach(&cli.rpc_url, program).await?, init).await;
    }
    if let Command::Airdrop { to, sol } = &cli.command {
        let sent = Chain::attach(&cli.rpc_url, program).await?.airdrop(&address(to), *sol).await?;
        return Ok(Outcome(json!({ "signature": sent.signature })));
    }
    let chain = Chain::connect(&cli.rpc_url, program).await?;
    on_chain(&chain, cli.command).await.map(Outcome)
}

async fn on_chain(chain: &Chain, command: Command) -> Result<Value, Failure> {
    Ok(match command {
        Command::Keygen { .. } | Command::Init(_) | Command::Airdrop { .. } => {
            unreachable!("invariant: handled before a config is asked for")
        }
        Command::Send { to, tokens, keypair } => {
            let sent = chain.transfer(&Wallet::read(&keypair)?, &address(&to), tokens).await?;
            json!({ "signature": sent.signature })
        }
        Command::FundReserve { tokens, keypair } => {
            let sent = chain.fund_reserve(&Wallet::read(&keypair)?, tokens).await?;
            json!({ "signature": sent.signature })
        }
        Command::RegisterValidator(register) => validator_json(&register_validator(chain, &register).await?),
        Command::RegisterOperator(enrol) => operator_json(&register_operator(chain, &enrol).await?),
        Command::Earnings { wallet } => chain.earnings(&address(&wallet)).await?.iter().map(Earning::to_json).collect(),
        Command::Claim { keypair, epoch } => {
            let wallet = Wallet::read(&keypair)?;
            claims_json(&chain.claim_all(&wallet, &wallet.address(), epoch).await?)
        }
        Command::SetModel { model_id, model_root, maker, admin_keypair } => {
            let admin = Wallet::read(&admin_keypair)?;
            let maker = maker.map_or_else(|| admin.address(), |maker| address(&maker));
            let sent = chain.set_model(&admin, &model_id.to_string(), &model_root, &maker).await?;
            json!({ "model_id": model_id.to_string(), "model_root": model_root, "signature": sent.signature })
        }
        Command::Balance { wallet } => {
            let place = address(&wallet);
            let (lamports, atoms) = (chain.lamports(&place).await?, chain.token_balance(&place).await?);
            json!({ "wallet": wallet, "tokens": tokens_text(atoms), "atoms": atoms, "lamports": lamports })
        }
        Command::Escrow { reply_id } => match chain.escrow(&reply_id).await? {
            Some(escrow) => escrow_json(&escrow),
            None => return Err(Failure::new(format!("no escrow for reply {reply_id}"), Some(ESCROW_HINT))),
        },
        Command::Refund { reply_id, keypair } => {
            escrow_json(&chain.refund_expired(&Wallet::read(&keypair)?, &reply_id).await?)
        }
        Command::AdvanceEpoch { keypair } => {
            let current = chain.config().await?.stake_epoch;
            config_json(chain, &chain.advance_epoch(&Wallet::read(&keypair)?, current).await?)
        }
        Command::Release { reply_id, keypair } => {
            escrow_json(&chain.release(&Wallet::read(&keypair)?, &reply_id).await?)
        }
        Command::Validators => chain.validators().await?.iter().map(validator_json).collect(),
        Command::Models => {
            let models = chain.models().await?;
            models
                .iter()
                .map(|model| {
                    json!({ "model_id": model.model_id, "model_root": ModelRoot::from_bytes(model.model_root),
                            "maker": chain_key(&model.maker) })
                })
                .collect()
        }
        Command::Config => config_json(chain, &chain.config().await?),
    })
}

fn keygen(path: &Path) -> Result<Outcome, Failure> {
    let shown = |wallet: &Wallet, made: bool| Outcome(json!({ "address": wallet.key(), "made": made }));
    let mut seed = [0; 32];
    getrandom::fill(&mut seed).map_err(|error| Failure::new(format!("no randomness: {error}"), None))?;
    let mut options = fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    match options.open(path) {
        Ok(mut file) => {
            let wallet = Wallet::from_seed(seed);
            file.write_all(wallet.to_json().as_bytes()).map_err(|error| unwritable(path, &error))?;
            Ok(shown(&wallet, true))
        }
        Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(shown(&Wallet::read(path)?, false)),
        Err(error) => Err(unwritable(path, &error)),
    }
}

fn unwritable(path: &Path, error: &std::io::Error) -> Failure {
    Failure::new(
        format!("cannot write {}: {error}", path.display()),
        Some("check that the directory exists and is writable"),
    )
}

async fn initialise(chain: &Chain, init: &Init) -> Result<Outcome, Failure> {
    let admin = Wallet::read(&init.admin_keypair)?;
    let split_bps = <[u16; 5]>::try_from(init.split_bps.as_slice())
        .map_err(|_| Failure::new("--split-bps takes five numbers", Some("for example 8500,500,500,500,0")))?;
    let now_ms =
        SystemTime::now().duration_since(UNIX_EPOCH).ok().and_then(|since| u64::try_from(since.as_millis()).ok());
    let or_admin = |wallet: Option<ChainKey>| wallet.map_or_else(|| admin.address(), |wallet| address(&wallet));
    let parameters = Initialisation {
        network: NetworkId::of_name(&init.network),
        launch: Launch {
            team: or_admin(init.team),
            foundation: or_admin(init.foundation),
            liquidity: or_admin(init.liquidity),
        },
        split_bps,
        min_stake: init.min_stake,
        alpha_ppm: init.alpha_ppm,
        beacon_genesis_ms: init
            .beacon_genesis_ms
            .or(now_ms)
            .ok_or_else(|| Failure::new("the clock stands before 1970", Some("set the clock")))?,
        beacon_period_ms: init.beacon_period_ms,
        epoch_length_ms: init.epoch_length_ms,
        cooldown_epochs: init.cooldown_epochs,
        verifier_fee: init.verifier_fee,
    };
    let config = chain.initialise(&admin, &parameters).await?;
    if config.network != *parameters.network.as_bytes() {
        return Err(Failure::new(
            format!("the program is initialised already, for network {}", NetworkId::from_bytes(config.network)),
            Some("`ogong-chain config` shows it; a new development chain starts empty"),
        ));
    }
    Ok(Outcome(config_json(chain, &config)))
}

async fn register_validator(chain: &Chain, register: &Register) -> Result<Validator, Failure> {
    let authority = Wallet::read(&register.keypair)?;
    let consensus_id = match (&register.cert, register.consensus_id) {
        (Some(path), _) => ConsensusId::of_certificate(&certificate(path)?),
        (None, Some(id)) => id,
        (None, None) => return Err(Failure::new("no certificate", Some("name one with --cert"))),
    };
    let registration = Registration {
        node_id: register.node_id,
        consensus_id,
        vrf_key: *register.vrf_key.as_bytes(),
        fee_owner: register.fee_owner.map_or_else(|| authority.address(), |owner| address(&owner)),
        stake: register.stake,
        endpoint: register.endpoint.clone(),
    };
    Ok(chain.register_validator(&authority, &registration).await?)
}

async fn register_operator(chain: &Chain, enrol: &Enrol) -> Result<Operator, Failure> {
    let wallet = Wallet::read(&enrol.keypair)?;
    let payout = enrol.payout.map_or_else(|| wallet.address(), |payout| address(&payout));
    let (role, node_id, models) = (enrol.role.into(), enrol.node_id, enrol.models.clone());
    Ok(chain.stake_operator(&wallet, &Enrolment { role, node_id, payout, models }, enrol.stake).await?)
}

/// The DER of a certificate file: the first PEM block, or the bytes as they are.
fn certificate(path: &Path) -> Result<Vec<u8>, Failure> {
    const BEGIN: &str = "-----BEGIN CERTIFICATE-----";
    const END: &str = "-----END CERTIFICATE-----";
    const HINT: Option<&str> = Some("--cert takes a certificate in PEM or DER");
    let refuse = |why: String| Failure::new(format!("{}: {why}", path.display()), HINT);
    let bytes = fs::read(path).map_err(|error| refuse(error.to_string()))?;
    let Ok(text) = std::str::from_utf8(&bytes) else { return Ok(bytes) };
    let body = text
        .split_once(BEGIN)
        .and_then(|(_, rest)| rest.split_once(END))
        .map(|(body, _)| body.split_whitespace().collect::<String>())
        .ok_or_else(|| refuse("no certificate in it".into()))?;
    BASE64_STANDARD.decode(body).map_err(|error| refuse(error.to_string()))
}

fn config_json(chain: &Chain, config: &Config) -> Value {
    json!({
        "rpc_url": chain.rpc_url(),
        "program_id": chain_key(&chain.program()),
        "mint": chain_key(&config.mint),
        "network": NetworkId::from_bytes(config.network),
        "admin": chain_key(&config.admin),
        "reserve_owner": chain_key(&config.reserve_owner),
        "split_bps": config.split_bps,
        "min_stake": config.min_stake,
        "alpha_ppm": config.alpha_ppm,
        "beacon_genesis_ms": config.beacon_genesis_ms,
        "beacon_period_ms": config.beacon_period_ms,
        "stake_epoch": config.stake_epoch,
        "epoch_started_ms": config.epoch_started_ms,
        "epoch_length_ms": config.epoch_length_ms,
        "cooldown_epochs": config.cooldown_epochs,
        "verifier_fee": config.verifier_fee,
    })
}

fn validator_json(validator: &Validator) -> Value {
    json!({
        "authority": chain_key(&validator.authority),
        "node_id": NodeId::from_bytes(validator.node_id),
        "consensus_id": ConsensusId::from_bytes(validator.consensus_id),
        "vrf_key": hex::encode(validator.vrf_key),
        "fee_owner": chain_key(&validator.fee_owner),
        "stake": validator.bond.stake,
        "status": validator.bond.status as u8,
        "endpoint": validator.endpoint,
    })
}

fn operator_json(operator: &Operator) -> Value {
    json!({
        "authority": chain_key(&operator.authority),
        "role": Earner::Operator(operator.role).to_string(),
        "node_id": NodeId::from_bytes(operator.node_id),
        "payout": chain_key(&operator.payout),
        "stake": operator.bond.stake,
        "status": operator.bond.status as u8,
        "models": operator.models.iter().map(|root| ModelRoot::from_bytes(*root)).collect::<Vec<_>>(),
    })
}

fn claims_json(claims: &Claims) -> Value {
    let claimed = claims
        .claimed
        .iter()
        .map(|(earning, atoms)| json!({ "epoch": earning.epoch, "role": earning.earner.to_string(), "atoms": atoms }));
    json!({
        "claimed": claimed.collect::<Vec<_>>(),
        "claimed_atoms": claims.atoms(),
        "waiting": claims.waiting.iter().map(Earning::to_json).collect::<Vec<_>>(),
        "note": if claims.claimed.is_empty() { "nothing to claim" } else { "claimed" },
    })
}

fn escrow_json(escrow: &Escrow) -> Value {
    json!({
        "reply_id": ReplyId::from_bytes(escrow.reply_id),
        "status": format!("{:?}", escrow.status).to_lowercase(),
        "owner": chain_key(&escrow.owner),
        "provider": NodeId::from_bytes(escrow.provider),
        "router": NodeId::from_bytes(escrow.router),
        "provider_payout": chain_key(&escrow.provider_payout),
        "router_payout": chain_key(&escrow.router_payout),
        "max_fee": escrow.max_fee,
        "fee": escrow.fee,
        "deadline_ms": escrow.deadline_ms,
        "record_hash": hex::encode(escrow.record_hash),
        "verdict_hash": hex::encode(escrow.verdict_hash),
    })
}
