//! The chain's rules about tokens once more, in plain Rust without accounts, signatures or Anchor: what a random sequence of
//! instructions must do. Each method says whether its step goes through, and changes the model only then.

use std::collections::BTreeMap;

/// Launch, split, fees and lengths as the tests' world has them.
pub const SPLIT_BPS: [u64; 3] = [500, 500, 500];
pub const MIN_STAKE: u64 = 100;
pub const VERIFIER_FEE: u64 = 10;
pub const COOLDOWN_EPOCHS: u64 = 2;
pub const EPOCH_MS: u64 = 3_600_000;
pub const GRACE_MS: u64 = 900_000;
/// Validators that sign everything.
pub const SIGNERS: usize = 3;

/// Of what is emitted before the first halving, apart from liveness: providers' part, and all of it.
const PROVIDERS_BPS: u64 = 5_900;
const EARNED_BPS: u64 = 8_400;

/// A role's part of what left the payers' purses.
fn cap_part(outside_fees: u64, bps: u64) -> u64 {
    u64::try_from(u128::from(outside_fees) * u128::from(bps) / u128::from(EARNED_BPS)).expect("a part")
}

/// Who holds tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Purse {
    Owner,
    Staker(usize),
    FeeOwner(usize),
    Vault,
    StakeVault,
    Reserve,
}

/// The four that move stake, by their place among the stakers: a validator, a provider, a router, a verifier.
pub const VALIDATOR: usize = 0;
pub const PROVIDER: usize = 1;
pub const ROUTER: usize = 2;
pub const VERIFIER: usize = 3;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    Open,
    Decided,
    Settled,
    Refunded,
    /// Only its stub is left.
    Compacted,
}

/// One reply's escrow.
#[derive(Clone, Debug)]
pub struct Escrow {
    pub max_fee: u64,
    pub deadline_ms: u64,
    pub from_deposit: bool,
    pub state: State,
    /// Provider, router, validator, reserve, change.
    pub amounts: [u64; 5],
    pub billed: u64,
    pub counted: u64,
    pub verifier: Option<bool>,
    /// Whether the router had its bond when it was opened.
    pub routed: bool,
    /// The provider's and a stranger's part, where two served.
    pub cohort: Option<[u64; 2]>,
}

/// What validators agreed to one by one.
#[derive(Clone, Copy, Debug)]
pub struct Approvals {
    pub epoch: usize,
    pub signers: usize,
    pub used: bool,
    pub closed: bool,
}

/// Many settlements by one root.
#[derive(Clone, Copy, Debug)]
pub struct Batch {
    pub count: usize,
    pub settled: usize,
    pub expiry_ms: u64,
    pub closed: bool,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Bond {
    pub stake: u64,
    pub cooling: u64,
    pub unlock_epoch: u64,
}

/// One operator's counters.
#[derive(Clone, Copy, Debug, Default)]
pub struct Work {
    pub count: u64,
    pub fees: u64,
    pub outside_fees: u64,
    pub liveness: u64,
    pub last_round: u64,
}

#[derive(Clone, Debug, Default)]
pub struct Epoch {
    pub started_ms: u64,
    pub ended_ms: u64,
    pub fees: u64,
    pub outside_fees: u64,
    pub routes: u64,
    pub verifications: u64,
    pub liveness: u64,
    /// Audits of each signer.
    pub audits: [u64; SIGNERS],
    /// Counters that are open, by staker.
    pub works: BTreeMap<usize, Work>,
    pub emission: Option<[u64; 5]>,
    pub claimed: [bool; SIGNERS],
}

/// Everything.
#[derive(Clone, Debug)]
pub struct Model {
    pub now_ms: u64,
    pub launched_ms: u64,
    pub purses: BTreeMap<Purse, u64>,
    pub deposit: u64,
    pub escrows: Vec<Escrow>,
    pub bonds: [Bond; 4],
    pub epochs: Vec<Epoch>,
    pub emitted: u64,
    pub approvals: Vec<Approvals>,
    pub batches: Vec<Batch>,
}

impl Model {
    pub fn holds(&self, purse: Purse) -> u64 {
        self.purses.get(&purse).copied().unwrap_or(0)
    }

    fn give(&mut self, purse: Purse, atoms: u64) {
        *self.purses.entry(purse).or_default() += atoms;
    }

    /// Moves atoms; nothing happens where they are not there.
    fn pay(&mut self, from: Purse, to: Purse, atoms: u64) -> bool {
        let there = self.holds(from) >= atoms;
        if there {
            *self.purses.entry(from).or_default() -= atoms;
            self.give(to, atoms);
        }
        there
    }

