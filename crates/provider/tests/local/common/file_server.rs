//! A file server that drops, truncates and lies, one behaviour a path.

use std::{
    collections::HashMap,
    io::{BufRead, BufReader, Write},
    net::{TcpListener, TcpStream},
    sync::{Arc, Mutex},
    thread,
    time::Duration,
};

/// How a path behaves.
#[derive(Clone, Debug)]
pub enum Manner {
    /// Gives what is asked for.
    Honest,
    /// Hangs up after this many bytes, every time.
    Drops(usize),
    /// Gives the first so many bytes as if they were all.
    Truncates(usize),
    /// Turns over the byte at this place, when it is among those sent in the first so many answers.
    Corrupts(usize, usize),
    /// Knows no ranges.
    Whole,
    /// Answers a range with another one.
    OtherRange,
    /// Announces the length and sends more.
    TooMuch,
    /// A page where a file should be.
    Page,
    /// This status.
    Status(u16),
    /// Sends to another path.
    Redirects(String),
    /// A kilobyte at a time, with pauses.
    Slow,
    /// Says this, and hangs up at once.
    Says(String),
}

struct File {
    bytes: Arc<Vec<u8>>,
    manner: Manner,
    etag: String,
    kind: &'static str,
}

#[derive(Default)]
struct Shared {
    files: Mutex<HashMap<String, File>>,
    /// Requests as `path range`, in order.
    log: Mutex<Vec<String>>,
    sent: Mutex<u64>,
}

/// The server; it ends with the test's process.
pub struct FileServer {
    url: String,
    shared: Arc<Shared>,
}

impl FileServer {
    pub fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let shared = Arc::new(Shared::default());
        let serving = Arc::clone(&shared);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let shared = Arc::clone(&serving);
                // A client that hangs up ends only its own answer.
                thread::spawn(move || drop(answer(&shared, stream)));
            }
        });
        Self { url, shared }
    }

    /// The address of a path.
    pub fn url(&self, path: &str) -> String {
        format!("{}{path}", self.url)
    }

    /// Puts a file at a path, or another in its place.
    pub fn put(&self, path: &str, bytes: Vec<u8>, manner: Manner) {
        let etag = format!("\"{:x}-{}\"", bytes.len(), bytes.iter().map(|byte| u64::from(*byte)).sum::<u64>());
        let kind = if path.ends_with(".bmp") { "image/bmp" } else { "application/octet-stream" };
        let file = File { bytes: Arc::new(bytes), manner, etag, kind };
        self.shared.files.lock().expect("files").insert(path.to_owned(), file);
    }

    /// What was asked, in order: `/path` or `/path bytes=…`.
    pub fn log(&self) -> Vec<String> {
        self.shared.log.lock().expect("log").clone()
    }

    /// Bytes of bodies sent so far.
    pub fn sent(&self) -> u64 {
        *self.shared.sent.lock().expect("sent")
    }
}

fn answer(shared: &Shared, mut stream: TcpStream) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream.try_clone()?);
    let mut line = String::new();
    reader.read_line(&mut line)?;
    let path = line.split_whitespace().nth(1).unwrap_or_default().split('?').next().unwrap_or_default().to_owned();
    let (mut range, mut if_range) = (None, None);
    loop {
        line.clear();
        if reader.read_line(&mut line)? <= 2 {
            break;
        }
        let (name, value) = line.trim().split_once(':').unwrap_or_default();
        match name.to_ascii_lowercase().as_str() {
            "range" => range = Some(value.trim().to_owned()),
            "if-range" => if_range = Some(value.trim().to_owned()),
            _ => {}
        }
    }
    let asked = range.as_ref().map_or_else(|| path.clone(), |range| format!("{path} {range}"));
    let earlier = {
        let mut log = shared.log.lock().expect("log");
        let earlier = log.iter().filter(|entry| entry.split(' ').next() == Some(path.as_str())).count();
        log.push(asked);
        earlier
    };
    let found = shared
        .files
        .lock()
        .expect("files")
        .get(&path)
        .map(|file| (Arc::clone(&file.bytes), file.manner.clone(), file.etag.clone(), file.kind));
    let Some((bytes, manner, etag, kind)) = found else {
        return stream.write_all(b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
    };
    let range = range.filter(|_| if_range.is_none_or(|wanted| wanted == etag));
    let heads = format!("etag: {etag}\r\ncontent-type: {kind}\r\n");
    respond(shared, &mut stream, &bytes, &manner, &heads, range.as_deref(), earlier)
}

fn respond(
    shared: &Shared,
    stream: &mut TcpStream,
    bytes: &[u8],
    manner: &Manner,
    heads: &str,
    range: Option<&str>,
    earlier: usize,
) -> std::io::Result<()> {
    match manner {
        Manner::Status(status) => {
            return write!(stream, "HTTP/1.1 {status} No\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
        }
        Manner::Redirects(to) => {
            return write!(
                stream,
                "HTTP/1.1 302 Found\r\nlocation: {to}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
            );
        }
        Manner::Says(text) => return stream.write_all(text.as_bytes()),
        Manner::Page => return body(shared, stream, "200 OK", "", b"<!doctype html><title>Sign in</title>", None),
        _ => {}
    }
    let whole: &[u8] = if let Manner::Truncates(length) = manner { &bytes[..*length] } else { bytes };
    let asked = range.filter(|_| !matches!(manner, Manner::Whole)).and_then(|range| {
        let (from, to) = range.strip_prefix("bytes=")?.split_once('-')?;
        Some((from.parse::<usize>().ok()?, to.parse::<usize>().map_or(whole.len(), |to| to + 1)))
    });
    if let Some((from, to)) = asked
        && (from >= whole.len() || to > whole.len())
    {
        return write!(stream, "HTTP/1.1 416 No\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
    }
    let (from, to) = asked.unwrap_or((0, whole.len()));
    let mut part = whole[from..to].to_vec();
    let (mut status, mut extra) = ("200 OK", heads.to_owned());
    if asked.is_some() {
        let told = if matches!(manner, Manner::OtherRange) { from / 2 } else { from };
        extra.push_str(&format!("content-range: bytes {told}-{}/{}\r\n", to - 1, whole.len()));
        status = "206 Partial Content";
    }
    match manner {
        Manner::Corrupts(at, answers) if earlier < *answers && (from..to).contains(at) => part[at - from] ^= 1,
        Manner::TooMuch => part.extend([0; 64]),
        _ => {}
    }
    let length = if matches!(manner, Manner::TooMuch) { None } else { Some(part.len()) };
    if let Manner::Drops(after) = manner {
        part.truncate(*after);
    }
    if matches!(manner, Manner::Slow) {
        write!(stream, "HTTP/1.1 {status}\r\n{extra}content-length: {}\r\nconnection: close\r\n\r\n", part.len())?;
        for piece in part.chunks(1024) {
            stream.write_all(piece)?;
            *shared.sent.lock().expect("sent") += piece.len() as u64;
            thread::sleep(Duration::from_millis(5));
        }
        return Ok(());
    }
    body(shared, stream, status, &extra, &part, length)
}

fn body(
    shared: &Shared,
    stream: &mut TcpStream,
    status: &str,
    extra: &str,
    part: &[u8],
    length: Option<usize>,
) -> std::io::Result<()> {
    // Without a length the end of the connection is the end of the body.
    let length = length.map_or(String::new(), |length| format!("content-length: {length}\r\n"));
    write!(stream, "HTTP/1.1 {status}\r\n{extra}{length}connection: close\r\n\r\n")?;
    stream.write_all(part)?;
    *shared.sent.lock().expect("sent") += part.len() as u64;
    Ok(())
}
