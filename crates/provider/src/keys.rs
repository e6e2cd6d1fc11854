//! What a provider is: node key, QUIC certificate, payout keypair, all in its home directory, made the first time, 0600.

use crate::Error;
use ogong_base::{hash::ChainKey, keys::NodeKey};
use ogong_daemon::keys::{Keypair, load_or_create_keypair, load_or_create_node_key};
use ogong_net::Identity;
use std::{path::Path, sync::Arc};

/// File of the payout keypair, in the format of Solana's tools.
pub const WALLET_FILE: &str = "wallet.json";

/// The provider's keys.
pub struct Keys {
    /// Signs records, offers and announcements.
    pub node: Arc<NodeKey>,
    /// Presents itself over QUIC.
    pub identity: Identity,
    /// Is paid.
    pub payout: ChainKey,
}

impl Keys {
    /// Loads or makes all three.
    ///
    /// # Errors
    /// When a file is exposed, damaged or cannot be written.
    pub fn load_or_create(home: &Path) -> Result<Self, Error> {
        Ok(Self {
            node: Arc::new(load_or_create_node_key(home)?),
            identity: Identity::load_or_create(home)?,
            payout: wallet(home)?.public(),
        })
    }

    /// The canonical provider id: machine name and the start of the node id.
    pub fn provider_id(&self, machine: Option<&str>) -> String {
        provider_id(machine, &self.node)
    }
}

/// The payout keypair.
///
/// # Errors
/// When the file is exposed, damaged or cannot be written.
pub fn wallet(home: &Path) -> Result<Keypair, Error> {
    Ok(load_or_create_keypair(&home.join(WALLET_FILE))?)
}

fn provider_id(machine: Option<&str>, key: &NodeKey) -> String {
    let node = key.node_id().to_hex();
    format!("{}-{}", machine.unwrap_or("provider"), node.chars().take(12).collect::<String>())
}
