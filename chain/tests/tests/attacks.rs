//! What somebody could try who knows the program: each was thought of with its sources at hand, and those that once worked are
//! marked so. `chain/SECURITY.md` names them.

use crate::accuse_validator::{self, REPLY, accused};
use crate::approve_emission::approval;
use crate::{approvals, claim_work, record_liveness, release_work, settle_cohort};
use litesvm::types::TransactionResult;
use ogong_chain_interface::account::{Role, Shard};
use ogong_chain_interface::evidence::{Honeypot, Vote, Word};
use ogong_chain_interface::instruction::*;
use ogong_chain_interface::{Address, ChainError, PROGRAM_ID, address};
use ogong_chain_tests::refusal::number;
use ogong_chain_tests::{Deal, Known, PLACE, World, everybody, quorum};

fn refused(result: &TransactionResult, error: ChainError) {
    assert_eq!(number(result), Some(error.number()), "{result:#?}");
}

/// A cohort's settle of an ordinary reply, whose first shard is a registered provider.
fn cohort_of(world: &World, deal: &Deal, operator: Address) -> SettleCohort {
    let shards = vec![
        Shard { operator, payout: world.admin.address(), amount: 300 },
        Shard { operator: Address::default(), payout: world.router.address(), amount: 125 },
    ];
    SettleCohort { settle: world.settlement(deal), payer: world.validators[0].address(), shards }
}

/// Worked once: the account that a shard is credited in, given a second time where a single provider's belongs, was written
/// back as it had been read.
#[test]
fn a_shard_s_credit_cannot_be_wiped() {
    let mut world = World::with_stakes(&[1_000; 3]);
    let provider = world.known_operator(151, Role::Provider, 0);
    let operator = provider.wallet.address();
    world.open_work(Role::Provider, operator);
    let deal = world.open();
    let settle = cohort_of(&world, &deal, operator);
    let shards = settle.shards.clone();
    world.must(settle, &world.quorum());
    let tokens = [world.admin.token, world.router.token];
    let served = Served::Cohort(shards.into_iter().zip(tokens).collect());
    let honest = Release { provider: served, ..world.payment(&deal) };
    let mut wiping = honest.instruction(&PROGRAM_ID);
    wiping.accounts[10] =
        ogong_chain_interface::AccountMeta::new(address::work(&PROGRAM_ID, 0, Role::Provider, &operator), false);
    let payer = [world.admin.key.insecure_clone()];
    refused(&world.send(wiping, &payer), ChainError::WorkWrong);
    world.must(honest, &payer);
    assert_eq!(world.work(0, Role::Provider, &operator).fees, 352);
}

/// Worked once: what validators approved named the shards' wallets, and whoever sent the settle chose who is credited.
#[test]
fn approvals_of_a_cohort_name_who_is_credited() {
    let mut world = World::with_stakes(&[1_000; 3]);
    let honest = world.known_operator(151, Role::Provider, 0);
    let friend = world.known_operator(152, Role::Provider, 0);
    let deal = world.open();
    let mut agreed = cohort_of(&world, &deal, honest.wallet.address());
    let digest = settle_cohort::digest_of(&world, &deal, &agreed);
    agreed.settle.approvals = Some(quorum::approve(&mut world, digest, 3));
    agreed.settle.cosigners.clear();
    for operator in [friend.wallet.address(), Address::default()] {
        let mut other = agreed.clone();
        other.shards[0].operator = operator;
        refused(&world.send(other, &world.quorum()[..1]), ChainError::ApprovalsWrong);
    }
    world.must(agreed, &world.quorum()[..1]);
}

/// All validators' slash of a culprit's case about [`REPLY`].
fn slash_of(world: &World, culprit: &Known, evidence: [u8; 32]) -> SlashValidator {
    SlashValidator {
        handler: world.validators[0].address(),
        cosigners: world.cosigners(),
        approvals: None,
        authority: culprit.wallet.address(),
        subject: REPLY,
        evidence,
        stake_epoch: 0,
    }
}

