//! `--image-upstream`, `--audio-upstream`, `--video-upstream`: other people's servers behind the same address.
//!
//! A request goes on as it came (multipart forms and uploads among them) and its answer comes back as it is; of the headers only those that
//! describe a body travel, so that neither side learns the other's keys.

use super::server::App;
use crate::{Error, refusal::Refusal};
use axum::{
    body::Body,
    extract::{Request, State},
    response::Response,
};
use http::{HeaderName, header};
use ogong_openai::ErrorKind;
use std::{sync::Arc, time::Duration};

/// How long a connection may take to open.
const CONNECT: Duration = Duration::from_secs(5);
/// Headers that describe a body.
const PASSED: [HeaderName; 5] =
    [header::CONTENT_TYPE, header::CONTENT_LENGTH, header::ACCEPT, header::CONTENT_DISPOSITION, header::RANGE];

/// Where each kind of media goes.
#[derive(Debug, Clone, Default)]
pub struct Adapters {
    image: Option<String>,
    audio: Option<String>,
    video: Option<String>,
    http: reqwest::Client,
}

impl Adapters {
    /// Adapters to these base URLs; a trailing `/v1` is ignored.
    ///
    /// # Errors
    /// When one is no URL, or the client cannot be built.
    pub fn new(image: Option<&str>, audio: Option<&str>, video: Option<&str>) -> Result<Self, Error> {
        let base = |flag: &'static str, url: Option<&str>| match url {
            None => Ok(None),
            Some(url) => match reqwest::Url::parse(url) {
                Ok(parsed) if matches!(parsed.scheme(), "http" | "https") => {
                    let url = url.trim_end_matches('/');
                    Ok(Some(url.strip_suffix("/v1").unwrap_or(url).to_owned()))
                }
                _ => Err(Error::Flag { flag, why: format!("{url:?} is no http or https URL") }),
            },
        };
        let http = reqwest::Client::builder().no_proxy().connect_timeout(CONNECT).build();
        Ok(Self {
            image: base("--image-upstream", image)?,
            audio: base("--audio-upstream", audio)?,
            video: base("--video-upstream", video)?,
            http: http.map_err(|error| Error::Tls(error.to_string()))?,
        })
    }

    fn of(&self, path: &str) -> Result<&str, Refusal> {
        let (upstream, flag) = match path.split('/').nth(2) {
            Some("images") => (&self.image, "--image-upstream"),
            Some("audio") => (&self.audio, "--audio-upstream"),
            _ => (&self.video, "--video-upstream"),
        };
        upstream.as_deref().ok_or_else(|| {
            Refusal::new(ErrorKind::NotFound, "not_served", format!("nothing serves {path} here"))
                .hint(&format!("start the server with {flag} URL"))
        })
    }
}

/// Passes a request on.
///
/// # Errors
/// When nothing serves it, or its server cannot be reached.
pub async fn pass_on(State(app): State<Arc<App>>, request: Request) -> Result<Response, Refusal> {
    let adapters = &app.adapters;
    let uri = request.uri().clone();
    let base = adapters.of(uri.path())?;
    let url = format!("{base}{}", uri.path_and_query().map_or(uri.path(), |path| path.as_str()));
    let (head, body) = request.into_parts();
    let mut outgoing = adapters.http.request(head.method, url);
    for name in &PASSED {
        if let Some(value) = head.headers.get(name) {
            outgoing = outgoing.header(name, value);
        }
    }
    let response =
        outgoing.body(reqwest::Body::wrap_stream(body.into_data_stream())).send().await.map_err(|error| {
            tracing::warn!(%error, "upstream could not be asked");
            Refusal::new(
                ErrorKind::Upstream,
                "upstream_unreachable",
                format!("the server behind {} cannot be reached", uri.path()),
            )
            .hint("is it running?")
        })?;
    let mut answer = Response::new(Body::empty());
    *answer.status_mut() = response.status();
    for name in &PASSED {
        if let Some(value) = response.headers().get(name) {
            answer.headers_mut().insert(name, value.clone());
        }
    }
    *answer.body_mut() = Body::from_stream(response.bytes_stream());
    Ok(answer)
}
