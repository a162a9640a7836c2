//! The scanner with real processes that end in all the ways they can.
//!
//! This program plays the worker itself when it is started with a worker's
//! options: what it does with a message is written in the message.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::fs;
use std::io::{IoSliceMut, Write};
use std::mem::MaybeUninit;
use std::os::fd::OwnedFd;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::time::{Duration, Instant};

use avscan_client::{
    Confinement, Copies, Hello, Limit, Message, Outcome, Prefix, ReloadError, ScanError, Scanner, Settings, State,
};
use avscan_wire::{Options, Report, Request};
use rustix::net::{self, RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendFlags};

fn main() {
    let args: Vec<_> = std::env::args_os().skip(1).collect();
    if let Ok(options) = Options::from_args(args) {
        return work(&options);
    }
    let tests: [(&str, fn(&Path)); 11] = [
        ("findings_come_back", findings_come_back),
        ("the_guilty_one_is_told_from_the_innocent", the_guilty_one_is_told_from_the_innocent),
        ("the_third_time_it_is_poison", the_third_time_it_is_poison),
        ("a_hang_ends_at_its_time", a_hang_ends_at_its_time),
        ("a_deadline_is_kept", a_deadline_is_kept),
        ("a_worker_that_lies_is_left", a_worker_that_lies_is_left),
        ("many_wait_their_turn", many_wait_their_turn),
        ("a_set_that_cannot_be_loaded", a_set_that_cannot_be_loaded),
        ("a_broken_set_and_a_killed_worker", a_broken_set_and_a_killed_worker),
        ("without_room_for_a_copy_it_scans", without_room_for_a_copy_it_scans),
        ("scanners_that_are_dropped_end", scanners_that_are_dropped_end),
    ];
    for (name, test) in tests {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("scratch")).unwrap();
        fs::create_dir(folder.path().join("signatures")).unwrap();
        test(folder.path());
        println!("test {name} ... ok");
    }
}

// ---- the worker ----

fn work(options: &Options) {
    let tell = |report: Report| {
        let _ = net::send(std::io::stdin(), &report.encode(), SendFlags::NOSIGNAL);
    };
    let files = fs::read_dir(&options.signatures).unwrap().count();
    if options.signatures.join("broken").exists() {
        return tell(Report::LoadFailed("broken".into()));
    }
    if options.signatures.join("crash").exists() {
        std::process::exit(3);
    }
    tell(Report::Hello(Hello {
        signatures: u32::try_from(files).unwrap(),
        engine: "played".into(),
        database_version: 0,
        database_time: 0,
        newest_file: 0,
        load_ms: 0,
        confinement: Confinement::Off,
    }));
    while let Some((request, text)) = next_request() {
        let outcome = match text.as_str() {
            "crash" => std::process::abort(),
            "hang" => loop {
                std::thread::park();
            },
            "babble" => {
                let _ = net::send(std::io::stdin(), b"\x09nonsense", SendFlags::NOSIGNAL);
                continue;
            }
            "slow" => {
                std::thread::sleep(Duration::from_millis(100));
                avscan_wire::Outcome::Clean
            }
            "virus" => avscan_wire::Outcome::Found("Worm\r\nX".into()),
            "locked" => avscan_wire::Outcome::Unscannable(Limit::Encrypted),
            "fail" => avscan_wire::Outcome::Failed("no memory".into()),
            _ => avscan_wire::Outcome::Clean,
        };
        tell(Report::Scanned { id: request.id, outcome, millis: 7 });
    }
}

fn next_request() -> Option<(Request, String)> {
    let mut frame = [0; 4096];
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut beside = RecvAncillaryBuffer::new(&mut space);
    let mut into = [IoSliceMut::new(&mut frame)];
    let length = net::recvmsg(std::io::stdin(), &mut into, &mut beside, RecvFlags::empty()).ok()?.bytes;
    let request = Request::decode(&frame[..length]).ok()?;
    let file = beside.drain().find_map(|item| match item {
        RecvAncillaryMessage::ScmRights(mut files) => files.next(),
        _ => None,
    });
    let mut text = vec![0; usize::try_from(request.length).ok()?];
    fs::File::from(file?).read_exact_at(&mut text, 0).ok()?;
    Some((request, String::from_utf8(text).ok()?))
}

// ---- the tests ----

fn settings(folder: &Path) -> Settings {
    let mut settings = Settings::new(std::env::current_exe().unwrap(), folder.join("signatures"));
    settings.scratch = folder.join("scratch");
    settings.threads = 1;
    settings
}

fn run(settings: Settings, test: impl AsyncFnOnce(Scanner)) {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(async {
        let scanner = Scanner::start(settings).unwrap();
        test(scanner.clone()).await;
        scanner.stop().await;
    });
}

/// The text is also what the message is known by.
fn message(text: &str) -> Message {
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(text.as_bytes()).unwrap();
    let mut sha256 = [0; 32];
    sha256[..text.len()].copy_from_slice(text.as_bytes());
    let deadline = Instant::now() + Duration::from_secs(20);
    Message { file: OwnedFd::from(file), length: text.len() as u64, prefix: Prefix::Foreign, sha256, deadline }
}

