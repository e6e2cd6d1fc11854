//! Registered operators as settlements need them: who earns for an order, and the flat fee of those who checked (SPEC 9.2, 9.5).

use ogong_base::hash::{NodeId, ReplyId};
use ogong_chain_interface::{
    Address, ChainError,
    account::{BondStatus, Escrow, Operator, Role},
    address,
    instruction::PayVerifier,
    token::associated_token,
};

use super::Chain;
use crate::{error::Error, wallet::Wallet};

/// Where the role stands in an operator's account: behind discriminator, version and bump.
const ROLE_AT: usize = 8 + 1 + 1;
/// Where the node id stands: behind role and authority.
const NODE_ID_AT: usize = ROLE_AT + 1 + 32;

impl Chain {
    /// The authority under which a node is registered in a role and paid into `payout`, if it is: what an escrow may name so that
    /// the work is counted. A registration of the node by somebody else pays somebody else, so it is not found.
    ///
    /// # Errors
    /// When the chain does not answer or an account does not decode.
    pub async fn operator_of(&self, role: Role, node: &NodeId, payout: &Address) -> Result<Option<Address>, Error> {
        let discriminator = Operator::discriminator();
        let filters =
            [(0, discriminator.as_slice()), (ROLE_AT, &[role as u8][..]), (NODE_ID_AT, node.as_bytes().as_slice())];
        let found = self.rpc.program_accounts(&self.program, &filters).await?;
        let mut authorities = Vec::new();
        for (place, account) in &found {
            let operator = self.decode("operator", *place, account, Operator::decode)?;
            if operator.payout == *payout && operator.bond.status != BondStatus::Ejected {
                authorities.push(operator.authority);
            }
        }
        // Two wallets may register one node with one payout; every reader chooses the same.
        Ok(authorities.into_iter().min())
    }

    /// The registrations of some authorities in one role, in their order.
    ///
    /// # Errors
    /// When the chain does not answer or an account does not decode.
    pub async fn operators(&self, role: Role, authorities: &[Address]) -> Result<Vec<Option<Operator>>, Error> {
        let places: Vec<Address> =
            authorities.iter().map(|authority| address::operator(&self.program, role, authority)).collect();
        let found = self.rpc.accounts(&places).await?;
        let decoded = places.iter().zip(found).map(|(place, account)| {
            account.map(|account| self.decode("operator", *place, &account, Operator::decode)).transpose()
        });
        decoded.collect()
    }

    /// Pays the verifiers that a closed escrow names and that are not paid yet, out of the reserve; anyone may pay for the
    /// transactions. Returns the escrow as it stands then.
    ///
    /// # Errors
    /// [`ChainError::ReserveTooLow`] while the reserve lacks the fee: it may be sent again later. Or when the chain refuses.
    pub async fn pay_verifiers(&self, payer: &Wallet, reply_id: &ReplyId) -> Result<Escrow, Error> {
        let place = address::escrow(&self.program, reply_id.as_bytes());
        let missing = || Error::AccountMissing { what: "escrow", address: place };
        let escrow = self.escrow(reply_id).await?.ok_or_else(missing)?;
        let owed = unpaid(&escrow);
        if owed.is_empty() {
            return Ok(escrow);
        }
        let config = self.config().await?;
        for (operator, verifier) in self.operators(Role::Verifier, &owed).await?.into_iter().zip(owed) {
            let Some(operator) = operator else { continue };
            self.create_token_accounts(payer, &config.mint, &[operator.payout]).await?;
            self.open_works(payer, config.stake_epoch, &[(Role::Verifier, verifier)]).await?;
            let pay = PayVerifier {
                reply_id: *reply_id.as_bytes(),
                epoch: config.stake_epoch,
                verifier,
                verifier_token: associated_token(&operator.payout, &config.mint),
            };
            match self.submit(&[pay.instruction(&self.program)], &[payer]).await {
                // Somebody else was faster.
                Ok(_) | Err(Error::Refused(ChainError::VerifierPaid)) => {}
                Err(error) => return Err(error),
            }
        }
        self.escrow(reply_id).await?.ok_or_else(missing)
    }
}

/// The verifiers that an escrow names and whose fee the reserve still owes.
pub fn unpaid(escrow: &Escrow) -> Vec<Address> {
    let named = escrow.decision.verifiers.iter().enumerate();
    named
        .filter(|(place, key)| **key != Address::default() && escrow.decision.verifiers_paid >> place & 1 == 0)
        .map(|(_, key)| *key)
        .collect()
}
