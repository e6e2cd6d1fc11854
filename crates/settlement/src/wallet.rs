//! Solana keypairs: the JSON file of 64 numbers that every Solana tool reads and writes.

use std::{fmt, fs, path::Path};

use ed25519_dalek::{Signer, SigningKey};
use ogong_base::hash::ChainKey;
use ogong_chain_interface::Address;

use crate::error::Error;

/// Bytes of a keypair: seed, then public key.
const KEYPAIR_BYTES: usize = 64;

/// A key that pays and signs transactions.
#[derive(Clone)]
pub struct Wallet(SigningKey);

impl Wallet {
    /// The wallet of a 32-byte seed.
    pub fn from_seed(seed: [u8; 32]) -> Self {
        Self(SigningKey::from_bytes(&seed))
    }

    /// The wallet of seed and public key.
    ///
    /// # Errors
    /// [`Error::Keypair`] when the public half is not the seed's.
    pub fn from_keypair_bytes(bytes: &[u8; KEYPAIR_BYTES]) -> Result<Self, Error> {
        SigningKey::from_keypair_bytes(bytes).map(Self).map_err(|_| Error::Keypair {
            file: "keypair".into(),
            why: "the public half does not belong to the secret half".into(),
        })
    }

    /// Reads a Solana keypair file.
    ///
    /// # Errors
    /// [`Error::Keypair`] names the file and what is wrong with it.
    pub fn read(path: &Path) -> Result<Self, Error> {
        let refuse = |why: String| Error::Keypair { file: path.display().to_string(), why };
        let text = fs::read_to_string(path).map_err(|error| refuse(error.to_string()))?;
        let numbers: Vec<u8> =
            serde_json::from_str(&text).map_err(|_| refuse("not a JSON list of 64 byte values".into()))?;
        let bytes = <[u8; KEYPAIR_BYTES]>::try_from(numbers.as_slice())
            .map_err(|_| refuse(format!("{KEYPAIR_BYTES} byte values expected, got {}", numbers.len())))?;
        SigningKey::from_keypair_bytes(&bytes)
            .map(Self)
            .map_err(|_| refuse("the public half does not belong to the secret half".into()))
    }

    /// The text of a Solana keypair file.
    pub fn to_json(&self) -> String {
        serde_json::to_string(&self.0.to_keypair_bytes().to_vec()).expect("invariant: a list of numbers serialises")
    }

    /// The wallet's address.
    pub fn address(&self) -> Address {
        Address::new_from_array(self.0.verifying_key().to_bytes())
    }

    /// The wallet's address as the protocol's key type.
    pub fn key(&self) -> ChainKey {
        ChainKey::from_bytes(self.0.verifying_key().to_bytes())
    }

    /// Signs the bytes of a transaction message. The bytes are Solana's, so they carry no tag of ours.
    pub fn sign(&self, message: &[u8]) -> [u8; 64] {
        self.0.sign(message).to_bytes()
    }
}

impl fmt::Debug for Wallet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Wallet({})", self.address())
    }
}

/// An address as the protocol's key type.
pub fn chain_key(address: &Address) -> ChainKey {
    ChainKey::from_bytes(address.to_bytes())
}

/// The protocol's key type as an address.
pub fn address(key: &ChainKey) -> Address {
    Address::new_from_array(*key.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(text: &str) -> (tempfile::TempDir, std::path::PathBuf) {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("id.json");
        fs::write(&path, text).expect("written");
        (dir, path)
    }

    #[test]
    fn a_keypair_file_round_trips() {
        let wallet = Wallet::from_seed([7; 32]);
        let (_dir, path) = written(&wallet.to_json());
        assert_eq!(Wallet::read(&path).expect("readable").address(), wallet.address());
        assert!(!format!("{wallet:?}").contains("[7"), "the secret is not printed");
    }

    #[test]
    fn what_is_no_keypair_is_refused_with_the_reason() {
        let mut swapped = Wallet::from_seed([7; 32]).0.to_keypair_bytes();
        swapped[63] ^= 1;
        let swapped = serde_json::to_string(&swapped.to_vec()).expect("json");
        for (text, reason) in
            [("{}", "JSON list"), ("[1,2]", "got 2"), ("[256]", "JSON list"), (swapped.as_str(), "public half")]
        {
            let (_dir, path) = written(text);
            let refused = Wallet::read(&path).expect_err("refused").to_string();
            assert!(refused.contains(reason), "{refused}");
        }
    }
}
