//! The trial of an instruction: from a transaction that succeeds, every way in which one of its accounts can be a wrong one is
//! derived by the IDL's flags and by what the accounts are, and each must be refused with an error that has a name, leaving
//! every account of the chain as it was. What may be otherwise is said in [`Case::free`], and must then go through.
//!
//! | account | tried |
//! |---|---|
//! | signer | unsigned; another wallet's signature |
//! | writable | read-only |
//! | program or sysvar | another one |
//! | of this program | under another owner; every other account of its type; one of another type; nothing there |
//! | mint, token account | under another owner; another wallet's, each vault; another mint's; an account of this program |
//! | to be created | under another address; what an instruction creates it must not create again; lamports that are there before do no harm |
//! | optional | left out, if it is there; each account of the program in its place, if it is not |
//! | co-signer | unsigned, named twice, the handler again, a stranger, one too few |

use crate::idl::{Idl, IdlAccount, IdlInstruction};
use crate::world::{Wallet, World};
use crate::{refusal, tokens};
use litesvm::types::{FailedTransactionMetadata, TransactionResult};
use ogong_chain_interface::token::{SYSTEM_PROGRAM_ID, TOKEN_PROGRAM_ID, TokenAccount};
use ogong_chain_interface::{AccountMeta, Address, ChainError, Instruction, PROGRAM_ID, address};
use solana_account::Account;
use solana_keypair::Keypair;
use solana_signer::Signer;
use std::collections::{BTreeMap, BTreeSet};

/// Bytes of an SPL Token account, and of a mint.
const TOKEN_ACCOUNT_BYTES: usize = 165;
const MINT_BYTES: usize = 82;
/// Types of which there is only one account.
const SINGLETONS: [&str; 3] = ["Config", "ValidatorSet", "Supply"];
/// The clock sysvar, which is no program and not the instructions sysvar.
const CLOCK: Address = Address::from_str_const("SysvarC1ock11111111111111111111111111111111");

/// A transaction that succeeds: its last instruction is the one on trial.
pub struct Scene {
    pub instructions: Vec<Instruction>,
    pub signers: Vec<Keypair>,
}

/// Those of `keys` that have to sign, each once.
pub fn needed(instructions: &[Instruction], keys: &[Keypair]) -> Vec<Keypair> {
    let signs = |key: &Address| {
        instructions.iter().flat_map(|one| &one.accounts).any(|meta| meta.is_signer && meta.pubkey == *key)
    };
    let mut seen = BTreeSet::new();
    let keys = keys.iter().filter(|key| signs(&key.pubkey()) && seen.insert(key.pubkey()));
    keys.map(Keypair::insecure_clone).collect()
}

