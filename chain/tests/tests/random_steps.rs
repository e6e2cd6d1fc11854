//! Ten thousand random steps of what moves tokens, beside a plain model of the same rules: each step goes through exactly when
//! the model says so, and then the chain holds what the model holds. No sequence mints past curve or cap, or moves stake that
//! cools down.

use crate::accuse_validator::{REPLY, accused, evidence};
use crate::approve_emission::approval;
use crate::curve::curve::{CAP_ATOMS, between, by_role, emitted, era};
use crate::{accuse_router, accuse_verifier, claim_audits, claim_work, record_liveness, register_bls_key};
use ogong_chain_interface::account::{Role, Shard};
use ogong_chain_interface::event::Settlement;
use ogong_chain_interface::instruction::*;
use ogong_chain_interface::{Address, EMISSION_CAP_BPS_DEFAULT, Instruction, PROGRAM_ID, address, merkle};
use ogong_chain_tests::idl::Idl;
use ogong_chain_tests::model::*;
use ogong_chain_tests::world::{NETWORK, START_S};
use ogong_chain_tests::{Deal, Known, Node, World, everybody};
use solana_keypair::Keypair;

const STEPS: usize = 10_000;
const SEED: u64 = 0x09_09_0a_11;
/// Strangers that are slashed at most: each takes a wallet.
const STRANGERS: u8 = 36;
/// All accounts are looked through so often.
const LOOK_THROUGH: usize = 250;

/// Of the stakers; the first one, a validator, has none of these.
const ROLES: [Role; 4] = [Role::Provider, Role::Provider, Role::Router, Role::Verifier];

/// SplitMix64, so that a failure can be run again.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % sides
    }

    fn index(&mut self, count: usize) -> usize {
        usize::try_from(self.roll(count as u64)).expect("an index")
    }
}

struct Run {
    world: World,
    model: Model,
    dice: Dice,
    deals: Vec<Deal>,
    /// Validator, provider, router, verifier.
    stakers: [Known; 4],
    delegate: ogong_chain_tests::Wallet,
    strangers: u8,
    /// Digests of the model's approvals, and roots of its batches.
    digests: Vec<[u8; 32]>,
    roots: Vec<[u8; 32]>,
    done: std::collections::BTreeMap<&'static str, [usize; 2]>,
}

impl Run {
    fn begin() -> Self {
        let mut world = World::with_stakes(&[10_000; 3]);
        world.launch();
        let stakers = [
            world.known_validator(121, 1_000),
            world.known_operator(122, Role::Provider, 1_000),
            world.known_operator(123, Role::Router, 1_000),
            world.known_operator(124, Role::Verifier, 1_000),
        ];
        let delegate = world.wallet(0);
        let mut model = Model {
            now_ms: world.now_ms(),
            launched_ms: world.now_ms(),
            purses: Default::default(),
            deposit: 0,
            escrows: Vec::new(),
            bonds: [Bond { stake: 1_000, cooling: 0, unlock_epoch: 0 }; 4],
            epochs: vec![Epoch { started_ms: world.now_ms(), ..Epoch::default() }],
            emitted: 0,
            approvals: Vec::new(),
            batches: Vec::new(),
        };
        for (place, staker) in stakers.iter().enumerate() {
            world.fund(&staker.wallet.address(), &staker.wallet.token, 100_000);
            model.purses.insert(Purse::Staker(place), 100_000);
        }
        let (owner, token) = (world.owner.address(), world.owner.token);
        world.fund(&owner, &token, 5_000_000_000);
        model.purses.extend([(Purse::Owner, 5_000_000_000), (Purse::StakeVault, 34_000)]);
        let mut run = Self {
            world,
            model,
            dice: Dice(SEED),
            deals: Vec::new(),
            stakers,
            delegate,
            strangers: 0,
            digests: Vec::new(),
            roots: Vec::new(),
            done: Default::default(),
        };
        run.fund_deposit(1_000_000);
        run.open_works();
        run
    }

    /// Sends, and holds the chain's answer against the model's.
    fn step(&mut self, name: &'static str, instructions: &[Instruction], signers: &[Keypair], expected: bool) {
        let result = self.world.send_raw(instructions, signers);
        assert_eq!(result.is_ok(), expected, "{name}: {result:#?}");
        self.done.entry(name).or_default()[usize::from(expected)] += 1;
    }

