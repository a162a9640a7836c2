//! What the server's processes cost, read from outside: `/proc` and strace.

use std::collections::HashMap;
use std::error::Error;
use std::fs;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// User and system time of these processes and all their children, those that
/// have ended included.
pub fn cpu(roots: &[u32]) -> Duration {
    let ticks: u64 = family(roots).into_iter().filter_map(|pid| stat(pid).map(|s| s.ticks)).sum();
    Duration::from_millis(ticks * 10)
}

struct Stat {
    parent: u32,
    ticks: u64,
}

/// Clock ticks are hundredths of a second on every Linux there is.
fn stat(pid: u32) -> Option<Stat> {
    let text = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let fields: Vec<&str> = text.rsplit_once(')')?.1.split_ascii_whitespace().collect();
    let number = |at: usize| fields.get(at).and_then(|f| f.parse::<u64>().ok());
    Some(Stat { parent: u32::try_from(number(1)?).ok()?, ticks: (11..=14).filter_map(number).sum() })
}

/// These processes and all their children.
pub fn family(roots: &[u32]) -> Vec<u32> {
    let pids = fs::read_dir("/proc").into_iter().flatten().flatten();
    let pids = pids.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    let parents: HashMap<u32, u32> = pids.filter_map(|pid| Some((pid, stat(pid)?.parent))).collect();
    let belongs = |pid: &u32| {
        let mut at = *pid;
        while at > 1 {
            if roots.contains(&at) {
                return true;
            }
            at = parents.get(&at).copied().unwrap_or(0);
        }
        false
    };
    parents.keys().copied().filter(belongs).collect()
}

/// Messages in these Maildir folders.
pub fn count_files(maildirs: &[PathBuf]) -> usize {
    let folders = maildirs.iter().flat_map(|m| [m.join("new"), m.join("cur")]);
    folders.map(|folder| fs::read_dir(folder).map_or(0, Iterator::count)).sum()
}

/// strace, counting.
pub struct Tracer {
    child: Child,
    output: PathBuf,
}

impl Tracer {
    /// Attaches to these processes and their children.
    pub fn attach(pids: &[u32]) -> Result<Self, Box<dyn Error>> {
        let output = std::env::temp_dir().join(format!("gatepost-bench-{}.strace", std::process::id()));
        let mut command = Command::new("strace");
        command.args(["-f", "-qq", "-c", "-e", "trace=fsync,fdatasync,sync_file_range,syncfs", "-o"]).arg(&output);
        for pid in family(pids) {
            command.args(["-p", &pid.to_string()]);
        }
        let child = command.stderr(Stdio::null()).spawn().map_err(|e| format!("strace: {e}"))?;
        std::thread::sleep(Duration::from_secs(1));
        Ok(Self { child, output })
    }

    /// Detaches and tells how many calls there were.
    pub fn finish(mut self) -> Result<u64, Box<dyn Error>> {
        Command::new("kill").args(["-INT", &self.child.id().to_string()]).status()?;
        self.child.wait()?;
        let table = fs::read_to_string(&self.output)?;
        fs::remove_file(&self.output)?;
        let calls = |line: &str| line.split_ascii_whitespace().nth(3).and_then(|n| n.parse::<u64>().ok());
        Ok(table.lines().filter(|line| line.contains("sync")).filter_map(calls).sum())
    }
}
