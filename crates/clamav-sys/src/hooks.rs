//! What the library tells while it works: its messages, and each file that it
//! unpacks.

use std::ffi::{CStr, c_char, c_int, c_void};
use std::sync::{Mutex, OnceLock, PoisonError};

use crate::{cl_engine, ffi};

/// Errors have this severity (`CL_MSG_ERROR`), warnings less.
const ERROR: c_int = 128;
/// A layer that the library has rewritten to match it more easily.
const NORMALIZED: u32 = 1;
/// Bytes of the messages that are kept.
const MESSAGES: usize = 512;

static INSPECTOR: OnceLock<fn(&Inspected<'_>)> = OnceLock::new();
static KEPT: Mutex<String> = Mutex::new(String::new());

/// One file that the library is about to scan, found inside another.
#[derive(Debug, Clone, Copy)]
pub struct Inspected<'a> {
    /// The library's type of it, such as `CL_TYPE_MAIL`.
    pub kind: &'a str,
    /// How many files are around it.
    pub level: u32,
    /// Whether it is only another spelling of the file around it.
    pub normalized: bool,
    /// Its bytes.
    pub content: &'a [u8],
}

/// Names the function that is shown each file, on the thread that scans. It
/// must not panic: that ends the process. Only once in a process; returns
/// whether it was the first time.
///
/// A file that the library's cache of clean files knows is not shown, nor what
/// is in it: the cache must be off.
pub fn inspect(inspector: fn(&Inspected<'_>)) -> bool {
    INSPECTOR.set(inspector).is_ok()
}

/// The first errors of the library since the last call, in its own words and
/// together at most 512 bytes.
pub fn take_errors() -> Option<String> {
    let text = std::mem::take(&mut *KEPT.lock().unwrap_or_else(PoisonError::into_inner));
    (!text.is_empty()).then_some(text)
}

pub(crate) fn take_messages() {
    // SAFETY: the function lives as long as the process.
    unsafe { ffi::cl_set_clcb_msg(Some(on_message)) }
}

/// # Safety
///
/// The engine is live and nobody else uses it.
pub(crate) unsafe fn take_files(engine: *mut cl_engine) {
    if INSPECTOR.get().is_some() {
        // SAFETY: as the caller promises; the function lives as long as the process.
        unsafe { ffi::cl_engine_set_clcb_file_inspection(engine, Some(on_file)) }
    }
}

unsafe extern "C" fn on_message(severity: c_int, _full: *const c_char, text: *const c_char, _context: *mut c_void) {
    if severity < ERROR || text.is_null() {
        return;
    }
    // SAFETY: the library passes a C string that lives through this call.
    let text = unsafe { CStr::from_ptr(text) }.to_string_lossy();
    let text = text.trim();
    let mut kept = KEPT.lock().unwrap_or_else(PoisonError::into_inner);
    // The first of a load says what is wrong, the next in which file.
    if kept.len() < MESSAGES {
        if !kept.is_empty() {
            kept.push_str("; ");
        }
        let end = text.floor_char_boundary(MESSAGES - kept.len().min(MESSAGES));
        kept.push_str(&text[..end]);
    }
}

unsafe extern "C" fn on_file(
    _descriptor: c_int,
    kind: *const c_char,
    _ancestors: *mut *const c_char,
    _parent_size: usize,
    _name: *const c_char,
    size: usize,
    content: *const c_char,
    level: u32,
    attributes: u32,
    _context: *mut c_void,
) -> c_int {
    if let Some(inspector) = INSPECTOR.get()
        && !kind.is_null()
        && !content.is_null()
        && size <= isize::MAX.cast_unsigned()
    {
        // SAFETY: the library passes a C string and a buffer of that size; both
        // live and stay unchanged through this call.
        let (kind, content) = unsafe { (CStr::from_ptr(kind), std::slice::from_raw_parts(content.cast::<u8>(), size)) };
        let kind = kind.to_str().unwrap_or_default();
        inspector(&Inspected { kind, level, normalized: attributes & NORMALIZED != 0, content });
    }
    crate::cl_error_t::CL_SUCCESS as c_int
}

#[cfg(test)]
mod tests {
    use std::ptr::null_mut;

    use super::*;

    #[test]
    fn the_first_errors_are_kept_and_cut() {
        let long = std::ffi::CString::new("é".repeat(1000)).unwrap();
        // SAFETY: all are C strings.
        unsafe {
            on_message(64, null_mut(), c"a warning".as_ptr(), null_mut());
            assert_eq!(take_errors(), None);
            on_message(128, null_mut(), c"first\n".as_ptr(), null_mut());
            on_message(128, null_mut(), c"second".as_ptr(), null_mut());
            assert_eq!(take_errors().as_deref(), Some("first; second"));
            (0..9).for_each(|_| on_message(128, null_mut(), long.as_ptr(), null_mut()));
        }
        let kept = take_errors().unwrap();
        assert!(kept.starts_with("éé") && kept.len() <= MESSAGES);
        assert_eq!(take_errors(), None);
    }
}
