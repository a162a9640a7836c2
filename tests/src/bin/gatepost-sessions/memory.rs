//! Memory of the server's processes, and what they have read, from `/proc`.

use std::fs;

use tests::process;

/// In KiB.
#[derive(Debug, Clone, Copy, Default)]
pub struct Memory {
    /// In the machine's memory.
    pub resident: u64,
    /// The same, each page divided by the number of processes that share it.
    pub proportional: u64,
    /// How many processes there are.
    pub processes: usize,
}

/// Of these processes and all their children (proc(5), `smaps_rollup`).
pub fn of(roots: &[u32]) -> Memory {
    let mut sum = Memory::default();
    for pid in process::family(roots) {
        let Ok(text) = fs::read_to_string(format!("/proc/{pid}/smaps_rollup")) else { continue };
        let field = |name: &str| {
            let value = text.lines().find_map(|line| line.strip_prefix(name))?;
            value.trim().trim_end_matches(" kB").parse::<u64>().ok()
        };
        sum.resident += field("Rss:").unwrap_or_default();
        sum.proportional += field("Pss:").unwrap_or_default();
        sum.processes += 1;
    }
    sum
}

/// Bytes that they have read so far, from the page cache too (proc(5), `io`).
pub fn read(roots: &[u32]) -> u64 {
    let one = |pid: u32| {
        let text = fs::read_to_string(format!("/proc/{pid}/io")).ok()?;
        text.lines().find_map(|line| line.strip_prefix("rchar: "))?.parse::<u64>().ok()
    };
    process::family(roots).into_iter().filter_map(one).sum()
}
