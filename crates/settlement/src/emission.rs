//! What an epoch's work earns (SPEC 9.11, 9.13): pure, and a second writing of the program's arithmetic, so that a validator
//! approves only what it computed itself and an earner knows what a claim will bring.
//!
//! ```text
//! emitted(t) = T − T/2ᵉ + ⌊T/2ᵉ⁺¹ · r / Y⌋      T = 4·10⁹ tokens, Y = 4 years, e = ⌊t / Y⌋, r = t mod Y
//! ```

use ogong_chain_interface::{
    Address, BPS_TOTAL, Instruction,
    account::{Config, Emission, Epoch, Role, Supply, ValidatorSet, Work},
    evidence::{EmissionTerms, Place},
    instruction::ApproveEmission,
};

use crate::{
    error::Error,
    message::{Quorum, QuorumPlan, stake_of},
    token::ATOMS_PER_TOKEN,
};

/// What the curve approaches and never reaches, atoms.
pub const TRANCHE_ATOMS: u64 = 4_000_000_000 * ATOMS_PER_TOKEN;
/// Seconds from one halving to the next: 4 years of 365.25 days.
pub const HALVING_S: u64 = 126_230_400;
/// Basis points of routers, validators and verifiers; the rest after liveness is the providers'.
const ROLE_BPS: [u64; 3] = [500, 1_000, 1_000];
/// Basis points of liveness before the first halving; they halve with it.
const LIVENESS_BPS: u64 = 1_600;

/// The accounts that an ended epoch's emission is planned from, at one moment of the chain.
#[derive(Debug, Clone)]
pub struct Accounts {
    /// The program's address.
    pub program: Address,
    /// The network's parameters.
    pub config: Config,
    /// The chain's clock, Unix milliseconds.
    pub now_ms: u64,
    /// What was minted, and since when.
    pub supply: Supply,
    /// Whose work is paid.
    pub worked: Epoch,
    /// Its emission, once it is approved.
    pub emission: Option<Emission>,
    /// Who may sign now, with what weight.
    pub validators: ValidatorSet,
}

/// The approval of an ended epoch's emission, computed by whoever holds it.
#[derive(Debug, Clone)]
pub struct EmissionPlan {
    /// What is approved.
    pub terms: EmissionTerms,
    network: [u8; 32],
    program: Address,
    handler: Address,
    validators: ValidatorSet,
}

impl EmissionPlan {
    /// Computes what `handler` may have approved.
    ///
    /// # Errors
    /// [`Error::EpochOpen`] while a settlement can still name the epoch, [`Error::EmissionApproved`] when it is done,
    /// [`Error::NotAValidator`].
    pub fn new(accounts: &Accounts, handler: &Address) -> Result<Self, Error> {
        let epoch = accounts.worked.set.epoch;
        if !is_closed(&accounts.config, epoch, accounts.now_ms) {
            return Err(Error::EpochOpen { epoch });
        }
        if accounts.emission.is_some() {
            return Err(Error::EmissionApproved { epoch });
        }
        if accounts.validators.epoch != accounts.config.stake_epoch {
            return Err(Error::EpochMixed { set: accounts.validators.epoch, config: accounts.config.stake_epoch });
        }
        stake_of(&accounts.validators, handler)?;
        Ok(Self {
            terms: terms(&accounts.supply, &accounts.worked, accounts.config.stake_epoch),
            network: accounts.config.network,
            program: accounts.program,
            handler: *handler,
            validators: accounts.validators.clone(),
        })
    }

    /// Holds what a peer proposes against what this node computed.
    ///
    /// # Errors
    /// [`Error::EmissionDiffers`] names the first figure that is not ours.
    pub fn check_terms(&self, proposed: &EmissionTerms) -> Result<(), Error> {
        const NAMES: [&str; 11] = [
            "providers' amount",
            "routers' amount",
            "validators' amount",
            "verifiers' amount",
            "liveness amount",
            "fees",
            "outside fees",
            "routes",
            "audits",
            "verifications",
            "liveness answers",
        ];
        if (proposed.epoch, proposed.stake_epoch) != (self.terms.epoch, self.terms.stake_epoch) {
            return Err(Error::EmissionDiffers { figure: "epoch", got: proposed.epoch, ours: self.terms.epoch });
        }
        let figures = |terms: &EmissionTerms| terms.amounts.into_iter().chain(terms.sums).collect::<Vec<_>>();
        let pairs = figures(proposed).into_iter().zip(figures(&self.terms)).zip(NAMES);
        for ((got, ours), figure) in pairs {
            if got != ours {
                return Err(Error::EmissionDiffers { figure, got, ours });
            }
        }
        Ok(())
    }
}

