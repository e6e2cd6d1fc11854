//! What a quorum signs, as bytes of a legacy Solana message, and the check of such bytes that came from a peer (SPEC 9.4).
//!
//! The handler is the fee payer and first signer. A co-signer takes only the blockhash, the list of signers and the price for a
//! place in a block from the peer's bytes, builds the whole message again from its own plan, and demands equality of every byte:
//! another amount, account, argument, fee payer or an added instruction cannot be signed by mistake. The price is the fee
//! payer's own money.
//!
//! `message = u8 signers ‖ u8 readonly signers ‖ u8 readonly others ‖ list<key> ‖ blockhash ‖ list<instruction>`,
//! counts in LEB128; `transaction = list<64 B signature> ‖ message`.

use ogong_base::codec::{DecodeError, Reader, Writer};
use ogong_chain_interface::{Address, Instruction, account::ValidatorSet, address, instruction::Approve};
use solana_hash::Hash;
use solana_message::legacy::Message;

use crate::{
    error::Error,
    price::{COMPUTE_BUDGET, price_of, priced},
    wallet::chain_key,
};

/// Largest transaction, signatures included: one IPv6 packet.
pub const TRANSACTION_BYTES_MAX: usize = 1_232;
/// Bytes of a signature.
pub const SIGNATURE_BYTES: usize = 64;
/// Most account keys that a legacy message can name.
const KEYS_MAX: u32 = 256;

/// Something that validators decide together, each from what it knows itself.
pub trait QuorumPlan: Send + Sync {
    /// The validator that sends it, pays for it and signs first.
    fn handler(&self) -> Address;
    /// Who may sign, with what weight.
    fn validators(&self) -> &ValidatorSet;
    /// The program's address.
    fn program(&self) -> Address;
    /// What the quorum agrees to, as the program computes it.
    fn digest(&self) -> [u8; 32];
    /// What is sent by this quorum: alternatives, the fullest first. The first that fits a transaction is taken.
    fn instructions(&self, quorum: &Quorum) -> Vec<Vec<Instruction>>;
}

/// How a quorum shows itself to the program.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Quorum {
    /// These sign the transaction beside the handler.
    Cosigners(Vec<Address>),
    /// The approvals that were collected in this account.
    Approvals(Address),
}

impl Quorum {
    /// The pair that the program's instructions take.
    pub fn parts(&self) -> (Vec<Address>, Option<Address>) {
        match self {
            Self::Cosigners(cosigners) => (cosigners.clone(), None),
            Self::Approvals(place) => (Vec::new(), Some(*place)),
        }
    }
}

/// Chooses co-signers out of `reachable`, most stake first, until the handler and they hold more than two thirds.
///
/// # Errors
/// [`Error::NoQuorum`] when all of them are not enough.
pub fn choose_cosigners(plan: &dyn QuorumPlan, reachable: &[Address]) -> Result<Vec<Address>, Error> {
    let (validators, handler) = (plan.validators(), plan.handler());
    let mut candidates: Vec<(u64, Address)> = validators
        .members
        .iter()
        .filter(|(key, _)| *key != handler && reachable.contains(key))
        .map(|(key, stake)| (*stake, *key))
        .collect();
    candidates.sort_unstable_by(|a, b| b.0.cmp(&a.0).then(a.1.cmp(&b.1)));
    let mut signed = stake_of(validators, &handler)?;
    let mut chosen = Vec::new();
    for (stake, key) in candidates {
        if validators.is_quorum(signed) {
            break;
        }
        signed = signed.saturating_add(stake);
        chosen.push(key);
    }
    if !validators.is_quorum(signed) {
        return Err(Error::NoQuorum { signed, total: validators.total_stake });
    }
    chosen.sort_unstable();
    Ok(chosen)
}

/// The stake of a validator that may sign.
///
/// # Errors
/// [`Error::NotAValidator`].
pub fn stake_of(validators: &ValidatorSet, authority: &Address) -> Result<u64, Error> {
    validators.stake_of(authority).ok_or_else(|| Error::NotAValidator(chain_key(authority)))
}

