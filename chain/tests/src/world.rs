//! The chain and everybody on it.

use crate::{Order, tokens};
use litesvm::LiteSVM;
use litesvm::types::{TransactionMetadata, TransactionResult};
use ogong_chain_interface::account::{Config, Escrow, EscrowStatus, Supply, ValidatorSet};
use ogong_chain_interface::instruction::{
    AllocateLaunch, Initialize, OpenEscrow, RefundExpired, RefundReject, RegisterValidator, Settle,
};
use ogong_chain_interface::token::{Mint, TokenAccount};
use ogong_chain_interface::{Address, Instruction, PROGRAM_ID, SPLIT_BPS_DEFAULT, address};
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

/// Where the committed ELF is.
pub const ELF: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../artifacts/ogong_chain.so");

/// A keypair and its token account.
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

/// An open escrow and the order behind it.
pub struct Deal {
    pub order: Order,
    pub reply_id: [u8; 32],
}

/// The chain, initialized, with wallets that hold [`FUNDS`] each.
pub struct World {
    pub svm: LiteSVM,
    pub mint: Address,
    pub admin: Wallet,
    pub owner: Wallet,
    pub provider: Wallet,
    pub router: Wallet,
    pub reserve: Wallet,
    pub validators: Vec<Wallet>,
    /// Whom each validator's share goes to, in their order.
    pub fee_owners: Vec<Wallet>,
    /// The most compute units that a successful instruction took, by its name in the logs.
    pub compute: BTreeMap<String, u64>,
    /// Atoms put into wallets as bytes, beside those that were minted.
    fabricated: u128,
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
        let (admin, owner, provider, router, reserve) = (wallet(), wallet(), wallet(), wallet(), wallet());
        let (validators, fee_owners) = (Vec::new(), Vec::new());
        let compute = BTreeMap::new();
        let mut world = Self {
            svm,
            mint,
            admin,
            owner,
            provider,
            router,
            reserve,
            validators,
            fee_owners,
            compute,
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
        self.fabricated = self.fabricated - u128::from(self.balance(token)) + u128::from(amount);
        let holding = tokens::holding(&self.mint, wallet, amount);
        self.svm.set_account(*token, holding).expect("a token account");
    }

    /// An initialize that the program takes.
    pub fn initialize(&self) -> Initialize {
        Initialize {
            admin: self.admin.address(),
            network: NETWORK,
            reserve_owner: self.reserve.address(),
            split_bps: SPLIT_BPS_DEFAULT,
            min_stake: 100,
            alpha_ppm: 1_000_000,
            beacon_genesis_ms: 1_800_000_000_000,
            beacon_period_ms: 3_000,
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
            endpoint: "127.0.0.1:4545".into(),
        }
    }

    /// Registers one more validator.
    pub fn register(&mut self, stake: u64) {
        let (authority, fee_owner) = (self.wallet(stake.max(FUNDS)), self.wallet(0));
        let registration = self.registration(&authority, &fee_owner, stake);
        self.must(registration, &[authority.key.insecure_clone()]);
        self.validators.push(authority);
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
            session_key: [0x55; 32],
            provider_payout: self.provider.address(),
            router_payout: self.router.address(),
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

    /// A settle that all validators sign, the first one handling: 100 prompt tokens, 50 billed.
    pub fn settlement(&self, deal: &Deal) -> Settle {
        Settle {
            handler: self.validators[0].address(),
            cosigners: self.validators[1..].iter().map(Wallet::address).collect(),
            reply_id: deal.reply_id,
            provider_token: self.provider.token,
            router_token: self.router.token,
            validator_token: self.fee_owners[0].token,
            reserve_token: self.reserve.token,
            owner_token: self.owner.token,
            record_hash: [0x66; 32],
            outcome: 1,
            verdict_hash: [0x77; 32],
            round: 12,
            n_prompt: 100,
            n_billed: 50,
            stake_epoch: 0,
            expiry_ms: deal.order.deadline_ms,
        }
    }

    /// A refund after a reject that all validators sign.
    pub fn rejection(&self, deal: &Deal) -> RefundReject {
        RefundReject {
            handler: self.validators[0].address(),
            cosigners: self.validators[1..].iter().map(Wallet::address).collect(),
            reply_id: deal.reply_id,
            owner_token: self.owner.token,
            record_hash: [0x66; 32],
            verdict_hash: [0x88; 32],
            round: 12,
            stake_epoch: 0,
            expiry_ms: deal.order.deadline_ms,
        }
    }

    /// A refund after the deadline.
    pub fn expiry(&self, deal: &Deal) -> RefundExpired {
        RefundExpired { reply_id: deal.reply_id, owner_token: self.owner.token }
    }

    /// The keys of all validators, the handler first.
    pub fn quorum(&self) -> Vec<Keypair> {
        self.validators.iter().map(|wallet| wallet.key.insecure_clone()).collect()
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
        };
        self.must(launch, &[self.admin.key.insecure_clone()]);
        wallets
    }

    /// What was minted, and since when.
    pub fn supply(&self) -> Supply {
        Supply::decode(&self.data(&address::supply(&PROGRAM_ID))).expect("a supply account")
    }

    /// No token was made or lost; the vault holds the open escrows and nothing else; the stake vault holds the set's stake.
    pub fn assert_conserved(&self) {
        let token_program = ogong_chain_interface::token::TOKEN_PROGRAM_ID;
        let held: u128 = self
            .svm
            .get_program_accounts(&token_program)
            .iter()
            .filter_map(|(_, account)| TokenAccount::decode(&account.data).ok())
            .filter(|holding| holding.mint == self.mint)
            .map(|holding| u128::from(holding.amount))
            .sum();
        if self.svm.get_account(&address::config(&PROGRAM_ID)).is_none() {
            assert_eq!(held, self.fabricated, "tokens were made or lost");
            return;
        }
        assert_eq!(held, self.fabricated + u128::from(self.minted()), "tokens were made or lost");
        let escrows = self.svm.get_program_accounts(&PROGRAM_ID);
        let open: u64 = escrows
            .iter()
            .filter_map(|(_, account)| Escrow::decode(&account.data).ok())
            .filter(|escrow| escrow.status == EscrowStatus::Open)
            .map(|escrow| escrow.max_fee)
            .sum();
        assert_eq!(self.balance(&address::vault(&PROGRAM_ID)), open, "the vault against the open escrows");
        let set = self.validator_set();
        let stake: u64 = set.members.iter().map(|(_, stake)| stake).sum();
        assert_eq!(self.balance(&address::stake_vault(&PROGRAM_ID)), stake, "the stake vault against the set");
    }
}

impl Default for World {
    fn default() -> Self {
        Self::new()
    }
}

fn wallet(svm: &mut LiteSVM, mint: &Address, fabricated: &mut u128, seeds: &mut u8, amount: u64) -> Wallet {
    *seeds = seeds.checked_add(1).expect("fewer than 256 wallets");
    let key = Keypair::new_from_array([*seeds; 32]);
    let mut token = [*seeds; 32];
    token[0] = 0xbb;
    let token = Address::new_from_array(token);
    svm.airdrop(&key.pubkey(), 10_000_000_000).expect("lamports");
    svm.set_account(token, tokens::holding(mint, &key.pubkey(), amount)).expect("a token account");
    *fabricated += u128::from(amount);
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

sendable!(AllocateLaunch Initialize RegisterValidator UpdateValidator SetModel OpenEscrow Settle RefundReject RefundExpired);
