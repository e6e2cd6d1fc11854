//! `settle`: who is paid what. Who must sign is in `settle_quorum`.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use litesvm::types::TransactionResult;
use ogong_chain_interface::account::EscrowStatus;
use ogong_chain_interface::event::{Settled, Settlement};
use ogong_chain_interface::instruction::Settle;
use ogong_chain_interface::{ChainError, PROGRAM_ID, VALIDATORS_MAX, address, token};
use ogong_chain_tests::Expected::{Chain, Number};
use ogong_chain_tests::world::{FUNDS, NETWORK, START_S};
use ogong_chain_tests::{Deal, Refusal, World, check};

/// Anchor's: the account is not the one its seeds derive.
const SEEDS: u32 = 2006;
/// Anchor's: a token account of another mint.
const TOKEN_MINT: u32 = 2014;
/// Anchor's: the account is not the program's.
const OWNED_BY_WRONG_PROGRAM: u32 = 3007;

/// A settle of a fresh escrow, signed by all, with one thing wrong.
fn settle(world: &mut World, spoil: fn(&World, &mut Settle)) -> TransactionResult {
    let deal = world.open();
    let mut settle = world.settlement(&deal);
    spoil(world, &mut settle);
    world.send(settle, &world.quorum())
}

pub const REFUSALS: &[Refusal] = &[
    Refusal {
        name: "outcome 0",
        expected: Chain(ChainError::OutcomeNotPayable),
        attempt: |world| settle(world, |_, settle| settle.outcome = 0),
    },
    Refusal {
        name: "outcome reject",
        expected: Chain(ChainError::OutcomeNotPayable),
        attempt: |world| settle(world, |_, settle| settle.outcome = 3),
    },
    Refusal {
        name: "outcome inconclusive",
        expected: Chain(ChainError::OutcomeNotPayable),
        attempt: |world| settle(world, |_, settle| settle.outcome = 4),
    },
    Refusal {
        name: "one token too many",
        expected: Chain(ChainError::BilledOverMax),
        attempt: |world| settle(world, |_, settle| settle.n_billed = 513),
    },
    Refusal {
        name: "expiry a millisecond after the deadline",
        expected: Chain(ChainError::ExpiryAfterDeadline),
        attempt: |world| settle(world, |_, settle| settle.expiry_ms += 1),
    },
    Refusal {
        name: "a second after the expiry",
        expected: Chain(ChainError::SettleExpired),
        attempt: |world| {
            let deal = world.open();
            let settle = Settle { expiry_ms: world.now_ms(), ..world.settlement(&deal) };
            world.set_time(START_S + 1);
            world.send(settle, &world.quorum())
        },
    },
    Refusal {
        name: "provider's payee",
        expected: Chain(ChainError::ProviderPayeeWrong),
        attempt: |world| settle(world, |world, settle| settle.provider_token = world.router.token),
    },
    Refusal {
        name: "router's payee",
        expected: Chain(ChainError::RouterPayeeWrong),
        attempt: |world| settle(world, |world, settle| settle.router_token = world.provider.token),
    },
    Refusal {
        name: "another validator's payee",
        expected: Chain(ChainError::ValidatorPayeeWrong),
        attempt: |world| settle(world, |world, settle| settle.validator_token = world.fee_owners[1].token),
    },
    Refusal {
        name: "reserve's payee",
        expected: Chain(ChainError::ReservePayeeWrong),
        attempt: |world| settle(world, |world, settle| settle.reserve_token = world.fee_owners[0].token),
    },
    Refusal {
        name: "owner's payee",
        expected: Chain(ChainError::OwnerPayeeWrong),
        attempt: |world| settle(world, |world, settle| settle.owner_token = world.provider.token),
    },
    Refusal {
        name: "the vault as a payee",
        expected: Chain(ChainError::ProviderPayeeWrong),
        attempt: |world| settle(world, |_, settle| settle.provider_token = address::vault(&PROGRAM_ID)),
    },
    Refusal {
        name: "a payee's account of another mint",
        expected: Number(TOKEN_MINT),
        attempt: |world| {
            let deal = world.open();
            let token = world.provider.token;
            world.tamper(&token, |data| data[0] ^= 1);
            let result = world.send(world.settlement(&deal), &world.quorum());
            world.tamper(&token, |data| data[0] ^= 1);
            result
        },
    },
    Refusal {
        name: "out of the stake vault",
        expected: Number(SEEDS),
        attempt: |world| {
            let deal = world.open();
            let mut instruction = world.settlement(&deal).instruction(&PROGRAM_ID);
            instruction.accounts[5].pubkey = address::stake_vault(&PROGRAM_ID);
            world.send(instruction, &world.quorum())
        },
    },
    Refusal {
        name: "an escrow of somebody's making",
        expected: Number(OWNED_BY_WRONG_PROGRAM),
        attempt: |world| {
            let deal = world.open();
            let mut account = world.svm.get_account(&address::escrow(&PROGRAM_ID, &deal.reply_id)).expect("an escrow");
            account.owner = token::SYSTEM_PROGRAM_ID;
            let forged = ogong_chain_interface::Address::new_from_array([0xcc; 32]);
            world.svm.set_account(forged, account).expect("an account");
            let mut instruction = world.settlement(&deal).instruction(&PROGRAM_ID);
            instruction.accounts[4].pubkey = forged;
            world.send(instruction, &world.quorum())
        },
    },
    Refusal {
        name: "twice",
        expected: Chain(ChainError::EscrowNotOpen),
        attempt: |world| {
            let deal = world.open();
            world.must(world.settlement(&deal), &world.quorum());
            // money of other escrows is in the vault
            world.open_order(another(world));
            world.send(world.settlement(&deal), &world.quorum())
        },
    },
    Refusal {
        name: "twice in one transaction",
        expected: Chain(ChainError::EscrowNotOpen),
        attempt: |world| {
            let deal = world.open();
            world.open_order(another(world));
            let settle = world.settlement(&deal).instruction(&PROGRAM_ID);
            world.send_raw(&[settle.clone(), settle], &world.quorum())
        },
    },
    Refusal {
        name: "after a refund for a reject",
        expected: Chain(ChainError::EscrowNotOpen),
        attempt: |world| {
            let deal = world.open();
            world.must(world.rejection(&deal), &world.quorum());
            world.open_order(another(world));
            world.send(world.settlement(&deal), &world.quorum())
        },
    },
    Refusal {
        name: "after a refund for lateness",
        expected: Chain(ChainError::EscrowNotOpen),
        attempt: |world| {
            let deal = world.open();
            world.set_time(START_S + 901);
            world.must(world.expiry(&deal), &[world.router.key.insecure_clone()]);
            world.open_order(another(world));
            world.send(world.settlement(&deal), &world.quorum())
        },
    },
    Refusal {
        name: "a fee over what the escrow holds",
        expected: Chain(ChainError::AmountOverflow),
        attempt: |world| {
            // shares that sum to more than the whole cannot be initialized, only tampered with
            let at = address::config(&PROGRAM_ID);
            world.tamper(&at, |data| data[140..142].copy_from_slice(&10_001u16.to_le_bytes()));
            settle(world, |_, _| {})
        },
    },
];

