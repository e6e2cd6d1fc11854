//! The tap reads the hidden states off the graph itself. llama.cpp's own switch for them (`embeddings`) makes every prompt
//! row an output, plans its graphs anew at each toggle, and decodes one sequence at a time, which undoes batching.

use std::ffi::c_void;
use std::ptr::NonNull;

use llama_cpp_sys_4 as sys;

/// llama.cpp's name of the tensor that goes into the LM head: the last hidden states after the final norm (SPEC 3.5).
const HIDDEN_TENSOR: &[u8; 12] = b"result_norm\0";

/// Copies [`HIDDEN_TENSOR`] out of each graph while it is on. Rows are those with outputs, in the batch's order.
#[derive(Debug)]
pub(super) struct Tap {
    on: bool,
    width: usize,
    values: Vec<f32>,
}

/// The heap place of a [`Tap`] that llama.cpp knows too; never moved, reached through the pointer only.
pub(super) struct TapPlace(pub(super) NonNull<Tap>);

impl TapPlace {
    pub(super) fn new(width: usize) -> Self {
        Self(NonNull::from(Box::leak(Box::new(Tap { on: false, width, values: Vec::new() }))))
    }

    /// Sets the tap for the next decode call.
    pub(super) fn set(&mut self, on: bool) {
        // SAFETY: the place lives as long as `self`, and ggml uses it only within a decode call, which borrows the context
        // mutably and so excludes this.
        let tap = unsafe { self.0.as_mut() };
        tap.on = on;
        tap.values.clear();
    }

    pub(super) fn values(&self) -> &[f32] {
        // SAFETY: as in `set`; a shared borrow of the context excludes a decode call.
        unsafe { &self.0.as_ref().values }
    }
}

impl Drop for TapPlace {
    fn drop(&mut self) {
        // SAFETY: the pointer came from a leaked box and is freed once; `Context` drops the llama context first.
        drop(unsafe { Box::from_raw(self.0.as_ptr()) });
    }
}

/// Called by ggml for every node of a graph: first to ask whether the node is wanted, then, if so, once it is computed.
pub(super) unsafe extern "C" fn on_node(tensor: *mut sys::ggml_tensor, ask: bool, tap: *mut c_void) -> bool {
    // SAFETY: the pointer is the `TapPlace` of the context that decodes; nothing else refers to the tap meanwhile.
    let tap = unsafe { &mut *tap.cast::<Tap>() };
    if !tap.on {
        return !ask;
    }
    // SAFETY: ggml passes a live tensor.
    let (name, kind, ne) = unsafe { (&(*tensor).name, (*tensor).type_, (*tensor).ne) };
    let wanted = name.iter().zip(HIDDEN_TENSOR).all(|(a, b)| *a as u8 == *b);
    if ask || !wanted {
        return wanted || !ask;
    }
    let (Ok(width), Ok(rows)) = (usize::try_from(ne[0]), usize::try_from(ne[1])) else { return true };
    if kind == sys::GGML_TYPE_F32 && width == tap.width {
        let start = tap.values.len();
        tap.values.resize(start + width * rows, 0.0);
        let target = tap.values[start..].as_mut_ptr();
        // SAFETY: the target holds `width * rows` floats, and the tensor is a contiguous matrix of as many.
        unsafe { sys::ggml_backend_tensor_get(tensor, target.cast(), 0, width * rows * size_of::<f32>()) };
    }
    true
}
