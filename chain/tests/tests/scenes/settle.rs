//! What a quorum decides about replies, and what follows from it.

use super::escrow::open_from_deposit;
use super::{FAR_MS, case, cohort, open, operators, scene};
use crate::approvals;
use ogong_chain_interface::account::Role;
use ogong_chain_interface::instruction::*;
use ogong_chain_interface::{Address, PROGRAM_ID, address, event, merkle};
use ogong_chain_tests::trial::Free::Anyone;
use ogong_chain_tests::trial::{Case, Scene};
use ogong_chain_tests::world::{NETWORK, VERIFIER_FEE};
use ogong_chain_tests::{Deal, World, quorum};

const SIGNED: Case = Case { situation: "signed", quorum: true, ..case("", |_| unreachable!()) };
const APPROVED: Case = Case { situation: "approved", quorum: true, ..case("", |_| unreachable!()) };

pub const CASES: &[Case] = &[
    Case { instruction: "settle", scene: settle, ..SIGNED },
    Case { instruction: "settle", scene: settle_approved, ..APPROVED },
    // the rent is paid by whoever likes to
    Case { instruction: "settle_cohort", free: &[Anyone("payer")], scene: settle_cohort, ..SIGNED },
    Case { instruction: "settle_cohort", free: &[Anyone("payer")], scene: settle_cohort_approved, ..APPROVED },
    Case { instruction: "settle_batch", scene: settle_batch, ..SIGNED },
    Case { instruction: "settle_batch", scene: settle_batch_approved, ..APPROVED },
    case("settle_batched", settle_batched),
    Case { situation: "settled", ..case("close_batch", close_batch_settled) },
    Case { situation: "expired", ..case("close_batch", close_batch_expired) },
    Case { situation: "the first", ..case("approve", |world| approve(world, 0)) },
    Case { situation: "the second", ..case("approve", |world| approve(world, 1)) },
    case("close_approvals", close_approvals),
    Case { situation: "wallet", ..case("release", release) },
    Case { situation: "deposit", ..case("release", release_deposit) },
    Case { situation: "cohort", ..case("release", release_cohort) },
    Case { instruction: "refund_reject", scene: reject, ..SIGNED },
    Case { instruction: "refund_reject", scene: reject_deposit, situation: "signed, deposit", ..SIGNED },
    Case { instruction: "refund_reject", free: &[Anyone("handler")], scene: reject_approved, ..APPROVED },
    case("pay_verifier", pay_verifier),
];

fn settle(world: &mut World) -> Scene {
    let deal = open(world, 41, None, FAR_MS);
    scene(world.settlement(&deal), world.quorum())
}

/// Puts approvals of a digest in the place of the co-signers; who approved is a quorum.
fn approved(world: &mut World, digest: [u8; 32], settle: &mut Settle) {
    settle.approvals = Some(quorum::approve(world, digest, world.signing));
    settle.cosigners.clear();
}

fn settle_approved(world: &mut World) -> Scene {
    let deal = open(world, 41, None, FAR_MS);
    let mut settle = world.settlement(&deal);
    let digest = approvals::settle_digest(world, &deal, &settle);
    approved(world, digest, &mut settle);
    scene(settle, world.quorum())
}

fn settle_cohort(world: &mut World) -> Scene {
    let deal = open(world, 42, None, FAR_MS);
    let [provider, _] = operators(world, 117);
    let mut cohort = cohort(world, &deal, [provider.wallet.address(), Address::default()]);
    cohort.payer = world.router.address();
    let mut signers = world.quorum();
    signers.push(world.router.key.insecure_clone());
    scene(cohort, signers)
}

fn settle_cohort_approved(world: &mut World) -> Scene {
    let deal = open(world, 42, None, FAR_MS);
    let mut cohort = cohort(world, &deal, [Address::default(); 2]);
    cohort.payer = world.router.address();
    let digest = crate::settle_cohort::digest_of(world, &deal, &cohort);
    approved(world, digest, &mut cohort.settle);
    let mut signers = world.quorum();
    signers.push(world.router.key.insecure_clone());
    scene(cohort, signers)
}

/// Two replies and the batch over what is decided about them.
fn batch(world: &mut World, longer_ms: u64) -> ([Deal; 2], Vec<[u8; 32]>, SettleBatch) {
    let deals = [43, 44].map(|nonce| open(world, nonce, None, FAR_MS));
    let leaves: Vec<[u8; 32]> =
        deals.iter().map(|deal| approvals::settle_digest(world, deal, &world.settlement(deal))).collect();
    let batch = SettleBatch {
        handler: world.validators[0].address(),
        cosigners: world.cosigners(),
        approvals: None,
        root: merkle::root(&leaves),
        count: 2,
        stake_epoch: world.config().stake_epoch,
        expiry_ms: world.now_ms() + longer_ms,
    };
    (deals, leaves, batch)
}

fn settle_batch(world: &mut World) -> Scene {
    let (_, _, batch) = batch(world, FAR_MS);
    scene(batch, world.quorum())
}

