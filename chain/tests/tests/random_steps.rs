//! Ten thousand random steps of what moves tokens, beside a plain model of the same rules: each step goes through exactly when
//! the model says so, and then the chain holds what the model holds. No sequence mints past curve or cap, or moves stake that
//! cools down.

use crate::accuse_validator::{REPLY, accused, evidence};
use crate::approve_emission::approval;
use crate::curve::curve::{CAP_ATOMS, between, by_role, emitted, era};
use crate::{claim_audits, claim_work, record_liveness};
use ogong_chain_interface::account::Role;
use ogong_chain_interface::event::Settlement;
use ogong_chain_interface::instruction::*;
use ogong_chain_interface::{Address, EMISSION_CAP_BPS_DEFAULT, Instruction, PROGRAM_ID, address, merkle};
use ogong_chain_tests::model::*;
use ogong_chain_tests::world::{NETWORK, START_S};
use ogong_chain_tests::{Deal, Known, World, everybody};
use solana_keypair::Keypair;

const STEPS: usize = 10_000;
const SEED: u64 = 0x09_09_0a_11;
/// Strangers that are slashed at most: each takes a wallet.
const STRANGERS: u8 = 20;
/// All accounts are looked through so often.
const LOOK_THROUGH: usize = 250;

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

    fn open_works(&mut self) {
        for (who, role) in [(PROVIDER, Role::Provider), (ROUTER, Role::Router), (VERIFIER, Role::Verifier)] {
            self.world.open_work(role, self.stakers[who].wallet.address());
            self.model.open_work(who);
        }
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

    fn release(&mut self) {
        let place = self.some_deal();
        let expected = self.model.release(place);
        let mut release = self.world.payment(&self.deals[place]);
        let [_, provider, router, _] = &self.stakers;
        let (token, operator) = (provider.wallet.token, Some(provider.wallet.address()));
        release.provider = Served::Provider { token, operator };
        release.router_token = router.wallet.token;
        self.step("release", &[release.instruction(&PROGRAM_ID)], &self.payer(), expected);
    }

    fn reject(&mut self) {
        let place = self.some_deal();
        let reject = self.world.rejection(&self.deals[place]);
        let expected = self.model.reject(place);
        self.step("refund_reject", &[reject.instruction(&PROGRAM_ID)], &self.world.quorum(), expected);
    }

    fn expire(&mut self) {
        let place = self.some_deal();
        let expiry = self.world.expiry(&self.deals[place]);
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
        let amount = self.dice.roll(700);
        let (movement, expected) = match self.dice.roll(3) {
            0 => (Movement::Stake(amount), self.model.stake(who, amount)),
            1 => (Movement::Unstake(amount), self.model.unstake(who, amount)),
            _ => (Movement::Withdraw, self.model.withdraw(who)),
        };
        let wallet = &self.stakers[who].wallet;
        let (authority, authority_token) = (wallet.address(), wallet.token);
        let role = [Role::Provider, Role::Provider, Role::Router, Role::Verifier][who];
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
        let role = [Role::Provider, Role::Router, Role::Verifier][who - 1];
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
    }

    /// A validator that votes both ways: two of the others cannot take its bond, all three can, once.
    fn slash(&mut self) {
        if self.strangers == STRANGERS {
            return;
        }
        self.strangers += 1;
        let culprit = accused(&mut self.world, 140 + self.strangers, MIN_STAKE);
        let behind = everybody(&self.world);
        let mut slash = SlashValidator {
            handler: behind.handler,
            cosigners: behind.cosigners,
            approvals: None,
            authority: culprit.wallet.address(),
            subject: REPLY,
            evidence: evidence(&culprit),
            stake_epoch: behind.stake_epoch,
        };
        let signers = self.world.quorum();
        let cosigner = slash.cosigners.pop().expect("a co-signer");
        self.step("slash_validator", &[slash.instruction(&PROGRAM_ID)], &signers[..2], false);
        slash.cosigners.push(cosigner);
        self.step("slash_validator", &[slash.instruction(&PROGRAM_ID)], &signers, true);
        self.step("slash_validator", &[slash.instruction(&PROGRAM_ID)], &signers, false);
        self.model.slash_stranger(MIN_STAKE);
    }

    fn any(&mut self) {
        let roll = self.dice.roll(100);
        match roll {
            _ if self.deals.is_empty() => self.open(),
            0..=15 => self.open(),
            16..=17 => {
                let amount = if self.dice.roll(5) == 0 { u64::MAX / 2 } else { self.dice.roll(400_000) };
                self.fund_deposit(amount);
            }
            18..=19 => self.withdraw_deposit(),
            20..=32 => self.settle(),
            33..=34 => self.settle_without_quorum(),
            35..=37 => self.settle_batch(),
            38..=52 => self.release(),
            53..=55 => self.reject(),
            56..=57 => self.expire(),
            58..=63 => self.pay_verifier(),
            64..=74 => self.move_stake(),
            75..=79 => self.pass_time(),
            80..=83 => self.advance(),
            84..=85 => self.answer(),
            86..=89 => self.approve_emission(),
            90..=97 => self.claim(),
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
    let only_refused = ["without a quorum", "allocate_launch"];
    for (name, [refused, done]) in &run.done {
        assert!(*done > 0 || only_refused.contains(name), "{name} never went through");
        assert!(*refused > 0 || *name == "settle_batch", "{name} was never refused");
    }
    assert!(run.model.emitted > 0 && run.model.epochs.len() > 10);
}