    pub fn current(&self) -> usize {
        self.epochs.len() - 1
    }

    fn epoch(&mut self) -> &mut Epoch {
        self.epochs.last_mut().expect("an epoch")
    }

    fn is_closed(&self, epoch: usize) -> bool {
        let started_ms = self.epochs[self.current()].started_ms;
        let in_grace = epoch + 1 == self.current() && self.now_ms <= started_ms + GRACE_MS;
        epoch < self.current() && !in_grace
    }

    fn is_bonded(&self, who: usize) -> bool {
        self.bonds[who].stake >= MIN_STAKE
    }

    pub fn open(&mut self, max_fee: u64, deadline_ms: u64, from_deposit: bool) -> bool {
        let paid = if from_deposit {
            let there = self.deposit >= max_fee;
            self.deposit -= if there { max_fee } else { 0 };
            there
        } else {
            self.pay(Purse::Owner, Purse::Vault, max_fee)
        };
        if paid {
            let (amounts, state, routed) = ([0; 5], State::Open, self.is_bonded(ROUTER));
            self.escrows.push(Escrow {
                max_fee,
                deadline_ms,
                from_deposit,
                state,
                amounts,
                billed: 0,
                counted: 0,
                verifier: None,
                routed,
                cohort: None,
            });
        }
        paid
    }

    pub fn fund(&mut self, atoms: u64) -> bool {
        let paid = atoms > 0 && self.pay(Purse::Owner, Purse::Vault, atoms);
        self.deposit += if paid { atoms } else { 0 };
        paid
    }

    pub fn withdraw_deposit(&mut self, atoms: u64) -> bool {
        let there = atoms > 0 && self.deposit >= atoms;
        if there {
            self.deposit -= atoms;
            assert!(self.pay(Purse::Vault, Purse::Owner, atoms), "the vault holds the deposit");
        }
        there
    }

    pub fn settle(&mut self, escrow: usize, fee: u64, billed: u64, counted: u64, accept: bool, verifier: bool) -> bool {
        let now_ms = self.now_ms;
        let escrow = &mut self.escrows[escrow];
        if escrow.state != State::Open || now_ms > escrow.deadline_ms || counted > billed {
            return false;
        }
        let fee = fee.min(escrow.max_fee);
        let [router, validator, reserve] = SPLIT_BPS.map(|bps| fee * bps / 10_000);
        let provider = fee - router - validator - reserve;
        escrow.amounts = [provider, router, validator, reserve, escrow.max_fee - fee];
        (escrow.state, escrow.billed, escrow.counted) = (State::Decided, billed, counted);
        escrow.verifier = verifier.then_some(false);
        if accept {
            self.count_audits();
        }
        true
    }

    /// The same by a cohort, whose parts must sum to the provider's.
    pub fn settle_cohort(&mut self, escrow: usize, fee: u64, billed: u64, counted: u64, shards: [u64; 2]) -> bool {
        let before = self.clone();
        let settled = self.settle(escrow, fee, billed, counted, true, false);
        if !settled
            || shards.iter().map(|atoms| u128::from(*atoms)).sum::<u128>() != self.escrows[escrow].amounts[0].into()
        {
            *self = before;
            return false;
        }
        self.escrows[escrow].cohort = Some(shards);
        true
    }

    /// A validator agrees to something new, or to what the ones before it have.
    pub fn approve(&mut self, place: usize) -> bool {
        if place == self.approvals.len() {
            self.approvals.push(Approvals { epoch: self.current(), signers: 0, used: false, closed: false });
        }
        self.approvals[place].signers += 1;
        true
    }

    pub fn close_approvals(&mut self, place: usize) -> bool {
        let Approvals { epoch, used, closed, .. } = self.approvals[place];
        let counts = epoch == self.current() || !self.is_closed(epoch);
        let fits = !closed && (used || !counts);
        self.approvals[place].closed |= fits;
        fits
    }

    pub fn close_batch(&mut self, place: usize) -> bool {
        let Batch { count, settled, expiry_ms, closed } = self.batches[place];
        let fits = !closed && (settled == count || self.now_ms > expiry_ms);
        self.batches[place].closed |= fits;
        fits
    }

    pub fn compact(&mut self, escrow: usize) -> bool {
        let Escrow { state, deadline_ms, verifier, .. } = self.escrows[escrow];
        let over = matches!(state, State::Settled | State::Refunded) && self.now_ms > deadline_ms;
        let fits = over && verifier != Some(false);
        if fits {
            self.escrows[escrow].state = State::Compacted;
        }
        fits
    }

    fn count_audits(&mut self) {
        self.epoch().audits.iter_mut().for_each(|audits| *audits += 1);
    }

