//! `approve_emission`: a quorum lets a closed epoch's work be paid; the amounts are the program's.

use crate::curve::curve::{between, by_role};
use crate::settle::event;
use ogong_chain_interface::account::{Emission, Epoch, Role};
use ogong_chain_interface::error::ACCOUNT_IN_USE;
use ogong_chain_interface::event::EmissionApproved;
use ogong_chain_interface::evidence::EmissionTerms;
use ogong_chain_interface::instruction::ApproveEmission;
use ogong_chain_interface::{ChainError, EPOCH_GRACE_MS, Instruction, PROGRAM_ID, address};
use ogong_chain_tests::Expected::{Chain, Number};
use ogong_chain_tests::quorum::{self, approve, approved};
use ogong_chain_tests::world::EPOCH_MS;
use ogong_chain_tests::{Behind, Gated, Known, PLACE, Refusal, World, check, everybody};

/// Anchor's: the account is not the one the seeds derive.
const SEEDS: u32 = 2006;
/// Anchor's: there is no such account.
const NOT_INITIALIZED: u32 = 3012;

/// An epoch that is closed, in which somebody of every role worked.
pub struct Worked {
    pub epoch: u64,
    pub provider: Known,
    pub router: Known,
}

/// A launch, and one reply of `fee` atoms by a provider and a router with counters, settled by all three validators.
pub fn worked(world: &mut World, fee: u64) -> Worked {
    world.launch();
    let (owner, token) = (world.owner.address(), world.owner.token);
    world.fund(&owner, &token, fee);
    let epoch = world.config().stake_epoch;
    let provider = world.known_operator(101, Role::Provider, 0);
    let router = world.known_operator(102, Role::Router, 500);
    world.open_work(Role::Provider, provider.wallet.address());
    world.open_work(Role::Router, router.wallet.address());
    let deal = world.open_known(1, fee, &provider, Some(&router));
    let settle = world.settlement(&deal);
    world.must(settle, &world.quorum());
    let mut release = world.payment(&deal);
    release.provider = ogong_chain_interface::instruction::Served::Provider {
        token: provider.wallet.token,
        operator: Some(provider.wallet.address()),
    };
    release.router_token = router.wallet.token;
    world.must(release, &world.quorum()[..1]);
    world.next_epoch();
    world.close_epoch();
    Worked { epoch, provider, router }
}

/// The builder of an approval.
pub fn approval(epoch: u64, behind: Behind) -> ApproveEmission {
    ApproveEmission {
        handler: behind.handler,
        cosigners: behind.cosigners,
        approvals: behind.approvals,
        epoch,
        stake_epoch: behind.stake_epoch,
    }
}

/// An approved epoch's account.
pub fn emission(world: &World, epoch: u64) -> Emission {
    Emission::decode(&world.data(&address::emission(&PROGRAM_ID, epoch))).expect("an emission")
}

/// The sums that a quorum agrees to.
fn sums(epoch: &Epoch) -> [u64; 6] {
    let t = epoch.totals;
    [t.fees, t.outside_fees, t.routes, t.audits, t.verifications, t.liveness]
}

/// What the curve and the counters make of an epoch.
pub fn amounts(world: &World, number: u64) -> [u64; 5] {
    let (epoch, supply) = (world.epoch(number), world.supply());
    let since = |at_ms: u64| at_ms.saturating_sub(supply.launched_ms) / 1_000;
    let all = between(since(epoch.started_ms), since(epoch.ended_ms));
    let [providers, routers, validators, verifiers, liveness] = by_role(all, 0);
    let t = epoch.totals;
    // 5,900 + 500 + 1,000 + 1,000 basis points are for them; the other 1,600 are liveness
    let of = |amount: u64, bps: u128, work: u64| {
        let cap = u64::try_from(u128::from(t.outside_fees) * bps / 8_400).expect("a part");
        if work == 0 { 0 } else { amount.min(cap) }
    };
    [
        of(providers, 5_900, t.fees),
        of(routers, 500, t.routes),
        of(validators, 1_000, t.audits),
        of(verifiers, 1_000, t.verifications),
        if t.liveness == 0 { 0 } else { liveness },
    ]
}

impl Gated for Worked {
    fn prepare(world: &mut World) -> Self {
        let worked = worked(world, 1_000_000);
        world.next_epoch();
        worked
    }

    fn instructions(&self, behind: Behind) -> Vec<Instruction> {
        vec![approval(self.epoch, behind).instruction(&PROGRAM_ID)]
    }

    fn digest(&self, world: &World, stake_epoch: u64) -> [u8; 32] {
        let epoch = world.epoch(self.epoch);
        let amounts = amounts(world, self.epoch);
        EmissionTerms { epoch: self.epoch, amounts, sums: sums(&epoch), stake_epoch }.digest(&PLACE)
    }
}

pub const QUORUM_REFUSALS: &[Refusal] = &quorum::refusals::<Worked>();

