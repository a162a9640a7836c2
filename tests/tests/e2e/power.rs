//! The power goes at random moments under load. What the disk held then is
//! mounted again, as after a power cut, and every acknowledged message is there
//! exactly once and keeps its UID.
//!
//! The server keeps everything on file systems in images, behind loop devices.
//! What it has not synchronised waits in the kernel's memory and is not in an
//! image; so a copy of the image is what a disk would hold. kill -9 alone does
//! not show a missing fsync, since the kernel keeps what was written.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use tempfile::TempDir;
use testkit::command;
use testkit::server::{Server, Setup, halt};

use crate::house::{Mount, eventually, may_mount, prepared};
use crate::load::{Load, Moments, Told, long};
use crate::smtp::{Client, mail};

/// The size of a disk: enough for the smallest XFS that its tools make; what is not written takes
/// no room.
const IMAGE: u64 = 512 << 20;

#[test]
fn power_cuts_on_ext4() {
    if alone("power::power_cuts_on_ext4") {
        // Tables that a kernel thread fills later would keep the device from
        // being quiet.
        cuts(&["mkfs.ext4", "-q", "-F", "-E", "lazy_itable_init=0,lazy_journal_init=0"], 0x9E37_79B9_7F4A_7C15);
    }
}

#[test]
fn power_cuts_on_xfs() {
    if alone("power::power_cuts_on_xfs") {
        cuts(&["mkfs.xfs", "-q", "-f"], 0xD1B5_4A32_D192_ED03);
    }
}

/// Runs the test again where its mounts and its processes are seen by nobody
/// else and end with it, also where it is killed; tells whether this is there.
fn alone(test: &str) -> bool {
    const ALONE: &str = "GATEPOST_TEST_ALONE";
    if std::env::var_os(ALONE).is_some() {
        return true;
    }
    if may_mount() {
        let unshare = ["--pdeathsig", "KILL", "unshare", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc"];
        let this = std::env::current_exe().unwrap();
        let mut command = Command::new("setpriv");
        command.args(unshare).arg(this).args(["--exact", test, "--nocapture"]).env(ALONE, "yes");
        let done = command.output().unwrap();
        let said = String::from_utf8_lossy(&done.stdout).into_owned() + &String::from_utf8_lossy(&done.stderr);
        assert!(done.status.success(), "{said}");
        println!("{said}");
    }
    false
}

/// 10 in the long form; a first one in CI shows that it works at all.
fn cuts(mkfs: &[&str], seed: u64) {
    let Some(mut machine) = Machine::start(mkfs) else { return };
    let told = Arc::new(Told::default());
    let mut moments = Moments(seed);
    let rounds = if long() { 10 } else { 2 };
    for round in 0..rounds {
        let load = Load::start(&machine.server, &told);
        load.is_felt();
        // Journals are written by the kernel every five seconds too.
        moments.wait(50, if long() && round % 3 == 2 { 8000 } else { 1500 });
        if round % 2 == 0 {
            // Right after the last 250: nothing that came later has taken the
            // last message to the disk along with itself.
            load.end();
            machine.power_cut();
        } else {
            machine.power_cut();
            load.end();
        }
        machine.power_on();
        told.holds(&machine.server);
    }
    let mut client = Client::connect(machine.server.smtp).unwrap();
    let said = client.message("s@client.example", &["alice@example.org"], &mail("after", "x")).unwrap();
    assert!(said.starts_with("250"), "{said}");
    println!("{} messages acknowledged, {rounds} cuts on {}", told.acknowledged(), mkfs[0]);
}

/// Mail has a disk, and the spool with the databases another one: on one alone
/// each commit of a database would make durable what was written to a Maildir
/// before it, and nobody would notice that this was not asked for.
const DISKS: [&str; 2] = ["data", "mail"];

/// A server with disks of its own. The server goes first, then the mounts and
/// with them the loop devices, then the images; also where the test has failed.
struct Machine {
    server: Server,
    mounts: Vec<Mount>,
    images: TempDir,
}

impl Machine {
    /// `None`, with a note, where this cannot be done here.
    fn start(mkfs: &[&str]) -> Option<Self> {
        let images = TempDir::with_prefix("gatepost-power-").unwrap();
        let store = images.path().join("store");
        let mut mounts = Vec::new();
        for disk in DISKS {
            let (image, at) = (images.path().join(disk), store.join(disk));
            fs::create_dir_all(&at).unwrap();
            fs::File::create(&image).unwrap().set_len(IMAGE).unwrap();
            let Some(mount) = made(mkfs, &image).then(|| Mount::image(&image, &at)).flatten() else {
                eprintln!("skipped: {} is not there, or images cannot be mounted here", mkfs[0]);
                return None;
            };
            mounts.push(mount);
        }
        let mut server = prepared(Setup { store: Some(store), ..Setup::default() });
        server.run();
        Some(Self { server, mounts, images })
    }

    /// Keeps what the disks hold, and nothing that the server or the kernel has
    /// in memory.
    fn power_cut(&mut self) {
        // Nothing is said any more from here on, so all that was said before
        // must be on the disks now.
        halt(self.server.pid());
        let folder = self.images.path();
        let held = |disk: &str| folder.join(format!("{disk}-held"));
        eventually("the disks are quiet for the time of a copy", || {
            let before = written(&self.mounts);
            DISKS.iter().for_each(|disk| copy(&folder.join(disk), &held(disk)));
            before.iter().all(|disk| disk.in_flight == 0) && before == written(&self.mounts)
        });
        self.server.kill();
        self.mounts.drain(..).for_each(Mount::end);
        DISKS.iter().for_each(|disk| fs::rename(held(disk), folder.join(disk)).unwrap());
    }

    /// Mounts what was kept, and starts the server on it.
    fn power_on(&mut self) {
        let folder = self.images.path();
        let mount = |disk: &&str| Mount::image(&folder.join(disk), &folder.join("store").join(disk));
        self.mounts = DISKS.iter().map(|disk| mount(disk).expect("it can be mounted again")).collect();
        self.server.run();
    }
}

/// What has been written to a device so far.
#[derive(PartialEq)]
struct Written {
    writes: [u64; 4],
    in_flight: u64,
}

/// The kernel counts a write as in flight before the image changes, and as done
/// after it; so a copy between two equal counts is of one moment
/// (Documentation/block/stat: writes, their sectors, discards, their sectors).
fn written(mounts: &[Mount]) -> Vec<Written> {
    let count = |mount: &Mount| {
        let stat = fs::read_to_string(format!("/sys/dev/block/{}/stat", mount.device())).unwrap();
        let fields: Vec<u64> = stat.split_ascii_whitespace().map(|field| field.parse().unwrap()).collect();
        Written { writes: [4, 6, 11, 13].map(|at| fields[at]), in_flight: fields[8] }
    };
    mounts.iter().map(count).collect()
}

fn copy(from: &Path, to: &Path) {
    let (from, to) = (from.display().to_string(), to.display().to_string());
    command::run("cp", &["--reflink=auto", "--sparse=always", &from, &to], b"").ok();
}

fn made(mkfs: &[&str], image: &Path) -> bool {
    let image = image.display().to_string();
    let there = ["/sbin", "/usr/sbin"].iter().any(|folder| Path::new(folder).join(mkfs[0]).exists());
    there && command::run(mkfs[0], &[&mkfs[1..], &[&image]].concat(), b"").code == Some(0)
}
