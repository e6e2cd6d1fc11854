//! One file over HTTP into `.NAME.part`, going on from what is there.
//!
//! `.NAME.part.json` says which address and version (ETag) the bytes came from. A request for the rest carries `Range` and, where nothing but
//! the ETag tells versions apart, `If-Range`; whatever the server then answers is held against what was asked before a byte is appended.

use super::{
    Error, Report,
    client::{authorized, client, unreachable},
    progress::Event,
    say,
    source::Wanted,
};
use reqwest::{StatusCode, header};
use serde::{Deserialize, Serialize};
use std::{
    fs::{File, OpenOptions},
    io::{Seek, SeekFrom, Write},
    path::{Path, PathBuf},
    time::Duration,
};

/// Attempts in a row that bring nothing, before the source is given up.
const IDLE_ATTEMPTS_MAX: u32 = 4;
/// Pause before the next attempt; doubles.
const PAUSE: Duration = Duration::from_millis(250);
/// How long a server may stay silent.
const SILENCE: Duration = Duration::from_secs(30);
/// Bytes between two reports.
const REPORT_BYTES: u64 = 1 << 20;

/// What is known of a part.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Note {
    url: String,
    #[serde(default)]
    etag: Option<String>,
    #[serde(default)]
    total: Option<u64>,
}

/// Fetches `url` into `part`, going on from what is there.
///
/// # Errors
/// When the server refuses, keeps hanging up, or the disk is full; what came is kept.
pub(super) async fn fetch(url: &str, part: &Path, wanted: &Wanted, report: Report<'_>) -> Result<(), Error> {
    let client = client(url)?;
    let mut idle = 0;
    let mut pause = PAUSE;
    loop {
        let before = length(part);
        let outcome = attempt(&client, url, part, wanted, report).await;
        match outcome {
            Ok(()) => return Ok(()),
            Err(
                error @ (Error::Disk { .. }
                | Error::Stopped
                | Error::Refused { status: 400..=499, .. }
                | Error::Wrong { .. }),
            ) => {
                return Err(error);
            }
            Err(error) => {
                let gained = length(part) > before;
                idle = if gained { 0 } else { idle + 1 };
                if idle >= IDLE_ATTEMPTS_MAX {
                    return Err(error);
                }
                if gained {
                    pause = PAUSE;
                }
                say(report, Event::Said(format!("{error}; going on from byte {}", length(part))))?;
            }
        }
        tokio::time::sleep(pause).await;
        pause *= 2;
    }
}

async fn attempt(
    client: &reqwest::Client,
    url: &str,
    part: &Path,
    wanted: &Wanted,
    report: Report<'_>,
) -> Result<(), Error> {
    let note = resumable(part, url, wanted);
    let here = if note.is_some() { length(part) } else { 0 };
    let known = wanted.bytes.or(note.as_ref().and_then(|note| note.total));
    if here > 0 && known == Some(here) {
        return Ok(());
    }
    let mut request = authorized(client.get(url), url);
    if here > 0 {
        request = request.header(header::RANGE, format!("bytes={here}-"));
        if let (None, Some(etag)) = (&wanted.sha256, note.as_ref().and_then(|note| note.etag.as_ref())) {
            request = request.header(header::IF_RANGE, etag);
        }
    }
    let response = request.send().await.map_err(|error| unreachable(url, &error))?;
    let status = response.status();
    let (start, total) = match status {
        StatusCode::PARTIAL_CONTENT => content_range(&response, here, known).ok_or_else(|| {
            discard(part);
            Error::Unreachable {
                url: url.into(),
                why: "it sent another range than was asked for; starting again".into(),
            }
        })?,
        StatusCode::OK => {
            if here > 0 {
                say(
                    report,
                    Event::Said("the server does not go on from where it stopped: fetching the whole file".into()),
                )?;
            }
            (0, response.content_length().or(wanted.bytes))
        }
        StatusCode::RANGE_NOT_SATISFIABLE => {
            discard(part);
            return Err(Error::Unreachable {
                url: url.into(),
                why: "the part here is longer than its file; starting again".into(),
            });
        }
        _ => return Err(Error::Refused { url: url.into(), status: status.as_u16() }),
    };
    if let (Some(total), Some(bytes)) = (total, wanted.bytes)
        && total != bytes
    {
        return Err(Error::Wrong { url: url.into(), why: format!("{total} bytes instead of {bytes}") });
    }
    let etag = response.headers().get(header::ETAG).and_then(|etag| etag.to_str().ok()).map(str::to_owned);
    let total = total.or(known);
    write_note(part, &Note { url: url.into(), etag, total })?;
    receive(response, url, part, start, total, report).await
}

