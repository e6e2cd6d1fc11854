//! `settle`: what is decided. Who must sign is in `settle_quorum`, who is paid in `release`.

use crate::release::balances;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use litesvm::types::TransactionResult;
use ogong_chain_interface::account::{Decision, EscrowStatus};
use ogong_chain_interface::event::{Settled, Settlement};
use ogong_chain_interface::instruction::Settle;
use ogong_chain_interface::{Address, ChainError, PROGRAM_ID, address, token};
use ogong_chain_tests::Expected::{Chain, Number};
use ogong_chain_tests::world::{FUNDS, NETWORK, START_S, VERIFIER_FEE};
use ogong_chain_tests::{Refusal, World, check};

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
        attempt: |world| settle(world, |_, settle| settle.verdict.outcome = 0),
    },
    Refusal {
        name: "outcome reject",
        expected: Chain(ChainError::OutcomeNotPayable),
        attempt: |world| settle(world, |_, settle| settle.verdict.outcome = 3),
    },
    Refusal {
        name: "outcome inconclusive",
        expected: Chain(ChainError::OutcomeNotPayable),
        attempt: |world| settle(world, |_, settle| settle.verdict.outcome = 4),
    },
    Refusal {
        name: "one token too many",
        expected: Chain(ChainError::BilledOverMax),
        attempt: |world| settle(world, |_, settle| settle.verdict.n_billed = 513),
    },
    Refusal {
        name: "expiry a millisecond after the deadline",
        expected: Chain(ChainError::ExpiryAfterDeadline),
        attempt: |world| settle(world, |_, settle| settle.verdict.expiry_ms += 1),
    },
    Refusal {
        name: "a second after the expiry",
        expected: Chain(ChainError::SettleExpired),
        attempt: |world| {
            let deal = world.open();
            let mut settle = world.settlement(&deal);
            settle.verdict.expiry_ms = world.now_ms();
            world.set_time(START_S + 1);
            world.send(settle, &world.quorum())
        },
    },
    Refusal {
        name: "one more token counted than billed",
        expected: Chain(ChainError::CountedOverBilled),
        attempt: |world| settle(world, |_, settle| settle.verdict.n_counted = 51),
    },
    Refusal {
        name: "a record of another request",
        expected: Chain(ChainError::RequestHashWrong),
        attempt: |world| settle(world, |_, settle| settle.verdict.req_hash[31] ^= 1),
    },
    Refusal {
        name: "four verifiers",
        expected: Chain(ChainError::VerifiersInvalid),
        attempt: |world| {
            settle(world, |_, settle| settle.verdict.verifiers = (1..5).map(|n| Address::from([n; 32])).collect())
        },
    },
    Refusal {
        name: "a verifier named twice",
        expected: Chain(ChainError::VerifiersInvalid),
        attempt: |world| settle(world, |_, settle| settle.verdict.verifiers = vec![Address::from([1; 32]); 2]),
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
pub fn another(world: &World) -> ogong_chain_tests::Order {
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

#[test]
fn decides_and_says_so() {
    for outcome in [1, 2] {
        let mut world = World::with_stakes(&[1_000; 3]);
        let deal = world.open();
        let mut settle = world.settlement(&deal);
        (settle.verdict.outcome, settle.verdict.n_counted) = (outcome, 30);
        let verifiers = [Address::from([8; 32]), Address::from([9; 32])];
        settle.verdict.verifiers = verifiers.to_vec();
        let meta = world.must(settle.clone(), &world.quorum());
        // (100·2000 + 50·6000) / 1000 = 500 of 1,000,000; 5% is 25
        let amounts = [425, 25, 25, 25, 999_500];
        let verdict = settle.verdict;
        let payees = [world.provider.address(), world.router.address(), world.fee_owners[0].address()];
        let payees = payees.into_iter().chain([address::config(&PROGRAM_ID), world.owner.address()]).zip(amounts);
        let digest = Settlement {
            network: NETWORK,
            program: PROGRAM_ID,
            reply_id: deal.reply_id,
            record_hash: verdict.record_hash,
            outcome,
            verdict_hash: verdict.verdict_hash,
            round: verdict.round,
            n_prompt: verdict.n_prompt,
            n_billed: verdict.n_billed,
            n_counted: 30,
            payees: payees.chain(verifiers.map(|verifier| (verifier, VERIFIER_FEE))).collect(),
            stake_epoch: 0,
            expiry_ms: verdict.expiry_ms,
        }
        .digest();
        let escrow = world.escrow(&deal);
        assert_eq!(escrow.status, EscrowStatus::Decided);
        assert_eq!((escrow.record_hash, escrow.verdict_hash, escrow.fee), ([0x66; 32], [0x77; 32], 500));
        let decision = Decision {
            outcome,
            cohort: false,
            stake_epoch: 0,
            digest,
            fee_owner: world.fee_owners[0].address(),
            amounts,
            n_billed: 50,
            n_counted: 30,
            verifiers: [verifiers[0], verifiers[1], Address::default()],
            verifiers_paid: 0,
        };
        assert_eq!(escrow.decision, decision);
        let wanted = Settled {
            reply_id: deal.reply_id,
            digest,
            record_hash: verdict.record_hash,
            verdict_hash: verdict.verdict_hash,
            outcome,
            fee: 500,
            amounts,
            handler: world.validators[0].address(),
            signed_stake: 3_000,
            total_stake: 3_000,
        };
        assert_eq!(Settled::decode(&event(&meta.logs)), Ok(wanted));
        // an audit counts for whoever signed it; a reply that was not drawn had none
        let audits = if outcome == 1 { 1 } else { 0 };
        let epoch = world.epoch(0);
        assert_eq!((epoch.audits, epoch.totals.audits), (vec![audits; 3], 3 * audits));
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
        let mut settle = world.settlement(&deal);
        (settle.verdict.n_prompt, settle.verdict.n_billed) = case.tokens;
        settle.verdict.n_counted = 0;
        world.must(settle, &world.quorum());
        world.pay(&deal);
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
    let mut settle = world.settlement(&deal);
    settle.verdict.n_billed = 512;
    world.must(settle, &world.quorum());
    assert_eq!(world.escrow(&deal).fee, 200 + 512 * 6);
}

#[test]
fn the_last_second_is_in_time() {
    let mut world = World::with_stakes(&[1_000; 3]);
    let deal = world.open();
    world.set_time(START_S + 900);
    world.must(world.settlement(&deal), &world.quorum());
}

#[test]
fn as_many_sign_as_a_transaction_holds() {
    let mut world = World::with_stakes(&[1_000; 12]);
    let deal = world.open();
    let fits = |world: &World, signers: usize, verifiers: u8, paid: bool| {
        let mut settle = world.settlement(&deal);
        settle.cosigners.truncate(signers - 1);
        settle.verdict.verifiers = (0..verifiers).map(|n| Address::from([n + 1; 32])).collect();
        let mut instructions = vec![settle.instruction(&PROGRAM_ID)];
        if paid {
            instructions.push(world.payment(&deal).instruction(&PROGRAM_ID));
        }
        let size = world.size(&instructions, &world.quorum()[..signers]);
        println!("settle: {signers} signers, {verifiers} verifiers, release beside it {paid}: {size} of 1232 bytes");
        size <= 1_232
    };
    assert!(fits(&world, 9, 0, false) && !fits(&world, 10, 0, false));
    assert!(fits(&world, 8, 1, false));
    assert!(fits(&world, 5, 1, true) && !fits(&world, 8, 0, true));
    let mut settle = world.settlement(&deal);
    settle.cosigners.truncate(8);
    world.must(settle, &world.quorum()[..9]);
}

/// A fee payer that is no validator does not count, and does not harm.
#[test]
fn a_stranger_may_pay_for_the_transaction() {
    let mut world = World::with_stakes(&[1_000; 4]);
    let deal = world.open();
    let mut signers = world.quorum();
    signers.insert(0, world.router.key.insecure_clone());
    world.must(world.settlement(&deal), &signers);
    assert_eq!(world.escrow(&deal).status, EscrowStatus::Decided);
}

#[test]
fn refusals() {
    check(REFUSALS);
}
