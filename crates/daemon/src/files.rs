//! Files that survive a crash whole: written beside, synced, renamed; secrets only for their owner.

use crate::Error;
use std::{
    fs::{self, File, OpenOptions},
    io::{self, Read, Write},
    path::{Path, PathBuf},
    sync::atomic::{AtomicU64, Ordering},
};

/// Mode of secrets.
pub const PRIVATE: u32 = 0o600;
/// Mode of what others may read.
pub const PUBLIC: u32 = 0o644;
/// Longest file read whole: config and keys are far shorter.
const SMALL_FILE_BYTES_MAX: u64 = 1 << 20;

/// A name beside `path` that no other call, here or in another process, uses now.
pub fn temporary_beside(path: &Path) -> PathBuf {
    static COUNTER: AtomicU64 = AtomicU64::new(0);
    let count = COUNTER.fetch_add(1, Ordering::Relaxed);
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    path.with_file_name(format!(".{name}.{}.{count}.tmp", std::process::id()))
}

/// Replaces a file: after a crash there is the old one or the new one, never half.
///
/// # Errors
/// When the directory or the file cannot be written.
pub fn write_atomic(path: &Path, bytes: &[u8], mode: u32) -> Result<(), Error> {
    let temporary = temporary_beside(path);
    let written = write_synced(&temporary, bytes, mode)
        .and_then(|()| fs::rename(&temporary, path))
        .and_then(|()| sync_parent(path));
    written.map_err(|source| {
        let _ = fs::remove_file(&temporary);
        Error::file("write", path, source)
    })
}

/// Creates a file with these bytes unless one is there. Says whether it did.
///
/// Of two processes that race, one creates and the other is told that it did not.
///
/// # Errors
/// When the directory or the file cannot be written.
pub fn create_new(path: &Path, bytes: &[u8], mode: u32) -> Result<bool, Error> {
    let temporary = temporary_beside(path);
    let linked = write_synced(&temporary, bytes, mode)
        .and_then(|()| fs::hard_link(&temporary, path))
        .and_then(|()| sync_parent(path));
    let _ = fs::remove_file(&temporary);
    match linked {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(false),
        Err(source) => Err(Error::file("create", path, source)),
    }
}

/// Makes a directory and its parents; a new one belongs to its owner alone.
///
/// # Errors
/// When it cannot be made, or is something else.
pub fn create_private_dir(path: &Path) -> Result<(), Error> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path).map_err(|source| Error::file("create", path, source))
}

/// Reads a secret that only its owner can read.
///
/// # Errors
/// [`Error::Exposed`] when group or others may read it.
pub fn read_secret(path: &Path) -> Result<zeroize::Zeroizing<Vec<u8>>, Error> {
    refuse_exposed(path)?;
    read_small(path).map(zeroize::Zeroizing::new)
}

/// Reads a file of at most a megabyte.
///
/// # Errors
/// When it cannot be read or is longer.
pub fn read_small(path: &Path) -> Result<Vec<u8>, Error> {
    let read = || {
        let file = File::open(path)?;
        let mut bytes = Vec::new();
        file.take(SMALL_FILE_BYTES_MAX + 1).read_to_end(&mut bytes)?;
        if u64::try_from(bytes.len()).unwrap_or(u64::MAX) > SMALL_FILE_BYTES_MAX {
            return Err(io::Error::new(io::ErrorKind::FileTooLarge, "longer than a megabyte"));
        }
        Ok(bytes)
    };
    read().map_err(|source| Error::file("read", path, source))
}

fn write_synced(path: &Path, bytes: &[u8], mode: u32) -> io::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, mode);
    #[cfg(not(unix))]
    let _ = mode;
    let mut file = options.open(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

/// A rename is durable once its directory is.
fn sync_parent(path: &Path) -> io::Result<()> {
    #[cfg(unix)]
    if let Some(parent) = path.parent() {
        let parent = if parent.as_os_str().is_empty() { Path::new(".") } else { parent };
        File::open(parent)?.sync_all()?;
    }
    #[cfg(not(unix))]
    let _ = path;
    Ok(())
}

#[cfg(unix)]
fn refuse_exposed(path: &Path) -> Result<(), Error> {
    use std::os::unix::fs::PermissionsExt;
    let metadata = fs::metadata(path).map_err(|source| Error::file("read", path, source))?;
    let mode = metadata.permissions().mode() & 0o777;
    if mode & 0o077 != 0 {
        return Err(Error::Exposed { path: path.to_owned(), mode });
    }
    Ok(())
}

#[cfg(not(unix))]
fn refuse_exposed(_: &Path) -> Result<(), Error> {
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_write_replaces_whole_and_leaves_nothing_beside() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("config.json");
        for text in ["one", "two, longer", "3"] {
            write_atomic(&path, text.as_bytes(), PUBLIC).expect("written");
            assert_eq!(read_small(&path).expect("read"), text.as_bytes());
        }
        assert_eq!(fs::read_dir(dir.path()).expect("listed").count(), 1);
    }

    #[test]
    fn a_file_is_created_once() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("key");
        assert!(create_new(&path, b"first", PRIVATE).expect("created"));
        assert!(!create_new(&path, b"second", PRIVATE).expect("kept"));
        assert_eq!(&**read_secret(&path).expect("read"), b"first");
        assert_eq!(fs::read_dir(dir.path()).expect("listed").count(), 1);
    }

    #[cfg(unix)]
    #[test]
    fn an_exposed_secret_is_refused_with_what_to_do() {
        use std::os::unix::fs::PermissionsExt;
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("key");
        create_new(&path, b"secret", PRIVATE).expect("created");
        for mode in [0o640, 0o604, 0o666] {
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).expect("changed");
            let error = read_secret(&path).expect_err("exposed");
            assert!(matches!(error, Error::Exposed { mode: found, .. } if found == mode));
            assert!(error.hint().is_some_and(|hint| hint.starts_with("chmod 600")));
        }
        fs::set_permissions(&path, fs::Permissions::from_mode(0o400)).expect("changed");
        read_secret(&path).expect("private enough");
    }

    #[test]
    fn a_missing_directory_names_the_path() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("none").join("file");
        let error = write_atomic(&path, b"x", PUBLIC).expect_err("no directory");
        assert!(error.to_string().contains("none/file"), "{error}");
    }
}
