//! Python's imapclient, which Debian has no package of.

use testkit::command;

use super::{LETTERS, at, fetched, lived_in};

#[test]
fn it_does_all_that_it_can() {
    let args = ["-m", "pip", "install", "--quiet", "--no-deps", "--require-hashes", "--target", "."];
    let Some(folder) = fetched(&["requirements.txt"], "python3", &[&args[..], &["-r", "requirements.txt"]].concat())
    else {
        return;
    };
    let server = lived_in();
    let path = format!("PYTHONPATH={}", folder.display());
    let (port, smtp) = (server.imaps.port().to_string(), server.smtp.port().to_string());
    let (ca, script, letters) = (server.ca().display().to_string(), at("python_imapclient.py"), LETTERS.to_string());
    let said = command::run("env", &[&path, "python3", &script, &port, &ca, &smtp, &letters], b"").ok();
    assert!(said.ends_with("done\n"), "{said}");
}