impl QuorumPlan for EmissionPlan {
    fn handler(&self) -> Address {
        self.handler
    }

    fn validators(&self) -> &ValidatorSet {
        &self.validators
    }

    fn program(&self) -> Address {
        self.program
    }

    fn digest(&self) -> [u8; 32] {
        self.terms.digest(&Place { network: self.network, program: self.program })
    }

    fn instructions(&self, quorum: &Quorum) -> Vec<Vec<Instruction>> {
        let ((cosigners, approvals), handler) = (quorum.parts(), self.handler);
        let (epoch, stake_epoch) = (self.terms.epoch, self.terms.stake_epoch);
        let approve = ApproveEmission { handler, cosigners, approvals, epoch, stake_epoch };
        vec![vec![approve.instruction(&self.program)]]
    }
}

/// Atoms that the curve has released so many seconds after the launch.
pub fn emitted(elapsed_s: u64) -> u64 {
    let era = elapsed_s / HALVING_S;
    let left = halved(TRANCHE_ATOMS, era);
    if left == 0 {
        return TRANCHE_ATOMS - 1;
    }
    TRANCHE_ATOMS - left + share(halved(TRANCHE_ATOMS, era + 1), elapsed_s % HALVING_S, HALVING_S)
}

/// Whether nothing that `epoch` counts can change any more: its work may be paid.
pub fn is_closed(config: &Config, epoch: u64, now_ms: u64) -> bool {
    epoch < config.stake_epoch && !config.counts(epoch, now_ms)
}

/// An ended epoch's atoms: providers, routers, validators, verifiers, liveness.
pub fn amounts(supply: &Supply, epoch: &Epoch) -> [u64; 5] {
    let [start_s, end_s] = [epoch.started_ms, epoch.ended_ms].map(|at| at.saturating_sub(supply.launched_ms) / 1_000);
    let whole = emitted(end_s).saturating_sub(emitted(start_s));
    let bps = |bps| share(whole, bps, u64::from(BPS_TOTAL));
    let [routers, validators, verifiers] = ROLE_BPS.map(bps);
    let era = start_s / HALVING_S;
    let liveness = bps(halved(LIVENESS_BPS, era));
    let providers = whole - routers - validators - verifiers - liveness;
    let totals = &epoch.totals;
    let caps = caps(supply, totals.outside_fees, era);
    let capped = |atoms: u64, cap: u64, work: u64| if work == 0 { 0 } else { atoms.min(cap) };
    [
        capped(providers, caps[0], totals.fees),
        capped(routers, caps[1], totals.routes),
        capped(validators, caps[2], totals.audits),
        capped(verifiers, caps[3], totals.verifications),
        if totals.liveness == 0 { 0 } else { liveness },
    ]
}

/// What a quorum of `stake_epoch` approves for an ended epoch.
pub fn terms(supply: &Supply, epoch: &Epoch, stake_epoch: u64) -> EmissionTerms {
    let t = &epoch.totals;
    let sums = [t.fees, t.outside_fees, t.routes, t.audits, t.verifications, t.liveness];
    EmissionTerms { epoch: epoch.set.epoch, amounts: amounts(supply, epoch), sums, stake_epoch }
}

/// What an operator's work earns.
pub fn of_operator(supply: &Supply, emission: &Emission, epoch: &Epoch, work: &Work) -> u64 {
    let [providers, routers, _, verifiers, liveness] = emission.amounts;
    let totals = &epoch.totals;
    match work.role {
        Role::Provider => share(providers, work.fees, totals.fees)
            .min(caps(supply, work.outside_fees, era(supply, epoch))[0])
            .saturating_add(share(liveness, work.liveness, totals.liveness)),
        Role::Router => share(routers, work.count, totals.routes),
        Role::Verifier => share(verifiers, work.count, totals.verifications),
    }
}

