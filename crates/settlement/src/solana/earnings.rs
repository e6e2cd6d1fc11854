//! What a key has earned in each epoch, and taking it (SPEC 9.13).
//!
//! Operators' work stands in accounts of its own, which a claim closes; a validator's audits stand in the epoch, and the
//! emission notes who has claimed. So what was taken is told from the chain alone: a claim that is run again finds nothing.

use std::fmt;

use ogong_chain_interface::{
    Address,
    account::{Emission, Epoch, Role, Supply, Work},
    address,
    instruction::{ClaimAudits, ClaimWork},
    token::associated_token,
};

use serde_json::{Value, json};

use super::Chain;
use crate::{emission, error::Error, token::tokens_text, wallet::Wallet};

/// Epochs looked back through for a validator's audits; more than a year of days. Providers', routers' and verifiers' work is found however old it is.
pub const EPOCHS_MAX: u64 = 400;
/// Where the operator's authority stands in a work account: behind discriminator, version, bump, role and epoch.
const WORK_OPERATOR_AT: usize = 8 + 1 + 1 + 1 + 8;

/// As what something was earned.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Earner {
    /// By co-signing audits.
    Validator,
    /// By a provider's, router's or verifier's work.
    Operator(Role),
}

/// How far an epoch's pay has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// Work is still counted in it.
    Counting,
    /// Nothing more is counted; a quorum of validators has not approved the emission yet. What it will be, atoms.
    Unapproved(u64),
    /// Approved: a claim brings so many atoms.
    Claimable(u64),
}

/// What a key did in one epoch, as one role.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Earning {
    /// When.
    pub epoch: u64,
    /// As what.
    pub earner: Earner,
    /// Replies, routes or audits.
    pub work: u64,
    /// How far its pay has come.
    pub standing: Standing,
    /// The wallet that is paid.
    pub payout: Address,
    /// Who opened the counters and gets their rent back; a validator has none.
    rent_payer: Option<Address>,
}

impl fmt::Display for Earner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Validator => "validator",
            Self::Operator(Role::Provider) => "provider",
            Self::Operator(Role::Router) => "router",
            Self::Operator(Role::Verifier) => "verifier",
        })
    }
}

/// What a run of claims came to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Claims {
    /// What was taken, and how many atoms it brought.
    pub claimed: Vec<(Earning, u64)>,
    /// What cannot be taken yet.
    pub waiting: Vec<Earning>,
}

impl Claims {
    /// Atoms that were taken.
    pub fn atoms(&self) -> u64 {
        self.claimed.iter().fold(0, |sum, (_, atoms)| sum.saturating_add(*atoms))
    }
}

impl Earning {
    /// As scripts read it.
    pub fn to_json(&self) -> Value {
        let (standing, atoms) = match self.standing {
            Standing::Counting => ("counting", None),
            Standing::Unapproved(atoms) => ("unapproved", Some(atoms)),
            Standing::Claimable(atoms) => ("claimable", Some(atoms)),
        };
        json!({ "epoch": self.epoch, "role": self.earner.to_string(), "work": self.work, "standing": standing, "atoms": atoms })
    }
}

impl fmt::Display for Earning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "epoch {} as {}, work {}: ", self.epoch, self.earner, self.work)?;
        match self.standing {
            Standing::Counting => f.write_str("still counted"),
            Standing::Unapproved(atoms) => write!(f, "{} once validators approve it", tokens_text(atoms)),
            Standing::Claimable(atoms) => write!(f, "{} to claim", tokens_text(atoms)),
        }
    }
}

