//! EICAR is found wherever a mail program would find it.

use avscan_client::{Outcome, Prefix};

use crate::samples::{eicar, forwarded, mail, openings, part, quoted_printable, tar_gz, zip};
use crate::{is_eicar, message, scan, with_scanner};

/// Parts that carry a file, each in its own way.
fn parts(file: &[u8]) -> Vec<(&'static str, String)> {
    let text = String::from_utf8(file.to_vec()).unwrap();
    let program = "application/octet-stream";
    vec![
        ("plain", format!("Content-Type: {program}; name=a.com\n\n{text}")),
        ("base64", part(program, "a.com", file)),
        (
            "quoted-printable",
            format!(
                "Content-Type: {program}\nContent-Transfer-Encoding: quoted-printable\n\n{}",
                quoted_printable(file)
            ),
        ),
        ("zip", part("application/zip", "a.zip", &zip("a.com", file))),
        ("zip in zip", part("application/zip", "a.zip", &zip("b.zip", &zip("a.com", file)))),
        ("tar.gz", part("application/gzip", "a.tar.gz", &tar_gz("a.com", file))),
    ]
}

/// Asks for each sample and says all that were judged wrongly.
fn check(samples: Vec<(String, Vec<u8>)>, virus: bool) {
    with_scanner(
        |_| {},
        async |scanner| {
            let mut wrong = Vec::new();
            let count = samples.len();
            for (name, bytes) in samples {
                let outcome = scan(&scanner, &bytes).await;
                let right = if virus { is_eicar(&outcome) } else { outcome == Ok(Outcome::Clean) };
                if !right {
                    wrong.push(format!("{name}: {outcome:?}"));
                }
            }
            assert!(wrong.is_empty(), "{} of {count}:\n{}", wrong.len(), wrong.join("\n"));
        },
    );
}

/// With line ends as on disk and as on the wire.
fn both(name: &str, text: &str) -> [(String, Vec<u8>); 2] {
    [(format!("{name}, LF"), text.into()), (format!("{name}, CRLF"), text.replace('\n', "\r\n").into())]
}

fn everywhere(file: &[u8]) -> Vec<(String, Vec<u8>)> {
    let mut samples = Vec::new();
    for (carried, part) in parts(file) {
        for (opened, opening) in openings() {
            samples.extend(both(&format!("{carried} under {opened}"), &mail(&opening, &part)));
        }
    }
    samples
}

fn nested(file: &[u8], depths: &[u32]) -> Vec<(String, Vec<u8>)> {
    let mut samples = Vec::new();
    let attached = part("application/zip", "a.zip", &zip("a.com", file));
    for (opened, opening) in openings() {
        for depth in depths {
            let mut text = mail(&opening, &attached);
            for _ in 0..*depth {
                text = mail(&opening, &forwarded(&text));
            }
            samples.push((format!("{depth} deep under {opened}"), text.into()));
        }
    }
    samples
}

/// A message with EICAR, handed on in ways that are no plain message/rfc822.
fn wrapped(file: &[u8]) -> Vec<(String, Vec<u8>)> {
    let mut samples = Vec::new();
    let attached = part("application/zip", "a.zip", &zip("a.com", file));
    for (opened, opening) in openings() {
        let inner = mail(&opening, &attached);
        let bytes = inner.as_bytes();
        let ways = [
            ("base64 message", part("message/rfc822", "m", bytes)),
            ("eml", part("application/octet-stream", "m.eml", bytes)),
            ("eml without its name", part("application/octet-stream", "m", bytes)),
            ("eml in zip", part("application/zip", "m.zip", &zip("m.eml", bytes))),
            ("eml in zip in zip", part("application/zip", "m.zip", &zip("n.zip", &zip("m.eml", bytes)))),
            ("eml in tar.gz", part("application/gzip", "m.tar.gz", &tar_gz("m.eml", bytes))),
            ("eml in zip in message", forwarded(&mail(&opening, &part("application/zip", "m.zip", &zip("m", bytes))))),
            ("message in eml in zip", {
                let outer = mail(&opening, &forwarded(&inner));
                part("application/zip", "m.zip", &zip("m.eml", outer.as_bytes()))
            }),
        ];
        for (how, part) in ways {
            samples.extend(both(&format!("{how} of {opened}"), &mail(&opening, &part)));
        }
    }
    samples
}

#[test]
fn under_every_header_block() {
    let mut samples = everywhere(&eicar());
    samples.push(("alone".to_owned(), eicar()));
    check(samples, true);
}

#[test]
fn in_messages_inside_messages() {
    check(nested(&eicar(), &[1, 2, 3, 8, 31, 32]), true);
}

#[test]
fn in_messages_that_are_handed_on_otherwise() {
    check(wrapped(&eicar()), true);
}

#[test]
fn nothing_is_found_in_harmless_mail() {
    let harmless = b"Nothing to see here, only the word EICAR.";
    let mut samples = everywhere(harmless);
    samples.extend(nested(harmless, &[1, 5]));
    samples.extend(wrapped(harmless));
    samples.push(("nothing at all".to_owned(), Vec::new()));
    check(samples, false);
}

#[test]
fn twice_the_same_archive_is_found_twice() {
    // A cache of clean files must not hide what is in them.
    let inner = mail("X-Odd: y\n", &part("application/zip", "a.zip", &zip("a.com", &eicar())));
    let archive = part("application/zip", "m.zip", &zip("m.eml", inner.as_bytes()));
    let samples = (0..3).map(|n| (format!("time {n}"), mail(&format!("X-Number: {n}\n"), &archive).into()));
    check(samples.collect(), true);
}

#[test]
fn a_file_that_begins_with_our_line_is_scanned_in_place() {
    with_scanner(
        |_| {},
        async |scanner| {
            let text = mail("MZ-Header: x\n", &part("application/zip", "a.zip", &zip("a.com", &eicar())));
            let ours = format!("Received: from a by mx.example.org; Sat, 21 Nov 2026 10:00:00 +0000\n{text}");
            let asked = |bytes: &[u8], prefix, length| {
                let mut message = message(bytes);
                (message.prefix, message.length) = (prefix, length);
                scanner.scan(message)
            };
            let whole = ours.len() as u64;
            let scanned = asked(ours.as_bytes(), Prefix::Ours, whole).await.map(|scan| scan.outcome);
            assert!(is_eicar(&scanned), "{scanned:?}");
            // Whatever the sender plants behind our line.
            for (opened, opening) in openings() {
                let text = mail(&opening, &part("application/zip", "a.zip", &zip("a.com", &eicar())));
                for hop in 0..6 {
                    let ours = format!("Received: from {} by mx.example.org\n{text}", "h".repeat(hop));
                    let scanned =
                        asked(ours.as_bytes(), Prefix::Ours, ours.len() as u64).await.map(|scan| scan.outcome);
                    assert!(is_eicar(&scanned), "{opened}, {hop}: {scanned:?}");
                }
            }
            // What is behind the message in its file is no part of it.
            let longer = [b"Received: x\n\nhello\n".as_slice(), &eicar()].concat();
            let clean = asked(&longer, Prefix::Ours, 19).await.map(|scan| scan.outcome);
            assert_eq!(clean, Ok(Outcome::Clean));
            assert!(asked(&longer, Prefix::Ours, 1000).await.is_err(), "shorter than was said");
        },
    );
}
