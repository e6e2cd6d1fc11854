//! What a verdict means for an escrow (SPEC 9.3–9.6): pure, so that every validator makes the same plan by itself.
//!
//! Inputs are the accounts as the chain holds them and the validator's own decision; outputs are the instruction, every
//! amount, and the digest. Wallets are paid into their associated token accounts.

use ogong_audit::Verdict;
use ogong_base::hash::{ChainKey, NetworkId, RecordHash, ReplyId, VerdictHash};
use ogong_chain_interface::{
    Address, Instruction, VERIFIERS_MAX,
    account::{Config, Escrow, EscrowStatus, Role, Validator, ValidatorSet},
    address,
    instruction::{Change, RefundReject, Release, Served, Settle, Verdict as Decided},
    token::associated_token,
};
use ogong_commitment::order::Order;

use crate::{
    digest::Settlement,
    error::Error,
    message::{Quorum, QuorumPlan},
    split::{Split, Terms},
    wallet::chain_key,
};

/// Outcome byte of an accepted reply (SPEC 5.6).
pub const OUTCOME_ACCEPT: u8 = 1;
/// Outcome byte of a reply that was not drawn for an audit.
pub const OUTCOME_NOT_SELECTED: u8 = 2;
/// Outcome byte of a rejected reply.
pub const OUTCOME_REJECT: u8 = 3;

const _: () = {
    use ogong_audit::Outcome;
    assert!(Outcome::Accept as u8 == OUTCOME_ACCEPT && Outcome::NotSelected as u8 == OUTCOME_NOT_SELECTED);
    assert!(Outcome::Reject as u8 == OUTCOME_REJECT);
};

/// What a validator decided about a reply, as far as money is concerned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decision {
    /// Hash of the provider's record; zero where none came.
    pub record_hash: RecordHash,
    /// Outcome byte of the verdict.
    pub outcome: u8,
    /// Hash of the verdict.
    pub verdict_hash: VerdictHash,
    /// Round the draws came from.
    pub round: u64,
    /// Prompt tokens, from the opened header.
    pub n_prompt: u32,
    /// Billed answer tokens.
    pub n_billed: u32,
    /// Of those, the ones that had more than one candidate: what counts as work.
    pub n_counted: u32,
    /// After it the settlement is void; at most the order's deadline.
    pub expiry_ms: u64,
    /// Authorities of the registered verifiers that scored the reply: the reserve owes each its flat fee.
    pub verifiers: Vec<Address>,
}

impl Decision {
    /// What a verdict decides; the counts come from the opened header and the record. Every billed token counts as work.
    pub fn of_verdict(verdict: &Verdict, n_prompt: u32, n_billed: u32, expiry_ms: u64) -> Self {
        Self {
            record_hash: verdict.record_hash,
            outcome: verdict.outcome as u8,
            verdict_hash: verdict.hash(),
            round: verdict.round.0,
            n_prompt,
            n_billed,
            n_counted: n_billed,
            expiry_ms,
            verifiers: Vec::new(),
        }
    }
}

/// The accounts a plan is made from.
#[derive(Debug, Clone)]
pub struct Accounts {
    /// The program's address.
    pub program: Address,
    /// The network's parameters.
    pub config: Config,
    /// Who may sign, with what weight.
    pub validators: ValidatorSet,
    /// The registration of the validator that handles.
    pub handler: Validator,
    /// The reply's escrow.
    pub escrow: Escrow,
}

/// A settlement or refund, decided to the last atom; only the co-signers are open.
#[derive(Debug, Clone)]
pub struct SettlePlan {
    /// What is digested, with every payee and amount.
    pub settlement: Settlement,
    /// The shares; absent in a refund.
    pub split: Option<Split>,
    /// Who may sign, with what weight.
    pub validators: ValidatorSet,
    /// The validator that handles and pays the transaction's fee.
    pub handler: Address,
    program: Address,
    mint: Address,
    escrow: Escrow,
    verifiers: Vec<Address>,
}