impl Chain {
    /// Takes everything that `authority` can claim, or one epoch's, at `payer`'s expense. Run again, it finds nothing.
    ///
    /// # Errors
    /// As [`Chain::earnings`] and [`Chain::claim`]; [`Error::EmissionPending`] where the one epoch has work that is not approved.
    pub async fn claim_all(&self, payer: &Wallet, authority: &Address, only: Option<u64>) -> Result<Claims, Error> {
        let mut claims = Claims::default();
        for earning in self.earnings(authority).await? {
            let wanted = only.is_none_or(|epoch| epoch == earning.epoch);
            match earning.standing {
                Standing::Claimable(_) if wanted => {
                    let atoms = self.claim(payer, authority, &earning).await?;
                    claims.claimed.push((earning, atoms));
                }
                _ if wanted && only.is_some() => return Err(Error::EmissionPending { epoch: earning.epoch }),
                Standing::Claimable(_) => {}
                Standing::Counting | Standing::Unapproved(_) => claims.waiting.push(earning),
            }
        }
        Ok(claims)
    }

    /// Everything that `authority` has earned in any role and not claimed, oldest first.
    ///
    /// # Errors
    /// [`Error::NotRegistered`] when the key is nobody's registration and left no work behind, or when the chain does not answer.
    pub async fn earnings(&self, authority: &Address) -> Result<Vec<Earning>, Error> {
        let mut works = self.works_of(authority).await?;
        works.sort_unstable_by_key(|work| (work.epoch, work.role as u8));
        let mut found = Vec::new();
        for work in &works {
            found.push(self.of_work(work).await?);
        }
        match self.validator(authority).await? {
            Some(validator) => {
                let current = self.config().await?.stake_epoch;
                let numbers: Vec<u64> = (current.saturating_sub(EPOCHS_MAX)..=current).collect();
                for epoch in self.epochs(&numbers).await? {
                    found.extend(self.of_audits(&epoch, authority, validator.fee_owner).await?);
                }
            }
            None if found.is_empty() && !self.is_operator(authority).await? => {
                return Err(Error::NotRegistered(*authority));
            }
            None => {}
        }
        found.sort_by_key(|earning| earning.epoch);
        Ok(found)
    }

    /// Takes what an approved epoch owes, at `payer`'s expense; returns the atoms. Taken already: 0.
    ///
    /// # Errors
    /// [`Error::EmissionPending`] before the validators have approved the epoch, or when the chain refuses.
    pub async fn claim(&self, payer: &Wallet, authority: &Address, earning: &Earning) -> Result<u64, Error> {
        let Standing::Claimable(atoms) = earning.standing else {
            return Err(Error::EmissionPending { epoch: earning.epoch });
        };
        let mint = self.config().await?.mint;
        self.create_token_accounts(payer, &mint, &[earning.payout]).await?;
        let (epoch, to) = (earning.epoch, associated_token(&earning.payout, &mint));
        let authority = *authority;
        let claim = match (earning.earner, earning.rent_payer) {
            (Earner::Operator(role), Some(payer)) => {
                ClaimWork { epoch, role, authority, payer, to }.instruction(&self.program)
            }
            _ => ClaimAudits { epoch, authority, to }.instruction(&self.program),
        };
        let sent = self.submit(&[claim], &[payer]).await;
        // Whoever sent it, by now or before: what is not there any more is paid.
        match sent {
            Ok(_) => Ok(atoms),
            Err(_) if !self.is_owed(&authority, earning).await? => Ok(0),
            Err(error) => Err(error),
        }
    }

    /// One epoch: its stake and the sums of its work.
    ///
    /// # Errors
    /// When the chain does not answer.
    pub async fn epoch(&self, number: u64) -> Result<Option<Epoch>, Error> {
        self.one("epoch", address::epoch(&self.program, number), Epoch::decode).await
    }

    /// Those of some epochs that there are.
    pub(super) async fn epochs(&self, numbers: &[u64]) -> Result<Vec<Epoch>, Error> {
        let places: Vec<Address> = numbers.iter().map(|number| address::epoch(&self.program, *number)).collect();
        let found = self.rpc.accounts(&places).await?;
        let there = places.iter().zip(&found).filter_map(|(place, account)| Some((place, account.as_ref()?)));
        there.map(|(place, account)| self.decode("epoch", *place, account, Epoch::decode)).collect()
    }

    /// What an epoch's work is worth, once a quorum has approved it.
    ///
    /// # Errors
    /// When the chain does not answer.
    pub async fn emission(&self, number: u64) -> Result<Option<Emission>, Error> {
        self.one("emission", address::emission(&self.program, number), Emission::decode).await
    }