/// Message bytes and the keys whose signatures they need, the fee payer first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QuorumMessage {
    /// What is signed.
    pub bytes: Vec<u8>,
    /// Who has to sign, in the order of the signatures.
    pub signers: Vec<Address>,
}

impl QuorumMessage {
    /// The message of `plan` with these co-signers and blockhash, paying `price` micro-lamports per compute unit on top.
    ///
    /// # Errors
    /// When a co-signer is not a registered validator, is the handler or is named twice, and [`Error::TooLong`] when there are
    /// more co-signers than fit.
    pub fn build(plan: &dyn QuorumPlan, cosigners: &[Address], blockhash: [u8; 32], price: u64) -> Result<Self, Error> {
        let (mut cosigners, handler) = (cosigners.to_vec(), plan.handler());
        cosigners.sort_unstable();
        if cosigners.windows(2).any(|pair| pair.first() == pair.last()) || cosigners.contains(&handler) {
            return Err(Error::Foreign("a signer is named twice"));
        }
        for cosigner in &cosigners {
            stake_of(plan.validators(), cosigner)?;
        }
        first_fitting(plan, &Quorum::Cosigners(cosigners), blockhash, price)
    }

    /// The message of `plan` with the approvals that were collected for it; the handler alone signs.
    ///
    /// # Errors
    /// [`Error::TooLong`].
    pub fn of_approvals(plan: &dyn QuorumPlan, blockhash: [u8; 32], price: u64) -> Result<Self, Error> {
        let place = address::approvals(&plan.program(), &plan.digest(), plan.validators().epoch);
        first_fitting(plan, &Quorum::Approvals(place), blockhash, price)
    }

    /// One validator's approval of `plan`'s digest, paid for by the handler: for committees that one transaction does not hold.
    ///
    /// # Errors
    /// [`Error::NotAValidator`], and [`Error::Foreign`] for the handler itself, which approves alone.
    pub fn approval(
        plan: &dyn QuorumPlan,
        validator: &Address,
        blockhash: [u8; 32],
        price: u64,
    ) -> Result<Self, Error> {
        if *validator == plan.handler() {
            return Err(Error::Foreign("the handler approves by itself"));
        }
        stake_of(plan.validators(), validator)?;
        let approve = Approve { validator: *validator, digest: plan.digest(), stake_epoch: plan.validators().epoch };
        let instructions = [approve.instruction(&plan.program())];
        compile(&priced(&instructions, price), &plan.handler(), blockhash)
    }

    /// Checks that a peer's bytes are the message that *our* plan gives, for the signers, blockhash and price they name: the whole
    /// quorum's, or one approval of the plan's digest.
    ///
    /// # Errors
    /// [`Error::Foreign`] with what differs; [`Error::NoQuorum`] when the named signers are not enough anyway.
    pub fn check(plan: &dyn QuorumPlan, bytes: &[u8]) -> Result<Self, Error> {
        let theirs = Envelope::read(bytes).map_err(|_| Error::Foreign("the bytes are no message"))?;
        let (payer, cosigners) = theirs.signers.split_first().ok_or(Error::Foreign("nobody signs"))?;
        if *payer != plan.handler() {
            return Err(Error::Foreign("the fee payer is not the handler"));
        }
        if let [approver] = cosigners
            && let Ok(approval) = Self::approval(plan, approver, theirs.blockhash, theirs.price)
            && approval.bytes == bytes
        {
            return Ok(approval);
        }
        let ours = Self::build(plan, cosigners, theirs.blockhash, theirs.price)?;
        if ours.bytes != bytes {
            return Err(Error::Foreign("the bytes differ from those of our own plan"));
        }
        let validators = plan.validators();
        let signed = ours.signers.iter().filter_map(|key| validators.stake_of(key)).fold(0, u64::saturating_add);
        if !validators.is_quorum(signed) {
            return Err(Error::NoQuorum { signed, total: validators.total_stake });
        }
        Ok(ours)
    }

