//! Engines that begin with our limits, and their fields.

use std::ffi::{CString, c_char, c_int, c_longlong};
use std::ptr;
use std::sync::OnceLock;

use crate::enums::{cl_engine_field as Field, cl_error_t};
use crate::version::{Version, library_version};
use crate::{cl_engine, ffi, hooks};

static SETTINGS: OnceLock<Settings> = OnceLock::new();

/// What every new engine begins with. All limits are given: the library's own
/// defaults change from version to version.
#[derive(Debug, Clone, Default)]
pub struct Settings {
    /// Fields that are numbers, with their values.
    pub numbers: Vec<(Field, i64)>,
    /// The folder for what is unpacked.
    pub temporary: CString,
}

/// Says what engines begin with from now on; only once in a process. Returns
/// whether it was the first time.
pub fn configure(settings: Settings) -> bool {
    SETTINGS.set(settings).is_ok()
}

/// A new engine with the settings given to [`configure`]; null if there is no
/// memory or the library refuses one of them.
///
/// # Safety
///
/// The library was initialised.
#[must_use]
pub unsafe fn cl_engine_new() -> *mut cl_engine {
    // SAFETY: the caller has initialised the library.
    let engine = unsafe { ffi::cl_engine_new() };
    if engine.is_null() {
        return engine;
    }
    // SAFETY: the engine is live, new, and nobody else has it.
    unsafe {
        if SETTINGS.get().is_some_and(|settings| !apply(engine, settings)) {
            ffi::cl_engine_free(engine);
            return ptr::null_mut();
        }
        hooks::take_files(engine);
    }
    engine
}

/// # Safety
///
/// The engine is live and nobody else uses it.
unsafe fn apply(engine: *mut cl_engine, settings: &Settings) -> bool {
    let set = |(field, value): &(Field, i64)| {
        // SAFETY: as the caller promises.
        unsafe { cl_engine_set_num(engine, *field, *value) == cl_error_t::CL_SUCCESS }
    };
    // SAFETY: as the caller promises; the text is a C string.
    settings.numbers.iter().all(set)
        && unsafe { cl_engine_set_str(engine, Field::CL_ENGINE_TMPDIR, settings.temporary.as_ptr()) }
            == cl_error_t::CL_SUCCESS
}

/// Frees an engine; null is left alone.
///
/// # Safety
///
/// The engine came from [`cl_engine_new`] and is not used again.
pub unsafe fn cl_engine_free(engine: *mut cl_engine) -> cl_error_t {
    if engine.is_null() {
        return cl_error_t::CL_ENULLARG;
    }
    // SAFETY: as the caller promises.
    cl_error_t::checked(unsafe { ffi::cl_engine_free(engine) })
}

/// Sets a number.
///
/// # Safety
///
/// The engine is live (or null: refused) and nobody else uses it.
pub unsafe fn cl_engine_set_num(engine: *mut cl_engine, field: Field, value: c_longlong) -> cl_error_t {
    let Some(field) = number(engine, field) else { return cl_error_t::CL_ENULLARG };
    // SAFETY: as the caller promises.
    cl_error_t::checked(unsafe { ffi::cl_engine_set_num(engine, field, value) })
}

/// Reads a number; `error` becomes 0 or the number of a [`cl_error_t`].
///
/// # Safety
///
/// The engine is live (or null: refused), `error` writable.
pub unsafe fn cl_engine_get_num(engine: *const cl_engine, field: Field, error: *mut c_int) -> c_longlong {
    let mut code = cl_error_t::CL_ENULLARG as c_int;
    let mut value = 0;
    if let Some(field) = number(engine, field) {
        // SAFETY: as the caller promises.
        value = unsafe { ffi::cl_engine_get_num(engine, field, &raw mut code) };
    }
    // SAFETY: as the caller promises. clamav-rs turns the number into the enum
    // without a look, so only a checked one may go out.
    unsafe { error.write(cl_error_t::checked(code) as c_int) };
    value
}

