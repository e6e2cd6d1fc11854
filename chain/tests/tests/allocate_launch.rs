//! `allocate_launch`: the launch allocation, once.

use crate::curve::curve::{CAP_ATOMS, LAUNCH_ATOMS};
use litesvm::types::TransactionResult;
use ogong_chain_interface::account::Supply;
use ogong_chain_interface::error::ACCOUNT_IN_USE;
use ogong_chain_interface::instruction::AllocateLaunch;
use ogong_chain_interface::{ChainError, EMISSION_CAP_BPS_DEFAULT, Instruction, PROGRAM_ID, address};
use ogong_chain_tests::Expected::{Chain, Number};
use ogong_chain_tests::world::START_S;
use ogong_chain_tests::{Refusal, World, check};

/// Anchor's: the account is not the config's.
const HAS_ONE: u32 = 2001;
/// Anchor's: the account is not the one the seeds derive.
const SEEDS: u32 = 2006;
/// Anchor's: a token account of another mint.
const TOKEN_MINT: u32 = 2014;
/// Anchor's: the account is not SPL Token's.
const FOREIGN_OWNER: u32 = 3007;
/// Anchor's: the key did not sign.
const NOT_SIGNER: u32 = 3010;

pub const REFUSALS: &[Refusal] = &[
    Refusal {
        name: "not the admin",
        expected: Chain(ChainError::AdminWrong),
        attempt: |world| {
            let launch = AllocateLaunch { admin: world.owner.address(), ..launch(world) };
            world.send(launch, &[world.owner.key.insecure_clone()])
        },
    },
    Refusal {
        name: "a second time",
        expected: Number(ACCOUNT_IN_USE),
        attempt: |world| {
            world.launch();
            world.send(launch(world), &[world.admin.key.insecure_clone()])
        },
    },
    Refusal {
        name: "an emission cap that would pay for washing trades",
        expected: Chain(ChainError::EmissionCapOutOfRange),
        attempt: |world| {
            let launch = AllocateLaunch { emission_cap_bps: 10_001, ..launch(world) };
            world.send(launch, &[world.admin.key.insecure_clone()])
        },
    },
    Refusal {
        name: "one atom past the cap",
        expected: Chain(ChainError::CapExceeded),
        attempt: |world| minted_before(world, CAP_ATOMS - LAUNCH_ATOMS.iter().sum::<u64>() + 1),
    },
    Refusal {
        name: "past 64 bits",
        expected: Chain(ChainError::CapExceeded),
        attempt: |world| minted_before(world, u64::MAX),
    },
    Refusal {
        name: "without the admin's signature",
        expected: Number(NOT_SIGNER),
        attempt: |world| {
            let mut instruction = launch(world).instruction(&PROGRAM_ID);
            instruction.accounts[0].is_signer = false;
            world.send(instruction, &[world.owner.key.insecure_clone()])
        },
    },
    Refusal {
        name: "another mint",
        expected: Number(HAS_ONE),
        attempt: |world| {
            let other = world.provider.address();
            let mint = world.svm.get_account(&world.mint).expect("the mint");
            world.svm.set_account(other, mint).expect("a copy of the mint");
            spoilt(world, |instruction| instruction.accounts[3].pubkey = other)
        },
    },
    Refusal {
        name: "another config",
        expected: Number(SEEDS),
        attempt: |world| {
            let other = world.provider.address();
            let config = world.svm.get_account(&address::config(&PROGRAM_ID)).expect("the config");
            world.svm.set_account(other, config).expect("a copy of the config");
            spoilt(world, |instruction| instruction.accounts[1].pubkey = other)
        },
    },
    Refusal {
        name: "another supply account",
        expected: Number(SEEDS),
        attempt: |world| {
            let other = world.wallet(0).address();
            spoilt(world, |instruction| instruction.accounts[2].pubkey = other)
        },
    },
    Refusal {
        name: "a token account of another mint",
        expected: Number(TOKEN_MINT),
        attempt: |world| {
            let token = world.owner.token;
            world.tamper(&token, |data| data[0] ^= 1);
            let result = world.send(launch(world), &[world.admin.key.insecure_clone()]);
            world.tamper(&token, |data| data[0] ^= 1);
            result
        },
    },
    Refusal {
        name: "a token account of no token program",
        expected: Number(FOREIGN_OWNER),
        attempt: |world| {
            let system = world.owner.address();
            spoilt(world, |instruction| instruction.accounts[4].pubkey = system)
        },
    },
];

/// A launch to wallets that are there.
fn launch(world: &World) -> AllocateLaunch {
    AllocateLaunch {
        admin: world.admin.address(),
        team_token: world.owner.token,
        foundation_token: world.provider.token,
        liquidity_token: world.router.token,
        emission_cap_bps: EMISSION_CAP_BPS_DEFAULT,
    }
}

fn spoilt(world: &mut World, spoil: impl FnOnce(&mut Instruction)) -> TransactionResult {
    let mut instruction = launch(world).instruction(&PROGRAM_ID);
    spoil(&mut instruction);
    world.send(instruction, &[world.admin.key.insecure_clone()])
}

/// A launch where the mint says that so much exists already.
fn minted_before(world: &mut World, atoms: u64) -> TransactionResult {
    let mint = world.mint;
    world.tamper(&mint, |data| data[36..44].copy_from_slice(&atoms.to_le_bytes()));
    let result = world.send(launch(world), &[world.admin.key.insecure_clone()]);
    world.tamper(&mint, |data| data[36..44].fill(0));
    result
}

#[test]
fn mints_what_the_book_says() {
    let mut world = World::new();
    let wallets = world.launch();
    let held = wallets.map(|wallet| world.balance(&wallet.token));
    assert_eq!(held, [625_000_000, 250_000_000, 125_000_000].map(|tokens: u64| tokens * 1_000_000_000));
    assert_eq!(world.minted(), 1_000_000_000 * 1_000_000_000);
    let launched_ms = u64::try_from(START_S).expect("after 1970") * 1_000;
    assert_eq!(world.supply(), Supply { launched_ms, launched: world.minted(), emitted: 0, emission_cap_bps: 10_000 });
}

/// A development chain has one wallet for all.
#[test]
fn one_wallet_may_take_all_three() {
    let mut world = World::new();
    let token = world.wallet(0).token;
    let all = AllocateLaunch { team_token: token, foundation_token: token, liquidity_token: token, ..launch(&world) };
    world.must(all, &[world.admin.key.insecure_clone()]);
    assert_eq!(world.balance(&token), LAUNCH_ATOMS.iter().sum::<u64>());
}

#[test]
fn up_to_the_cap_and_no_further() {
    let mut world = World::new();
    let room = CAP_ATOMS - LAUNCH_ATOMS.iter().sum::<u64>();
    assert!(minted_before(&mut world, room).is_ok(), "exactly the cap is allowed");
}

/// The invariant rests on one call: whoever writes a second one must come past this test.
#[test]
fn one_place_of_the_program_mints() {
    let sources = concat!(env!("CARGO_MANIFEST_DIR"), "/../programs/chain/src");
    let mut minting = Vec::new();
    let mut folders = vec![std::path::PathBuf::from(sources)];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).expect("the sources") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                folders.push(path);
            } else if ["MintTo", "mint_to", "set_authority", "SetAuthority"]
                .iter()
                .any(|word| std::fs::read_to_string(&path).expect("a source").contains(word))
            {
                minting.push(path.file_name().expect("a file").to_owned());
            }
        }
    }
    assert_eq!(minting, ["supply.rs"]);
}

#[test]
fn refusals() {
    check(REFUSALS);
}
