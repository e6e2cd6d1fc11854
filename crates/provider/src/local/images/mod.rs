//! Images in requests. The engine takes bytes only (`data:` URLs), so what a request names by an http or https URL is fetched here and put in its
//! place: by the rules of [`address`], within a time and a size, and only when it says that it is an image. No URL names a file of this machine.

mod address;

use super::{pull, relay, shelf::Ready};
use crate::{Error, refusal::Refusal};
pub use address::Reach;
use base64::{Engine as _, prelude::BASE64_STANDARD};
use http::header;
use ogong_openai::ErrorKind;
use reqwest::Url;
use serde_json::Value;
use std::time::Duration;

/// Kinds of images that are taken.
const KINDS: &[&str] = &["image/png", "image/jpeg", "image/gif", "image/webp", "image/bmp"];
/// Images that one request may have fetched.
const IMAGES_MAX: usize = 16;
/// Bytes that are fetched for one request; as base64 they fit the engine's longest body.
const BYTES_MAX: usize = 20 << 20;
/// How often one image may be moved.
const REDIRECTS_MAX: usize = 5;
/// How long a connection may take to open.
const CONNECT: Duration = Duration::from_secs(5);
/// How long all images of a request may take.
const ALL: Duration = Duration::from_secs(30);

/// Fetches images.
#[derive(Debug, Clone)]
pub struct Images {
    http: reqwest::Client,
    reach: Reach,
}

impl Images {
    /// Fetches as far as `reach`.
    ///
    /// # Errors
    /// When the HTTP client cannot be built.
    pub fn new(reach: Reach) -> Result<Self, Error> {
        let built = address::client(reach, REDIRECTS_MAX)
            .and_then(|builder| builder.use_preconfigured_tls(pull::trust()).connect_timeout(CONNECT).build());
        Ok(Self { http: built.map_err(|error| Error::Tls(error.to_string()))?, reach })
    }

    /// Puts the bytes of images in place of their URLs, in a request of the engine's shape. A server that somebody else runs fetches for itself, and
    /// a model that sees no images gets the request as it is and refuses it.
    ///
    /// # Errors
    /// When an image cannot be fetched; the refusal says which and why.
    pub async fn inline(&self, ready: &Ready, question: &mut Value) -> Result<(), Refusal> {
        if ready.entry.is_none() {
            return Ok(());
        }
        let mut urls = image_urls(question);
        if urls.is_empty() || !relay::sees(ready).await {
            return Ok(());
        }
        if urls.len() > IMAGES_MAX {
            return Err(refused(format!("{} images are named by URL, at most {IMAGES_MAX} are fetched", urls.len())));
        }
        let fetching = async {
            let mut left = BYTES_MAX;
            for url in &mut urls {
                let (kind, bytes) = self.fetch(url, left).await?;
                left -= bytes.len();
                **url = format!("data:{kind};base64,{}", BASE64_STANDARD.encode(&bytes));
            }
            Ok(())
        };
        tokio::time::timeout(ALL, fetching)
            .await
            .unwrap_or_else(|_| Err(refused(format!("the images did not come within {} seconds", ALL.as_secs()))))
    }

    async fn fetch(&self, url: &str, bytes_max: usize) -> Result<(&'static str, Vec<u8>), Refusal> {
        let failed = |why: String| refused(format!("the image {} cannot be fetched: {why}", shown(url)));
        let parsed = Url::parse(url).map_err(|error| failed(error.to_string()))?;
        self.reach.judge_url(&parsed).map_err(|error| failed(error.to_string()))?;
        let request = self.http.get(parsed).header(header::ACCEPT, KINDS.join(", "));
        let mut response = request.send().await.map_err(|error| failed(cause(&error)))?;
        if !response.status().is_success() {
            return Err(failed(format!("its server answered {}", response.status())));
        }
        let told = response.headers().get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
        let told = told.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        let kind = KINDS
            .iter()
            .find(|kind| **kind == told)
            .ok_or_else(|| failed(format!("it comes as {told:?}, which is none of {}", KINDS.join(", "))))?;
        let too_long = || failed(format!("it is longer than the {bytes_max} bytes that are left for this request"));
        if response.content_length().is_some_and(|length| length > bytes_max as u64) {
            return Err(too_long());
        }
        let mut bytes = Vec::new();
        while let Some(piece) = response.chunk().await.map_err(|error| failed(cause(&error)))? {
            if bytes.len() + piece.len() > bytes_max {
                return Err(too_long());
            }
            bytes.extend_from_slice(&piece);
        }
        Ok((kind, bytes))
    }
}

fn refused(why: String) -> Refusal {
    Refusal::new(ErrorKind::InvalidRequest, "invalid_image_url", why)
        .param("messages")
        .hint("send the image as a data: URL")
}

/// The innermost reason of a failure.
fn cause(error: &reqwest::Error) -> String {
    let mut cause: &dyn std::error::Error = error;
    while let Some(deeper) = cause.source() {
        cause = deeper;
    }
    cause.to_string()
}

