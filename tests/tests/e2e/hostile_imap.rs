//! IMAP clients that mean harm: before the login, and after it.

use std::fs;

use testkit::server::{Server, Setup};

use crate::house::{Imap, PATIENCE, ends_ok, peak_memory};
use crate::smtp::{Client, mail};

/// What each of these comes to is BAD, NO or the end of the connection, within
/// the time of a test and without memory.
#[test]
fn before_the_login() {
    let server = Server::start(Setup::default());
    let cases: Vec<(&str, Vec<u8>)> = vec![
        ("a literal of 4 GiB", b"a LOGIN {4294967295}\r\n".to_vec()),
        ("a literal of 4 GiB, not waited for", b"a LOGIN {4294967295+}\r\n".to_vec()),
        ("a literal beyond 64 bits", b"a LOGIN {99999999999999999999999}\r\n".to_vec()),
        ("parentheses", [b"a SEARCH ".to_vec(), b"(".repeat(100_000), b"\r\n".to_vec()].concat()),
        ("parentheses in LIST", [b"a LIST ".to_vec(), b"(".repeat(60_000), b"\r\n".to_vec()].concat()),
        ("a line of 1 MB", [b"a LOGIN ".to_vec(), b"x".repeat(1 << 20), b"\r\n".to_vec()].concat()),
        ("no line at all", b"x".repeat(2 << 20)),
        ("a quoted string without end", [b"a LOGIN \"".to_vec(), b"\\\\".repeat(500_000)].concat()),
        ("many literals", [b"a LOGIN".to_vec(), b" {1+}\r\nx".repeat(5_000), b"\r\n".to_vec()].concat()),
        ("small literals that wait", [b"a LOGIN {1}\r\n".to_vec(), b"x {1}\r\n".repeat(5_000)].concat()),
        ("NUL", b"a LOGIN \0 \0\r\n".repeat(100)),
        ("bare line feeds", b"a NOOP\n".repeat(20_000)),
        ("many commands", b"a NOOP\r\n".repeat(20_000)),
        ("many errors", b"a NONSENSE\r\n".repeat(5_000)),
        ("AUTHENTICATE with too much", [b"a AUTHENTICATE PLAIN ".to_vec(), b"A".repeat(900_000)].concat()),
        ("commands of a login", b"a SELECT INBOX\r\nb FETCH 1 BODY[]\r\nc STATUS INBOX (MESSAGES)\r\n".to_vec()),
    ];
    for (what, octets) in cases {
        let mut imap = Imap::connect(&server);
        imap.send(&octets);
        imap.send(b"\r\nz LOGOUT\r\n");
        let said = imap.rest();
        let lawful = octets.starts_with(b"a NOOP");
        assert!(lawful || !said.lines().any(|line| line.starts_with("a OK")), "{what}: {said:.300}");
        assert!(!said.contains("EXISTS") && !said.contains("MESSAGES"), "{what}: {said:.300}");
    }
    assert!(peak_memory(&server) < 200, "{} MiB", peak_memory(&server));
    Imap::login(&server, "alice");
}

#[test]
fn after_the_login() {
    let server = Server::start(Setup::default());
    let mut client = Client::connect(server.smtp).unwrap();
    let said = client.message("s@client.example", &["alice@example.org"], &mail("one", "x")).unwrap();
    assert!(said.starts_with("250"), "{said}");
    let deep_not = "NOT ".repeat(50_000);
    let deep_or = "OR ".repeat(50_000);
    let parts = "1.".repeat(20_000);
    let commands = [
        format!("SEARCH {}ALL{}", "(".repeat(100_000), ")".repeat(100_000)),
        format!("SEARCH {deep_not}SEEN"),
        format!("SEARCH {deep_or}SEEN"),
        format!("FETCH 1 (BODY[{parts}1])"),
        "FETCH 1:4294967295 (FLAGS)".to_owned(),
        "UID FETCH 4294967295:1,1:*,*:1 (FLAGS)".to_owned(),
        format!("FETCH {}1 (FLAGS)", "1,".repeat(200_000)),
        "FETCH 1 (BODY[]<4294967295.4294967295>)".to_owned(),
        format!("STORE 1 +FLAGS ({})", (0..5_000).map(|n| format!("k{n} ")).collect::<String>().trim_end()),
        format!("CREATE {}", "a.".repeat(5_000)),
        format!("LIST \"\" \"{}\"", "*a".repeat(20_000)),
        "APPEND INBOX {999999999999}".to_owned(),
    ];
    for command in commands {
        let mut imap = Imap::login(&server, "alice");
        assert!(ends_ok(&imap.command("SELECT INBOX")));
        let start = std::time::Instant::now();
        imap.command(&command);
        assert!(start.elapsed() < PATIENCE, "{command:.60}: {:?}", start.elapsed());
    }
    assert!(peak_memory(&server) < 250, "{} MiB", peak_memory(&server));
    let mut imap = Imap::login(&server, "alice");
    assert!(imap.command("SELECT INBOX").contains("* 1 EXISTS"), "the server goes on");
}

