//! The settlement as bytes of a legacy Solana message, and the check of such bytes that came from a peer (SPEC 9.4).
//!
//! The handler is the fee payer and first signer. A co-signer takes only the blockhash and the list of signers from the peer's
//! bytes, builds the whole message again from its own plan, and demands equality of every byte: another amount,
//! account, argument, fee payer or an added instruction cannot be signed by mistake.
//!
//! `message = u8 signers ‖ u8 readonly signers ‖ u8 readonly others ‖ list<key> ‖ blockhash ‖ list<instruction>`,
//! counts in LEB128; `transaction = list<64 B signature> ‖ message`.

use ogong_base::codec::{DecodeError, Reader, Writer};
use ogong_chain_interface::{Address, Instruction};
use solana_hash::Hash;
use solana_message::legacy::Message;

use crate::{error::Error, plan::SettlePlan};

/// Largest transaction, signatures included: one IPv6 packet.
pub const TRANSACTION_BYTES_MAX: usize = 1_232;
/// Bytes of a signature.
pub const SIGNATURE_BYTES: usize = 64;
/// Most account keys that a legacy message can name.
const KEYS_MAX: u32 = 256;

/// Message bytes and the keys whose signatures they need, the fee payer first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SettleMessage {
    /// What is signed.
    pub bytes: Vec<u8>,
    /// Who has to sign, in the order of the signatures.
    pub signers: Vec<Address>,
}

impl SettleMessage {
    /// The message of `plan` with these co-signers and blockhash: the decision, and behind it the release where both fit.
    ///
    /// # Errors
    /// As [`SettlePlan::instruction`], and [`Error::TooLong`] when there are more co-signers than fit.
    pub fn build(plan: &SettlePlan, cosigners: &[Address], blockhash: [u8; 32]) -> Result<Self, Error> {
        let decision = plan.instruction(cosigners)?;
        let Some(release) = plan.release() else { return compile(&[decision], &plan.handler, blockhash) };
        match compile(&[decision.clone(), release], &plan.handler, blockhash) {
            Err(Error::TooLong { .. }) => compile(&[decision], &plan.handler, blockhash),
            both => both,
        }
    }

    /// Checks that a peer's bytes are the message that *our* plan gives, for the signers and blockhash they name.
    ///
    /// # Errors
    /// [`Error::Foreign`] with what differs; [`Error::NoQuorum`] when the named signers are not enough anyway.
    pub fn check(plan: &SettlePlan, bytes: &[u8]) -> Result<Self, Error> {
        let theirs = Envelope::read(bytes).map_err(|_| Error::Foreign("the bytes are no message"))?;
        let (payer, cosigners) = theirs.signers.split_first().ok_or(Error::Foreign("nobody signs"))?;
        if *payer != plan.handler {
            return Err(Error::Foreign("the fee payer is not the handler"));
        }
        let ours = Self::build(plan, cosigners, theirs.blockhash)?;
        if ours.bytes != bytes {
            return Err(Error::Foreign("the bytes differ from those of our own plan"));
        }
        let signed = ours.signers.iter().filter_map(|key| plan.validators.stake_of(key)).fold(0, u64::saturating_add);
        if !plan.validators.is_quorum(signed) {
            return Err(Error::NoQuorum { signed, total: plan.validators.total_stake });
        }
        Ok(ours)
    }
}

