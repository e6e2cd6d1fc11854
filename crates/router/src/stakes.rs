//! The operator's table of provider stakes: until providers' stake stands on the chain, a router believes its own operator and no offer's claim.

use crate::error::Error;
use crate::service::Service;
use ogong_base::NodeId;
use ogong_base::params::REGISTRY_REFRESH_MS;
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tracing::warn;

/// Longest table that is read.
const TABLE_BYTES_MAX: u64 = 16 << 20;

/// Reads a table: a JSON object of node id to atoms.
///
/// # Errors
/// When the file cannot be read or is no such object.
pub fn read(path: &Path) -> Result<HashMap<NodeId, u64>, Error> {
    let file = |source| Error::File { path: path.to_owned(), source };
    if std::fs::metadata(path).map_err(file)?.len() > TABLE_BYTES_MAX {
        return Err(Error::Stakes { path: path.to_owned(), why: format!("longer than {TABLE_BYTES_MAX} bytes") });
    }
    let text = std::fs::read_to_string(path).map_err(file)?;
    serde_json::from_str(&text).map_err(|error| Error::Stakes { path: path.to_owned(), why: error.to_string() })
}

/// Reads the table again and again; a table that cannot be read leaves the last one in force.
pub async fn follow(service: Arc<Service>, path: PathBuf) {
    let mut ticks = tokio::time::interval(Duration::from_millis(REGISTRY_REFRESH_MS));
    loop {
        ticks.tick().await;
        match read(&path) {
            Ok(stakes) => service.set_stakes(stakes),
            Err(error) => warn!(%error, "stakes not read, the last ones stay"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_is_node_ids_and_atoms() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("stakes.json");
        std::fs::write(&path, format!(r#"{{"{}": 5000000}}"#, "0a".repeat(32))).unwrap();
        assert_eq!(read(&path).unwrap(), HashMap::from([(NodeId::from_bytes([10; 32]), 5_000_000)]));
        for bad in ["", "[]", r#"{"node":1}"#, r#"{"0a":-1}"#] {
            std::fs::write(&path, bad).unwrap();
            assert!(matches!(read(&path), Err(Error::Stakes { .. })), "{bad}");
        }
        assert!(matches!(read(&dir.path().join("none")), Err(Error::File { .. })));
    }
}
