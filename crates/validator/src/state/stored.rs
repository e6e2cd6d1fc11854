//! An entry's bytes on disk, and what of the version before still reads.

use ogong_base::codec::{Decode, DecodeError, Encode, Reader, Writer};
use ogong_base::params::{BODY_BYTES_MAX, FRAME_BYTES_MAX};

use super::{Cosignature, Entry, Manual, Phase, Pushed, Scorer, Work};

/// Version of the stored form.
const VERSION: u8 = 2;
/// The one before: without scorers and the height that a transaction lives to.
const VERSION_BEFORE: u8 = 1;
/// Bytes of a stored record or order at most.
const SIGNED_BYTES_MAX: usize = 8_192;
/// Bytes of a stored message in words at most.
const NOTE_BYTES_MAX: usize = 2_048;
/// Wallets a settlement pays at most (SPEC 9.3).
const PAYEES_MAX: usize = 8;
/// Verifiers whose reports count at most (SPEC 5.6).
const SCORERS_MAX: usize = 16;
/// Co-signatures kept at most.
const COSIGNATURES_MAX: usize = 64;
/// Evidence holds the body, the openings and the reports.
const EVIDENCE_BYTES_MAX: usize = FRAME_BYTES_MAX;

impl Phase {
    fn from_byte(byte: u8) -> Result<Self, DecodeError> {
        Ok(match byte {
            0 => Self::Received,
            1 => Self::Auditing,
            2 => Self::AwaitingVerdict,
            3 => Self::Cosigning,
            4 => Self::Submitted,
            5 => Self::Settled,
            6 => Self::Refunded,
            7 => Self::Inconclusive,
            8 => Self::Expired,
            9 => Self::Judged,
            other => return Err(DecodeError::invalid("phase", other)),
        })
    }
}

impl Encode for Pushed {
    fn encode(&self, w: &mut Writer) {
        w.bytes(&self.record).bytes(&self.record_signature).bytes(&self.provider_public);
        w.bytes(&self.order).bytes(&self.order_signature).raw(&self.session_key).raw(&self.payout).u32(self.n_prompt);
    }
}

impl Decode for Pushed {
    fn decode(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self {
            record: owned(r)?,
            record_signature: owned(r)?,
            provider_public: owned(r)?,
            order: owned(r)?,
            order_signature: owned(r)?,
            session_key: r.array()?,
            payout: r.array()?,
            n_prompt: r.u32()?,
        })
    }
}

impl Encode for Cosignature {
    fn encode(&self, w: &mut Writer) {
        w.raw(&self.chain_key).bytes(&self.chain_signature).bytes(&self.signature).bytes(&self.validator_public);
    }
}

impl Decode for Cosignature {
    fn decode(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self {
            chain_key: r.array()?,
            chain_signature: owned(r)?,
            signature: owned(r)?,
            validator_public: owned(r)?,
        })
    }
}

impl Encode for Work {
    fn encode(&self, w: &mut Writer) {
        let blob = |w: &mut Writer, bytes: &Vec<u8>| {
            w.bytes(bytes);
        };
        w.opt(self.beacon.as_ref(), blob).opt(self.evidence.as_ref(), blob);
        w.u8(match self.manual {
            None => 0,
            Some(Manual::Accept) => 1,
            Some(Manual::Reject) => 2,
        });
        w.opt(self.verdict.as_ref(), blob);
        w.opt(self.billing.as_ref(), |w, (n_prompt, n_billed)| {
            w.u32(*n_prompt).u32(*n_billed);
        });
        w.opt(self.message.as_ref(), blob);
        w.list(&self.cosignatures, |w, c| {
            w.put(c);
        });
        w.str(&self.transaction).u64(self.fee);
        w.list(&self.payees, |w, (wallet, atoms)| {
            w.raw(wallet).u64(*atoms);
        });
        if self.version() > VERSION_BEFORE {
            w.list(&self.scorers, |w, scorer| {
                w.raw(&scorer.node_id).raw(&scorer.stake_owner);
            });
            w.u64(self.last_valid_height);
        }
    }
}

impl Work {
    /// The oldest version that holds it: what a former version stored reads back as the same bytes.
    fn version(&self) -> u8 {
        if self.scorers.is_empty() && self.last_valid_height == 0 { VERSION_BEFORE } else { VERSION }
    }

    fn read(r: &mut Reader<'_>, version: u8) -> Result<Self, DecodeError> {
        let blob = |r: &mut Reader<'_>| r.bytes(EVIDENCE_BYTES_MAX).map(<[u8]>::to_vec);
        let mut work = Self {
            beacon: r.opt(blob)?,
            evidence: r.opt(blob)?,
            manual: match r.u8()? {
                0 => None,
                1 => Some(Manual::Accept),
                2 => Some(Manual::Reject),
                other => return Err(DecodeError::invalid("manual verdict", other)),
            },
            verdict: r.opt(blob)?,
            billing: r.opt(|r| Ok((r.u32()?, r.u32()?)))?,
            message: r.opt(blob)?,
            cosignatures: r.list(COSIGNATURES_MAX, |r| r.get())?,
            transaction: r.str(NOTE_BYTES_MAX)?.to_owned(),
            fee: r.u64()?,
            payees: r.list(PAYEES_MAX, |r| Ok((r.array()?, r.u64()?)))?,
            scorers: Vec::new(),
            last_valid_height: 0,
        };
        if version > VERSION_BEFORE {
            work.scorers = r.list(SCORERS_MAX, |r| Ok(Scorer { node_id: r.array()?, stake_owner: r.array()? }))?;
            work.last_valid_height = r.u64()?;
        }
        Ok(work)
    }
}

