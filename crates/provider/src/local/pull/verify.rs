//! Hashes of what came. With hashes of pieces in the catalogue only bad pieces are fetched again; else the whole file, said plainly.

use super::{
    Error, Report, fetch,
    progress::Event,
    say,
    source::{Source, Wanted},
};
use crate::local::library;
use sha2::{Digest as _, Sha256};
use std::{
    fs::{File, OpenOptions},
    io::{Read, Seek, SeekFrom, Write},
    path::Path,
};

/// Bytes of a piece.
pub(super) const CHUNK_BYTES: u64 = 64 << 20;

/// SHA-256 of a file, off the async threads.
pub(super) async fn hash(path: &Path) -> Result<String, Error> {
    let owned = path.to_owned();
    let hashed = tokio::task::spawn_blocking(move || library::hash_file(&owned)).await;
    let disk = |source| Error::Disk { path: path.to_owned(), source };
    match hashed {
        Ok(Ok(hash)) => Ok(hash),
        Ok(Err(error)) => Err(disk(std::io::Error::other(error))),
        Err(error) => Err(disk(std::io::Error::other(error))),
    }
}

/// The part's hash, which is the wanted one if one is known. A wrong part is mended where pieces are known, and thrown away otherwise.
///
/// # Errors
/// When it is the wrong file and cannot be mended.
pub(super) async fn check_or_mend(
    part: &Path,
    wanted: &Wanted,
    source: &Source,
    report: Report<'_>,
) -> Result<String, Error> {
    let got = hash(part).await?;
    let Some(sha256) = &wanted.sha256 else { return Ok(got) };
    if got == *sha256 {
        return Ok(got);
    }
    if let (Source::Url(url), false) = (source, wanted.chunk_sha256.is_empty()) {
        mend(part, url, &wanted.chunk_sha256, report).await?;
        if hash(part).await? == *sha256 {
            return Ok(sha256.clone());
        }
    }
    fetch::discard(part);
    let why = format!("sha256 is {got}, {sha256} is wanted");
    Err(Error::Wrong { url: source.to_string(), why })
}

async fn mend(part: &Path, url: &str, chunks: &[String], report: Report<'_>) -> Result<(), Error> {
    let disk = |source| Error::Disk { path: part.to_owned(), source };
    let length = part.metadata().map_err(disk)?.len();
    let owned = (part.to_owned(), chunks.to_vec());
    let bad = tokio::task::spawn_blocking(move || bad_chunks(&owned.0, &owned.1)).await;
    let bad = bad.map_err(|error| disk(std::io::Error::other(error)))?.map_err(disk)?;
    say(report, Event::Said(format!("{} of {} pieces are damaged: fetching those again", bad.len(), chunks.len())))?;
    for index in bad {
        let from = index as u64 * CHUNK_BYTES;
        let to = (from + CHUNK_BYTES).min(length);
        if from >= to {
            break;
        }
        let bytes = fetch::range(url, from, to).await?;
        let mut file = OpenOptions::new().write(true).open(part).map_err(disk)?;
        file.seek(SeekFrom::Start(from)).and_then(|_| file.write_all(&bytes)).map_err(disk)?;
    }
    Ok(())
}

fn bad_chunks(part: &Path, chunks: &[String]) -> std::io::Result<Vec<usize>> {
    let mut file = File::open(part)?;
    let mut bad = Vec::new();
    for (index, wanted) in chunks.iter().enumerate() {
        let mut hasher = Sha256::new();
        let mut piece = (&mut file).take(CHUNK_BYTES);
        let mut buffer = vec![0; 1 << 20];
        loop {
            let n = piece.read(&mut buffer)?;
            if n == 0 {
                break;
            }
            hasher.update(buffer.get(..n).unwrap_or_default());
        }
        if !hex::encode(hasher.finalize()).eq_ignore_ascii_case(wanted) {
            bad.push(index);
        }
    }
    Ok(bad)
}
