//! Beacon rounds as this node sees them (SPEC 5.2): its own share, the peers' shares, and the value they make.
//!
//! A share leaves this node only after its round has begun. Collecting asks every peer at once; a round stands when the
//! shares that verified hold more than two thirds of stake, and waits a moment longer for the rest so that nobody is left
//! out for being slow. What was aggregated is kept: every reply of a round is drawn from the same value.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::time::Duration;

use ogong_base::hash::ConsensusId;
use ogong_base::units::{Round, UnixMillis};
use ogong_beacon::{Beacon, Share, VrfKey};
use ogong_net::wire::{ErrorCode, ErrorReply, RoundShare, RoundShareReply, RoundShareRequest, field};
use tokio::task::JoinSet;

use crate::error::refusal;
use crate::links::Links;
use crate::roster::Roster;

/// How long a complete quorum waits for the remaining shares.
const STRAGGLER_WAIT: Duration = Duration::from_millis(400);
/// How long one peer may take to answer.
const SHARE_TIMEOUT: Duration = Duration::from_secs(3);
/// Rounds kept, oldest dropped first.
const ROUNDS_KEPT: usize = 256;

/// Why a round has no value yet.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("beacon round {round}: shares of {have} of {total} atoms of stake, more than two thirds needed; missing {}", missing.join(", "))]
pub struct TooFewShares {
    /// The round.
    pub round: u64,
    /// Stake behind the shares that came.
    pub have: u64,
    /// Stake of all validators.
    pub total: u64,
    /// Who did not answer, as `endpoint (why)`.
    pub missing: Vec<String>,
}

/// The node's own key and the rounds it has seen.
#[derive(Debug)]
pub struct Rounds {
    me: ConsensusId,
    key: VrfKey,
    seen: Mutex<BTreeMap<Round, Beacon>>,
}

impl Rounds {
    /// Rounds of the node with this certificate and key.
    #[must_use]
    pub fn new(me: ConsensusId, key: VrfKey) -> Self {
        Self { me, key, seen: Mutex::new(BTreeMap::new()) }
    }

    /// The node's VRF key.
    #[must_use]
    pub const fn key(&self) -> &VrfKey {
        &self.key
    }

    /// Answers a peer that asks for this node's share.
    ///
    /// # Errors
    /// A fault of this node's own key.
    pub fn answer(
        &self,
        request: RoundShareRequest,
        roster: &Roster,
        now_ms: u64,
    ) -> Result<RoundShareReply, ErrorReply> {
        let (round, schedule) = (Round(request.round), roster.terms.schedule);
        let starts_ms = schedule.start_ms(round).0;
        if !schedule.has_begun(round, UnixMillis(now_ms)) {
            return Ok(RoundShareReply { share: None, starts_ms });
        }
        let share = self
            .own(round, roster)
            .map_err(|err| refusal(ErrorCode::Internal, err.to_string(), "the validator's log says more"))?;
        let share = RoundShare { round: round.0, consensus_id: self.me.as_bytes().to_vec(), proof: encoded(&share) };
        Ok(RoundShareReply { share: Some(share), starts_ms })
    }

    /// The value of a round that has begun.
    ///
    /// # Errors
    /// [`TooFewShares`] names who is missing; ask again later.
    pub async fn collect(&self, round: Round, roster: &Roster, links: &Links) -> Result<Beacon, TooFewShares> {
        if let Some(beacon) = self.remembered(round) {
            return Ok(beacon);
        }
        let mut gathered = Gathered::new(round, roster);
        if let Ok(share) = self.own(round, roster) {
            gathered.take(share);
        }
        let mut asked = JoinSet::new();
        for peer in roster.peers_of(self.me) {
            let (links, id, endpoint) = (links.clone(), peer.consensus_id, peer.endpoint.clone());
            asked.spawn(async move {
                let asked =
                    tokio::time::timeout(SHARE_TIMEOUT, links.ask(id, RoundShareRequest { round: round.0 })).await;
                let reply = match asked {
                    Ok(Ok(reply)) => Ok(reply),
                    Ok(Err(err)) => Err(err.to_string()),
                    Err(_) => Err("no answer".to_owned()),
                };
                (id, endpoint, reply)
            });
        }
        while let Some(answer) = next_answer(&mut asked, gathered.is_quorum()).await {
            let (id, endpoint, reply) = answer;
            if let Err(why) = reply.and_then(|reply| gathered.admit(id, reply)) {
                gathered.missing.push(format!("{endpoint} ({why})"));
            }
        }
        let beacon = gathered.finish()?;
        self.remember(beacon.clone());
        Ok(beacon)
    }