impl Encode for Entry {
    fn encode(&self, w: &mut Writer) {
        w.u8(self.work.version()).put(&self.reply_id).put(&self.pushed);
        w.opt(self.rival.as_ref(), |w, (record, signature)| {
            w.bytes(record).bytes(signature);
        });
        w.bytes(&self.receipt).bytes(&self.receipt_signature);
        w.u64(self.received_ms).u64(self.round).u64(self.deadline_ms).u8(self.phase as u8);
        w.put(&self.work).str(clip(&self.note));
    }
}

impl Decode for Entry {
    fn decode(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let version = r.u8()?;
        if !(VERSION_BEFORE..=VERSION).contains(&version) {
            return Err(DecodeError::invalid("entry version", version));
        }
        Ok(Self {
            reply_id: r.get()?,
            pushed: r.get()?,
            rival: r.opt(|r| Ok((owned(r)?, owned(r)?)))?,
            receipt: owned(r)?,
            receipt_signature: owned(r)?,
            received_ms: r.u64()?,
            round: r.u64()?,
            deadline_ms: r.u64()?,
            phase: Phase::from_byte(r.u8()?)?,
            work: Work::read(r, version)?,
            note: r.str(NOTE_BYTES_MAX)?.to_owned(),
        })
    }
}

fn owned(r: &mut Reader<'_>) -> Result<Vec<u8>, DecodeError> {
    r.bytes(SIGNED_BYTES_MAX).map(<[u8]>::to_vec)
}

/// The longest prefix that may be stored, cut between characters.
fn clip(note: &str) -> &str {
    let end = (0..=note.len().min(NOTE_BYTES_MAX)).rev().find(|i| note.is_char_boundary(*i)).unwrap_or(0);
    note.get(..end).unwrap_or_default()
}

const _: () = assert!(BODY_BYTES_MAX < EVIDENCE_BYTES_MAX);

#[cfg(test)]
mod tests {
    use super::*;
    use ogong_base::hash::ReplyId;

    fn entry() -> Entry {
        Entry {
            reply_id: ReplyId::from_bytes([7; 32]),
            pushed: Pushed {
                record: vec![1; 201],
                record_signature: vec![2; 2484],
                provider_public: vec![3; 1344],
                order: vec![4; 500],
                order_signature: vec![5; 64],
                session_key: [6; 32],
                payout: [7; 32],
                n_prompt: 8,
            },
            rival: Some((vec![1; 201], vec![9; 2484])),
            receipt: vec![10; 113],
            receipt_signature: vec![11; 2484],
            received_ms: 12,
            round: 13,
            deadline_ms: 14,
            phase: Phase::Cosigning,
            work: Work {
                beacon: Some(vec![1]),
                evidence: Some(vec![2; 9000]),
                billing: Some((3, 4)),
                manual: Some(Manual::Reject),
                payees: vec![([5; 32], 6)],
                scorers: vec![Scorer { node_id: [6; 32], stake_owner: [7; 32] }],
                last_valid_height: 8,
                cosignatures: vec![Cosignature {
                    chain_key: [1; 32],
                    chain_signature: vec![2; 64],
                    signature: vec![3; 2484],
                    validator_public: vec![4; 1344],
                }],
                ..Work::default()
            },
            note: "waits for peers".to_owned(),
        }
    }

    #[test]
    fn an_entry_reads_back_as_it_was_and_nothing_shorter_does() {
        let entry = entry();
        let bytes = entry.to_bytes();
        assert_eq!(Entry::from_bytes(&bytes).as_ref(), Ok(&entry));
        for cut in [0, 1, 40, bytes.len() / 2, bytes.len() - 1] {
            assert!(Entry::from_bytes(&bytes[..cut]).is_err(), "cut at {cut}");
        }
    }

    #[test]
    fn an_entry_of_the_version_before_reads_without_what_it_had_not() {
        let entry = entry();
        let note = entry.note.len();
        let mut bytes = entry.to_bytes();
        bytes[0] = VERSION_BEFORE;
        // One scorer, its count and the height stand in front of the note.
        let end = bytes.len() - 4 - note;
        bytes.drain(end - (4 + 64 + 8)..end);
        let back = Entry::from_bytes(&bytes).expect("an old entry");
        let work = Work { scorers: Vec::new(), last_valid_height: 0, ..entry.work.clone() };
        assert_eq!(back, Entry { work, ..entry });
    }

    #[test]
    fn a_long_note_is_cut_between_characters() {
        let entry = Entry { note: "ä".repeat(NOTE_BYTES_MAX), ..entry() };
        let back = Entry::from_bytes(&entry.to_bytes()).expect("clipped");
        assert_eq!(back.note, "ä".repeat(NOTE_BYTES_MAX / 2));
    }
}