/// Worked once: one who was slashed in the middle of an epoch could sign on without a vote, and so be credited and handle.
#[test]
fn the_slashed_neither_sign_nor_plant_nor_earn() {
    let mut world = World::with_stakes(&[1_000; 3]);
    let culprit = accused(&mut world, 91, 500);
    let slash = slash_of(&world, &culprit, accuse_validator::evidence(&culprit));
    world.must(slash, &world.quorum());
    let deal = world.open();
    let mut settle = world.settlement(&deal);
    settle.cosigners.push(culprit.wallet.address());
    let mut signers = world.quorum();
    signers.push(culprit.wallet.key.insecure_clone());
    refused(&world.send(settle, &signers), ChainError::CosignerUnregistered);
    let own = [culprit.wallet.key.insecure_clone()];
    let planter = culprit.wallet.address();
    let plant = PlantHoneypot { planter, commitment: [1; 32], stake_epoch: 0 };
    refused(&world.send(plant, &own), ChainError::CosignerUnregistered);
    let approve = Approve { validator: planter, digest: [1; 32], stake_epoch: 0 };
    refused(&world.send(approve, &own), ChainError::CosignerUnregistered);
    world.must(world.settlement(&deal), &world.quorum());
    assert_eq!(world.epoch(0).audits, [1, 1, 1, 0]);
    assert_eq!(world.epoch(0).set.stake_of(&planter), None, "clients see no voter either");
}

/// Approvals that were given before the slash carry no weight and no credit after it.
#[test]
fn an_approval_of_the_slashed_weighs_and_earns_nothing() {
    let mut world = World::with_stakes(&[1_000; 3]);
    let culprit = accused(&mut world, 91, 1_000);
    let deal = world.open();
    let mut settle = world.settlement(&deal);
    let digest = approvals::settle_digest(&world, &deal, &settle);
    let at = quorum::approve(&mut world, digest, 2);
    let approve = Approve { validator: culprit.wallet.address(), digest, stake_epoch: 0 };
    world.must(approve, &[culprit.wallet.key.insecure_clone()]);
    let slash = slash_of(&world, &culprit, accuse_validator::evidence(&culprit));
    world.must(slash, &world.quorum());
    (settle.approvals, settle.cosigners) = (Some(at), Vec::new());
    // 2,000 of 3,000 are two thirds
    refused(&world.send(settle.clone(), &world.quorum()[..1]), ChainError::QuorumNotReached);
    quorum_of_third(&mut world, digest);
    world.must(settle, &world.quorum()[..1]);
    assert_eq!(world.epoch(0).audits, [1, 1, 1, 0]);
}

fn quorum_of_third(world: &mut World, digest: [u8; 32]) {
    let validator = world.validators[2].clone();
    world.must(Approve { validator: validator.address(), digest, stake_epoch: 0 }, &[validator.key]);
}

/// Worked once: whoever opened another's counters and then gave the wallet that paid for them to some program kept the other from
/// its emission for good.
#[test]
fn nobody_s_rent_keeps_another_from_its_tokens() {
    let mut world = World::with_stakes(&[1_000; 3]);
    let worked = crate::approve_emission::worked(&mut world, 1_000_000);
    world.must(approval(worked.epoch, everybody(&world)), &world.quorum());
    let payer = world.admin.address();
    let mut account = world.svm.get_account(&payer).expect("a wallet");
    account.owner = Address::from_str_const("BPFLoaderUpgradeab1e11111111111111111111111");
    world.svm.set_account(payer, account).expect("a wallet given away");
    let claim = claim_work::claim(&world, worked.epoch, Role::Provider, &worked.provider);
    world.must(claim, &[world.owner.key.insecure_clone()]);
    assert!(world.supply().emitted > 0);
}

