//! The server side lives through whatever happens to a worker.

use std::fs;
use std::path::Path;
use std::time::Duration;

use avscan_client::{Message, Outcome, ReloadError, ScanError, Scanner, State};
use rustix::process::{Pid, Signal, kill_process};

use crate::samples::{eicar, mail, part, zip};
use crate::{is_eicar, message, run, scan, settings, shipped, with_scanner};

fn signal(pid: u32, signal: Signal) {
    kill_process(Pid::from_raw(pid.cast_signed()).unwrap(), signal).unwrap();
}

fn infected() -> Vec<u8> {
    mail("X-Odd: y\n", &part("application/zip", "a.zip", &zip("a.com", &eicar()))).into()
}

/// Scans a message while the worker stands still, so that it is in flight.
async fn while_stopped(scanner: &Scanner, message: Message) -> tokio::task::JoinHandle<Result<Outcome, ScanError>> {
    let pid = scanner.status().pid.unwrap();
    signal(pid, Signal::STOP);
    // The signal is taken by each thread when it is next scheduled; until then
    // one of them could still scan.
    until(|| stands_still(pid)).await;
    let asking = scanner.clone();
    let asked = tokio::spawn(async move { asking.scan(message).await.map(|scan| scan.outcome) });
    // On a machine that is held up it may be over before it was seen to run.
    until(|| scanner.status().running > 0 || asked.is_finished()).await;
    asked
}

/// Whether every thread of a process has stopped (proc(5), the third field of
/// `stat`, behind the name in parentheses).
fn stands_still(pid: u32) -> bool {
    let state = |task: fs::DirEntry| {
        let stat = fs::read_to_string(task.path().join("stat")).unwrap_or_default();
        stat.rsplit_once(") ").is_some_and(|(_, rest)| rest.starts_with('T'))
    };
    fs::read_dir(format!("/proc/{pid}/task")).unwrap().flatten().all(state)
}

