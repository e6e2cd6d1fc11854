//! A node's QUIC identity: a self-signed Ed25519 certificate with its key, and pins on other nodes' certificates (SPEC 1.3).
//!
//! The certificate carries no name that means anything: peers compare `sha256(certificate)` with what the registry or a file says.

use crate::Error;
use ogong_base::hash::ConsensusId;
use rustls_pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer, pem::PemObject};
use std::{
    fs, io,
    path::{Path, PathBuf},
    sync::Arc,
};

/// File of the certificate in a node's data directory.
pub const CERT_FILE: &str = "quic-cert.pem";
/// File of the private key, mode 0600.
pub const KEY_FILE: &str = "quic-key.pem";

/// Longest certificate file that is read; ours has under 1 KiB.
const CERT_FILE_BYTES_MAX: u64 = 64 << 10;

/// Certificate and key a node presents on every connection.
#[derive(Clone)]
pub struct Identity {
    cert: CertificateDer<'static>,
    key: Arc<PrivateKeyDer<'static>>,
    cert_pem: String,
    key_pem: String,
    consensus_id: ConsensusId,
}

impl std::fmt::Debug for Identity {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Identity({})", self.consensus_id)
    }
}

impl Identity {
    /// Makes a new certificate and key.
    ///
    /// # Errors
    /// When the system has no randomness.
    pub fn generate() -> Result<Self, Error> {
        let tls = |error: rcgen::Error| Error::Tls(error.to_string());
        let key = rcgen::KeyPair::generate_for(&rcgen::PKCS_ED25519).map_err(tls)?;
        let names = vec![super::SERVER_NAME.to_owned()];
        let cert = rcgen::CertificateParams::new(names).and_then(|params| params.self_signed(&key)).map_err(tls)?;
        let der = PrivatePkcs8KeyDer::from(key.serialize_der());
        Ok(Self {
            consensus_id: consensus_id_of_der(cert.der()),
            cert: cert.der().clone(),
            key: Arc::new(der.into()),
            cert_pem: cert.pem(),
            key_pem: key.serialize_pem(),
        })
    }

    /// Loads the identity of a data directory; makes and stores one the first time.
    ///
    /// # Errors
    /// When the files cannot be read or written, do not fit together, or the key is readable by others.
    pub fn load_or_create(dir: &Path) -> Result<Self, Error> {
        let (cert_path, key_path) = (dir.join(CERT_FILE), dir.join(KEY_FILE));
        if cert_path.exists() || key_path.exists() {
            return Self::load(&cert_path, &key_path);
        }
        fs::create_dir_all(dir).map_err(|source| file("create", dir, source))?;
        let identity = Self::generate()?;
        // The certificate comes last: a crash between the two leaves a lone key, which `load` names.
        write_private(&key_path, identity.key_pem.as_bytes(), 0o600)?;
        write_private(&cert_path, identity.cert_pem.as_bytes(), 0o644)?;
        Ok(identity)
    }

    /// Loads an identity from two PEM files.
    ///
    /// # Errors
    /// As [`Identity::load_or_create`].
    pub fn load(cert_path: &Path, key_path: &Path) -> Result<Self, Error> {
        let cert_pem = fs::read_to_string(cert_path).map_err(|source| file("read certificate", cert_path, source))?;
        refuse_shared(key_path)?;
        let key_pem = fs::read_to_string(key_path).map_err(|source| file("read key", key_path, source))?;
        let cert = CertificateDer::from_pem_slice(cert_pem.as_bytes())
            .map_err(|error| bad(cert_path, format!("no PEM certificate in it: {error}")))?;
        let key = PrivateKeyDer::from_pem_slice(key_pem.as_bytes())
            .map_err(|error| bad(key_path, format!("no PEM private key in it: {error}")))?;
        let identity = Self { consensus_id: consensus_id_of_der(&cert), cert, key: Arc::new(key), cert_pem, key_pem };
        identity.certified().map_err(|error| bad(key_path, format!("key and certificate do not fit: {error}")))?;
        Ok(identity)
    }

