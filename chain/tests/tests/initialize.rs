//! `initialize`.

use litesvm::types::TransactionResult;
use ogong_chain_interface::account::{Config, Totals};
use ogong_chain_interface::error::ACCOUNT_IN_USE;
use ogong_chain_interface::instruction::Initialize;
use ogong_chain_interface::token::Mint;
use ogong_chain_interface::{ChainError, PROGRAM_ID, SPLIT_BPS_DEFAULT, address};
use ogong_chain_tests::Expected::{Chain, Number};
use ogong_chain_tests::world::{EPOCH_MS, NETWORK, VERIFIER_FEE};
use ogong_chain_tests::{Refusal, World, check};

/// Anchor's: the account is not the one the seeds derive.
const SEEDS: u32 = 2006;

pub const REFUSALS: &[Refusal] = &[
    Refusal {
        name: "split one over",
        expected: Chain(ChainError::SplitSumWrong),
        attempt: |world| first(world, |i| i.split_bps = [8_501, 500, 500, 500, 0]),
    },
    Refusal {
        name: "split that wraps to the right sum in 16 bits",
        expected: Chain(ChainError::SplitSumWrong),
        attempt: |world| first(world, |i| i.split_bps = [10_000, 32_768, 32_768, 0, 0]),
    },
    Refusal {
        name: "epochs of no length",
        expected: Chain(ChainError::EpochLengthZero),
        attempt: |world| first(world, |i| i.epoch_length_ms = 0),
    },
    Refusal {
        name: "a cooldown of one epoch",
        expected: Chain(ChainError::CooldownTooShort),
        attempt: |world| first(world, |i| i.cooldown_epochs = 1),
    },
    Refusal {
        name: "maker's share",
        expected: Chain(ChainError::MakerShareReserved),
        attempt: |world| first(world, |i| i.split_bps = [8_499, 500, 500, 500, 1]),
    },
    Refusal {
        name: "alpha over the whole",
        expected: Chain(ChainError::AlphaOutOfRange),
        attempt: |world| first(world, |i| i.alpha_ppm = 1_000_001),
    },
    Refusal {
        name: "no beacon period",
        expected: Chain(ChainError::BeaconPeriodZero),
        attempt: |world| first(world, |i| i.beacon_period_ms = 0),
    },
    Refusal {
        name: "no minimum stake",
        expected: Chain(ChainError::MinStakeZero),
        attempt: |world| first(world, |i| i.min_stake = 0),
    },
    Refusal {
        name: "a mint of one's own",
        expected: Number(SEEDS),
        attempt: |world| {
            *world = World::bare();
            let mut instruction = world.initialize().instruction(&PROGRAM_ID);
            instruction.accounts[1].pubkey = world.admin.token;
            world.send(instruction, &[world.admin.key.insecure_clone()])
        },
    },
    Refusal {
        name: "a second time",
        expected: Number(ACCOUNT_IN_USE),
        attempt: |world| world.send(world.initialize(), &[world.admin.key.insecure_clone()]),
    },
];

/// An initialize on a chain that has none yet.
fn first(world: &mut World, spoil: fn(&mut Initialize)) -> TransactionResult {
    *world = World::bare();
    let mut initialize = world.initialize();
    spoil(&mut initialize);
    world.send(initialize, &[world.admin.key.insecure_clone()])
}

#[test]
fn writes_what_was_asked() {
    let world = World::new();
    let config = Config {
        admin: world.admin.address(),
        network: NETWORK,
        mint: world.mint,
        reserve_owner: address::config(&PROGRAM_ID),
        split_bps: SPLIT_BPS_DEFAULT,
        min_stake: 100,
        alpha_ppm: 1_000_000,
        beacon_genesis_ms: 1_800_000_000_000,
        beacon_period_ms: 3_000,
        stake_epoch: 0,
        epoch_started_ms: 1_800_000_000_000,
        epoch_length_ms: EPOCH_MS,
        cooldown_epochs: 2,
        verifier_fee: VERIFIER_FEE,
    };
    assert_eq!(world.config(), config);
    let set = world.validator_set();
    assert_eq!((set.epoch, set.total_stake, set.members.len()), (0, 0, 0));
    assert_eq!(world.balance(&address::vault(&PROGRAM_ID)), 0);
    assert_eq!(world.balance(&address::stake_vault(&PROGRAM_ID)), 0);
    assert_eq!(world.balance(&world.reserve()), 0);
    let epoch = world.epoch(0);
    assert_eq!((epoch.set.epoch, epoch.started_ms, epoch.ended_ms), (0, 1_800_000_000_000, 0));
    assert_eq!((epoch.set.total_stake, epoch.set.members.len(), epoch.totals), (0, 0, Totals::default()));
}

#[test]
fn the_mint_is_the_programs_alone() {
    let world = World::new();
    let mint = Mint { authority: Some(address::config(&PROGRAM_ID)), supply: 0, decimals: 9, freeze_authority: None };
    assert_eq!(world.mint_account(), mint);
    assert_eq!(world.mint, address::mint(&PROGRAM_ID));
}

#[test]
fn refusals() {
    check(REFUSALS);
}
