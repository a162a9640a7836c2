//! Root is kept for binding the ports only: here it is given up, for good.
//!
//! The kernel keeps identities by thread, and the calls used here change one
//! thread only. So this must be called while the process has a single thread,
//! which is checked before, and every thread's identity is checked after.

use std::fs;
use std::io;
use std::path::Path;

use rustix::process::{Gid, Resource, Rlimit, Uid, getrlimit, setrlimit};
use rustix::thread;
use thiserror::Error;

use crate::config::UserName;
use crate::output::{Exit, Failure};

/// Why root could not be given up; the server does not start then.
#[derive(Debug, Error)]
pub enum PrivilegeError {
    /// There is no such user.
    #[error("there is no system user {0:?}")]
    NoSuchUser(String),
    /// The user is root itself.
    #[error("the user {0:?} is root itself")]
    IsRoot(String),
    /// We are neither root nor that user.
    #[error("we run as user {uid}, which can neither be {name:?} nor become it")]
    CannotBecome {
        /// Who we are.
        uid: u32,
        /// Who we should be.
        name: String,
    },
    /// Threads run already.
    #[error("{0} threads run already; privileges are dropped before any is started")]
    Threads(usize),
    /// A call to the system failed.
    #[error("{what}: {source}")]
    System {
        /// Which.
        what: &'static str,
        /// Why.
        source: io::Error,
    },
    /// It was said to have worked, and did not.
    #[error("privileges are still there after they were dropped: {0}")]
    StillThere(String),
}

impl From<PrivilegeError> for Failure {
    fn from(error: PrivilegeError) -> Self {
        let hint = match &error {
            PrivilegeError::NoSuchUser(name) => {
                format!("useradd --system --home-dir /var/lib/gatepost --shell /usr/sbin/nologin {name}")
            }
            PrivilegeError::IsRoot(_) => "name a user of the server's own in [server] user".to_owned(),
            PrivilegeError::CannotBecome { .. } => {
                "start it as root or as that user, or write user = \"\" to stay who started it".to_owned()
            }
            _ => String::new(),
        };
        Self::new(Exit::Failed, "privileges", error.to_string()).hint(hint)
    }
}

/// A system user: numbers of the user, its group and its further groups.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SystemUser {
    /// The user's number.
    pub uid: u32,
    /// Its group's number.
    pub gid: u32,
    /// Further groups, without its own.
    pub groups: Vec<u32>,
}

/// What came of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Dropped {
    /// No user is configured, or we were that user all along.
    Kept,
    /// We are this user from now on.
    Became(SystemUser),
}

/// Becomes the configured user, for good. Call it after the ports are bound and
/// before any thread is started.
///
/// # Errors
///
/// [`PrivilegeError`]: the caller must end the process.
pub fn drop_to(user: &UserName) -> Result<Dropped, PrivilegeError> {
    let Some(name) = user.get() else { return Ok(Dropped::Kept) };
    let wanted = find(name)?;
    let now = rustix::process::geteuid();
    if now.as_raw() == wanted.uid {
        return Ok(Dropped::Kept);
    }
    if !now.is_root() {
        return Err(PrivilegeError::CannotBecome { uid: now.as_raw(), name: name.to_owned() });
    }
    let threads = tasks()?.len();
    if threads != 1 {
        return Err(PrivilegeError::Threads(threads));
    }
    change(&wanted)?;
    verify(&wanted)?;
    Ok(Dropped::Became(wanted))
}

/// Raises the limit of open files to what the system allows at most: many
/// systems start programs with 1,024. Returns the limit that holds now; none
/// where there is no limit.
///
/// # Errors
///
/// As the system says.
pub fn raise_open_files() -> io::Result<Option<u64>> {
    let limit = getrlimit(Resource::Nofile);
    setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, maximum: limit.maximum })?;
    Ok(limit.maximum)
}

