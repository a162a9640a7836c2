//! What the checks say together.

use std::path::Path;

use super::*;

fn config(text: &str, dir: &Path) -> Config {
    let text = format!("[server]\nhostname = \"mail.example.org\"\ndata = \".\"\n{text}");
    Config::parse(&text, &dir.join("gatepost.toml")).unwrap()
}

fn of<'f>(findings: &'f [Finding], name: &str) -> &'f Finding {
    findings.iter().find(|finding| finding.name == name).unwrap_or_else(|| panic!("{name}: {findings:?}"))
}

#[tokio::test]
async fn each_check_stands_alone() {
    let dir = tempfile::tempdir().unwrap();
    let broken = config(
        "[scan]\nworker = \"none\"\n[tls]\ncert = \"c.pem\"\nkey = \"k.pem\"\n[mail]\npath = \"none\"\n\
         [directory]\nurl = \"sqlite:.\"\n[index]\nurl = \"sqlite:none/i.sqlite\"\n",
        dir.path(),
    );
    let findings = all(&broken, SystemTime::now()).await;
    let failed: Vec<&str> =
        findings.iter().filter(|finding| finding.status == Status::Fail).map(|finding| finding.name).collect();
    let expected = [
        "configuration",
        "directory",
        "index",
        "mail folder",
        "file system",
        "free space",
        "certificate",
        "signatures",
        "scanner",
    ];
    assert_eq!(failed, expected, "{findings:#?}");
    assert_eq!(of(&findings, "data folder").status, Status::Ok);
}

#[tokio::test]
async fn a_working_directory_is_seen() {
    let dir = tempfile::tempdir().unwrap();
    let config = config("", dir.path());
    assert_eq!(of(&database::directory(&config).await, "directory").status, Status::Warn);
    directory::Directory::open(&config.directory_settings()).await.unwrap().close().await;
    let empty = database::directory(&config).await;
    assert!(of(&empty, "directory").message.contains("no active domain"), "{empty:?}");
}

#[test]
fn what_the_configuration_promises_in_vain() {
    let cases = [
        ("", Status::Fail, "nothing is in [listen]"),
        ("[listen]\nsmtp = \"127.0.0.1:2525\"\n", Status::Ok, "1 listener, 1 rule"),
        ("[listen]\nsubmission = \"127.0.0.1:2587\"\n", Status::Warn, "submission is reserved"),
    ];
    for (text, status, said) in cases {
        let finding = configuration(&config(text, Path::new("/no/such/folder")));
        assert!(finding.status == status && finding.message.contains(said), "{finding:?}");
    }
}

#[test]
fn tables_for_people() {
    let findings = [
        Finding::ok("clock", "plausible"),
        Finding::warn("aliases", "a@example.org leads outside", "change it"),
        Finding::fail("index", "x:1:2: one\nx:3:4: \u{1b}two", "do this"),
    ];
    let expected = "ok    clock    plausible\nwarn  aliases  a@example.org leads outside\n               -> change it\n\
        FAIL  index    x:1:2: one\n               x:3:4: ?two\n               -> do this\n\n1 failed, 1 to look at\n";
    assert_eq!(text(&findings), expected);
    assert!(text(&findings[..1]).ends_with("everything is as it should be\n"));
    assert!(text(&findings[..2]).ends_with("it works; 1 to look at\n"));
    let json = serde_json::to_value(&findings[1]).unwrap();
    let expected = serde_json::json!({
        "name": "aliases", "status": "warn", "message": "a@example.org leads outside", "hint": "change it"
    });
    assert_eq!(json, expected);
}

#[tokio::test]
async fn a_broken_configuration_is_the_one_finding() {
    let wrong = || Config::parse("[servr]\n", Path::new("/etc/gatepost/gatepost.toml"));
    let exit = run(&CheckArgs { address: None }, wrong(), SystemTime::now(), Output::new(Format::Json)).await.unwrap();
    assert_eq!(exit, Exit::Usage);
    let finding = broken(&wrong().unwrap_err());
    assert!(finding.message.contains("did you mean \"server\"?"), "{finding:?}");
}
