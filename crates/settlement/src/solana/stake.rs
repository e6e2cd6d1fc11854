//! A provider's stake: priority in routing, never a bond (SPEC 9.8).
//!
//! Amounts are totals, not differences: a stake is brought up or down *to* what is named. So a command whose answer got lost, or
//! whose process died, is run again and does nothing twice.

use ogong_base::hash::{ModelRoot, NodeId};
use ogong_chain_interface::{
    Address,
    account::{Operator, Role},
    address,
    instruction::{MoveOperatorStake, Movement, RegisterOperator},
    token::associated_token,
};

use super::Chain;
use crate::{error::Error, wallet::Wallet};

impl Chain {
    /// Brings a provider's stake up to `total` atoms; registers the provider, paid into the same wallet, if it is not.
    ///
    /// # Errors
    /// [`Error::Poor`] when the wallet lacks the difference, or when the chain refuses.
    pub async fn stake_provider(
        &self,
        wallet: &Wallet,
        node_id: &NodeId,
        models: &[ModelRoot],
        total: u64,
    ) -> Result<Operator, Error> {
        let key = wallet.address();
        let mint = self.config().await?.mint;
        let found = self.operator(Role::Provider, &key).await?;
        let missing = total.saturating_sub(found.as_ref().map_or(0, |operator| operator.bond.stake));
        self.require_atoms(&mint, &key, missing).await?;
        let source = associated_token(&key, &mint);
        let instruction = match found {
            Some(operator) if missing == 0 => return Ok(operator),
            Some(_) => self.movement(&key, source, Movement::Stake(missing)),
            None => RegisterOperator {
                authority: key,
                stake_source: source,
                role: Role::Provider,
                node_id: *node_id.as_bytes(),
                payout: key,
                stake: total,
                models: models.iter().map(|root| *root.as_bytes()).collect(),
            }
            .instruction(&self.program),
        };
        self.submit(&[instruction], &[wallet]).await?;
        self.registered(&key).await
    }

    /// Brings a provider's stake down to `total` atoms; the difference cools down before it can be withdrawn.
    ///
    /// # Errors
    /// [`Error::AccountMissing`] when the wallet is no provider's, or when the chain refuses.
    pub async fn unstake_provider(&self, wallet: &Wallet, total: u64) -> Result<Operator, Error> {
        let key = wallet.address();
        let operator = self.registered(&key).await?;
        let leaving = operator.bond.stake.saturating_sub(total);
        if leaving == 0 {
            return Ok(operator);
        }
        let source = associated_token(&key, &self.config().await?.mint);
        self.submit(&[self.movement(&key, source, Movement::Unstake(leaving))], &[wallet]).await?;
        self.registered(&key).await
    }

    /// Takes out what has cooled down; nothing is sent where nothing cools.
    ///
    /// # Errors
    /// [`Error::AccountMissing`] when the wallet is no provider's, or when the chain refuses, as it does before the cooldown is over.
    pub async fn withdraw_provider(&self, wallet: &Wallet) -> Result<Operator, Error> {
        let key = wallet.address();
        let operator = self.registered(&key).await?;
        if operator.bond.cooling == 0 {
            return Ok(operator);
        }
        let source = associated_token(&key, &self.config().await?.mint);
        self.submit(&[self.movement(&key, source, Movement::Withdraw)], &[wallet]).await?;
        self.registered(&key).await
    }

    /// The registration of a provider, router or verifier, if there is one.
    ///
    /// # Errors
    /// When the chain does not answer.
    pub async fn operator(&self, role: Role, authority: &Address) -> Result<Option<Operator>, Error> {
        let place = address::operator(&self.program, role, authority);
        let account = self.rpc.accounts(&[place]).await?.pop().flatten();
        let decoded = account.map(|account| Operator::decode(&account.data)).transpose();
        decoded.map_err(|source| Error::Account { what: "operator", address: place, source })
    }

    async fn registered(&self, key: &Address) -> Result<Operator, Error> {
        let place = address::operator(&self.program, Role::Provider, key);
        let found = self.operator(Role::Provider, key).await?;
        found.ok_or(Error::AccountMissing { what: "provider's registration", address: place })
    }

    fn movement(&self, key: &Address, source: Address, movement: Movement) -> ogong_chain_interface::Instruction {
        MoveOperatorStake { authority: *key, authority_token: source, role: Role::Provider, movement }
            .instruction(&self.program)
    }
}