    fn owner(&self) -> [Keypair; 1] {
        [self.world.owner.key.insecure_clone()]
    }

    fn payer(&self) -> [Keypair; 1] {
        [self.world.admin.key.insecure_clone()]
    }

    /// Mostly at once, else some step does it later.
    fn open_works(&mut self) {
        for who in [PROVIDER, ROUTER, VERIFIER] {
            if self.dice.roll(4) > 0 {
                self.open_work(who);
            }
        }
    }

    fn open_work(&mut self, who: usize) {
        let (payer, epoch) = (self.world.admin.address(), self.world.config().stake_epoch);
        let open = OpenWork { payer, epoch, role: ROLES[who], operator: self.stakers[who].wallet.address() };
        let expected = self.model.open_work(who);
        self.step("open_work", &[open.instruction(&PROGRAM_ID)], &self.payer(), expected);
    }

    fn open(&mut self) {
        let from_deposit = self.dice.roll(3) == 0;
        // now and then more than there is
        let max_fee = if self.dice.roll(20) == 0 { u64::MAX / 2 } else { self.dice.roll(1_000_000) };
        let mut order = self.world.order();
        order.nonce[..8].copy_from_slice(&(self.deals.len() as u64).to_le_bytes());
        order.max_fee = max_fee;
        order.price_prompt = 1_000_000;
        order.price_completion = 0;
        let [_, provider, router, _] = &self.stakers;
        (order.provider, order.router) = (provider.node.node_id, router.node.node_id);
        let mut terms = self.world.terms();
        (terms.provider_payout, terms.router_payout) = (provider.wallet.address(), router.wallet.address());
        terms.provider_operator = Some(provider.wallet.address());
        terms.router_operator = Some(router.wallet.address());
        let expected = self.model.open(max_fee, order.deadline_ms, from_deposit);
        let owner = self.world.owner.address();
        let direct =
            OpenEscrow { owner, owner_token: self.world.owner.token, order: order.bytes(), terms: terms.clone() };
        let deal = Deal { reply_id: direct.reply_id(), order };
        if from_deposit {
            let delegate = self.delegate.address();
            let open = OpenEscrowFromDeposit { delegate, owner, order: deal.order.bytes(), terms };
            let signer = [self.delegate.key.insecure_clone()];
            self.step("open_escrow_from_deposit", &[open.instruction(&PROGRAM_ID)], &signer, expected);
        } else {
            self.step("open_escrow", &[direct.instruction(&PROGRAM_ID)], &self.owner(), expected);
        }
        if expected {
            self.deals.push(deal);
        }
    }

    fn fund_deposit(&mut self, amount: u64) {
        let fund = FundDeposit {
            owner: self.world.owner.address(),
            owner_token: self.world.owner.token,
            delegate: self.delegate.address(),
            amount,
        };
        let expected = self.model.fund(amount);
        self.step("fund_deposit", &[fund.instruction(&PROGRAM_ID)], &self.owner(), expected);
    }

    fn withdraw_deposit(&mut self) {
        let amount = self.dice.roll(500_000);
        let withdraw = WithdrawDeposit {
            owner: self.world.owner.address(),
            owner_token: self.world.owner.token,
            delegate: self.delegate.address(),
            amount,
        };
        let expected = self.model.withdraw_deposit(amount);
        self.step("withdraw_deposit", &[withdraw.instruction(&PROGRAM_ID)], &self.owner(), expected);
    }

    /// Mostly one of the latest deals.
    fn some_deal(&mut self) -> usize {
        let back = if self.dice.roll(10) == 0 { self.deals.len() } else { self.deals.len().min(12) };
        self.deals.len() - 1 - self.dice.index(back)
    }

    /// A verdict on a deal, and what it makes of the model.
    fn verdict(&mut self, place: usize) -> (Verdict, bool) {
        let (n_prompt, n_billed) = (self.dice.roll(1_000), self.dice.roll(40));
        let n_counted = self.dice.roll(n_billed + 2);
        let (accept, verified) = (self.dice.roll(4) > 0, self.dice.roll(2) == 0);
        let narrow = |n: u64| u32::try_from(n).expect("small");
        let verdict = Verdict {
            outcome: if accept { 1 } else { 2 },
            n_prompt: narrow(n_prompt),
            n_billed: narrow(n_billed),
            n_counted: narrow(n_counted),
            // so that no two decisions have one digest
            round: self.dice.roll(u64::MAX),
            verifiers: if verified { vec![self.stakers[VERIFIER].wallet.address()] } else { Vec::new() },
            ..self.world.verdict(&self.deals[place])
        };
        let expected = self.model.settle(place, n_prompt * 1_000, n_billed, n_counted, accept, verified);
        (verdict, expected)
    }