    /// A message of our own, as it was stored before it was sent.
    ///
    /// # Errors
    /// [`Error::Foreign`] when the bytes are no message.
    pub fn restore(bytes: Vec<u8>) -> Result<Self, Error> {
        let envelope = Envelope::read(&bytes).map_err(|_| Error::Foreign("the bytes are no message"))?;
        Ok(Self { bytes, signers: envelope.signers })
    }

    /// The blockhash that the message names.
    ///
    /// # Errors
    /// [`Error::Foreign`] when the bytes are no message.
    pub fn blockhash(&self) -> Result<[u8; 32], Error> {
        Ok(Envelope::read(&self.bytes).map_err(|_| Error::Foreign("the bytes are no message"))?.blockhash)
    }
}

fn first_fitting(
    plan: &dyn QuorumPlan,
    quorum: &Quorum,
    blockhash: [u8; 32],
    price: u64,
) -> Result<QuorumMessage, Error> {
    let mut built = Err(Error::Foreign("the plan has no instructions"));
    for instructions in plan.instructions(quorum) {
        built = compile(&priced(&instructions, price), &plan.handler(), blockhash);
        if !matches!(built, Err(Error::TooLong { .. })) {
            break;
        }
    }
    built
}

/// The message of any instructions, paid by `payer`.
///
/// # Errors
/// [`Error::TooLong`].
pub fn compile(instructions: &[Instruction], payer: &Address, blockhash: [u8; 32]) -> Result<QuorumMessage, Error> {
    let message = Message::new_with_blockhash(instructions, Some(payer), &Hash::new_from_array(blockhash));
    let signers: Vec<Address> =
        message.account_keys.iter().take(usize::from(message.header.num_required_signatures)).copied().collect();
    let bytes = serialize(&message);
    let whole = 1 + signers.len() * SIGNATURE_BYTES + bytes.len();
    if whole > TRANSACTION_BYTES_MAX {
        return Err(Error::TooLong { bytes: whole, max: TRANSACTION_BYTES_MAX });
    }
    Ok(QuorumMessage { bytes, signers })
}

/// Signatures and message as they go over the wire.
pub fn transaction(signatures: &[[u8; SIGNATURE_BYTES]], message: &[u8]) -> Vec<u8> {
    let mut w = Writer::new();
    count(&mut w, signatures.len());
    for signature in signatures {
        w.raw(signature);
    }
    w.raw(message);
    w.finish()
}

fn serialize(message: &Message) -> Vec<u8> {
    let mut w = Writer::new();
    let header = &message.header;
    w.u8(header.num_required_signatures)
        .u8(header.num_readonly_signed_accounts)
        .u8(header.num_readonly_unsigned_accounts);
    count(&mut w, message.account_keys.len());
    for key in &message.account_keys {
        w.raw(key.as_array());
    }
    w.raw(message.recent_blockhash.as_bytes());
    count(&mut w, message.instructions.len());
    for instruction in &message.instructions {
        w.u8(instruction.program_id_index);
        count(&mut w, instruction.accounts.len());
        w.raw(&instruction.accounts);
        count(&mut w, instruction.data.len());
        w.raw(&instruction.data);
    }
    w.finish()
}

fn count(w: &mut Writer, n: usize) {
    w.varint(u32::try_from(n).expect("invariant: a packet holds few of anything"));
}

/// What a check takes from a peer's message; the rest it makes itself.
struct Envelope {
    signers: Vec<Address>,
    blockhash: [u8; 32],
    price: u64,
}

impl Envelope {
    fn read(bytes: &[u8]) -> Result<Self, DecodeError> {
        let mut r = Reader::new(bytes);
        let signers_count = r.u8()?;
        r.raw(2)?;
        let keys = r.varint()?;
        if keys > KEYS_MAX || u32::from(signers_count) > keys {
            return Err(DecodeError::invalid("account keys", keys));
        }
        let all =
            (0..keys).map(|_| Ok(Address::new_from_array(r.array()?))).collect::<Result<Vec<_>, DecodeError>>()?;
        let blockhash = r.array()?;
        let price = Self::first_price(&mut r, &all)?;
        Ok(Self { signers: all.into_iter().take(usize::from(signers_count)).collect(), blockhash, price })
    }