async fn receive(
    mut response: reqwest::Response,
    url: &str,
    part: &Path,
    start: u64,
    total: Option<u64>,
    report: Report<'_>,
) -> Result<(), Error> {
    let disk = |source| Error::Disk { path: part.to_owned(), source };
    let mut file = OpenOptions::new().create(true).truncate(false).write(true).open(part).map_err(disk)?;
    if start == 0 {
        // A device has no length to cut; a file has.
        let _ = file.set_len(0);
    }
    file.seek(SeekFrom::Start(start)).map_err(disk)?;
    let (mut done, mut reported) = (start, start);
    say(report, Event::Progress { done, total })?;
    loop {
        let piece = match tokio::time::timeout(SILENCE, response.chunk()).await {
            Ok(Ok(Some(piece))) => piece,
            Ok(Ok(None)) => break,
            Ok(Err(error)) => return Err(unreachable(url, &error)),
            Err(_) => {
                let why = format!("it was silent for {} s", SILENCE.as_secs());
                return Err(Error::Unreachable { url: url.into(), why });
            }
        };
        if total.is_some_and(|total| done + piece.len() as u64 > total) {
            discard(part);
            return Err(Error::Wrong { url: url.into(), why: "it sends more than it announced".into() });
        }
        if done == 0 && !b"GGUF".starts_with(piece.get(..4.min(piece.len())).unwrap_or_default()) {
            discard(part);
            return Err(Error::Wrong { url: url.into(), why: "it is not a GGUF file".into() });
        }
        file.write_all(&piece).map_err(disk)?;
        done += piece.len() as u64;
        if done - reported >= REPORT_BYTES {
            reported = done;
            say(report, Event::Progress { done, total })?;
        }
    }
    file.sync_all().map_err(disk)?;
    say(report, Event::Progress { done, total })?;
    match total {
        Some(total) if done < total => {
            Err(Error::Unreachable { url: url.into(), why: format!("it ended after {done} of {total} bytes") })
        }
        _ => Ok(()),
    }
}

/// The bytes `from..to` of a file.
///
/// # Errors
/// When the server does not give exactly these.
pub(super) async fn range(url: &str, from: u64, to: u64) -> Result<Vec<u8>, Error> {
    let request = authorized(client(url)?.get(url), url).header(header::RANGE, format!("bytes={from}-{}", to - 1));
    let mut response = request.send().await.map_err(|error| unreachable(url, &error))?;
    if response.status() != StatusCode::PARTIAL_CONTENT || content_range(&response, from, None).is_none() {
        return Err(Error::Unreachable { url: url.into(), why: "it does not give parts of files".into() });
    }
    let mut bytes = Vec::new();
    while let Some(piece) = response.chunk().await.map_err(|error| unreachable(url, &error))? {
        bytes.extend_from_slice(&piece);
        if bytes.len() as u64 > to - from {
            break;
        }
    }
    if bytes.len() as u64 == to - from {
        return Ok(bytes);
    }
    Err(Error::Unreachable { url: url.into(), why: format!("it gave {} of {} bytes", bytes.len(), to - from) })
}

/// A small document.
///
/// # Errors
/// When the server refuses, or it is longer than `bytes_max`.
pub(super) async fn small(url: &str, bytes_max: usize) -> Result<Vec<u8>, Error> {
    let response = authorized(client(url)?.get(url), url).timeout(SILENCE).send().await;
    let mut response = response.map_err(|error| unreachable(url, &error))?;
    if !response.status().is_success() {
        return Err(Error::Refused { url: url.into(), status: response.status().as_u16() });
    }
    let mut bytes = Vec::new();
    while let Some(piece) = response.chunk().await.map_err(|error| unreachable(url, &error))? {
        bytes.extend_from_slice(&piece);
        if bytes.len() > bytes_max {
            return Err(Error::Wrong { url: url.into(), why: format!("longer than {bytes_max} bytes") });
        }
    }
    Ok(bytes)
}

/// Removes a part and its note; what is not there is removed.
pub(super) fn discard(part: &Path) {
    let _ = std::fs::remove_file(part);
    let _ = std::fs::remove_file(note_path(part));
}

/// Where the range starts and the file's length; `None` when it is not the range that was asked for.
fn content_range(response: &reqwest::Response, here: u64, known: Option<u64>) -> Option<(u64, Option<u64>)> {
    let value = response.headers().get(header::CONTENT_RANGE)?.to_str().ok()?;
    let (range, total) = value.strip_prefix("bytes ")?.split_once('/')?;
    let start: u64 = range.split_once('-')?.0.parse().ok()?;
    let total: Option<u64> = if total == "*" { None } else { Some(total.parse().ok()?) };
    let agrees = match (total, known) {
        (Some(total), Some(known)) => total == known,
        _ => true,
    };
    (start == here && agrees).then_some((start, total))
}

/// The note of a part that can be gone on with: its bytes are from this address, or a hash will tell.
fn resumable(part: &Path, url: &str, wanted: &Wanted) -> Option<Note> {
    let note: Note = serde_json::from_slice(&ogong_daemon::files::read_small(&note_path(part)).ok()?).ok()?;
    let same = note.url == url && note.etag.is_some();
    (same || wanted.sha256.is_some()).then_some(note)
}

fn write_note(part: &Path, note: &Note) -> Result<(), Error> {
    let path = note_path(part);
    let bytes = serde_json::to_vec(note).expect("invariant: our own values are JSON");
    File::create(&path).and_then(|mut file| file.write_all(&bytes)).map_err(|source| Error::Disk { path, source })
}

fn note_path(part: &Path) -> PathBuf {
    let mut name = part.as_os_str().to_owned();
    name.push(".json");
    name.into()
}

fn length(part: &Path) -> u64 {
    part.metadata().map_or(0, |metadata| metadata.len())
}
