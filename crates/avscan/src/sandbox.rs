//! The walls around the worker: files by Landlock, system calls by seccomp,
//! and a trial of both before the first message comes.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use avscan_wire::{Confinement, Options, Sandbox};
use landlock::{
    ABI, Access, AccessFs, AccessNet, PathBeneath, PathFd, Ruleset, RulesetAttr, RulesetCreatedAttr, Scope,
};
use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter, SeccompRule,
};

/// The newest Landlock that is asked for; an older kernel gives what it has.
const LANDLOCK: ABI = ABI::V6;

/// Where glibc keeps its character sets: loaded when a message first needs
/// them, and libclamav matches less without.
const CHARSETS: [&str; 4] =
    ["/usr/lib/x86_64-linux-gnu/gconv", "/usr/lib/aarch64-linux-gnu/gconv", "/usr/lib64/gconv", "/usr/lib/gconv"];

/// What a scan never needs: the network, other processes, the kernel's side
/// doors. Everything else stays allowed, since what libclamav calls depends on
/// its version.
const DENIED: &[libc::c_long] = &[
    libc::SYS_socket,
    libc::SYS_socketpair,
    libc::SYS_connect,
    libc::SYS_bind,
    libc::SYS_listen,
    libc::SYS_accept,
    libc::SYS_accept4,
    libc::SYS_execve,
    libc::SYS_execveat,
    libc::SYS_ptrace,
    libc::SYS_process_vm_readv,
    libc::SYS_process_vm_writev,
    libc::SYS_process_madvise,
    libc::SYS_kcmp,
    libc::SYS_kill,
    libc::SYS_tkill,
    libc::SYS_pidfd_open,
    libc::SYS_pidfd_getfd,
    libc::SYS_pidfd_send_signal,
    libc::SYS_io_uring_setup,
    libc::SYS_io_uring_enter,
    libc::SYS_io_uring_register,
    libc::SYS_bpf,
    libc::SYS_perf_event_open,
    libc::SYS_userfaultfd,
    libc::SYS_keyctl,
    libc::SYS_add_key,
    libc::SYS_request_key,
    libc::SYS_mount,
    libc::SYS_umount2,
    libc::SYS_pivot_root,
    libc::SYS_chroot,
    libc::SYS_setns,
    libc::SYS_unshare,
    libc::SYS_open_by_handle_at,
    libc::SYS_name_to_handle_at,
    libc::SYS_init_module,
    libc::SYS_finit_module,
    libc::SYS_delete_module,
    libc::SYS_kexec_load,
    libc::SYS_reboot,
    libc::SYS_swapon,
    libc::SYS_swapoff,
    libc::SYS_settimeofday,
    libc::SYS_clock_settime,
    libc::SYS_sethostname,
    libc::SYS_setdomainname,
    libc::SYS_personality,
    libc::SYS_prlimit64,
    libc::SYS_setrlimit,
    libc::SYS_setuid,
    libc::SYS_setgid,
    libc::SYS_setreuid,
    libc::SYS_setregid,
    libc::SYS_setresuid,
    libc::SYS_setresgid,
    libc::SYS_setgroups,
    libc::SYS_quotactl,
    libc::SYS_acct,
    libc::SYS_syslog,
];

#[cfg(target_arch = "x86_64")]
const DENIED_HERE: &[libc::c_long] =
    &[libc::SYS_fork, libc::SYS_vfork, libc::SYS_iopl, libc::SYS_ioperm, libc::SYS_modify_ldt];
#[cfg(not(target_arch = "x86_64"))]
const DENIED_HERE: &[libc::c_long] = &[];

/// Enters the sandbox as far as the options want it, and tries whether it
/// holds. Must come before any thread is started.
pub(crate) fn enter(options: &Options) -> Result<Confinement, String> {
    try_scratch(&options.scratch)?;
    if options.sandbox == Sandbox::Off {
        return Ok(Confinement::Off);
    }
    let files = restrict_files(&options.scratch).err();
    let calls = restrict_calls().err();
    try_scratch(&options.scratch)?;
    let leaks: Vec<_> = leaks();
    match options.sandbox {
        _ if files.is_none() && calls.is_none() && leaks.is_empty() => Ok(Confinement::Full),
        Sandbox::Required => {
            let reasons: Vec<_> = files.into_iter().chain(calls).chain(leaks).collect();
            Err(format!(
                "this kernel cannot hold the virus scanner in ({}); Landlock and seccomp are needed, \
                 or set [scan] sandbox = \"best-effort\"",
                reasons.join("; ")
            ))
        }
        _ => Ok(Confinement::Partial),
    }
}

