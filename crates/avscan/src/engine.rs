//! libclamav's engine: every limit given, everything looked into, loaded once.

use std::fs;
use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use avscan_wire::{Confinement, Hello, Limits, Options};
use clamav_rs::engine::Engine;
use clamav_rs::scan_settings::ScanSettings;
use clamav_sys::cl_engine_field as Field;

use crate::collect;

/// Room for the line that is put before a message whose size is just allowed.
const PREFIX_ROOM: u64 = 64 << 10;

/// An engine that is ready to scan.
#[derive(Clone, Copy)]
pub(crate) struct Loaded {
    pub(crate) engine: &'static Engine,
    /// Whether files are told apart by libclamav's built-in list.
    pub(crate) known_types: bool,
}

/// Loads the signature folder. The engine is never freed: the process ends
/// first, and taking half a gigabyte apart takes longer than that.
pub(crate) fn load(options: &Options) -> Result<(Loaded, Hello), String> {
    let temporary = options.scratch.as_os_str().as_encoded_bytes().to_vec();
    let temporary = std::ffi::CString::new(temporary).map_err(|_| "the scratch folder's name has a NUL in it")?;
    clamav_sys::configure(clamav_sys::Settings { numbers: numbers(&options.limits), temporary });
    clamav_sys::inspect(collect::file);
    clamav_rs::initialize().map_err(|error| {
        format!("libclamav {} cannot be used ({error}); 1.0 to 1.5 is needed", clamav_rs::version::version())
    })?;
    let engine: &'static Engine = Box::leak(Box::new(Engine::new()));
    let folder = options.signatures.to_str().ok_or("the signature folder's name is no UTF-8")?;
    let failed = |error: clamav_rs::ClamError| {
        let detail = clamav_sys::take_errors().unwrap_or_else(|| error.string_error());
        format!("the signatures in {folder} cannot be loaded: {detail}")
    };
    let newest_file = newest(&options.signatures).map_err(|error| format!("{folder} cannot be read: {error}"))?;
    let stats = engine.load_databases(folder).map_err(failed)?;
    if stats.signature_count == 0 {
        return Err(format!("there are no signatures in {folder}"));
    }
    engine.compile().map_err(failed)?;
    let database_time = engine.database_timestamp().map_or(0, seconds);
    let hello = Hello {
        signatures: stats.signature_count,
        engine: clamav_rs::version::version(),
        database_version: engine.database_version().unwrap_or(0),
        database_time,
        newest_file,
        load_ms: 0,
        confinement: Confinement::Off,
    };
    // The official set brings a list of file types of its own; so may a feed.
    let known_types = hello.database_version == 0 && !has_types(&options.signatures);
    Ok((Loaded { engine, known_types }, hello))
}

/// What a scan looks into: everything that the library can open. What exceeds
/// a limit or is encrypted is reported, to be told apart from a virus later.
pub(crate) fn scan_settings() -> ScanSettings {
    let mut settings = ScanSettings::default();
    settings.settings.general = clamav_sys::CL_SCAN_GENERAL_HEURISTICS;
    // Bits that an older library does not know have no meaning to it.
    settings.settings.parse = u32::MAX;
    settings.settings.heuristic = clamav_sys::CL_SCAN_HEURISTIC_EXCEEDS_MAX
        | clamav_sys::CL_SCAN_HEURISTIC_ENCRYPTED_ARCHIVE
        | clamav_sys::CL_SCAN_HEURISTIC_ENCRYPTED_DOC;
    settings
}

/// All limits, also those that are the library's defaults today.
fn numbers(limits: &Limits) -> Vec<(Field, i64)> {
    let bytes = |bytes: u64| i64::try_from(bytes).unwrap_or(i64::MAX);
    vec![
        (Field::CL_ENGINE_MAX_SCANSIZE, bytes(limits.max_scan)),
        (Field::CL_ENGINE_MAX_FILESIZE, bytes(limits.max_file.saturating_add(PREFIX_ROOM))),
        (Field::CL_ENGINE_MAX_RECURSION, limits.max_recursion.into()),
        (Field::CL_ENGINE_MAX_FILES, limits.max_files.into()),
        (Field::CL_ENGINE_MAX_SCANTIME, limits.max_time_ms.into()),
        (Field::CL_ENGINE_MAX_EMBEDDEDPE, 40 << 20),
        (Field::CL_ENGINE_MAX_HTMLNORMALIZE, 40 << 20),
        (Field::CL_ENGINE_MAX_HTMLNOTAGS, 8 << 20),
        (Field::CL_ENGINE_MAX_SCRIPTNORMALIZE, 20 << 20),
        (Field::CL_ENGINE_MAX_ZIPTYPERCG, 1 << 20),
        (Field::CL_ENGINE_MAX_PARTITIONS, 50),
        (Field::CL_ENGINE_MAX_ICONSPE, 100),
        (Field::CL_ENGINE_MAX_RECHWP3, 16),
        (Field::CL_ENGINE_PCRE_MATCH_LIMIT, 100_000),
        (Field::CL_ENGINE_PCRE_RECMATCH_LIMIT, 2_000),
        (Field::CL_ENGINE_PCRE_MAX_FILESIZE, 100 << 20),
        // Bytecode runs only if its publisher signed it.
        (Field::CL_ENGINE_BYTECODE_SECURITY, 1),
        (Field::CL_ENGINE_BYTECODE_TIMEOUT, 10_000),
        (Field::CL_ENGINE_KEEPTMP, 0),
        // A file that the cache calls clean is not unpacked again, and what is
        // in it would not be shown to us.
        (Field::CL_ENGINE_DISABLE_CACHE, 1),
    ]
}

/// The youngest file of the folder, in seconds since 1970.
fn newest(folder: &Path) -> std::io::Result<u64> {
    let mut newest = 0;
    for entry in fs::read_dir(folder)? {
        newest = newest.max(seconds(entry?.metadata()?.modified()?));
    }
    Ok(newest)
}

fn has_types(folder: &Path) -> bool {
    let is_list = |path: &Path| path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("ftm"));
    // What cannot be listed any more may have had one.
    fs::read_dir(folder).map_or(true, |entries| entries.flatten().any(|entry| is_list(&entry.path())))
}

fn seconds(time: SystemTime) -> u64 {
    time.duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO).as_secs()
}
