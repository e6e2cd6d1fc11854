//! Plans of one reply of three validators, and what makes none.

use super::*;
use crate::message::{QuorumMessage, choose_cosigners};
use crate::wallet::Wallet;
use ogong_base::hash::{RecordHash, VerdictHash};
use ogong_chain_interface::account::{Bond, BondStatus};

pub(crate) fn wallet(n: u8) -> Wallet {
    Wallet::from_seed([n; 32])
}

/// Three validators, seeds 1 to 3, of stake 50, 30 and 20.
pub(crate) fn accounts() -> Accounts {
    let members = vec![(wallet(1).address(), 50), (wallet(2).address(), 30), (wallet(3).address(), 20)];
    Accounts {
        program: ogong_chain_interface::PROGRAM_ID,
        config: Config {
            admin: wallet(90).address(),
            network: [9; 32],
            mint: wallet(91).address(),
            reserve_owner: wallet(92).address(),
            split_bps: [8_500, 500, 500, 500, 0],
            min_stake: 1,
            alpha_ppm: 10_000,
            beacon_genesis_ms: 0,
            beacon_period_ms: 3_000,
            stake_epoch: 4,
            epoch_started_ms: 0,
            epoch_length_ms: 3_600_000,
            cooldown_epochs: 2,
            verifier_fee: 10,
        },
        validators: ValidatorSet { epoch: 4, total_stake: 100, members },
        handler: Validator {
            authority: wallet(1).address(),
            node_id: [1; 32],
            consensus_id: [2; 32],
            vrf_key: [3; 32],
            fee_owner: wallet(93).address(),
            bond: Bond { status: BondStatus::Active, stake: 50, cooling: 0, unlock_epoch: 0 },
            endpoint: "127.0.0.1:1".into(),
            bls_key: [0; 96],
        },
        escrow: Escrow {
            status: EscrowStatus::Open,
            reply_id: [5; 32],
            owner: wallet(94).address(),
            session_key: [6; 32],
            provider: [7; 32],
            router: [8; 32],
            provider_payout: wallet(95).address(),
            router_payout: wallet(96).address(),
            model_root: [10; 32],
            req_hash: [11; 32],
            price_prompt: 1_000,
            price_completion: 4_000,
            max_fee: 10_000,
            max_tokens: 1_000,
            deadline_ms: 1_000_000,
            opened_slot: 3,
            record_hash: [0; 32],
            verdict_hash: [0; 32],
            fee: 0,
            deposit: Address::default(),
            provider_operator: Address::default(),
            router_operator: Address::default(),
            decision: ogong_chain_interface::account::Decision::default(),
        },
    }
}

pub(crate) fn decision(outcome: u8) -> Decision {
    Decision {
        record_hash: RecordHash::from_bytes([12; 32]),
        outcome,
        verdict_hash: VerdictHash::from_bytes([13; 32]),
        round: 77,
        n_prompt: 100,
        n_billed: 200,
        n_counted: 200,
        expiry_ms: 900_000,
        verifiers: Vec::new(),
    }
}

#[test]
fn an_accept_pays_five_wallets_and_the_sum_is_the_escrow() {
    for outcome in [OUTCOME_ACCEPT, OUTCOME_NOT_SELECTED] {
        let plan = SettlePlan::new(&accounts(), &decision(outcome)).expect("a plan");
        let amounts: Vec<u64> = plan.settlement.payees.iter().map(|(_, atoms)| *atoms).collect();
        assert_eq!(amounts, [765, 45, 45, 45, 9_100], "100 prompt and 200 answer tokens cost 900");
        assert!(!plan.is_refund());
    }
}

#[test]
fn a_reject_returns_everything_to_the_owner() {
    let plan = SettlePlan::new(&accounts(), &decision(OUTCOME_REJECT)).expect("a plan");
    assert_eq!(plan.settlement.payees, [(wallet(94).key(), 10_000)]);
    assert_eq!((plan.settlement.n_prompt, plan.settlement.n_billed), (0, 0));
    assert!(plan.is_refund());
}

#[test]
fn what_breaks_the_terms_makes_no_plan() {
    let refused = |change: fn(&mut Accounts, &mut Decision)| {
        let (mut accounts, mut decision) = (accounts(), decision(OUTCOME_ACCEPT));
        change(&mut accounts, &mut decision);
        SettlePlan::new(&accounts, &decision).expect_err("refused")
    };
    assert!(matches!(refused(|a, _| a.escrow.status = EscrowStatus::Settled), Error::NotOpen { .. }));
    assert!(matches!(refused(|_, d| d.outcome = 4), Error::OutcomeOpen(4)));
    assert!(matches!(refused(|_, d| d.outcome = 0), Error::OutcomeOpen(0)));
    assert!(matches!(refused(|_, d| d.n_billed = 1_001), Error::BilledOverMax { .. }));
    assert!(matches!(refused(|_, d| d.expiry_ms = 1_000_001), Error::ExpiryAfterDeadline { .. }));
    assert!(matches!(refused(|a, _| a.config.stake_epoch = 5), Error::EpochMixed { set: 4, config: 5 }));
    assert!(matches!(refused(|a, _| a.handler.authority = wallet(4).address()), Error::NotAValidator(_)));
}