    fn settle(&mut self) {
        let place = self.some_deal();
        let (verdict, expected) = self.verdict(place);
        let settle = Settle { verdict, ..self.world.settlement(&self.deals[place]) };
        self.step("settle", &[settle.instruction(&PROGRAM_ID)], &self.world.quorum(), expected);
    }

    /// The same decision by two of three never goes through.
    fn settle_without_quorum(&mut self) {
        let place = self.some_deal();
        let mut settle = self.world.settlement(&self.deals[place]);
        settle.cosigners.truncate(1);
        self.step("without a quorum", &[settle.instruction(&PROGRAM_ID)], &self.world.quorum()[..2], false);
    }

    /// One or two deals by one root.
    fn settle_batch(&mut self) {
        let first = self.some_deal();
        let places = if first + 1 < self.deals.len() { vec![first, first + 1] } else { vec![first] };
        let decided: Vec<(usize, Verdict, bool)> = places
            .into_iter()
            .map(|place| {
                let (verdict, expected) = self.verdict(place);
                (place, verdict, expected)
            })
            .collect();
        let leaves: Vec<[u8; 32]> =
            decided.iter().map(|(place, verdict, _)| self.settlement(*place, verdict).digest()).collect();
        let (root, handler) = (merkle::root(&leaves), self.world.validators[0].address());
        let (count, stake_epoch) = (u32::try_from(leaves.len()).expect("few"), self.world.config().stake_epoch);
        let expiry_ms = self.world.now_ms() + 600_000;
        let batch = SettleBatch {
            handler,
            cosigners: self.world.validators[1..].iter().map(|v| v.address()).collect(),
            approvals: None,
            root,
            count,
            stake_epoch,
            expiry_ms,
        };
        self.step("settle_batch", &[batch.instruction(&PROGRAM_ID)], &self.world.quorum(), true);
        let settled = decided.iter().filter(|(.., expected)| *expected).count();
        self.roots.push(root);
        self.model.batches.push(Batch { count: leaves.len(), settled, expiry_ms, closed: false });
        for (index, (place, verdict, expected)) in (0u32..).zip(decided) {
            let proof = merkle::proof(&leaves, usize::try_from(index).expect("few")).expect("a leaf");
            let reply_id = self.deals[place].reply_id;
            let settle = SettleBatched { root, reply_id, verdict, index, proof };
            self.step("settle_batched", &[settle.instruction(&PROGRAM_ID)], &self.payer(), expected);
        }
    }

    /// What the first validator's quorum signs about a deal.
    fn settlement(&self, place: usize, verdict: &Verdict) -> Settlement {
        let amounts = self.amounts(place, verdict);
        let config = self.world.config();
        let [_, provider, router, _] = &self.stakers;
        let payees = [
            provider.wallet.address(),
            router.wallet.address(),
            self.world.fee_owners[0].address(),
            config.reserve_owner,
            self.world.owner.address(),
        ];
        let verifiers = verdict.verifiers.iter().map(|verifier| (*verifier, VERIFIER_FEE));
        Settlement {
            network: NETWORK,
            program: PROGRAM_ID,
            reply_id: self.deals[place].reply_id,
            record_hash: verdict.record_hash,
            outcome: verdict.outcome,
            verdict_hash: verdict.verdict_hash,
            round: verdict.round,
            n_prompt: verdict.n_prompt,
            n_billed: verdict.n_billed,
            n_counted: verdict.n_counted,
            payees: payees.into_iter().zip(amounts).chain(verifiers).collect(),
            stake_epoch: verdict.stake_epoch,
            expiry_ms: verdict.expiry_ms,
        }
    }

    fn amounts(&self, place: usize, verdict: &Verdict) -> [u64; 5] {
        let max_fee = self.deals[place].order.max_fee;
        let fee = (u64::from(verdict.n_prompt) * 1_000).min(max_fee);
        let [router, validator, reserve] = SPLIT_BPS.map(|bps| fee * bps / 10_000);
        [fee - router - validator - reserve, router, validator, reserve, max_fee - fee]
    }

