//! `gatepost scan FILE`: asks the running server's scanner by hand, or where no
//! server runs one with the settings and the sandbox that it would have.

use std::fs::File;
use std::io::{self, Read, Seek};
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use avscan_client::{Hello, Message, Outcome, Prefix, Scan, Scanner};
use clap::Args;
use serde::Serialize;
use sha2::{Digest, Sha256};

use super::worker_beside;
use crate::config::Config;
use crate::control::{self, Answer, Question, Scanned};
use crate::output::{Exit, Failure, Output, Row};

/// What to scan.
#[derive(Debug, Clone, Args)]
pub struct ScanArgs {
    /// A message as a file
    file: PathBuf,
}

/// Scans the file; the exit status is 1 where something was found, or where
/// not all of it could be looked at.
///
/// # Errors
///
/// [`Failure`] where the file cannot be read or the scanner cannot be used.
pub async fn run(args: &ScanArgs, config: &Config, out: Output) -> Result<Exit, Failure> {
    let (file, length, sha256) = open(&args.file)?;
    let question = Question::Scan { length, sha256 };
    let patience = config.judge.budget + Duration::from_secs(20);
    let (scanned, by) = match control::ask(&config.server.data, &question, Some(file.as_fd()), patience).await {
        Ok(Some(Answer::Scanned(scanned))) => (scanned, "the running server"),
        Ok(Some(Answer::Failed(why))) => return Err(Failure::failed(why)),
        Ok(Some(_)) => return Err(Failure::failed("the running server said something else")),
        Ok(None) => (by_our_own(file, length, sha256, config).await?, "a scanner of its own, as no server is running"),
        Err(error) => return Err(Failure::failed(format!("the running server did not answer: {error}"))),
    };
    let report = Report { file: args.file.clone(), scanned, by };
    out.show(&report)?;
    Ok(if report.scanned.outcome == "clean" { Exit::Done } else { Exit::Failed })
}

/// Loads the signatures for this one scan.
async fn by_our_own(file: File, length: u64, sha256: [u8; 32], config: &Config) -> Result<Scanned, Failure> {
    let settings = config
        .scanner_settings(worker_beside())
        .ok_or_else(|| Failure::usage("scanning is switched off").hint("write enabled = true in [scan]"))?;
    let scanner = Scanner::start(settings)?;
    let loaded = scanner.ready().await?;
    let deadline = Instant::now() + config.judge.budget;
    let message = Message { file: file.into(), length, prefix: Prefix::Foreign, sha256, deadline };
    let scan = scanner.scan(message).await;
    scanner.stop().await;
    Ok(scanned(&scan?, &loaded))
}

/// The finding in words.
pub(crate) fn scanned(scan: &Scan, loaded: &Hello) -> Scanned {
    let (outcome, detail) = match &scan.outcome {
        Outcome::Clean => ("clean", None),
        Outcome::Virus(name) => ("virus", Some(name.to_string())),
        Outcome::Unscannable(limit) => ("unscannable", Some(limit.to_string())),
        Outcome::Poison => ("poison", None),
    };
    Scanned {
        outcome: outcome.to_owned(),
        detail,
        took_ms: u64::try_from(scan.took.as_millis()).unwrap_or(u64::MAX),
        signatures: loaded.signatures,
        engine: loaded.engine.clone(),
    }
}

/// Opens the file and hashes it, piece by piece, whatever its size.
fn open(path: &Path) -> Result<(File, u64, [u8; 32]), Failure> {
    let failed = |error: io::Error| Failure::missing(format!("{} cannot be read: {error}", path.display()));
    let mut file = File::open(path).map_err(failed)?;
    if !file.metadata().map_err(failed)?.is_file() {
        return Err(Failure::usage(format!("{} is no file", path.display())));
    }
    let (mut hash, mut length, mut piece) = (Sha256::new(), 0_u64, vec![0; 64 << 10]);
    loop {
        let read = file.read(&mut piece).map_err(failed)?;
        if read == 0 {
            break;
        }
        hash.update(&piece[..read]);
        length += read as u64;
    }
    file.rewind().map_err(failed)?;
    Ok((file, length, hash.finalize().into()))
}

#[derive(Debug, Serialize)]
struct Report {
    file: PathBuf,
    #[serde(flatten)]
    scanned: Scanned,
    by: &'static str,
}

impl Row for Report {
    const COLUMNS: &'static [&'static str] = &["file", "outcome", "detail", "took", "signatures", "engine", "by"];

    fn cells(&self) -> Vec<String> {
        let Scanned { outcome, detail, took_ms, signatures, engine } = &self.scanned;
        vec![
            self.file.display().to_string(),
            outcome.clone(),
            detail.clone().unwrap_or_else(|| "-".to_owned()),
            format!("{took_ms} ms"),
            signatures.to_string(),
            format!("libclamav {engine}"),
            self.by.to_owned(),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_hashed_whole_and_rewound() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.eml");
        std::fs::write(&path, vec![b'x'; 200_000]).unwrap();
        let (mut file, length, sha256) = open(&path).unwrap();
        assert_eq!((length, file.stream_position().unwrap()), (200_000, 0));
        assert_eq!(sha256, <[u8; 32]>::from(Sha256::digest(vec![b'x'; 200_000])));
        assert_eq!(open(dir.path()).unwrap_err().exit(), Exit::Usage);
        assert_eq!(open(&dir.path().join("none")).unwrap_err().exit(), Exit::Missing);
    }
}