/// Only the scratch folder can be read and written from here on.
fn restrict_files(scratch: &Path) -> Result<(), String> {
    let explain = |error: &dyn std::error::Error| format!("Landlock: {error}");
    let mut rules = vec![(PathBuf::from(scratch), AccessFs::from_all(LANDLOCK) & !AccessFs::Execute)];
    let charsets = CHARSETS.iter().map(PathBuf::from).filter(|folder| folder.is_dir());
    rules.extend(charsets.map(|folder| (folder, AccessFs::ReadFile | AccessFs::ReadDir)));
    let mut ruleset = Ruleset::default()
        .handle_access(AccessFs::from_all(LANDLOCK))
        .and_then(|ruleset| ruleset.handle_access(AccessNet::from_all(LANDLOCK)))
        .and_then(|ruleset| ruleset.scope(Scope::from_all(LANDLOCK)))
        .and_then(Ruleset::create)
        .map_err(|error| explain(&error))?;
    for (folder, access) in rules {
        let folder = PathFd::new(&folder).map_err(|error| explain(&error))?;
        ruleset = ruleset.add_rule(PathBeneath::new(folder, access)).map_err(|error| explain(&error))?;
    }
    let status = ruleset.restrict_self().map_err(|error| explain(&error))?;
    match status.ruleset {
        landlock::RulesetStatus::NotEnforced => Err("Landlock is not there or switched off".to_owned()),
        _ => Ok(()),
    }
}

/// Denied calls fail with EPERM: a library that tries one in vain goes on.
fn restrict_calls() -> Result<(), String> {
    let explain = |error: &dyn std::error::Error| format!("seccomp: {error}");
    let mut denied: BTreeMap<i64, Vec<SeccompRule>> = BTreeMap::new();
    for call in DENIED.iter().chain(DENIED_HERE) {
        for number in spellings(*call) {
            denied.insert(number, Vec::new());
        }
    }
    // A thread may be made, a process may not.
    let no_thread =
        SeccompCondition::new(0, SeccompCmpArgLen::Qword, SeccompCmpOp::MaskedEq(libc::CLONE_THREAD as u64), 0);
    let no_thread = no_thread.and_then(|condition| SeccompRule::new(vec![condition])).map_err(|e| explain(&e))?;
    for number in spellings(libc::SYS_clone) {
        denied.insert(number, vec![no_thread.clone()]);
    }
    install(denied, libc::EPERM).map_err(|error| explain(&*error))?;
    // Its flags lie in memory, where a filter cannot look; glibc falls back to clone.
    let unseen = spellings(libc::SYS_clone3).map(|number| (number, Vec::new())).collect();
    install(unseen, libc::ENOSYS).map_err(|error| explain(&*error))
}

/// On x86-64 each call has a second number, of the x32 ABI.
fn spellings(call: libc::c_long) -> impl Iterator<Item = i64> {
    let x32 = cfg!(target_arch = "x86_64").then_some(call | 0x4000_0000);
    std::iter::once(call).chain(x32)
}

fn install(denied: BTreeMap<i64, Vec<SeccompRule>>, error: i32) -> Result<(), Box<dyn std::error::Error>> {
    let arch = std::env::consts::ARCH.try_into()?;
    let action = SeccompAction::Errno(error.cast_unsigned());
    let program: BpfProgram = SeccompFilter::new(denied, SeccompAction::Allow, action, arch)?.try_into()?;
    seccompiler::apply_filter(&program)?;
    Ok(())
}

/// What can still be done that should not be possible.
fn leaks() -> Vec<String> {
    use rustix::net::{AddressFamily, SocketType, socket};
    let mut leaks = Vec::new();
    if File::open("/etc/passwd").is_ok() {
        leaks.push("files can still be read".to_owned());
    }
    for family in [AddressFamily::INET, AddressFamily::INET6, AddressFamily::UNIX] {
        if socket(family, SocketType::STREAM, None).is_ok() {
            leaks.push("sockets can still be opened".to_owned());
        }
    }
    leaks
}

/// libclamav must be able to unpack, inside the sandbox as well.
fn try_scratch(scratch: &Path) -> Result<(), String> {
    let probe = scratch.join("probe");
    let tried: io::Result<()> = fs::write(&probe, b"x").and_then(|()| fs::remove_file(&probe));
    tried.map_err(|error| format!("the scanner's scratch folder {} cannot be written: {error}", scratch.display()))
}