    fn change(&self, place: usize) -> Change {
        let (owner, delegate) = (self.world.owner.address(), self.delegate.address());
        match self.model.escrows[place].from_deposit {
            true => Change::Deposit(address::deposit(&PROGRAM_ID, &owner, &delegate)),
            false => Change::Token(self.world.owner.token),
        }
    }

    fn shards(&self, [own, other]: [u64; 2]) -> [Shard; 2] {
        let provider = self.stakers[PROVIDER].wallet.address();
        [
            Shard { operator: provider, payout: provider, amount: own },
            Shard { operator: Address::default(), payout: self.world.fee_owners[1].address(), amount: other },
        ]
    }

    /// What is divided between the provider and a stranger, now and then not to the atom.
    fn settle_cohort(&mut self) {
        let place = self.some_deal();
        let (n_prompt, n_billed) = (self.dice.roll(1_000), 1 + self.dice.roll(40));
        let n_counted = self.dice.roll(n_billed + 1);
        let narrow = |n: u64| u32::try_from(n).expect("small");
        let verdict = Verdict {
            n_prompt: narrow(n_prompt),
            n_billed: narrow(n_billed),
            n_counted: narrow(n_counted),
            round: self.dice.roll(u64::MAX),
            ..self.world.verdict(&self.deals[place])
        };
        let [provider, ..] = self.amounts(place, &verdict);
        let own = self.dice.roll(provider + 1);
        let wrong = u64::from(self.dice.roll(4) == 0);
        let parts = [own, provider - own + wrong];
        let expected = self.model.settle_cohort(place, n_prompt * 1_000, n_billed, n_counted, parts);
        let settle = Settle { verdict, ..self.world.settlement(&self.deals[place]) };
        let cohort =
            SettleCohort { settle, payer: self.world.validators[0].address(), shards: self.shards(parts).to_vec() };
        self.step("settle_cohort", &[cohort.instruction(&PROGRAM_ID)], &self.world.quorum(), expected);
    }

    /// Some validators agree one by one, and the first one sends the settle.
    fn settle_approved(&mut self) {
        let place = self.some_deal();
        let before = self.model.clone();
        let (verdict, fits) = self.verdict(place);
        let decided = std::mem::replace(&mut self.model, before);
        let digest = self.settlement(place, &verdict).digest();
        let (number, stake_epoch) = (self.digests.len(), self.world.config().stake_epoch);
        let approving = 1 + self.dice.index(SIGNERS);
        self.digests.push(digest);
        for validator in 0..approving {
            let key = self.world.validators[validator].key.insecure_clone();
            let approve = Approve { validator: self.world.validators[validator].address(), digest, stake_epoch };
            let expected = self.model.approve(number);
            self.step("approve", &[approve.instruction(&PROGRAM_ID)], &[key.insecure_clone()], expected);
            if self.dice.roll(3) == 0 {
                self.step("approve", &[approve.instruction(&PROGRAM_ID)], &[key], false);
            }
        }
        let expected = fits && approving == SIGNERS;
        let settle = Settle {
            verdict,
            approvals: Some(address::approvals(&PROGRAM_ID, &digest, stake_epoch)),
            cosigners: Vec::new(),
            ..self.world.settlement(&self.deals[place])
        };
        self.step("settle", &[settle.instruction(&PROGRAM_ID)], &self.world.quorum()[..1], expected);
        if expected {
            self.model = Model { approvals: std::mem::take(&mut self.model.approvals), ..decided };
            self.model.approvals[number].used = true;
        }
    }

    fn close_approvals(&mut self) {
        let Some(last) = self.digests.len().checked_sub(1) else { return };
        let place = last - self.dice.index(self.digests.len().min(6));
        let (digest, payer) = (self.digests[place], self.world.validators[0].address());
        let stake_epoch = self.model.approvals[place].epoch as u64;
        let expected = self.model.close_approvals(place);
        let close = CloseApprovals { digest, stake_epoch, payer };
        self.step("close_approvals", &[close.instruction(&PROGRAM_ID)], &self.payer(), expected);
    }

    fn close_batch(&mut self) {
        let Some(last) = self.roots.len().checked_sub(1) else { return };
        let place = last - self.dice.index(self.roots.len().min(6));
        let expected = self.model.close_batch(place);
        let close = CloseBatch { root: self.roots[place], payer: self.world.validators[0].address() };
        self.step("close_batch", &[close.instruction(&PROGRAM_ID)], &self.payer(), expected);
    }

