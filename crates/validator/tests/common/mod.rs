//! A network small enough for a test: real validators over real QUIC and real stores, a ledger in memory, and a provider
//! and verifiers that compute with the made-up model of `ogong-audit`'s own tests.

#![allow(dead_code)]

pub mod ledger;
pub mod people;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use ogong_audit::Profile;
use ogong_base::hash::{ChainKey, ReplyId};
use ogong_base::units::Ppm;
use ogong_validator::cli::ExactPolicy;
use ogong_validator::config::{Config, FeeOwners, Sequential, Sink};
use ogong_validator::ledger::Ledger;
use ogong_validator::run::{Running, start_on};
use ogong_validator::state::{Entry, Phase};
use tempfile::TempDir;

use ledger::MemoryLedger;

/// How long anything may take before a test fails.
pub const PATIENCE: Duration = Duration::from_secs(40);

/// Validators on one ledger.
pub struct Net {
    pub ledger: Arc<MemoryLedger>,
    pub nodes: Vec<Running>,
    dirs: Vec<TempDir>,
    alpha: u64,
}

impl Net {
    /// `count` validators of equal stake that found each other; the first holds the sink.
    pub async fn start(count: usize, alpha_ppm: u64) -> Self {
        let mut net = Self {
            ledger: Arc::new(MemoryLedger::new(alpha_ppm)),
            nodes: Vec::new(),
            dirs: Vec::new(),
            alpha: alpha_ppm,
        };
        for index in 0..count {
            net.dirs.push(tempfile::tempdir().expect("a directory"));
            let node = net.launch(index).await;
            net.nodes.push(node);
        }
        net.settled_down().await;
        net
    }

    /// Starts the node of a data directory and registers where it listens.
    async fn launch(&self, index: usize) -> Running {
        let config = config(self.dirs[index].path(), index == 0, self.alpha, &self.ledger);
        let begun = std::time::Instant::now();
        loop {
            let ledger: Arc<dyn Ledger> = Arc::clone(&self.ledger) as Arc<dyn Ledger>;
            match start_on(config.clone(), Some(ledger), Profile::default()).await {
                Ok(running) => {
                    self.ledger.register(&running);
                    return running;
                }
                // The store's writing thread of the former node lets go of the file a moment later.
                Err(error) => {
                    assert!(error.to_string().contains("has it open") && begun.elapsed() < PATIENCE, "{error}")
                }
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Ends a node as a crash would: nothing is told to anybody.
    pub async fn kill(&mut self, index: usize) -> Running {
        self.nodes.remove(index)
    }

    /// Starts a killed node again on what it stored.
    pub async fn revive(&mut self, index: usize) {
        let node = self.launch(index).await;
        self.nodes.insert(index, node);
        self.settled_down().await;
    }

    pub fn dir(&self, index: usize) -> &Path {
        self.dirs[index].path()
    }

    /// Waits until every node knows and reaches every other and who settles.
    pub async fn settled_down(&self) {
        let count = self.nodes.len();
        until("the validators to find each other", || {
            self.nodes.iter().all(|running| {
                let node = &running.node;
                let Some(roster) = node.roster() else { return false };
                roster.members.len() >= count
                    && self.nodes.iter().all(|other| {
                        let id = other.node.consensus_id();
                        id == node.consensus_id() || node.links.live(id).is_some()
                    })
            })
        })
        .await;
        for running in &self.nodes {
            for other in &self.nodes {
                running.node.sinks.note(other.node.consensus_id(), other.node.config.holds_sink());
            }
        }
    }

    pub fn entry(&self, index: usize, reply_id: ReplyId) -> Option<Entry> {
        self.nodes[index].node.shelf.entry(&reply_id).expect("readable")
    }

    /// Waits until a node has brought a reply to a phase.
    pub async fn reaches(&self, index: usize, reply_id: ReplyId, phase: Phase) -> Entry {
        let mut last = String::new();
        let begun = std::time::Instant::now();
        while begun.elapsed() < PATIENCE {
            if let Some(entry) = self.entry(index, reply_id) {
                if entry.phase == phase {
                    return entry;
                }
                last = format!("{:?}: {}", entry.phase, entry.note);
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("reply {reply_id} did not become {phase:?} at node {index}, it is {last}");
    }
}

/// Waits for a condition.
pub async fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let begun = std::time::Instant::now();
    while !holds() {
        assert!(begun.elapsed() < PATIENCE, "waited in vain for {what}");
        tokio::time::sleep(Duration::from_millis(25)).await;
    }
}

fn config(dir: &Path, sink: bool, alpha_ppm: u64, ledger: &MemoryLedger) -> Config {
    let (keys, _) = ogong_validator::keys::load_or_create(dir, None).expect("keys");
    let authority = keys.wallet.key();
    Config {
        bind: "127.0.0.1:0".parse().expect("an address"),
        alpha: Ppm(alpha_ppm),
        sequential: Sequential { s: 1.0, eps: 0.0, beta: 0.001 },
        peers: Vec::new(),
        verifier: None,
        exact: ExactPolicy::Auto,
        windows_drawn: 2,
        registry_refresh: Duration::from_millis(150),
        data_dir: dir.to_path_buf(),
        keypair: None,
        cert_out: None,
        chain: None,
        sink: sink.then(|| Sink {
            mint: ledger.mint(),
            fee_owners: FeeOwners {
                router: ChainKey::from_bytes([0x22; 32]),
                validator: authority,
                reserve: ledger.reserve_owner(),
            },
            quorum: 2,
        }),
        allow_pinned: true,
    }
}
