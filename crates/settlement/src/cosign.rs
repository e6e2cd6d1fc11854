//! Collects the signatures of one transaction. Nothing unverified is ever stored (SPEC 9.4).

use ed25519_dalek::{Signature, VerifyingKey};
use ogong_chain_interface::Address;

use crate::{
    error::Error,
    message::{QuorumMessage, SIGNATURE_BYTES, transaction},
    wallet::{Wallet, chain_key},
};

/// The signatures that one message has so far.
#[derive(Debug, Clone)]
pub struct Cosignatures {
    message: QuorumMessage,
    signatures: Vec<Option<[u8; SIGNATURE_BYTES]>>,
}

impl Cosignatures {
    /// None yet.
    pub fn new(message: QuorumMessage) -> Self {
        let signatures = vec![None; message.signers.len()];
        Self { message, signatures }
    }

    /// The bytes to sign.
    pub fn message(&self) -> &[u8] {
        &self.message.bytes
    }

    /// Signs with one of our own wallets.
    ///
    /// # Errors
    /// [`Error::Foreign`] when the message does not ask for it.
    pub fn sign(&mut self, wallet: &Wallet) -> Result<(), Error> {
        let signature = wallet.sign(&self.message.bytes);
        self.add(&wallet.address(), signature)
    }

    /// Verifies a signature and stores it.
    ///
    /// # Errors
    /// [`Error::Foreign`] from a key that the message does not ask for, [`Error::Signature`] when it does not verify.
    pub fn add(&mut self, signer: &Address, signature: [u8; SIGNATURE_BYTES]) -> Result<(), Error> {
        let place = self.message.signers.iter().position(|key| key == signer);
        let slot = place
            .and_then(|place| self.signatures.get_mut(place))
            .ok_or(Error::Foreign("the message does not ask for this signer"))?;
        verify(signer, &self.message.bytes, &signature)?;
        *slot = Some(signature);
        Ok(())
    }

    /// Whose signatures are missing.
    pub fn missing(&self) -> impl Iterator<Item = Address> {
        self.message.signers.iter().zip(&self.signatures).filter(|(_, got)| got.is_none()).map(|(key, _)| *key)
    }

    /// The whole transaction, and its name on the chain: the first signature.
    ///
    /// # Errors
    /// [`Error::Unsigned`] while signatures are missing.
    pub fn assemble(&self) -> Result<SignedTransaction, Error> {
        let signatures: Vec<_> = self.signatures.iter().flatten().copied().collect();
        let missing = self.signatures.len() - signatures.len();
        match signatures.first() {
            Some(first) if missing == 0 => Ok(SignedTransaction {
                signature: bs58::encode(first).into_string(),
                bytes: transaction(&signatures, &self.message.bytes),
            }),
            _ => Err(Error::Unsigned(missing)),
        }
    }
}

/// A transaction that can be sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedTransaction {
    /// Its name on the chain, base58.
    pub signature: String,
    /// What is sent.
    pub bytes: Vec<u8>,
}

fn verify(signer: &Address, message: &[u8], signature: &[u8; SIGNATURE_BYTES]) -> Result<(), Error> {
    VerifyingKey::from_bytes(signer.as_array())
        .and_then(|key| key.verify_strict(message, &Signature::from_bytes(signature)))
        .map_err(|_| Error::Signature(chain_key(signer)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::{
        OUTCOME_ACCEPT, SettlePlan,
        tests::{accounts, decision, wallet},
    };

    fn collection() -> Cosignatures {
        let plan = SettlePlan::new(&accounts(), &decision(OUTCOME_ACCEPT)).expect("a plan");
        Cosignatures::new(QuorumMessage::build(&plan, &[wallet(2).address()], [1; 32], 0).expect("fits"))
    }

    #[test]
    fn a_transaction_is_whole_when_everyone_signed() {
        let mut signatures = collection();
        assert_eq!(signatures.missing().count(), 2);
        signatures.sign(&wallet(1)).expect("the handler");
        assert!(matches!(signatures.assemble(), Err(Error::Unsigned(1))));
        let theirs = wallet(2).sign(signatures.message());
        signatures.add(&wallet(2).address(), theirs).expect("the co-signer");
        let whole = signatures.assemble().expect("complete");
        assert_eq!(whole.bytes.first(), Some(&2));
        assert!(whole.bytes.ends_with(signatures.message()));
    }

    #[test]
    fn forged_foreign_and_unasked_signatures_are_not_stored() {
        let mut signatures = collection();
        let (second, third) = (wallet(2), wallet(3));
        let message = signatures.message().to_vec();
        let cases = [
            (second.address(), third.sign(&message)),
            (second.address(), second.sign(b"another message")),
            (second.address(), [0; 64]),
        ];
        for (signer, signature) in cases {
            assert!(matches!(signatures.add(&signer, signature), Err(Error::Signature(_))));
        }
        assert!(matches!(signatures.add(&third.address(), third.sign(&message)), Err(Error::Foreign(_))));
        assert_eq!(signatures.missing().count(), 2);
    }
}
