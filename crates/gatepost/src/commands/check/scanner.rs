//! Whether the signatures are there and fresh, and the worker scans.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use avscan_client::{Confinement, Hello, Scanner};
use tokio::time::timeout;

use super::Finding;
use crate::commands::worker_beside;
use crate::config::Config;

/// Official signatures change daily.
const OLD: Duration = Duration::from_secs(7 * 86_400);
/// The endings of signature files (libclamav's own and those of feeds).
const ENDINGS: [&str; 18] = [
    "cvd", "cld", "cud", "cdb", "hdb", "hdu", "hsb", "hsu", "mdb", "mdu", "msb", "msu", "ndb", "ndu", "ldb", "ldu",
    "yar", "fp",
];

/// One finding for the folder, one for the worker.
pub(super) async fn check(config: &Config, now: SystemTime) -> Vec<Finding> {
    if !config.scan.enabled {
        let hint = "write enabled = true in [scan] if that was not meant";
        return vec![Finding::warn("signatures", "messages are not scanned for viruses", hint)];
    }
    let folder = signatures(&config.scan.signatures, now);
    vec![folder, worker(config).await]
}

fn signatures(folder: &Path, now: SystemTime) -> Finding {
    let name = "signatures";
    let shown = folder.display();
    let files = match files(folder) {
        Ok(files) => files,
        Err(error) => return Finding::fail(name, format!("{shown}: {error}"), "gatepost init makes the folder"),
    };
    let Some(newest) = files.iter().filter_map(|(_, changed)| *changed).max() else {
        return Finding::fail(
            name,
            format!("{shown}: there are no signatures"),
            "put signature files there, or run gatepost init",
        );
    };
    let only_test = files.iter().all(|(file, _)| file.file_stem().is_some_and(|stem| stem == "eicar"));
    if only_test {
        let message = format!("{shown}: only the test signatures, which know no real virus");
        return Finding::warn(name, message, "put real signatures there, such as those of freshclam");
    }
    let age = now.duration_since(newest).unwrap_or_default();
    let days = age.as_secs() / 86_400;
    if age > OLD {
        return Finding::warn(
            name,
            format!("{shown}: the newest file is {days} days old"),
            "is the program running that updates them?",
        );
    }
    Finding::ok(name, format!("{shown}: {} files, the newest {days} days old", files.len()))
}

fn files(folder: &Path) -> std::io::Result<Vec<(PathBuf, Option<SystemTime>)>> {
    let known = |path: &PathBuf| {
        path.extension().and_then(|ending| ending.to_str()).is_some_and(|ending| ENDINGS.contains(&ending))
    };
    let entries = fs::read_dir(folder)?.collect::<std::io::Result<Vec<_>>>()?;
    let paths = entries.into_iter().map(|entry| (entry.path(), entry.metadata().and_then(|meta| meta.modified()).ok()));
    Ok(paths.filter(|(path, _)| known(path)).collect())
}

/// Starts a worker as the server would, waits until it scans, and ends it.
async fn worker(config: &Config) -> Finding {
    let name = "scanner";
    let hint = "gatepost-avscan must lie beside gatepost, or be named in [scan] worker";
    let Some(settings) = config.scanner_settings(worker_beside()) else {
        return Finding::ok(name, "switched off");
    };
    let (program, patience) = (settings.worker.display().to_string(), settings.load_within);
    let scanner = match Scanner::start(settings) {
        Ok(scanner) => scanner,
        Err(error) => return Finding::fail(name, error.to_string(), hint),
    };
    let finding = match timeout(patience, scanner.ready()).await {
        Ok(Ok(loaded)) => match scanner.status().refused {
            Some(reason) => refused(&reason, &loaded),
            None => ready(&program, &loaded),
        },
        Ok(Err(error)) => Finding::fail(
            name,
            error.to_string(),
            "the reason is in the message; without a sandbox of the kernel: [scan] sandbox",
        ),
        Err(_) => Finding::fail(
            name,
            format!("{program}: not ready after {} s", patience.as_secs()),
            "raise [scan] load_within",
        ),
    };
    scanner.stop().await;
    finding
}

/// Mail is scanned, but not for what is new.
fn refused(reason: &str, loaded: &Hello) -> Finding {
    let message = format!("{reason}; the copy of the last good set is in use, {} signatures", loaded.signatures);
    Finding::warn("scanner", message, "repair or remove the file that is named; the server tries again by itself")
}

fn ready(program: &str, loaded: &Hello) -> Finding {
    let name = "scanner";
    let Hello { signatures, engine, confinement, .. } = loaded;
    let message = format!("{program}: it starts, {signatures} signatures, libclamav {engine}");
    match confinement {
        Confinement::Full => Finding::ok(name, format!("{message}, held in by the kernel")),
        Confinement::Partial => {
            let hint = "a newer kernel with Landlock and seccomp would hold it in";
            Finding::warn(name, format!("{message}, but this kernel cannot hold it in completely"), hint)
        }
        Confinement::Off => {
            let hint = "write sandbox = \"required\" in [scan]: the scanner reads hostile files";
            Finding::warn(name, format!("{message}, but nothing holds it in"), hint)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::check::Status;

    #[test]
    fn signature_folders() {
        let dir = tempfile::tempdir().unwrap();
        let soon = SystemTime::now() + Duration::from_secs(60);
        let late = SystemTime::now() + Duration::from_secs(9 * 86_400);
        let status = |now| signatures(dir.path(), now).status;
        assert_eq!(signatures(&dir.path().join("none"), soon).status, Status::Fail);
        assert_eq!(status(soon), Status::Fail);
        fs::write(dir.path().join("README"), "no signature").unwrap();
        assert_eq!(status(soon), Status::Fail);
        fs::write(dir.path().join("eicar.ndb"), "x").unwrap();
        assert_eq!(status(soon), Status::Warn);
        fs::write(dir.path().join("daily.cvd"), "x").unwrap();
        assert_eq!(status(soon), Status::Ok);
        assert_eq!(status(late), Status::Warn);
    }

    #[test]
    fn a_set_that_is_refused_is_said() {
        let loaded = hello(Confinement::Full);
        let finding = refused("the signatures in /x cannot be loaded: Malformed database", &loaded);
        assert_eq!(finding.status, Status::Warn);
        assert!(finding.message.contains("Malformed") && finding.message.contains("last good set"));
    }

    fn hello(confinement: Confinement) -> Hello {
        Hello {
            signatures: 2,
            engine: "1.4".to_owned(),
            database_version: 0,
            database_time: 0,
            newest_file: 0,
            load_ms: 1,
            confinement,
        }
    }

    #[test]
    fn a_worker_that_nothing_holds_in_is_said() {
        let cases =
            [(Confinement::Full, Status::Ok), (Confinement::Partial, Status::Warn), (Confinement::Off, Status::Warn)];
        for (confinement, status) in cases {
            assert_eq!(ready("gatepost-avscan", &hello(confinement)).status, status);
        }
    }
}
