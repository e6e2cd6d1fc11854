//! Drafting from a model's hidden states: multi-token prediction (MTP) and EAGLE-3, by llama.cpp's own code.
//!
//! The drafter's context runs beside the target's and is fed, after each of its decode calls, the hidden states of all rows.
//! Both hold the same sequences: what is cut from one is cut from the other. A draft is followed by the target's decode call
//! over it, and by how much of it came true.

use std::ptr::NonNull;

use llama_cpp_4::context::LlamaContext;
use llama_cpp_4::context::params::{LlamaContextParams, LlamaContextType};
use llama_cpp_4::model::LlamaModel;
use llama_cpp_sys_4 as sys;

use super::context::Row;
use super::log::{backend, take_log};
use super::signed;
use crate::error::Error;

/// Tokens of one draft at most. Source: llama.cpp's default for heads.
const DRAFT_MAX: i32 = 3;

/// What drafts from hidden states.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HeadKind {
    /// Heads for multi-token prediction, in the model's own file or in one of their own.
    Mtp,
    /// A model of one layer that reads three of the target's.
    Eagle3,
}

/// The layers of its target that `model` reads.
pub fn layers_read(model: &LlamaModel) -> Vec<i32> {
    // SAFETY: the wrapper's pointer is live while it is borrowed; the list is the model's own and as long as it says.
    unsafe {
        let layers = sys::llama_model_target_layer_ids(pointer_of(model));
        let count = sys::llama_model_target_layer_ids_n(pointer_of(model)) as usize;
        if layers.is_null() { Vec::new() } else { std::slice::from_raw_parts(layers, count).to_vec() }
    }
}

fn pointer_of(model: &LlamaModel) -> *const sys::llama_model {
    // SAFETY: `LlamaModel` is `repr(transparent)` over this very pointer, as `load_model` relies on too.
    unsafe { std::mem::transmute_copy::<LlamaModel, NonNull<sys::llama_model>>(model) }.as_ptr()
}

/// A drafter beside a context; dropped before it.
pub(super) struct Heads<'model> {
    session: Session,
    draft: LlamaContext<'model>,
    /// Sequences whose last draft has not been answered for.
    open: Vec<bool>,
}

/// llama.cpp's drafting session, freed before the contexts it refers to.
struct Session(NonNull<sys::mtp_session>);

impl Drop for Session {
    fn drop(&mut self) {
        // SAFETY: the pointer came from `mtp_session_new` and is freed once; `Heads` and `Context` drop their contexts later.
        unsafe { sys::mtp_session_free(self.0.as_ptr()) }
    }
}

impl<'model> Heads<'model> {
    /// A drafter of `kind` from `model` for `target`, whose parameters `params` were.
    pub(super) fn new(
        target: &mut LlamaContext<'_>,
        model: &'model LlamaModel,
        kind: HeadKind,
        params: LlamaContextParams,
        sequences: u32,
    ) -> Result<Self, Error> {
        let kind_of_context = match kind {
            HeadKind::Mtp => LlamaContextType::Mtp,
            HeadKind::Eagle3 => LlamaContextType::Default,
        };
        let params = params.with_ctx_type(kind_of_context).with_ctx_other(target);
        take_log();
        let draft =
            model.new_context(backend(), params).map_err(|source| Error::Context { source, log: take_log() })?;
        let spec_type = match kind {
            HeadKind::Mtp => sys::MTP_SPEC_TYPE_MTP,
            HeadKind::Eagle3 => sys::MTP_SPEC_TYPE_EAGLE3,
        };
        let config = sys::mtp_session_config {
            n_seq: sequences,
            n_draft_max: DRAFT_MAX,
            n_min: 0,
            p_min: 0.0,
            spec_type: i32::try_from(spec_type).unwrap_or(0),
        };
        // SAFETY: both contexts are live; `Context` keeps the target, `Heads` the draft, at least as long as the session.
        let session = unsafe { sys::mtp_session_new(target.as_ptr(), draft.as_ptr(), &raw const config) };
        let refused = || Error::Config(format!("the drafter does not go with the model: {}", take_log()));
        let session = NonNull::new(session).map(Session).ok_or_else(refused)?;
        Ok(Self { session, draft, open: vec![false; usize::try_from(sequences).unwrap_or(0)] })
    }

