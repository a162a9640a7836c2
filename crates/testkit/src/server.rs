//! A real Gatepost in a folder of its own, on free loopback ports.

use std::fs;
use std::io::Write;
use std::net::SocketAddr;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::port;

/// How long a server may take until it answers, or has ended.
const PATIENCE: Duration = Duration::from_secs(120);

/// How a server is to be set up.
#[derive(Debug, Clone, Default)]
pub struct Setup {
    /// `mysql://…`; SQLite in the folder where it is empty.
    pub directory: String,
    /// The index's URL; SQLite in the folder where it is empty.
    pub index: String,
    /// With the virus scanner.
    pub scan: bool,
    /// More lines at the end of the configuration file.
    pub more: String,
    /// Where mail, spool and databases lie; the server's own folder where none
    /// is given.
    pub store: Option<PathBuf>,
}

/// A running server; it is killed and its folder removed on drop.
#[derive(Debug)]
pub struct Server {
    dir: TempDir,
    setup: Setup,
    child: Option<Child>,
    /// Where SMTP listens.
    pub smtp: SocketAddr,
    /// Where IMAP over TLS listens.
    pub imaps: SocketAddr,
    /// Where POP3 over TLS listens.
    pub pop3s: SocketAddr,
    /// Where the pages are, over TLS.
    pub https: SocketAddr,
    /// Where metrics are served.
    pub metrics: SocketAddr,
}

/// The folder with the built programs: `GATEPOST_BIN`, or beside the running
/// test.
#[must_use]
pub fn programs() -> PathBuf {
    if let Some(given) = std::env::var_os("GATEPOST_BIN") {
        return given.into();
    }
    let test = std::env::current_exe().expect("the test knows where it is");
    test.ancestors().nth(2).expect("target/debug/deps/test").to_owned()
}

impl Server {
    /// Sets up a folder with two domains, `alice@` and `bob@` each, and starts
    /// the server. The password of everybody is `password of NAME`.
    #[must_use]
    pub fn start(setup: Setup) -> Self {
        let mut server = Self::prepare(setup);
        for domain in ["example.org", "example.net"] {
            server.ok(&["domain", "add", domain], "");
            for user in ["alice", "bob"] {
                server.ok(&["user", "add", &format!("{user}@{domain}")], &format!("password of {user}\n"));
            }
        }
        server.run();
        server
    }

    /// Only the folder and its configuration.
    #[must_use]
    pub fn prepare(setup: Setup) -> Self {
        let dir = TempDir::with_prefix("gatepost-test-").expect("a temporary folder");
        let server = Self {
            dir,
            setup,
            child: None,
            smtp: port::free(),
            imaps: port::free(),
            pop3s: port::free(),
            https: port::free(),
            metrics: port::free(),
        };
        let made = Command::new(programs().join("gatepost"))
            .args(["init", &server.path("").display().to_string()])
            .output()
            .expect("gatepost starts");
        assert!(made.status.success(), "init: {}", String::from_utf8_lossy(&made.stderr));
        fs::create_dir_all(server.stored("data")).expect("a folder");
        server.configure("");
        server
    }

    /// Writes the configuration anew, with more lines at its end.
    pub fn configure(&self, more: &str) {
        let at = |name: &str| self.path(name).display().to_string();
        let stored = |name: &str| self.stored(name).display().to_string();
        let or_sqlite = |url: &str, name: &str| {
            if url.is_empty() { format!("sqlite:{}", stored(name)) } else { url.to_owned() }
        };
        let text = format!(
            "[server]\nhostname = \"mx.example.org\"\nuser = \"\"\ndata = \"{data}\"\n\
             [listen]\nsmtp = \"{smtp}\"\nlmtp = \"unix:{lmtp}\"\nimaps = \"{imaps}\"\npop3s = \"{pop3s}\"\n\
             https = \"{https}\"\nmetrics = \"{metrics}\"\n\
             [directory]\nurl = \"{directory}\"\n[index]\nurl = \"{index}\"\n[mail]\npath = \"{mail}\"\n\
             [tls]\ncert = \"{cert}\"\nkey = \"{key}\"\n\
             [scan]\nenabled = {scan}\nsignatures = \"{signatures}\"\nsandbox = \"required\"\n\
             [judge]\nreport_base = \"https://mx.example.org\"\n{setup_more}\n{more}\n",
            data = stored("data"),
            smtp = self.smtp,
            lmtp = self.lmtp().display(),
            imaps = self.imaps,
            pop3s = self.pop3s,
            https = self.https,
            metrics = self.metrics,
            directory = or_sqlite(&self.setup.directory, "data/directory.db"),
            index = or_sqlite(&self.setup.index, "data/index.db"),
            mail = stored("mail"),
            cert = at("certs/server.pem"),
            key = at("certs/server.key"),
            scan = self.setup.scan,
            signatures = at("signatures"),
            setup_more = self.setup.more,
        );
        fs::write(self.config(), text).expect("the configuration is written");
    }

