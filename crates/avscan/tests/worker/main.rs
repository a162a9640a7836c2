//! The real worker behind the real client: what it finds, what holds it in, and
//! what it survives. Samples are made while the test runs, so that no scanner
//! takes the source for a virus.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod finds;
mod lives;
mod samples;
mod sandbox;
mod unscannable;

use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use avscan_client::{Message, Outcome, Prefix, ScanError, Scanner, Settings};

/// The signature set that is shipped.
fn shipped() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../config/signatures")
}

fn settings(signatures: &Path) -> Settings {
    Settings::new(env!("CARGO_BIN_EXE_gatepost-avscan").into(), signatures.to_owned())
}

/// Each sample has a name of its own, so that none answers for another's crash.
fn message(bytes: &[u8]) -> Message {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(bytes).unwrap();
    let mut sha256 = [0; 32];
    sha256[..8].copy_from_slice(&COUNT.fetch_add(1, Ordering::Relaxed).to_le_bytes());
    let deadline = Instant::now() + Duration::from_secs(60);
    Message { file: file.into(), length: bytes.len() as u64, prefix: Prefix::Foreign, sha256, deadline }
}

async fn scan(scanner: &Scanner, bytes: &[u8]) -> Result<Outcome, ScanError> {
    scanner.scan(message(bytes)).await.map(|scan| scan.outcome)
}

/// Runs a test with a scanner of the shipped signatures.
fn with_scanner(change: impl FnOnce(&mut Settings), test: impl AsyncFnOnce(Scanner)) {
    let mut settings = settings(&shipped());
    change(&mut settings);
    run(async {
        let scanner = Scanner::start(settings).unwrap();
        scanner.ready().await.unwrap();
        test(scanner.clone()).await;
        scanner.stop().await;
    });
}

fn run(test: impl Future<Output = ()>) {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap().block_on(test);
}

fn is_eicar(outcome: &Result<Outcome, ScanError>) -> bool {
    matches!(outcome, Ok(Outcome::Virus(name)) if name.as_str().starts_with("Gatepost.Test.Eicar"))
}
