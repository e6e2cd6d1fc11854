//! Accounts in memory behind the validators' ledger trait. Plans, messages and signatures are the real ones.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard};

use ogong_base::hash::{ChainKey, ModelRoot, ReplyId};
use ogong_base::model_id::ModelId;
use ogong_commitment::order::Order;
use ogong_daemon::clock::now_ms;
use ogong_settlement::batch::BatchPlan;
use ogong_settlement::cosign::Cosignatures;
use ogong_settlement::interface::account::{
    Bond, BondStatus, Config, Decision, Epoch, Escrow, EscrowStatus, Operator, Role, Supply, Validator, ValidatorSet,
};
use ogong_settlement::interface::{Address, ChainError};
use ogong_settlement::message::{Quorum, QuorumMessage, QuorumPlan};
use ogong_settlement::plan::{Accounts, SettlePlan};
use ogong_settlement::solana::{Blockhash, Closed, Confirmed, Settled};
use ogong_settlement::{Error, Wallet, address, emission};
use ogong_validator::ledger::{Ledger, Pending, Registry};
use ogong_validator::registry::registration;
use ogong_validator::run::Running;

use super::people::world;

/// Length of a round in these tests.
pub const PERIOD_MS: u64 = 300;
/// Length of an epoch; the chain's clock stands at 0 until a test moves it.
pub const EPOCH_MS: u64 = 3_600_000;

#[derive(Default)]
struct State {
    validators: BTreeMap<ChainKey, Validator>,
    escrows: BTreeMap<ReplyId, Escrow>,
    plans: BTreeMap<ReplyId, SettlePlan>,
    models: BTreeMap<String, ModelRoot>,
    /// Transactions that moved money, in order.
    moved: Vec<(ReplyId, EscrowStatus)>,
    down: bool,
    operators: Vec<Operator>,
    reserve_is_empty: bool,
    /// The current epoch, counted from 1, and the chain's clock.
    epoch: u64,
    clock_ms: u64,
    /// Ended epochs that wait for their emission, and those that have it.
    worked: Vec<Epoch>,
    approved: Vec<Epoch>,
    /// Every transaction of a settlement that was sent, and whether the chain says what became of it.
    sent: Vec<(ReplyId, Vec<u8>)>,
    silent: bool,
    /// Signers of everything that a quorum sent beside settlements, approvals among it.
    signed: Vec<Vec<Address>>,
    approving: bool,
    approvals: BTreeSet<Address>,
    /// Whether nothing can be planned now, so that ready replies pile up.
    unplanned: bool,
    /// Whether proposers find those that wait.
    listed: bool,
}

pub struct MemoryLedger {
    alpha_ppm: u64,
    genesis_ms: u64,
    state: Mutex<State>,
}

impl MemoryLedger {
    pub fn new(alpha_ppm: u64) -> Self {
        let mut state = State { epoch: 1, ..State::default() };
        state.models.insert("ogong/verified/test/tiny".to_owned(), world::root());
        Self { alpha_ppm, genesis_ms: now_ms() - 60_000, state: Mutex::new(state) }
    }

    pub fn mint(&self) -> ChainKey {
        ChainKey::from_bytes([0x91; 32])
    }

    pub fn reserve_owner(&self) -> ChainKey {
        ChainKey::from_bytes([0x92; 32])
    }

    /// Registers a running node under its own endpoint, with the same stake as every other.
    pub fn register(&self, running: &Running) {
        let node = &running.node;
        let endpoint = running.local_addr().expect("bound").to_string();
        let mut validator = registration(
            node.chain_key(),
            *node.id().as_bytes(),
            node.consensus_id(),
            node.rounds.key().public().0,
            &endpoint,
        );
        validator.bond.stake = 1_000;
        self.state().validators.insert(node.chain_key(), validator);
    }

    pub fn unregister(&self, key: ChainKey) {
        self.state().validators.remove(&key);
    }

    /// Whether the chain answers.
    pub fn set_down(&self, down: bool) {
        self.state().down = down;
    }

    /// Registers a verifier's node under a stake owner.
    pub fn enrol(&self, authority: ChainKey, node_id: [u8; 32]) {
        self.state().operators.push(Operator {
            role: Role::Verifier,
            authority: address(&authority),
            node_id,
            payout: address(&authority),
            bond: Bond { status: BondStatus::Active, stake: 1, cooling: 0, unlock_epoch: 0 },
            models: Vec::new(),
        });
    }

    /// Has the reserve lack a fee the next time one is to be paid.
    pub fn empty_reserve(&self) {
        self.state().reserve_is_empty = true;
    }

    /// Moves the chain's clock.
    pub fn travel(&self, to_ms: u64) {
        self.state().clock_ms = to_ms;
    }

