//! The chain and everybody on it.

use crate::{Order, tokens};
use litesvm::LiteSVM;
use litesvm::types::{TransactionMetadata, TransactionResult};
use ogong_chain_interface::account::{
    Config, Deposit, Epoch, Escrow, EscrowStatus, Operator, Role, Supply, Validator, ValidatorSet,
};
use ogong_chain_interface::instruction::{
    AdvanceEpoch, AllocateLaunch, Change, Initialize, OpenEscrow, OpenWork, RefundExpired, RefundReject,
    RegisterValidator, Release, Served, Settle, Terms, Verdict,
};
use ogong_chain_interface::token::{Mint, TokenAccount};
use ogong_chain_interface::{Address, EMISSION_CAP_BPS_DEFAULT, Instruction, PROGRAM_ID, SPLIT_BPS_DEFAULT, address};
use solana_clock::Clock;
use solana_keypair::Keypair;
use solana_message::Message;
use solana_signer::Signer;
use solana_transaction::Transaction;
use std::collections::BTreeMap;
use std::fs;

/// Seconds; when the tests happen.
pub const START_S: i64 = 1_800_000_000;

/// `network_id` of the tests.
pub const NETWORK: [u8; 32] = [0xee; 32];

/// What each wallet starts with, atoms.
pub const FUNDS: u64 = 1_000_000_000;

/// Least length of an epoch, milliseconds.
pub const EPOCH_MS: u64 = 3_600_000;

/// What a verifier gets, atoms.
pub const VERIFIER_FEE: u64 = 10;

/// Where the committed ELF is.
pub const ELF: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../artifacts/ogong_chain.so");

/// A keypair and its token account.
#[derive(Debug)]
pub struct Wallet {
    pub key: Keypair,
    pub token: Address,
}

impl Wallet {
    /// The wallet's address.
    pub fn address(&self) -> Address {
        self.key.pubkey()
    }
}

impl Clone for Wallet {
    fn clone(&self) -> Self {
        Self { key: self.key.insecure_clone(), token: self.token }
    }
}

/// An open escrow and the order behind it.
pub struct Deal {
    pub order: Order,
    pub reply_id: [u8; 32],
}

/// The chain, initialized, with wallets that hold [`FUNDS`] each. A clone goes its own way.
#[derive(Clone)]
pub struct World {
    pub svm: LiteSVM,
    pub mint: Address,
    pub admin: Wallet,
    pub owner: Wallet,
    pub provider: Wallet,
    pub router: Wallet,
    pub validators: Vec<Wallet>,
    /// How many of them, the first ones, sign what a quorum must sign.
    pub signing: usize,
    /// Whom each validator's share goes to, in their order.
    pub fee_owners: Vec<Wallet>,
    /// The most compute units that a successful instruction took, by its name in the logs.
    pub compute: BTreeMap<String, u64>,
    /// Atoms put into wallets as bytes, beside those that were minted.
    fabricated: i128,
    seeds: u8,
}

impl World {
    /// A chain without the program's accounts; the wallets are there.
    pub fn bare() -> Self {
        let elf = fs::read(ELF).unwrap_or_else(|e| panic!("{ELF}: {e}; hint: cargo xtask chain builds it"));
        let mut svm = LiteSVM::new().with_mainnet_features();
        svm.add_program(PROGRAM_ID, &elf).expect("the ELF loads");
        let mint = address::mint(&PROGRAM_ID);
        let (mut fabricated, mut seeds) = (0, 0);
        let mut wallet = || wallet(&mut svm, &mint, &mut fabricated, &mut seeds, FUNDS);
        let (admin, owner, provider, router) = (wallet(), wallet(), wallet(), wallet());
        let mut world = Self {
            svm,
            mint,
            admin,
            owner,
            provider,
            router,
            validators: Vec::new(),
            signing: 0,
            fee_owners: Vec::new(),
            compute: BTreeMap::new(),
            fabricated,
            seeds,
        };
        world.set_time(START_S);
        world
    }

    /// Initialized, without validators.
    pub fn new() -> Self {
        let mut world = Self::bare();
        let initialize = world.initialize();
        world.must(initialize, &[world.admin.key.insecure_clone()]);
        world
    }

    /// With a validator for each stake.
    pub fn with_stakes(stakes: &[u64]) -> Self {
        let mut world = Self::new();
        for stake in stakes {
            world.register(*stake);
        }
        world
    }

    /// A new wallet with `amount` atoms.
    pub fn wallet(&mut self, amount: u64) -> Wallet {
        wallet(&mut self.svm, &self.mint, &mut self.fabricated, &mut self.seeds, amount)
    }