/// Worked once: with the beacon at hand a provider could look for a node key that the round draws, register it, and answer.
#[test]
fn a_node_chosen_after_the_beacon_is_not_challenged() {
    let mut world = World::with_stakes(&[1_000; 3]);
    let provider = world.known_operator(151, Role::Provider, 0);
    world.open_work(Role::Provider, provider.wallet.address());
    let node = ogong_chain_tests::Node::of(152);
    let node_key = world.publish(&node);
    let update = UpdateOperator {
        authority: provider.wallet.address(),
        role: Role::Provider,
        node_id: node.node_id,
        payout: provider.wallet.address(),
        models: Vec::new(),
    };
    world.must(update, &[provider.wallet.key.insecure_clone()]);
    let ground = Known { node, node_key, wallet: provider.wallet };
    let answer = record_liveness::answer_of(&world, &ground, 1);
    let later = world.now_ms() / 1_000 + 60;
    world.set_time(i64::try_from(later).expect("a time"));
    let instructions = record_liveness::record(&ground, answer, everybody(&world));
    refused(&world.send_raw(&instructions, &world.quorum()), ChainError::LivenessNotDrawn);
    // from the next epoch on it is the provider's node
    world.next_epoch();
    world.open_work(Role::Provider, ground.wallet.address());
    let answer = record_liveness::answer_of(&world, &ground, 1);
    let later = world.now_ms() / 1_000 + 60;
    world.set_time(i64::try_from(later).expect("a time"));
    let instructions = record_liveness::record(&ground, answer, everybody(&world));
    world.must_raw(&instructions, &world.quorum());
}

/// Worked once: a router that had taken its bond out, or lost it, went on earning emission with nothing to answer with.
#[test]
fn a_router_without_its_bond_earns_no_routes() {
    let mut world = World::with_stakes(&[1_000; 3]);
    release_work::enrol(&mut world, Role::Provider, true);
    release_work::enrol(&mut world, Role::Router, true);
    let bonded = release_work::registered_deal(&mut world);
    assert_eq!(world.escrow(&bonded).router_operator, world.router.address());
    let (authority, authority_token) = (world.router.address(), world.router.token);
    let leave = MoveOperatorStake { authority, authority_token, role: Role::Router, movement: Movement::Unstake(100) };
    world.must(leave, &[world.router.key.insecure_clone()]);
    let mut order = world.order();
    order.nonce = [0x98; 32];
    let mut opening = world.opening(&order);
    opening.terms.router_operator = Some(world.router.address());
    opening.terms.provider_operator = Some(world.provider.address());
    let deal = Deal { reply_id: opening.reply_id(), order };
    world.must(opening, &[world.owner.key.insecure_clone()]);
    let escrow = world.escrow(&deal);
    assert_eq!((escrow.router_operator, escrow.provider_operator), (Address::default(), world.provider.address()));
    for deal in [bonded, deal] {
        world.must(world.settlement(&deal), &world.quorum());
        world.pay(&deal);
    }
    assert_eq!(world.epoch(0).totals.routes, 1, "the one of the time with a bond");
    assert_eq!(world.epoch(0).totals.replies, 2, "a provider needs none");
}

/// A verifier without its bond gets the fee that it was promised, and no emission.
#[test]
fn a_verifier_without_its_bond_earns_its_fee_alone() {
    let mut world = World::with_stakes(&[1_000; 3]);
    let verifier = world.known_operator(151, Role::Verifier, 500);
    let wallet = verifier.wallet.clone();
    world.open_work(Role::Verifier, wallet.address());
    let deal = world.open();
    let mut settle = world.settlement(&deal);
    settle.verdict.verifiers = vec![wallet.address()];
    world.must(settle, &world.quorum());
    world.pay(&deal);
    let movement = Movement::Unstake(500);
    let leave = MoveOperatorStake {
        authority: wallet.address(),
        authority_token: wallet.token,
        role: Role::Verifier,
        movement,
    };
    world.must(leave, &[wallet.key.insecure_clone()]);
    let (verifier, verifier_token) = (wallet.address(), wallet.token);
    let pay = PayVerifier { reply_id: deal.reply_id, epoch: 0, verifier, verifier_token };
    world.must(pay, &[world.admin.key.insecure_clone()]);
    assert_eq!(world.balance(&wallet.token), ogong_chain_tests::world::VERIFIER_FEE);
    assert_eq!((world.epoch(0).totals.verifications, world.work(0, Role::Verifier, &wallet.address()).count), (0, 0));
}

