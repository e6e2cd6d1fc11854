//! What the three instructions of a batch share: the replies in it, and what each costs.

use crate::approvals::settle_digest;
use crate::close_batch::close;
use ogong_chain_interface::instruction::{SettleBatch, SettleBatched};
use ogong_chain_interface::{PROGRAM_ID, event, merkle};
use ogong_chain_tests::world::{FUNDS, NETWORK};
use ogong_chain_tests::{Deal, World};

/// Lamports that a signature costs.
const SIGNATURE_LAMPORTS: u64 = 5_000;

/// Open escrows and the tree over what is decided about them.
pub struct Group {
    pub deals: Vec<Deal>,
    pub leaves: Vec<[u8; 32]>,
}

impl Group {
    pub fn open(world: &mut World, count: u16) -> Self {
        let mut group = Self { deals: Vec::new(), leaves: Vec::new() };
        for number in 0..count {
            let mut order = world.order();
            order.nonce[..2].copy_from_slice(&number.to_le_bytes());
            let opening = world.opening(&order);
            let deal = Deal { reply_id: opening.reply_id(), order };
            world.send(opening, &[world.owner.key.insecure_clone()]).expect("opened");
            let settle = world.settlement(&deal);
            group.leaves.push(settle_digest(world, &deal, &settle));
            group.deals.push(deal);
        }
        group
    }

    /// Those that all validators have signed the batch of.
    pub fn signed(world: &mut World, count: u16) -> Self {
        let group = Self::open(world, count);
        world.must(group.batch(world), &world.quorum());
        group
    }

    pub fn root(&self) -> [u8; 32] {
        merkle::root(&self.leaves)
    }

    /// The batch, signed by all validators.
    pub fn batch(&self, world: &World) -> SettleBatch {
        SettleBatch {
            handler: world.validators[0].address(),
            cosigners: world.validators[1..].iter().map(|validator| validator.address()).collect(),
            approvals: None,
            root: self.root(),
            count: u32::try_from(self.leaves.len()).expect("a count"),
            stake_epoch: world.config().stake_epoch,
            expiry_ms: self.deals[0].order.deadline_ms,
        }
    }

    pub fn settlement(&self, world: &World, index: usize) -> SettleBatched {
        SettleBatched {
            root: self.root(),
            reply_id: self.deals[index].reply_id,
            verdict: world.verdict(&self.deals[index]),
            index: u32::try_from(index).expect("an index"),
            proof: merkle::proof(&self.leaves, index).expect("a leaf"),
        }
    }
}

/// What the quorum agrees to of a batch that the first validator handles.
pub fn digest(world: &World, batch: &SettleBatch) -> [u8; 32] {
    let SettleBatch { root, count, stake_epoch, expiry_ms, .. } = *batch;
    let fee_owner = world.fee_owners[0].address();
    event::Batch { network: NETWORK, program: PROGRAM_ID, root, count, fee_owner, stake_epoch, expiry_ms }.digest()
}

/// The table of chain/README.md: every reply of a batch settled and released, by transactions that anyone sends, with five
/// validators' signatures behind all of them; then the batch is closed, and its rent comes back.
#[test]
fn a_reply_costs_less_in_a_batch() {
    let mut each = Vec::new();
    for count in [1u16, 10, 100, 1_000] {
        let mut world = World::with_stakes(&[1_000; 5]);
        let owner = (world.owner.address(), world.owner.token);
        world.fund(&owner.0, &owner.1, 2_000 * FUNDS);
        let group = Group::open(&mut world, count);
        let (handler, payer) = (world.validators[0].address(), world.admin.key.insecure_clone());
        let lamports = |world: &World| -> u64 {
            let wallets = [handler, world.admin.address()];
            wallets.map(|wallet| world.svm.get_balance(&wallet).expect("lamports")).iter().sum()
        };
        let before = lamports(&world);
        let quorum = world.must(group.batch(&world), &world.quorum()).compute_units_consumed;
        let (mut units, mut most, mut size) = (0, 0, 0);
        for index in 0..usize::from(count) {
            // settled and paid in one transaction
            let settle = group.settlement(&world, index).instruction(&PROGRAM_ID);
            let pay = world.payment_of(&group.deals[index], &world.fee_owners[0]).instruction(&PROGRAM_ID);
            let both = [settle, pay];
            size = size.max(world.size(&both, std::slice::from_ref(&payer)));
            let meta = world.send_raw(&both, std::slice::from_ref(&payer)).expect("settled and paid");
            units += meta.compute_units_consumed;
            most = most.max(meta.compute_units_consumed);
        }
        assert!(size <= 1_232, "{count}: {size} bytes");
        let closed = close(&mut world, &group, 0).expect("settled to the last reply");
        let spent = before - lamports(&world);
        let count = u64::from(count);
        assert_eq!(spent, SIGNATURE_LAMPORTS * (5 + count + 1), "the quorum's, one a reply, one to close; no rent");
        assert_eq!(world.balance(&world.provider.token), FUNDS + count * 425);
        world.assert_conserved();
        println!(
            "batch of {count}: {} CU a reply, {most} at most ({} quorum and close), {} lamports, {size} bytes",
            (units + quorum + closed.compute_units_consumed) / count,
            (quorum + closed.compute_units_consumed) / count,
            spent / count,
        );
        each.push(spent / count);
    }
    assert!(each.is_sorted_by(|more, less| more > less), "{each:?}");
}
