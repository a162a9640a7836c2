//! A thin binding to libclamav 1.0 to 1.5, in the shape that `clamav-rs` 0.5.5
//! asks for: its own `clamav-sys` wants libclang and does not build against
//! libclamav 1.0 or later.
//!
//! Three things are done here that `clamav-rs` cannot do:
//!
//! - C enums come in as integers and are checked before they become Rust enums;
//!   fields that were renumbered (in 1.2) are translated for the library that
//!   is really loaded.
//! - [`cl_engine_new`] sets the limits given to [`configure`], since `clamav-rs`
//!   neither sets limits nor shows the engine's handle.
//! - A callback shows each file that the library unpacks ([`inspect`]), and the
//!   library's messages are kept ([`take_errors`]) instead of printed.
#![deny(unsafe_op_in_unsafe_fn)]
#![allow(non_camel_case_types, reason = "these are libclamav's names")]

mod constants;
mod engine;
mod enums;
mod ffi;
mod hooks;
mod version;

use std::ffi::{c_char, c_int, c_long, c_uint, c_ulong, c_ulonglong, c_void};

pub use constants::*;
pub use engine::{Settings, cl_engine_free, cl_engine_get_num, cl_engine_get_str, cl_engine_new, configure};
pub use engine::{cl_engine_set_num, cl_engine_set_str};
pub use enums::{cl_engine_field, cl_error_t};
pub use hooks::{Inspected, inspect, take_errors};
pub use version::{Version, library_version};

/// The library's engine; only ever behind a pointer.
#[repr(C)]
pub struct cl_engine {
    _opaque: [u8; 0],
}

/// The library's view of a file; only ever behind a pointer.
#[repr(C)]
pub struct cl_fmap_t {
    _opaque: [u8; 0],
}

/// Seconds since 1970.
pub type time_t = i64;

/// What one scan looks for: a word of bits each.
#[repr(C)]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct cl_scan_options {
    /// `CL_SCAN_GENERAL_…`
    pub general: u32,
    /// `CL_SCAN_PARSE_…`
    pub parse: u32,
    /// `CL_SCAN_HEURISTIC_…`
    pub heuristic: u32,
    /// `CL_SCAN_MAIL_…`
    pub mail: u32,
    /// `CL_SCAN_DEV_…`
    pub dev: u32,
}

/// Reads a file map: handle, buffer, count, offset; returns bytes read.
pub type clcb_pread = unsafe extern "C" fn(*mut c_void, *mut c_void, c_ulonglong, c_long) -> c_long;

/// Initialises the library. A version that this binding does not know is
/// [`cl_error_t::CL_ESTATE`].
///
/// # Safety
///
/// Must be called once, before any other thread uses the library.
pub unsafe fn cl_init(options: c_uint) -> cl_error_t {
    if version::library_version().is_none_or(|version| !version.is_known()) {
        return cl_error_t::CL_ESTATE;
    }
    hooks::take_messages();
    // SAFETY: the caller says that nobody else uses the library yet.
    cl_error_t::checked(unsafe { ffi::cl_init(options) })
}

/// Initialises the cryptography of the library; `cl_init` has done it.
///
/// # Safety
///
/// None needed by the library; unsafe because clamav-rs calls it so.
pub unsafe fn cl_initialize_crypto() -> c_int {
    // SAFETY: has no precondition.
    unsafe { ffi::cl_initialize_crypto() }
}

/// Does nothing since OpenSSL 1.1.
///
/// # Safety
///
/// None needed by the library; unsafe because clamav-rs calls it so.
pub unsafe fn cl_cleanup_crypto() {
    // SAFETY: has no precondition.
    unsafe { ffi::cl_cleanup_crypto() }
}

/// The words for an error's number, for any number.
///
/// # Safety
///
/// None needed by the library; the text is static.
#[must_use]
pub unsafe fn cl_strerror(code: c_int) -> *const c_char {
    // SAFETY: the library answers a number that it does not know with a text too.
    unsafe { ffi::cl_strerror(code) }
}

/// The functionality level of the library.
///
/// # Safety
///
/// None needed by the library; unsafe because clamav-rs calls it so.
#[must_use]
pub unsafe fn cl_retflevel() -> c_uint {
    // SAFETY: has no precondition.
    unsafe { ffi::cl_retflevel() }
}

/// The version of the library, a static text.
///
/// # Safety
///
/// None needed by the library; unsafe because clamav-rs calls it so.
#[must_use]
pub unsafe fn cl_retver() -> *const c_char {
    // SAFETY: has no precondition.
    unsafe { ffi::cl_retver() }
}

