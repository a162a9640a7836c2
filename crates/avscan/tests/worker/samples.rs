//! Archives and messages, written by hand.

use std::io::Write;

use flate2::write::{DeflateEncoder, GzEncoder};
use flate2::{Compression, Crc};

/// The test virus, put together here.
pub(crate) fn eicar() -> Vec<u8> {
    [r"X5O!P%@AP[4\PZX54(P^)7CC)7}$", "EICAR-STANDARD-", "ANTIVIRUS-TEST-FILE", "!$H+H*"].concat().into_bytes()
}

/// A zip archive with one deflated file.
pub(crate) fn zip(name: &str, content: &[u8]) -> Vec<u8> {
    zip_of(&[(name, content)], 0)
}

/// A zip archive; the flags go into each header (1: encrypted).
pub(crate) fn zip_of(files: &[(&str, &[u8])], flags: u16) -> Vec<u8> {
    let (mut archive, mut directory) = (Vec::new(), Vec::new());
    for (name, content) in files {
        let mut crc = Crc::new();
        crc.update(content);
        let mut deflated = DeflateEncoder::new(Vec::new(), Compression::default());
        deflated.write_all(content).unwrap();
        let deflated = deflated.finish().unwrap();
        let mut common = Vec::new();
        for field in [20, flags, 8, 0, 0] {
            common.extend(field.to_le_bytes());
        }
        for field in [crc.sum(), deflated.len() as u32, content.len() as u32] {
            common.extend(field.to_le_bytes());
        }
        common.extend((name.len() as u16).to_le_bytes());
        common.extend([0; 2]);
        let offset = archive.len() as u32;
        archive.extend(b"PK\x03\x04");
        archive.extend(&common);
        archive.extend(name.as_bytes());
        archive.extend(deflated);
        directory.extend(b"PK\x01\x02\x14\0");
        directory.extend(common);
        directory.extend([0; 10]);
        directory.extend(offset.to_le_bytes());
        directory.extend(name.as_bytes());
    }
    let (count, start) = (files.len() as u16, archive.len() as u32);
    archive.extend(&directory);
    archive.extend(b"PK\x05\x06\0\0\0\0");
    archive.extend(count.to_le_bytes());
    archive.extend(count.to_le_bytes());
    archive.extend((directory.len() as u32).to_le_bytes());
    archive.extend(start.to_le_bytes());
    archive.extend([0; 2]);
    archive
}

/// A gzipped tar archive with one file.
pub(crate) fn tar_gz(name: &str, content: &[u8]) -> Vec<u8> {
    let mut header = [0_u8; 512];
    header[..name.len()].copy_from_slice(name.as_bytes());
    header[100..108].copy_from_slice(b"0000644\0");
    header[124..136].copy_from_slice(format!("{:011o}\0", content.len()).as_bytes());
    header[136..148].copy_from_slice(b"00000000000\0");
    header[148..156].copy_from_slice(b"        ");
    header[156] = b'0';
    header[257..265].copy_from_slice(b"ustar\x0000");
    let sum: u32 = header.iter().map(|byte| u32::from(*byte)).sum();
    header[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    let mut tar = header.to_vec();
    tar.extend(content);
    tar.resize(tar.len().next_multiple_of(512) + 1024, 0);
    let mut packed = GzEncoder::new(Vec::new(), Compression::default());
    packed.write_all(&tar).unwrap();
    packed.finish().unwrap()
}

pub(crate) fn base64(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for (n, group) in bytes.chunks(3).enumerate() {
        let bits = group.iter().fold(0, |bits, byte| bits << 8 | u32::from(*byte)) << (8 * (3 - group.len()));
        for place in 0..4 {
            let digit = ALPHABET[(bits >> (18 - 6 * place) & 63) as usize];
            text.push(if place > group.len() { '=' } else { char::from(digit) });
        }
        if n % 19 == 18 {
            text.push('\n');
        }
    }
    text + "\n"
}

pub(crate) fn quoted_printable(bytes: &[u8]) -> String {
    let escaped: Vec<_> = bytes.iter().map(|byte| format!("={byte:02X}")).collect();
    escaped.chunks(20).map(|line| line.concat() + "=\n").collect()
}

/// A MIME part that carries bytes in base64.
pub(crate) fn part(kind: &str, name: &str, bytes: &[u8]) -> String {
    format!(
        "Content-Type: {kind}; name=\"{name}\"\nContent-Transfer-Encoding: base64\n\
         Content-Disposition: attachment; filename=\"{name}\"\n\n{}",
        base64(bytes)
    )
}

/// A message: the opening stands where its header block begins. Without an
/// opening there is nothing but the Content-Type.
pub(crate) fn mail(opening: &str, part: &str) -> String {
    // No boundary may be the beginning of another one's.
    let boundary = format!("b{}e", part.len());
    format!(
        "{opening}Content-Type: multipart/mixed; boundary=\"{boundary}\"\n\n\
         --{boundary}\nContent-Type: text/plain\n\nsee the attachment\n--{boundary}\n{part}\n--{boundary}--\n"
    )
}

/// A part that is a message, as it is.
pub(crate) fn forwarded(message: &str) -> String {
    format!("Content-Type: message/rfc822\n\n{message}")
}

/// Header blocks by which libclamav does not know a message, and ordinary ones.
pub(crate) fn openings() -> Vec<(&'static str, String)> {
    let padded = |at: usize| {
        let start = "Subject: a\nX-Pad: ";
        format!("{start}{}ustar\nMIME-Version: 1.0\n", "a".repeat(at - start.len()))
    };
    let rest = "From: a@example.org\nTo: b@example.net\nSubject: x\nMIME-Version: 1.0\n";
    vec![
        ("ordinary", format!("Received: from a by b; Sat, 21 Nov 2026 10:00:00 +0000\n{rest}")),
        ("without Received", rest.to_owned()),
        ("only a Content-Type", String::new()),
        ("unknown first header", format!("X-Nobody-Knows: this\n{rest}")),
        ("lower case", format!("received: from a by b; Sat, 21 Nov 2026 10:00:00 +0000\n{rest}")),
        ("MZ-Header", format!("MZ-Header: program\n{rest}")),
        ("PK header", format!("PK: \u{3}\u{4}\n{rest}")),
        ("mbox line", format!("From a@example.org Sat Nov 21 10:00:00 2026\n{rest}")),
        ("ustar at 257", padded(257)),
        // A type must not show through a line that is put before the message.
        ("ustar at 238", padded(238)),
        (
            "ustar everywhere",
            format!("{}{rest}", "X-Pad: ustarustarustarustarustarustarustarustarustarustar\n".repeat(40)),
        ),
        ("EFI PART", format!("X-Pad: {}\n{rest}", "EFI PART".repeat(200))),
    ]
}
