//! The supply's numbers and the emission curve (SPEC 9.11), in integers and without dependencies: the program and
//! `chain/tests` compile this one file.
//!
//! ```text
//! emitted(t) = T − T/2ᵉ + ⌊T/2ᵉ⁺¹ · r / Y⌋      T = 4·10⁹ tokens, Y = 4 years, e = ⌊t / Y⌋, r = t mod Y
//! ```
//!
//! An epoch's amount is the difference of two values, so amounts of any epochs add up to the curve whatever their length, and
//! no sum of them passes it.

/// Atoms of one OGONG.
pub const ATOMS_PER_TOKEN: u64 = 1_000_000_000;

/// Decimals of the mint.
pub const DECIMALS: u8 = 9;

/// No more atoms than this exist at any time.
pub const CAP_ATOMS: u64 = 5_000_000_000 * ATOMS_PER_TOKEN;

/// At launch, once: team and advisors, foundation, public liquidity.
pub const LAUNCH_ATOMS: [u64; 3] =
    [625_000_000 * ATOMS_PER_TOKEN, 250_000_000 * ATOMS_PER_TOKEN, 125_000_000 * ATOMS_PER_TOKEN];

/// What the curve approaches and never reaches.
pub const TRANCHE_ATOMS: u64 = 4_000_000_000 * ATOMS_PER_TOKEN;

/// Seconds from one halving to the next: 4 years of 365.25 days.
pub const HALVING_S: u64 = 4 * 365 * 86_400 + 86_400;

/// Who earns: providers, routers, validators, verifiers, and providers again for liveness.
pub const ROLES: usize = 5;

/// Basis points of routers, validators and verifiers; the rest after liveness is the providers'.
const ROLE_BPS: [u64; 3] = [500, 1_000, 1_000];

/// Basis points of liveness before the first halving; they halve with it.
const LIVENESS_BPS: u64 = 1_600;

const BPS: u64 = 10_000;

const _: () = {
    assert!(ATOMS_PER_TOKEN == 10u64.pow(DECIMALS as u32));
    assert!(LAUNCH_ATOMS[0] + LAUNCH_ATOMS[1] + LAUNCH_ATOMS[2] + TRANCHE_ATOMS == CAP_ATOMS);
    assert!(ROLE_BPS[0] + ROLE_BPS[1] + ROLE_BPS[2] + LIVENESS_BPS < BPS);
};

/// Halvings that have passed `elapsed_s` seconds after the launch.
pub const fn era(elapsed_s: u64) -> u64 {
    elapsed_s / HALVING_S
}

/// `atoms` halved once an era, rounded down.
pub const fn halved(atoms: u64, era: u64) -> u64 {
    if era < 64 { atoms >> era } else { 0 }
}

/// Atoms that the curve has released `elapsed_s` seconds after the launch: never falls, always under [`TRANCHE_ATOMS`].
pub const fn emitted(elapsed_s: u64) -> u64 {
    let era = era(elapsed_s);
    let left = halved(TRANCHE_ATOMS, era);
    if left == 0 {
        return TRANCHE_ATOMS - 1;
    }
    let this_era = halved(TRANCHE_ATOMS, era + 1) as u128;
    // under `this_era`, which is a u64
    let so_far = (this_era * (elapsed_s % HALVING_S) as u128 / HALVING_S as u128) as u64;
    TRANCHE_ATOMS - left + so_far
}

/// Atoms that the curve releases between two moments; 0 if the second is not later.
pub const fn between(start_s: u64, end_s: u64) -> u64 {
    emitted(end_s).saturating_sub(emitted(start_s))
}

/// An epoch's amount divided among the roles in the era it began in; the parts sum to it.
pub fn by_role(amount: u64, era: u64) -> [u64; ROLES] {
    let [routers, validators, verifiers] = ROLE_BPS.map(|bps| share(amount, bps, BPS));
    let liveness = share(amount, liveness_bps(era), BPS);
    let providers = amount - routers - validators - verifiers - liveness;
    [providers, routers, validators, verifiers, liveness]
}

fn liveness_bps(era: u64) -> u64 {
    halved(LIVENESS_BPS, era)
}

/// What may be minted against fees, divided among providers, routers, validators and verifiers in the proportions of
/// [`by_role`]: so that whoever is all four gets no more than `cap` of its own fees back.
pub fn of_cap(cap: u64, era: u64) -> [u64; ROLES - 1] {
    let liveness = liveness_bps(era);
    let [routers, validators, verifiers] = ROLE_BPS;
    let providers = BPS - routers - validators - verifiers - liveness;
    [providers, routers, validators, verifiers].map(|bps| share(cap, bps, BPS - liveness))
}

/// `⌊amount·part / whole⌋` where part ≤ whole; 0 of nothing.
pub fn share(amount: u64, part: u64, whole: u64) -> u64 {
    if whole == 0 {
        return 0;
    }
    // at most `amount`
    (amount as u128 * part.min(whole) as u128 / whole as u128) as u64
}
