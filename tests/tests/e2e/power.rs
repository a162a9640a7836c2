//! The power goes at random moments under load. What the disk held then is
//! mounted again, as after a power cut, and every acknowledged message is there
//! exactly once and keeps its UID.
//!
//! The server keeps everything on a file system in an image, behind a loop
//! device. What it has not synchronised waits in the kernel's memory and is not
//! in the image; so a copy of the image is what a disk would hold. kill -9
//! alone does not show a missing fsync, since the kernel keeps what was written.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use tempfile::TempDir;
use testkit::command;
use testkit::server::{Server, Setup, halt};

use crate::house::{Mount, eventually, may_mount, prepared};
use crate::load::{Load, Moments, Told, long};
use crate::smtp::{Client, mail};

/// Enough for the smallest XFS that its tools make; what is not written takes
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
        moments.wait(50, if long() && round % 2 == 1 { 8000 } else { 1500 });
        machine.power_cut();
        load.end();
        machine.power_on();
        told.holds(&machine.server);
    }
    let mut client = Client::connect(machine.server.smtp).unwrap();
    let said = client.message("s@client.example", &["alice@example.org"], &mail("after", "x")).unwrap();
    assert!(said.starts_with("250"), "{said}");
    println!("{} messages acknowledged, {rounds} cuts on {}", told.acknowledged(), mkfs[0]);
}

/// A server with a disk of its own. The server goes first, then the mount and
/// with it the loop device, then the images; also where the test has failed.
struct Machine {
    server: Server,
    disk: Option<Mount>,
    images: TempDir,
}

impl Machine {
    /// `None`, with a note, where this cannot be done here.
    fn start(mkfs: &[&str]) -> Option<Self> {
        let images = TempDir::with_prefix("gatepost-power-").unwrap();
        let (image, at) = (images.path().join("disk"), images.path().join("mounted"));
        fs::create_dir(&at).unwrap();
        fs::File::create(&image).unwrap().set_len(IMAGE).unwrap();
        let Some(disk) = made(mkfs, &image).then(|| Mount::image(&image, &at)).flatten() else {
            eprintln!("skipped: {} is not there, or images cannot be mounted here", mkfs[0]);
            return None;
        };
        let mut server = prepared(Setup { store: Some(at), ..Setup::default() });
        server.run();
        Some(Self { server, disk: Some(disk), images })
    }

    fn image(&self) -> PathBuf {
        self.images.path().join("disk")
    }

    /// Keeps what the disk holds, and nothing that the server or the kernel has
    /// in memory.
    fn power_cut(&mut self) {
        let disk = self.disk.take().unwrap();
        let held = self.images.path().join("held");
        // Nothing is said any more from here on, so all that was said before
        // must be on the disk now.
        halt(self.server.pid());
        eventually("the disk is quiet for the time of a copy", || {
            let before = written(&disk);
            copy(&self.image(), &held);
            before.in_flight == 0 && before == written(&disk)
        });
        self.server.kill();
        disk.end();
        fs::rename(held, self.image()).unwrap();
    }

    /// Mounts what was kept, and starts the server on it.
    fn power_on(&mut self) {
        let at = self.images.path().join("mounted");
        self.disk = Some(Mount::image(&self.image(), &at).expect("it can be mounted again"));
        self.server.run();
    }
}

/// What has been written to a device so far.
#[derive(PartialEq)]
struct Written {
    writes: Vec<u64>,
    in_flight: u64,
}

/// The kernel counts a write as in flight before the image changes, and as done
/// after it; so a copy between two equal counts is of one moment
/// (Documentation/block/stat: writes, their sectors, discards, their sectors).
fn written(disk: &Mount) -> Written {
    let stat = fs::read_to_string(format!("/sys/dev/block/{}/stat", disk.device())).unwrap();
    let fields: Vec<u64> = stat.split_ascii_whitespace().map(|field| field.parse().unwrap()).collect();
    Written { writes: [4, 6, 11, 13].map(|at| fields[at]).to_vec(), in_flight: fields[8] }
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
