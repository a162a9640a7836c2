//! What holds the worker in, seen from outside.

use std::fs;
use std::path::Path;

use avscan_client::{Confinement, Sandbox, ScanError, Scanner, State};

use crate::{run, scan, settings, shipped, with_scanner};

/// A field of `/proc/…/status`.
fn field(status: &Path, name: &str) -> String {
    let text = fs::read_to_string(status).unwrap();
    let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':')).unwrap();
    line.trim().to_owned()
}

#[test]
fn every_thread_is_held() {
    with_scanner(
        |_| {},
        async |scanner| {
            // The worker itself has tried to read a file and to open sockets.
            assert_eq!(scanner.status().loaded.unwrap().confinement, Confinement::Full);
            assert!(scan(&scanner, b"Subject: x\n\nhi").await.is_ok());
            let process = Path::new("/proc").join(scanner.status().pid.unwrap().to_string());
            let threads: Vec<_> =
                fs::read_dir(process.join("task")).unwrap().map(|task| task.unwrap().path()).collect();
            assert!(threads.len() >= 3, "one that waits and two that scan");
            for thread in threads {
                let status = thread.join("status");
                assert_eq!(field(&status, "Seccomp"), "2", "{}", thread.display());
                assert_eq!(field(&status, "NoNewPrivs"), "1", "{}", thread.display());
            }
            let limits = fs::read_to_string(process.join("limits")).unwrap();
            let limit = |name: &str| {
                let line = limits.lines().find(|line| line.starts_with(name)).unwrap();
                line[name.len()..].split_whitespace().next().unwrap().to_owned()
            };
            assert_eq!(limit("Max core file size"), "0");
            assert_eq!(limit("Max open files"), "1024");
            assert_eq!(limit("Max address space"), (8_u64 << 30).to_string());
        },
    );
}

#[test]
fn it_inherits_nothing() {
    with_scanner(
        |_| {},
        async |scanner| {
            let process = Path::new("/proc").join(scanner.status().pid.unwrap().to_string());
            assert_eq!(fs::read(process.join("environ")).unwrap(), b"");
            assert_eq!(fs::read_link(process.join("cwd")).unwrap(), Path::new("/"));
            let open: Vec<_> = fs::read_dir(process.join("fd")).unwrap().map(|fd| fd.unwrap().file_name()).collect();
            assert_eq!(open.len(), 3, "the socket, nothing to write to, and the errors: {open:?}");
        },
    );
}

#[test]
fn it_can_be_switched_off() {
    with_scanner(
        |settings| settings.sandbox = Sandbox::Off,
        async |scanner| {
            assert_eq!(scanner.status().loaded.unwrap().confinement, Confinement::Off);
            let process = Path::new("/proc").join(scanner.status().pid.unwrap().to_string());
            assert_eq!(field(&process.join("status"), "Seccomp"), "0");
        },
    );
}

#[test]
fn without_scratch_it_says_so() {
    run(async {
        let mut settings = settings(&shipped());
        settings.scratch = "/nowhere/at/all".into();
        let scanner = Scanner::start(settings).unwrap();
        let Err(ScanError::Away(reason)) = scanner.ready().await else { panic!("it started") };
        assert!(reason.contains("could not be started"), "{reason}");
        assert!(matches!(scanner.status().state, State::Away(_)));
        scanner.stop().await;
    });
}

/// A thread, and all that it starts, to which the kernel denies Landlock.
fn without_landlock(test: impl FnOnce() + Send) {
    use seccompiler::{BpfProgram, SeccompAction, SeccompFilter};
    std::thread::scope(|scope| {
        let thread = scope.spawn(|| {
            let calls = [libc::SYS_landlock_create_ruleset].map(|call| (call, Vec::new())).into_iter().collect();
            let arch = std::env::consts::ARCH.try_into().unwrap();
            let action = SeccompAction::Errno(libc::ENOSYS.cast_unsigned());
            let filter = SeccompFilter::new(calls, SeccompAction::Allow, action, arch).unwrap();
            seccompiler::apply_filter(&BpfProgram::try_from(filter).unwrap()).unwrap();
            test();
        });
        thread.join().unwrap();
    });
}

#[test]
fn a_kernel_that_cannot_hold_it_is_refused_or_put_up_with() {
    without_landlock(|| {
        run(async {
            let scanner = Scanner::start(settings(&shipped())).unwrap();
            let Err(ScanError::Away(reason)) = scanner.ready().await else { panic!("it started") };
            assert!(reason.contains("this kernel cannot hold the virus scanner in"), "{reason}");
            assert!(reason.contains("best-effort"), "{reason}");
            scanner.stop().await;
        });
        with_scanner(
            |settings| settings.sandbox = Sandbox::BestEffort,
            async |scanner| {
                assert_eq!(scanner.status().loaded.unwrap().confinement, Confinement::Partial);
                assert!(scan(&scanner, b"Subject: x\n\nhi").await.is_ok());
            },
        );
    });
}
