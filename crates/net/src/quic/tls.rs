//! TLS for QUIC: version 1.3, key exchange X25519MLKEM768 and nothing else, certificates on both sides, pinned by hash (SPEC 1.3).
//!
//! No chain is built and no name or date is read: a certificate is its hash. What the handshake must still prove, and does, is that the peer holds the
//! key of the certificate it presents. Resumption is off, so every connection proves it anew.

use super::{Identity, Pin};
use crate::Error;
use ogong_base::hash::ConsensusId;
use quinn::crypto::rustls::{QuicClientConfig, QuicServerConfig};
use rustls::{
    DigitallySignedStruct, DistinguishedName, SignatureScheme,
    client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    crypto::{CryptoProvider, aws_lc_rs, verify_tls13_signature},
    server::danger::{ClientCertVerified, ClientCertVerifier},
};
use rustls_pki_types::{CertificateDer, ServerName, UnixTime};
use std::sync::{Arc, Mutex, OnceLock};

/// Application protocol; the number is the protocol version.
pub const ALPN: &[u8] = b"ogong/1";

/// Cryptography of every connection. Only one key exchange is there, so a peer without it gets no connection rather than a weaker one.
pub(super) fn provider() -> Arc<CryptoProvider> {
    static PROVIDER: OnceLock<Arc<CryptoProvider>> = OnceLock::new();
    let make = || {
        Arc::new(CryptoProvider {
            kx_groups: vec![aws_lc_rs::kx_group::X25519MLKEM768],
            ..aws_lc_rs::default_provider()
        })
    };
    Arc::clone(PROVIDER.get_or_init(make))
}

/// What the server presented, kept for the error message when the pin does not allow it.
pub(super) type Seen = Arc<Mutex<Option<ConsensusId>>>;

/// TLS of the listening side, for QUIC.
pub(super) fn server_config(identity: &Identity) -> Result<Arc<QuicServerConfig>, Error> {
    let config = QuicServerConfig::try_from(server_tls(identity)?);
    config.map(Arc::new).map_err(|error| Error::Tls(error.to_string()))
}

/// TLS of the dialling side, for QUIC and one pin.
pub(super) fn client_config(identity: &Identity, pin: Pin, seen: Seen) -> Result<Arc<QuicClientConfig>, Error> {
    let config = QuicClientConfig::try_from(client_tls(identity, pin, seen)?);
    config.map(Arc::new).map_err(|error| Error::Tls(error.to_string()))
}

fn server_tls(identity: &Identity) -> Result<rustls::ServerConfig, Error> {
    let mut config = rustls::ServerConfig::builder_with_provider(provider())
        .with_protocol_versions(&[&rustls::version::TLS13])
        .map_err(tls)?
        .with_client_cert_verifier(Arc::new(AnyClient))
        .with_single_cert(vec![identity.cert()], identity.key())
        .map_err(tls)?;
    config.alpn_protocols = vec![ALPN.to_vec()];
    config.send_tls13_tickets = 0;
    config.max_early_data_size = 0;
    Ok(config)
}

fn client_tls(identity: &Identity, pin: Pin, seen: Seen) -> Result<rustls::ClientConfig, Error> {
    let mut config = rustls::ClientConfig::builder_with_provider(provider())
        .with_protocol_versions(&[&rustls::version::TLS13])
        .map_err(tls)?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(PinnedServer { pin, seen }))
        .with_client_auth_cert(vec![identity.cert()], identity.key())
        .map_err(tls)?;
    config.alpn_protocols = vec![ALPN.to_vec()];
    config.resumption = rustls::client::Resumption::disabled();
    config.enable_sni = false;
    Ok(config)
}

fn tls(error: rustls::Error) -> Error {
    Error::Tls(error.to_string())
}

type Verified<T> = Result<T, rustls::Error>;

/// Allows the pinned certificates only.
#[derive(Debug)]
struct PinnedServer {
    pin: Pin,
    seen: Seen,
}

