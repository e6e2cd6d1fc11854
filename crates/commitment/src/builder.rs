//! The trajectory: everything a provider commits to for one reply, built token by token while it is generated, opened
//! leaf by leaf when an audit asks (SPEC §3).

use crate::digest::Digest;
use crate::error::Error;
use crate::leaf::{Header, LEAF_BYTES_MAX, Stop, WindowLeaf, leaf_count, window_count, window_range};
use crate::merkle::{self, MerkleProof};
use crate::params::SamplingParams;
use crate::response::{cut_at_stop, prompt_ids_hash, resp_hash};
use crate::sketch::Sketch;
use ogong_base::params::{ANSWER_TOKENS_MAX, LEAVES_MAX, RAW_TEXT_BYTES_MAX, WINDOW_TOKENS};
use ogong_base::{ClassHash, CommitRoot, Decode, DecodeError, Encode, Hash32, Reader, RespHash, Writer};

/// Takes a reply's tokens as they are generated.
#[derive(Debug, Clone)]
pub struct TrajectoryBuilder {
    n_prompt: u32,
    prompt_ids: Hash32,
    class: ClassHash,
    params: SamplingParams,
    leaves: Vec<WindowLeaf>,
    raw: Vec<u8>,
}

impl TrajectoryBuilder {
    /// Starts a reply to the prompt's token ids.
    ///
    /// # Panics
    /// When the prompt has more tokens than a `u32` counts.
    pub fn new(prompt_ids: &[u32], class: ClassHash, params: SamplingParams) -> Self {
        let n_prompt = u32::try_from(prompt_ids.len()).expect("invariant: a prompt fits a context");
        Self { n_prompt, prompt_ids: prompt_ids_hash(prompt_ids), class, params, leaves: Vec::new(), raw: Vec::new() }
    }

    /// Takes one generated token: its bytes (empty for a special token), the sketch of the state and the digest of the
    /// logits that predicted it. The end token is pushed too.
    pub fn push(&mut self, id: u32, piece: &[u8], sketch: Sketch, digest: Digest) {
        if self.leaves.last().is_none_or(|leaf| leaf.ids.len() == WINDOW_TOKENS) {
            let index = u32::try_from(self.leaves.len()).unwrap_or(u32::MAX);
            self.leaves.push(WindowLeaf { index, ids: Vec::new(), sketches: Vec::new(), digests: Vec::new() });
        }
        if let Some(leaf) = self.leaves.last_mut() {
            leaf.ids.push(id);
            leaf.sketches.push(sketch);
            leaf.digests.push(digest);
        }
        self.raw.extend_from_slice(piece);
    }

    /// Tokens taken so far.
    pub fn n_tokens(&self) -> usize {
        self.leaves.iter().map(|leaf| leaf.ids.len()).sum()
    }

    /// Ends the reply.
    ///
    /// # Errors
    /// When it has no token or more than any reply may have.
    pub fn finish(self, stop: Stop) -> Result<Trajectory, Error> {
        let got = self.n_tokens();
        let n_tokens = u32::try_from(got).ok().filter(|_| (1..=ANSWER_TOKENS_MAX).contains(&got));
        let n_tokens = n_tokens.ok_or(Error::AnswerLength { got, max: ANSWER_TOKENS_MAX })?;
        let raw_text = cut_at_stop(&self.raw, &self.params.stop).to_vec();
        let Self { n_prompt, prompt_ids, class, params, leaves, .. } = self;
        let ids = leaves.iter().flat_map(|leaf| leaf.ids.iter().copied()).collect();
        Ok(Trajectory { header: Header { n_prompt, prompt_ids, n_tokens, class, params, stop }, leaves, ids, raw_text })
    }
}

