//! What a wallet does by itself: open an escrow, take an expired one back, register, administer. All of it may be repeated.

use ogong_base::hash::{ConsensusId, ModelRoot, NetworkId, NodeId, ReplyId};
use ogong_chain_interface::{
    Address, EMISSION_CAP_BPS_DEFAULT,
    account::{Config, Escrow, EscrowStatus, Role, Validator},
    address,
    instruction::{
        AllocateLaunch, Initialize, OpenEscrow, OpenWork, RefundExpired, RegisterValidator, SetModel, Terms,
        UpdateValidator,
    },
    token::{associated_token, create_associated_token},
};

use super::{Chain, submit::Confirmed};
use crate::{
    error::Error,
    plan::change,
    wallet::{Wallet, chain_key},
};

/// Idempotent token account creations that fit one transaction.
const CREATIONS_MAX: usize = 8;
/// Rent of the largest account a wallet creates here and a few fees, rounded up: 0.02 SOL.
const LAMPORTS_MIN: u64 = 20_000_000;
/// Rent of everything that an initialisation creates, an epoch among it, rounded up: 0.1 SOL.
const INITIALISE_LAMPORTS_MIN: u64 = 100_000_000;

/// Wallets that the launch allocation goes to.
#[derive(Debug, Clone, Copy)]
pub struct Launch {
    /// 625 million OGONG.
    pub team: Address,
    /// 250 million.
    pub foundation: Address,
    /// 125 million.
    pub liquidity: Address,
}

impl Launch {
    /// One wallet for all three, as a development chain has it.
    pub fn to_one(wallet: Address) -> Self {
        Self { team: wallet, foundation: wallet, liquidity: wallet }
    }

    fn wallets(&self) -> [Address; 3] {
        [self.team, self.foundation, self.liquidity]
    }
}

/// Parameters of a new network.
#[derive(Debug, Clone)]
pub struct Initialisation {
    /// Which network.
    pub network: NetworkId,
    /// Who gets the first tokens.
    pub launch: Launch,
    /// Provider, router, validator, reserve, maker.
    pub split_bps: [u16; 5],
    /// Least stake of a validator, atoms.
    pub min_stake: u64,
    /// Share of replies audited, parts per million.
    pub alpha_ppm: u64,
    /// Start of beacon round 0.
    pub beacon_genesis_ms: u64,
    /// Length of a beacon round.
    pub beacon_period_ms: u64,
    /// Least length of an epoch.
    pub epoch_length_ms: u64,
    /// Epochs between unstake and withdrawal.
    pub cooldown_epochs: u64,
    /// Atoms that a verifier gets for an audit.
    pub verifier_fee: u64,
}

/// How a validator enters the set.
#[derive(Debug, Clone)]
pub struct Registration {
    /// Of its hybrid node key.
    pub node_id: NodeId,
    /// Of its QUIC certificate.
    pub consensus_id: ConsensusId,
    /// Of the beacon.
    pub vrf_key: [u8; 32],
    /// Wallet that receives its share.
    pub fee_owner: Address,
    /// Atoms.
    pub stake: u64,
    /// `host:port`.
    pub endpoint: String,
}

impl Chain {
    /// Initialises the program, which makes the mint, and mints the launch allocation. Done already: returns what is there.
    ///
    /// # Errors
    /// When the chain refuses or does not answer.
    pub async fn initialise(&self, admin: &Wallet, parameters: &Initialisation) -> Result<Config, Error> {
        let config = match self.config().await {
            Err(Error::NotInitialised { .. }) => self.initialise_program(admin, parameters).await?,
            found => found?,
        };
        // Looked at by itself: whoever initialised before may not have got this far.
        let supply = address::supply(&self.program);
        if config.admin == admin.address() && self.rpc.accounts(&[supply]).await?.pop().flatten().is_none() {
            self.allocate_launch(admin, &config.mint, &parameters.launch).await?;
        }
        Ok(config)
    }

    async fn initialise_program(&self, admin: &Wallet, parameters: &Initialisation) -> Result<Config, Error> {
        let key = admin.address();
        self.require_lamports(&key, INITIALISE_LAMPORTS_MIN).await?;
        let initialize = Initialize {
            admin: key,
            network: *parameters.network.as_bytes(),
            split_bps: parameters.split_bps,
            min_stake: parameters.min_stake,
            alpha_ppm: parameters.alpha_ppm,
            beacon_genesis_ms: parameters.beacon_genesis_ms,
            beacon_period_ms: parameters.beacon_period_ms,
            epoch_length_ms: parameters.epoch_length_ms,
            cooldown_epochs: parameters.cooldown_epochs,
            verifier_fee: parameters.verifier_fee,
        };
        self.submit(&[initialize.instruction(&self.program)], &[admin]).await?;
        self.config().await
    }

