//! Reads: every account of the program, and balances.

use ogong_base::hash::{ModelRoot, ReplyId};
use ogong_chain_interface::{
    Address, DecodeError,
    account::{Config, Epoch, Escrow, Model, Validator, ValidatorSet},
    address,
    token::{TokenAccount, associated_token},
};

use super::{Chain, rpc::Account};
use crate::{error::Error, plan::Accounts};

/// The account that holds the chain's clock.
const CLOCK_SYSVAR: Address = Address::from_str_const("SysvarC1ock11111111111111111111111111111111");
/// The Unix time in it: an i64 behind slot, start of the chain's epoch, and two of its epochs.
const CLOCK_SECONDS: std::ops::Range<usize> = 32..40;

impl Chain {
    /// The network's parameters.
    ///
    /// # Errors
    /// [`Error::NotInitialised`], or when the chain does not answer.
    pub async fn config(&self) -> Result<Config, Error> {
        let place = address::config(&self.program);
        let found = self.one("config", place, Config::decode).await?;
        found.ok_or(Error::NotInitialised { program: self.program })
    }

    /// Who may sign a settlement in the current epoch, and with what weight.
    ///
    /// # Errors
    /// [`Error::NotInitialised`], or when the chain does not answer.
    pub async fn validator_set(&self) -> Result<ValidatorSet, Error> {
        let number = self.config().await?.stake_epoch;
        let found = self.one("epoch", address::epoch(&self.program, number), Epoch::decode).await?;
        found.map(|epoch| epoch.set).ok_or(Error::NotInitialised { program: self.program })
    }

    /// Every registered validator, ordered by authority: how nodes find each other.
    ///
    /// # Errors
    /// When the chain does not answer or an account does not decode.
    pub async fn validators(&self) -> Result<Vec<Validator>, Error> {
        let found = self.rpc.program_accounts(&self.program, &[(0, &Validator::discriminator())]).await?;
        let mut validators = found
            .iter()
            .map(|(place, account)| self.decode("validator", *place, account, Validator::decode))
            .collect::<Result<Vec<_>, _>>()?;
        validators.sort_unstable_by_key(|validator| validator.authority);
        Ok(validators)
    }

    /// One validator's registration, if there is one.
    ///
    /// # Errors
    /// When the chain does not answer.
    pub async fn validator(&self, authority: &Address) -> Result<Option<Validator>, Error> {
        self.one("validator", address::validator(&self.program, authority), Validator::decode).await
    }

    /// The whole model catalogue, ordered by model id.
    ///
    /// # Errors
    /// When the chain does not answer or an account does not decode.
    pub async fn models(&self) -> Result<Vec<Model>, Error> {
        let found = self.rpc.program_accounts(&self.program, &[(0, &Model::discriminator())]).await?;
        let mut models = found
            .iter()
            .map(|(place, account)| self.decode("model", *place, account, Model::decode))
            .collect::<Result<Vec<_>, _>>()?;
        models.sort_unstable_by(|a, b| a.model_id.cmp(&b.model_id));
        Ok(models)
    }

    /// The catalogue's root for a model id, if it lists the model.
    ///
    /// # Errors
    /// When the chain does not answer.
    pub async fn model_root(&self, model_id: &str) -> Result<Option<ModelRoot>, Error> {
        let model = self.one("model", address::model(&self.program, model_id), Model::decode).await?;
        Ok(model.filter(|model| model.model_id == model_id).map(|model| ModelRoot::from_bytes(model.model_root)))
    }

    /// One reply's escrow, if it was opened.
    ///
    /// # Errors
    /// When the chain does not answer.
    pub async fn escrow(&self, reply_id: &ReplyId) -> Result<Option<Escrow>, Error> {
        self.one("escrow", address::escrow(&self.program, reply_id.as_bytes()), Escrow::decode).await
    }