    /// Gives a token account another balance.
    pub fn fund(&mut self, wallet: &Address, token: &Address, amount: u64) {
        self.fabricated += i128::from(amount) - i128::from(self.balance(token));
        let holding = tokens::holding(&self.mint, wallet, amount);
        self.svm.set_account(*token, holding).expect("a token account");
    }

    /// An initialize that the program takes.
    pub fn initialize(&self) -> Initialize {
        Initialize {
            admin: self.admin.address(),
            network: NETWORK,
            split_bps: SPLIT_BPS_DEFAULT,
            min_stake: 100,
            alpha_ppm: 1_000_000,
            beacon_genesis_ms: 1_800_000_000_000,
            beacon_period_ms: 3_000,
            epoch_length_ms: EPOCH_MS,
            cooldown_epochs: 2,
            verifier_fee: VERIFIER_FEE,
        }
    }

    /// A registration that the program takes.
    pub fn registration(&self, authority: &Wallet, fee_owner: &Wallet, stake: u64) -> RegisterValidator {
        RegisterValidator {
            authority: authority.address(),
            stake_source: authority.token,
            node_id: [1; 32],
            consensus_id: [2; 32],
            vrf_key: [3; 32],
            fee_owner: fee_owner.address(),
            stake,
            epoch: self.config().stake_epoch,
            endpoint: "127.0.0.1:4545".into(),
        }
    }

    /// Registers one more validator.
    pub fn register(&mut self, stake: u64) {
        let (authority, fee_owner) = (self.wallet(stake.max(FUNDS)), self.wallet(0));
        let registration = self.registration(&authority, &fee_owner, stake);
        self.must(registration, &[authority.key.insecure_clone()]);
        self.validators.push(authority);
        self.signing = self.validators.len();
        self.fee_owners.push(fee_owner);
    }

    /// An order that the program takes now.
    pub fn order(&self) -> Order {
        Order::new(self.owner.address(), NETWORK, self.now_ms())
    }

    /// The escrow of an order.
    pub fn opening(&self, order: &Order) -> OpenEscrow {
        OpenEscrow {
            owner: self.owner.address(),
            owner_token: self.owner.token,
            order: order.bytes(),
            terms: self.terms(),
        }
    }

    /// What stands beside the order, of a provider and router that are not registered.
    pub fn terms(&self) -> Terms {
        Terms {
            session_key: [0x55; 32],
            provider_payout: self.provider.address(),
            router_payout: self.router.address(),
            provider_operator: None,
            router_operator: None,
        }
    }

    /// Opens the escrow of an order.
    pub fn open_order(&mut self, order: Order) -> Deal {
        let opening = self.opening(&order);
        let reply_id = opening.reply_id();
        self.must(opening, &[self.owner.key.insecure_clone()]);
        Deal { order, reply_id }
    }

    /// Opens an ordinary escrow.
    pub fn open(&mut self) -> Deal {
        let order = self.order();
        self.open_order(order)
    }

    /// A verdict that pays for 100 prompt tokens and 50 billed ones, in the current epoch.
    pub fn verdict(&self, deal: &Deal) -> Verdict {
        Verdict {
            req_hash: deal.order.req_hash,
            record_hash: [0x66; 32],
            outcome: 1,
            verdict_hash: [0x77; 32],
            round: 12,
            n_prompt: 100,
            n_billed: 50,
            n_counted: 50,
            stake_epoch: self.config().stake_epoch,
            expiry_ms: deal.order.deadline_ms,
            verifiers: Vec::new(),
        }
    }

    /// A settle that all validators sign, the first one handling.
    pub fn settlement(&self, deal: &Deal) -> Settle {
        Settle {
            handler: self.validators[0].address(),
            cosigners: self.cosigners(),
            approvals: None,
            reply_id: deal.reply_id,
            verdict: self.verdict(deal),
        }
    }

    /// Pays what the first validator's settle decided, registered operators' work included.
    pub fn payment(&self, deal: &Deal) -> Release {
        let escrow = self.escrow(deal);
        let registered = |operator: Address| (operator != Address::default()).then_some(operator);
        Release {
            reply_id: deal.reply_id,
            epoch: self.config().stake_epoch,
            provider: Served::Provider { token: self.provider.token, operator: registered(escrow.provider_operator) },
            router_token: self.router.token,
            validator_token: self.fee_owners[0].token,
            change: Change::of(&escrow, self.owner.token),
            router_operator: registered(escrow.router_operator),
        }
    }

