//! Whether the folders are there, belong to the server's user, lie on one file
//! system and have room.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use super::Finding;
use crate::config::Config;
use crate::privileges;

/// Below this a message may not fit any more.
const TOO_LITTLE: u64 = 200 << 20;
/// Below this somebody should look.
const LITTLE: u64 = 2 << 30;

/// One finding for each folder, and one for where they lie.
pub(super) fn check(config: &Config) -> Vec<Finding> {
    let (data, mail) = (&config.server.data, &config.mail.path);
    let mut findings = vec![folder("data folder", data, config), folder("mail folder", mail, config)];
    findings.push(same_file_system(data, mail));
    findings.push(room(mail));
    findings
}

/// Whether everybody may read a file.
pub(super) fn others_read(file: &Path) -> bool {
    fs::metadata(file).is_ok_and(|meta| meta.mode() & 0o004 != 0)
}

fn folder(name: &'static str, path: &Path, config: &Config) -> Finding {
    let shown = path.display();
    let meta = match fs::metadata(path) {
        Err(error) => return Finding::fail(name, format!("{shown}: {error}"), "gatepost init makes the folders"),
        Ok(meta) if !meta.is_dir() => return Finding::fail(name, format!("{shown} is no folder"), "move it away"),
        Ok(meta) => meta,
    };
    if meta.mode() & 0o002 != 0 {
        return Finding::fail(name, format!("{shown}: everybody can write into it"), format!("chmod o-w {shown}"));
    }
    match writable(path, &meta, config) {
        Ok(()) => Finding::ok(name, format!("{shown}: there and writable")),
        Err(why) => {
            let user = config.server.user.get().unwrap_or("the user that runs the server");
            Finding::fail(name, format!("{shown}: {why}"), format!("chown {user} {shown}"))
        }
    }
}

/// Root can write anywhere; what counts is the user that the server becomes.
fn writable(path: &Path, meta: &fs::Metadata, config: &Config) -> Result<(), String> {
    if let Some(name) = config.server.user.get().filter(|_| rustix::process::geteuid().is_root()) {
        let user = privileges::find(name).map_err(|error| error.to_string())?;
        let by_owner = meta.uid() == user.uid && meta.mode() & 0o300 == 0o300;
        let group = meta.gid() == user.gid || user.groups.contains(&meta.gid());
        let by_group = group && meta.mode() & 0o030 == 0o030;
        return if by_owner || by_group { Ok(()) } else { Err(format!("the user {name} cannot write into it")) };
    }
    rustix::fs::access(path, rustix::fs::Access::WRITE_OK | rustix::fs::Access::EXEC_OK)
        .map_err(|error| format!("it cannot be written into: {error}"))
}

fn same_file_system(data: &Path, mail: &Path) -> Finding {
    let name = "file system";
    let (Ok(data), Ok(mail)) = (fs::metadata(data), fs::metadata(mail)) else {
        return Finding::fail(name, "the folders are not there", "gatepost init makes the folders");
    };
    if data.dev() == mail.dev() {
        return Finding::ok(name, "data and mail lie on the same file system");
    }
    let hint = "it works, but each message is copied; best move both to one file system";
    Finding::warn(name, "data and mail lie on different file systems", hint)
}

fn room(mail: &Path) -> Finding {
    let name = "free space";
    let stat = match rustix::fs::statvfs(mail) {
        Ok(stat) => stat,
        Err(error) => return Finding::fail(name, format!("{}: {error}", mail.display()), ""),
    };
    let free = stat.f_bavail.saturating_mul(stat.f_frsize);
    // Some file systems make inodes as they need them, and say 0 of 0.
    let inodes_short = stat.f_files > 0 && stat.f_favail < 10_000;
    of_room(free, inodes_short)
}

fn of_room(free: u64, inodes_short: bool) -> Finding {
    let name = "free space";
    let message = format!("{} MB are free for mail", free >> 20);
    match free {
        _ if inodes_short => {
            Finding::fail(name, "the file system has hardly any inodes left", "remove files, or move the mail")
        }
        0..TOO_LITTLE => Finding::fail(name, message, "make room, or move the mail to a larger disk"),
        TOO_LITTLE..LITTLE => Finding::warn(name, message, "make room, or move the mail to a larger disk"),
        _ => Finding::ok(name, message),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::check::Status;

    #[test]
    fn room_is_judged() {
        let cases = [
            (0, false, Status::Fail),
            (TOO_LITTLE, false, Status::Warn),
            (LITTLE, false, Status::Ok),
            (LITTLE, true, Status::Fail),
        ];
        for (free, inodes_short, status) in cases {
            assert_eq!(of_room(free, inodes_short).status, status, "{free}");
        }
    }

    #[test]
    fn folders_are_judged_by_the_user_that_will_write() {
        use std::os::unix::fs::{PermissionsExt, chown};

        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("data");
        let config = |user: &str| {
            let text = format!("[server]\nhostname = \"a.example\"\nuser = \"{user}\"\n");
            Config::parse(&text, &dir.path().join("gatepost.toml")).unwrap()
        };
        let said = |user: &str| folder("data folder", &path, &config(user));
        assert_eq!(said("").status, Status::Fail);
        fs::write(&path, "a file").unwrap();
        assert!(said("").message.contains("is no folder"));
        fs::remove_file(&path).unwrap();
        fs::create_dir(&path).unwrap();
        assert_eq!(said("").status, Status::Ok);
        fs::set_permissions(&path, fs::Permissions::from_mode(0o777)).unwrap();
        assert!(said("").message.contains("everybody can write"));
        fs::set_permissions(&path, fs::Permissions::from_mode(0o700)).unwrap();
        if rustix::process::geteuid().is_root() {
            assert!(said("nobody").message.contains("nobody cannot write"));
            let nobody = privileges::find("nobody").unwrap();
            chown(&path, Some(nobody.uid), Some(nobody.gid)).unwrap();
            assert_eq!(said("nobody").status, Status::Ok);
            assert!(said("no-such-user").message.contains("no system user"));
        }
    }

    #[test]
    fn who_may_read_a_file() {
        use std::os::unix::fs::PermissionsExt;

        let file = tempfile::NamedTempFile::new().unwrap();
        for (mode, expected) in [(0o600, false), (0o640, false), (0o644, true)] {
            fs::set_permissions(file.path(), fs::Permissions::from_mode(mode)).unwrap();
            assert_eq!(others_read(file.path()), expected, "{mode:o}");
        }
        assert!(!others_read(Path::new("/no/such/file")));
    }
}