/// Looks a user up in `/etc/passwd` and `/etc/group`.
///
/// # Errors
///
/// [`PrivilegeError::NoSuchUser`], [`PrivilegeError::IsRoot`], or
/// [`PrivilegeError::System`] where a file cannot be read.
pub fn find(name: &str) -> Result<SystemUser, PrivilegeError> {
    let read = |file: &str| fs::read_to_string(file).map_err(failed("/etc/passwd and /etc/group cannot be read"));
    let user = user_of(name, &read("/etc/passwd")?, &read("/etc/group")?);
    let user = user.ok_or_else(|| PrivilegeError::NoSuchUser(name.to_owned()))?;
    if user.uid == 0 || user.gid == 0 {
        return Err(PrivilegeError::IsRoot(name.to_owned()));
    }
    Ok(user)
}

/// passwd(5): `name:password:uid:gid:…`; group(5): `name:password:gid:members`.
fn user_of(name: &str, passwd: &str, group: &str) -> Option<SystemUser> {
    let line = passwd.lines().find(|line| line.split(':').next() == Some(name))?;
    let mut fields = line.split(':').skip(2);
    let (uid, gid) = (fields.next()?.parse().ok()?, fields.next()?.parse().ok()?);
    let member_of = |line: &str| {
        let mut fields = line.split(':').skip(2);
        let gid = fields.next()?.parse::<u32>().ok()?;
        fields.next()?.split(',').any(|member| member == name).then_some(gid)
    };
    let groups = group.lines().filter_map(member_of).filter(|other| *other != gid && *other != 0).collect();
    Some(SystemUser { uid, gid, groups })
}

/// Groups first: without root they could not be changed any more.
fn change(user: &SystemUser) -> Result<(), PrivilegeError> {
    let (uid, gid) = (Uid::from_raw(user.uid), Gid::from_raw(user.gid));
    let groups: Vec<Gid> = user.groups.iter().map(|gid| Gid::from_raw(*gid)).collect();
    thread::set_thread_groups(&groups).map_err(|error| failed("setgroups")(error.into()))?;
    thread::set_thread_res_gid(gid, gid, gid).map_err(|error| failed("setgid")(error.into()))?;
    thread::set_thread_res_uid(uid, uid, uid).map_err(|error| failed("setuid")(error.into()))?;
    // A set-user-id program that we start cannot give anything back either.
    thread::set_no_new_privs(true).map_err(|error| failed("no_new_privs")(error.into()))
}

fn verify(user: &SystemUser) -> Result<(), PrivilegeError> {
    for task in tasks()? {
        let status = fs::read_to_string(Path::new("/proc/self/task").join(&task).join("status"));
        let status = status.map_err(failed("/proc cannot be read"))?;
        if let Some(wrong) = wrong_in(&status, user) {
            return Err(PrivilegeError::StillThere(format!("thread {task}: {wrong}")));
        }
    }
    if thread::set_thread_uid(Uid::ROOT).is_ok() || thread::set_thread_gid(Gid::ROOT).is_ok() {
        return Err(PrivilegeError::StillThere("root could be taken back".to_owned()));
    }
    Ok(())
}

/// Compares a thread's `/proc/…/status` (proc(5)) with what it should be.
fn wrong_in(status: &str, user: &SystemUser) -> Option<String> {
    let field = |name: &str| status.lines().find_map(|line| line.strip_prefix(name)).map(str::trim).unwrap_or_default();
    let numbers = |name: &str| field(name).split_whitespace().map(str::parse::<u32>).collect::<Result<Vec<_>, _>>();
    let ids = [("Uid:", user.uid), ("Gid:", user.gid)];
    for (name, wanted) in ids {
        if numbers(name) != Ok(vec![wanted; 4]) {
            return Some(format!("{name} {}", field(name)));
        }
    }
    let (mut groups, mut wanted) = (numbers("Groups:").unwrap_or_default(), user.groups.clone());
    groups.sort_unstable();
    wanted.sort_unstable();
    if groups != wanted {
        return Some(format!("Groups: {}", field("Groups:")));
    }
    let capable = |name: &&str| u64::from_str_radix(field(name), 16) != Ok(0);
    ["CapPrm:", "CapEff:"].iter().find(|name| capable(name)).map(|name| format!("{name} {}", field(name)))
}