    /// The same of an escrow that is open yet, of operators that are not registered, whose settle pays `fee_owner`.
    pub fn payment_of(&self, deal: &Deal, fee_owner: &Wallet) -> Release {
        Release {
            reply_id: deal.reply_id,
            epoch: self.config().stake_epoch,
            provider: Served::Provider { token: self.provider.token, operator: None },
            router_token: self.router.token,
            validator_token: fee_owner.token,
            change: Change::Token(self.owner.token),
            router_operator: None,
        }
    }

    /// Sends that by someone who has nothing to do with it.
    pub fn pay(&mut self, deal: &Deal) -> TransactionMetadata {
        self.must(self.payment(deal), &[self.admin.key.insecure_clone()])
    }

    /// Settles and pays, signed by all validators, in one transaction.
    pub fn settle_and_pay(&mut self, deal: &Deal, settle: Settle) -> TransactionResult {
        let instructions = [settle.instruction(&PROGRAM_ID), self.payment(deal).instruction(&PROGRAM_ID)];
        self.send_raw(&instructions, &self.quorum())
    }

    /// A refund after a reject that all validators sign.
    pub fn rejection(&self, deal: &Deal) -> RefundReject {
        let reject = Verdict {
            outcome: 3,
            verdict_hash: [0x88; 32],
            n_prompt: 0,
            n_billed: 0,
            n_counted: 0,
            ..self.verdict(deal)
        };
        RefundReject {
            handler: self.validators[0].address(),
            cosigners: self.cosigners(),
            approvals: None,
            reply_id: deal.reply_id,
            change: Change::of(&self.escrow(deal), self.owner.token),
            verdict: reject,
        }
    }

    /// A refund after the deadline.
    pub fn expiry(&self, deal: &Deal) -> RefundExpired {
        RefundExpired { reply_id: deal.reply_id, change: Change::of(&self.escrow(deal), self.owner.token) }
    }

    /// The keys of the validators that sign, the handler first.
    pub fn quorum(&self) -> Vec<Keypair> {
        self.validators[..self.signing].iter().map(|wallet| wallet.key.insecure_clone()).collect()
    }

    /// The validators that sign beside the handler.
    pub fn cosigners(&self) -> Vec<Address> {
        self.validators[1..self.signing].iter().map(Wallet::address).collect()
    }

    /// Opens an operator's counters in the current epoch.
    pub fn open_work(&mut self, role: Role, operator: Address) {
        let open = OpenWork { payer: self.admin.address(), epoch: self.config().stake_epoch, role, operator };
        self.must(open, &[self.admin.key.insecure_clone()]);
    }

    /// Lets the last epoch's grace pass, so that it is closed.
    pub fn close_epoch(&mut self) {
        let seconds = (self.now_ms() + ogong_chain_interface::EPOCH_GRACE_MS) / 1_000 + 1;
        self.set_time(i64::try_from(seconds).expect("a time"));
    }

    /// Lets the epoch pass and begins the next one.
    pub fn next_epoch(&mut self) {
        let (epoch, seconds) = (self.config().stake_epoch, i64::try_from(self.now_ms() / 1_000).expect("a time"));
        self.set_time(seconds + i64::try_from(EPOCH_MS / 1_000).expect("an hour"));
        self.must(AdvanceEpoch { payer: self.admin.address(), epoch }, &[self.admin.key.insecure_clone()]);
    }

    /// Sends an instruction; the first signer pays.
    pub fn send(&mut self, instruction: impl Sendable, signers: &[Keypair]) -> TransactionResult {
        self.send_raw(&[instruction.build()], signers)
    }

    /// Sends instructions as they are.
    pub fn send_raw(&mut self, instructions: &[Instruction], signers: &[Keypair]) -> TransactionResult {
        let transaction = self.transaction(instructions, signers);
        let result = self.svm.send_transaction(transaction);
        // the same bytes twice would be refused as the same transaction
        self.svm.expire_blockhash();
        if let Ok(meta) = &result {
            let name = meta.logs.iter().find_map(|log| log.strip_prefix("Program log: Instruction: "));
            let most = self.compute.entry(name.unwrap_or("other").to_owned()).or_default();
            *most = meta.compute_units_consumed.max(*most);
        }
        result
    }

    /// Sends an instruction that must succeed, and checks that no token was lost.
    pub fn must(&mut self, instruction: impl Sendable, signers: &[Keypair]) -> TransactionMetadata {
        let meta = self.send(instruction, signers).unwrap_or_else(|failed| panic!("{failed:#?}"));
        self.assert_conserved();
        meta
    }

    /// Sends instructions that must succeed, and checks that no token was lost.
    pub fn must_raw(&mut self, instructions: &[Instruction], signers: &[Keypair]) -> TransactionMetadata {
        let meta = self.send_raw(instructions, signers).unwrap_or_else(|failed| panic!("{failed:#?}"));
        self.assert_conserved();
        meta
    }