impl SettlePlan {
    /// Makes the plan.
    ///
    /// # Errors
    /// When the escrow is not open, the decision neither settles nor refunds, breaks the escrow's terms, or the accounts do
    /// not belong together.
    pub fn new(accounts: &Accounts, decision: &Decision) -> Result<Self, Error> {
        let Accounts { program, config, validators, handler, escrow } = accounts;
        check_accounts(accounts, decision)?;
        let (split, payees, [n_prompt, n_billed, n_counted]) = match decision.outcome {
            OUTCOME_ACCEPT | OUTCOME_NOT_SELECTED => {
                let split = settle_split(config, escrow, decision)?;
                let payees = [
                    (escrow.provider_payout, split.provider),
                    (escrow.router_payout, split.router),
                    (handler.fee_owner, split.validator),
                    (config.reserve_owner, split.reserve),
                    (escrow.owner, split.change),
                ];
                (Some(split), payees.to_vec(), [decision.n_prompt, decision.n_billed, decision.n_counted])
            }
            OUTCOME_REJECT => (None, vec![(escrow.owner, escrow.max_fee)], [0; 3]),
            other => return Err(Error::OutcomeOpen(other)),
        };
        let verifiers = decision.verifiers.iter().map(|verifier| (*verifier, config.verifier_fee));
        let settlement = Settlement {
            network: NetworkId::from_bytes(config.network),
            program: chain_key(program),
            reply_id: ReplyId::from_bytes(escrow.reply_id),
            record_hash: decision.record_hash,
            outcome: decision.outcome,
            verdict_hash: decision.verdict_hash,
            round: decision.round,
            n_prompt,
            n_billed,
            n_counted,
            payees: payees.into_iter().chain(verifiers).map(|(payee, atoms)| (chain_key(&payee), atoms)).collect(),
            stake_epoch: validators.epoch,
            expiry_ms: decision.expiry_ms,
        };
        Ok(Self {
            settlement,
            split,
            validators: validators.clone(),
            handler: handler.authority,
            program: *program,
            mint: config.mint,
            escrow: escrow.clone(),
            verifiers: decision.verifiers.clone(),
        })
    }

    /// Whether the escrow goes back to its owner.
    pub fn is_refund(&self) -> bool {
        self.split.is_none()
    }

    /// The wallets whose token accounts have to exist before the transaction is sent: all but the reserve, which is the
    /// program's, the owner where a deposit takes the change, and verifiers, whom the reserve pays by itself.
    pub fn payees(&self) -> impl Iterator<Item = Address> {
        let reserve = address::config(&self.program);
        let of_deposit = (self.escrow.deposit != Address::default()).then_some(self.escrow.owner);
        let of_escrow = self.settlement.payees.len() - self.verifiers.len();
        let keys = self.settlement.payees.iter().take(of_escrow).map(|(key, _)| crate::wallet::address(key));
        keys.filter(move |key| *key != reserve && Some(*key) != of_deposit)
    }

    /// The registered operators whose work accounts have to exist; none in a refund.
    pub fn works(&self) -> Vec<(Role, Address)> {
        if self.is_refund() { Vec::new() } else { registered(&self.escrow) }
    }

    /// Authorities of the verifiers that the decision names.
    pub fn verifiers(&self) -> &[Address] {
        &self.verifiers
    }

    /// Of which token.
    pub fn mint(&self) -> Address {
        self.mint
    }

    /// The wallet that gets the validator's share; none in a refund.
    pub fn fee_owner(&self) -> Option<Address> {
        self.split.as_ref()?;
        self.settlement.payees.get(2).map(|(key, _)| crate::wallet::address(key))
    }

    /// What pays a decided settlement; none in a refund, which pays by itself.
    pub fn release(&self) -> Option<Instruction> {
        let fee_owner = self.fee_owner()?;
        Some(release(&self.program, &self.mint, &self.escrow, &fee_owner, self.settlement.stake_epoch))
    }

    fn settle(&self, quorum: &Quorum) -> Instruction {
        let (cosigners, approvals) = quorum.parts();
        let settle = Settle {
            handler: self.handler,
            cosigners,
            approvals,
            reply_id: *self.settlement.reply_id.as_bytes(),
            verdict: self.verdict(),
        };
        settle.instruction(&self.program)
    }

    fn refund(&self, quorum: &Quorum) -> Instruction {
        let (cosigners, approvals) = quorum.parts();
        let refund = RefundReject {
            handler: self.handler,
            cosigners,
            approvals,
            reply_id: *self.settlement.reply_id.as_bytes(),
            change: change(&self.escrow, &self.mint),
            verdict: self.verdict(),
        };
        refund.instruction(&self.program)
    }

    /// What the program is told was decided.
    pub(crate) fn verdict(&self) -> Decided {
        let settlement = &self.settlement;
        Decided {
            req_hash: self.escrow.req_hash,
            record_hash: *settlement.record_hash.as_bytes(),
            outcome: settlement.outcome,
            verdict_hash: *settlement.verdict_hash.as_bytes(),
            round: settlement.round,
            n_prompt: settlement.n_prompt,
            n_billed: settlement.n_billed,
            n_counted: settlement.n_counted,
            stake_epoch: settlement.stake_epoch,
            expiry_ms: settlement.expiry_ms,
            verifiers: self.verifiers.clone(),
        }
    }
}