fn tasks() -> Result<Vec<String>, PrivilegeError> {
    let entries = fs::read_dir("/proc/self/task").map_err(failed("/proc cannot be read"))?;
    let names = entries.map(|entry| entry.map(|entry| entry.file_name().to_string_lossy().into_owned()));
    names.collect::<io::Result<_>>().map_err(failed("/proc cannot be read"))
}

fn failed(what: &'static str) -> impl Fn(io::Error) -> PrivilegeError {
    move |source| PrivilegeError::System { what, source }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PASSWD: &str = "root:x:0:0::/root:/bin/sh\nmail:x:8:8::/:\nbroken:x:a:b\ngatepost:x:990:991::/:\n";
    const GROUP: &str = "root:x:0:gatepost\nssl-cert:x:100:mail,gatepost\ngatepost:x:991:gatepost\nother:x:7:gate\n";

    #[test]
    fn users() {
        let user = |uid, gid, groups: &[u32]| Some(SystemUser { uid, gid, groups: groups.to_vec() });
        let cases = [
            ("gatepost", user(990, 991, &[100])),
            ("mail", user(8, 8, &[100])),
            ("root", user(0, 0, &[])),
            ("broken", None),
            ("gate", None),
            ("", None),
        ];
        for (name, expected) in cases {
            assert_eq!(user_of(name, PASSWD, GROUP), expected, "{name}");
        }
    }

    #[test]
    fn nobody_becomes_root_or_somebody_unknown() {
        assert!(matches!(find("root"), Err(PrivilegeError::IsRoot(_))));
        assert!(matches!(find("no-such-user-here"), Err(PrivilegeError::NoSuchUser(_))));
        let hint = Failure::from(find("no-such-user-here").unwrap_err());
        assert!(hint.message().contains("no-such-user-here"));
    }

    #[test]
    fn open_files_are_raised_to_the_most() {
        let most = raise_open_files().unwrap();
        assert_eq!(getrlimit(Resource::Nofile).current, most);
    }

    #[test]
    fn what_is_still_there_is_seen() {
        let user = SystemUser { uid: 990, gid: 991, groups: vec![100, 7] };
        let status = "Uid:\t990\t990\t990\t990\nGid:\t991\t991\t991\t991\nGroups:\t7 100 \n\
            CapPrm:\t0000000000000000\nCapEff:\t0000000000000000\n";
        assert_eq!(wrong_in(status, &user), None);
        let cases = [
            ("990\t990\t990\t990", "990\t990\t0\t990", "Uid:"),
            ("991\t991\t991\t991", "0\t991\t991\t991", "Gid:"),
            ("7 100", "7 100 0", "Groups:"),
            ("7 100", "7", "Groups:"),
            ("CapPrm:\t0000000000000000", "CapPrm:\t0000000000000400", "CapPrm:"),
            ("CapEff:\t0000000000000000", "CapEff:\t", "CapEff:"),
        ];
        for (from, to, named) in cases {
            let said = wrong_in(&status.replace(from, to), &user).unwrap_or_default();
            assert!(said.starts_with(named), "{to}: {said}");
        }
    }

    #[test]
    fn with_threads_nothing_is_changed() {
        // The test harness runs this in a second thread.
        if rustix::process::geteuid().is_root() {
            let before = fs::read_to_string("/proc/thread-self/status").unwrap();
            let config = crate::config::Config::parse(
                "[server]\nhostname = \"a.example\"\nuser = \"nobody\"\n",
                Path::new("x.toml"),
            );
            assert!(matches!(drop_to(&config.unwrap().server.user), Err(PrivilegeError::Threads(_))));
            let after = fs::read_to_string("/proc/thread-self/status").unwrap();
            let ids =
                |status: &str| status.lines().filter(|l| l.starts_with("Uid")).map(str::to_owned).collect::<Vec<_>>();
            assert_eq!(ids(&before), ids(&after));
        }
    }
}