/// What an instruction leaves open on purpose.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Free {
    /// Whoever signs as this account.
    Anyone(&'static str),
    /// Any token account of the mint.
    AnyToken(&'static str),
    /// The account may be left out.
    LeftOut(&'static str),
    /// The same transaction may be sent again.
    Again,
}

/// One instruction in one situation.
pub struct Case {
    /// Its name in the IDL.
    pub instruction: &'static str,
    /// Which situation, where there are several.
    pub situation: &'static str,
    /// Whether a quorum must stand behind it; then the co-signers are its remaining accounts.
    pub quorum: bool,
    pub free: &'static [Free],
    /// Sets the scene.
    pub scene: fn(&mut World) -> Scene,
}

/// What was tried, and the name of the error it ended with.
pub type Refused = BTreeMap<String, String>;

/// The name of an error; None where there is none: a panic, a trap, the end of the compute units.
pub fn name_of(failed: &FailedTransactionMetadata) -> Option<String> {
    let text = format!("{:?}", failed.err);
    let Some(number) = refusal::number(&Err(failed.clone())) else {
        // the runtime's own, where the program handed an account on with more rights than it was given
        return ["PrivilegeEscalation", "ReadonlyDataModified"]
            .into_iter()
            .find(|name| text.contains(name))
            .map(str::to_owned);
    };
    let logs = failed.meta.logs.iter();
    let anchors = logs.clone().find_map(|log| {
        let (_, code) = log.split_once("Error Code: ")?;
        let (name, rest) = code.split_once(". Error Number: ")?;
        (rest.split('.').next()?.parse() == Ok(number)).then(|| name.to_owned())
    });
    // SPL Token and the system program say what was wrong in a line of their own
    let others = ["Error: ", "already in use", "insufficient lamports"];
    anchors.or_else(|| {
        let line = logs.rev().find(|log| others.iter().any(|part| log.contains(part)))?;
        let named = line.contains("already in use").then_some("already in use");
        Some(named.unwrap_or(line.trim_start_matches("Program log: ")).to_owned())
    })
}

/// A scene that is set, and what it takes to spoil it.
struct Trial<'a> {
    case: &'a Case,
    idl: &'a IdlInstruction,
    world: World,
    scene: Scene,
    payer: Wallet,
    stranger: Wallet,
    refused: Refused,
}

/// Tries everything; `world` is one in which there are at least two accounts of each type.
pub fn try_all(case: &Case, world: World) -> Refused {
    let idl = Idl::committed();
    let mut trial = Trial::begin(case, idl.instruction(case.instruction), world);
    trial.succeeds_and_again();
    for place in 0..trial.idl.accounts.len() {
        trial.account(place);
    }
    if case.quorum {
        trial.cosigners();
    } else {
        trial.rest();
    }
    trial.short_data();
    trial.refused
}

/// Gives each integer of the arguments its edges: what comes of it is success or an error with a name, and no token is lost.
pub fn try_edges(case: &Case, world: World) -> usize {
    let idl = Idl::committed();
    let trial = Trial::begin(case, idl.instruction(case.instruction), world);
    let data = &trial.target().data;
    let integers = idl.integers(trial.idl, data);
    for integer in &integers {
        for value in [0, 1, u64::MAX >> 1, u64::MAX - 1, u64::MAX] {
            let mut world = trial.world.clone();
            let mut instructions = trial.scene.instructions.clone();
            let bytes = &mut instructions.last_mut().expect("a target").data[integer.at..][..integer.bytes];
            bytes.copy_from_slice(&value.to_le_bytes()[..integer.bytes]);
            let result = trial.send(&mut world, &instructions, &trial.scene.signers);
            if let Err(failed) = &result {
                let name = name_of(failed);
                assert!(name.is_some(), "{} = {value}: {failed:#?}", integer.name);
            }
            world.assert_conserved();
        }
    }
    integers.len()
}

impl<'a> Trial<'a> {
    fn begin(case: &'a Case, idl: &'a IdlInstruction, mut world: World) -> Self {
        let scene = (case.scene)(&mut world);
        let (payer, stranger) = (world.wallet(0), world.wallet(1_000_000));
        let target = scene.instructions.last().expect("an instruction");
        assert_eq!(target.program_id, PROGRAM_ID, "the last one is on trial");
        assert!(target.data.starts_with(&idl.discriminator), "{}: the scene is of another instruction", idl.name);
        assert!(target.accounts.len() >= idl.accounts.len(), "{}: accounts are missing", idl.name);
        Self { case, idl, world, scene, payer, stranger, refused: Refused::new() }
    }

    fn target(&self) -> &Instruction {
        self.scene.instructions.last().expect("begin looked")
    }

    fn meta(&self, place: usize) -> &AccountMeta {
        &self.target().accounts[place]
    }

    /// Sends with the payer in front, signed by those of `keys` that have to sign.
    fn send(&self, world: &mut World, instructions: &[Instruction], keys: &[Keypair]) -> TransactionResult {
        let mut signers = vec![self.payer.key.insecure_clone()];
        signers.extend(needed(instructions, keys));
        world.send_raw(instructions, &signers)
    }

    /// The instruction with one thing wrong must fail by name and change nothing. `prepare` may change accounts before.
    fn refuse(&mut self, what: String, prepare: impl FnOnce(&mut World), spoil: impl FnOnce(&mut Instruction)) {
        let (result, before, after) = self.attempt(prepare, spoil);
        let label = format!("{} {}: {what}", self.case.instruction, self.case.situation);
        let Err(failed) = result else { panic!("{label}: went through") };
        let Some(name) = name_of(&failed) else { panic!("{label}: an error without a name: {failed:#?}") };
        assert!(before == after, "{label}: something changed");
        self.refused.insert(what, name);
    }

    /// What is open on purpose goes through.
    fn allow(&self, what: &str, prepare: impl FnOnce(&mut World), spoil: impl FnOnce(&mut Instruction)) {
        let (result, ..) = self.attempt(prepare, spoil);
        let Case { instruction, situation, .. } = self.case;
        assert!(result.is_ok(), "{instruction} {situation}: {what} is open, and was refused: {result:#?}");
    }

    fn attempt(
        &self,
        prepare: impl FnOnce(&mut World),
        spoil: impl FnOnce(&mut Instruction),
    ) -> (TransactionResult, Accounts, Accounts) {
        let mut world = self.world.clone();
        prepare(&mut world);
        let mut instructions = self.scene.instructions.clone();
        spoil(instructions.last_mut().expect("begin looked"));
        let mut keys: Vec<Keypair> = self.scene.signers.iter().map(Keypair::insecure_clone).collect();
        keys.push(self.stranger.key.insecure_clone());
        let before = accounts(&world, &self.payer.address());
        let result = self.send(&mut world, &instructions, &keys);
        let after = accounts(&world, &self.payer.address());
        (result, before, after)
    }

    fn is_free(&self, free: Free) -> bool {
        self.case.free.contains(&free)
    }

    /// As it is it goes through; whether it does so again is part of the case.
    fn succeeds_and_again(&mut self) {
        let mut world = self.world.clone();
        let first = self.send(&mut world, &self.scene.instructions, &self.scene.signers);
        let label = format!("{} {}", self.case.instruction, self.case.situation);
        assert!(first.is_ok(), "{label}: {first:#?}");
        world.assert_conserved();
        let before = accounts(&world, &self.payer.address());
        match self.send(&mut world, &self.scene.instructions, &self.scene.signers) {
            Ok(_) => assert!(self.is_free(Free::Again), "{label}: went through twice"),
            Err(failed) => {
                assert!(!self.is_free(Free::Again), "{label}: was to go through twice: {failed:#?}");
                let name = name_of(&failed).unwrap_or_else(|| panic!("{label}: again: {failed:#?}"));
                assert!(before == accounts(&world, &self.payer.address()), "{label}: again, something changed");
                self.refused.insert("again".into(), name);
            }
        }
    }

    fn account(&mut self, place: usize) {
        let IdlAccount { name, writable, signer, optional, fixed } = self.idl.accounts[place].clone();
        let key = self.meta(place).pubkey;
        if optional && key == PROGRAM_ID {
            return self.not_wanted(place, &name);
        }
        if writable {
            let read_only = move |target: &mut Instruction| target.accounts[place].is_writable = false;
            self.refuse(format!("{name}: read-only"), |_| {}, read_only);
        }
        if signer {
            return self.signer(place, &name);
        }
        if fixed {
            let others = if name == "instructions" { vec![CLOCK] } else { vec![SYSTEM_PROGRAM_ID, TOKEN_PROGRAM_ID] };
            for other in others.into_iter().filter(|other| *other != key) {
                self.replaced(place, format!("{name}: another program"), other);
            }
            return;
        }
        if optional {
            let left_out = move |target: &mut Instruction| {
                target.accounts[place] = AccountMeta::new_readonly(PROGRAM_ID, false);
            };
            if self.case.free.iter().any(|free| matches!(free, Free::LeftOut(of) if *of == name)) {
                self.allow(&name, |_| {}, left_out);
            } else {
                self.refuse(format!("{name}: left out"), |_| {}, left_out);
            }
        }
        self.data_account(place, &name);
    }

    fn signer(&mut self, place: usize, name: &str) {
        let unsigned = move |target: &mut Instruction| target.accounts[place].is_signer = false;
        self.refuse(format!("{name}: unsigned"), |_| {}, unsigned);
        let stranger = self.stranger.address();
        let other = move |target: &mut Instruction| target.accounts[place].pubkey = stranger;
        if self.case.free.iter().any(|free| matches!(free, Free::Anyone(of) if *of == name)) {
            self.allow(name, |_| {}, other);
        } else {
            self.refuse(format!("{name}: another signer"), |_| {}, other);
        }
    }

    /// Any account of this program in a place that is to be empty, those included that the instruction names elsewhere.
    fn not_wanted(&mut self, place: usize, name: &str) {
        let mut all: Vec<Address> =
            self.world.svm.get_program_accounts(&PROGRAM_ID).into_iter().map(|(address, _)| address).collect();
        all.sort_unstable();
        for (number, other) in all.into_iter().enumerate() {
            let given = move |target: &mut Instruction| target.accounts[place] = AccountMeta::new(other, false);
            self.refuse(format!("{name}: not wanted ({number})"), |_| {}, given);
        }
    }

    fn replaced(&mut self, place: usize, what: String, by: Address) {
        self.refuse(what, |_| {}, |target| target.accounts[place].pubkey = by);
    }

    fn data_account(&mut self, place: usize, name: &str) {
        let key = self.meta(place).pubkey;
        let Some(account) = self.world.svm.get_account(&key).filter(|account| account.lamports > 0) else {
            // whoever knows the address can send lamports there first, and must not keep the account from being made
            for lamports in [1, 1_000_000_000] {
                let account = Account { lamports, ..Account::default() };
                self.allow(name, |world| world.svm.set_account(key, account).expect("lamports"), |_| {});
            }
            return self.replaced(place, format!("{name}: under another address"), Address::new_from_array([0xd1; 32]));
        };
        if account.owner == SYSTEM_PROGRAM_ID {
            return self.replaced(place, format!("{name}: another wallet"), self.stranger.address());
        }
        self.refuse(format!("{name}: of another program"), |world| disown(world, &key), |_| {});
        if account.owner == TOKEN_PROGRAM_ID {
            return self.token_account(place, name, &account);
        }
        assert_eq!(account.owner, PROGRAM_ID, "{name}: nobody else's accounts are named");
        let config = address::config(&PROGRAM_ID);
        let other = if key == config { address::validator_set(&PROGRAM_ID) } else { config };
        self.replaced(place, format!("{name}: of another type"), other);
        self.replaced(place, format!("{name}: nothing there"), Address::new_from_array([0xd2; 32]));
        let siblings = self.siblings(&key, &account);
        for (number, sibling) in siblings.iter().enumerate() {
            self.replaced(place, format!("{name}: another one ({number})"), *sibling);
        }
        if siblings.is_empty() {
            let only = SINGLETONS.iter().any(|kind| account.data.starts_with(&discriminator(kind)));
            assert!(only, "{}: the scene has only one account like {name}", self.case.instruction);
            self.copied(place, name, account);
        }
    }

    /// A copy that the program never made, elsewhere.
    fn copied(&mut self, place: usize, name: &str, account: Account) {
        let copy = Address::new_from_array([0xd3; 32]);
        self.refuse(
            format!("{name}: a copy under another address"),
            |world| world.svm.set_account(copy, account).expect("a copy"),
            |target| target.accounts[place].pubkey = copy,
        );
    }

    /// Other accounts of this program with the same discriminator.
    fn siblings(&self, key: &Address, account: &Account) -> Vec<Address> {
        let alike = |other: &Account| other.data.get(..8) == account.data.get(..8);
        let all = self.world.svm.get_program_accounts(&PROGRAM_ID);
        let used: BTreeSet<Address> = self.target().accounts.iter().map(|meta| meta.pubkey).collect();
        let mut siblings: Vec<Address> = all
            .into_iter()
            .filter(|(address, other)| address != key && alike(other) && other.lamports > 0)
            .map(|(address, _)| address)
            // what the instruction names in another place would be there twice
            .filter(|address| !used.contains(address))
            .collect();
        siblings.sort_unstable();
        siblings
    }

    fn token_account(&mut self, place: usize, name: &str, account: &Account) {
        let key = self.meta(place).pubkey;
        self.replaced(place, format!("{name}: an account of this program"), address::config(&PROGRAM_ID));
        if account.data.len() == MINT_BYTES {
            return self.copied(place, name, account.clone());
        }
        assert_eq!(account.data.len(), TOKEN_ACCOUNT_BYTES, "{name}: a token account");
        let holding = TokenAccount::decode(&account.data).expect("a token account");
        let foreign = Address::new_from_array([0xd4; 32]);
        self.refuse(
            format!("{name}: of another mint"),
            |world| {
                let other = tokens::holding(&Address::new_from_array([0xd5; 32]), &holding.owner, u64::MAX);
                world.svm.set_account(foreign, other).expect("a token account");
            },
            |target| target.accounts[place].pubkey = foreign,
        );
        let stranger = self.stranger.token;
        if self.case.free.iter().any(|free| matches!(free, Free::AnyToken(of) if *of == name)) {
            return self.allow(name, |_| {}, |target| target.accounts[place].pubkey = stranger);
        }
        self.replaced(place, format!("{name}: another wallet's"), stranger);
        let vaults = [address::vault(&PROGRAM_ID), address::stake_vault(&PROGRAM_ID), address::reserve(&PROGRAM_ID)];
        for (number, vault) in vaults.into_iter().filter(|vault| *vault != key).enumerate() {
            self.replaced(place, format!("{name}: a vault ({number})"), vault);
        }
    }

    /// The co-signers behind an instruction that a quorum must stand behind, or the approvals in their place.
    fn cosigners(&mut self) {
        let first = self.idl.accounts.len();
        let count = self.target().accounts.len();
        if let Some(place) = self.approvals() {
            return self.approvals_too_few(place);
        }
        assert!(count > first, "{}: a scene with co-signers", self.case.instruction);
        let handler = self.meta(0).clone();
        let stranger = AccountMeta::new_readonly(self.stranger.address(), true);
        for place in first..count {
            let other = self.meta(if place == first { count - 1 } else { first }).clone();
            let named = |error: ChainError| error.name().to_owned();
            let unsigned = move |target: &mut Instruction| target.accounts[place].is_signer = false;
            self.refuse(format!("co-signer {place}: unsigned"), |_| {}, unsigned);
            assert_eq!(self.last(&format!("co-signer {place}: unsigned")), named(ChainError::CosignerUnsigned));
            let mut tries = vec![
                ("the handler again", handler.clone(), ChainError::CosignerRepeated),
                ("a stranger", stranger.clone(), ChainError::CosignerUnregistered),
            ];
            if count > first + 1 {
                tries.push(("another one twice", other, ChainError::CosignerRepeated));
            }
            for (what, meta, error) in tries {
                let what = format!("co-signer {place}: {what}");
                self.refuse(what.clone(), |_| {}, |target| target.accounts[place] = meta);
                assert_eq!(self.last(&what), named(error), "{}: {what}", self.case.instruction);
            }
            let what = format!("co-signer {place}: missing");
            self.refuse(what.clone(), |_| {}, |target| drop(target.accounts.remove(place)));
            assert_eq!(self.last(&what), named(ChainError::QuorumNotReached), "{}: {what}", self.case.instruction);
        }
    }

    /// Approvals by one validator fewer than a quorum.
    fn approvals_too_few(&mut self, place: usize) {
        let approvals = self.meta(place).pubkey;
        // behind discriminator, version, bump, digest, epoch and payer
        let without_last = |world: &mut World| world.tamper(&approvals, |data| data[82] &= data[82] >> 1);
        self.refuse("approvals: one too few".into(), without_last, |_| {});
        assert_eq!(self.last("approvals: one too few"), ChainError::QuorumNotReached.name());
    }

    /// Where the approvals stand, if they are there.
    fn approvals(&self) -> Option<usize> {
        let place = self.idl.accounts.iter().position(|account| account.name == "approvals")?;
        (self.meta(place).pubkey != PROGRAM_ID).then_some(place)
    }

    fn last(&self, what: &str) -> &str {
        &self.refused[what]
    }

    /// Remaining accounts that are no co-signers: of another program, of another type, left out.
    fn rest(&mut self) {
        for place in self.idl.accounts.len()..self.target().accounts.len() {
            let key = self.meta(place).pubkey;
            self.refuse(
                format!("rest {place}: read-only"),
                |_| {},
                |target| target.accounts[place].is_writable = false,
            );
            self.refuse(format!("rest {place}: of another program"), |world| disown(world, &key), |_| {});
            self.replaced(place, format!("rest {place}: of another type"), address::config(&PROGRAM_ID));
            self.replaced(place, format!("rest {place}: another token account"), self.stranger.token);
            self.refuse(format!("rest {place}: left out"), |_| {}, |target| drop(target.accounts.remove(place)));
        }
    }

    /// An argument that is cut off.
    fn short_data(&mut self) {
        if self.target().data.len() > self.idl.discriminator.len() {
            self.refuse("arguments: cut off".into(), |_| {}, |target| target.data.truncate(target.data.len() - 1));
        }
        self.refuse("no such instruction".into(), |_| {}, |target| target.data[0] ^= 0xff);
    }
}

/// Every account but the payer's and the runtime's own.
type Accounts = BTreeMap<Address, (u64, Vec<u8>, Address)>;

fn accounts(world: &World, payer: &Address) -> Accounts {
    let all = [PROGRAM_ID, TOKEN_PROGRAM_ID, SYSTEM_PROGRAM_ID, FOREIGN].map(|of| world.svm.get_program_accounts(&of));
    all.into_iter()
        .flatten()
        .filter(|(address, _)| address != payer)
        .map(|(address, account)| (address, (account.lamports, account.data, account.owner)))
        .collect()
}

/// Another program, that owns what it should not.
const FOREIGN: Address = Address::new_from_array([0xd0; 32]);

/// Gives an account to another program, at its address and with its bytes.
fn disown(world: &mut World, key: &Address) {
    let mut account = world.svm.get_account(key).expect("an account");
    account.owner = FOREIGN;
    world.svm.set_account(*key, account).expect("an account");
}

fn discriminator(kind: &str) -> [u8; 8] {
    use sha2::{Digest, Sha256};
    let digest: [u8; 32] = Sha256::digest(format!("account:{kind}")).into();
    digest[..8].try_into().expect("8 of 32")
}