/// A whole reply as its provider keeps it until the audit window has passed.
///
/// Encoding: `header ‖ list<window leaf> ‖ bytes raw text`; a decoded one has as many tokens as its header says, in full
/// windows but for the last.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trajectory {
    /// Leaf 0.
    pub header: Header,
    /// Leaves 1 and up.
    pub leaves: Vec<WindowLeaf>,
    /// Ids of all generated tokens.
    pub ids: Vec<u32>,
    /// Raw text, cut at the first stop string.
    pub raw_text: Vec<u8>,
}

impl Trajectory {
    /// Bytes of every leaf, header first.
    pub fn leaf_bytes(&self) -> Vec<Vec<u8>> {
        std::iter::once(self.header.to_bytes()).chain(self.leaves.iter().map(Encode::to_bytes)).collect()
    }

    /// Tree head over the leaves.
    pub fn commit_root(&self) -> CommitRoot {
        merkle::root(&self.leaf_bytes())
    }

    /// Hash of ids and raw text.
    pub fn resp_hash(&self) -> RespHash {
        resp_hash(&self.ids, &self.raw_text)
    }

    /// Opens leaf `index`, 0 being the header.
    ///
    /// # Errors
    /// When there is no such leaf.
    pub fn open(&self, index: u32) -> Result<Opening, Error> {
        let leaves = self.leaf_bytes();
        let at = usize::try_from(index).unwrap_or(usize::MAX);
        let proof = merkle::prove(&leaves, at)?;
        let leaf = leaves.into_iter().nth(at).unwrap_or_default();
        Ok(Opening { index, leaf, proof })
    }
}

impl Encode for Trajectory {
    fn encode(&self, w: &mut Writer) {
        w.put(&self.header);
        w.list(&self.leaves, |w, leaf| leaf.encode(w));
        w.bytes(&self.raw_text);
    }
}

impl Decode for Trajectory {
    fn decode(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let header: Header = r.get()?;
        let leaves: Vec<WindowLeaf> = r.list(LEAVES_MAX - 1, Reader::get)?;
        let raw_text = r.bytes(RAW_TEXT_BYTES_MAX)?.to_vec();
        let windows = u32::try_from(leaves.len()).unwrap_or(u32::MAX);
        let whole = windows > 0
            && windows == window_count(header.n_tokens)
            && (0..)
                .zip(&leaves)
                .all(|(i, leaf)| leaf.index == i && leaf.ids.len() == window_range(header.n_tokens, i).len());
        if !whole {
            return Err(DecodeError::invalid("trajectory", "windows do not add up to the header's tokens"));
        }
        let ids = leaves.iter().flat_map(|leaf| leaf.ids.iter().copied()).collect();
        Ok(Self { header, leaves, ids, raw_text })
    }
}

/// One leaf with the proof that it is in the tree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Opening {
    /// Index of the leaf, 0 being the header.
    pub index: u32,
    /// The leaf's bytes.
    pub leaf: Vec<u8>,
    /// Hashes up to the tree head.
    pub proof: MerkleProof,
}

impl Opening {
    /// Holds that the leaf stands in the tree of a reply of `n_tokens`.
    ///
    /// # Errors
    /// When it does not.
    pub fn verify(&self, root: &CommitRoot, n_tokens: u32) -> Result<(), Error> {
        merkle::verify(root, leaf_count(n_tokens), u64::from(self.index), &self.leaf, &self.proof)
    }

    /// The leaf read as the header.
    ///
    /// # Errors
    /// When it is none.
    pub fn header(&self) -> Result<Header, DecodeError> {
        Header::from_bytes(&self.leaf)
    }

    /// The leaf read as a window.
    ///
    /// # Errors
    /// When it is none.
    pub fn window(&self) -> Result<WindowLeaf, DecodeError> {
        WindowLeaf::from_bytes(&self.leaf)
    }
}

impl Encode for Opening {
    fn encode(&self, w: &mut Writer) {
        w.u32(self.index).bytes(&self.leaf).put(&self.proof);
    }
}

impl Decode for Opening {
    fn decode(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self { index: r.u32()?, leaf: r.bytes(LEAF_BYTES_MAX)?.to_vec(), proof: r.get()? })
    }
}
