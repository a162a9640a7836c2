//! What several hostile tests share: raw wires, waiting, and looking at the
//! server from outside.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use tempfile::TempDir;
use testkit::command;
use testkit::dialogue::Wire;
use testkit::server::{Server, Setup};
use testkit::tls;

/// A server with these lines at the end of its configuration.
pub fn configured(more: &str) -> Server {
    Server::start(Setup { more: more.to_owned(), ..Setup::default() })
}

/// How long anything may take that is waited for: no test measures a machine.
pub const PATIENCE: Duration = Duration::from_secs(120);

/// Waits until it holds.
pub fn eventually(what: &str, holds: impl FnMut() -> bool) {
    within(PATIENCE, what, holds);
}

/// Waits until it holds, for as long as this. It is looked at less and less
/// often: a connection takes no more than a hundred messages.
pub fn within(most: Duration, what: &str, mut holds: impl FnMut() -> bool) {
    let (start, mut pause) = (Instant::now(), Duration::from_millis(20));
    while !holds() {
        assert!(start.elapsed() < most, "not within {most:?}: {what}");
        std::thread::sleep(pause);
        pause = (pause * 5 / 4).min(Duration::from_secs(2));
    }
}

/// A plain connection to the SMTP port, not greeted yet.
pub fn plain(server: &Server) -> Box<dyn Wire + Send> {
    Box::new(tls::plain(server.smtp))
}

/// The last line of a reply; empty at the end of the connection.
pub fn reply(wire: &mut (impl Wire + ?Sized)) -> String {
    loop {
        let line = wire.line();
        if line.get(3) != Some(&b'-') {
            return String::from_utf8_lossy(&line).trim_end().to_owned();
        }
    }
}

/// Sends a line and takes the last line of the reply.
pub fn say(wire: &mut (impl Wire + ?Sized), line: &str) -> String {
    wire.send(format!("{line}\r\n").as_bytes());
    reply(wire)
}

/// A plain connection within a transaction, after the 354.
pub fn at_data(server: &Server) -> Box<dyn Wire + Send> {
    let mut wire = plain(server);
    reply(&mut *wire);
    for line in ["EHLO client.example", "MAIL FROM:<s@client.example>", "RCPT TO:<alice@example.org>"] {
        let said = say(&mut *wire, line);
        assert!(said.starts_with("250"), "{line}: {said}");
    }
    let said = say(&mut *wire, "DATA");
    assert!(said.starts_with("354"), "{said}");
    wire
}

/// An IMAP connection over TLS, greeted.
pub struct Imap(Box<dyn Wire + Send>, u32);

impl Imap {
    /// Connects and takes the greeting.
    pub fn connect(server: &Server) -> Self {
        let mut wire = tls::secure(server.imaps, "127.0.0.1", &tls::client_config(&server.ca()));
        let greeting = wire.line();
        assert!(greeting.starts_with(b"* OK"), "{}", String::from_utf8_lossy(&greeting));
        Self(Box::new(wire), 0)
    }

    /// Connects and logs in as `NAME@example.org`.
    pub fn login(server: &Server, name: &str) -> Self {
        let mut imap = Self::connect(server);
        let said = imap.command(&format!("LOGIN {name}@example.org \"password of {name}\""));
        assert!(ends_ok(&said), "{said}");
        imap
    }

    /// Sends a command under a fresh tag; all lines up to the tagged one, whose
    /// tag is replaced by `=`. Ends where the connection does.
    pub fn command(&mut self, text: &str) -> String {
        self.1 += 1;
        let tag = format!("t{} ", self.1);
        self.0.send(format!("{tag}{text}\r\n").as_bytes());
        let mut said = String::new();
        loop {
            let line = String::from_utf8_lossy(&self.0.line()).into_owned();
            match line.strip_prefix(&tag) {
                Some(last) => return said + "= " + last,
                None if line.is_empty() => return said,
                None => said.push_str(&line),
            }
        }
    }

    /// Sends raw octets.
    pub fn send(&mut self, octets: &[u8]) {
        self.0.send(octets);
    }

    /// The first line that begins so; those before it are passed over, for as
    /// long as anything that is waited for may take.
    pub fn until(&mut self, beginning: &str) -> String {
        let start = Instant::now();
        loop {
            let line = String::from_utf8_lossy(&self.0.line()).into_owned();
            assert!(!line.is_empty(), "the connection ended before {beginning:?}");
            if line.starts_with(beginning) {
                return line;
            }
            assert!(start.elapsed() < PATIENCE, "not within {PATIENCE:?}: {beginning:?}");
        }
    }