async fn scan(scanner: &Scanner, text: &str) -> Result<Outcome, ScanError> {
    scanner.scan(message(text)).await.map(|scan| scan.outcome)
}

fn findings_come_back(folder: &Path) {
    run(settings(folder), async |scanner| {
        // Asked before the worker is loaded: it waits.
        let clean = scanner.scan(message("hello")).await.unwrap();
        assert_eq!((clean.outcome, clean.took), (Outcome::Clean, Duration::from_millis(7)));
        let Ok(Outcome::Virus(name)) = scan(&scanner, "virus").await else { panic!("not found") };
        assert_eq!(name.as_str(), "Worm??X", "a name cannot break a line");
        assert_eq!(scan(&scanner, "locked").await, Ok(Outcome::Unscannable(Limit::Encrypted)));
        assert_eq!(scan(&scanner, "fail").await, Err(ScanError::Failed("no memory".into())));
        assert_eq!(scan(&scanner, "").await, Ok(Outcome::Clean));
        let status = scanner.status();
        assert_eq!((status.state, status.crashes, status.pids.len()), (State::Ready, 0, 1));
        assert_eq!(status.pid, status.pids.first().copied());
    });
}

fn the_guilty_one_is_told_from_the_innocent(folder: &Path) {
    // Three in flight in one worker that takes them one by one.
    let mut settings = settings(folder);
    settings.threads = 3;
    run(settings, async |scanner| {
        scanner.ready().await.unwrap();
        let (slow, guilty, behind) =
            tokio::join!(scan(&scanner, "slow"), scan(&scanner, "crash"), scan(&scanner, "behind"));
        assert_eq!((slow, guilty, behind), (Ok(Outcome::Clean), Err(ScanError::Crashed), Ok(Outcome::Clean)));
        assert_eq!(scan(&scanner, "after").await, Ok(Outcome::Clean));
        assert_eq!(scanner.status().crashes, 2);
    });
}

fn the_third_time_it_is_poison(folder: &Path) {
    run(settings(folder), async |scanner| {
        assert_eq!(scan(&scanner, "crash").await, Err(ScanError::Crashed));
        assert_eq!(scan(&scanner, "crash").await, Err(ScanError::Crashed));
        assert_eq!(scan(&scanner, "crash").await, Ok(Outcome::Poison));
        let crashes = scanner.status().crashes;
        assert_eq!(scan(&scanner, "crash").await, Ok(Outcome::Poison));
        assert_eq!(scanner.status().crashes, crashes, "it is not tried any more");
        assert_eq!(scan(&scanner, "hello").await, Ok(Outcome::Clean));
    });
}

fn a_hang_ends_at_its_time(folder: &Path) {
    let mut settings = settings(folder);
    settings.hang_after = Duration::from_millis(400);
    run(settings, async |scanner| {
        scanner.ready().await.unwrap();
        let (hung, next) = tokio::join!(scan(&scanner, "hang"), scan(&scanner, "next"));
        assert_eq!((hung, next), (Err(ScanError::Hung), Ok(Outcome::Clean)));
    });
}

fn a_deadline_is_kept(folder: &Path) {
    run(settings(folder), async |scanner| {
        scanner.ready().await.unwrap();
        let mut soon = message("slow");
        soon.deadline = Instant::now() + Duration::from_millis(20);
        assert_eq!(scanner.scan(soon).await, Err(ScanError::Deadline));
        assert_eq!(scan(&scanner, "hello").await, Ok(Outcome::Clean));
        assert_eq!(scanner.status().crashes, 0);
    });
}

fn a_worker_that_lies_is_left(folder: &Path) {
    run(settings(folder), async |scanner| {
        assert_eq!(scan(&scanner, "babble").await, Err(ScanError::Crashed));
        let problem = scanner.status().last_problem.unwrap();
        assert!(problem.contains("version 9"), "{problem}");
        assert_eq!(scan(&scanner, "hello").await, Ok(Outcome::Clean));
    });
}

fn many_wait_their_turn(folder: &Path) {
    let mut settings = settings(folder);
    (settings.threads, settings.waiting) = (2, 10);
    run(settings, async |scanner| {
        scanner.ready().await.unwrap();
        let all: Vec<_> = (0..40)
            .map(|n| {
                let scanner = scanner.clone();
                tokio::spawn(async move { scan(&scanner, if n == 0 { "slow" } else { "x" }).await })
            })
            .collect();
        let (mut clean, mut busy) = (0, 0);
        for one in all {
            match one.await.unwrap() {
                Ok(Outcome::Clean) => clean += 1,
                Err(ScanError::Busy) => busy += 1,
                other => panic!("{other:?}"),
            }
        }
        assert_eq!(clean + busy, 40);
        assert!(clean >= 12, "two are scanned and ten wait at least: {clean}");
    });
}