    /// A signed transaction.
    pub fn transaction(&self, instructions: &[Instruction], signers: &[Keypair]) -> Transaction {
        let message = Message::new(instructions, Some(&signers[0].pubkey()));
        let keys: Vec<&Keypair> = signers.iter().collect();
        Transaction::new(&keys, message, self.svm.latest_blockhash())
    }

    /// The bytes of a transaction on the wire; 1,232 is the most.
    pub fn size(&self, instructions: &[Instruction], signers: &[Keypair]) -> usize {
        let message = self.transaction(instructions, signers).message;
        let count = |length: usize| if length < 128 { 1 } else { 2 };
        let body: usize = message
            .instructions
            .iter()
            .map(|i| 1 + count(i.accounts.len()) + i.accounts.len() + count(i.data.len()) + i.data.len())
            .sum();
        let (keys, signatures) = (message.account_keys.len(), signers.len());
        count(signatures)
            + 64 * signatures
            + 3
            + count(keys)
            + 32 * keys
            + 32
            + count(message.instructions.len())
            + body
    }

    /// Sets the chain's clock, in Unix seconds.
    pub fn set_time(&mut self, seconds: i64) {
        let mut clock: Clock = self.svm.get_sysvar();
        clock.unix_timestamp = seconds;
        self.svm.set_sysvar(&clock);
    }

    /// The chain's clock, in Unix milliseconds.
    pub fn now_ms(&self) -> u64 {
        let clock: Clock = self.svm.get_sysvar();
        u64::try_from(clock.unix_timestamp).expect("a time after 1970") * 1_000
    }

    /// What an account holds.
    pub fn data(&self, address: &Address) -> Vec<u8> {
        self.svm.get_account(address).unwrap_or_else(|| panic!("no account {address}")).data
    }

    /// Changes an account's bytes behind the program's back.
    pub fn tamper(&mut self, address: &Address, change: impl FnOnce(&mut [u8])) {
        let mut account = self.svm.get_account(address).expect("an account");
        change(&mut account.data);
        self.svm.set_account(*address, account).expect("an account");
    }

    /// A token account of a wallet.
    pub fn token_of(&self, wallet: &Address) -> Address {
        let all = self.svm.get_program_accounts(&ogong_chain_interface::token::TOKEN_PROGRAM_ID);
        let owns = |data: &[u8]| {
            TokenAccount::decode(data).is_ok_and(|holding| holding.owner == *wallet && holding.mint == self.mint)
        };
        all.into_iter().find(|(_, account)| owns(&account.data)).expect("a token account").0
    }

    /// The atoms in a token account.
    pub fn balance(&self, token: &Address) -> u64 {
        TokenAccount::decode(&self.data(token)).expect("a token account").amount
    }

    /// The config account.
    pub fn config(&self) -> Config {
        Config::decode(&self.data(&address::config(&PROGRAM_ID))).expect("a config")
    }

    /// The validator set.
    pub fn validator_set(&self) -> ValidatorSet {
        ValidatorSet::decode(&self.data(&address::validator_set(&PROGRAM_ID))).expect("a set")
    }

    /// One epoch.
    pub fn epoch(&self, number: u64) -> Epoch {
        Epoch::decode(&self.data(&address::epoch(&PROGRAM_ID, number))).expect("an epoch")
    }

    /// The token account of the reserve.
    pub fn reserve(&self) -> Address {
        address::reserve(&PROGRAM_ID)
    }

    /// One escrow.
    pub fn escrow(&self, deal: &Deal) -> Escrow {
        Escrow::decode(&self.data(&address::escrow(&PROGRAM_ID, &deal.reply_id))).expect("an escrow")
    }

    /// The mint.
    pub fn mint_account(&self) -> Mint {
        Mint::decode(&self.data(&self.mint)).expect("a mint")
    }

    /// Atoms that the program minted.
    pub fn minted(&self) -> u64 {
        self.mint_account().supply
    }

    /// Mints the launch allocation to three new wallets: team, foundation, liquidity.
    pub fn launch(&mut self) -> [Wallet; 3] {
        let wallets = [self.wallet(0), self.wallet(0), self.wallet(0)];
        let [team, foundation, liquidity] = [0, 1, 2].map(|place: usize| wallets[place].token);
        let launch = AllocateLaunch {
            admin: self.admin.address(),
            team_token: team,
            foundation_token: foundation,
            liquidity_token: liquidity,
            emission_cap_bps: EMISSION_CAP_BPS_DEFAULT,
        };
        self.must(launch, &[self.admin.key.insecure_clone()]);
        wallets
    }