/// Worked once: a culprit that opened the case about its reply itself, with statements that nobody acts on, kept the true ones
/// out.
#[test]
fn a_case_of_one_s_own_takes_nobody_s_place() {
    let mut world = World::with_stakes(&[1_000; 3]);
    let culprit = world.known_validator(91, 500);
    let votes = |salt: u8| {
        [1, 3].map(|outcome| {
            Vote { reply_id: REPLY, outcome, verdict_hash: [salt; 32], digest: [salt; 32] }.message(&PLACE)
        })
    };
    let open = |world: &mut World, messages: &[Vec<u8>]| {
        let evidence = culprit.node.verified(messages.iter().cloned());
        let accuse = accuse_validator::accusation(world, &culprit, messages).instruction(&PROGRAM_ID);
        world.send_raw(&[evidence, accuse], &[world.owner.key.insecure_clone()])
    };
    open(&mut world, &votes(0)).expect("made up by the culprit");
    open(&mut world, &votes(1)).expect("what it signed in truth");
    let slash = slash_of(&world, &culprit, culprit.node.evidence(&votes(1)));
    world.must(slash.clone(), &world.quorum());
    assert_eq!(world.balance(&world.reserve()), 500);
    // the other case is there, and finds nothing left
    let other = SlashValidator { evidence: culprit.node.evidence(&votes(0)), ..slash };
    world.must(other, &world.quorum());
    assert_eq!(world.balance(&world.reserve()), 500);
}

/// The leaf of one escrow under the root of another's batch, and a batch's leaf at another's place, prove nothing; and a leaf that
/// stands twice in a tree is settled once.
#[test]
fn a_proof_settles_its_own_escrow_once() {
    let mut world = World::with_stakes(&[1_000; 3]);
    let deals = [1u8, 2].map(|nonce| {
        let mut order = world.order();
        // the same request, so that nothing but the digest tells the two apart
        order.nonce = [nonce; 32];
        world.open_order(order)
    });
    let leaf = |world: &World, deal: &Deal| approvals::settle_digest(world, deal, &world.settlement(deal));
    let own = leaf(&world, &deals[0]);
    let leaves = [own, own];
    let batch = SettleBatch {
        handler: world.validators[0].address(),
        cosigners: world.cosigners(),
        approvals: None,
        root: ogong_chain_interface::merkle::root(&leaves),
        count: 2,
        stake_epoch: 0,
        expiry_ms: deals[0].order.deadline_ms,
    };
    let root = batch.root;
    world.must(batch, &world.quorum());
    let payer = [world.admin.key.insecure_clone()];
    let settle = |deal: &Deal, index: u32, world: &World| SettleBatched {
        root,
        reply_id: deal.reply_id,
        verdict: world.verdict(deal),
        index,
        proof: vec![ogong_chain_interface::merkle::root(&[own])],
    };
    let other = settle(&deals[1], 0, &world);
    refused(&world.send(other, &payer), ChainError::BatchProofWrong);
    let first = settle(&deals[0], 0, &world);
    world.must(first, &payer);
    let again = settle(&deals[0], 1, &world);
    refused(&world.send(again, &payer), ChainError::EscrowNotOpen);
    world.pay(&deals[0]);
    // and the batch, never full, is not closed before its time
    let close = CloseBatch { root, payer: world.validators[0].address() };
    refused(&world.send(close, &payer), ChainError::BatchInUse);
}

/// Both answers of one job can be planted, and the one that is against the verifier opened: the chain cannot know which is true,
/// so that a case moves nothing.
#[test]
fn two_honeypots_of_one_job_make_no_slash() {
    for said in [1, 3] {
        let mut world = World::with_stakes(&[1_000; 3]);
        let verifier = world.known_operator(151, Role::Verifier, 500);
        // the one that the verifier agrees with first, and then the other
        let honeypots = [said, 4 - said].map(|expected| Honeypot { job: [8; 32], expected, salt: [expected; 32] });
        let planter = world.validators[0].clone();
        for honeypot in &honeypots {
            let (planter, commitment) = (planter.address(), honeypot.commitment());
            let key = world.validators[0].key.insecure_clone();
            world.must(PlantHoneypot { planter, commitment, stake_epoch: 0 }, &[key]);
        }
        let word = Word { job: [8; 32], report_hash: [9; 32], outcome: said, signed_ms: world.now_ms() + 1 };
        let message = word.message(&PLACE);
        let evidence = verifier.node.evidence(std::slice::from_ref(&message));
        for honeypot in honeypots {
            let accuse = AccuseVerifier {
                accuser: planter.address(),
                authority: verifier.wallet.address(),
                node_key: verifier.node_key,
                honeypot,
                evidence,
            };
            let instructions = [verifier.node.verified([message.clone()]), accuse.instruction(&PROGRAM_ID)];
            let result = world.send_raw(&instructions, &[planter.key.insecure_clone()]);
            if honeypot.expected == said {
                refused(&result, ChainError::EvidenceInnocent);
            } else {
                assert!(result.is_ok(), "{result:#?}");
            }
        }
        assert_eq!(world.operator(Role::Verifier, &verifier.wallet.address()).bond.stake, 500, "nothing moved");
        // and the planter alone does not slash
        let slash = SlashOperator {
            handler: planter.address(),
            cosigners: Vec::new(),
            approvals: None,
            role: Role::Verifier,
            authority: verifier.wallet.address(),
            subject: [8; 32],
            evidence,
            stake_epoch: 0,
        };
        refused(&world.send(slash, &[planter.key]), ChainError::QuorumNotReached);
    }
}

