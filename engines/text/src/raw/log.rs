//! The process-wide backend, and what it reports.

use std::ffi::{CStr, c_char, c_void};
use std::sync::{Mutex, OnceLock, PoisonError};

use llama_cpp_4::llama_backend::LlamaBackend;
use llama_cpp_sys_4 as sys;

/// Bytes of llama.cpp's error log kept for the next error message.
const LOG_BYTES_MAX: usize = 4096;

static LOG: Mutex<String> = Mutex::new(String::new());

/// The process-wide backend; llama.cpp allows one.
pub fn backend() -> &'static LlamaBackend {
    static BACKEND: OnceLock<LlamaBackend> = OnceLock::new();
    BACKEND.get_or_init(|| {
        // SAFETY: `on_log` is a static function that never unwinds and takes no user data, so it stays callable from any
        // thread for the rest of the process.
        unsafe {
            llama_cpp_4::log_set(Some(on_log), std::ptr::null_mut());
            sys::mtmd_log_set(Some(on_log), std::ptr::null_mut());
            sys::mtmd_helper_log_set(Some(on_log), std::ptr::null_mut());
        }
        LlamaBackend::init().expect("invariant: only this function initialises the backend")
    })
}

/// Takes what llama.cpp reported as errors since the last call.
pub fn take_log() -> String {
    let mut log = LOG.lock().unwrap_or_else(PoisonError::into_inner);
    std::mem::take(&mut *log).trim().to_owned()
}

unsafe extern "C" fn on_log(level: sys::ggml_log_level, text: *const c_char, _data: *mut c_void) {
    if text.is_null() {
        return;
    }
    // SAFETY: llama.cpp passes a NUL-terminated string that lives for the duration of the call.
    let text = unsafe { CStr::from_ptr(text) }.to_string_lossy();
    let line = text.trim();
    if line.is_empty() {
        return;
    }
    match level {
        sys::GGML_LOG_LEVEL_ERROR => {
            tracing::debug!(target: "llama", "{line}");
            let mut log = LOG.lock().unwrap_or_else(PoisonError::into_inner);
            if log.len() + line.len() < LOG_BYTES_MAX {
                if !log.is_empty() {
                    log.push_str("; ");
                }
                log.push_str(line);
            }
        }
        sys::GGML_LOG_LEVEL_WARN => tracing::debug!(target: "llama", "{line}"),
        _ => tracing::trace!(target: "llama", "{line}"),
    }
}
