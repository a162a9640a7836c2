//! Root is given up for good: in a process of its own with a single thread,
//! which is why this test has no harness.
#![forbid(unsafe_code)]

use std::error::Error;
use std::path::Path;

use gatepost::config::Config;
use gatepost::privileges::{Dropped, drop_to};

fn main() -> Result<(), Box<dyn Error>> {
    if !rustix::process::geteuid().is_root() {
        println!("not root: there is nothing to give up");
        return Ok(());
    }
    let text = "[server]\nhostname = \"mail.example.org\"\nuser = \"nobody\"\n";
    let config = Config::parse(text, Path::new("gatepost.toml"))?;
    let Dropped::Became(user) = drop_to(&config.server.user)? else {
        return Err("nothing was given up".into());
    };
    let uid = std::thread::spawn(rustix::process::geteuid).join().map_err(|_| "the thread fell")?;
    assert_eq!(uid.as_raw(), user.uid, "a thread that is started later has the same user");
    assert!(std::fs::read("/etc/shadow").is_err(), "root's files are out of reach");
    assert_eq!(drop_to(&config.server.user)?, Dropped::Kept, "a second time nothing is left to do");
    println!("became user {} for good", user.uid);
    Ok(())
}