#[test]
fn verifiers_stand_behind_the_payees_and_change_the_digest() {
    let (one, two) = (wallet(7).address(), wallet(8).address());
    for outcome in [OUTCOME_ACCEPT, OUTCOME_REJECT] {
        let naming = |verifiers: &[Address]| {
            let decision = Decision { verifiers: verifiers.to_vec(), ..decision(outcome) };
            SettlePlan::new(&accounts(), &decision)
        };
        let (none, named) = (naming(&[]).expect("a plan"), naming(&[one, two]).expect("a plan"));
        assert_eq!(named.settlement.payees.split_at(none.settlement.payees.len()).0, none.settlement.payees);
        assert_eq!(named.settlement.payees.last(), Some(&(chain_key(&two), 10)), "the config's flat fee");
        assert!(named.payees().eq(none.payees()), "the reserve pays them by itself");
        assert_ne!(named.settlement.digest(), none.settlement.digest());
        let message = QuorumMessage::build(&named, &[wallet(2).address()], [1; 32], 0).expect("fits").bytes;
        assert!(matches!(QuorumMessage::check(&none, &message), Err(Error::Foreign(_))), "nobody is named by stealth");
        let foreign = naming(&[one, wallet(9).address()]).expect("a plan");
        assert!(matches!(QuorumMessage::check(&foreign, &message), Err(Error::Foreign(_))));
        assert!(matches!(naming(&[one, one]), Err(Error::Foreign(_))));
        assert!(matches!(naming(&[one, two, wallet(9).address(), wallet(10).address()]), Err(Error::Foreign(_))));
    }
}

#[test]
fn the_fewest_cosigners_that_make_a_quorum_are_chosen() {
    let plan = SettlePlan::new(&accounts(), &decision(OUTCOME_ACCEPT)).expect("a plan");
    let (second, third, stranger) = (wallet(2).address(), wallet(3).address(), wallet(4).address());
    assert_eq!(choose_cosigners(&plan, &[third, second, stranger]).expect("50 + 30 of 100"), [second]);
    assert_eq!(choose_cosigners(&plan, &[third]).expect("70 of 100 is over two thirds"), [third]);
    assert!(matches!(choose_cosigners(&plan, &[stranger]), Err(Error::NoQuorum { signed: 50, total: 100 })));
}

#[test]
fn strangers_and_repeated_signers_are_refused() {
    let plan = SettlePlan::new(&accounts(), &decision(OUTCOME_ACCEPT)).expect("a plan");
    let second = wallet(2).address();
    let built = |cosigners: &[Address]| QuorumMessage::build(&plan, cosigners, [1; 32], 0);
    assert!(matches!(built(&[wallet(4).address()]), Err(Error::NotAValidator(_))));
    assert!(matches!(built(&[second, second]), Err(Error::Foreign(_))));
    assert!(matches!(built(&[plan.handler]), Err(Error::Foreign(_))));
    let third = wallet(3).address();
    assert_eq!(
        built(&[second, third]).expect("valid"),
        built(&[third, second]).expect("valid"),
        "the order of co-signers does not matter"
    );
}

#[test]
fn our_digest_is_the_interfaces() {
    for outcome in [OUTCOME_ACCEPT, OUTCOME_REJECT] {
        let ours = SettlePlan::new(&accounts(), &decision(outcome)).expect("a plan").settlement;
        let theirs = ogong_chain_interface::event::Settlement {
            network: *ours.network.as_bytes(),
            program: crate::wallet::address(&ours.program),
            reply_id: *ours.reply_id.as_bytes(),
            record_hash: *ours.record_hash.as_bytes(),
            outcome: ours.outcome,
            verdict_hash: *ours.verdict_hash.as_bytes(),
            round: ours.round,
            n_prompt: ours.n_prompt,
            n_billed: ours.n_billed,
            n_counted: ours.n_counted,
            payees: ours.payees.iter().map(|(key, atoms)| (crate::wallet::address(key), *atoms)).collect(),
            stake_epoch: ours.stake_epoch,
            expiry_ms: ours.expiry_ms,
        };
        assert_eq!(ours.digest().as_bytes(), &theirs.digest());
    }
}
