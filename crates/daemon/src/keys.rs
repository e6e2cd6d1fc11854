//! Keys on disk: the hybrid node key (SPEC 1.1) and Solana keypair files. Mode 0600, made once, never printed.

use crate::{Error, files};
use ogong_base::{
    hash::ChainKey,
    keys::{NodeKey, SessionKey},
};
use serde::{Deserialize, Serialize};
use std::path::Path;
use zeroize::{Zeroize, Zeroizing};

/// File of the node key in a data directory.
pub const NODE_KEY_FILE: &str = "node-key.json";

/// Two 32-byte seeds in hex.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct NodeKeyFile {
    ed25519: String,
    mldsa44: String,
}

impl Drop for NodeKeyFile {
    fn drop(&mut self) {
        self.ed25519.zeroize();
        self.mldsa44.zeroize();
    }
}

/// The node key of a data directory, made the first time.
///
/// # Errors
/// When the file is exposed, damaged, or cannot be read or written.
pub fn load_or_create_node_key(dir: &Path) -> Result<NodeKey, Error> {
    let path = dir.join(NODE_KEY_FILE);
    if !path.exists() {
        let (ed25519, mldsa44) = (random()?, random()?);
        let file = NodeKeyFile { ed25519: hex::encode(*ed25519), mldsa44: hex::encode(*mldsa44) };
        let bad = |why: serde_json::Error| key(&path, why.to_string());
        let bytes = Zeroizing::new(serde_json::to_vec_pretty(&file).map_err(bad)?);
        files::create_private_dir(dir)?;
        // Where another process was faster its key counts.
        files::create_new(&path, &bytes, files::PRIVATE)?;
    }
    load_node_key(&path)
}

/// Reads a node key file.
///
/// # Errors
/// As [`load_or_create_node_key`].
pub fn load_node_key(path: &Path) -> Result<NodeKey, Error> {
    let bytes = files::read_secret(path)?;
    let file: NodeKeyFile =
        serde_json::from_slice(&bytes).map_err(|_| key(path, "expected an object with ed25519 and mldsa44".into()))?;
    let seed = |name: &str, text: &str| {
        let mut seed = Zeroizing::new([0; 32]);
        hex::decode_to_slice(text, seed.as_mut()).map_err(|_| key(path, format!("{name} is not 32 bytes in hex")))?;
        Ok::<_, Error>(seed)
    };
    let ed25519 = seed("ed25519", &file.ed25519)?;
    let mldsa44 = seed("mldsa44", &file.mldsa44)?;
    Ok(NodeKey::from_seeds(*ed25519, *mldsa44))
}

/// An account on the chain, as Solana tools keep it: 32 bytes of seed and the public key.
pub struct Keypair {
    seed: Zeroizing<[u8; 32]>,
    public: ChainKey,
}

impl std::fmt::Debug for Keypair {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Keypair({})", self.public)
    }
}

impl Keypair {
    /// The keypair of a seed.
    pub fn from_seed(seed: [u8; 32]) -> Self {
        let public = ChainKey::from_bytes(SessionKey::from_seed(seed).public());
        Self { seed: Zeroizing::new(seed), public }
    }

    /// The account.
    pub fn public(&self) -> ChainKey {
        self.public
    }

    /// The seed alone.
    pub fn seed(&self) -> &[u8; 32] {
        &self.seed
    }

    /// Seed and public key: the 64 bytes Solana libraries take.
    pub fn to_bytes(&self) -> Zeroizing<[u8; 64]> {
        let mut bytes = Zeroizing::new([0; 64]);
        let (seed, public) = bytes.split_at_mut(32);
        seed.copy_from_slice(self.seed.as_ref());
        public.copy_from_slice(self.public.as_bytes());
        bytes
    }
}