    /// All that comes until the connection ends.
    pub fn rest(&mut self) -> String {
        let mut said = String::new();
        loop {
            let line = self.0.line();
            if line.is_empty() {
                return said;
            }
            said.push_str(&String::from_utf8_lossy(&line));
        }
    }
}

/// Whether the tagged answer is OK.
pub fn ends_ok(said: &str) -> bool {
    said.lines().last().is_some_and(|line| line.starts_with("= OK"))
}

/// The most memory that the server had so far, in MiB.
pub fn peak_memory(server: &Server) -> u64 {
    let status = fs::read_to_string(format!("/proc/{}/status", server.pid())).expect("the server runs");
    let line = status.lines().find(|line| line.starts_with("VmHWM:")).expect("a peak");
    line.split_ascii_whitespace().nth(1).and_then(|kib| kib.parse::<u64>().ok()).expect("a number") / 1024
}

/// The files of a Maildir folder that are not where a reader looks.
pub fn unfinished(folder: &Path) -> Vec<PathBuf> {
    let Ok(files) = fs::read_dir(folder.join("tmp")) else { return Vec::new() };
    files.map(|file| file.expect("an entry").path()).collect()
}

/// Whether the test may mount; says that it is skipped where it may not.
pub fn may_mount() -> bool {
    // Asked once: tests run at the same time, and would disturb each other's
    // attempts.
    static MAY: OnceLock<bool> = OnceLock::new();
    let may = *MAY.get_or_init(|| {
        let folder = TempDir::with_prefix("gatepost-mount-").expect("a folder");
        Mount::tmpfs(folder.path(), "64k").is_some()
    });
    if !may {
        eprintln!("skipped: nothing can be mounted here (only root can)");
    }
    may
}

/// A mounted file system; unmounted on drop.
pub struct Mount(PathBuf);

impl Mount {
    /// A file system in memory of this size.
    pub fn tmpfs(at: &Path, size: &str) -> Option<Self> {
        let options = format!("size={size},mode=0700");
        mount(&["-t", "tmpfs", "-o", &options, "gatepost-test", &at.display().to_string()]).then(|| Self(at.to_owned()))
    }

    /// The folder over itself, read-only.
    pub fn read_only(at: &Path) -> Option<Self> {
        let path = at.display().to_string();
        let mounted = mount(&["--bind", &path, &path]).then(|| Self(at.to_owned()))?;
        mount(&["-o", "remount,bind,ro", &path]).then_some(mounted)
    }

    /// The file system in an image, through a loop device that goes away with
    /// the mount.
    pub fn image(image: &Path, at: &Path) -> Option<Self> {
        mount(&["-o", "loop", &image.display().to_string(), &at.display().to_string()]).then(|| Self(at.to_owned()))
    }

    /// The numbers of the device that is mounted, as `7:0` (proc(5), the third
    /// and the fifth field of `mountinfo`).
    pub fn device(&self) -> String {
        let mounts = fs::read_to_string("/proc/self/mountinfo").expect("the mounts");
        let fields = |line: &str| line.split(' ').map(str::to_owned).collect::<Vec<_>>();
        let here = self.0.display().to_string();
        let found = mounts.lines().map(fields).find(|fields| fields.get(4) == Some(&here));
        found.expect("it is mounted").swap_remove(2)
    }

    /// Unmounts it, once nobody has files open there.
    pub fn end(self) {
        eventually("it can be unmounted", || {
            command::run("umount", &[&self.0.display().to_string()], b"").code == Some(0)
        });
        std::mem::forget(self);
    }

    /// Fills it to the last byte; the file is to be removed to free it.
    pub fn fill(&self) -> PathBuf {
        let file = self.0.join("filler");
        let path = format!("of={}", file.display());
        // It ends with "no space left", which is what is wanted.
        let _ = command::run("dd", &["if=/dev/zero", "bs=4k", &path], b"");
        file
    }
}

impl Drop for Mount {
    fn drop(&mut self) {
        // Lazily: the server may have files open there.
        let _ = command::run("umount", &["-l", &self.0.display().to_string()], b"");
    }
}

fn mount(args: &[&str]) -> bool {
    command::run("mount", args, b"").code == Some(0)
}

/// A server whose folders are made, and its people known, but that does not
/// run yet.
pub fn prepared(setup: Setup) -> Server {
    let server = Server::prepare(setup);
    for domain in ["example.org", "example.net"] {
        server.ok(&["domain", "add", domain], "");
    }
    for user in ["alice", "bob"] {
        server.ok(&["user", "add", &format!("{user}@example.org")], &format!("password of {user}\n"));
    }
    server
}