    async fn allocate_launch(&self, admin: &Wallet, mint: &Address, launch: &Launch) -> Result<(), Error> {
        let key = admin.address();
        self.create_token_accounts(admin, mint, &launch.wallets()).await?;
        let [team_token, foundation_token, liquidity_token] =
            launch.wallets().map(|wallet| associated_token(&wallet, mint));
        let emission_cap_bps = EMISSION_CAP_BPS_DEFAULT;
        let allocate = AllocateLaunch { admin: key, team_token, foundation_token, liquidity_token, emission_cap_bps };
        self.submit(&[allocate.instruction(&self.program)], &[admin]).await?;
        Ok(())
    }

    /// Enters a model into the catalogue, or gives it another root.
    ///
    /// # Errors
    /// [`ogong_chain_interface::ChainError::AdminWrong`] unless `admin` is the config's.
    pub async fn set_model(
        &self,
        admin: &Wallet,
        model_id: &str,
        model_root: &ModelRoot,
        maker: &Address,
    ) -> Result<Confirmed, Error> {
        let set = SetModel {
            admin: admin.address(),
            model_id: model_id.to_owned(),
            model_root: *model_root.as_bytes(),
            maker: *maker,
        };
        self.submit(&[set.instruction(&self.program)], &[admin]).await
    }

    /// Stakes and enters the validator set. A registered authority only has its endpoint and certificate brought up to date.
    ///
    /// # Errors
    /// [`Error::Poor`] when the stake is not there, or when the chain refuses.
    pub async fn register_validator(
        &self,
        authority: &Wallet,
        registration: &Registration,
    ) -> Result<Validator, Error> {
        let key = authority.address();
        if let Some(found) = self.validator(&key).await? {
            return self.update_validator(authority, found, registration).await;
        }
        let Config { mint, stake_epoch, .. } = self.config().await?;
        self.require_lamports(&key, LAMPORTS_MIN).await?;
        self.require_atoms(&mint, &key, registration.stake).await?;
        let register = RegisterValidator {
            authority: key,
            stake_source: associated_token(&key, &mint),
            node_id: *registration.node_id.as_bytes(),
            consensus_id: *registration.consensus_id.as_bytes(),
            vrf_key: registration.vrf_key,
            fee_owner: registration.fee_owner,
            stake: registration.stake,
            epoch: stake_epoch,
            endpoint: registration.endpoint.clone(),
        };
        let instructions =
            [register.instruction(&self.program), create_associated_token(&key, &registration.fee_owner, &mint)];
        self.submit(&instructions, &[authority]).await?;
        let place = address::validator(&self.program, &key);
        self.validator(&key).await?.ok_or(Error::AccountMissing { what: "validator", address: place })
    }

    async fn update_validator(
        &self,
        authority: &Wallet,
        found: Validator,
        registration: &Registration,
    ) -> Result<Validator, Error> {
        let consensus_id = *registration.consensus_id.as_bytes();
        if found.endpoint == registration.endpoint && found.consensus_id == consensus_id {
            return Ok(found);
        }
        let endpoint = registration.endpoint.clone();
        let update = UpdateValidator { authority: authority.address(), consensus_id, endpoint: endpoint.clone() };
        self.submit(&[update.instruction(&self.program)], &[authority]).await?;
        Ok(Validator { endpoint, consensus_id, ..found })
    }

    /// Moves an order's `max_fee` from `owner`'s wallet into escrow. Opened already: returns it.
    ///
    /// `order` is the order's bytes (SPEC 2.2); the reply id follows from them. The terms name the provider's and the router's
    /// registrations, where there are any ([`Chain::operator_of`]).
    ///
    /// # Errors
    /// [`Error::Poor`] when the fee is not there, or when the chain refuses.
    pub async fn open_escrow(&self, owner: &Wallet, order: &[u8], terms: Terms) -> Result<Escrow, Error> {
        let key = owner.address();
        let mint = self.config().await?.mint;
        let open = OpenEscrow { owner: key, owner_token: associated_token(&key, &mint), order: order.to_vec(), terms };
        let reply_id = ReplyId::from_bytes(open.reply_id());
        let refused = match self.submit(&[open.instruction(&self.program)], &[owner]).await {
            Ok(_) => None,
            Err(error) => Some(error),
        };
        // Looked at after a failure too: an answer that got lost must not open it in vain or pay twice.
        match (self.escrow(&reply_id).await?, refused) {
            (Some(escrow), _) if escrow.owner == key => Ok(escrow),
            (_, Some(Error::Transaction(why))) => {
                self.require_lamports(&key, LAMPORTS_MIN).await?;
                Err(Error::Transaction(why))
            }
            (_, Some(error)) => Err(error),
            (_, None) => Err(Error::AccountMissing {
                what: "escrow",
                address: address::escrow(&self.program, reply_id.as_bytes()),
            }),
        }
    }