/// What a validator's audits earn, and its place among the epoch's members; none where it is not one of them.
pub fn of_member(emission: &Emission, epoch: &Epoch, authority: &Address) -> Option<(u64, usize)> {
    let [_, _, validators, _, _] = emission.amounts;
    let place = epoch.set.members.iter().position(|(key, _)| key == authority)?;
    Some((share(validators, *epoch.audits.get(place)?, epoch.totals.audits), place))
}

/// An epoch's emission as a quorum would approve it now: what an earner may expect.
pub fn expected(supply: &Supply, epoch: &Epoch) -> Emission {
    let amounts = amounts(supply, epoch);
    Emission { epoch: epoch.set.epoch, amounts, minted: 0, members_claimed: 0, approved_ms: 0 }
}

/// Atoms that may be minted against fees that left their payers' own purses, to providers, routers, validators and verifiers:
/// together no more than those fees, as one wallet may be all four.
fn caps(supply: &Supply, outside_fees: u64, era: u64) -> [u64; 4] {
    let whole = u64::from(BPS_TOTAL);
    let all = share(outside_fees, u64::from(supply.emission_cap_bps), whole);
    let earned = whole - halved(LIVENESS_BPS, era);
    let [routers, validators, verifiers] = ROLE_BPS;
    let providers = earned - routers - validators - verifiers;
    [providers, routers, validators, verifiers].map(|bps| share(all, bps, earned))
}

/// Halvings before the epoch began.
fn era(supply: &Supply, epoch: &Epoch) -> u64 {
    epoch.started_ms.saturating_sub(supply.launched_ms) / 1_000 / HALVING_S
}

fn halved(atoms: u64, era: u64) -> u64 {
    u32::try_from(era).ok().and_then(|era| atoms.checked_shr(era)).unwrap_or(0)
}

/// `⌊atoms·part / whole⌋` where part ≤ whole; 0 of nothing.
fn share(atoms: u64, part: u64, whole: u64) -> u64 {
    let product = u128::from(atoms) * u128::from(part.min(whole));
    product.checked_div(u128::from(whole)).and_then(|atoms| u64::try_from(atoms).ok()).unwrap_or(0)
}

/// The file that the program is compiled from.
#[cfg(test)]
#[path = "../../../chain/programs/chain/src/curve.rs"]
#[allow(dead_code, reason = "the program uses more of it")]
mod curve;

#[cfg(test)]
mod tests {
    use super::*;
    use ogong_chain_interface::account::Totals;

    const YEAR_S: u64 = HALVING_S / 4;

    fn supply() -> Supply {
        Supply { launched_ms: 5_000, launched: 0, emitted: 0, emission_cap_bps: 10_000 }
    }

    fn epoch(from_s: u64, to_s: u64, outside_fees: u64) -> Epoch {
        let totals = Totals { fees: 9, outside_fees, replies: 1, routes: 1, audits: 3, verifications: 1, liveness: 1 };
        let members = (1..=3).map(|n| (Address::new_from_array([n; 32]), 10)).collect();
        Epoch {
            set: ValidatorSet { epoch: 7, total_stake: 30, members },
            started_ms: 5_000 + from_s * 1_000,
            ended_ms: 5_000 + to_s * 1_000,
            totals,
            audits: vec![2, 1, 0],
        }
    }

    #[test]
    fn our_curve_is_the_programs() {
        assert_eq!((TRANCHE_ATOMS, HALVING_S), (curve::TRANCHE_ATOMS, curve::HALVING_S));
        for step in 0..3_000 {
            let at_s = step * (HALVING_S / 37) + step;
            assert_eq!(emitted(at_s), curve::emitted(at_s), "{at_s}");
            let (end_s, era) = (at_s + 86_400, curve::era(at_s));
            let ours = amounts(&supply(), &epoch(at_s, end_s, u64::MAX));
            assert_eq!(ours, curve::by_role(curve::between(at_s, end_s), era), "{at_s}");
            assert_eq!(caps(&supply(), at_s, era), curve::of_cap(at_s, era), "{at_s}");
        }
        assert_eq!(emitted(u64::MAX), curve::emitted(u64::MAX));
    }

