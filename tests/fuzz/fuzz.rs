//! All fuzz targets in one program: `FUZZ_TARGET` names the one to run, so that
//! the instrumented build is made once.
#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;

static TARGET: LazyLock<tests::fuzz::Target> = LazyLock::new(|| {
    let wanted = std::env::var("FUZZ_TARGET").unwrap_or_default();
    let found = tests::fuzz::TARGETS.iter().find(|(name, _)| *name == wanted);
    found.unwrap_or_else(|| panic!("FUZZ_TARGET must be one of tests/src/fuzz.rs")).1
});

fuzz_target!(|data: &[u8]| TARGET(data));