impl QuorumPlan for SettlePlan {
    fn handler(&self) -> Address {
        self.handler
    }

    fn validators(&self) -> &ValidatorSet {
        &self.validators
    }

    fn program(&self) -> Address {
        self.program
    }

    fn digest(&self) -> [u8; 32] {
        *self.settlement.digest().as_bytes()
    }

    /// The decision, and behind it the release where both fit.
    fn instructions(&self, quorum: &Quorum) -> Vec<Vec<Instruction>> {
        let decision = if self.is_refund() { self.refund(quorum) } else { self.settle(quorum) };
        let both = self.release().map(|release| vec![decision.clone(), release]);
        both.into_iter().chain([vec![decision]]).collect()
    }
}

/// The instruction that pays a decided escrow into the associated token accounts of its payees; `epoch` is the current one.
pub fn release(program: &Address, mint: &Address, escrow: &Escrow, fee_owner: &Address, epoch: u64) -> Instruction {
    let registered = |operator: Address| (operator != Address::default()).then_some(operator);
    let release = Release {
        reply_id: escrow.reply_id,
        epoch,
        provider: Served::Provider {
            token: associated_token(&escrow.provider_payout, mint),
            operator: registered(escrow.provider_operator),
        },
        router_token: associated_token(&escrow.router_payout, mint),
        validator_token: associated_token(fee_owner, mint),
        change: change(escrow, mint),
        router_operator: registered(escrow.router_operator),
    };
    release.instruction(program)
}

/// The registered operators that an escrow names.
pub fn registered(escrow: &Escrow) -> Vec<(Role, Address)> {
    let roles = [(Role::Provider, escrow.provider_operator), (Role::Router, escrow.router_operator)];
    roles.into_iter().filter(|(_, operator)| *operator != Address::default()).collect()
}

/// Where an escrow's unspent part goes.
pub fn change(escrow: &Escrow, mint: &Address) -> Change {
    Change::of(escrow, associated_token(&escrow.owner, mint))
}

fn check_accounts(accounts: &Accounts, decision: &Decision) -> Result<(), Error> {
    let repeated =
        |(place, key): (usize, &Address)| decision.verifiers.iter().skip(place + 1).any(|other| other == key);
    if decision.verifiers.len() > VERIFIERS_MAX || decision.verifiers.iter().enumerate().any(repeated) {
        return Err(Error::Foreign("the verifiers are more than three, or one is named twice"));
    }
    let Accounts { config, validators, handler, escrow, .. } = accounts;
    if escrow.status != EscrowStatus::Open {
        return Err(Error::NotOpen { reply_id: ReplyId::from_bytes(escrow.reply_id), status: escrow.status });
    }
    if validators.epoch != config.stake_epoch {
        return Err(Error::EpochMixed { set: validators.epoch, config: config.stake_epoch });
    }
    if validators.stake_of(&handler.authority).is_none() {
        return Err(Error::NotAValidator(chain_key(&handler.authority)));
    }
    if decision.expiry_ms > escrow.deadline_ms {
        return Err(Error::ExpiryAfterDeadline { expiry_ms: decision.expiry_ms, deadline_ms: escrow.deadline_ms });
    }
    Ok(())
}

fn settle_split(config: &Config, escrow: &Escrow, decision: &Decision) -> Result<Split, Error> {
    if decision.n_billed > escrow.max_tokens {
        return Err(Error::BilledOverMax { n_billed: decision.n_billed, max_tokens: escrow.max_tokens });
    }
    let terms =
        Terms { price_prompt: escrow.price_prompt, price_completion: escrow.price_completion, max_fee: escrow.max_fee };
    Split::of(terms.fee(decision.n_prompt, decision.n_billed), escrow.max_fee, &config.split_bps)
}