    pub fn release(&mut self, escrow: usize) -> bool {
        let current = self.current();
        let works = &self.epochs[current].works;
        let routed = self.escrows[escrow].routed;
        let has_works = works.contains_key(&PROVIDER) && (!routed || works.contains_key(&ROUTER));
        if self.escrows[escrow].state != State::Decided || !has_works {
            return false;
        }
        self.escrows[escrow].state = State::Settled;
        let Escrow { amounts, billed, counted, cohort, .. } = self.escrows[escrow].clone();
        let [provider, router, validator, reserve, _] = amounts;
        let part = |amount: u64| if billed == 0 { 0 } else { amount * counted / billed };
        let fee = part(provider + router + validator + reserve);
        let outside = if fee == 0 { 0 } else { part(router) + part(validator) + part(reserve) };
        let share = |amount: u64, share: u64, whole: u64| match whole {
            0 => 0,
            _ => u64::try_from(u128::from(amount) * u128::from(share) / u128::from(whole)).expect("a part"),
        };
        // of a cohort the registered shard's part counts
        let (fee, outside) = match cohort {
            None => (fee, outside),
            Some([own, _]) => {
                let part = share(fee, own, provider);
                (part, share(outside, part, fee))
            }
        };
        let epoch = self.epoch();
        (epoch.fees, epoch.outside_fees, epoch.routes) =
            (epoch.fees + fee, epoch.outside_fees + outside, epoch.routes + u64::from(routed));
        let work = epoch.works.get_mut(&PROVIDER).expect("looked at above");
        (work.fees, work.outside_fees, work.count) = (work.fees + fee, work.outside_fees + outside, work.count + 1);
        if routed {
            epoch.works.get_mut(&ROUTER).expect("looked at above").count += 1;
        }
        let [own, other] = cohort.unwrap_or([provider, 0]);
        let payees =
            [Purse::Staker(PROVIDER), Purse::FeeOwner(1), Purse::Staker(ROUTER), Purse::FeeOwner(0), Purse::Reserve];
        for (payee, atoms) in payees.into_iter().zip([own, other, router, validator, reserve]) {
            assert!(self.pay(Purse::Vault, payee, atoms), "the vault holds every escrow");
        }
        self.give_back(escrow, amounts[4]);
        true
    }

    fn give_back(&mut self, escrow: usize, atoms: u64) {
        if self.escrows[escrow].from_deposit {
            self.deposit += atoms;
        } else {
            assert!(self.pay(Purse::Vault, Purse::Owner, atoms), "the vault holds every escrow");
        }
    }

    pub fn reject(&mut self, escrow: usize) -> bool {
        let fits = self.escrows[escrow].state == State::Open && self.now_ms <= self.escrows[escrow].deadline_ms;
        if fits {
            self.escrows[escrow].state = State::Refunded;
            self.count_audits();
            self.give_back(escrow, self.escrows[escrow].max_fee);
        }
        fits
    }

    pub fn expire(&mut self, escrow: usize) -> bool {
        let fits = self.escrows[escrow].state == State::Open && self.now_ms > self.escrows[escrow].deadline_ms;
        if fits {
            self.escrows[escrow].state = State::Refunded;
            self.give_back(escrow, self.escrows[escrow].max_fee);
        }
        fits
    }

    pub fn pay_verifier(&mut self, escrow: usize) -> bool {
        let current = self.current();
        let Escrow { verifier, state, .. } = self.escrows[escrow];
        let owed = verifier == Some(false) && state != State::Compacted;
        if !owed || !self.epochs[current].works.contains_key(&VERIFIER) {
            return false;
        }
        let paid = self.pay(Purse::Reserve, Purse::Staker(VERIFIER), VERIFIER_FEE);
        if paid {
            self.escrows[escrow].verifier = Some(true);
            if self.is_bonded(VERIFIER) {
                let epoch = self.epoch();
                epoch.verifications += 1;
                epoch.works.get_mut(&VERIFIER).expect("looked at above").count += 1;
            }
        }
        paid
    }

    fn stake_min(who: usize) -> u64 {
        if who == PROVIDER { 0 } else { MIN_STAKE }
    }

    pub fn stake(&mut self, who: usize, atoms: u64) -> bool {
        let enough = atoms > 0 && self.bonds[who].stake + atoms >= Self::stake_min(who);
        let paid = enough && self.pay(Purse::Staker(who), Purse::StakeVault, atoms);
        self.bonds[who].stake += if paid { atoms } else { 0 };
        paid
    }