    /// Returns an escrow to its owner after the order's deadline; anyone may pay for it. Closed already: returns it as it is.
    ///
    /// # Errors
    /// [`ogong_chain_interface::ChainError::DeadlineNotPassed`] before the deadline.
    pub async fn refund_expired(&self, payer: &Wallet, reply_id: &ReplyId) -> Result<Escrow, Error> {
        let place = address::escrow(&self.program, reply_id.as_bytes());
        let missing = || Error::AccountMissing { what: "escrow", address: place };
        let escrow = self.escrow(reply_id).await?.ok_or_else(missing)?;
        if escrow.status != EscrowStatus::Open {
            return Ok(escrow);
        }
        let mint = self.config().await?.mint;
        let refund = RefundExpired { reply_id: *reply_id.as_bytes(), change: change(&escrow, &mint) };
        let instructions =
            [create_associated_token(&payer.address(), &escrow.owner, &mint), refund.instruction(&self.program)];
        let outcome = self.submit(&instructions, &[payer]).await;
        let now = self.escrow(reply_id).await?.ok_or_else(missing)?;
        if now.status == EscrowStatus::Open { outcome.and(Ok(now)) } else { Ok(now) }
    }

    /// Creates the associated token accounts that are missing, at `payer`'s expense.
    ///
    /// # Errors
    /// When the chain refuses or does not answer.
    pub async fn create_token_accounts(&self, payer: &Wallet, mint: &Address, owners: &[Address]) -> Result<(), Error> {
        let mut owners = owners.to_vec();
        owners.sort_unstable();
        owners.dedup();
        let places: Vec<Address> = owners.iter().map(|owner| associated_token(owner, mint)).collect();
        let found = self.rpc.accounts(&places).await?;
        let missing: Vec<_> = owners
            .iter()
            .zip(found)
            .filter(|(_, account)| account.is_none())
            .map(|(owner, _)| create_associated_token(&payer.address(), owner, mint))
            .collect();
        for some in missing.chunks(CREATIONS_MAX) {
            self.submit(some, &[payer]).await?;
        }
        Ok(())
    }

    /// Opens the counters of registered operators that have none in `epoch` yet, at `payer`'s expense.
    ///
    /// # Errors
    /// When the chain refuses or does not answer.
    pub async fn open_works(&self, payer: &Wallet, epoch: u64, operators: &[(Role, Address)]) -> Result<(), Error> {
        for (role, operator) in operators {
            let place = address::work(&self.program, epoch, *role, operator);
            if self.rpc.accounts(&[place]).await?.pop().flatten().is_none() {
                let open = OpenWork { payer: payer.address(), epoch, role: *role, operator: *operator };
                self.submit(&[open.instruction(&self.program)], &[payer]).await?;
            }
        }
        Ok(())
    }

    /// Moves atoms of OGONG to another wallet.
    ///
    /// # Errors
    /// [`Error::Poor`], or when the chain refuses.
    pub async fn transfer(&self, from: &Wallet, to: &Address, atoms: u64) -> Result<Confirmed, Error> {
        let mint = self.config().await?.mint;
        let key = from.address();
        self.require_atoms(&mint, &key, atoms).await?;
        let instructions = [create_associated_token(&key, to, &mint), crate::token::transfer(&mint, &key, to, atoms)];
        self.submit(&instructions, &[from]).await
    }

    /// Gives atoms of OGONG to the verification reserve, which nobody takes out of: verifiers' flat fees come from it.
    ///
    /// # Errors
    /// [`Error::Poor`], or when the chain refuses.
    pub async fn fund_reserve(&self, from: &Wallet, atoms: u64) -> Result<Confirmed, Error> {
        let mint = self.config().await?.mint;
        let key = from.address();
        self.require_atoms(&mint, &key, atoms).await?;
        let reserve = address::reserve(&self.program);
        self.submit(&[crate::token::transfer_into(&mint, &key, &reserve, atoms)], &[from]).await
    }

    /// Asks a development chain for lamports.
    ///
    /// # Errors
    /// On chains that give nothing away.
    pub async fn airdrop(&self, to: &Address, lamports: u64) -> Result<Confirmed, Error> {
        let signature = self.rpc.request_airdrop(to, lamports).await?;
        self.await_signature(signature).await
    }

    pub(super) async fn require_atoms(&self, mint: &Address, owner: &Address, need: u64) -> Result<(), Error> {
        let have = self.token_balances(mint, &[*owner]).await?.pop().unwrap_or_default();
        if have < need {
            tracing::debug!(owner = %chain_key(owner), have, need, "too few tokens");
            return Err(Error::Poor { owner: *owner, have, need, unit: "atoms" });
        }
        Ok(())
    }
}
