//! A private MariaDB for tests: own data folder, own port, a fresh database
//! for each test, gone with the process that started it.

use std::fmt::Write as _;
use std::net::TcpStream;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, OnceLock, PoisonError, mpsc};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use crate::port;

/// How long a server may take until it answers.
const PATIENCE: Duration = Duration::from_secs(120);

/// The URL of a fresh, empty database on the server that all tests of this
/// process share. `None`, with a note, where MariaDB is not installed.
///
/// # Panics
///
/// Where it is missing although `CI=true` says that nothing may be skipped, or
/// where it does not start.
#[must_use]
pub fn database() -> Option<String> {
    static SHARED: OnceLock<Option<Server>> = OnceLock::new();
    SHARED.get_or_init(Server::start).as_ref().map(Server::database)
}

/// A server of one's own, for tests that stop it. Dropping it kills it.
#[derive(Debug)]
pub struct Server {
    folder: PathBuf,
    port: u16,
    databases: AtomicU32,
    child: Mutex<Option<Child>>,
}

impl Server {
    /// Starts a server. `None`, with a note, where MariaDB is not installed.
    ///
    /// # Panics
    ///
    /// As [`database`].
    #[must_use]
    pub fn start() -> Option<Self> {
        let Some(program) = program("mariadbd") else {
            assert!(std::env::var("CI").as_deref() != Ok("true"), "mariadbd is not installed, and CI skips nothing");
            eprintln!("skipped: mariadbd is not installed (apt install mariadb-server)");
            return None;
        };
        let folder = tempfile::Builder::new().prefix("gatepost-mariadb-").tempdir().expect("a folder").keep();
        copy(&template(&program), &folder.join("data"));
        let server = Self { folder, port: port::free().port(), databases: AtomicU32::new(0), child: Mutex::new(None) };
        server.restart();
        Some(server)
    }

    /// The URL of a fresh, empty database on this server.
    ///
    /// # Panics
    ///
    /// Where the server is stopped.
    #[must_use]
    pub fn database(&self) -> String {
        let name = format!("t{}", self.databases.fetch_add(1, Ordering::Relaxed));
        self.statement(&format!("CREATE DATABASE {name} DEFAULT CHARACTER SET utf8mb4"));
        format!("mysql://root@127.0.0.1:{}/{name}", self.port)
    }

    /// The Unix socket of this server.
    #[must_use]
    pub fn socket(&self) -> PathBuf {
        self.folder.join("s")
    }

    /// Runs SQL as an administrator would, with the command line client.
    ///
    /// # Panics
    ///
    /// Where the server refuses it.
    pub fn statement(&self, text: &str) {
        let client = program("mariadb").or_else(|| program("mysql")).expect("a MariaDB client");
        let mut command = Command::new(client);
        command.arg("--no-defaults").arg("--socket").arg(self.socket()).args(["-u", "root", "-e", text]);
        let done = command.output().expect("the client runs");
        assert!(done.status.success(), "{text}: {}", String::from_utf8_lossy(&done.stderr));
    }

    /// Kills it as a crash would.
    pub fn kill(&self) {
        let child = self.child.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(mut child) = child {
            end(&mut child);
        }
    }

    /// Starts it again after [`Server::kill`], on the same port and data.
    ///
    /// # Panics
    ///
    /// Where it does not answer in time.
    pub fn restart(&self) {
        self.kill();
        let mut child = spawn(self.command());
        let deadline = Instant::now() + PATIENCE;
        while TcpStream::connect(("127.0.0.1", self.port)).is_err() || UnixStream::connect(self.socket()).is_err() {
            let ended = child.try_wait().expect("its state is known");
            assert!(ended.is_none() && Instant::now() < deadline, "MariaDB does not start: {}", self.log());
            std::thread::sleep(Duration::from_millis(20));
        }
        *self.child.lock().unwrap_or_else(PoisonError::into_inner) = Some(child);
    }