    /// By whoever paid the rent; now and then by the other.
    fn compact(&mut self) {
        let place = self.dice.index(self.deals.len());
        let payer = |from_deposit: bool| if from_deposit { &self.delegate } else { &self.world.owner };
        let from_deposit = self.model.escrows[place].from_deposit;
        let theirs = self.dice.roll(4) > 0;
        let payer = payer(from_deposit == theirs).clone();
        let expected = theirs && self.model.compact(place);
        let compact = CompactEscrow { reply_id: self.deals[place].reply_id, payer: payer.address() };
        self.step("compact_escrow", &[compact.instruction(&PROGRAM_ID)], &[payer.key], expected);
    }

    fn release(&mut self) {
        let place = self.some_deal();
        let [_, provider, router, _] = &self.stakers;
        let (token, operator) = (provider.wallet.token, Some(provider.wallet.address()));
        let escrow = &self.model.escrows[place];
        let served = match escrow.cohort {
            None => Served::Provider { token, operator },
            Some(parts) => {
                let tokens = [token, self.world.fee_owners[1].token];
                Served::Cohort(self.shards(parts).into_iter().zip(tokens).collect())
            }
        };
        let release = Release {
            reply_id: self.deals[place].reply_id,
            epoch: self.model.current() as u64,
            provider: served,
            router_token: router.wallet.token,
            validator_token: self.world.fee_owners[0].token,
            change: self.change(place),
            router_operator: escrow.routed.then(|| router.wallet.address()),
        };
        let expected = self.model.release(place);
        self.step("release", &[release.instruction(&PROGRAM_ID)], &self.payer(), expected);
    }

    fn reject(&mut self) {
        let place = self.some_deal();
        let Settle { handler, cosigners, reply_id, verdict, .. } = self.world.settlement(&self.deals[place]);
        let verdict = Verdict { outcome: 3, n_prompt: 0, n_billed: 0, n_counted: 0, ..verdict };
        let reject =
            RefundReject { handler, cosigners, approvals: None, reply_id, change: self.change(place), verdict };
        let expected = self.model.reject(place);
        self.step("refund_reject", &[reject.instruction(&PROGRAM_ID)], &self.world.quorum(), expected);
    }

    fn expire(&mut self) {
        let place = self.some_deal();
        let expiry = RefundExpired { reply_id: self.deals[place].reply_id, change: self.change(place) };
        let expected = self.model.expire(place);
        self.step("refund_expired", &[expiry.instruction(&PROGRAM_ID)], &self.payer(), expected);
    }

    fn pay_verifier(&mut self) {
        let place = self.some_deal();
        let verifier = &self.stakers[VERIFIER].wallet;
        let pay = PayVerifier {
            reply_id: self.deals[place].reply_id,
            epoch: self.world.config().stake_epoch,
            verifier: verifier.address(),
            verifier_token: verifier.token,
        };
        let expected = self.model.pay_verifier(place);
        self.step("pay_verifier", &[pay.instruction(&PROGRAM_ID)], &self.payer(), expected);
    }

    fn move_stake(&mut self) {
        let who = self.dice.index(4);
        // now and then all of it
        let amount = if self.dice.roll(12) == 0 { self.model.bonds[who].stake } else { self.dice.roll(700) };
        let (movement, expected) = match self.dice.roll(3) {
            0 => (Movement::Stake(amount), self.model.stake(who, amount)),
            1 => (Movement::Unstake(amount), self.model.unstake(who, amount)),
            _ => (Movement::Withdraw, self.model.withdraw(who)),
        };
        let wallet = &self.stakers[who].wallet;
        let (authority, authority_token) = (wallet.address(), wallet.token);
        let role = ROLES[who];
        let instruction = if who == VALIDATOR {
            let epoch = self.world.config().stake_epoch;
            MoveValidatorStake { authority, authority_token, epoch, movement }.instruction(&PROGRAM_ID)
        } else {
            MoveOperatorStake { authority, authority_token, role, movement }.instruction(&PROGRAM_ID)
        };
        let name = ["stake", "unstake", "withdraw"][match movement {
            Movement::Stake(_) => 0,
            Movement::Unstake(_) => 1,
            Movement::Withdraw => 2,
        }];
        let signer = [wallet.key.insecure_clone()];
        self.step(name, &[instruction], &signer, expected);
    }