fn settle_batch_approved(world: &mut World) -> Scene {
    let (_, _, mut batch) = batch(world, FAR_MS);
    let digest = event::Batch {
        network: NETWORK,
        program: PROGRAM_ID,
        root: batch.root,
        count: batch.count,
        fee_owner: world.fee_owners[0].address(),
        stake_epoch: batch.stake_epoch,
        expiry_ms: batch.expiry_ms,
    };
    batch.approvals = Some(quorum::approve(world, digest.digest(), world.signing));
    batch.cosigners.clear();
    scene(batch, world.quorum())
}

/// A batch that was signed, and the settlement of each of its replies.
fn signed_batch(world: &mut World, longer_ms: u64) -> Vec<SettleBatched> {
    let (deals, leaves, batch) = batch(world, longer_ms);
    let root = batch.root;
    world.must(batch, &world.quorum());
    let settle = |(index, deal): (u32, &Deal)| SettleBatched {
        root,
        reply_id: deal.reply_id,
        verdict: world.verdict(deal),
        index,
        proof: merkle::proof(&leaves, usize::try_from(index).expect("an index")).expect("a leaf"),
    };
    (0..).zip(&deals).map(settle).collect()
}

fn settle_batched(world: &mut World) -> Scene {
    scene(signed_batch(world, FAR_MS).remove(1), [])
}

fn close_batch_settled(world: &mut World) -> Scene {
    let settles = signed_batch(world, FAR_MS);
    let root = settles[0].root;
    for settle in settles {
        world.must(settle, &[world.admin.key.insecure_clone()]);
    }
    scene(CloseBatch { root, payer: world.validators[0].address() }, [])
}

fn close_batch_expired(world: &mut World) -> Scene {
    let root = signed_batch(world, 1_000)[0].root;
    world.set_time(i64::try_from(world.now_ms() / 1_000 + 2).expect("a time"));
    scene(CloseBatch { root, payer: world.validators[0].address() }, [])
}

fn approve(world: &mut World, before: usize) -> Scene {
    quorum::approve(world, [77; 32], before);
    let validator = &world.validators[before];
    let stake_epoch = world.config().stake_epoch;
    let approve = Approve { validator: validator.address(), digest: [77; 32], stake_epoch };
    scene(approve, [validator.key.insecure_clone()])
}

fn close_approvals(world: &mut World) -> Scene {
    let deal = open(world, 41, None, FAR_MS);
    let mut settle = world.settlement(&deal);
    let digest = approvals::settle_digest(world, &deal, &settle);
    approved(world, digest, &mut settle);
    world.must(settle, &world.quorum()[..1]);
    let (stake_epoch, payer) = (world.config().stake_epoch, world.validators[0].address());
    scene(CloseApprovals { digest, stake_epoch, payer }, [])
}

fn release(world: &mut World) -> Scene {
    let operators = operators(world, 117);
    let deal = open(world, 45, Some(&operators), FAR_MS);
    world.must(world.settlement(&deal), &world.quorum());
    scene(super::release(world, &deal, &operators), [])
}

fn release_deposit(world: &mut World) -> Scene {
    let deal = open_from_deposit(world, 46, FAR_MS);
    world.must(world.settlement(&deal), &world.quorum());
    scene(world.payment(&deal), [])
}

fn release_cohort(world: &mut World) -> Scene {
    let deal = open(world, 47, None, FAR_MS);
    let [provider, _] = operators(world, 117);
    let cohort = cohort(world, &deal, [provider.wallet.address(), Address::default()]);
    let shards = cohort.shards.clone();
    world.must(cohort, &world.quorum());
    let tokens = [world.admin.token, world.provider.token];
    let release =
        Release { provider: Served::Cohort(shards.into_iter().zip(tokens).collect()), ..world.payment(&deal) };
    scene(release, [])
}

fn reject(world: &mut World) -> Scene {
    let deal = open(world, 48, None, FAR_MS);
    scene(world.rejection(&deal), world.quorum())
}

fn reject_deposit(world: &mut World) -> Scene {
    let deal = open_from_deposit(world, 49, FAR_MS);
    scene(world.rejection(&deal), world.quorum())
}

fn reject_approved(world: &mut World) -> Scene {
    let deal = open(world, 48, None, FAR_MS);
    let mut reject = world.rejection(&deal);
    let digest = approvals::reject_digest(world, &deal, &reject);
    reject.approvals = Some(quorum::approve(world, digest, world.signing));
    reject.cosigners.clear();
    scene(reject, world.quorum())
}

fn pay_verifier(world: &mut World) -> Scene {
    let verifier = world.known_operator(118, Role::Verifier, 500);
    let (authority, verifier_token) = (verifier.wallet.address(), verifier.wallet.token);
    world.open_work(Role::Verifier, authority);
    let deal = open(world, 50, None, FAR_MS);
    let mut settle = world.settlement(&deal);
    settle.verdict.verifiers = vec![authority];
    world.must(settle, &world.quorum());
    world.must(world.payment(&deal), &[world.admin.key.insecure_clone()]);
    assert!(world.balance(&address::reserve(&PROGRAM_ID)) >= VERIFIER_FEE, "the reserve can pay");
    let epoch = world.config().stake_epoch;
    scene(PayVerifier { reply_id: deal.reply_id, epoch, verifier: authority, verifier_token }, [])
}