    /// What was minted, and since when.
    pub fn supply(&self) -> Supply {
        Supply::decode(&self.data(&address::supply(&PROGRAM_ID))).expect("a supply account")
    }

    /// No token was made or lost; the vault holds what is not paid yet and the deposits; the stake vault holds what operators
    /// staked; the set counts what validators staked.
    pub fn assert_conserved(&self) {
        let token_program = ogong_chain_interface::token::TOKEN_PROGRAM_ID;
        let held: i128 = self
            .svm
            .get_program_accounts(&token_program)
            .iter()
            .filter_map(|(_, account)| TokenAccount::decode(&account.data).ok())
            .filter(|holding| holding.mint == self.mint)
            .map(|holding| i128::from(holding.amount))
            .sum();
        if self.svm.get_account(&address::config(&PROGRAM_ID)).is_none() {
            assert_eq!(held, self.fabricated, "tokens were made or lost");
            return;
        }
        assert_eq!(held, self.fabricated + i128::from(self.minted()), "tokens were made or lost");
        let accounts: Vec<Vec<u8>> =
            self.svm.get_program_accounts(&PROGRAM_ID).into_iter().map(|(_, account)| account.data).collect();
        let unpaid: u64 = accounts
            .iter()
            .filter_map(|data| Escrow::decode(data).ok())
            .filter(|escrow| matches!(escrow.status, EscrowStatus::Open | EscrowStatus::Decided))
            .map(|escrow| escrow.max_fee)
            .sum();
        let deposits: u64 =
            accounts.iter().filter_map(|data| Deposit::decode(data).ok()).map(|deposit| deposit.balance).sum();
        let vault = self.balance(&address::vault(&PROGRAM_ID));
        assert_eq!(vault, unpaid + deposits, "the vault against escrows and deposits");
        let validators: Vec<Validator> = accounts.iter().filter_map(|data| Validator::decode(data).ok()).collect();
        let operators = accounts.iter().filter_map(|data| Operator::decode(data).ok());
        let bonds = validators.iter().map(|validator| validator.bond).chain(operators.map(|operator| operator.bond));
        let staked: u64 = bonds.map(|bond| bond.stake + bond.cooling).sum();
        assert_eq!(self.balance(&address::stake_vault(&PROGRAM_ID)), staked, "the stake vault against the bonds");
        let set = self.validator_set();
        let counted: u64 = set.members.iter().map(|(_, stake)| stake).sum();
        assert_eq!(counted, set.total_stake, "the set against its sum");
        for (member, stake) in &set.members {
            let validator = validators.iter().find(|validator| validator.authority == *member).expect("registered");
            assert_eq!(validator.bond.stake, *stake, "the set against the bond");
        }
    }
}

impl Default for World {
    fn default() -> Self {
        Self::new()
    }
}

fn wallet(svm: &mut LiteSVM, mint: &Address, fabricated: &mut i128, seeds: &mut u8, amount: u64) -> Wallet {
    *seeds = seeds.checked_add(1).expect("fewer than 256 wallets");
    let key = Keypair::new_from_array([*seeds; 32]);
    let mut token = [*seeds; 32];
    token[0] = 0xbb;
    let token = Address::new_from_array(token);
    svm.airdrop(&key.pubkey(), 10_000_000_000).expect("lamports");
    svm.set_account(token, tokens::holding(mint, &key.pubkey(), amount)).expect("a token account");
    *fabricated += i128::from(amount);
    Wallet { key, token }
}

/// A builder of the interface, or an instruction as it is.
pub trait Sendable {
    /// The instruction.
    fn build(self) -> Instruction;
}

impl Sendable for Instruction {
    fn build(self) -> Instruction {
        self
    }
}

macro_rules! sendable {
    ($($builder:ident)*) => {
        $(impl Sendable for ogong_chain_interface::instruction::$builder {
            fn build(self) -> Instruction {
                self.instruction(&PROGRAM_ID)
            }
        })*
    };
}

sendable!(
    AllocateLaunch PublishNodeKey PlantHoneypot ApproveEmission ClaimWork ClaimAudits SlashValidator SlashOperator Initialize AdvanceEpoch RegisterValidator UpdateValidator MoveValidatorStake RegisterBlsKey RegisterOperator UpdateOperator
    MoveOperatorStake OpenWork SetModel OpenEscrow OpenEscrowFromDeposit FundDeposit WithdrawDeposit Approve CloseApprovals
    CompactEscrow Settle SettleCohort SettleBatch SettleBatched CloseBatch Release PayVerifier RefundReject RefundExpired
);