impl ServerCertVerifier for PinnedServer {
    fn verify_server_cert(
        &self,
        cert: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _name: &ServerName<'_>,
        _ocsp: &[u8],
        _now: UnixTime,
    ) -> Verified<ServerCertVerified> {
        let id = super::consensus_id_of_der(cert);
        if self.pin.allows(&id) {
            return Ok(ServerCertVerified::assertion());
        }
        if let Ok(mut seen) = self.seen.lock() {
            *seen = Some(id);
        }
        Err(rustls::CertificateError::ApplicationVerificationFailure.into())
    }

    fn verify_tls12_signature(
        &self,
        _message: &[u8],
        _cert: &CertificateDer<'_>,
        _signed: &DigitallySignedStruct,
    ) -> Verified<HandshakeSignatureValid> {
        Err(rustls::PeerIncompatible::Tls13RequiredForQuic.into())
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Verified<HandshakeSignatureValid> {
        let algorithms = &provider().signature_verification_algorithms;
        verify_tls13_signature(message, cert, signed, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        vec![SignatureScheme::ED25519]
    }
}

/// Allows any certificate whose key the client proves to hold: services decide by consensus id what a client may ask.
#[derive(Debug)]
struct AnyClient;

impl ClientCertVerifier for AnyClient {
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn verify_client_cert(
        &self,
        _cert: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _now: UnixTime,
    ) -> Verified<ClientCertVerified> {
        Ok(ClientCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _message: &[u8],
        _cert: &CertificateDer<'_>,
        _signed: &DigitallySignedStruct,
    ) -> Verified<HandshakeSignatureValid> {
        Err(rustls::PeerIncompatible::Tls13RequiredForQuic.into())
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Verified<HandshakeSignatureValid> {
        let algorithms = &provider().signature_verification_algorithms;
        verify_tls13_signature(message, cert, signed, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        vec![SignatureScheme::ED25519]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The very configurations of the endpoint, run against each other in memory: QUIC itself does not tell the negotiated group.
    #[test]
    fn the_negotiated_group_is_hybrid() {
        let (server, client) = (Identity::generate().expect("made"), Identity::generate().expect("made"));
        let config = client_tls(&client, server.consensus_id().into(), Seen::default()).expect("client");
        let name = ServerName::try_from(super::super::SERVER_NAME).expect("a name");
        let mut dialled = rustls::ClientConnection::new(Arc::new(config), name).expect("client");
        let config = server_tls(&server).expect("server");
        let mut accepted = rustls::ServerConnection::new(Arc::new(config)).expect("server");
        let mut wire = Vec::new();
        while dialled.is_handshaking() || accepted.is_handshaking() {
            wire.clear();
            while dialled.wants_write() {
                dialled.write_tls(&mut wire).expect("written");
            }
            let mut bytes = wire.as_slice();
            while !bytes.is_empty() {
                accepted.read_tls(&mut bytes).expect("read");
                accepted.process_new_packets().expect("accepted");
            }
            wire.clear();
            while accepted.wants_write() {
                accepted.write_tls(&mut wire).expect("written");
            }
            let mut bytes = wire.as_slice();
            while !bytes.is_empty() {
                dialled.read_tls(&mut bytes).expect("read");
                dialled.process_new_packets().expect("dialled");
            }
        }
        for group in [dialled.negotiated_key_exchange_group(), accepted.negotiated_key_exchange_group()] {
            assert_eq!(group.expect("negotiated").name(), rustls::NamedGroup::X25519MLKEM768);
        }
        assert_eq!(accepted.protocol_version(), Some(rustls::ProtocolVersion::TLSv1_3));
        assert_eq!(accepted.alpn_protocol(), Some(ALPN));
        let presented = accepted.peer_certificates().expect("mutual");
        assert_eq!(super::super::consensus_id_of_der(&presented[0]), client.consensus_id());
    }
}