async fn until(condition: impl Fn() -> bool) {
    for _ in 0..2000 {
        if condition() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    panic!("it did not come to that");
}

#[test]
fn a_message_whose_worker_is_killed_is_scanned_by_the_next() {
    with_scanner(
        |_| {},
        async |scanner| {
            let first = scanner.status().pid.unwrap();
            let asked = while_stopped(&scanner, message(&infected())).await;
            signal(first, Signal::KILL);
            let outcome = asked.await.unwrap();
            assert!(is_eicar(&outcome), "{outcome:?}");
            until(|| scanner.is_ready()).await;
            let status = scanner.status();
            assert_ne!(status.pid, Some(first));
            assert_eq!(status.crashes, 1);
            assert_eq!(scan(&scanner, b"Subject: x\n\nhi").await, Ok(Outcome::Clean));
        },
    );
}

#[test]
fn killed_again_it_is_an_error_and_the_server_lives() {
    with_scanner(
        |_| {},
        async |scanner| {
            let asked = while_stopped(&scanner, message(&infected())).await;
            while !asked.is_finished() {
                for pid in scanner.status().pids {
                    // One that has ended already is none of our business.
                    let _ = kill_process(Pid::from_raw(pid.cast_signed()).unwrap(), Signal::KILL);
                }
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
            let error = asked.await.unwrap().unwrap_err();
            assert_eq!(mail::Classified::class(&error), mail::Class::Scanner, "{error}");
            until(|| scanner.is_ready()).await;
            assert!(is_eicar(&scan(&scanner, &infected()).await));
        },
    );
}

#[test]
fn a_worker_that_hangs_is_killed() {
    with_scanner(
        |settings| settings.hang_after = Duration::from_millis(800),
        async |scanner| {
            let first = scanner.status().pid.unwrap();
            let asked = while_stopped(&scanner, message(&infected())).await;
            assert_eq!(asked.await.unwrap(), Err(ScanError::Hung));
            until(|| scanner.is_ready()).await;
            assert_ne!(scanner.status().pid, Some(first));
            assert!(is_eicar(&scan(&scanner, &infected()).await));
        },
    );
}

#[test]
fn a_signal_to_the_whole_service_is_for_the_daemon() {
    with_scanner(
        |_| {},
        async |scanner| {
            let pid = scanner.status().pid.unwrap();
            for sent in [Signal::INT, Signal::TERM, Signal::HUP] {
                signal(pid, sent);
                assert!(is_eicar(&scan(&scanner, &infected()).await));
            }
            let status = scanner.status();
            assert_eq!((status.pid, status.crashes), (Some(pid), 0));
        },
    );
}

#[test]
fn workers_end_with_the_scanner_and_leave_nothing() {
    let scratch = tempfile::tempdir().unwrap();
    let mut settings = settings(&shipped());
    settings.scratch = scratch.path().to_owned();
    run(async {
        let scanner = Scanner::start(settings).unwrap();
        scanner.ready().await.unwrap();
        let process = format!("/proc/{}", scanner.status().pid.unwrap());
        assert_eq!(fs::read_dir(scratch.path()).unwrap().count(), 1);
        scanner.stop().await;
        assert!(!Path::new(&process).exists());
        assert_eq!(fs::read_dir(scratch.path()).unwrap().count(), 0);
        assert_eq!(scan(&scanner, b"x").await, Err(ScanError::Stopped));
    });
}

/// A folder with the shipped set, to be changed.
fn own_set() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for file in fs::read_dir(shipped()).unwrap() {
        let file = file.unwrap();
        fs::copy(file.path(), folder.path().join(file.file_name())).unwrap();
    }
    folder
}

fn signature(name: &str, text: &str) -> String {
    let hex: String = text.bytes().map(|byte| format!("{byte:02x}")).collect();
    format!("{name}:0:*:{hex}\n")
}

#[test]
fn a_broken_set_is_refused_and_the_old_one_stays() {
    let set = own_set();
    run(async {
        let scanner = Scanner::start(settings(set.path())).unwrap();
        let loaded = scanner.ready().await.unwrap();
        fs::write(set.path().join("new.ndb"), "this is no signature\n").unwrap();
        let Err(ReloadError::Refused(reason)) = scanner.reload().await else { panic!("it was taken") };
        assert!(reason.contains("new.ndb"), "{reason}");
        assert!(is_eicar(&scan(&scanner, &infected()).await));
        let status = scanner.status();
        assert_eq!((status.state, status.reloads), (State::Ready, 0));
        assert_eq!(status.last_problem, Some(reason));
        fs::write(set.path().join("new.ndb"), signature("New", "quetzal seven")).unwrap();
        let reloaded = scanner.reload().await.unwrap();
        assert_eq!(reloaded.signatures, loaded.signatures + 1);
        let found = scan(&scanner, b"Subject: x\n\nquetzal seven\n").await;
        assert!(matches!(&found, Ok(Outcome::Virus(name)) if name.as_str() == "New.UNOFFICIAL"), "{found:?}");
        scanner.stop().await;
    });
}

#[test]
fn without_signatures_it_says_so_and_takes_those_that_come() {
    let set = tempfile::tempdir().unwrap();
    run(async {
        let scanner = Scanner::start(settings(set.path())).unwrap();
        let Err(ScanError::Away(reason)) = scanner.ready().await else { panic!("it started") };
        assert!(reason.contains(&set.path().display().to_string()), "{reason}");
        assert!(matches!(scan(&scanner, b"x").await, Err(ScanError::Away(_))));
        fs::write(set.path().join("new.ndb"), signature("New", "quetzal seven")).unwrap();
        scanner.reload().await.unwrap();
        assert_eq!(scan(&scanner, b"Subject: x\n\nhi").await, Ok(Outcome::Clean));
        scanner.stop().await;
    });
}

#[test]
fn reloads_under_load_fail_no_scan() {
    let set = own_set();
    run(async {
        let scanner = Scanner::start(settings(set.path())).unwrap();
        scanner.ready().await.unwrap();
        let load: Vec<_> = (0..6).map(|n| tokio::spawn(ask_often(scanner.clone(), n % 2 == 0))).collect();
        for n in 0..4 {
            fs::write(set.path().join("new.ndb"), signature("New", &format!("quetzal {n}"))).unwrap();
            scanner.reload().await.unwrap();
        }
        for task in load {
            task.await.unwrap();
        }
        let status = scanner.status();
        assert_eq!((status.reloads, status.crashes), (4, 0));
        until(|| scanner.status().pids.len() == 1).await;
        scanner.stop().await;
    });
}

async fn ask_often(scanner: Scanner, clean: bool) {
    let sample = if clean { b"Subject: x\n\nhi".to_vec() } else { infected() };
    for _ in 0..40 {
        let outcome = scan(&scanner, &sample).await;
        assert_eq!((outcome == Ok(Outcome::Clean), is_eicar(&outcome)), (clean, !clean), "{outcome:?}");
    }
}