/// The change of an escrow never goes to another deposit, and a deposit pays its own owner's orders alone.
#[test]
fn a_deposit_pays_for_its_owner_alone() {
    let mut world = World::with_stakes(&[1_000; 3]);
    let (owner, owner_token, gateway) = (world.owner.address(), world.owner.token, world.router.clone());
    let fund = FundDeposit { owner, owner_token, delegate: gateway.address(), amount: 2_000_000 };
    world.must(fund, &[world.owner.key.insecure_clone()]);
    // an order of somebody else's out of it
    let mut order = world.order();
    order.owner = gateway.address();
    let opening =
        OpenEscrowFromDeposit { delegate: gateway.address(), owner, order: order.bytes(), terms: world.terms() };
    refused(&world.send(opening, &[gateway.key.insecure_clone()]), ChainError::OrderOwnerWrong);
    // the delegate takes nothing out
    let withdraw = WithdrawDeposit {
        owner: gateway.address(),
        owner_token: gateway.token,
        delegate: gateway.address(),
        amount: 1,
    };
    let mut instruction = withdraw.instruction(&PROGRAM_ID);
    instruction.accounts[2].pubkey = address::deposit(&PROGRAM_ID, &owner, &gateway.address());
    assert_eq!(number(&world.send(instruction, &[gateway.key.insecure_clone()])), Some(2006));
    // nor does a deposit with oneself as owner and delegate lend anything
    let (own, own_token) = (gateway.address(), gateway.token);
    let fund = FundDeposit { owner: own, owner_token: own_token, delegate: own, amount: 5 };
    world.must(fund, &[gateway.key.insecure_clone()]);
    let withdraw = WithdrawDeposit { owner: own, owner_token: own_token, delegate: own, amount: 6 };
    refused(&world.send(withdraw, &[gateway.key.insecure_clone()]), ChainError::DepositTooLow);
}

/// An atom does not divide: fees of 0 to 40 atoms, between three shards where there is something, sum to the fee always.
#[test]
fn dust_is_conserved() {
    let mut world = World::with_stakes(&[1_000; 3]);
    for fee in 0..=40u64 {
        let mut order = world.order();
        order.nonce = [u8::try_from(fee).expect("small"); 32];
        (order.max_fee, order.price_prompt, order.price_completion) = (fee, 1_000_000, 0);
        let deal = world.open_order(order);
        let share = fee - 3 * (fee * 500 / 10_000);
        let mut settle = cohort_of(&world, &deal, Address::default());
        (settle.shards[0].amount, settle.shards[1].amount) = (share / 2, share - share / 2);
        if share > 0 {
            let mut short = settle.clone();
            short.shards[1].amount -= 1;
            refused(&world.send(short, &world.quorum()), ChainError::CohortNotConserved);
        }
        let shards = settle.shards.clone();
        world.must(settle, &world.quorum());
        let tokens = [world.admin.token, world.router.token];
        let served = Served::Cohort(shards.into_iter().zip(tokens).collect());
        world.must(Release { provider: served, ..world.payment(&deal) }, &[world.admin.key.insecure_clone()]);
        assert_eq!(world.escrow(&deal).decision.amounts.iter().sum::<u64>(), fee);
    }
}

