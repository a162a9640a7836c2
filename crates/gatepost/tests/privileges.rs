//! Root is given up for good: in a process of its own with a single thread,
//! which is why this test has no harness.
#![forbid(unsafe_code)]

use std::path::Path;

use gatepost::config::Config;
use gatepost::privileges::{Dropped, drop_to};

fn main() {
    if !rustix::process::geteuid().is_root() {
        println!("not root: there is nothing to give up");
        return;
    }
    let text = "[server]\nhostname = \"mail.example.org\"\nuser = \"nobody\"\n";
    let config = Config::parse(text, Path::new("gatepost.toml")).expect("a configuration");
    let Dropped::Became(user) = drop_to(&config.server.user).expect("root is given up") else {
        panic!("nothing was given up")
    };
    let uid = std::thread::spawn(rustix::process::geteuid).join().expect("a thread");
    assert_eq!(uid.as_raw(), user.uid, "a thread that is started later has the same user");
    assert!(std::fs::read("/etc/shadow").is_err(), "root's files are out of reach");
    assert_eq!(drop_to(&config.server.user).expect("it is done already"), Dropped::Kept);
    println!("became user {} for good", user.uid);
}
