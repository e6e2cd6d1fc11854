//! Telling the validators about this verifier: model, numeric class, certificate, endpoint, stake owner (SPEC 5.3, 10).

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use ogong_audit::{Announcement, Role, SignedAnnouncement};
use ogong_base::codec::Encode;
use ogong_base::hash::{ChainKey, NetworkId};
use ogong_base::model_id::ModelId;
use ogong_base::params::ENDPOINT_BYTES_MAX;
use ogong_base::units::UnixMillis;
use ogong_daemon::clock::now_ms;
use ogong_net::wire::Announce;
use tokio::task::JoinSet;
use tracing::{debug, info, warn};

use crate::error::Error;
use crate::serve::Verifier;

/// How long a validator may take to answer.
const ANSWER_WAIT: Duration = Duration::from_secs(5);
/// Pause while no validator has heard of this verifier yet.
const FIRST_RETRY: Duration = Duration::from_secs(1);

/// What this verifier says of itself.
#[derive(Debug, Clone)]
pub struct Terms {
    /// The model, by name.
    pub model_id: ModelId,
    /// Whose stake stands behind it; zero when nobody's.
    pub stake_owner: ChainKey,
    /// Where jobs reach it.
    pub endpoint: String,
}

/// The endpoint told to validators: the operator's, or the bound address where that names a host.
///
/// # Errors
/// A wildcard address with nothing advertised, or an endpoint that is too long.
pub fn endpoint(advertise: Option<&str>, bound: SocketAddr) -> Result<String, Error> {
    let endpoint = match advertise {
        Some(endpoint) => endpoint.to_owned(),
        None if bound.ip().is_unspecified() => SocketAddr::new([127, 0, 0, 1].into(), bound.port()).to_string(),
        None => bound.to_string(),
    };
    if endpoint.len() > ENDPOINT_BYTES_MAX {
        return Err(Error::usage(
            format!("the endpoint {endpoint} has {} bytes, at most {ENDPOINT_BYTES_MAX} fit", endpoint.len()),
            "advertise a shorter name with --listen-advertise",
        ));
    }
    Ok(endpoint)
}

/// Announces to every known validator until the process ends.
pub async fn run(verifier: Arc<Verifier>, terms: Terms, refresh: Duration) {
    let mut heard = 0;
    loop {
        if let Err(error) = verifier.members.refresh().await {
            warn!(%error, "registry not readable, known validators stay");
        }
        if let Err(error) = verifier.capability.refresh(&verifier.engine).await {
            debug!(%error, "engine does not say what it can do now");
        }
        let count = match verifier.members.network().await {
            Ok(Some(network)) => round(&verifier, &terms, network).await,
            Ok(None) => round(&verifier, &terms, ogong_base::hash::NetworkId::of_name(NETWORK_WITHOUT_CHAIN)).await,
            Err(error) => {
                debug!(%error, "network not known yet");
                0
            }
        };
        if count != heard {
            info!(validators = count, "announced");
            heard = count;
        }
        tokio::time::sleep(if count == 0 { FIRST_RETRY.min(refresh) } else { refresh }).await;
    }
}

/// Name of the network where no chain says another, as validators use it.
pub const NETWORK_WITHOUT_CHAIN: &str = "ogong-without-chain";

async fn round(verifier: &Arc<Verifier>, terms: &Terms, network: NetworkId) -> usize {
    let capabilities = verifier.capability.current();
    let signed = SignedAnnouncement::sign(
        Announcement {
            network,
            role: Role::Verifier,
            model_id: terms.model_id.clone(),
            model_root: capabilities.model_root,
            class: capabilities.class,
            consensus_id: verifier.identity.consensus_id(),
            endpoint: terms.endpoint.clone(),
            stake_owner: terms.stake_owner,
            payout: terms.stake_owner,
            issued: UnixMillis(now_ms()),
        },
        &verifier.key,
    );
    let announce = Announce {
        announcement: signed.body.to_bytes(),
        signature: signed.signature.to_bytes(),
        public: signed.public.to_bytes(),
    };
    let mut asked = JoinSet::new();
    for dialer in verifier.members.dialers() {
        let announce = announce.clone();
        asked.spawn(async move {
            let reply = dialer.ask_within(announce, ANSWER_WAIT).await;
            match &reply {
                Ok(reply) if reply.status != "active" => {
                    warn!(validator = dialer.target(), status = %reply.status, "validator does not draw this verifier")
                }
                Ok(_) => {}
                Err(error) => debug!(validator = dialer.target(), %error, "validator did not take the announcement"),
            }
            reply.is_ok()
        });
    }
    asked.join_all().await.into_iter().filter(|heard| *heard).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wildcard_is_not_told_to_anybody() {
        let any: SocketAddr = "0.0.0.0:4544".parse().expect("an address");
        assert_eq!(endpoint(None, any).expect("named"), "127.0.0.1:4544");
        assert_eq!(endpoint(Some("verifier.example:9"), any).expect("given"), "verifier.example:9");
        assert!(endpoint(Some(&"x".repeat(65)), any).is_err());
    }
}