/// An order beside the ordinary one.
fn another(world: &World) -> ogong_chain_tests::Order {
    let mut order = world.order();
    order.nonce = [0x99; 32];
    order
}

/// The bytes of the only event.
pub fn event(logs: &[String]) -> Vec<u8> {
    let lines: Vec<&str> = logs.iter().filter_map(|log| log.strip_prefix("Program data: ")).collect();
    assert_eq!(lines.len(), 1, "{logs:#?}");
    STANDARD.decode(lines[0]).expect("base64")
}

fn balances(world: &World) -> [u64; 5] {
    [&world.provider, &world.router, &world.fee_owners[0], &world.reserve, &world.owner]
        .map(|w| world.balance(&w.token))
}

#[test]
fn pays_to_the_atom_and_says_so() {
    for outcome in [1, 2] {
        let mut world = World::with_stakes(&[1_000; 3]);
        let deal = world.open();
        let before = balances(&world);
        let settle = Settle { outcome, ..world.settlement(&deal) };
        let meta = world.must(settle.clone(), &world.quorum());
        // (100·2000 + 50·6000) / 1000 = 500 of 1,000,000; 5% is 25
        let amounts = [425, 25, 25, 25, 999_500];
        let after = balances(&world);
        for ((before, after), amount) in before.into_iter().zip(after).zip(amounts) {
            assert_eq!(after - before, amount);
        }
        let escrow = world.escrow(&deal);
        assert_eq!(escrow.status, EscrowStatus::Settled);
        assert_eq!((escrow.record_hash, escrow.verdict_hash, escrow.fee), ([0x66; 32], [0x77; 32], 500));
        let payees = [&world.provider, &world.router, &world.fee_owners[0], &world.reserve, &world.owner];
        let digest = Settlement {
            network: NETWORK,
            program: PROGRAM_ID,
            reply_id: deal.reply_id,
            record_hash: settle.record_hash,
            outcome,
            verdict_hash: settle.verdict_hash,
            round: settle.round,
            n_prompt: settle.n_prompt,
            n_billed: settle.n_billed,
            payees: payees.iter().map(|payee| payee.address()).zip(amounts).collect(),
            stake_epoch: 0,
            expiry_ms: settle.expiry_ms,
        }
        .digest();
        let wanted = Settled {
            reply_id: deal.reply_id,
            digest,
            record_hash: settle.record_hash,
            verdict_hash: settle.verdict_hash,
            outcome,
            fee: 500,
            amounts,
            handler: world.validators[0].address(),
            signed_stake: 3_000,
            total_stake: 3_000,
        };
        assert_eq!(Settled::decode(&event(&meta.logs)), Ok(wanted));
    }
}

