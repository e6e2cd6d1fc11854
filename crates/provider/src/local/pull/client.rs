//! HTTP clients for addresses of the internet: whom they trust, and what they tell.

use super::{Error, hub};
use std::time::Duration;

/// How long a connection may take to open.
const CONNECT: Duration = Duration::from_secs(15);

/// TLS with the roots that this system trusts.
pub fn trust() -> rustls::ClientConfig {
    // A second installation is refused; whichever provider stands already is the one to use.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let mut roots = rustls::RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    rustls::ClientConfig::builder().with_root_certificates(roots).with_no_client_auth()
}

/// A client for one address; a server of this machine is not asked through a proxy.
///
/// # Errors
/// When it is no URL, or the client cannot be built.
pub(super) fn client(url: &str) -> Result<reqwest::Client, Error> {
    let parsed =
        reqwest::Url::parse(url).map_err(|error| Error::Source { given: url.into(), why: error.to_string() })?;
    let mut builder = reqwest::Client::builder()
        .use_preconfigured_tls(trust())
        .user_agent(concat!("ogong-provider/", env!("CARGO_PKG_VERSION")))
        .connect_timeout(CONNECT);
    if matches!(parsed.host_str(), Some("localhost" | "127.0.0.1" | "[::1]")) {
        builder = builder.no_proxy();
    }
    builder.build().map_err(|error| unreachable(url, &error))
}

/// The hub's token goes to the hub and, as redirects to other hosts drop it, nowhere else.
pub(super) fn authorized(request: reqwest::RequestBuilder, url: &str) -> reqwest::RequestBuilder {
    let token = std::env::var("HF_TOKEN").ok().filter(|token| !token.is_empty());
    match token {
        Some(token) if url.starts_with(&format!("{}/", hub::endpoint())) => request.bearer_auth(token),
        _ => request,
    }
}

/// The innermost reason of a failure.
pub(super) fn unreachable(url: &str, error: &reqwest::Error) -> Error {
    let mut cause: &dyn std::error::Error = error;
    while let Some(deeper) = cause.source() {
        cause = deeper;
    }
    Error::Unreachable { url: url.into(), why: cause.to_string() }
}
