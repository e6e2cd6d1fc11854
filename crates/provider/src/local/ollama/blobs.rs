//! `/api/blobs/{digest}`: files that a client sends for `/api/create`, kept under their hash until a model takes them.

use crate::local::gguf::Gguf;
use crate::{
    Error,
    local::{fail::OllamaRefusal, library::Library, server::App},
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

fn blob_path(library: &Library, digest: &str) -> Result<PathBuf, Refusal> {
    let hash = digest.strip_prefix("sha256:").or_else(|| digest.strip_prefix("sha256-")).unwrap_or_default();
    if hash.len() != 64 || !hash.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Err(Refusal::invalid("digest", format!("{digest:?} is not sha256: and 64 hexadecimal digits")));
    }
    Ok(library.dir().join(format!(".blob-{}", hash.to_ascii_lowercase())))
}

/// `HEAD /api/blobs/{digest}`.
///
/// # Errors
/// When the digest is none.
pub async fn exists(State(app): State<Arc<App>>, Path(digest): Path<String>) -> Result<StatusCode, OllamaRefusal> {
    let path = blob_path(app.shelf.open_library()?, &digest)?;
    Ok(if path.is_file() { StatusCode::OK } else { StatusCode::NOT_FOUND })
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
    let path = blob_path(app.shelf.open_library()?, &digest)?;
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

/// Makes a blob a file of the library; returns the file's name.
///
/// # Errors
/// When there is no such blob or it is no model.
pub fn adopt(library: &Library, name: &str, digest: &str) -> Result<String, OllamaRefusal> {
    let blob = blob_path(library, digest)?;
    let stem: String = name
        .rsplit('/')
        .next()
        .unwrap_or_default()
        .trim_end_matches(".gguf")
        .chars()
        .filter(|c| c.is_ascii_alphanumeric() || "-_.".contains(*c))
        .collect();
    let hash: String = digest.chars().rev().take(8).collect::<Vec<_>>().into_iter().rev().collect();
    let file = format!("{}-{hash}.gguf", stem.trim_start_matches('.'));
    let path = library.dir().join(&file);
    if path.is_file() {
        return Ok(file);
    }
    if !blob.is_file() {
        return Err(Refusal::new(ErrorKind::NotFound, "blob", format!("there is no blob {digest}"))
            .hint("send it to /api/blobs first")
            .into());
    }
    Gguf::open(&blob).map_err(|source| Error::Model { path: blob.clone(), source })?;
    std::fs::rename(&blob, &path).map_err(|source| Error::File { path, source })?;
    Ok(file)
}