    fn pass_time(&mut self) {
        let seconds = 1 + self.dice.roll(400);
        self.model.now_ms += seconds * 1_000;
        self.world.set_time(i64::try_from(self.model.now_ms / 1_000).expect("a time"));
    }

    fn advance(&mut self) {
        let advance = AdvanceEpoch { payer: self.world.admin.address(), epoch: self.world.config().stake_epoch };
        let expected = self.model.advance();
        self.step("advance_epoch", &[advance.instruction(&PROGRAM_ID)], &self.payer(), expected);
        if expected {
            self.open_works();
        }
    }

    fn answer(&mut self) {
        let nth = 1 + self.dice.roll(600);
        let answer = record_liveness::answer_of(&self.world, &self.stakers[PROVIDER], nth);
        let expected = self.model.answer(answer.round, answer.answered_ms);
        let instructions = record_liveness::record(&self.stakers[PROVIDER], answer, everybody(&self.world));
        self.step("record_liveness", &instructions, &self.world.quorum(), expected);
    }

    /// Mostly one of the latest epochs.
    fn some_epoch(&mut self) -> usize {
        let count = self.model.epochs.len();
        count - 1 - self.dice.index(count.min(4))
    }

    fn approve_emission(&mut self) {
        let number = self.some_epoch();
        let expected =
            self.model.approve_emission(number, |start_s, end_s| by_role(between(start_s, end_s), era(start_s)));
        let approve = approval(number as u64, everybody(&self.world));
        self.step("approve_emission", &[approve.instruction(&PROGRAM_ID)], &self.world.quorum(), expected);
    }

    fn claim(&mut self) {
        let number = self.some_epoch();
        if self.dice.roll(2) == 0 {
            let place = self.dice.index(SIGNERS);
            let expected = self.model.claim_audits(number, place);
            let claim = claim_audits::claim(&self.world, number as u64, place);
            return self.step("claim_audits", &[claim.instruction(&PROGRAM_ID)], &self.payer(), expected);
        }
        let who = 1 + self.dice.index(3);
        let role = ROLES[who];
        let expected = self.model.claim_work(number, who);
        let claim = claim_work::claim(&self.world, number as u64, role, &self.stakers[who]);
        self.step("claim_work", &[claim.instruction(&PROGRAM_ID)], &self.payer(), expected);
    }

    fn launch_again(&mut self) {
        let token = self.world.owner.token;
        let launch = AllocateLaunch {
            admin: self.world.admin.address(),
            team_token: token,
            foundation_token: token,
            liquidity_token: token,
            emission_cap_bps: EMISSION_CAP_BPS_DEFAULT,
        };
        self.step("allocate_launch", &[launch.instruction(&PROGRAM_ID)], &self.payer(), false);
        let again = self.world.initialize().instruction(&PROGRAM_ID);
        self.step("initialize", &[again], &self.payer(), false);
    }