#[test]
fn nobody_reaches_another_ones_folders() {
    let server = Server::start(Setup::default());
    let mut client = Client::connect(server.smtp).unwrap();
    let said = client.message("s@client.example", &["bob@example.org"], &mail("private", "bobs-secret")).unwrap();
    assert!(said.starts_with("250"), "{said}");
    fs::write(server.path("mail/outside"), "bobs-secret").unwrap();
    let mut alice = Imap::login(&server, "alice");
    let names = [
        "../bob",
        "../../bob/Maildir",
        "..",
        ".",
        "/",
        "//",
        "...",
        ".bob",
        "/etc",
        "/etc/passwd",
        "INBOX/../../../bob/Maildir",
        "Junk/../../../bob/Maildir/",
        "bob@example.org",
        "user.bob",
        "user/bob@example.org",
        "Other Users.bob",
        "#shared.bob",
        "~bob",
        "cur",
        "new",
        "tmp",
        "a\\\\b",
        "&AAA-",
        "&AC4ALg-",
        "&AC8-",
    ];
    for name in names {
        for command in ["SELECT", "EXAMINE", "CREATE", "SUBSCRIBE", "DELETE", "STATUS"] {
            let tail = if command == "STATUS" { " (MESSAGES)" } else { "" };
            let said = alice.command(&format!("{command} \"{name}\"{tail}"));
            assert!(!said.is_empty(), "{command} {name}: the connection was closed");
            assert!(!said.contains("* 1 EXISTS") && !said.contains("MESSAGES 1"), "{command} {name}: {said}");
        }
        let said = alice.command(&format!("RENAME Sent \"{name}\""));
        if ends_ok(&said) {
            alice.command(&format!("RENAME \"{name}\" Sent"));
        }
        let said = alice.command(&format!("LIST \"\" \"{name}*\"")) + &alice.command(&format!("LIST \"{name}\" \"%\""));
        assert!(!said.contains("bob\"\r\n") || name.contains("bob"), "{name}: {said}");
    }
    assert!(ends_ok(&alice.command("SELECT INBOX")), "her own things are as they were");
    // Whatever was made is below her own Maildir.
    let domain: Vec<_> =
        fs::read_dir(server.path("mail/example.org")).unwrap().map(|e| e.unwrap().file_name()).collect();
    assert!(domain.iter().all(|name| name == "alice" || name == "bob"), "{domain:?}");
    let home: Vec<_> =
        fs::read_dir(server.path("mail/example.org/alice")).unwrap().map(|e| e.unwrap().file_name()).collect();
    let ours = |name: &std::ffi::OsString| name.to_string_lossy().starts_with(".gatepost-") || name == ".removed";
    assert!(home.iter().all(|name| name == "Maildir" || ours(name)), "{home:?}");
    let bobs: Vec<_> =
        fs::read_dir(server.maildir("bob@example.org")).unwrap().map(|e| e.unwrap().file_name()).collect();
    assert!(!bobs.iter().any(|name| name.to_string_lossy().contains("Sent.")), "{bobs:?}");
    let mut bob = Imap::login(&server, "bob");
    assert!(bob.command("SELECT INBOX").contains("* 1 EXISTS"));
    assert!(bob.command("FETCH 1 BODY.PEEK[TEXT]").contains("bobs-secret"));
}
