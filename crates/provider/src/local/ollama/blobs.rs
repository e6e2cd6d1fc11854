//! `/api/blobs/{digest}`: files that a client sends for `/api/create`, kept under their hash until a model takes them.

use crate::{
    Error,
    local::{
        fail::OllamaRefusal,
        gguf::Gguf,
        library::Library,
        manifest::{Origin, Provenance},
        server::App,
    },
    refusal::Refusal,
};
use axum::{
    body::Body,
    extract::{Path, State},
};
use futures::StreamExt;
use http::StatusCode;
use ogong_openai::ErrorKind;
use sha2::{Digest as _, Sha256};
use std::{io::Write, path::PathBuf, sync::Arc};

/// The digest's hexadecimal digits, lower case.
fn hash_of(digest: &str) -> Result<String, Refusal> {
    let hash = digest.strip_prefix("sha256:").or_else(|| digest.strip_prefix("sha256-")).unwrap_or_default();
    if hash.len() != 64 || !hash.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Err(Refusal::invalid("digest", format!("{digest:?} is not sha256: and 64 hexadecimal digits")));
    }
    Ok(hash.to_ascii_lowercase())
}

fn blob_path(library: &Library, hash: &str) -> PathBuf {
    library.dir().join(format!(".blob-{hash}"))
}

/// The name of the library's file whose noted hash this is.
fn known(library: &Library, hash: &str) -> Result<Option<String>, Error> {
    let is_it = |path: &std::path::Path| Origin::read(path).is_some_and(|origin| origin.sha256 == hash);
    let found = library.list()?.into_iter().find(|entry| entry.made.is_none() && is_it(&entry.path));
    Ok(found.and_then(|entry| Some(entry.path.file_name()?.to_str()?.to_owned())))
}

/// `HEAD /api/blobs/{digest}`.
///
/// # Errors
/// When the digest is none.
pub async fn exists(State(app): State<Arc<App>>, Path(digest): Path<String>) -> Result<StatusCode, OllamaRefusal> {
    let (library, hash) = (app.shelf.open_library()?, hash_of(&digest)?);
    let there = blob_path(library, &hash).is_file() || known(library, &hash)?.is_some();
    Ok(if there { StatusCode::OK } else { StatusCode::NOT_FOUND })
}

/// `POST /api/blobs/{digest}`: as long as a model; it goes to the disk as it comes.
///
/// # Errors
/// When the bytes are not those of the digest, or the disk is full.
pub async fn put(
    State(app): State<Arc<App>>,
    Path(digest): Path<String>,
    body: Body,
) -> Result<StatusCode, OllamaRefusal> {
    let path = blob_path(app.shelf.open_library()?, &hash_of(&digest)?);
    let dir = path.parent().map(PathBuf::from).unwrap_or_default();
    let disk = |source| Error::File { path: dir.clone(), source };
    let mut file = tempfile::Builder::new().prefix(".blob-part-").tempfile_in(&dir).map_err(disk)?;
    let mut hasher = Sha256::new();
    let mut pieces = body.into_data_stream();
    while let Some(piece) = pieces.next().await {
        let piece = piece.map_err(|error| Refusal::invalid("body_unreadable", error.to_string()))?;
        hasher.update(&piece);
        file.write_all(&piece).map_err(disk)?;
    }
    let got = format!(".blob-{}", hex::encode(hasher.finalize()));
    if path.file_name().is_none_or(|name| name != got.as_str()) {
        return Err(Refusal::invalid("digest", "the bytes that came have another hash").into());
    }
    file.persist(&path).map_err(|error| disk(error.error))?;
    Ok(StatusCode::CREATED)
}

/// Makes a blob a file of the library, unless the same file is there; returns the file's name.
///
/// # Errors
/// When there is no such blob or it is no model.
pub fn adopt(library: &Library, name: &str, digest: &str) -> Result<String, OllamaRefusal> {
    let hash = hash_of(digest)?;
    let blob = blob_path(library, &hash);
    if let Some(file) = known(library, &hash)? {
        // What came twice is kept once.
        let _ = std::fs::remove_file(&blob);
        return Ok(file);
    }
    let stem: String = name
        .rsplit('/')
        .next()
        .unwrap_or_default()
        .trim_end_matches(".gguf")
        .chars()
        .filter(|c| c.is_ascii_alphanumeric() || "-_.".contains(*c))
        .collect();
    let file = format!("{}-{}.gguf", stem.trim_start_matches('.'), hash.get(..8).unwrap_or_default());
    let path = library.dir().join(&file);
    if !blob.is_file() {
        return Err(Refusal::new(ErrorKind::NotFound, "blob", format!("there is no blob {digest}"))
            .hint("send it to /api/blobs first")
            .into());
    }
    Gguf::open(&blob).map_err(|source| Error::Model { path: blob.clone(), source })?;
    std::fs::rename(&blob, &path).map_err(|source| Error::File { path: path.clone(), source })?;
    // The bytes were held against it when they came. Without the note it is computed again.
    if let Err(error) = Origin::write(&path, hash, Provenance::Computed, None) {
        tracing::warn!(%error, "the file's origin could not be noted");
    }
    Ok(file)
}