    /// What moves no tokens, right and wrong.
    fn papers(&mut self) {
        let right = self.dice.roll(2) == 0;
        match self.dice.roll(6) {
            0 => {
                let who = PROVIDER + self.dice.index(3);
                let Known { wallet, node, .. } = &self.stakers[who];
                let models = vec![[5; 32]; self.dice.index(11)];
                let expected = models.is_empty() || (who == PROVIDER && models.len() <= 8);
                let (authority, payout) = (wallet.address(), wallet.address());
                let update = UpdateOperator { authority, role: ROLES[who], node_id: node.node_id, payout, models };
                let signer = [wallet.key.insecure_clone()];
                self.step("update_operator", &[update.instruction(&PROGRAM_ID)], &signer, expected);
            }
            1 => {
                let endpoint = "e".repeat(self.dice.index(90));
                let expected = (1..=64).contains(&endpoint.len());
                let authority = self.world.validators[1].address();
                let update = UpdateValidator { authority, consensus_id: [9; 32], endpoint };
                let signer = [self.world.validators[1].key.insecure_clone()];
                self.step("update_validator", &[update.instruction(&PROGRAM_ID)], &signer, expected);
            }
            2 => {
                let model_id = if right { "ogong/verified/a/b" } else { "ogong/verified/a" }.to_owned();
                let (admin, maker) = (self.world.admin.address(), self.world.owner.address());
                let entry = SetModel { admin, model_id, model_root: [1; 32], maker };
                self.step("set_model", &[entry.instruction(&PROGRAM_ID)], &self.payer(), right);
            }
            3 => {
                let secret = self.dice.roll(1 << 40);
                let mut key = register_bls_key::registration(&NETWORK, self.world.validators[1].address(), secret + 1);
                key.response[31] ^= u8::from(!right);
                let signer = [self.world.validators[1].key.insecure_clone()];
                self.step("register_bls_key", &[key.instruction(&PROGRAM_ID)], &signer, right);
            }
            4 => {
                let mut commitment = [0; 32];
                commitment[..8].copy_from_slice(&self.dice.roll(u64::MAX).to_le_bytes());
                let planter = if right { &self.world.validators[2] } else { &self.world.owner }.clone();
                let stake_epoch = self.world.config().stake_epoch;
                let plant = PlantHoneypot { planter: planter.address(), commitment, stake_epoch };
                self.step("plant_honeypot", &[plant.instruction(&PROGRAM_ID)], &[planter.key], right);
            }
            _ => {
                let (node, payer) = (Node::of(139), self.world.admin.address());
                // the first part begins anew at any time, the second continues nothing
                let offset = if right { 0 } else { 7 };
                let part = node.public[..100].to_vec();
                let publish = PublishNodeKey { payer, node_id: node.node_id, offset, part };
                self.step("publish_node_key", &[publish.instruction(&PROGRAM_ID)], &self.payer(), right);
            }
        }
    }

    /// A validator that votes both ways, a verifier that passes a honeypot, a router that answers twice: two of the others
    /// cannot take the bond, all three can, once.
    fn slash(&mut self) {
        if self.strangers == STRANGERS {
            return;
        }
        self.strangers += 1;
        let (seed, behind) = (140 + self.strangers, everybody(&self.world));
        let (kind, bond) = (self.strangers % 3, MIN_STAKE + u64::from(self.strangers));
        let (name, culprit, subject, evidence) = match kind {
            0 => {
                let culprit = accused(&mut self.world, seed, bond);
                let evidence = evidence(&culprit);
                ("slash_validator", culprit, REPLY, evidence)
            }
            1 => {
                let (culprit, job, evidence) = accuse_verifier::accused_of(&mut self.world, seed, [seed; 32], bond);
                ("slash_operator", culprit, job, evidence)
            }
            _ => {
                let (culprit, query, evidence) = accuse_router::accused_of(&mut self.world, seed, bond);
                ("slash_operator", culprit, query, evidence)
            }
        };
        let slash = |cosigners: &[Address]| {
            let (handler, authority, stake_epoch) = (behind.handler, culprit.wallet.address(), behind.stake_epoch);
            let (cosigners, approvals) = (cosigners.to_vec(), None);
            if kind == 0 {
                SlashValidator { handler, cosigners, approvals, authority, subject, evidence, stake_epoch }
                    .instruction(&PROGRAM_ID)
            } else {
                let role = if kind == 1 { Role::Verifier } else { Role::Router };
                SlashOperator { handler, cosigners, approvals, role, authority, subject, evidence, stake_epoch }
                    .instruction(&PROGRAM_ID)
            }
        };
        let signers = self.world.quorum();
        self.step(name, &[slash(&behind.cosigners[..1])], &signers[..2], false);
        self.step(name, &[slash(&behind.cosigners)], &signers, true);
        self.step(name, &[slash(&behind.cosigners)], &signers, false);
        self.model.slash_stranger(bond);
    }

    fn any(&mut self) {
        let roll = self.dice.roll(100);
        match roll {
            _ if self.deals.is_empty() => self.open(),
            0..=14 => self.open(),
            15..=16 => {
                let amount = if self.dice.roll(5) == 0 { u64::MAX / 2 } else { self.dice.roll(400_000) };
                self.fund_deposit(amount);
            }
            17..=18 => self.withdraw_deposit(),
            19..=26 => self.settle(),
            27..=28 => self.settle_without_quorum(),
            29..=31 => self.settle_batch(),
            32..=34 => self.settle_cohort(),
            35..=37 => self.settle_approved(),
            38..=39 => self.close_batch(),
            40..=41 => self.close_approvals(),
            42..=55 => self.release(),
            56..=58 => self.reject(),
            59..=60 => self.expire(),
            61..=65 => self.pay_verifier(),
            66..=69 => self.compact(),
            70..=77 => self.move_stake(),
            78..=81 => self.pass_time(),
            82..=84 => self.advance(),
            85..=86 => {
                let who = PROVIDER + self.dice.index(3);
                self.open_work(who);
            }
            87 => self.answer(),
            88..=90 => self.approve_emission(),
            91..=95 => self.claim(),
            96..=97 => self.papers(),
            98 => self.launch_again(),
            _ => self.slash(),
        }
    }