    /// Tells the drafter of rows that the target has just decoded, in their order.
    pub(super) fn follow(&mut self, rows: &[Row]) -> Result<(), Error> {
        for (at, row) in rows.iter().enumerate() {
            let first = rows.iter().take(at).all(|before| before.sequence != row.sequence);
            // What was drafted from here on is written anew with the target's own states.
            if first {
                self.cut(row.sequence, row.position)?;
            }
        }
        let mut tokens: Vec<i32> = rows.iter().map(|row| signed(row.token)).collect();
        let mut positions: Vec<i32> = rows.iter().map(|row| signed(row.position)).collect();
        let mut sequences: Vec<i32> = rows.iter().map(|row| signed(row.sequence)).collect();
        let mut lists: Vec<*mut i32> = sequences.iter_mut().map(std::ptr::from_mut).collect();
        let mut counts = vec![1; rows.len()];
        let mut outputs: Vec<i8> = rows.iter().map(|row| i8::from(row.output)).collect();
        let batch = sys::llama_batch {
            n_tokens: i32::try_from(rows.len()).unwrap_or(i32::MAX),
            token: tokens.as_mut_ptr(),
            embd: std::ptr::null_mut(),
            pos: positions.as_mut_ptr(),
            n_seq_id: counts.as_mut_ptr(),
            seq_id: lists.as_mut_ptr(),
            logits: outputs.as_mut_ptr(),
        };
        // SAFETY: every array holds one entry a row and outlives the call, which only reads them.
        if unsafe { sys::mtp_session_process(self.session.0.as_ptr(), &raw const batch) } {
            Ok(())
        } else {
            Err(Error::Config(format!("the drafter could not follow: {}", take_log())))
        }
    }

    /// What may follow `last`, which goes to `position` of `sequence`: at most `room` tokens.
    pub(super) fn draft(&mut self, sequence: u32, position: u32, last: u32, room: usize) -> Vec<u32> {
        let mut tokens = [0; DRAFT_MAX as usize];
        let mut count = DRAFT_MAX;
        // SAFETY: the array holds as many tokens as `count` says.
        let drafted = unsafe {
            sys::mtp_session_draft(
                self.session.0.as_ptr(),
                signed(sequence),
                signed(position),
                signed(last),
                tokens.as_mut_ptr(),
                &raw mut count,
            )
        };
        let drafted = if drafted { usize::try_from(count).unwrap_or(0) } else { 0 };
        if let Some(open) = self.open.get_mut(sequence as usize) {
            *open = drafted > 0;
        }
        tokens.iter().take(drafted.min(room)).filter_map(|token| u32::try_from(*token).ok()).collect()
    }

    /// Answers for the last draft of `sequence`: how many of its tokens came true.
    pub(super) fn accept(&mut self, sequence: u32, count: usize) {
        let Some(open) = self.open.get_mut(sequence as usize).filter(|open| **open) else { return };
        *open = false;
        let count = u16::try_from(count).unwrap_or(u16::MAX);
        // SAFETY: the session is live, and checks the numbers itself.
        unsafe { sys::mtp_session_accept(self.session.0.as_ptr(), signed(sequence), count) };
    }

    /// Forgets `sequence` from `position` on.
    pub(super) fn cut(&mut self, sequence: u32, position: u32) -> Result<(), Error> {
        match self.draft.clear_kv_cache_seq(Some(sequence), Some(position), None) {
            Ok(true) => Ok(()),
            _ => Err(Error::Truncate { sequence, position }),
        }
    }
}