    /// Every account that a settlement of `reply_id` by `handler` is planned from, at one moment of the chain.
    ///
    /// # Errors
    /// [`Error::AccountMissing`] names the one that is not there.
    pub async fn settle_accounts(&self, reply_id: &ReplyId, handler: &Address) -> Result<Accounts, Error> {
        let program = self.program;
        // Where the epoch turns between the two readings, the plan refuses the mix, and the next attempt has both.
        let number = self.config().await?.stake_epoch;
        let places = [
            address::config(&program),
            address::epoch(&program, number),
            address::validator(&program, handler),
            address::escrow(&program, reply_id.as_bytes()),
        ];
        let found = self.rpc.accounts(&places).await?;
        let [config, set, validator, escrow] = <[_; 4]>::try_from(found)
            .map_err(|found| Error::Answer { method: "getMultipleAccounts", why: format!("{} of 4", found.len()) })?;
        let [config_at, set_at, validator_at, escrow_at] = places;
        Ok(Accounts {
            program,
            config: self.present("config", config_at, config, Config::decode)?,
            validators: self.present("epoch", set_at, set, Epoch::decode)?.set,
            handler: self.present("validator", validator_at, validator, Validator::decode)?,
            escrow: self.present("escrow", escrow_at, escrow, Escrow::decode)?,
        })
    }

    /// The chain's own clock, Unix milliseconds; it counts whole seconds, and need not agree with this machine's.
    ///
    /// # Errors
    /// When the chain does not answer, or with something that is no clock.
    pub async fn clock_ms(&self) -> Result<u64, Error> {
        let account = self.rpc.accounts(&[CLOCK_SYSVAR]).await?.pop().flatten();
        let missing = Error::AccountMissing { what: "clock", address: CLOCK_SYSVAR };
        let seconds = account.ok_or(missing)?.data.get(CLOCK_SECONDS).and_then(|bytes| bytes.try_into().ok());
        let seconds = seconds.map(i64::from_le_bytes).and_then(|seconds| u64::try_from(seconds).ok());
        let seconds = seconds.ok_or(Error::Answer { method: "getMultipleAccounts", why: "no clock".to_owned() })?;
        Ok(seconds.saturating_mul(1_000))
    }

    /// Lamports of a wallet; 0 where there is none.
    ///
    /// # Errors
    /// When the chain does not answer.
    pub async fn lamports(&self, wallet: &Address) -> Result<u64, Error> {
        Ok(self.rpc.accounts(&[*wallet]).await?.pop().flatten().map_or(0, |account| account.lamports))
    }

    /// Atoms of `mint` in the wallets' associated token accounts, in the order asked for; 0 where there is no account. The
    /// program's config owns the reserve.
    ///
    /// # Errors
    /// When the chain does not answer or an account does not decode.
    pub async fn token_balances(&self, mint: &Address, owners: &[Address]) -> Result<Vec<u64>, Error> {
        let config = address::config(&self.program);
        let place = |owner: &Address| {
            if *owner == config { address::reserve(&self.program) } else { associated_token(owner, mint) }
        };
        let places: Vec<Address> = owners.iter().map(place).collect();
        let found = self.rpc.accounts(&places).await?;
        places
            .iter()
            .zip(found)
            .map(|(place, account)| match account {
                None => Ok(0),
                Some(account) => Ok(self.decode("token", *place, &account, TokenAccount::decode)?.amount),
            })
            .collect()
    }

    /// Atoms of OGONG in one wallet.
    ///
    /// # Errors
    /// When the chain does not answer.
    pub async fn token_balance(&self, owner: &Address) -> Result<u64, Error> {
        let mint = self.config().await?.mint;
        Ok(self.token_balances(&mint, &[*owner]).await?.pop().unwrap_or_default())
    }

    pub(super) async fn one<T>(
        &self,
        what: &'static str,
        place: Address,
        decode: Decoder<T>,
    ) -> Result<Option<T>, Error> {
        let account = self.rpc.accounts(&[place]).await?.pop().flatten();
        account.map(|account| self.decode(what, place, &account, decode)).transpose()
    }

    pub(super) fn present<T>(
        &self,
        what: &'static str,
        place: Address,
        account: Option<Account>,
        decode: Decoder<T>,
    ) -> Result<T, Error> {
        let account = account.ok_or(Error::AccountMissing { what, address: place })?;
        self.decode(what, place, &account, decode)
    }

    pub(super) fn decode<T>(
        &self,
        what: &'static str,
        place: Address,
        account: &Account,
        decode: Decoder<T>,
    ) -> Result<T, Error> {
        decode(&account.data).map_err(|source| Error::Account { what, address: place, source })
    }
}

pub(super) type Decoder<T> = fn(&[u8]) -> Result<T, DecodeError>;