/// Reads a Solana keypair file: a JSON list of 64 numbers.
///
/// # Errors
/// When it is exposed, is no such list, or its public half does not belong to its secret half.
pub fn load_keypair(path: &Path) -> Result<Keypair, Error> {
    let text = files::read_secret(path)?;
    let numbers: Zeroizing<Vec<u8>> = serde_json::from_slice(&text)
        .map(Zeroizing::new)
        .map_err(|_| key(path, "expected a list of 64 numbers".into()))?;
    let (seed, public) = numbers
        .split_first_chunk::<32>()
        .filter(|(_, public)| public.len() == 32)
        .ok_or_else(|| key(path, format!("expected 64 numbers, got {}", numbers.len())))?;
    let keypair = Keypair::from_seed(*seed);
    if keypair.public.as_bytes() != public {
        return Err(key(path, "public half does not belong to the secret half".into()));
    }
    Ok(keypair)
}

/// Reads a Solana keypair file, made the first time.
///
/// # Errors
/// As [`load_keypair`], and when it cannot be written.
pub fn load_or_create_keypair(path: &Path) -> Result<Keypair, Error> {
    if !path.exists() {
        let keypair = Keypair::from_seed(*random()?);
        let bad = |why: serde_json::Error| key(path, why.to_string());
        let bytes = Zeroizing::new(serde_json::to_vec(keypair.to_bytes().as_slice()).map_err(bad)?);
        if let Some(parent) = path.parent().filter(|parent| !parent.as_os_str().is_empty()) {
            files::create_private_dir(parent)?;
        }
        files::create_new(path, &bytes, files::PRIVATE)?;
    }
    load_keypair(path)
}

/// 32 bytes from the operating system.
///
/// # Errors
/// When it has none.
pub fn random() -> Result<Zeroizing<[u8; 32]>, Error> {
    let mut bytes = Zeroizing::new([0; 32]);
    getrandom::fill(bytes.as_mut()).map_err(|error| Error::Randomness(error.to_string()))?;
    Ok(bytes)
}

fn key(path: &Path, why: String) -> Error {
    Error::Key { path: path.to_owned(), why }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_node_key_is_made_once() {
        let dir = tempfile::tempdir().expect("a directory");
        let first = load_or_create_node_key(dir.path()).expect("made");
        let second = load_or_create_node_key(dir.path()).expect("loaded");
        assert_eq!(first.node_id(), second.node_id());
        let other = tempfile::tempdir().expect("a directory");
        let other = load_or_create_node_key(other.path()).expect("made");
        assert_ne!(first.node_id(), other.node_id());
    }

    #[test]
    fn a_damaged_node_key_is_refused_without_showing_it() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join(NODE_KEY_FILE);
        for text in [
            "{}".to_owned(),
            format!(r#"{{"ed25519":"{}","mldsa44":"abcd"}}"#, "ab".repeat(32)),
            format!(r#"{{"ed25519":"{}","mldsa44":"{}","x":1}}"#, "ab".repeat(32), "cd".repeat(32)),
        ] {
            files::write_atomic(&path, text.as_bytes(), files::PRIVATE).expect("written");
            let error = load_or_create_node_key(dir.path()).expect_err("damaged");
            assert!(matches!(error, Error::Key { .. }), "{error}");
            assert!(!error.to_string().contains("abab"), "{error}");
        }
    }

    /// RFC 8032, test 1, in the form Solana tools write.
    #[test]
    fn a_keypair_file_reads_as_solana_writes_it() {
        let secret = "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60";
        let public = "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a";
        let bytes = hex::decode(format!("{secret}{public}")).expect("hex");
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("id.json");
        let text = serde_json::to_vec(&bytes).expect("a list");
        files::write_atomic(&path, &text, files::PRIVATE).expect("written");
        let keypair = load_keypair(&path).expect("read");
        assert_eq!(hex::encode(keypair.public().as_bytes()), public);
        assert_eq!(keypair.to_bytes().as_slice(), bytes);

        let mut forged = bytes.clone();
        forged[40] ^= 1;
        for bad in [forged, bytes[..63].to_vec()] {
            let text = serde_json::to_vec(&bad).expect("a list");
            files::write_atomic(&path, &text, files::PRIVATE).expect("written");
            let error = load_keypair(&path).expect_err("not a keypair");
            assert!(matches!(error, Error::Key { .. }), "{error}");
        }
    }

    #[test]
    fn a_keypair_is_made_once() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("keys").join("payer.json");
        let first = load_or_create_keypair(&path).expect("made");
        assert_eq!(load_or_create_keypair(&path).expect("loaded").public(), first.public());
    }
}
