//! Who the node is, on disk: hybrid node key, QUIC identity, beacon key, Solana keypair. Made once, mode 0600.

use std::path::Path;

use ogong_base::keys::NodeKey;
use ogong_beacon::VrfKey;
use ogong_daemon::keys::{load_or_create_keypair, load_or_create_node_key};
use ogong_net::Identity;
use ogong_settlement::Wallet;

use crate::error::Error;

/// File of the beacon key's seed.
pub const VRF_KEY_FILE: &str = "vrf-keypair.json";
/// File of the Solana keypair where no other is named.
pub const KEYPAIR_FILE: &str = "validator-keypair.json";

/// The node's keys but the beacon's.
pub struct Keys {
    /// Signs receipts and co-signatures.
    pub node: NodeKey,
    /// Presents the QUIC certificate.
    pub identity: Identity,
    /// Signs transactions as the registered validator.
    pub wallet: Wallet,
}

/// Loads the keys of a data directory and makes those that are missing; a keypair named by the operator is only read.
///
/// # Errors
/// When a file is exposed, damaged or cannot be written.
pub fn load_or_create(dir: &Path, keypair: Option<&Path>) -> Result<(Keys, VrfKey), Error> {
    let wallet = match keypair {
        Some(path) => Wallet::read(path)?,
        None => Wallet::from_seed(*load_or_create_keypair(&dir.join(KEYPAIR_FILE))?.seed()),
    };
    let vrf = VrfKey::from_seed(*load_or_create_keypair(&dir.join(VRF_KEY_FILE))?.seed()).map_err(|err| {
        Error::failed(format!("the beacon key is not usable: {err}"), format!("restore {VRF_KEY_FILE} from a backup"))
    })?;
    let keys = Keys { node: load_or_create_node_key(dir)?, identity: Identity::load_or_create(dir)?, wallet };
    Ok((keys, vrf))
}