/// One line of [`fees`].
struct FeeCase {
    name: &'static str,
    prices: (u64, u64),
    tokens: (u32, u32),
    max_fee: u64,
    fee: u64,
}

#[test]
fn fees() {
    let most = u64::MAX - 10 * FUNDS;
    let cases = [
        FeeCase { name: "nothing", prices: (0, 0), tokens: (5, 5), max_fee: 10, fee: 0 },
        FeeCase { name: "floored", prices: (1, 1), tokens: (999, 1_000), max_fee: 10, fee: 1 },
        FeeCase { name: "rounded to nothing", prices: (1, 1), tokens: (499, 500), max_fee: 10, fee: 0 },
        FeeCase { name: "exactly the most", prices: (1_000, 1_000), tokens: (4, 6), max_fee: 10, fee: 10 },
        FeeCase { name: "one over the most", prices: (1_000, 1_000), tokens: (5, 6), max_fee: 10, fee: 10 },
        FeeCase { name: "no fee allowed", prices: (1_000, 1_000), tokens: (5, 6), max_fee: 0, fee: 0 },
        FeeCase {
            name: "past 64 bits",
            prices: (u64::MAX, u64::MAX),
            tokens: (u32::MAX, u32::MAX),
            max_fee: most,
            fee: most,
        },
        FeeCase { name: "near 64 bits", prices: (most, 0), tokens: (1_000, 0), max_fee: most, fee: most },
        FeeCase {
            name: "one atom each thousand",
            prices: (most, 1),
            tokens: (999, 998),
            max_fee: most,
            fee: {
                let wide = (999 * u128::from(most) + 998) / 1_000;
                u64::try_from(wide).expect("less than the most")
            },
        },
    ];
    for case in cases {
        let mut world = World::with_stakes(&[1_000; 3]);
        let (owner, token) = (world.owner.address(), world.owner.token);
        world.fund(&owner, &token, case.max_fee);
        let mut order = world.order();
        (order.price_prompt, order.price_completion) = case.prices;
        (order.max_fee, order.max_tokens) = (case.max_fee, u32::MAX);
        let deal = world.open_order(order);
        assert_eq!(world.balance(&token), 0);
        let before = balances(&world);
        let (n_prompt, n_billed) = case.tokens;
        world.must(Settle { n_prompt, n_billed, ..world.settlement(&deal) }, &world.quorum());
        let share = u64::try_from(u128::from(case.fee) * 500 / 10_000).expect("less than the fee");
        let amounts = [case.fee - 3 * share, share, share, share, case.max_fee - case.fee];
        let after = balances(&world);
        for ((before, after), amount) in before.into_iter().zip(after).zip(amounts) {
            assert_eq!(after - before, amount, "{}", case.name);
        }
        assert_eq!(world.escrow(&deal).fee, case.fee, "{}", case.name);
    }
}

#[test]
fn billing_every_token_is_allowed() {
    let mut world = World::with_stakes(&[1_000; 3]);
    let deal = world.open();
    world.must(Settle { n_billed: 512, ..world.settlement(&deal) }, &world.quorum());
    assert_eq!(world.escrow(&deal).fee, 200 + 512 * 6);
}

#[test]
fn the_last_second_is_in_time() {
    let mut world = World::with_stakes(&[1_000; 3]);
    let deal = world.open();
    world.set_time(START_S + 900);
    world.must(world.settlement(&deal), &world.quorum());
}