    /// The chain holds what the model holds.
    fn compare(&self) {
        let (world, model) = (&self.world, &self.model);
        let held = |purse: Purse, token: Address| {
            assert_eq!(world.balance(&token), model.holds(purse), "{purse:?}");
        };
        held(Purse::Owner, world.owner.token);
        for (place, staker) in self.stakers.iter().enumerate() {
            held(Purse::Staker(place), staker.wallet.token);
        }
        for (place, wallet) in world.fee_owners.iter().enumerate() {
            held(Purse::FeeOwner(place), wallet.token);
        }
        held(Purse::Vault, address::vault(&PROGRAM_ID));
        held(Purse::StakeVault, address::stake_vault(&PROGRAM_ID));
        held(Purse::Reserve, world.reserve());
        let bond = |bond: ogong_chain_interface::account::Bond| (bond.stake, bond.cooling);
        let wanted = |place: usize| (model.bonds[place].stake, model.bonds[place].cooling);
        let address = |place: usize| self.stakers[place].wallet.address();
        assert_eq!(bond(world.validator(&address(VALIDATOR)).bond), wanted(VALIDATOR));
        for (place, role) in [(PROVIDER, Role::Provider), (ROUTER, Role::Router), (VERIFIER, Role::Verifier)] {
            assert_eq!(bond(world.operator(role, &address(place)).bond), wanted(place), "{role:?}");
        }
        assert_eq!(world.supply().emitted, model.emitted);
        let since_s = (model.now_ms - model.launched_ms) / 1_000;
        assert!(model.emitted <= emitted(since_s) && world.minted() <= CAP_ATOMS);
        let (epoch, totals) = (&model.epochs[model.current()], world.epoch(model.current() as u64).totals);
        assert_eq!((totals.fees, totals.outside_fees), (epoch.fees, epoch.outside_fees));
        assert_eq!((totals.routes, totals.verifications), (epoch.routes, epoch.verifications));
        assert_eq!((totals.audits, totals.liveness), (epoch.audits.iter().sum(), epoch.liveness));
    }
}

#[test]
fn ten_thousand_steps_as_the_model_says() {
    println!("seed {SEED:#x}");
    let mut run = Run::begin();
    assert_eq!(run.model.now_ms, u64::try_from(START_S).expect("after 1970") * 1_000);
    for step in 0..STEPS {
        run.any();
        run.compare();
        if step % LOOK_THROUGH == 0 {
            run.world.assert_conserved();
        }
    }
    run.world.assert_conserved();
    for (name, [refused, done]) in &run.done {
        println!("{name}: {done} went through, {refused} refused");
    }
    println!("{} epochs, {} atoms emitted", run.model.epochs.len(), run.model.emitted);
    // each kind of step was seen to go through and to be refused, but for those that can only do one of the two
    let only_refused = ["without a quorum", "allocate_launch", "initialize"];
    for (name, [refused, done]) in &run.done {
        assert!(*done > 0 || only_refused.contains(name), "{name} never went through");
        assert!(*refused > 0 || *name == "settle_batch", "{name} was never refused");
    }
    assert!(run.model.emitted > 0 && run.model.epochs.len() > 10);
    // and no instruction was left out: accusations and registrations are parts of a slash, initialize of the beginning
    let went_through: Vec<String> = run.world.compute.keys().map(|name| snake(name)).collect();
    for instruction in &Idl::committed().instructions {
        assert!(went_through.contains(&instruction.name), "{} was no step: {went_through:?}", instruction.name);
    }
}

/// An instruction's name in the IDL, from its name in the logs.
fn snake(name: &str) -> String {
    name.chars().flat_map(|c| c.is_uppercase().then_some('_').into_iter().chain(c.to_lowercase())).collect::<String>()
        [1..]
        .to_owned()
}