    /// The server under a shell that the kernel tells when we die, however we
    /// die: it kills the server and removes a folder left behind by a process
    /// that had no time to. The shell's own death ends the server too.
    fn command(&self) -> Command {
        let script = "trap 'kill -9 $server 2>/dev/null; wait; [ -z \"$KEEP\" ] && rm -rf \"$FOLDER\"; exit' TERM INT HUP\n\
             trap 'KEEP=1; kill -9 $server 2>/dev/null; wait; exit' USR1\n\
             setpriv --pdeathsig KILL \"$@\" & server=$!\n\
             wait $server\n";
        let mut command = Command::new("setpriv");
        command.args(["--pdeathsig", "TERM", "sh", "-c", script, "sh"]);
        command.arg(program("mariadbd").expect("mariadbd is installed")).args(["--no-defaults", "--skip-name-resolve"]);
        command.arg("--bind-address=127.0.0.1").arg(format!("--port={}", self.port));
        let at = |option: &str, name: &str| format!("--{option}={}", self.folder.join(name).display());
        command.args([at("datadir", "data"), at("socket", "s"), at("pid-file", "pid"), at("log-error", "log")]);
        // What was committed survives the process, though not the machine.
        command.args(["--innodb-flush-log-at-trx-commit=2", "--innodb-buffer-pool-size=32M", "--sync-binlog=0"]);
        command.args(["--innodb-doublewrite=0", "--innodb-fast-shutdown=2", "--performance-schema=OFF"]);
        command.args(LOG_SIZE).args(as_root());
        command.env("FOLDER", &self.folder).env_remove("KEEP");
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        command
    }

    fn log(&self) -> String {
        std::fs::read_to_string(self.folder.join("log")).unwrap_or_default()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.kill();
        // What stays behind is in the folder for temporary files.
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

/// Small, so that the data folder is copied quickly.
const LOG_SIZE: [&str; 1] = ["--innodb-log-file-size=8M"];

/// The kernel's notice comes when the *thread* ends that started the child, and
/// threads of tests end early; so a thread of its own does it and never ends.
pub(crate) fn spawn(mut command: Command) -> Child {
    let (send, receive) = mpsc::channel();
    std::thread::spawn(move || {
        let _ = send.send(command.spawn());
        loop {
            std::thread::park();
        }
    });
    receive.recv().expect("the thread answers").expect("setpriv runs")
}

/// Ends the server but keeps its folder.
fn end(child: &mut Child) {
    if let Some(pid) = i32::try_from(child.id()).ok().and_then(Pid::from_raw) {
        let _ = kill_process(pid, Signal::USR1);
    }
    let _ = child.wait();
}

fn program(name: &str) -> Option<PathBuf> {
    ["/usr/sbin", "/usr/bin", "/usr/local/sbin", "/usr/local/bin"]
        .iter()
        .map(|dir| Path::new(dir).join(name))
        .find(|p| p.exists())
}

fn as_root() -> Option<&'static str> {
    rustix::process::geteuid().is_root().then_some("--user=root")
}

/// An empty data folder, made once for each version of MariaDB and kept among
/// the build products: making it takes seconds, copying it does not.
fn template(program: &Path) -> PathBuf {
    let version = Command::new(program).arg("--version").output().expect("mariadbd runs").stdout;
    let mut name = "mariadb-".to_owned();
    for byte in version.iter().filter(|byte| byte.is_ascii_alphanumeric()) {
        let _ = write!(name, "{}", char::from(*byte));
    }
    let folder = std::env::current_exe()
        .ok()
        .and_then(|exe| exe.ancestors().find(|dir| dir.ends_with("target")).map(Path::to_owned))
        .unwrap_or_else(std::env::temp_dir)
        .join("testkit");
    let ready = folder.join(name);
    if ready.exists() {
        return ready;
    }
    std::fs::create_dir_all(&folder).expect("a folder for the template");
    let making = tempfile::Builder::new().prefix("making-").tempdir_in(&folder).expect("a folder");
    let installer = self::program("mariadb-install-db").expect("mariadb-install-db is installed");
    let mut command = Command::new(installer);
    command.arg("--no-defaults").arg(format!("--datadir={}", making.path().display()));
    command.args(["--auth-root-authentication-method=normal", "--skip-test-db"]).args(LOG_SIZE).args(as_root());
    let done = command.output().expect("mariadb-install-db runs");
    assert!(done.status.success(), "mariadb-install-db: {}", String::from_utf8_lossy(&done.stdout));
    // Another process may have been faster; then its folder is as good.
    if std::fs::rename(making.path(), &ready).is_ok() {
        let _ = making.keep();
    }
    ready
}

fn copy(from: &Path, to: &Path) {
    let done = Command::new("cp").args(["-r", "--reflink=auto", "--sparse=always"]).arg(from).arg(to).status();
    assert!(done.is_ok_and(|status| status.success()), "the data folder is copied");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_can_be_killed_and_comes_back() {
        let Some(server) = Server::start() else { return };
        assert!(server.database().ends_with("/t0"));
        server.statement("CREATE TABLE t0.x (a INT); INSERT INTO t0.x VALUES (1)");
        server.kill();
        assert!(TcpStream::connect(("127.0.0.1", server.port)).is_err());
        server.restart();
        server.statement("CREATE DATABASE again");
        let folder = server.folder.clone();
        drop(server);
        assert!(!folder.exists());
    }
}