    #[test]
    fn all_roles_get_no_more_than_left_the_payers_purses_and_nobody_is_paid_for_nothing() {
        let capped = amounts(&supply(), &epoch(0, YEAR_S, 1_000));
        assert_eq!(capped[..4], [702, 59, 119, 119], "59, 5, 10 and 10 parts of 84");
        let idle = Epoch { totals: Totals::default(), ..epoch(0, YEAR_S, 0) };
        assert_eq!(amounts(&supply(), &idle), [0; 5]);
    }

    #[test]
    fn a_members_part_is_its_audits() {
        let epoch = epoch(0, YEAR_S, u64::MAX);
        let emission = expected(&supply(), &epoch);
        let of = |n| of_member(&emission, &epoch, &Address::new_from_array([n; 32]));
        let whole = emission.amounts[2];
        assert_eq!([of(1), of(2), of(3)], [Some((share(whole, 2, 3), 0)), Some((whole / 3, 1)), Some((0, 2))]);
        assert_eq!(of(4), None);
    }

    fn ended() -> Accounts {
        let base = crate::plan::tests::accounts();
        let mut config = base.config;
        (config.stake_epoch, config.epoch_started_ms) = (9, 0);
        let validators = ValidatorSet { epoch: 9, ..base.validators };
        let (supply, worked) = (supply(), epoch(0, 100, u64::MAX));
        Accounts { program: base.program, config, now_ms: 1_000_000_000, supply, worked, emission: None, validators }
    }

    #[test]
    fn a_peer_approves_its_own_figures_and_no_others() {
        let handler = crate::plan::tests::wallet(1).address();
        let plan = EmissionPlan::new(&ended(), &handler).expect("a plan");
        plan.check_terms(&plan.terms).expect("ours");
        for figure in 0..11 {
            let mut theirs = plan.terms;
            let place = theirs.amounts.iter_mut().chain(&mut theirs.sums).nth(figure).expect("a figure");
            *place ^= 1;
            let refused = plan.check_terms(&theirs).expect_err("not ours");
            assert!(matches!(refused, Error::EmissionDiffers { got, ours, .. } if got == ours ^ 1), "{refused}");
        }
        let other = EmissionTerms { epoch: 6, ..plan.terms };
        assert!(matches!(plan.check_terms(&other), Err(Error::EmissionDiffers { figure: "epoch", .. })));
        let later = EmissionTerms { stake_epoch: 8, ..plan.terms };
        assert!(matches!(plan.check_terms(&later), Err(Error::EmissionDiffers { .. })));
    }

    #[test]
    fn an_open_an_approved_and_a_strangers_emission_are_no_plan() {
        let handler = crate::plan::tests::wallet(1).address();
        let refused = |change: fn(&mut Accounts)| {
            let mut accounts = ended();
            change(&mut accounts);
            EmissionPlan::new(&accounts, &handler).expect_err("refused")
        };
        assert!(matches!(refused(|a| a.config.stake_epoch = 7), Error::EpochOpen { epoch: 7 }));
        assert!(matches!(
            refused(|a| (a.config.stake_epoch, a.now_ms) = (8, ogong_chain_interface::EPOCH_GRACE_MS)),
            Error::EpochOpen { .. }
        ));
        let done = |a: &mut Accounts| a.emission = Some(expected(&a.supply, &a.worked));
        assert!(matches!(refused(done), Error::EmissionApproved { epoch: 7 }));
        assert!(matches!(refused(|a| a.validators.epoch = 8), Error::EpochMixed { .. }));
        assert!(matches!(refused(|a| a.validators.members.clear()), Error::NotAValidator(_)));
    }

    #[test]
    fn an_epoch_closes_with_its_grace() {
        let mut config = crate::plan::tests::accounts().config;
        (config.stake_epoch, config.epoch_started_ms) = (5, 1_000);
        let grace = 1_000 + ogong_chain_interface::EPOCH_GRACE_MS;
        assert!(!is_closed(&config, 5, u64::MAX) && !is_closed(&config, 4, grace));
        assert!(is_closed(&config, 4, grace + 1) && is_closed(&config, 3, 0));
    }
}