/// A URL without what may be secret in it.
fn shown(url: &str) -> &str {
    let end = url.find(['?', '#']).unwrap_or(url.len());
    url.get(..end).unwrap_or(url)
}

/// The URLs of images in a chat that are no `data:` URLs.
fn image_urls(question: &mut Value) -> Vec<&mut String> {
    let messages = question.get_mut("messages").and_then(Value::as_array_mut).into_iter().flatten();
    let parts = messages.filter_map(|message| message.get_mut("content")?.as_array_mut()).flatten();
    parts
        .filter(|part| part.get("type").is_some_and(|kind| kind == "image_url"))
        .filter_map(|part| match part.get_mut("image_url")? {
            Value::String(url) => Some(url),
            Value::Object(image) => match image.get_mut("url")? {
                Value::String(url) => Some(url),
                _ => None,
            },
            _ => None,
        })
        .filter(|url| !url.trim_start().get(..5).is_some_and(|scheme| scheme.eq_ignore_ascii_case("data:")))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn only_urls_that_must_be_fetched_are_found() {
        let part = |url: &str| json!({"type": "image_url", "image_url": {"url": url}});
        let mut chat = json!({"messages": [
            {"role": "system", "content": "http://not/an/image.png"},
            {"role": "user", "content": [part("http://a/x.png"), part("data:image/png;base64,AA"), {"type": "text", "text": "http://b"}]},
            {"role": "user", "content": [{"type": "image_url", "image_url": "file:///etc/passwd"}, {"type": "image_url"}, 3]},
        ]});
        let found: Vec<String> = image_urls(&mut chat).into_iter().map(|url| url.clone()).collect();
        assert_eq!(found, ["http://a/x.png", "file:///etc/passwd"]);
        assert!(image_urls(&mut json!({"messages": "x"})).is_empty() && image_urls(&mut json!([])).is_empty());
    }

    /// A server that says one thing a path and hangs up.
    async fn server(said: &'static [(&'static str, &'static str)]) -> String {
        use tokio::io::{AsyncReadExt, AsyncWriteExt};
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let mut head = vec![0; 4096];
                let n = stream.read(&mut head).await.unwrap_or(0);
                let head = String::from_utf8_lossy(&head[..n]).into_owned();
                let path = head.split(' ').nth(1).unwrap_or_default();
                let answer = said
                    .iter()
                    .find(|(known, _)| *known == path)
                    .map_or("HTTP/1.1 404 No\r\ncontent-length: 0\r\n\r\n", |(_, answer)| answer);
                let _ = stream.write_all(answer.as_bytes()).await;
            }
        });
        format!("http://{address}")
    }

    #[tokio::test]
    async fn only_images_are_fetched_and_only_from_where_they_may_be() {
        let url = server(&[
            ("/x.png", "HTTP/1.1 200 OK\r\ncontent-type: image/png\r\nconnection: close\r\n\r\nPNG!"),
            ("/moved", "HTTP/1.1 302 Found\r\nlocation: /x.png\r\ncontent-length: 0\r\n\r\n"),
            ("/round", "HTTP/1.1 302 Found\r\nlocation: /round\r\ncontent-length: 0\r\n\r\n"),
            ("/file", "HTTP/1.1 302 Found\r\nlocation: file:///etc/passwd\r\ncontent-length: 0\r\n\r\n"),
            ("/cloud", "HTTP/1.1 302 Found\r\nlocation: http://169.254.169.254/latest/\r\ncontent-length: 0\r\n\r\n"),
            ("/page", "HTTP/1.1 200 OK\r\ncontent-type: text/html\r\nconnection: close\r\n\r\n<html>"),
            ("/long", "HTTP/1.1 200 OK\r\ncontent-type: image/png\r\ncontent-length: 4000\r\n\r\nP"),
        ])
        .await;
        let images = Images::new(Reach::Private).expect("a client");
        for path in ["/x.png", "/moved"] {
            let (kind, bytes) = images.fetch(&format!("{url}{path}"), 100).await.expect(path);
            assert_eq!((kind, bytes.as_slice()), ("image/png", b"PNG!".as_slice()), "{path}");
        }
        for (path, why) in [
            ("/round", "too many redirects"),
            ("/file", "302"),
            ("/cloud", "never fetched from"),
            ("/page", "text/html"),
            ("/long", "longer than"),
            ("/none", "404"),
        ] {
            let refusal = images.fetch(&format!("{url}{path}"), 100).await.expect_err(path);
            assert!(refusal.to_string().contains(why), "{path}: {refusal}");
        }
        assert!(images.fetch(&format!("{url}/x.png"), 3).await.is_err(), "more bytes than are left");
        let beyond = Images::new(Reach::Public).expect("a client");
        for host in [url.clone(), url.replace("127.0.0.1", "localhost")] {
            let refusal = beyond.fetch(&format!("{host}/x.png"), 100).await.expect_err("private");
            assert!(refusal.to_string().contains("private address"), "{refusal}");
        }
    }

    #[test]
    fn what_may_be_secret_is_not_shown() {
        assert_eq!(shown("https://h/x.png?token=secret#y"), "https://h/x.png");
    }
}
