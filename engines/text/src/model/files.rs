//! The files that a model is made of, and the root over them (SPEC 1.5).

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use ogong_base::hash::ModelRoot;
use ogong_base::model_id;
use sha2::{Digest as _, Sha256};

use crate::cancel::Cancel;
use crate::error::Error;

/// Bytes read at once while hashing a file.
const HASH_BUFFER_BYTES: usize = 1 << 20;

/// Every file of the model, in order: the shards that llama.cpp's naming scheme implies, or the one file.
///
/// # Errors
/// When one of them is missing.
pub fn model_files(path: &Path) -> Result<Vec<PathBuf>, Error> {
    let files = shard_names(path).unwrap_or_else(|| vec![path.to_owned()]);
    for file in &files {
        let readable = File::open(file).and_then(|file| file.metadata());
        match readable {
            Ok(metadata) if metadata.is_file() => {}
            Ok(_) => {
                return Err(Error::ModelFile { path: file.clone(), source: std::io::ErrorKind::IsADirectory.into() });
            }
            Err(source) => return Err(Error::ModelFile { path: file.clone(), source }),
        }
    }
    Ok(files)
}

fn shard_names(path: &Path) -> Option<Vec<PathBuf>> {
    let stem = path.file_name()?.to_str()?.strip_suffix(".gguf")?;
    let (rest, total) = stem.rsplit_once("-of-")?;
    let (prefix, first) = rest.rsplit_once('-')?;
    let digits = |text: &str| text.len() == 5 && text.bytes().all(|byte| byte.is_ascii_digit());
    if !digits(first) || !digits(total) {
        return None;
    }
    let total: u32 = total.parse().ok()?;
    Some((1..=total).map(|shard| path.with_file_name(format!("{prefix}-{shard:05}-of-{total:05}.gguf"))).collect())
}

/// `model_root` over the SHA-256 of each file, in order (SPEC 1.5).
///
/// # Errors
/// When a file cannot be read.
pub fn root_of_files(files: &[PathBuf]) -> Result<ModelRoot, Error> {
    root(files, &Cancel::default())
}

/// [`root_of_files`], given up when cancelled.
///
/// # Errors
/// When a file cannot be read, or it is given up.
pub fn root(files: &[PathBuf], cancel: &Cancel) -> Result<ModelRoot, Error> {
    let hashes = files.iter().map(|file| file_hash(file, cancel)).collect::<Result<Vec<_>, _>>()?;
    Ok(model_id::model_root(&hashes))
}

fn file_hash(path: &Path, cancel: &Cancel) -> Result<[u8; 32], Error> {
    let failed = |source| Error::ModelFile { path: path.to_owned(), source };
    let mut file = File::open(path).map_err(failed)?;
    let mut hasher = Sha256::new();
    let mut buffer = vec![0; HASH_BUFFER_BYTES];
    loop {
        cancel.check()?;
        let read = file.read(&mut buffer).map_err(failed)?;
        if read == 0 {
            return Ok(hasher.finalize().into());
        }
        hasher.update(&buffer[..read]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shards_are_named_by_the_first() {
        let names = shard_names(Path::new("/m/big-00001-of-00003.gguf")).expect("a shard");
        assert_eq!(
            names,
            ["/m/big-00001-of-00003.gguf", "/m/big-00002-of-00003.gguf", "/m/big-00003-of-00003.gguf"]
                .map(PathBuf::from)
        );
        assert_eq!(shard_names(Path::new("/m/one.gguf")), None);
        assert_eq!(shard_names(Path::new("/m/a-1-of-3.gguf")), None);
    }
}