/// The library's own signature folder, a static text.
///
/// # Safety
///
/// None needed by the library; unsafe because clamav-rs calls it so.
#[must_use]
pub unsafe fn cl_retdbdir() -> *const c_char {
    // SAFETY: has no precondition.
    unsafe { ffi::cl_retdbdir() }
}

/// Loads a signature file or folder.
///
/// # Safety
///
/// `path` is a C string, `engine` a live engine (or null: refused) that no other
/// thread uses, `count` writable.
pub unsafe fn cl_load(path: *const c_char, engine: *mut cl_engine, count: *mut u32, options: c_uint) -> cl_error_t {
    if engine.is_null() {
        return cl_error_t::CL_ENULLARG;
    }
    // SAFETY: as the caller promises.
    cl_error_t::checked(unsafe { ffi::cl_load(path, engine, count, options) })
}

/// Makes a loaded engine ready to scan.
///
/// # Safety
///
/// `engine` is a live engine (or null: refused) that no other thread uses.
pub unsafe fn cl_engine_compile(engine: *mut cl_engine) -> cl_error_t {
    if engine.is_null() {
        return cl_error_t::CL_ENULLARG;
    }
    // SAFETY: as the caller promises.
    cl_error_t::checked(unsafe { ffi::cl_engine_compile(engine) })
}

/// Scans an open file from its beginning.
///
/// # Safety
///
/// `engine` is live and compiled; `name` is null or a C string; `virus` and
/// `options` are valid, `scanned` is valid or null. The name put into `virus`
/// lives as long as the engine.
pub unsafe fn cl_scandesc(
    descriptor: c_int,
    name: *const c_char,
    virus: *mut *const i8,
    scanned: *mut c_ulong,
    engine: *const cl_engine,
    options: *mut cl_scan_options,
) -> cl_error_t {
    // SAFETY: as the caller promises.
    cl_error_t::checked(unsafe { ffi::cl_scandesc(descriptor, name, virus.cast(), scanned, engine, options) })
}

/// Scans a file by its path.
///
/// # Safety
///
/// As [`cl_scandesc`]; `path` is a C string.
pub unsafe fn cl_scanfile(
    path: *const c_char,
    virus: *mut *const i8,
    scanned: *mut c_ulong,
    engine: *const cl_engine,
    options: *mut cl_scan_options,
) -> cl_error_t {
    // SAFETY: as the caller promises.
    cl_error_t::checked(unsafe { ffi::cl_scanfile(path, virus.cast(), scanned, engine, options) })
}

/// Scans a file map.
///
/// # Safety
///
/// As [`cl_scandesc`]; `map` is live.
#[expect(clippy::too_many_arguments, reason = "the library's signature")]
pub unsafe fn cl_scanmap_callback(
    map: *mut cl_fmap_t,
    name: *const c_char,
    virus: *mut *const i8,
    scanned: *mut c_ulong,
    engine: *const cl_engine,
    options: *mut cl_scan_options,
    context: *mut c_void,
) -> cl_error_t {
    // clamav-rs passes null, which not every version expects.
    let mut unread = 0;
    let scanned = if scanned.is_null() { &raw mut unread } else { scanned };
    // SAFETY: as the caller promises.
    let code = unsafe { ffi::cl_scanmap_callback(map, name, virus.cast(), scanned, engine, options, context) };
    cl_error_t::checked(code)
}

/// A file map that reads through a function; null if there is no memory.
///
/// # Safety
///
/// `pread` reads from `handle` for as long as the map lives.
#[must_use]
pub unsafe fn cl_fmap_open_handle(
    handle: *mut c_void,
    offset: u64,
    length: u64,
    pread: Option<clcb_pread>,
    aging: c_int,
) -> *mut cl_fmap_t {
    let (Ok(offset), Ok(length)) = (usize::try_from(offset), usize::try_from(length)) else {
        return std::ptr::null_mut();
    };
    // SAFETY: as the caller promises.
    unsafe { ffi::cl_fmap_open_handle(handle, offset, length, pread, aging) }
}

/// A file map over memory; null if there is no memory.
///
/// # Safety
///
/// `start` is readable for `length` bytes for as long as the map lives.
#[must_use]
pub unsafe fn cl_fmap_open_memory(start: *const c_void, length: u64) -> *mut cl_fmap_t {
    let Ok(length) = usize::try_from(length) else { return std::ptr::null_mut() };
    // SAFETY: as the caller promises.
    unsafe { ffi::cl_fmap_open_memory(start, length) }
}

/// Ends a file map.
///
/// # Safety
///
/// `map` came from this library and is not used again.
pub unsafe fn cl_fmap_close(map: *mut cl_fmap_t) {
    // SAFETY: as the caller promises.
    unsafe { ffi::cl_fmap_close(map) }
}