    /// The current epoch.
    pub fn epoch(&self) -> u64 {
        self.state().epoch
    }

    /// Has an ended epoch with work wait for its emission.
    pub fn worked(&self, epoch: Epoch) {
        self.state().worked.push(epoch);
    }

    /// Lets proposers find it; peers that are asked find it before.
    pub fn list_worked(&self) {
        self.state().listed = true;
    }

    /// How many epochs' emissions were approved.
    pub fn approved(&self) -> usize {
        self.state().approved.len()
    }

    /// A reply's escrow.
    pub fn escrow_of(&self, reply_id: ReplyId) -> Escrow {
        self.state().escrows.get(&reply_id).cloned().expect("an escrow")
    }

    /// Whether nothing can be planned now.
    pub fn set_unplanned(&self, unplanned: bool) {
        self.state().unplanned = unplanned;
    }

    /// Who has approved on chain.
    pub fn approvals(&self) -> Vec<Address> {
        self.state().approvals.iter().copied().collect()
    }

    /// Signers of everything that a quorum sent beside settlements.
    pub fn signed(&self) -> Vec<Vec<Address>> {
        self.state().signed.clone()
    }

    /// Whether the chain swallows settlements without a word.
    pub fn set_silent(&self, silent: bool) {
        self.state().silent = silent;
    }

    /// Every settlement of a reply that was sent, in order.
    pub fn sent(&self, reply_id: ReplyId) -> Vec<Vec<u8>> {
        self.state().sent.iter().filter(|(id, _)| *id == reply_id).map(|(_, bytes)| bytes.clone()).collect()
    }

    /// Opens the escrow of an order.
    pub fn open(&self, order: &Order, session_key: [u8; 32], payout: ChainKey) {
        let escrow = Escrow {
            status: EscrowStatus::Open,
            reply_id: *order.reply_id().as_bytes(),
            owner: address(&order.owner),
            session_key,
            provider: *order.provider.as_bytes(),
            router: *order.router.as_bytes(),
            provider_payout: address(&payout),
            router_payout: address(&ChainKey::from_bytes([0x22; 32])),
            model_root: *order.model_root.as_bytes(),
            req_hash: *order.req_hash.as_bytes(),
            price_prompt: order.price_prompt,
            price_completion: order.price_completion,
            max_fee: order.max_fee,
            max_tokens: order.max_tokens,
            deadline_ms: order.deadline_ms,
            opened_slot: 1,
            record_hash: [0; 32],
            verdict_hash: [0; 32],
            fee: 0,
            deposit: Address::default(),
            provider_operator: Address::default(),
            router_operator: Address::default(),
            decision: Decision::default(),
        };
        self.state().escrows.insert(order.reply_id(), escrow);
    }

    /// Every transaction that moved money of a reply.
    pub fn moved(&self, reply_id: ReplyId) -> Vec<EscrowStatus> {
        self.state().moved.iter().filter(|(id, _)| *id == reply_id).map(|(_, status)| *status).collect()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("no test panics while it holds the ledger")
    }

    fn up(&self) -> Result<MutexGuard<'_, State>, Error> {
        let state = self.state();
        if state.down {
            return Err(Error::Expired);
        }
        Ok(state)
    }

    fn config_at(&self, state: &State) -> Config {
        Config {
            admin: address(&ChainKey::from_bytes([0x90; 32])),
            network: *world::network().as_bytes(),
            mint: address(&self.mint()),
            reserve_owner: address(&self.reserve_owner()),
            split_bps: [8_500, 500, 500, 500, 0],
            min_stake: 1,
            alpha_ppm: self.alpha_ppm,
            beacon_genesis_ms: self.genesis_ms,
            beacon_period_ms: PERIOD_MS,
            stake_epoch: state.epoch,
            epoch_started_ms: (state.epoch - 1) * EPOCH_MS,
            epoch_length_ms: EPOCH_MS,
            cooldown_epochs: 2,
            verifier_fee: 10,
        }
    }

    fn registry_of(&self, state: &State) -> Registry {
        let validators: Vec<Validator> = state.validators.values().cloned().collect();
        let members: Vec<_> = validators.iter().map(|one| (one.authority, one.bond.stake)).collect();
        let total_stake = members.iter().map(|(_, stake)| stake).sum();
        let set = ValidatorSet { epoch: state.epoch, total_stake, members };
        Registry { config: self.config_at(state), set, validators }
    }

    fn settle(&self, reply_id: &ReplyId, signatures: &Cosignatures) -> Result<Settled, Error> {
        let transaction = signatures.assemble()?;
        let mut state = self.up()?;
        state.sent.push((*reply_id, transaction.bytes));
        if state.silent {
            return Err(Error::Unconfirmed { signature: transaction.signature });
        }
        let plan = state.plans.get(reply_id).cloned().ok_or(Error::Foreign("never prepared"))?;
        let escrow = state.escrows.get_mut(reply_id).ok_or(Error::Foreign("no escrow"))?;
        if escrow.status != EscrowStatus::Open {
            return Ok(Settled::Closed(Closed { escrow: escrow.clone(), signature: None }));
        }
        escrow.status = if plan.is_refund() { EscrowStatus::Refunded } else { EscrowStatus::Settled };
        escrow.fee = plan.split.map_or(0, |split| escrow.max_fee - split.change);
        escrow.verdict_hash = *plan.settlement.verdict_hash.as_bytes();
        for (place, verifier) in escrow.decision.verifiers.iter_mut().zip(plan.verifiers()) {
            *place = *verifier;
        }
        let closed = Closed { escrow: escrow.clone(), signature: Some(transaction.signature) };
        let status = closed.escrow.status;
        state.moved.push((*reply_id, status));
        Ok(Settled::Closed(closed))
    }
}