    /// The price where the first instruction sets one; else 0.
    fn first_price(r: &mut Reader<'_>, keys: &[Address]) -> Result<u64, DecodeError> {
        if r.varint()? == 0 {
            return Ok(0);
        }
        let program = r.u8()?;
        let accounts = r.varint()?;
        r.raw(usize::try_from(accounts.min(KEYS_MAX)).unwrap_or_default())?;
        let data = r.varint()?;
        let data = r.raw(usize::try_from(data).unwrap_or(usize::MAX))?;
        let named = keys.get(usize::from(program)) == Some(&COMPUTE_BUDGET);
        Ok(if named { price_of(data).unwrap_or(0) } else { 0 })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::{
        OUTCOME_ACCEPT, OUTCOME_REJECT, SettlePlan,
        tests::{accounts, decision, wallet},
    };
    use ogong_chain_interface::AccountMeta;

    const BLOCKHASH: [u8; 32] = [42; 32];

    fn plan(outcome: u8) -> SettlePlan {
        SettlePlan::new(&accounts(), &decision(outcome)).expect("a plan")
    }

    /// The instruction that decides.
    fn decided(plan: &SettlePlan, cosigners: &[Address]) -> Instruction {
        let mut alternatives = plan.instructions(&Quorum::Cosigners(cosigners.to_vec()));
        alternatives.pop().and_then(|mut alone| alone.pop()).expect("one alone")
    }

    #[test]
    fn a_peer_with_the_same_plan_accepts_the_bytes() {
        for outcome in [OUTCOME_ACCEPT, OUTCOME_REJECT] {
            let cosigners = [wallet(3).address(), wallet(2).address()];
            for price in [0, 7_777, u64::MAX] {
                let built = QuorumMessage::build(&plan(outcome), &cosigners, BLOCKHASH, price).expect("fits");
                assert_eq!(built.signers.len(), 3);
                assert_eq!(built.signers[0], wallet(1).address());
                assert_eq!(QuorumMessage::check(&plan(outcome), &built.bytes).expect("ours"), built);
                assert_eq!(QuorumMessage::restore(built.bytes.clone()).expect("stored"), built);
                assert_eq!(built.blockhash().expect("named"), BLOCKHASH);
            }
        }
    }

    #[test]
    fn any_changed_byte_is_refused_unless_it_is_the_blockhash() {
        let cosigners = [wallet(2).address(), wallet(3).address()];
        let built = QuorumMessage::build(&plan(OUTCOME_ACCEPT), &cosigners, BLOCKHASH, 0).expect("fits");
        let hash_at = built.bytes.windows(32).position(|w| w == BLOCKHASH).expect("the blockhash is there");
        for at in 0..built.bytes.len() {
            let mut changed = built.bytes.clone();
            changed[at] ^= 1;
            let checked = QuorumMessage::check(&plan(OUTCOME_ACCEPT), &changed);
            assert_eq!(checked.is_ok(), (hash_at..hash_at + 32).contains(&at), "byte {at}: {checked:?}");
        }
        for cut in 0..built.bytes.len() {
            assert!(QuorumMessage::check(&plan(OUTCOME_ACCEPT), &built.bytes[..cut]).is_err());
        }
        let mut longer = built.bytes;
        longer.push(0);
        assert!(QuorumMessage::check(&plan(OUTCOME_ACCEPT), &longer).is_err());
    }

    #[test]
    fn an_added_instruction_is_refused() {
        let plan = plan(OUTCOME_ACCEPT);
        let cosigners = [wallet(2).address(), wallet(3).address()];
        let settle = decided(&plan, &cosigners);
        let theft = Instruction {
            program_id: Address::new_from_array([0; 32]),
            accounts: vec![AccountMeta::new(wallet(2).address(), true), AccountMeta::new(wallet(1).address(), false)],
            data: [2u32.to_le_bytes().as_slice(), &1_000_000u64.to_le_bytes()].concat(),
        };
        for instructions in [vec![settle.clone(), theft.clone()], vec![theft, settle]] {
            let bytes = compile(&instructions, &plan.handler, BLOCKHASH).expect("fits").bytes;
            assert!(matches!(QuorumMessage::check(&plan, &bytes), Err(Error::Foreign(_))));
        }
    }

    #[test]
    fn a_cosigner_is_never_made_to_pay() {
        let plan = plan(OUTCOME_ACCEPT);
        let settle = decided(&plan, &[wallet(2).address()]);
        let bytes = compile(&[settle], &wallet(2).address(), BLOCKHASH).expect("fits").bytes;
        assert!(matches!(QuorumMessage::check(&plan, &bytes), Err(Error::Foreign("the fee payer is not the handler"))));
    }

    #[test]
    fn another_verdict_is_not_signed() {
        let built = QuorumMessage::build(&plan(OUTCOME_ACCEPT), &[wallet(2).address()], BLOCKHASH, 0).expect("fits");
        let mut other = decision(OUTCOME_ACCEPT);
        other.n_billed -= 1;
        let ours = SettlePlan::new(&accounts(), &other).expect("a plan");
        assert!(matches!(QuorumMessage::check(&ours, &built.bytes), Err(Error::Foreign(_))));
        assert!(matches!(QuorumMessage::check(&plan(OUTCOME_REJECT), &built.bytes), Err(Error::Foreign(_))));
    }

    #[test]
    fn a_message_without_a_quorum_is_not_worth_a_signature() {
        let built = QuorumMessage::build(&plan(OUTCOME_ACCEPT), &[], BLOCKHASH, 0).expect("fits");
        assert!(matches!(QuorumMessage::check(&plan(OUTCOME_ACCEPT), &built.bytes), Err(Error::NoQuorum { .. })));
    }

    #[test]
    fn one_approval_of_the_same_digest_is_signed_and_of_no_other() {
        let (ours, second) = (plan(OUTCOME_ACCEPT), wallet(2).address());
        let approval = QuorumMessage::approval(&ours, &second, BLOCKHASH, 9).expect("fits");
        assert_eq!(approval.signers, [wallet(1).address(), second]);
        assert_eq!(QuorumMessage::check(&ours, &approval.bytes).expect("ours"), approval);
        let mut other = decision(OUTCOME_ACCEPT);
        other.n_billed -= 1;
        let theirs = SettlePlan::new(&accounts(), &other).expect("a plan");
        assert!(matches!(QuorumMessage::check(&theirs, &approval.bytes), Err(Error::Foreign(_))));
        assert!(QuorumMessage::approval(&ours, &wallet(1).address(), BLOCKHASH, 0).is_err(), "the handler's own");
        assert!(QuorumMessage::approval(&ours, &wallet(9).address(), BLOCKHASH, 0).is_err(), "a stranger's");
        let last = QuorumMessage::of_approvals(&ours, BLOCKHASH, 0).expect("fits");
        assert_eq!(last.signers, [wallet(1).address()]);
    }

    #[test]
    fn as_many_cosigners_as_a_packet_holds() {
        let mut accounts = accounts();
        accounts.validators.members = (1..=40).map(|n| (wallet(n).address(), 1)).collect();
        accounts.validators.total_stake = 40;
        let plan = SettlePlan::new(&accounts, &decision(OUTCOME_ACCEPT)).expect("a plan");
        let fits = |n: u8| {
            let cosigners: Vec<Address> = (2..=n).map(|n| wallet(n).address()).collect();
            QuorumMessage::build(&plan, &cosigners, BLOCKHASH, 0).is_ok()
        };
        let most = (2..40).take_while(|n| fits(*n)).last().expect("two fit");
        assert_eq!(most, 9, "signers that fit");
        assert!(!fits(most + 1));
    }
}
