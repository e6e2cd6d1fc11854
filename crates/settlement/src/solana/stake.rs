//! An operator's stake: a provider's is priority in routing and never a bond, a router's and a verifier's answer for what they
//! sign (SPEC 9.9).
//!
//! Amounts are totals, not differences: a stake is brought up or down *to* what is named. So a command whose answer got lost, or
//! whose process died, is run again and does nothing twice.

use ogong_base::hash::{ModelRoot, NodeId};
use ogong_chain_interface::{
    Address, Instruction,
    account::{Operator, Role},
    address,
    instruction::{MoveOperatorStake, Movement, RegisterOperator, UpdateOperator},
    token::associated_token,
};

use super::Chain;
use crate::{error::Error, wallet::Wallet};

/// Who registers as what.
#[derive(Debug, Clone)]
pub struct Enrolment {
    /// As what.
    pub role: Role,
    /// Of its node key.
    pub node_id: NodeId,
    /// Wallet that is paid.
    pub payout: Address,
    /// Roots of the models that a provider serves, at most 8; of other roles none.
    pub models: Vec<ModelRoot>,
}

impl Chain {
    /// Brings an operator's stake up to `total` atoms; registers it if it is not, and brings its registration up to date.
    ///
    /// # Errors
    /// [`Error::Poor`] when the wallet lacks the difference, or when the chain refuses: a router or verifier needs the least stake.
    pub async fn stake_operator(&self, wallet: &Wallet, enrolment: &Enrolment, total: u64) -> Result<Operator, Error> {
        let (key, role) = (wallet.address(), enrolment.role);
        let mint = self.config().await?.mint;
        let found = self.operator(role, &key).await?;
        let missing = total.saturating_sub(found.as_ref().map_or(0, |operator| operator.bond.stake));
        self.require_atoms(&mint, &key, missing).await?;
        let source = associated_token(&key, &mint);
        let mut instructions = Vec::new();
        match &found {
            Some(operator) => {
                instructions.extend(self.brought_up_to_date(operator, enrolment));
                if missing > 0 {
                    instructions.push(self.movement(role, &key, source, Movement::Stake(missing)));
                }
            }
            None => {
                self.create_token_accounts(wallet, &mint, &[key]).await?;
                instructions.push(self.registered_as(enrolment, key, source, total));
            }
        }
        if !instructions.is_empty() {
            self.submit(&instructions, &[wallet]).await?;
        }
        self.registered(role, &key).await
    }

    /// Brings an operator's stake down to `total` atoms; the difference cools down before it can be withdrawn.
    ///
    /// # Errors
    /// [`Error::AccountMissing`] when the wallet is no such operator's, or when the chain refuses.
    pub async fn unstake_operator(&self, wallet: &Wallet, role: Role, total: u64) -> Result<Operator, Error> {
        let key = wallet.address();
        let operator = self.registered(role, &key).await?;
        let leaving = operator.bond.stake.saturating_sub(total);
        if leaving == 0 {
            return Ok(operator);
        }
        let source = associated_token(&key, &self.config().await?.mint);
        self.submit(&[self.movement(role, &key, source, Movement::Unstake(leaving))], &[wallet]).await?;
        self.registered(role, &key).await
    }

    /// Takes out what has cooled down; nothing is sent where nothing cools.
    ///
    /// # Errors
    /// [`Error::AccountMissing`] when the wallet is no such operator's, or when the chain refuses, as it does before the cooldown
    /// is over.
    pub async fn withdraw_operator(&self, wallet: &Wallet, role: Role) -> Result<Operator, Error> {
        let key = wallet.address();
        let operator = self.registered(role, &key).await?;
        if operator.bond.cooling == 0 {
            return Ok(operator);
        }
        let source = associated_token(&key, &self.config().await?.mint);
        self.submit(&[self.movement(role, &key, source, Movement::Withdraw)], &[wallet]).await?;
        self.registered(role, &key).await
    }

    /// The registration of a provider, router or verifier, if there is one.
    ///
    /// # Errors
    /// When the chain does not answer.
    pub async fn operator(&self, role: Role, authority: &Address) -> Result<Option<Operator>, Error> {
        self.one("operator", address::operator(&self.program, role, authority), Operator::decode).await
    }

    async fn registered(&self, role: Role, key: &Address) -> Result<Operator, Error> {
        let place = address::operator(&self.program, role, key);
        let missing = Error::AccountMissing { what: "operator's registration", address: place };
        self.operator(role, key).await?.ok_or(missing)
    }

    fn registered_as(&self, enrolment: &Enrolment, authority: Address, source: Address, stake: u64) -> Instruction {
        RegisterOperator {
            authority,
            stake_source: source,
            role: enrolment.role,
            node_id: *enrolment.node_id.as_bytes(),
            payout: enrolment.payout,
            stake,
            models: enrolment.models.iter().map(|root| *root.as_bytes()).collect(),
        }
        .instruction(&self.program)
    }

    /// What gives a registration the node, payout and models of today; models that are not named stay.
    fn brought_up_to_date(&self, found: &Operator, enrolment: &Enrolment) -> Option<Instruction> {
        let named: Vec<[u8; 32]> = enrolment.models.iter().map(|root| *root.as_bytes()).collect();
        let update = UpdateOperator {
            authority: found.authority,
            role: found.role,
            node_id: *enrolment.node_id.as_bytes(),
            payout: enrolment.payout,
            models: if named.is_empty() { found.models.clone() } else { named },
        };
        let same = update.node_id == found.node_id && update.payout == found.payout && update.models == found.models;
        (!same).then(|| update.instruction(&self.program))
    }

    fn movement(&self, role: Role, key: &Address, source: Address, movement: Movement) -> Instruction {
        MoveOperatorStake { authority: *key, authority_token: source, role, movement }.instruction(&self.program)
    }
}