impl Ledger for MemoryLedger {
    fn registry(&self) -> Pending<'_, Registry> {
        Box::pin(async move {
            let state = self.up()?;
            Ok(self.registry_of(&state))
        })
    }

    fn model_root<'a>(&'a self, model: &'a ModelId) -> Pending<'a, Option<ModelRoot>> {
        Box::pin(async move { Ok(self.up()?.models.get(&model.to_string()).copied()) })
    }

    fn escrow<'a>(&'a self, reply_id: &'a ReplyId) -> Pending<'a, Option<Escrow>> {
        Box::pin(async move { Ok(self.up()?.escrows.get(reply_id).cloned()) })
    }

    fn accounts<'a>(&'a self, reply_id: &'a ReplyId, handler: &'a Address) -> Pending<'a, Accounts> {
        Box::pin(async move {
            let state = self.up()?;
            if state.unplanned {
                return Err(Error::Expired);
            }
            let registry = self.registry_of(&state);
            let missing = |what| Error::AccountMissing { what, address: *handler };
            Ok(Accounts {
                program: address(&ChainKey::ZERO),
                config: registry.config,
                validators: registry.set,
                handler: registry
                    .validators
                    .into_iter()
                    .find(|one| one.authority == *handler)
                    .ok_or(missing("validator"))?,
                escrow: state.escrows.get(reply_id).cloned().ok_or(missing("escrow"))?,
            })
        })
    }

    fn prepare<'a>(&'a self, plan: &'a SettlePlan, _payer: &'a Wallet) -> Pending<'a, ()> {
        Box::pin(async move {
            self.up()?.plans.insert(plan.settlement.reply_id, plan.clone());
            Ok(())
        })
    }

    fn blockhash(&self) -> Pending<'_, Blockhash> {
        Box::pin(async move {
            drop(self.up()?);
            Ok(Blockhash { hash: [7; 32], last_valid_height: 1 })
        })
    }

    fn send<'a>(
        &'a self,
        reply_id: &'a ReplyId,
        signatures: &'a Cosignatures,
        _blockhash: &'a Blockhash,
    ) -> Pending<'a, Settled> {
        Box::pin(async move { self.settle(reply_id, signatures) })
    }

    fn release<'a>(&'a self, reply_id: &'a ReplyId, _payer: &'a Wallet) -> Pending<'a, Escrow> {
        Box::pin(async move { self.up()?.escrows.get(reply_id).cloned().ok_or(Error::Foreign("no escrow")) })
    }

    fn message<'a>(
        &'a self,
        plan: &'a dyn QuorumPlan,
        quorum: &'a Quorum,
        blockhash: &'a Blockhash,
        _attempt: u32,
    ) -> Pending<'a, QuorumMessage> {
        Box::pin(async move {
            match quorum {
                Quorum::Cosigners(cosigners) => QuorumMessage::build(plan, cosigners, blockhash.hash, 0),
                Quorum::Approvals(_) => QuorumMessage::of_approvals(plan, blockhash.hash, 0),
            }
        })
    }

    fn operators<'a>(&'a self, role: Role, authorities: &'a [Address]) -> Pending<'a, Vec<Option<Operator>>> {
        Box::pin(async move {
            let state = self.up()?;
            let of = |authority: &Address| {
                state.operators.iter().find(|one| one.role == role && one.authority == *authority).cloned()
            };
            Ok(authorities.iter().map(of).collect())
        })
    }

    fn pay_verifiers<'a>(&'a self, reply_id: &'a ReplyId, _payer: &'a Wallet) -> Pending<'a, Escrow> {
        Box::pin(async move {
            let mut state = self.up()?;
            let poor = std::mem::take(&mut state.reserve_is_empty);
            let escrow = state.escrows.get_mut(reply_id).ok_or(Error::Foreign("no escrow"))?;
            if poor && escrow.decision.verifiers.iter().any(|key| *key != Address::default()) {
                return Err(Error::Refused(ChainError::ReserveTooLow));
            }
            escrow.decision.verifiers_paid = 7;
            Ok(escrow.clone())
        })
    }

    fn calendar(&self) -> Pending<'_, (Config, u64)> {
        Box::pin(async move {
            let state = self.up()?;
            Ok((self.config_at(&state), state.clock_ms))
        })
    }

    fn advance_epoch<'a>(&'a self, _payer: &'a Wallet, epoch: u64) -> Pending<'a, Config> {
        Box::pin(async move {
            let mut state = self.up()?;
            if state.epoch == epoch {
                if state.clock_ms < EPOCH_MS * state.epoch {
                    return Err(Error::Refused(ChainError::EpochNotOver));
                }
                state.epoch += 1;
            }
            Ok(self.config_at(&state))
        })
    }

    fn unapproved_epochs(&self) -> Pending<'_, Vec<u64>> {
        Box::pin(async move {
            let state = self.up()?;
            let due = state.worked.iter().filter(|_| state.listed).map(|epoch| epoch.set.epoch);
            Ok(due.collect())
        })
    }

    fn emission_accounts(&self, epoch: u64) -> Pending<'_, emission::Accounts> {
        Box::pin(async move {
            let state = self.up()?;
            let worked = state.worked.iter().chain(&state.approved).find(|one| one.set.epoch == epoch).cloned();
            let supply = Supply { launched_ms: 0, launched: 0, emitted: 0, emission_cap_bps: 10_000 };
            let worked = worked.ok_or(Error::Foreign("no such epoch"))?;
            let approved = state.approved.iter().any(|one| one.set.epoch == epoch);
            Ok(emission::Accounts {
                program: address(&ChainKey::ZERO),
                config: self.config_at(&state),
                now_ms: state.clock_ms,
                emission: approved.then(|| emission::expected(&supply, &worked)),
                worked,
                supply,
                validators: self.registry_of(&state).set,
            })
        })
    }

    fn send_signed<'a>(&'a self, signatures: &'a Cosignatures, _blockhash: &'a Blockhash) -> Pending<'a, Confirmed> {
        Box::pin(async move {
            let transaction = signatures.assemble()?;
            let mut state = self.up()?;
            let signers = QuorumMessage::restore(signatures.message().to_vec())?.signers;
            state.signed.push(signers.clone());
            match state.approving {
                true => state.approvals.extend(signers.get(1)),
                false => {
                    let approved = std::mem::take(&mut state.worked);
                    state.approved.extend(approved);
                }
            }
            Ok(Confirmed { signature: transaction.signature })
        })
    }

    fn approve<'a>(&'a self, _plan: &'a dyn QuorumPlan, handler: &'a Wallet) -> Pending<'a, ()> {
        Box::pin(async move {
            let mut state = self.up()?;
            state.approving = true;
            state.approvals.insert(handler.address());
            Ok(())
        })
    }

    fn approved_by<'a>(&'a self, _plan: &'a dyn QuorumPlan) -> Pending<'a, Vec<Address>> {
        Box::pin(async move { Ok(self.up()?.approvals.iter().copied().collect()) })
    }

    fn close_approvals<'a>(&'a self, _plan: &'a dyn QuorumPlan, _payer: &'a Wallet) -> Pending<'a, ()> {
        Box::pin(async move {
            self.up()?.approving = false;
            Ok(())
        })
    }

    fn settle_batched<'a>(&'a self, batch: &'a BatchPlan, index: usize, _payer: &'a Wallet) -> Pending<'a, Closed> {
        Box::pin(async move {
            let plan = batch.plans().get(index).ok_or(Error::Foreign("no such leaf"))?;
            let mut state = self.up()?;
            let reply_id = plan.settlement.reply_id;
            let escrow = state.escrows.get_mut(&reply_id).ok_or(Error::Foreign("no escrow"))?;
            let first = escrow.status == EscrowStatus::Open;
            escrow.status = EscrowStatus::Settled;
            escrow.fee = plan.split.map_or(0, |split| escrow.max_fee - split.change);
            let closed = Closed { escrow: escrow.clone(), signature: Some(format!("batched {index}")) };
            if first {
                state.moved.push((reply_id, EscrowStatus::Settled));
            }
            Ok(closed)
        })
    }

    fn close_batch<'a>(&'a self, _batch: &'a BatchPlan, _payer: &'a Wallet) -> Pending<'a, ()> {
        Box::pin(async move { Ok(()) })
    }
}
