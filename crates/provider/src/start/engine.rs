//! The engine behind a provider: a child, or a server that somebody else runs; and whether it can earn.

use crate::{Error, config::Config, verifier};
use ogong_daemon::Shutdown;
use ogong_engine::{EngineClient, Supervisor, supervisor::SupervisorConfig, wire::Capabilities};
use std::{path::Path, time::Duration};
use tokio::{sync::watch, time::sleep};
use tracing::info;

/// The engine behind this provider: a child, or a server that somebody else runs.
pub enum Engine {
    /// A child.
    Embedded(Supervisor),
    /// Somebody else's server.
    Upstream(EngineClient),
}

impl Engine {
    /// Starts it, or takes the server that the configuration names.
    ///
    /// # Errors
    /// When there is no model, or the engine does not come up.
    pub async fn of(config: &Config, home: &Path) -> Result<Self, Error> {
        if let Some(url) = &config.upstream {
            return Ok(Self::Upstream(EngineClient::new(url)?));
        }
        let (model, args) = config.text_model()?;
        let mut spawn = SupervisorConfig::new(&model, verifier::log_dir(home).join("engine.log"));
        spawn.extra_args = args;
        spawn.commit = config.join_network;
        (spawn.parallel, spawn.n_ctx, spawn.threads) = (config.parallel, config.n_ctx, config.threads);
        info!(model = %model.display(), "starting the engine");
        Ok(Self::Embedded(Supervisor::start(spawn).await?))
    }

    /// A client of it.
    pub fn client(&self) -> &EngineClient {
        match self {
            Self::Embedded(supervisor) => supervisor.client(),
            Self::Upstream(client) => client,
        }
    }

    /// Stops the child.
    pub async fn stop(self) {
        if let Self::Embedded(supervisor) = self {
            supervisor.stop().await;
        }
    }
}

/// What an engine can do, if it can earn: a server without commit mode shows neither coins nor hidden states.
///
/// # Errors
/// When it cannot, or cannot be asked.
pub async fn committing(engine: &EngineClient) -> Result<Capabilities, Error> {
    match engine.capabilities().await {
        Ok(capabilities) if capabilities.commit && capabilities.score => Ok(capabilities),
        Ok(_) | Err(ogong_engine::Error::Refused { .. } | ogong_engine::Error::Malformed { .. }) => {
            Err(Error::NoCommit { url: engine.base_url().to_owned() })
        }
        Err(error) => Err(error.into()),
    }
}

/// Whether the engine is up, looked at every second.
pub fn watch_engine(client: EngineClient, shutdown: Shutdown) -> watch::Receiver<bool> {
    let (sender, receiver) = watch::channel(true);
    tokio::spawn(async move {
        while !shutdown.is_triggered() {
            let up = matches!(client.health().await, Ok(true));
            sender.send_if_modified(|was| std::mem::replace(was, up) != up);
            let _ = shutdown.unless(sleep(Duration::from_secs(1))).await;
        }
    });
    receiver
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::{Json, Router, http::StatusCode, routing::get};
    use ogong_base::{class::NumericClass, hash::ModelRoot};
    use serde_json::json;
    use tokio::net::TcpListener;

    /// An upstream whose `/v1/capabilities` answers so.
    async fn asked(answer: impl Into<serde_json::Value>, status: StatusCode) -> Result<Capabilities, Error> {
        let answer = answer.into();
        let routes = Router::new().route("/v1/capabilities", get(async move || (status, Json(answer))));
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let url = format!("http://{}/v1", listener.local_addr().expect("an address"));
        tokio::spawn(async move { axum::serve(listener, routes).await });
        committing(&EngineClient::new(&url).expect("a client")).await
    }

    #[tokio::test]
    async fn an_upstream_without_commit_mode_is_refused() {
        let class = NumericClass {
            engine: "llama.cpp b12032".into(),
            backend: "cpu".into(),
            weight_format: "Q8_0".into(),
            kv_dtype: "f16".into(),
            flash_attention: true,
            exact: true,
        };
        let full = Capabilities {
            engine: "ogong-text-server".into(),
            model: "m".into(),
            model_root: ModelRoot::from_bytes([1; 32]),
            n_ctx: 512,
            n_vocab: 9,
            class,
            commit: true,
            score: true,
            exact: true,
            slots: 1,
        };
        let json = |capabilities: &Capabilities| serde_json::to_value(capabilities).expect("JSON");
        assert_eq!(asked(json(&full), StatusCode::OK).await.expect("it can earn"), full);
        let mute = Capabilities { commit: false, ..full.clone() };
        let unscored = Capabilities { score: false, ..full };
        for (answer, status) in [
            (json(&mute), StatusCode::OK),
            (json(&unscored), StatusCode::OK),
            (json!({"error": {"message": "no such path"}}), StatusCode::NOT_FOUND),
            (json!({"object": "list"}), StatusCode::OK),
        ] {
            let error = asked(answer.clone(), status).await.expect_err("it cannot earn");
            let hint = error.hint().unwrap_or_default();
            assert!(matches!(error, Error::NoCommit { .. }) && hint.contains("commit"), "{answer}: {error}");
        }
        let nobody = EngineClient::new("http://127.0.0.1:1").expect("a client");
        assert!(!matches!(committing(&nobody).await, Err(Error::NoCommit { .. }) | Ok(_)), "that is another trouble");
    }
}
