//! The session key: it signs orders, so it is made once and kept where only the operator can read it (SPEC 2.2).

use crate::error::Error;
use ogong_base::{Hash32, SessionKey};
use ogong_daemon::{files, keys};
use std::path::Path;

/// File in the data directory, mode 0600: the seed, 64 hex digits.
pub const SESSION_KEY_FILE: &str = "session.key";

/// Reads the session key of a data directory; makes it the first time.
///
/// # Errors
/// When the file cannot be read or written, is readable by others, or holds something else.
pub fn load_or_create(dir: &Path) -> Result<SessionKey, Error> {
    let path = dir.join(SESSION_KEY_FILE);
    if !path.exists() {
        let seed = keys::random()?;
        files::create_new(&path, Hash32::from_bytes(*seed).to_hex().as_bytes(), files::PRIVATE)?;
    }
    let text = files::read_secret(&path)?;
    let text = std::str::from_utf8(&text).unwrap_or_default();
    let seed = Hash32::from_hex(text.trim()).map_err(|_| Error::SessionKey { path: path.clone() })?;
    Ok(SessionKey::from_seed(*seed.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_made_once_for_its_owner_only() {
        let dir = tempfile::tempdir().unwrap();
        let made = load_or_create(dir.path()).unwrap().public();
        assert_eq!(load_or_create(dir.path()).unwrap().public(), made);
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            let mode = std::fs::metadata(dir.path().join(SESSION_KEY_FILE)).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o600);
        }
    }

    #[test]
    fn a_damaged_key_is_named_and_not_replaced() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join(SESSION_KEY_FILE);
        files::write_atomic(&path, b"half a ke", files::PRIVATE).unwrap();
        let error = load_or_create(dir.path()).err().unwrap();
        assert!(error.to_string().contains(SESSION_KEY_FILE));
        assert_eq!(std::fs::read(&path).unwrap(), b"half a ke");
    }
}