/// The counters of an epoch that was paid cannot be opened again, nor its emission approved again, nor a batch of a closed epoch
/// add to it.
#[test]
fn a_paid_epoch_stays_as_it_is() {
    let mut world = World::with_stakes(&[1_000; 3]);
    let worked = crate::approve_emission::worked(&mut world, 1_000_000);
    world.must(approval(worked.epoch, everybody(&world)), &world.quorum());
    let payer = [world.owner.key.insecure_clone()];
    world.must(claim_work::claim(&world, worked.epoch, Role::Provider, &worked.provider), &payer);
    let operator = worked.provider.wallet.address();
    let open = OpenWork { payer: world.owner.address(), epoch: worked.epoch, role: Role::Provider, operator };
    assert_eq!(number(&world.send(open, &payer)), Some(2006), "only the current epoch's are opened");
    let again = world.send(approval(worked.epoch, everybody(&world)), &world.quorum());
    assert_eq!(number(&again), Some(0), "the account is there");
    assert_eq!(world.supply().emitted, 105_357);
}

/// Prices, tokens and fees as large as they get: the fee is never more than what was put in.
#[test]
fn the_largest_numbers_cost_no_more_than_was_put_in() {
    let mut world = World::with_stakes(&[1_000; 3]);
    let (owner, token) = (world.owner.address(), world.owner.token);
    world.fund(&owner, &token, u64::MAX / 2);
    for (nonce, max_fee) in [(1u8, 0), (2, 1), (3, u64::MAX / 4)] {
        let mut order = world.order();
        (order.nonce, order.max_fee) = ([nonce; 32], max_fee);
        (order.price_prompt, order.price_completion, order.max_tokens) = (u64::MAX, u64::MAX, u32::MAX);
        let deal = world.open_order(order);
        let mut settle = world.settlement(&deal);
        (settle.verdict.n_prompt, settle.verdict.n_billed, settle.verdict.n_counted) = (u32::MAX, u32::MAX, u32::MAX);
        world.must(settle, &world.quorum());
        assert_eq!(world.escrow(&deal).fee, max_fee);
        world.pay(&deal);
    }
    // more than there is, and more than 64 bits of it in one vault
    for max_fee in [u64::MAX, u64::MAX / 2] {
        let mut order = world.order();
        (order.nonce, order.max_fee) = ([9; 32], max_fee);
        let opening = world.opening(&order);
        let result = world.send(opening, &[world.owner.key.insecure_clone()]);
        assert_eq!(number(&result), Some(1), "SPL Token's: insufficient funds");
    }
    world.assert_conserved();
}

/// Worked once: each role had a cap of its own, so that a washer who was provider and router both got what it had paid twice.
#[test]
fn a_washer_in_every_role_is_minted_no_more_than_it_paid() {
    let fee = 1_000_000;
    let mut world = World::with_stakes(&[1_000; 3]);
    world.launch();
    let provider = world.known_operator(151, Role::Provider, 0);
    let (purse, token) = (provider.wallet.address(), provider.wallet.token);
    let router = world.known_operator(152, Role::Router, 500);
    let verifier = world.known_operator(153, Role::Verifier, 500);
    // all three are paid into one purse
    for (role, known) in [(Role::Router, &router), (Role::Verifier, &verifier)] {
        let authority = known.wallet.address();
        let update = UpdateOperator { authority, role, node_id: known.node.node_id, payout: purse, models: Vec::new() };
        world.must(update, &[known.wallet.key.insecure_clone()]);
        world.open_work(role, authority);
    }
    world.open_work(Role::Provider, purse);
    let mut order = world.order();
    (order.provider, order.router) = (provider.node.node_id, router.node.node_id);
    (order.price_prompt, order.max_fee) = (fee * 10, fee);
    let mut opening = world.opening(&order);
    (opening.terms.provider_payout, opening.terms.router_payout) = (purse, purse);
    (opening.terms.provider_operator, opening.terms.router_operator) = (Some(purse), Some(router.wallet.address()));
    let deal = Deal { reply_id: opening.reply_id(), order };
    world.must(opening, &[world.owner.key.insecure_clone()]);
    let mut settle = world.settlement(&deal);
    settle.verdict.verifiers = vec![verifier.wallet.address()];
    world.must(settle, &world.quorum());
    let served = Served::Provider { token, operator: Some(purse) };
    let release = Release { provider: served, router_token: token, ..world.payment(&deal) };
    world.must(release, &world.quorum()[..1]);
    let verifier_pay =
        PayVerifier { reply_id: deal.reply_id, epoch: 0, verifier: verifier.wallet.address(), verifier_token: token };
    world.must(verifier_pay, &world.quorum()[..1]);
    let lost = fee - world.balance(&token);
    world.next_epoch();
    world.close_epoch();
    world.must(approval(0, everybody(&world)), &world.quorum());
    for (role, known) in [(Role::Provider, &provider), (Role::Router, &router), (Role::Verifier, &verifier)] {
        let mut claim = claim_work::claim(&world, 0, role, known);
        claim.to = token;
        world.must(claim, &world.quorum()[..1]);
    }
    let minted = world.supply().emitted;
    assert!(minted > 0 && minted < lost, "{minted} atoms minted for {lost} that left its purse");
}

