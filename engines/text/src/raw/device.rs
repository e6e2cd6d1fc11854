//! The devices that weights can go to.

use std::ffi::{CStr, CString};
use std::path::Path;
use std::ptr::NonNull;

use llama_cpp_sys_4 as sys;

use super::log::backend;
use crate::error::Error;

/// A device that weights can go to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Device {
    /// ggml's short name, e.g. `CUDA0`.
    pub name: String,
    /// What it is.
    pub description: String,
    /// Bytes that are free.
    pub free_bytes: u64,
    /// Bytes in all.
    pub total_bytes: u64,
}

/// The GPUs that this build sees.
pub fn gpus() -> Vec<Device> {
    backend();
    // SAFETY: ggml's registry of devices is made once by the backend and never changes; indices below its count are valid, and
    // the strings are its own for the rest of the process.
    unsafe {
        (0..sys::ggml_backend_dev_count())
            .map(|index| sys::ggml_backend_dev_get(index))
            .filter(|device| {
                let kind = sys::ggml_backend_dev_type(*device);
                kind == sys::GGML_BACKEND_DEVICE_TYPE_GPU || kind == sys::GGML_BACKEND_DEVICE_TYPE_IGPU
            })
            .map(|device| {
                let (mut free, mut total) = (0usize, 0usize);
                sys::ggml_backend_dev_memory(device, &raw mut free, &raw mut total);
                Device {
                    name: CStr::from_ptr(sys::ggml_backend_dev_name(device)).to_string_lossy().into_owned(),
                    description: CStr::from_ptr(sys::ggml_backend_dev_description(device))
                        .to_string_lossy()
                        .into_owned(),
                    free_bytes: free as u64,
                    total_bytes: total as u64,
                }
            })
            .collect()
    }
}

/// Devices that one worker offers at most. Source: `GGML_RPC_MAX_SERVERS`.
pub const RPC_DEVICES_MAX: usize = sys::GGML_RPC_MAX_SERVERS as usize;

/// Adds the devices of the worker at `endpoint` (`host:port`) to those that weights can go to. llama.cpp ends the process where
/// nobody answers there, so whoever calls has asked before.
///
/// # Errors
/// When the worker offers nothing.
pub fn add_worker(endpoint: &str) -> Result<(), Error> {
    let refused = |why: &str| Error::Worker { endpoint: endpoint.to_owned(), why: why.to_owned() };
    let name = CString::new(endpoint).map_err(|_| refused("its address holds a NUL"))?;
    backend();
    // SAFETY: the name is NUL-terminated and copied; what comes back is kept by ggml for the rest of the process.
    unsafe {
        let registry = sys::ggml_backend_rpc_add_server(name.as_ptr());
        if registry.is_null() {
            return Err(refused("it offers no device"));
        }
        sys::ggml_backend_register(registry);
    }
    Ok(())
}

/// Offers this machine's devices at `endpoint` and serves until the process ends: the GPUs, or the CPU where there is none, or
/// those named.
///
/// # Errors
/// When a name is no device, or the address cannot be listened on.
pub fn serve_devices(endpoint: &str, threads: usize, cache: Option<&Path>, names: &[String]) -> Result<(), Error> {
    backend();
    let refused = |why: String| Error::Config(format!("{endpoint}: {why}"));
    // SAFETY: ggml's registry of devices is made once and never shrinks; indices below its count are valid.
    let all = unsafe { (0..sys::ggml_backend_dev_count()).map(|index| sys::ggml_backend_dev_get(index)) };
    let all: Vec<NonNull<sys::ggml_backend_device>> = all.filter_map(NonNull::new).collect();
    // SAFETY: the device lives for the rest of the process, and so does its name.
    let name_of = |device: &NonNull<_>| unsafe { CStr::from_ptr(sys::ggml_backend_dev_name(device.as_ptr())) };
    // SAFETY: as above.
    let kind_of = |device: &NonNull<_>| unsafe { sys::ggml_backend_dev_type(device.as_ptr()) };
    let of_kind = |kind| all.iter().copied().filter(|device| kind_of(device) == kind).collect::<Vec<_>>();
    let devices = if names.is_empty() {
        [sys::GGML_BACKEND_DEVICE_TYPE_GPU, sys::GGML_BACKEND_DEVICE_TYPE_IGPU, sys::GGML_BACKEND_DEVICE_TYPE_CPU]
            .into_iter()
            .map(of_kind)
            .find(|devices| !devices.is_empty())
            .unwrap_or_default()
    } else {
        let known: Vec<_> = all.iter().map(|device| name_of(device).to_string_lossy()).collect();
        let find = |name: &String| {
            let at = known.iter().position(|known| known == name);
            at.and_then(|at| all.get(at).copied())
                .ok_or_else(|| refused(format!("no device {name:?}; hint: there are {}", known.join(", "))))
        };
        names.iter().map(find).collect::<Result<_, _>>()?
    };
    if devices.len() > RPC_DEVICES_MAX {
        return Err(refused(format!("at most {RPC_DEVICES_MAX} devices are offered")));
    }
    llama_cpp_4::rpc::serve(endpoint, cache, threads, &devices).map_err(|error| refused(error.to_string()))
}
