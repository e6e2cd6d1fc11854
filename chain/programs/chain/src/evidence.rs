//! Statements of nodes that can be held against them (SPEC 9.12): what they sign is
//! `bytes(tag) ‖ u8 1 ‖ hash network ‖ key program ‖ body`, with the hybrid key; here the Ed25519 half counts, the other one
//! is the quorum's to check.
//!
//! | | tag | body |
//! |---|---|---|
//! | vote | `ogong/v1/settlement/cosign` | `hash reply_id ‖ u8 outcome ‖ hash verdict_hash ‖ hash digest` |
//! | word | `ogong/v1/audit/word` | `hash job ‖ hash report_hash ‖ u8 outcome ‖ u64 signed_ms` |
//! | route | `ogong/v1/net/route` | `hash query ‖ hash model_root ‖ hash provider ‖ u64 price_prompt ‖ u64 price_completion ‖ u64 ceiling_prompt ‖ u64 ceiling_completion ‖ u64 issued_ms` |

use crate::ed25519::{self, Signed};
use crate::error::ChainError;
use crate::hash;
use crate::settlement::{OUTCOME_ACCEPT, OUTCOME_NOT_SELECTED, OUTCOME_REJECT};
use crate::state::Config;
use anchor_lang::prelude::*;

const VERSION: u8 = 1;

/// A validator's vote on a reply.
pub struct Vote {
    pub reply_id: [u8; 32],
    pub outcome: u8,
}

/// A verifier's word on a job.
pub struct Word {
    pub job: [u8; 32],
    pub outcome: u8,
    pub signed_ms: u64,
}

/// A router's answer to a query.
pub struct Route {
    pub query: [u8; 32],
    pub provider: [u8; 32],
    pub prices: [u64; 2],
    pub ceilings: [u64; 2],
}

impl Vote {
    pub fn read(signed: &Signed, config: &Config) -> Result<Self> {
        let mut body = Body::of(signed, "ogong/v1/settlement/cosign", config)?;
        let vote = Self { reply_id: body.take()?, outcome: body.u8()? };
        let (_verdict_hash, _digest): ([u8; 32], [u8; 32]) = (body.take()?, body.take()?);
        body.end()?;
        Ok(vote)
    }

    /// One pays what the other refunds.
    pub fn contradicts(&self, other: &Self) -> bool {
        let pays = |vote: &Self| matches!(vote.outcome, OUTCOME_ACCEPT | OUTCOME_NOT_SELECTED);
        let refunds = |vote: &Self| vote.outcome == OUTCOME_REJECT;
        self.reply_id == other.reply_id && ((pays(self) && refunds(other)) || (refunds(self) && pays(other)))
    }
}

impl Word {
    pub fn read(signed: &Signed, config: &Config) -> Result<Self> {
        let mut body = Body::of(signed, "ogong/v1/audit/word", config)?;
        let job = body.take()?;
        let _report_hash: [u8; 32] = body.take()?;
        let word = Self { job, outcome: body.u8()?, signed_ms: body.u64()? };
        body.end()?;
        Ok(word)
    }

    /// The word says the opposite of `expected`.
    pub fn is_wrong(&self, expected: u8) -> bool {
        let opposite = match expected {
            OUTCOME_ACCEPT => OUTCOME_REJECT,
            OUTCOME_REJECT => OUTCOME_ACCEPT,
            _ => return false,
        };
        self.outcome == opposite
    }
}

impl Route {
    pub fn read(signed: &Signed, config: &Config) -> Result<Self> {
        let mut body = Body::of(signed, "ogong/v1/net/route", config)?;
        let query = body.take()?;
        let _model_root: [u8; 32] = body.take()?;
        let provider = body.take()?;
        let (prices, ceilings) = ([body.u64()?, body.u64()?], [body.u64()?, body.u64()?]);
        let _issued_ms = body.u64()?;
        body.end()?;
        Ok(Self { query, provider, prices, ceilings })
    }

    /// It names a provider that is dearer than the consumer allowed.
    pub fn is_over_ceiling(&self) -> bool {
        self.prices.iter().zip(&self.ceilings).any(|(price, ceiling)| price > ceiling)
    }

    /// Two answers to one query with different providers: a further answer takes a further query.
    pub fn contradicts(&self, other: &Self) -> bool {
        self.query == other.query && self.provider != other.provider
    }
}

/// What a honeypot commits to.
pub fn honeypot(job: &[u8; 32], expected: u8, salt: &[u8; 32]) -> [u8; 32] {
    hash::tagged("ogong/v1/audit/honeypot", &[&job[..], &[expected], salt].concat())
}

/// The hash over the statements in the instruction in front, which is part of a case's address: a case with statements that
/// the quorum does not act on takes nobody's place.
pub fn hash_in_front(sysvar: &AccountInfo) -> Result<[u8; 32]> {
    Ok(hash_of(&ed25519::signatures(sysvar)?))
}

/// One hash over signed statements.
pub fn hash_of(signed: &[Signed]) -> [u8; 32] {
    let parts: Vec<&[u8]> = signed.iter().flat_map(|one| [&one.key[..], &one.message]).collect();
    hash::sha256(&parts)
}

struct Body<'a>(&'a [u8]);

impl<'a> Body<'a> {
    /// What follows tag, version, network and program, where they are ours.
    fn of(signed: &'a Signed, tag: &str, config: &Config) -> Result<Self> {
        let length = (tag.len() as u32).to_le_bytes();
        let mut rest = signed.message.as_slice();
        for part in [&length[..], tag.as_bytes(), &[VERSION], &config.network, crate::ID.as_ref()] {
            rest = rest.strip_prefix(part).ok_or(ChainError::EvidenceForeign)?;
        }
        Ok(Self(rest))
    }

    fn take<const N: usize>(&mut self) -> Result<[u8; N]> {
        let (head, tail) = self.0.split_first_chunk().ok_or(ChainError::EvidenceMalformed)?;
        self.0 = tail;
        Ok(*head)
    }

    fn u8(&mut self) -> Result<u8> {
        Ok(u8::from_le_bytes(self.take()?))
    }

    fn u64(&mut self) -> Result<u64> {
        Ok(u64::from_le_bytes(self.take()?))
    }

    fn end(self) -> Result<()> {
        require!(self.0.is_empty(), ChainError::EvidenceMalformed);
        Ok(())
    }
}
