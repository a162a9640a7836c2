//! The trace header that a message gets from us, and what it may not pretend:
//! `Return-Path`, `Delivered-To`, `Received`, `X-Gatepost-Verdict`
//! (RFC 5321 §4.4).

use std::net::IpAddr;

use mail::{Address, Domain, ReversePath, SpoolId, Text, header};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc2822;

/// More `Received` fields than this are a loop (RFC 5321 §6.3).
const MAX_HOPS: usize = 100;

/// How the message came over to us; becomes one `Received` field.
#[derive(Debug, Clone)]
pub struct Hop {
    /// Our own name.
    pub hostname: Domain,
    /// What the peer called itself, unchecked.
    pub helo: String,
    /// The peer's address; none on a Unix socket.
    pub peer: Option<IpAddr>,
    /// The `with` word, such as `ESMTPS` (RFC 3848).
    pub protocol: &'static str,
    /// The TLS version and cipher, where TLS is in use.
    pub tls: Option<String>,
    /// The id of the message here.
    pub id: SpoolId,
    /// Seconds since 1970.
    pub arrived: i64,
}

impl Hop {
    /// The `Received` field with its line end, folded. With a recipient it
    /// names him in its `for` clause.
    #[must_use]
    pub fn received(&self, recipient: Option<&Address>) -> Vec<u8> {
        let mut field = format!("Received: from {}", token(&self.helo));
        match self.peer {
            Some(IpAddr::V4(ip)) => field.push_str(&format!(" ([{ip}])")),
            Some(IpAddr::V6(ip)) => field.push_str(&format!(" ([IPv6:{ip}])")),
            None => field.push_str(" (local socket)"),
        }
        field.push_str(&format!("\n\tby {} (Gatepost) with {}", self.hostname, self.protocol));
        if let Some(tls) = &self.tls {
            field.push_str(&format!("\n\t({})", Text::sanitized(tls)));
        }
        field.push_str(&format!("\n\tid {}", self.id));
        if let Some(recipient) = recipient {
            field.push_str(&format!("\n\tfor <{recipient}>"));
        }
        field.push_str(&format!(";\n\t{}\n", date(self.arrived)));
        field.into_bytes()
    }
}

/// All that is put on top of one recipient's copy.
#[must_use]
pub fn block(hop: &Hop, sender: &ReversePath, delivered_to: &Address, verdict: &str) -> Vec<u8> {
    let mut block = format!("Return-Path: <{sender}>\nDelivered-To: {delivered_to}\n").into_bytes();
    block.extend(hop.received(Some(delivered_to)));
    block.extend(format!("X-Gatepost-Verdict: {}\n", Text::sanitized(verdict)).into_bytes());
    block
}

/// The received header block without the fields that pretend to be ours: an
/// `Authentication-Results` with our name (RFC 8601 §5), `X-Gatepost-*`, a
/// `Return-Path`, which only the last hop may write, and a continuation line
/// with nothing before it that it could continue but our own.
#[must_use]
pub fn without_pretenders(block: &[u8], authserv_id: &Domain) -> Vec<u8> {
    let mut kept = Vec::with_capacity(block.len());
    let mut covered = 0;
    for field in header::fields(block) {
        covered += field.raw.len();
        if !pretends(&field, authserv_id) {
            kept.extend_from_slice(field.raw);
        }
    }
    kept.extend_from_slice(&block[covered..]);
    kept
}

fn pretends(field: &header::Field<'_>, authserv_id: &Domain) -> bool {
    const PREFIX: &[u8] = b"x-gatepost-";
    // Only the first line of a block can begin so and be a field of its own;
    // behind our fields it would go on with the last of them.
    if matches!(field.raw.first(), Some(b' ' | b'\t')) {
        return true;
    }
    if field.is("Return-Path") || field.name.get(..PREFIX.len()).is_some_and(|p| p.eq_ignore_ascii_case(PREFIX)) {
        return true;
    }
    field.is("Authentication-Results") && first_word(&field.text()).eq_ignore_ascii_case(authserv_id.as_str())
}

/// The authserv-id: what stands before the first space or semicolon, comments
/// left out and quotes taken off.
fn first_word(value: &str) -> String {
    let mut rest = value.trim_start();
    while let Some(comment) = rest.strip_prefix('(') {
        rest = comment.split_once(')').map_or("", |(_, after)| after).trim_start();
    }
    let word = rest.split([' ', '\t', ';', '(']).next().unwrap_or_default();
    word.trim_matches('"').trim_end_matches('.').to_owned()
}

/// Whether the message goes in circles: too many hops, or it was here before
/// on its way to the same recipient.
#[must_use]
pub fn is_looping(block: &[u8], hostname: &Domain, recipients: &[Address]) -> bool {
    let (mut hops, mut ours, mut delivered) = (0, false, false);
    for field in header::fields(block) {
        if field.is("Received") {
            hops += 1;
            ours |= is_by(&field.text(), hostname);
        } else if field.is("Delivered-To") {
            delivered |= Address::parse(&field.text()).is_ok_and(|address| recipients.contains(&address));
        }
    }
    hops >= MAX_HOPS || (ours && delivered)
}