    /// What was minted, and since when.
    ///
    /// # Errors
    /// When the chain does not answer, or nothing was launched.
    pub async fn supply(&self) -> Result<Supply, Error> {
        let place = address::supply(&self.program);
        self.one("supply", place, Supply::decode).await?.ok_or(Error::AccountMissing { what: "supply", address: place })
    }

    async fn is_owed(&self, authority: &Address, earning: &Earning) -> Result<bool, Error> {
        Ok(match earning.earner {
            Earner::Operator(role) => {
                let place = address::work(&self.program, earning.epoch, role, authority);
                self.one("work", place, Work::decode).await?.is_some()
            }
            Earner::Validator => match self.epoch(earning.epoch).await? {
                Some(epoch) => self.of_audits(&epoch, authority, earning.payout).await?.is_some(),
                None => false,
            },
        })
    }

    async fn is_operator(&self, authority: &Address) -> Result<bool, Error> {
        for role in [Role::Provider, Role::Router, Role::Verifier] {
            if self.operator(role, authority).await?.is_some() {
                return Ok(true);
            }
        }
        Ok(false)
    }

    async fn works_of(&self, authority: &Address) -> Result<Vec<Work>, Error> {
        let discriminator = Work::discriminator();
        let filters = [(0, discriminator.as_slice()), (WORK_OPERATOR_AT, authority.as_array())];
        let found = self.rpc.program_accounts(&self.program, &filters).await?;
        found.iter().map(|(place, account)| self.decode("work", *place, account, Work::decode)).collect()
    }

    async fn of_work(&self, work: &Work) -> Result<Earning, Error> {
        let earned =
            |supply: &Supply, emission: &Emission, epoch: &Epoch| emission::of_operator(supply, emission, epoch, work);
        Ok(Earning {
            epoch: work.epoch,
            earner: Earner::Operator(work.role),
            work: work.count.saturating_add(work.liveness),
            standing: self.standing(work.epoch, earned).await?,
            payout: work.payout,
            rent_payer: Some(work.payer),
        })
    }

    /// A validator's audits of an epoch, unless there are none or they are claimed.
    async fn of_audits(&self, epoch: &Epoch, authority: &Address, payout: Address) -> Result<Option<Earning>, Error> {
        let number = epoch.set.epoch;
        let place = epoch.set.members.iter().position(|(key, _)| key == authority);
        let work = place.and_then(|place| epoch.audits.get(place)).copied().unwrap_or(0);
        let Some(place) = place.filter(|_| work > 0) else { return Ok(None) };
        let claimed = |emission: &Emission| emission.members_claimed >> place & 1 == 1;
        if self.emission(number).await?.as_ref().is_some_and(claimed) {
            return Ok(None);
        }
        let earned = |_: &Supply, emission: &Emission, epoch: &Epoch| {
            emission::of_member(emission, epoch, authority).map_or(0, |(atoms, _)| atoms)
        };
        let standing = self.standing(number, earned).await?;
        Ok(Some(Earning { epoch: number, earner: Earner::Validator, work, standing, payout, rent_payer: None }))
    }

    async fn standing(
        &self,
        number: u64,
        earned: impl Fn(&Supply, &Emission, &Epoch) -> u64,
    ) -> Result<Standing, Error> {
        let missing = || Error::AccountMissing { what: "epoch", address: address::epoch(&self.program, number) };
        let epoch = self.epoch(number).await?.ok_or_else(missing)?;
        if let Some(emission) = self.emission(number).await? {
            return Ok(Standing::Claimable(earned(&self.supply().await?, &emission, &epoch)));
        }
        if !emission::is_closed(&self.config().await?, number, self.clock_ms().await?) {
            return Ok(Standing::Counting);
        }
        let supply = self.supply().await?;
        Ok(Standing::Unapproved(earned(&supply, &emission::expected(&supply, &epoch), &epoch)))
    }
}
