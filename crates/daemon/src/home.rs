//! Where a process keeps its data: `~/.ogong-provider` for a provider, `~/.ogong/<role>` for the others, or where the operator says.

use crate::{Error, files};
use std::path::{Path, PathBuf};

/// What a process is on the network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Serves models.
    Provider,
    /// Audits and settles.
    Validator,
    /// Scores.
    Verifier,
    /// Matches.
    Router,
    /// Faces consumers.
    Gateway,
    /// The text engine.
    Engine,
}

impl Role {
    /// Lower-case name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Provider => "provider",
            Self::Validator => "validator",
            Self::Verifier => "verifier",
            Self::Router => "router",
            Self::Gateway => "gateway",
            Self::Engine => "engine",
        }
    }
}

/// The data directory: `chosen` (from the flag or OGONG_HOME) or the role's default, made if it is not there.
///
/// # Errors
/// When no home directory is known or the directory cannot be made.
pub fn resolve(role: Role, chosen: Option<&Path>) -> Result<PathBuf, Error> {
    let dir = match chosen {
        Some(dir) => dir.to_owned(),
        None => default_under(&std::env::home_dir().ok_or(Error::NoHome)?, role),
    };
    files::create_private_dir(&dir)?;
    Ok(dir)
}

fn default_under(home: &Path, role: Role) -> PathBuf {
    match role {
        Role::Provider => home.join(".ogong-provider"),
        _ => home.join(".ogong").join(role.name()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn defaults_are_the_books() {
        let home = Path::new("/home/ada");
        assert_eq!(default_under(home, Role::Provider), Path::new("/home/ada/.ogong-provider"));
        assert_eq!(default_under(home, Role::Router), Path::new("/home/ada/.ogong/router"));
    }

    #[test]
    fn a_chosen_directory_is_made() {
        let dir = tempfile::tempdir().expect("a directory");
        let chosen = dir.path().join("a").join("b");
        assert_eq!(resolve(Role::Validator, Some(&chosen)).expect("made"), chosen);
        assert!(chosen.is_dir());
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            let mode = chosen.metadata().expect("there").permissions().mode() & 0o777;
            assert_eq!(mode, 0o700);
        }
        let file = dir.path().join("file");
        std::fs::write(&file, b"").expect("written");
        assert!(resolve(Role::Validator, Some(&file)).is_err(), "a file is no directory");
    }
}