    pub fn unstake(&mut self, who: usize, atoms: u64) -> bool {
        let unlock_epoch = self.current() as u64 + COOLDOWN_EPOCHS;
        let bond = &mut self.bonds[who];
        let Some(left) = bond.stake.checked_sub(atoms) else { return false };
        let fits = atoms > 0 && (left == 0 || left >= Self::stake_min(who));
        if fits {
            *bond = Bond { stake: left, cooling: bond.cooling + atoms, unlock_epoch };
        }
        fits
    }

    pub fn withdraw(&mut self, who: usize) -> bool {
        let Bond { cooling, unlock_epoch, .. } = self.bonds[who];
        let fits = cooling > 0 && self.current() as u64 >= unlock_epoch;
        if fits {
            self.bonds[who].cooling = 0;
            assert!(self.pay(Purse::StakeVault, Purse::Staker(who), cooling), "the vault holds all stake");
        }
        fits
    }

    /// A stranger with a bond is slashed: it comes in and goes to the reserve.
    pub fn slash_stranger(&mut self, bond: u64) {
        self.give(Purse::Reserve, bond);
    }

    pub fn open_work(&mut self, who: usize) -> bool {
        let works = &mut self.epoch().works;
        let fits = !works.contains_key(&who);
        works.entry(who).or_default();
        fits
    }

    pub fn advance(&mut self) -> bool {
        let now_ms = self.now_ms;
        let over = now_ms >= self.epochs[self.current()].started_ms + EPOCH_MS;
        if over {
            self.epoch().ended_ms = now_ms;
            self.epochs.push(Epoch { started_ms: now_ms, ..Epoch::default() });
        }
        over
    }

    pub fn answer(&mut self, round: u64, answered_ms: u64) -> bool {
        let now_ms = self.now_ms;
        let epoch = self.epoch();
        let Some(work) = epoch.works.get_mut(&PROVIDER) else { return false };
        let fits = round > work.last_round && answered_ms <= now_ms;
        if fits {
            (work.last_round, work.liveness) = (round, work.liveness + 1);
            epoch.liveness += 1;
        }
        fits
    }

    /// `by_role` is the curve's file, which has tests of its own: seconds since the launch to atoms by role.
    pub fn approve_emission(&mut self, number: usize, by_role: impl Fn(u64, u64) -> [u64; 5]) -> bool {
        if !self.is_closed(number) || self.epochs[number].emission.is_some() {
            return false;
        }
        let launched_ms = self.launched_ms;
        let epoch = &mut self.epochs[number];
        let since = |at_ms: u64| at_ms.saturating_sub(launched_ms) / 1_000;
        let [providers, routers, validators, verifiers, liveness] =
            by_role(since(epoch.started_ms), since(epoch.ended_ms));
        let capped = |amount: u64, bps: u64, work: u64| {
            if work == 0 { 0 } else { amount.min(cap_part(epoch.outside_fees, bps)) }
        };
        epoch.emission = Some([
            capped(providers, PROVIDERS_BPS, epoch.fees),
            capped(routers, 500, epoch.routes),
            capped(validators, 1_000, epoch.audits.iter().sum()),
            capped(verifiers, 1_000, epoch.verifications),
            if epoch.liveness == 0 { 0 } else { liveness },
        ]);
        true
    }

    pub fn claim_work(&mut self, number: usize, who: usize) -> bool {
        let epoch = &mut self.epochs[number];
        let Some([providers, routers, _, verifiers, liveness]) = epoch.emission else { return false };
        let Some(work) = epoch.works.remove(&who) else { return false };
        let share = |amount: u64, part: u64, whole: u64| {
            if whole == 0 { 0 } else { (u128::from(amount) * u128::from(part) / u128::from(whole)) as u64 }
        };
        let atoms = match who {
            PROVIDER => {
                share(providers, work.fees, epoch.fees).min(cap_part(work.outside_fees, PROVIDERS_BPS))
                    + share(liveness, work.liveness, epoch.liveness)
            }
            ROUTER => share(routers, work.count, epoch.routes),
            _ => share(verifiers, work.count, epoch.verifications),
        };
        self.emitted += atoms;
        self.give(Purse::Staker(who), atoms);
        true
    }

    pub fn claim_audits(&mut self, number: usize, place: usize) -> bool {
        let epoch = &mut self.epochs[number];
        let Some([_, _, validators, _, _]) = epoch.emission else { return false };
        if std::mem::replace(&mut epoch.claimed[place], true) {
            return false;
        }
        let all: u64 = epoch.audits.iter().sum();
        let audits = epoch.audits[place];
        let atoms = if all == 0 { 0 } else { (u128::from(validators) * u128::from(audits) / u128::from(all)) as u64 };
        self.emitted += atoms;
        self.give(Purse::FeeOwner(place), atoms);
        true
    }
}