/// Sets a text.
///
/// # Safety
///
/// The engine is live (or null: refused) and nobody else uses it; `value` is a C
/// string.
pub unsafe fn cl_engine_set_str(engine: *mut cl_engine, field: Field, value: *const c_char) -> cl_error_t {
    let Some(field) = number(engine, field) else { return cl_error_t::CL_ENULLARG };
    // SAFETY: as the caller promises.
    cl_error_t::checked(unsafe { ffi::cl_engine_set_str(engine, field, value) })
}

/// Reads a text; `error` becomes 0 or the number of a [`cl_error_t`].
///
/// # Safety
///
/// The engine is live (or null: refused), `error` writable.
pub unsafe fn cl_engine_get_str(engine: *const cl_engine, field: Field, error: *mut c_int) -> *const c_char {
    let mut code = cl_error_t::CL_ENULLARG as c_int;
    let mut value = ptr::null();
    if let Some(field) = number(engine, field) {
        // SAFETY: as the caller promises.
        value = unsafe { ffi::cl_engine_get_str(engine, field, &raw mut code) };
    }
    // A field that was never set is null without an error.
    if value.is_null() && code == 0 {
        code = cl_error_t::CL_ENULLARG as c_int;
    }
    // SAFETY: as the caller promises.
    unsafe { error.write(cl_error_t::checked(code) as c_int) };
    value
}

/// The field's number in the loaded library, if there is an engine at all.
fn number(engine: *const cl_engine, field: Field) -> Option<c_int> {
    static LOADED: OnceLock<Option<Version>> = OnceLock::new();
    let version = *LOADED.get_or_init(library_version);
    if engine.is_null() { None } else { version.map(|version| field.number(version)) }
}

#[cfg(test)]
mod tests {
    use std::ffi::CStr;

    use super::*;

    #[test]
    fn engines_begin_with_the_settings() {
        let numbers = [
            (Field::CL_ENGINE_MAX_FILESIZE, 1_234_567),
            (Field::CL_ENGINE_MAX_RECURSION, 21),
            (Field::CL_ENGINE_MAX_SCANTIME, 4_321),
            (Field::CL_ENGINE_PCRE_MATCH_LIMIT, 777),
        ];
        let settings = Settings { numbers: numbers.to_vec(), temporary: c"/dev/shm/here".to_owned() };
        assert!(configure(settings.clone()));
        assert!(!configure(settings), "only once");
        let mut error = 0;
        // SAFETY: one thread, initialised first, freed last.
        unsafe {
            assert_eq!(crate::cl_init(crate::CL_INIT_DEFAULT), cl_error_t::CL_SUCCESS);
            let engine = cl_engine_new();
            assert!(!engine.is_null());
            for (field, value) in numbers {
                assert_eq!((cl_engine_get_num(engine, field, &raw mut error), error), (value, 0));
            }
            let folder = CStr::from_ptr(cl_engine_get_str(engine, Field::CL_ENGINE_TMPDIR, &raw mut error));
            assert_eq!((folder, error), (c"/dev/shm/here", 0));
            assert!(cl_engine_get_str(engine, Field::CL_ENGINE_PUA_CATEGORIES, &raw mut error).is_null());
            assert_ne!(error, 0);
            assert_eq!(cl_engine_free(engine), cl_error_t::CL_SUCCESS);
        }
    }

    #[test]
    fn no_engine_is_an_error_and_no_crash() {
        let mut error = 0;
        // SAFETY: null is what is tested.
        unsafe {
            let none = ptr::null_mut();
            assert_eq!(cl_engine_get_num(none, Field::CL_ENGINE_DB_TIME, &raw mut error), 0);
            assert_eq!(error, cl_error_t::CL_ENULLARG as c_int);
            assert_eq!(cl_engine_set_num(none, Field::CL_ENGINE_MAX_FILES, 1), cl_error_t::CL_ENULLARG);
            let mut count = 0;
            assert_eq!(crate::cl_load(c"/".as_ptr(), none, &raw mut count, 0), cl_error_t::CL_ENULLARG);
            assert_eq!(crate::cl_engine_compile(none), cl_error_t::CL_ENULLARG);
            assert_eq!(cl_engine_free(none), cl_error_t::CL_ENULLARG);
        }
    }
}