    /// As [`Rounds::collect`], forgetting what was collected before: the registry has changed under it.
    ///
    /// # Errors
    /// As [`Rounds::collect`].
    pub async fn collect_anew(&self, round: Round, roster: &Roster, links: &Links) -> Result<Beacon, TooFewShares> {
        if let Ok(mut seen) = self.seen.lock() {
            seen.remove(&round);
        }
        self.collect(round, roster, links).await
    }

    fn own(&self, round: Round, roster: &Roster) -> Result<Share, ogong_beacon::Error> {
        let proof = self.key.prove(roster.terms.network, round)?;
        Ok(Share { consensus_id: self.me, proof })
    }

    fn remembered(&self, round: Round) -> Option<Beacon> {
        self.seen.lock().ok()?.get(&round).cloned()
    }

    fn remember(&self, beacon: Beacon) {
        if let Ok(mut seen) = self.seen.lock() {
            seen.insert(beacon.round, beacon);
            while seen.len() > ROUNDS_KEPT {
                seen.pop_first();
            }
        }
    }
}

/// Shares of one round that verified.
struct Gathered<'a> {
    round: Round,
    roster: &'a Roster,
    shares: Vec<Share>,
    missing: Vec<String>,
}

impl<'a> Gathered<'a> {
    fn new(round: Round, roster: &'a Roster) -> Self {
        Self { round, roster, shares: Vec::new(), missing: Vec::new() }
    }

    fn admit(&mut self, id: ConsensusId, reply: RoundShareReply) -> Result<(), String> {
        let share = reply.share.ok_or_else(|| format!("its clock says the round starts at {}", reply.starts_ms))?;
        let from: ConsensusId = field("consensus_id", &share.consensus_id).map_err(|err| err.message)?;
        if from != id || share.round != self.round.0 {
            return Err("it sent another share than asked for".to_owned());
        }
        let proof = field("proof", &share.proof).map_err(|err| err.message)?;
        let share = Share { consensus_id: id, proof };
        share.verify(self.roster.terms.network, self.round, &self.roster.set).map_err(|err| err.to_string())?;
        self.take(share);
        Ok(())
    }

    fn take(&mut self, share: Share) {
        if self.roster.set.by_consensus_id(share.consensus_id).is_some() {
            self.shares.push(share);
        }
    }

    fn stake(&self) -> u64 {
        self.shares
            .iter()
            .filter_map(|share| self.roster.set.by_consensus_id(share.consensus_id))
            .map(|validator| validator.stake)
            .sum()
    }

    fn is_quorum(&self) -> bool {
        self.roster.set.is_quorum(self.stake())
    }

    fn finish(self) -> Result<Beacon, TooFewShares> {
        let (have, total, round) = (self.stake(), self.roster.set.total_stake(), self.round);
        Beacon::aggregate(self.roster.terms.network, round, &self.roster.set, self.shares).map_err(|_| TooFewShares {
            round: round.0,
            have,
            total,
            missing: self.missing,
        })
    }
}

/// The next answer; with a quorum already there, only as long as stragglers get.
async fn next_answer<T: 'static>(asked: &mut JoinSet<T>, quorum: bool) -> Option<T> {
    loop {
        let joined = if quorum {
            tokio::time::timeout(STRAGGLER_WAIT, asked.join_next()).await.ok().flatten()?
        } else {
            asked.join_next().await?
        };
        // A task that panicked has no answer; the others go on.
        if let Ok(answer) = joined {
            return Some(answer);
        }
    }
}

fn encoded(share: &Share) -> Vec<u8> {
    use ogong_base::codec::Encode;
    share.proof.to_bytes()
}