/// The message of any instructions, paid by `payer`.
///
/// # Errors
/// [`Error::TooLong`].
pub fn compile(instructions: &[Instruction], payer: &Address, blockhash: [u8; 32]) -> Result<SettleMessage, Error> {
    let message = Message::new_with_blockhash(instructions, Some(payer), &Hash::new_from_array(blockhash));
    let signers: Vec<Address> =
        message.account_keys.iter().take(usize::from(message.header.num_required_signatures)).copied().collect();
    let bytes = serialize(&message);
    let whole = 1 + signers.len() * SIGNATURE_BYTES + bytes.len();
    if whole > TRANSACTION_BYTES_MAX {
        return Err(Error::TooLong { bytes: whole, max: TRANSACTION_BYTES_MAX });
    }
    Ok(SettleMessage { bytes, signers })
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
        let mut signers = Vec::new();
        for place in 0..keys {
            let key = Address::new_from_array(r.array()?);
            if place < u32::from(signers_count) {
                signers.push(key);
            }
        }
        Ok(Self { signers, blockhash: r.array()? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::{
        OUTCOME_ACCEPT, OUTCOME_REJECT,
        tests::{accounts, decision, wallet},
    };
    use ogong_chain_interface::AccountMeta;

    const BLOCKHASH: [u8; 32] = [42; 32];

    fn plan(outcome: u8) -> SettlePlan {
        SettlePlan::new(&accounts(), &decision(outcome)).expect("a plan")
    }

    #[test]
    fn a_peer_with_the_same_plan_accepts_the_bytes() {
        for outcome in [OUTCOME_ACCEPT, OUTCOME_REJECT] {
            let cosigners = [wallet(3).address(), wallet(2).address()];
            let built = SettleMessage::build(&plan(outcome), &cosigners, BLOCKHASH).expect("fits");
            assert_eq!(built.signers.len(), 3);
            assert_eq!(built.signers[0], wallet(1).address());
            assert_eq!(SettleMessage::check(&plan(outcome), &built.bytes).expect("ours"), built);
        }
    }

    #[test]
    fn any_changed_byte_is_refused_unless_it_is_the_blockhash() {
        let cosigners = [wallet(2).address(), wallet(3).address()];
        let built = SettleMessage::build(&plan(OUTCOME_ACCEPT), &cosigners, BLOCKHASH).expect("fits");
        let hash_at = built.bytes.windows(32).position(|w| w == BLOCKHASH).expect("the blockhash is there");
        for at in 0..built.bytes.len() {
            let mut changed = built.bytes.clone();
            changed[at] ^= 1;
            let checked = SettleMessage::check(&plan(OUTCOME_ACCEPT), &changed);
            assert_eq!(checked.is_ok(), (hash_at..hash_at + 32).contains(&at), "byte {at}: {checked:?}");
        }
        for cut in 0..built.bytes.len() {
            assert!(SettleMessage::check(&plan(OUTCOME_ACCEPT), &built.bytes[..cut]).is_err());
        }
        let mut longer = built.bytes;
        longer.push(0);
        assert!(SettleMessage::check(&plan(OUTCOME_ACCEPT), &longer).is_err());
    }

    #[test]
    fn an_added_instruction_is_refused() {
        let plan = plan(OUTCOME_ACCEPT);
        let cosigners = [wallet(2).address(), wallet(3).address()];
        let settle = plan.instruction(&cosigners).expect("valid");
        let theft = Instruction {
            program_id: Address::new_from_array([0; 32]),
            accounts: vec![AccountMeta::new(wallet(2).address(), true), AccountMeta::new(wallet(1).address(), false)],
            data: [2u32.to_le_bytes().as_slice(), &1_000_000u64.to_le_bytes()].concat(),
        };
        for instructions in [vec![settle.clone(), theft.clone()], vec![theft, settle]] {
            let bytes = compile(&instructions, &plan.handler, BLOCKHASH).expect("fits").bytes;
            assert!(matches!(SettleMessage::check(&plan, &bytes), Err(Error::Foreign(_))));
        }
    }

    #[test]
    fn a_cosigner_is_never_made_to_pay() {
        let plan = plan(OUTCOME_ACCEPT);
        let settle = plan.instruction(&[wallet(2).address()]).expect("valid");
        let bytes = compile(&[settle], &wallet(2).address(), BLOCKHASH).expect("fits").bytes;
        assert!(matches!(SettleMessage::check(&plan, &bytes), Err(Error::Foreign("the fee payer is not the handler"))));
    }

    #[test]
    fn another_verdict_is_not_signed() {
        let built = SettleMessage::build(&plan(OUTCOME_ACCEPT), &[wallet(2).address()], BLOCKHASH).expect("fits");
        let mut other = decision(OUTCOME_ACCEPT);
        other.n_billed -= 1;
        let ours = SettlePlan::new(&accounts(), &other).expect("a plan");
        assert!(matches!(SettleMessage::check(&ours, &built.bytes), Err(Error::Foreign(_))));
        assert!(matches!(SettleMessage::check(&plan(OUTCOME_REJECT), &built.bytes), Err(Error::Foreign(_))));
    }

    #[test]
    fn a_message_without_a_quorum_is_not_worth_a_signature() {
        let built = SettleMessage::build(&plan(OUTCOME_ACCEPT), &[], BLOCKHASH).expect("fits");
        assert!(matches!(SettleMessage::check(&plan(OUTCOME_ACCEPT), &built.bytes), Err(Error::NoQuorum { .. })));
    }

    #[test]
    fn as_many_cosigners_as_a_packet_holds() {
        let mut accounts = accounts();
        accounts.validators.members = (1..=40).map(|n| (wallet(n).address(), 1)).collect();
        accounts.validators.total_stake = 40;
        let plan = SettlePlan::new(&accounts, &decision(OUTCOME_ACCEPT)).expect("a plan");
        let fits = |n: u8| {
            let cosigners: Vec<Address> = (2..=n).map(|n| wallet(n).address()).collect();
            SettleMessage::build(&plan, &cosigners, BLOCKHASH).is_ok()
        };
        let most = (2..40).take_while(|n| fits(*n)).last().expect("two fit");
        assert_eq!(most, 9, "signers that fit");
        assert!(!fits(most + 1));
    }
}