fn is_by(received: &str, hostname: &Domain) -> bool {
    let words: Vec<&str> = received.split_ascii_whitespace().collect();
    // A peer may call itself "by", and a comment may have the word in it.
    words.windows(2).any(|pair| {
        pair[0].eq_ignore_ascii_case("by") && pair[1].trim_end_matches(';').eq_ignore_ascii_case(hostname.as_str())
    })
}

/// A date as RFC 5322 §3.3 writes it, in UTC.
#[must_use]
pub fn date(seconds: i64) -> String {
    let at = OffsetDateTime::from_unix_timestamp(seconds).unwrap_or(OffsetDateTime::UNIX_EPOCH);
    at.format(&Rfc2822).unwrap_or_else(|_| "Thu, 01 Jan 1970 00:00:00 +0000".to_owned())
}

/// What a peer calls itself, with all but the characters of host names and
/// address literals shown as `?`.
fn token(helo: &str) -> String {
    let clean: String = helo
        .chars()
        .take(255)
        .map(|c| if c.is_ascii_alphanumeric() || "-._:[]".contains(c) { c } else { '?' })
        .collect();
    if clean.is_empty() { "unknown".to_owned() } else { clean }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hop() -> Hop {
        Hop {
            hostname: "mx.example.org".parse().unwrap(),
            helo: "client.example".into(),
            peer: Some("192.0.2.7".parse().unwrap()),
            protocol: "ESMTPS",
            tls: Some("TLSv1.3 TLS13_AES_128_GCM_SHA256".into()),
            id: SpoolId::new(1),
            arrived: 1_795_255_200,
        }
    }

    #[test]
    fn one_received_field_per_hop() {
        let alice = Address::parse("alice@example.org").unwrap();
        let text = String::from_utf8(hop().received(Some(&alice))).unwrap();
        let expected = "Received: from client.example ([192.0.2.7])\n\tby mx.example.org (Gatepost) with ESMTPS\n\t\
                        (TLSv1.3 TLS13_AES_128_GCM_SHA256)\n\tid aaaaaaaaaaaac\n\tfor <alice@example.org>;\n\t\
                        Sat, 21 Nov 2026 10:00:00 +0000\n";
        assert_eq!(text, expected);
        assert_eq!(header::fields(text.as_bytes()).count(), 1);
    }

    #[test]
    fn no_peer_writes_our_header() {
        let mut odd = hop();
        odd.helo = "a\r\nX-Evil: 1".into();
        odd.tls = Some("x\ny".into());
        let text = odd.received(None);
        assert_eq!(header::fields(&text).count(), 1, "{}", String::from_utf8_lossy(&text));
        let alice = Address::parse("alice@example.org").unwrap();
        let block = block(&hop(), &ReversePath::Null, &alice, "accept; reason=a\nb");
        let names: Vec<_> = header::fields(&block).map(|f| String::from_utf8_lossy(f.name).into_owned()).collect();
        assert_eq!(names, ["Return-Path", "Delivered-To", "Received", "X-Gatepost-Verdict"]);
    }

    #[test]
    fn pretenders_are_dropped_and_nothing_else() {
        let us = Domain::parse("mx.example.org").unwrap();
        let cases = [
            ("From: a\nReturn-Path: <x>\nTo: b\n\n", "From: a\nTo: b\n\n"),
            ("X-Gatepost-Verdict: accept\n folded\nTo: b\n\n", "To: b\n\n"),
            ("authentication-results: MX.example.org; spf=pass\n\n", "\n"),
            ("Authentication-Results: (c) \"mx.example.org\"; spf=pass\n\n", "\n"),
            (
                "Authentication-Results: other.example; spf=pass\n\n",
                "Authentication-Results: other.example; spf=pass\n\n",
            ),
            (
                "X-Spam-Status: Yes\nReceived: x\nDelivered-To: y\n\n",
                "X-Spam-Status: Yes\nReceived: x\nDelivered-To: y\n\n",
            ),
            ("no header\n", "no header\n"),
            (" ; rule=forged\n\tmore\nTo: b\n c\n\n", "To: b\n c\n\n"),
        ];
        for (given, kept) in cases {
            assert_eq!(String::from_utf8(without_pretenders(given.as_bytes(), &us)).unwrap(), kept);
        }
    }

    #[test]
    fn loops() {
        let us = Domain::parse("mx.example.org").unwrap();
        let alice = [Address::parse("alice@example.org").unwrap()];
        let many = "Received: from a by b; x\n".repeat(100);
        let cases = [
            (many.as_str(), true),
            (&many[..many.len() - 25], false),
            ("Received: from a\n\tby MX.example.org (Gatepost) with ESMTP; x\nDelivered-To: Alice@example.org\n", true),
            ("Received: from a by mx.example.org with ESMTP; x\nDelivered-To: bob@example.org\n", false),
            ("Received: from mx.example.org by other.example; x\nDelivered-To: alice@example.org\n", false),
            ("Received: from by (stood by) by mx.example.org; x\nDelivered-To: alice@example.org\n", true),
            ("Received: from by by\nDelivered-To: alice@example.org\n", false),
            ("Delivered-To: alice@example.org\n", false),
        ];
        for (block, looping) in cases {
            assert_eq!(is_looping(block.as_bytes(), &us, &alice), looping, "{block:.80}");
        }
    }
}