fn a_set_that_cannot_be_loaded(folder: &Path) {
    let set = folder.join("signatures");
    fs::write(set.join("crash"), "").unwrap();
    run(settings(folder), async |scanner| {
        let Err(ScanError::Away(reason)) = scanner.ready().await else { panic!("it came up") };
        assert!(reason.contains("ended while it loaded"), "{reason}");
        let began = Instant::now();
        assert!(matches!(scan(&scanner, "x").await, Err(ScanError::Away(_))));
        assert!(began.elapsed() < Duration::from_millis(500), "nobody is kept waiting");
        fs::rename(set.join("crash"), set.join("one")).unwrap();
        assert_eq!(scanner.reload().await.map(|hello| hello.signatures), Ok(1));
        assert_eq!(scan(&scanner, "x").await, Ok(Outcome::Clean));
        fs::write(set.join("broken"), "").unwrap();
        let (first, second) = tokio::join!(scanner.reload(), scanner.reload());
        assert_eq!((first, second), (Err(ReloadError::Refused("broken".into())), Err(ReloadError::UnderWay)));
        assert_eq!(scan(&scanner, "x").await, Ok(Outcome::Clean));
    });
}

/// Kills the serving worker and waits for the next one.
async fn kill_serving(scanner: &Scanner) {
    let pid = scanner.status().pid.unwrap();
    let process = rustix::process::Pid::from_raw(i32::try_from(pid).unwrap()).unwrap();
    rustix::process::kill_process(process, rustix::process::Signal::KILL).unwrap();
    until("another worker serves", || {
        let status = scanner.status();
        status.state == State::Ready && status.pid.is_some_and(|now| now != pid)
    })
    .await;
}

async fn until(what: &str, done: impl Fn() -> bool) {
    let began = Instant::now();
    while !done() {
        assert!(began.elapsed() < Duration::from_secs(60), "{what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

fn a_broken_set_and_a_killed_worker(folder: &Path) {
    let (set, kept) = (folder.join("signatures"), folder.join("kept"));
    let keeping = || Settings { copies: Copies::Keep(folder.join("kept")), ..settings(folder) };
    let signatures = |scanner: &Scanner| scanner.status().loaded.unwrap().signatures;
    fs::write(set.join("one"), "").unwrap();
    run(keeping(), async |scanner| {
        scanner.ready().await.unwrap();
        until("a copy is kept", || kept.join("good").exists()).await;
        fs::write(set.join("broken"), "").unwrap();
        assert_eq!(scanner.reload().await, Err(ReloadError::Refused("broken".into())));
        kill_serving(&scanner).await;
        assert_eq!(scan(&scanner, "x").await, Ok(Outcome::Clean));
        assert_eq!((signatures(&scanner), scanner.status().refused.as_deref()), (1, Some("broken")));
        // A trial alone has the copy, too.
        assert_eq!(scan(&scanner, "crash").await, Err(ScanError::Crashed));
    });
    // The server starts with it, and so does a command beside the server.
    let reading = Settings { copies: Copies::Read(folder.join("kept")), ..settings(folder) };
    for start in [keeping(), reading] {
        run(start, async |scanner| {
            assert_eq!(scanner.ready().await.map(|hello| hello.signatures), Ok(1));
            assert_eq!(scanner.status().refused.as_deref(), Some("broken"));
            assert!(scan(&scanner, "virus").await.is_ok());
        });
    }
    run(keeping(), async |scanner| {
        scanner.ready().await.unwrap();
        fs::rename(set.join("broken"), set.join("two")).unwrap();
        assert_eq!(scanner.reload().await.map(|hello| hello.signatures), Ok(2));
        assert_eq!(scanner.status().refused, None);
        let good = || fs::read_dir(kept.join("good")).map_or(0, Iterator::count);
        until("the new set is kept", || good() == 2).await;
        fs::write(set.join("crash"), "").unwrap();
        kill_serving(&scanner).await;
        assert_eq!((signatures(&scanner), scan(&scanner, "x").await), (2, Ok(Outcome::Clean)));
    });
    let left: Vec<_> = fs::read_dir(&kept).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left.len(), 2, "one set and its name: {left:?}");
}

fn without_room_for_a_copy_it_scans(folder: &Path) {
    fs::write(folder.join("signatures").join("one"), "").unwrap();
    fs::write(folder.join("kept"), "no folder").unwrap();
    run(Settings { copies: Copies::Keep(folder.join("kept")), ..settings(folder) }, async |scanner| {
        assert_eq!(scanner.ready().await.map(|hello| hello.signatures), Ok(1));
        kill_serving(&scanner).await;
        assert_eq!(scan(&scanner, "x").await, Ok(Outcome::Clean));
    });
}

fn scanners_that_are_dropped_end(folder: &Path) {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    runtime.block_on(async {
        let scanner = Scanner::start(settings(folder)).unwrap();
        scanner.ready().await.unwrap();
        let process = format!("/proc/{}", scanner.status().pid.unwrap());
        drop(scanner);
        let gone = || !Path::new(&process).exists() && fs::read_dir(folder.join("scratch")).unwrap().count() == 0;
        for _ in 0..500 {
            if gone() {
                return;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        panic!("the worker or its scratch folder is still there");
    });
}