pub const REFUSALS: &[Refusal] = &[
    Refusal {
        name: "the current epoch",
        expected: Chain(ChainError::EpochNotClosed),
        attempt: |world| {
            world.launch();
            world.send(approval(0, everybody(world)), &world.quorum())
        },
    },
    Refusal {
        name: "an epoch in its last second of grace",
        expected: Chain(ChainError::EpochNotClosed),
        attempt: |world| {
            world.launch();
            world.next_epoch();
            let last_ms = world.now_ms() + EPOCH_GRACE_MS;
            world.set_time(i64::try_from(last_ms / 1_000).expect("a time"));
            world.send(approval(0, everybody(world)), &world.quorum())
        },
    },
    Refusal {
        name: "twice",
        expected: Number(ACCOUNT_IN_USE),
        attempt: |world| {
            let worked = worked(world, 1_000);
            world.must(approval(worked.epoch, everybody(world)), &world.quorum());
            world.send(approval(worked.epoch, everybody(world)), &world.quorum())
        },
    },
    Refusal {
        name: "before the launch",
        expected: Number(NOT_INITIALIZED),
        attempt: |world| {
            world.next_epoch();
            world.close_epoch();
            world.send(approval(0, everybody(world)), &world.quorum())
        },
    },
    Refusal {
        name: "another epoch's work",
        expected: Number(SEEDS),
        attempt: |world| {
            let worked = worked(world, 1_000);
            let mut instruction = approval(worked.epoch, everybody(world)).instruction(&PROGRAM_ID);
            instruction.accounts[4].pubkey = address::epoch(&PROGRAM_ID, 1);
            world.send(instruction, &world.quorum())
        },
    },
    Refusal {
        name: "another account's emission",
        expected: Number(SEEDS),
        attempt: |world| {
            let worked = worked(world, 1_000);
            let mut instruction = approval(worked.epoch, everybody(world)).instruction(&PROGRAM_ID);
            instruction.accounts[5].pubkey = address::emission(&PROGRAM_ID, 7);
            world.send(instruction, &world.quorum())
        },
    },
];

#[test]
fn the_amounts_follow_from_curve_and_counters() {
    for fee in [1_000, 4_000_000_000_000_000] {
        let mut world = World::with_stakes(&[1_000; 3]);
        let worked = worked(&mut world, fee);
        let meta = world.must(approval(worked.epoch, everybody(&world)), &world.quorum());
        let emission = emission(&world, worked.epoch);
        let wanted = amounts(&world, worked.epoch);
        assert_eq!(emission.amounts, wanted, "fee {fee}");
        assert_eq!((emission.epoch, emission.minted, emission.members_claimed), (0, 0, 0));
        let [providers, routers, validators, verifiers, liveness] = wanted;
        assert!(providers > 0 && routers > 0 && validators > 0, "{wanted:?}");
        assert_eq!((verifiers, liveness), (0, 0), "nobody did that work");
        let digest = worked.digest(&world, 1);
        let event = EmissionApproved::decode(&event(&meta.logs)).expect("an event");
        assert_eq!(event, EmissionApproved { epoch: 0, amounts: wanted, digest });
        // an hour of the first era: 2·10⁹ tokens in four years
        let hour = between(0, EPOCH_MS / 1_000);
        assert!(wanted.iter().sum::<u64>() <= hour);
        assert_eq!(world.minted(), 1_000_000_000 * 1_000_000_000, "an approval mints nothing");
    }
}

/// Fees are what bounds the emission of roles whose work costs nothing by itself.
#[test]
fn without_fees_there_is_nothing_to_earn() {
    let mut world = World::with_stakes(&[1_000; 3]);
    let worked = worked(&mut world, 0);
    world.must(approval(worked.epoch, everybody(&world)), &world.quorum());
    assert_eq!(emission(&world, worked.epoch).amounts, [0; 5]);
}

#[test]
fn approvals_do_as_well() {
    let mut world = World::with_stakes(&[1_000; 3]);
    let worked = Worked::prepare(&mut world);
    let digest = worked.digest(&world, 2);
    let approvals = approve(&mut world, digest, 3);
    approved(&mut world, &worked, approvals).expect("approved");
    assert_eq!(emission(&world, worked.epoch).amounts, amounts(&world, worked.epoch));
}

/// Stakes, how many of them sign, and whether that is a quorum.
#[test]
fn more_than_two_thirds_and_nothing_less() {
    let cases: [(&[u64], usize, bool); 4] = [
        (&[2_000_001, 1_000_000], 1, true),
        (&[2_000_000, 1_000_000], 1, false),
        (&[1_000; 4], 3, true),
        (&[1_000; 4], 2, false),
    ];
    for (stakes, signing, quorum) in cases {
        let mut world = World::with_stakes(stakes);
        world.launch();
        world.next_epoch();
        world.close_epoch();
        let mut behind = everybody(&world);
        behind.cosigners.truncate(signing - 1);
        let result = world.send(approval(0, behind), &world.quorum()[..signing]);
        assert_eq!(result.is_ok(), quorum, "{signing} of {stakes:?}: {result:?}");
    }
}

#[test]
fn refusals() {
    check(REFUSALS);
}

#[test]
fn quorum_refusals() {
    check(QUORUM_REFUSALS);
}
