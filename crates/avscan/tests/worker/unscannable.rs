//! What cannot be looked into is said to be so, and is never clean.

use avscan_client::{Limit, Outcome, Settings};

use crate::samples::{base64, eicar, forwarded, mail, part, zip, zip_of};
use crate::{is_eicar, scan, with_scanner};

fn check(change: impl FnOnce(&mut Settings), message: &str, expected: Limit) {
    with_scanner(change, async |scanner| {
        assert_eq!(scan(&scanner, message.as_bytes()).await, Ok(Outcome::Unscannable(expected)));
        assert_eq!(scan(&scanner, b"Subject: x\n\nhello\n").await, Ok(Outcome::Clean), "the next one is");
    });
}

fn attached(archive: &[u8]) -> String {
    mail("X-Odd: y\n", &part("application/zip", "a.zip", archive))
}

#[test]
fn encrypted_archives() {
    check(|_| {}, &attached(&zip_of(&[("a.com", b"whatever it is")], 1)), Limit::Encrypted);
}

#[test]
fn large_messages_and_bombs() {
    check(|settings| settings.limits.max_file = 1000, &"x".repeat(1001), Limit::Size);
    let bomb = zip("zeros", &vec![0; 3 << 20]);
    check(|settings| settings.limits.max_scan = 1 << 20, &attached(&bomb), Limit::Size);
}

#[test]
fn many_files() {
    let names: Vec<_> = (0..50).map(|n| (format!("{n}"), format!("file {n}"))).collect();
    let files: Vec<_> = names.iter().map(|(name, content)| (name.as_str(), content.as_bytes())).collect();
    check(|settings| settings.limits.max_files = 20, &attached(&zip_of(&files, 0)), Limit::Files);
    let messages: String =
        (0..20).map(|n| format!("--x\nContent-Type: message/rfc822\n\nSubject: {n}\n\nhi\n")).collect();
    let digest = format!("Content-Type: multipart/digest; boundary=x\n\n{messages}--x--\n");
    check(|settings| settings.limits.max_embedded = 10, &digest, Limit::Files);
}

#[test]
fn deep_nesting() {
    let mut archive = b"at the bottom".to_vec();
    for _ in 0..12 {
        archive = zip("inner.zip", &archive);
    }
    check(|settings| settings.limits.max_recursion = 6, &attached(&archive), Limit::Recursion);
    let mut message = "Subject: x\n\nhi\n".to_owned();
    for _ in 0..5 {
        message = mail("X-Odd: y\n", &forwarded(&message));
    }
    check(|settings| settings.limits.max_depth = 4, &message, Limit::Recursion);
}

#[test]
fn a_virus_is_one_also_where_a_limit_is_reached() {
    with_scanner(
        |settings| settings.limits.max_depth = 2,
        async |scanner| {
            let virus = part("application/zip", "v.zip", &zip("a.com", &eicar()));
            let mut message = mail("X-Odd: y\n", &virus);
            for _ in 0..2 {
                message = mail("X-Odd: y\n", &forwarded(&message));
            }
            // Beside it, nesting that goes beyond the limit.
            let deep = (0..4).fold("Subject: x\n\nhi\n".to_owned(), |inner, _| mail("Y: z\n", &forwarded(&inner)));
            let message = message.replacen("see the attachment", &deep, 1);
            let outcome = scan(&scanner, message.as_bytes()).await;
            assert!(is_eicar(&outcome), "{outcome:?}");
        },
    );
}

#[test]
fn hostile_messages_cost_nothing_but_themselves() {
    let encoded = |text: &str| {
        format!("Content-Transfer-Encoding: base64\nContent-Type: message/rfc822\n\n{}", base64(text.as_bytes()))
    };
    let parameters: String = (0..5000).map(|n| format!(";\n a*{n}=xxxx")).collect();
    let message = "Content-Type: message/rfc822\n\n";
    let hostile = [
        ("messages in messages", message.repeat(3000)),
        ("the same in base64", encoded(&message.repeat(3000))),
        ("base64 in base64", (0..12).fold(message.to_owned(), |inner, _| encoded(&inner))),
        ("a multipart that is its own part", "Content-Type: multipart/mixed; boundary=b\n\n--b\n".repeat(5000)),
        ("parameters", format!("Content-Type: multipart/mixed; boundary=b{parameters}\n\n--b\n\nx\n--b--\n")),
        ("types", format!("{}\nx\n", "Content-Type: multipart/mixed; boundary=b\n".repeat(5000))),
        ("comments", format!("Content-Type: text/plain; {}\n\nx\n", "(".repeat(100_000))),
        ("an endless line", format!("Subject: {}", "x".repeat(1 << 20))),
        ("no bytes of any charset", String::from_utf8_lossy(&[0xFF; 5000]).into_owned()),
    ];
    with_scanner(
        |_| {},
        async |scanner| {
            for (name, message) in hostile {
                let outcome = scan(&scanner, message.as_bytes()).await;
                assert!(matches!(outcome, Ok(Outcome::Clean | Outcome::Unscannable(_))), "{name}: {outcome:?}");
                assert_eq!(scanner.status().crashes, 0, "{name}");
            }
        },
    );
}
