//! The program's bytes: embedded at build time, or read from a file.

use std::{borrow::Cow, fs, path::Path};

use crate::error::Error;

/// The program as it was built when this crate was compiled; empty if it was not there.
static EMBEDDED: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/ogong_chain.so"));
const ELF_MAGIC: &[u8] = b"\x7fELF";

/// Reads the program from `path`, or takes the embedded one.
///
/// # Errors
/// [`Error::NoProgram`], [`Error::Read`] or [`Error::NotElf`].
pub fn load(path: Option<&Path>) -> Result<Cow<'static, [u8]>, Error> {
    let (name, bytes) = match path {
        Some(path) => {
            let bytes = fs::read(path).map_err(|source| Error::Read { path: path.to_owned(), source })?;
            (path.display().to_string(), Cow::Owned(bytes))
        }
        None if EMBEDDED.is_empty() => return Err(Error::NoProgram),
        None => ("the embedded program".to_owned(), Cow::Borrowed(EMBEDDED)),
    };
    if !bytes.starts_with(ELF_MAGIC) {
        return Err(Error::NotElf { name, bytes: bytes.len() });
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_is_no_elf_is_refused() {
        let path = std::env::temp_dir().join(format!("ogong-localnet-no-elf-{}", std::process::id()));
        fs::write(&path, b"#!/bin/sh\n").unwrap();
        let refused = load(Some(&path));
        fs::remove_file(&path).unwrap();
        assert!(matches!(refused, Err(Error::NotElf { bytes: 10, .. })));
    }

    #[test]
    fn a_missing_file_is_named() {
        let refused = load(Some(Path::new("no-such-program.so")));
        assert!(matches!(refused, Err(Error::Read { path, .. }) if path == Path::new("no-such-program.so")));
    }
}