    /// `sha256` of the certificate.
    pub fn consensus_id(&self) -> ConsensusId {
        self.consensus_id
    }

    /// The certificate, DER.
    pub fn cert_der(&self) -> &[u8] {
        &self.cert
    }

    /// The certificate, PEM.
    pub fn cert_pem(&self) -> &str {
        &self.cert_pem
    }

    /// Writes the certificate for others to pin (`--cert-out`): DER, or PEM where the file ends in `.pem`.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn write_cert(&self, path: &Path) -> Result<(), Error> {
        let pem = path.extension().is_some_and(|extension| extension == "pem");
        let bytes = if pem { self.cert_pem.as_bytes() } else { self.cert_der() };
        write_private(path, bytes, 0o644)
    }

    pub(super) fn cert(&self) -> CertificateDer<'static> {
        self.cert.clone()
    }

    pub(super) fn key(&self) -> PrivateKeyDer<'static> {
        self.key.clone_key()
    }

    fn certified(&self) -> Result<(), rustls::Error> {
        let signer = super::tls::provider().key_provider.load_private_key(self.key())?;
        rustls::sign::CertifiedKey::new(vec![self.cert()], signer).keys_match()
    }
}

/// Which certificates a peer may present.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Pin {
    /// Exactly this one.
    Consensus(ConsensusId),
    /// Any of these, as while a registered node changes its certificate.
    OneOf(Vec<ConsensusId>),
}

impl Pin {
    /// The pin of a certificate file, PEM or DER.
    ///
    /// # Errors
    /// When the file cannot be read or holds no certificate.
    pub fn from_cert_file(path: &Path) -> Result<Self, Error> {
        consensus_id_of_file(path).map(Self::Consensus)
    }

    /// Whether the pin allows this certificate.
    pub fn allows(&self, id: &ConsensusId) -> bool {
        match self {
            Self::Consensus(pinned) => pinned == id,
            Self::OneOf(pinned) => pinned.contains(id),
        }
    }
}

impl From<ConsensusId> for Pin {
    fn from(id: ConsensusId) -> Self {
        Self::Consensus(id)
    }
}

impl std::fmt::Display for Pin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Consensus(id) => write!(f, "{id}"),
            Self::OneOf(ids) => {
                let ids: Vec<String> = ids.iter().map(ConsensusId::to_hex).collect();
                write!(f, "one of [{}]", ids.join(", "))
            }
        }
    }
}

/// The consensus id of a certificate in DER.
pub fn consensus_id_of_der(der: &[u8]) -> ConsensusId {
    ConsensusId::of_certificate(der)
}

/// The consensus id of a certificate file, PEM or DER.
///
/// # Errors
/// When the file cannot be read or holds no certificate.
pub fn consensus_id_of_file(path: &Path) -> Result<ConsensusId, Error> {
    let read = |source| file("read certificate", path, source);
    if fs::metadata(path).map_err(read)?.len() > CERT_FILE_BYTES_MAX {
        return Err(bad(path, format!("longer than {CERT_FILE_BYTES_MAX} bytes, not a certificate")));
    }
    let bytes = fs::read(path).map_err(read)?;
    if bytes.starts_with(b"-----BEGIN") {
        let cert = CertificateDer::from_pem_slice(&bytes)
            .map_err(|error| bad(path, format!("no PEM certificate in it: {error}")))?;
        return Ok(consensus_id_of_der(&cert));
    }
    let cert = CertificateDer::from(bytes.as_slice());
    rustls::server::ParsedCertificate::try_from(&cert)
        .map_err(|error| bad(path, format!("neither a PEM nor a DER certificate: {error}")))?;
    Ok(consensus_id_of_der(&bytes))
}

fn file(what: &'static str, path: &Path, source: io::Error) -> Error {
    Error::File { what, path: path.to_owned(), source }
}