/// Checks that an escrow was opened for `order`, field by field, and pays the wallets that the provider and the router announced.
///
/// The session key is the escrow's: verify the order's signature with `escrow.session_key`.
///
/// # Errors
/// [`Error::EscrowMismatch`] names the first field that differs.
pub fn check_order(
    escrow: &Escrow,
    order: &Order,
    provider_payout: &ChainKey,
    router_payout: &ChainKey,
) -> Result<(), Error> {
    let fields = [
        ("reply id", escrow.reply_id == *order.reply_id().as_bytes()),
        ("owner", escrow.owner.to_bytes() == *order.owner.as_bytes()),
        ("provider", escrow.provider == *order.provider.as_bytes()),
        ("router", escrow.router == *order.router.as_bytes()),
        ("provider payout", escrow.provider_payout.to_bytes() == *provider_payout.as_bytes()),
        ("router payout", escrow.router_payout.to_bytes() == *router_payout.as_bytes()),
        ("model root", escrow.model_root == *order.model_root.as_bytes()),
        ("request hash", escrow.req_hash == *order.req_hash.as_bytes()),
        ("prompt price", escrow.price_prompt == order.price_prompt),
        ("completion price", escrow.price_completion == order.price_completion),
        ("max fee", escrow.max_fee == order.max_fee),
        ("max tokens", escrow.max_tokens == order.max_tokens),
        ("deadline", escrow.deadline_ms == order.deadline_ms),
    ];
    match fields.into_iter().find(|(_, same)| !same) {
        Some((field, _)) => Err(Error::EscrowMismatch { field }),
        None => Ok(()),
    }
}

/// A [`ChainKey`] list of the validator set, as [`crate::handlers::order`] takes it.
pub fn stakes(validators: &ValidatorSet) -> Vec<(ChainKey, u64)> {
    validators.members.iter().map(|(key, stake)| (chain_key(key), *stake)).collect()
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::message::{QuorumMessage, choose_cosigners};
    use crate::wallet::Wallet;
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
            assert!(
                matches!(QuorumMessage::check(&none, &message), Err(Error::Foreign(_))),
                "nobody is named by stealth"
            );
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

    fn order() -> Order {
        Order {
            network: NetworkId::from_bytes([9; 32]),
            program: chain_key(&ogong_chain_interface::PROGRAM_ID),
            nonce: ogong_base::Hash32::from_bytes([14; 32]),
            owner: wallet(94).key(),
            provider: ogong_base::NodeId::from_bytes([7; 32]),
            router: ogong_base::NodeId::from_bytes([8; 32]),
            epoch: 0,
            model_id: "ogong/verified/maker/model".parse().expect("a model id"),
            model_root: ogong_base::ModelRoot::from_bytes([10; 32]),
            req_hash: ogong_base::ReqHash::from_bytes([11; 32]),
            price_prompt: 1_000,
            price_completion: 4_000,
            max_fee: 10_000,
            max_tokens: 1_000,
            n_ctx: 2_048,
            issued_ms: 1,
            deadline_ms: 1_000_000,
        }
    }

    #[test]
    fn an_escrow_is_held_against_its_order_field_by_field() {
        let order = order();
        let mut ours = accounts().escrow;
        ours.reply_id = *order.reply_id().as_bytes();
        let (provider, router) = (wallet(95).key(), wallet(96).key());
        check_order(&ours, &order, &provider, &router).expect("the same");
        let changes: [(&str, fn(&mut Escrow)); 13] = [
            ("reply id", |e| e.reply_id[0] ^= 1),
            ("owner", |e| e.owner = wallet(1).address()),
            ("provider", |e| e.provider[0] ^= 1),
            ("router", |e| e.router[0] ^= 1),
            ("provider payout", |e| e.provider_payout = wallet(1).address()),
            ("router payout", |e| e.router_payout = wallet(1).address()),
            ("model root", |e| e.model_root[0] ^= 1),
            ("request hash", |e| e.req_hash[0] ^= 1),
            ("prompt price", |e| e.price_prompt += 1),
            ("completion price", |e| e.price_completion += 1),
            ("max fee", |e| e.max_fee += 1),
            ("max tokens", |e| e.max_tokens += 1),
            ("deadline", |e| e.deadline_ms += 1),
        ];
        for (expected, change) in changes {
            let mut changed = ours.clone();
            change(&mut changed);
            let refused = check_order(&changed, &order, &provider, &router);
            assert!(matches!(refused, Err(Error::EscrowMismatch { field }) if field == expected), "{expected}");
        }
    }

    #[test]
    fn our_fee_is_the_orders() {
        let order = order();
        let Order { price_prompt, price_completion, max_fee, .. } = order;
        let terms = Terms { price_prompt, price_completion, max_fee };
        for (n_prompt, n_billed) in [(0, 1), (1, 0), (999, 1), (100, 200), (u32::MAX, u32::MAX)] {
            assert_eq!(terms.fee(n_prompt, n_billed), order.fee(n_prompt, n_billed));
        }
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
}
