//! Epochs: beginning the next one, and having an ended one's emission approved (SPEC 9.9, 9.13).

use ogong_chain_interface::{
    Address,
    account::{Config, Emission, Epoch, Supply},
    address,
    instruction::AdvanceEpoch,
};

use super::{Chain, EPOCHS_MAX, rpc::Blockhash, submit::Confirmed};
use crate::{cosign::Cosignatures, emission, error::Error, wallet::Wallet};

/// Rent of an epoch and a fee, rounded up: 0.03 SOL.
const EPOCH_LAMPORTS_MIN: u64 = 30_000_000;

impl Chain {
    /// Ends `epoch`, the current one, and begins the next; anyone may pay for it. Of several that do at once one pays, and all
    /// succeed: an epoch that has ended already is no error.
    ///
    /// # Errors
    /// [`ogong_chain_interface::ChainError::EpochNotOver`] before it has had its length.
    pub async fn advance_epoch(&self, payer: &Wallet, epoch: u64) -> Result<Config, Error> {
        let config = self.config().await?;
        if config.stake_epoch > epoch {
            return Ok(config);
        }
        self.require_lamports(&payer.address(), EPOCH_LAMPORTS_MIN).await?;
        let advance = AdvanceEpoch { payer: payer.address(), epoch };
        let outcome = self.submit(&[advance.instruction(&self.program)], &[payer]).await;
        let now = self.config().await?;
        if now.stake_epoch == epoch { outcome.and(Ok(now)) } else { Ok(now) }
    }

    /// Ended epochs in which somebody worked, which no settlement can name any more and whose emission nobody has approved; oldest
    /// first. None where nothing was launched.
    ///
    /// # Errors
    /// When the chain does not answer.
    pub async fn unapproved_epochs(&self) -> Result<Vec<u64>, Error> {
        let supply = address::supply(&self.program);
        let Some(supply) = self.one("supply", supply, Supply::decode).await? else { return Ok(Vec::new()) };
        let (config, now_ms) = (self.config().await?, self.clock_ms().await?);
        let numbers: Vec<u64> = (config.stake_epoch.saturating_sub(EPOCHS_MAX)..config.stake_epoch)
            .filter(|epoch| emission::is_closed(&config, *epoch, now_ms))
            .collect();
        let places: Vec<Address> = numbers.iter().map(|epoch| address::emission(&self.program, *epoch)).collect();
        let approved = self.rpc.accounts(&places).await?;
        let open: Vec<u64> = numbers
            .into_iter()
            .zip(approved)
            .filter(|(_, emission)| emission.is_none())
            .map(|(epoch, _)| epoch)
            .collect();
        let worked = self.epochs(&open).await?;
        let earns = |epoch: &&Epoch| emission::amounts(&supply, epoch) != [0; 5];
        Ok(worked.iter().filter(earns).map(|epoch| epoch.set.epoch).collect())
    }

    /// Every account that the approval of an ended epoch's emission is planned from, at one moment of the chain.
    ///
    /// # Errors
    /// [`Error::AccountMissing`] names the one that is not there.
    pub async fn emission_accounts(&self, epoch: u64) -> Result<emission::Accounts, Error> {
        let program = self.program;
        let number = self.config().await?.stake_epoch;
        let places = [
            address::config(&program),
            address::supply(&program),
            address::epoch(&program, epoch),
            address::emission(&program, epoch),
            address::epoch(&program, number),
        ];
        let found = self.rpc.accounts(&places).await?;
        let [config, supply, worked, emission, current] = <[_; 5]>::try_from(found)
            .map_err(|found| Error::Answer { method: "getMultipleAccounts", why: format!("{} of 5", found.len()) })?;
        let [config_at, supply_at, worked_at, emission_at, current_at] = places;
        let emission = emission.map(|account| self.decode("emission", emission_at, &account, Emission::decode));
        Ok(emission::Accounts {
            program,
            config: self.present("config", config_at, config, Config::decode)?,
            now_ms: self.clock_ms().await?,
            supply: self.present("supply", supply_at, supply, Supply::decode)?,
            worked: self.present("epoch", worked_at, worked, Epoch::decode)?,
            emission: emission.transpose()?,
            validators: self.present("epoch", current_at, current, Epoch::decode)?.set,
        })
    }

    /// Sends what a quorum has signed and waits for it.
    ///
    /// # Errors
    /// When signatures are missing, the program refuses, or as [`Error::Expired`].
    pub async fn send_signed(&self, signatures: &Cosignatures, blockhash: &Blockhash) -> Result<Confirmed, Error> {
        self.send_and_confirm(&signatures.assemble()?, blockhash).await
    }
}