/// One operator may be provider, router and validator at once, and consumer too.
#[test]
fn payees_may_share_one_token_account() {
    let mut world = World::with_stakes(&[1_000; 3]);
    let mut opening = world.opening(&world.order());
    (opening.provider_payout, opening.router_payout) = (world.owner.address(), world.owner.address());
    let deal = Deal { order: world.order(), reply_id: opening.reply_id() };
    world.must(opening, &[world.owner.key.insecure_clone()]);
    let token = world.owner.token;
    let settle = Settle { provider_token: token, router_token: token, ..world.settlement(&deal) };
    world.must(settle, &world.quorum());
    assert_eq!(world.balance(&token), FUNDS - 25 - 25);
}

/// Two escrows in one vault: each pays its own.
#[test]
fn escrows_do_not_touch_each_other() {
    let mut world = World::with_stakes(&[1_000; 3]);
    let first = world.open();
    let second = world.open_order(another(&world));
    world.must(world.settlement(&first), &world.quorum());
    assert_eq!(world.escrow(&second).status, EscrowStatus::Open);
    world.must(world.rejection(&second), &world.quorum());
    assert_eq!(world.balance(&address::vault(&PROGRAM_ID)), 0);
    assert_eq!(world.balance(&world.owner.token), FUNDS - 500);
}

#[test]
fn five_signers_fit_a_transaction() {
    let mut world = World::with_stakes(&[1_000; 5]);
    let deal = world.open();
    let settle = world.settlement(&deal).instruction(&PROGRAM_ID);
    let size = world.size(std::slice::from_ref(&settle), &world.quorum());
    println!("settle with 5 signers: {size} of 1232 bytes");
    // the handler may have to make the consumer's token account first
    let handler = world.validators[0].address();
    let create = token::create_associated_token(&handler, &world.owner.address(), &world.mint);
    let with_create = world.size(&[create, settle.clone()], &world.quorum());
    println!("the same behind create_associated_token: {with_create} of 1232 bytes");
    assert!(size <= 1_232 && with_create <= 1_232);
    world.must(settle, &world.quorum());
}

/// A fee payer that is no validator does not count, and does not harm.
#[test]
fn a_stranger_may_pay_for_the_transaction() {
    let mut world = World::with_stakes(&[1_000; 4]);
    let deal = world.open();
    let mut signers = world.quorum();
    signers.insert(0, world.router.key.insecure_clone());
    let settle = world.settlement(&deal).instruction(&PROGRAM_ID);
    let size = world.size(std::slice::from_ref(&settle), &signers);
    println!("settle with 4 validators and a stranger paying: {size} of 1232 bytes");
    assert!(size <= 1_232);
    world.must(settle, &signers);
}

fn five_sign(mut settle: Settle) -> Settle {
    settle.cosigners.truncate(4);
    settle
}

/// With the set full, which is when reading it costs most. The ceilings leave about half again as much room.
#[test]
fn compute_units_stay_under_their_ceilings() {
    let mut stakes = [100; VALIDATORS_MAX];
    stakes[..5].fill(1_000_000);
    let mut world = World::with_stakes(&stakes);
    let entry = ogong_chain_interface::instruction::SetModel {
        admin: world.admin.address(),
        model_id: "ogong/verified/a/b".into(),
        model_root: [1; 32],
        maker: world.admin.address(),
    };
    world.must(entry, &[world.admin.key.insecure_clone()]);
    let update = ogong_chain_interface::instruction::UpdateValidator {
        authority: world.validators[0].address(),
        consensus_id: [1; 32],
        endpoint: "a:1".into(),
    };
    world.must(update, &world.quorum()[..1]);
    let deal = world.open();
    world.must(five_sign(world.settlement(&deal)), &world.quorum()[..5]);
    let deal = world.open_order(another(&world));
    let mut reject = world.rejection(&deal);
    reject.cosigners.truncate(4);
    world.must(reject, &world.quorum()[..5]);
    let mut order = world.order();
    order.nonce = [0x9a; 32];
    let deal = world.open_order(order);
    world.set_time(START_S + 901);
    world.must(world.expiry(&deal), &[world.router.key.insecure_clone()]);

    let ceilings = [
        ("Initialize", 60_000),
        ("RegisterValidator", 55_000),
        ("UpdateValidator", 10_000),
        ("SetModel", 25_000),
        ("OpenEscrow", 55_000),
        ("Settle", 56_000),
        ("RefundReject", 40_000),
        ("RefundExpired", 27_000),
    ];
    for (name, ceiling) in ceilings {
        let used = world.compute[name];
        println!("{name}: {used} compute units of {ceiling}");
        assert!(used <= ceiling, "{name} took {used} compute units, over {ceiling}");
    }
}

#[test]
fn refusals() {
    check(REFUSALS);
}