    /// A file or folder of this server.
    #[must_use]
    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// A file or folder of its mail, its spool or its databases.
    #[must_use]
    pub fn stored(&self, name: &str) -> PathBuf {
        self.setup.store.as_deref().unwrap_or(self.dir.path()).join(name)
    }

    /// The configuration file.
    #[must_use]
    pub fn config(&self) -> PathBuf {
        self.path("test.toml")
    }

    /// The LMTP socket.
    #[must_use]
    pub fn lmtp(&self) -> PathBuf {
        self.path("lmtp.sock")
    }

    /// The certificate of the authority that clients have to trust.
    #[must_use]
    pub fn ca(&self) -> PathBuf {
        self.path("certs/ca.pem")
    }

    /// The Maildir of an account.
    #[must_use]
    pub fn maildir(&self, address: &str) -> PathBuf {
        let (local, domain) = address.split_once('@').expect("an address");
        self.stored("mail").join(domain).join(local).join("Maildir")
    }

    /// The server's process id.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.child.as_ref().expect("the server runs").id()
    }

    /// Starts the server and waits until it answers.
    pub fn run(&mut self) {
        let log = fs::File::options().create(true).append(true).open(self.path("log")).expect("a log file");
        let child = program()
            .args(["--config", &self.config().display().to_string(), "serve"])
            .stdin(Stdio::null())
            .stdout(log.try_clone().expect("a log file"))
            .stderr(log)
            .spawn()
            .expect("gatepost starts");
        self.child = Some(child);
        let start = Instant::now();
        // The socket for commands comes last; one of an earlier life takes no
        // connection. The ports are left alone: they may take connections before
        // anybody serves them, and those would count among a test's own.
        let control = self.stored("data/control.sock");
        while UnixStream::connect(&control).is_err() {
            let ended = self.child.as_mut().and_then(|c| c.try_wait().ok()).flatten();
            assert!(ended.is_none(), "the server ended: {ended:?}\n{}", self.log());
            assert!(start.elapsed() < PATIENCE, "no answer:\n{}", self.log());
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// What the server has logged.
    #[must_use]
    pub fn log(&self) -> String {
        fs::read_to_string(self.path("log")).unwrap_or_default()
    }

    /// Ends the server as a power cut would end its process.
    pub fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }

    /// Asks the server to end, and tells how it ended.
    pub fn stop(&mut self) -> Option<i32> {
        let mut child = self.child.take()?;
        signal(child.id(), "TERM");
        let start = Instant::now();
        while start.elapsed() < PATIENCE {
            if let Ok(Some(status)) = child.try_wait() {
                return status.code();
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        let _ = child.kill();
        let _ = child.wait();
        None
    }

    /// Runs `gatepost ARGS` with this configuration.
    #[must_use]
    pub fn gatepost(&self, args: &[&str], input: &str) -> Output {
        let mut child = Command::new(programs().join("gatepost"))
            .args(["--config", &self.config().display().to_string()])
            .args(args)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("gatepost starts");
        // A command that reads no input may have ended already.
        let _ = child.stdin.take().expect("a pipe").write_all(input.as_bytes());
        child.wait_with_output().expect("gatepost ends")
    }

    /// Runs `gatepost ARGS`, which must succeed, and returns what it printed.
    pub fn ok(&self, args: &[&str], input: &str) -> String {
        let output = self.gatepost(args, input);
        assert!(output.status.success(), "gatepost {args:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8_lossy(&output.stdout).into_owned()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("--- the server's log ---\n{}", self.log());
        }
        self.kill();
    }
}

/// The server. `GATEPOST_DELAY` slows what it tidies up after it has answered,
/// so that a test that looks too early fails each time and not once in a
/// hundred: `unlink,unlinkat:300000` waits for 0.3 s before each of these calls.
/// It needs strace.
fn program() -> Command {
    let server = programs().join("gatepost");
    let Some((calls, microseconds)) = std::env::var("GATEPOST_DELAY")
        .ok()
        .and_then(|text| text.split_once(':').map(|(calls, delay)| (calls.to_owned(), delay.to_owned())))
    else {
        return Command::new(server);
    };
    let mut command = Command::new("strace");
    // The tracer is a grandchild: the server has the number that was started.
    command.args(["-D", "-f", "--seccomp-bpf", "-qqq", "-o", "/dev/null", "-e", &format!("trace={calls}")]);
    command.args(["-e", &format!("inject={calls}:delay_enter={microseconds}")]).arg(server);
    command
}

/// Sends a signal, by its short name, to a process that the test started.
pub fn signal(pid: u32, name: &str) {
    let _ = Command::new("kill").args([format!("-{name}"), pid.to_string()]).status();
}

/// Stops a process, and waits until it does nothing any more: each thread takes
/// the signal when it is next scheduled, or comes back from what it has asked
/// of the disk.
///
/// # Panics
///
/// Where it goes on.
pub fn halt(pid: u32) {
    signal(pid, "STOP");
    let start = Instant::now();
    while !stands_still(pid) {
        assert!(start.elapsed() < PATIENCE, "{pid} does not stop");
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// Whether every thread of a process has stopped, or waits for a debugger
/// (proc(5), the third field of `stat`, behind the name in parentheses). A
/// process that is gone does nothing either.
fn stands_still(pid: u32) -> bool {
    let Ok(tasks) = fs::read_dir(format!("/proc/{pid}/task")) else { return true };
    tasks.flatten().all(|task| {
        let stat = fs::read_to_string(task.path().join("stat")).unwrap_or_default();
        stat.rsplit_once(") ").is_some_and(|(_, rest)| rest.starts_with(['T', 't']))
    })
}

/// Whether a program is installed; says that the test is skipped where it is
/// not, and fails where CI runs, which must install it.
#[must_use]
pub fn have(program: &str) -> bool {
    let found = ["/usr/bin", "/usr/sbin", "/usr/local/bin"].iter().any(|dir| Path::new(dir).join(program).exists())
        || Command::new("which").arg(program).output().is_ok_and(|o| o.status.success());
    if !found {
        assert!(std::env::var_os("CI").is_none(), "{program} must be installed where CI runs");
        eprintln!("skipped: {program} is not installed");
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_halted_does_nothing_until_it_is_told_to() {
        let folder = TempDir::new().expect("a folder");
        let file = folder.path().join("file");
        let script = format!("while true; do echo x >> {}; done", file.display());
        let mut busy = Command::new("sh").args(["-c", &script]).spawn().expect("a shell");
        let octets = || fs::metadata(&file).map_or(0, |file| file.len());
        let grows = |from: u64| {
            let start = Instant::now();
            while octets() <= from && start.elapsed() < PATIENCE {
                std::thread::sleep(Duration::from_millis(1));
            }
            octets() > from
        };
        assert!(grows(0) && !stands_still(busy.id()));
        halt(busy.id());
        let halted = octets();
        std::thread::sleep(Duration::from_millis(50));
        assert_eq!(octets(), halted);
        signal(busy.id(), "CONT");
        assert!(grows(halted));
        let _ = busy.kill();
        let _ = busy.wait();
        assert!(stands_still(busy.id()), "it is gone");
    }
}
