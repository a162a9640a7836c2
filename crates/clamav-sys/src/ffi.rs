//! The library's functions as C declares them; enums are integers here.

use std::ffi::{c_char, c_int, c_longlong, c_uint, c_ulong, c_void};

use crate::{cl_engine, cl_fmap_t, cl_scan_options, clcb_pread};

/// Shown each unpacked file: descriptor, type, names of the files around it,
/// size of the file around it, name, size, content, level, attributes, context.
pub(crate) type Inspection = unsafe extern "C" fn(
    c_int,
    *const c_char,
    *mut *const c_char,
    usize,
    *const c_char,
    usize,
    *const c_char,
    u32,
    u32,
    *mut c_void,
) -> c_int;

/// Told a message: severity, with prefix, without prefix, context.
pub(crate) type Message = unsafe extern "C" fn(c_int, *const c_char, *const c_char, *mut c_void);

unsafe extern "C" {
    pub(crate) fn cl_init(options: c_uint) -> c_int;
    pub(crate) fn cl_initialize_crypto() -> c_int;
    pub(crate) fn cl_cleanup_crypto();
    pub(crate) fn cl_strerror(code: c_int) -> *const c_char;
    pub(crate) fn cl_retflevel() -> c_uint;
    pub(crate) fn cl_retver() -> *const c_char;
    pub(crate) fn cl_retdbdir() -> *const c_char;
    pub(crate) fn cl_engine_new() -> *mut cl_engine;
    pub(crate) fn cl_engine_free(engine: *mut cl_engine) -> c_int;
    pub(crate) fn cl_engine_compile(engine: *mut cl_engine) -> c_int;
    pub(crate) fn cl_engine_set_num(engine: *mut cl_engine, field: c_int, value: c_longlong) -> c_int;
    pub(crate) fn cl_engine_get_num(engine: *const cl_engine, field: c_int, error: *mut c_int) -> c_longlong;
    pub(crate) fn cl_engine_set_str(engine: *mut cl_engine, field: c_int, value: *const c_char) -> c_int;
    pub(crate) fn cl_engine_get_str(engine: *const cl_engine, field: c_int, error: *mut c_int) -> *const c_char;
    pub(crate) fn cl_engine_set_clcb_file_inspection(engine: *mut cl_engine, callback: Option<Inspection>);
    pub(crate) fn cl_set_clcb_msg(callback: Option<Message>);
    pub(crate) fn cl_load(path: *const c_char, engine: *mut cl_engine, count: *mut c_uint, options: c_uint) -> c_int;
    pub(crate) fn cl_scandesc(
        descriptor: c_int,
        name: *const c_char,
        virus: *mut *const c_char,
        scanned: *mut c_ulong,
        engine: *const cl_engine,
        options: *mut cl_scan_options,
    ) -> c_int;
    pub(crate) fn cl_scanfile(
        path: *const c_char,
        virus: *mut *const c_char,
        scanned: *mut c_ulong,
        engine: *const cl_engine,
        options: *mut cl_scan_options,
    ) -> c_int;
    pub(crate) fn cl_scanmap_callback(
        map: *mut cl_fmap_t,
        name: *const c_char,
        virus: *mut *const c_char,
        scanned: *mut c_ulong,
        engine: *const cl_engine,
        options: *mut cl_scan_options,
        context: *mut c_void,
    ) -> c_int;
    pub(crate) fn cl_fmap_open_handle(
        handle: *mut c_void,
        offset: usize,
        length: usize,
        pread: Option<clcb_pread>,
        aging: c_int,
    ) -> *mut cl_fmap_t;
    pub(crate) fn cl_fmap_open_memory(start: *const c_void, length: usize) -> *mut cl_fmap_t;
    pub(crate) fn cl_fmap_close(map: *mut cl_fmap_t);
}