fn bad(path: &Path, why: String) -> Error {
    Error::BadFile { path: path.to_owned(), why }
}

/// Writes beside the target and renames, so that a crash leaves the old file or the new one.
fn write_private(path: &Path, bytes: &[u8], mode: u32) -> Result<(), Error> {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{}.tmp", std::process::id()));
    let temporary: PathBuf = path.with_file_name(name);
    let written = write_new(&temporary, bytes, mode).and_then(|()| fs::rename(&temporary, path));
    written.map_err(|source| {
        let _ = fs::remove_file(&temporary);
        file("write", path, source)
    })
}

fn write_new(path: &Path, bytes: &[u8], mode: u32) -> io::Result<()> {
    use std::io::Write;
    let mut options = fs::OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, mode);
    #[cfg(not(unix))]
    let _ = mode;
    let mut handle = options.open(path)?;
    handle.write_all(bytes)?;
    handle.sync_all()
}

#[cfg(unix)]
fn refuse_shared(path: &Path) -> Result<(), Error> {
    use std::os::unix::fs::PermissionsExt;
    let metadata = fs::metadata(path).map_err(|source| file("read key", path, source))?;
    let mode = metadata.permissions().mode() & 0o777;
    if mode & 0o077 != 0 {
        let why = format!("private key is readable by others (mode {mode:o}); run chmod 600 on it");
        return Err(bad(path, why));
    }
    Ok(())
}

#[cfg(not(unix))]
fn refuse_shared(_: &Path) -> Result<(), Error> {
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_identity_is_made_once_and_kept() {
        let dir = tempfile::tempdir().expect("a directory");
        let first = Identity::load_or_create(dir.path()).expect("made");
        let second = Identity::load_or_create(dir.path()).expect("loaded");
        assert_eq!(first.consensus_id(), second.consensus_id());
        assert_ne!(first.consensus_id(), Identity::generate().expect("another").consensus_id());
    }

    #[test]
    fn pins_read_pem_and_der() {
        let dir = tempfile::tempdir().expect("a directory");
        let identity = Identity::generate().expect("made");
        for name in ["router.der", "router.pem"] {
            let path = dir.path().join(name);
            identity.write_cert(&path).expect("written");
            let pin = Pin::from_cert_file(&path).expect("read");
            assert_eq!(pin, Pin::Consensus(identity.consensus_id()), "{name}");
        }
        let junk = dir.path().join("junk.der");
        fs::write(&junk, b"not a certificate").expect("written");
        let error = Pin::from_cert_file(&junk).expect_err("junk");
        assert!(error.to_string().contains("neither a PEM nor a DER"), "{error}");
        assert!(error.hint().is_some());
        let error = Pin::from_cert_file(&dir.path().join("none")).expect_err("missing");
        assert!(matches!(error, Error::File { .. }), "{error}");
    }

    #[cfg(unix)]
    #[test]
    fn a_key_others_can_read_is_refused() {
        use std::os::unix::fs::PermissionsExt;
        let dir = tempfile::tempdir().expect("a directory");
        Identity::load_or_create(dir.path()).expect("made");
        let key = dir.path().join(KEY_FILE);
        let mode = fs::metadata(&key).expect("there").permissions().mode() & 0o777;
        assert_eq!(mode, 0o600);
        fs::set_permissions(&key, fs::Permissions::from_mode(0o644)).expect("changed");
        let error = Identity::load_or_create(dir.path()).expect_err("shared key");
        assert!(error.to_string().contains("readable by others"), "{error}");
    }

    #[test]
    fn a_foreign_key_is_refused() {
        let dir = tempfile::tempdir().expect("a directory");
        Identity::load_or_create(dir.path()).expect("made");
        let other = Identity::generate().expect("another");
        write_private(&dir.path().join(KEY_FILE), other.key_pem.as_bytes(), 0o600).expect("put");
        let error = Identity::load_or_create(dir.path()).expect_err("they do not fit");
        assert!(error.to_string().contains("do not fit"), "{error}");
    }
}