/// What a consumer pays to itself as router, and what a provider pays into a purse that it registered later, has not left anybody.
#[test]
fn what_comes_back_to_who_paid_is_not_outside() {
    for own in [true, false] {
        let mut world = World::with_stakes(&[1_000; 3]);
        let provider = world.known_operator(151, Role::Provider, 0);
        let authority = provider.wallet.address();
        world.open_work(Role::Provider, authority);
        // the counters know the payout of their opening alone
        let purse = world.wallet(0);
        let (role, models) = (Role::Provider, Vec::new());
        let update =
            UpdateOperator { authority, role, node_id: provider.node.node_id, payout: purse.address(), models };
        world.must(update, &[provider.wallet.key.insecure_clone()]);
        let router = if own { world.owner.clone() } else { purse.clone() };
        let mut order = world.order();
        order.provider = provider.node.node_id;
        let mut opening = world.opening(&order);
        opening.terms.provider_payout = purse.address();
        opening.terms.provider_operator = Some(authority);
        opening.terms.router_payout = router.address();
        let deal = Deal { reply_id: opening.reply_id(), order };
        world.must(opening, &[world.owner.key.insecure_clone()]);
        world.must(world.settlement(&deal), &world.quorum());
        let served = Served::Provider { token: purse.token, operator: Some(authority) };
        let release = Release { provider: served, router_token: router.token, ..world.payment(&deal) };
        world.must(release, &[world.admin.key.insecure_clone()]);
        let totals = world.epoch(0).totals;
        assert_eq!((totals.fees, totals.outside_fees), (500, 50), "validator's and reserve's 25 each");
    }
}

/// Approvals and a batch that were carried out, closed, and made again by the same signatures decide nothing twice.
#[test]
fn what_was_closed_and_made_again_decides_nothing() {
    let mut world = World::with_stakes(&[1_000; 3]);
    let deal = world.open();
    let mut settle = world.settlement(&deal);
    let digest = approvals::settle_digest(&world, &deal, &settle);
    settle.approvals = Some(quorum::approve(&mut world, digest, 3));
    settle.cosigners.clear();
    let first = [world.validators[0].key.insecure_clone()];
    world.must(settle.clone(), &first);
    let (payer, stake_epoch) = (world.validators[0].address(), 0);
    world.must(CloseApprovals { digest, stake_epoch, payer }, &[world.admin.key.insecure_clone()]);
    quorum::approve(&mut world, digest, 3);
    refused(&world.send(settle, &first), ChainError::EscrowNotOpen);

    let mut order = world.order();
    order.nonce = [3; 32];
    let deal = world.open_order(order);
    let leaf = approvals::settle_digest(&world, &deal, &world.settlement(&deal));
    let root = ogong_chain_interface::merkle::root(&[leaf]);
    let batch = SettleBatch {
        handler: payer,
        cosigners: world.cosigners(),
        approvals: None,
        root,
        count: 1,
        stake_epoch,
        expiry_ms: deal.order.deadline_ms,
    };
    let verdict = world.verdict(&deal);
    let settle = SettleBatched { root, reply_id: deal.reply_id, verdict, index: 0, proof: Vec::new() };
    let anyone = [world.admin.key.insecure_clone()];
    world.must(batch.clone(), &world.quorum());
    world.must(settle.clone(), &anyone);
    world.pay(&deal);
    world.must(CloseBatch { root, payer }, &anyone);
    world.must(batch, &world.quorum());
    refused(&world.send(settle, &anyone), ChainError::EscrowNotOpen);
}
