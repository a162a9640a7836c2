//! Every refusal by its name, so that one case has one code everywhere.

use mail::{Class, Text};

use super::{Enhanced, Refusal, Reply, wrap};

/// A content refusal is one line of fewer octets than this, with its CRLF:
/// longer ones are cut by senders before a human reads them.
const MAX_CONTENT_LINE: usize = 400;

/// The refusal for a class of failure: the one table from what went wrong
/// inside to what the peer hears.
#[must_use]
pub fn of_class(class: Class) -> Refusal {
    match class {
        Class::Directory | Class::Index => lookup_unavailable(),
        Class::Scanner => scanner_unavailable(),
        Class::DiskFull | Class::Disk => disk_unavailable(),
        Class::Quota => over_quota(),
        Class::Missing => no_such_recipient(),
        Class::Invalid => not_acceptable(),
        Class::Internal => internal_error(),
    }
}

/// Refused for its content: `550 5.7.1 SENTENCE See LINK`, one line under 400
/// octets. A sentence that is too long is cut, the link never; a link that
/// does not fit is left out.
#[must_use]
pub fn refused_for_content(sentence: &Text, link: &Text) -> Refusal {
    let ascii = |text: &Text| -> String { text.as_str().chars().map(wrap::visible).collect() };
    let room = MAX_CONTENT_LINE - 1 - "550 5.7.1 \r\n".len();
    let mut tail = format!(" See {}", ascii(link));
    if tail.len() > room {
        tail.clear();
    }
    let mut sentence = ascii(sentence);
    if sentence.len() + tail.len() > room {
        sentence.truncate((room - tail.len()).saturating_sub("...".len()));
        sentence.push_str("...");
        sentence.truncate(room - tail.len());
    }
    refusal(550, (7, 1), &format!("{sentence}{tail}"))
}

macro_rules! cases {
    ($($(#[$doc:meta])* $name:ident: $code:literal $subject:literal.$detail:literal $text:literal;)*) => {
        $(
            $(#[$doc])*
            #[must_use]
            pub fn $name() -> Refusal {
                refusal($code, ($subject, $detail), $text)
            }
        )*

        /// Each case with its wire form, for the tests.
        #[cfg(test)]
        const CASES: &[(&str, fn() -> Refusal)] = &[$((stringify!($name), $name)),*];
    };
}

cases! {
    // Recipients.
    /// `550 5.1.1`: no such recipient.
    no_such_recipient: 550 1 . 1 "There is no such recipient here.";
    /// `550 5.2.1`: the account is there but switched off.
    inactive_account: 550 2 . 1 "This account does not take mail.";
    /// `550 5.1.2`: the domain is there but switched off.
    inactive_domain: 550 1 . 2 "This domain does not take mail.";
    /// `550 5.7.1`: the domain is not ours and nobody is logged in.
    foreign_domain: 550 7 . 1 "We do not relay to that domain without a login.";
    /// `452 4.2.2`: over quota.
    over_quota: 452 2 . 2 "The mailbox is full; try again later.";
    /// `451 4.3.2`: an alias with an outside target, while nothing can be sent.
    outside_target: 451 3 . 2 "This address is forwarded to the outside, which is not possible at present.";
    /// `452 4.5.3`: too many recipients; the rest goes in another transaction.
    too_many_recipients: 452 5 . 3 "Too many recipients for one message; send the rest in another one.";
    /// `550 5.4.6`: the message goes in circles.
    mail_loop: 550 4 . 6 "The message goes in circles: it has been here before.";

    // What of ours is away.
    /// `451 4.3.0`: the directory or the index is away.
    lookup_unavailable: 451 3 . 0 "A lookup is not possible at present; try again later.";
    /// `451 4.7.0`: the scanner is away, or the time for judging is spent.
    scanner_unavailable: 451 7 . 0 "The message could not be checked in time; try again later.";
    /// `452 4.3.1`: the disk is full or refuses.
    disk_unavailable: 452 3 . 1 "The message cannot be stored at present; try again later.";
    /// `451 4.3.0`: an error of our own.
    internal_error: 451 3 . 0 "An error of our own; try again later.";
    /// `454 4.7.0`: TLS is offered but not possible at present (RFC 3207 §4).
    tls_not_available: 454 7 . 0 "TLS is not available at present.";

    // Messages.
    /// `552 5.3.4`: the message is larger than SIZE says.
    message_too_large: 552 3 . 4 "The message is too large.";
    /// `550 5.5.2`: a CR without LF or an LF without CR in the message.
    bare_newline: 550 5 . 2 "The message has a bare CR or LF in it; lines end with CRLF.";
    /// `550 5.6.0`: a NUL in the message.
    nul: 550 6 . 0 "The message has a NUL in it.";
    /// `554 5.6.0`: not acceptable in its form.
    not_acceptable: 554 6 . 0 "The message is not acceptable in its form.";

    // The connection.
    /// `421 4.7.0`: too many errors.
    too_many_errors: 421 7 . 0 "Too many errors; closing the connection.";
    /// `421 4.7.0`: too many commands that move no mail.
    too_many_idle_commands: 421 7 . 0 "Too many commands without mail; closing the connection.";
    /// `421 4.7.0`: too many transactions in one connection.
    too_many_transactions: 421 7 . 0 "Too many messages in one connection; please connect again.";
    /// `421 4.7.0`: too many connections, said instead of the banner.
    too_many_connections: 421 7 . 0 "Too many connections from your network; try again later.";
    /// `421 4.4.2`: idle for too long, or too slow.
    idle: 421 4 . 2 "Waited too long for you; closing the connection.";
    /// `421 4.3.2`: the server is being stopped.
    shutting_down: 421 3 . 2 "The server is being stopped; try again later.";
    /// `554 5.7.1`: the peer is not welcome, said instead of the banner.
    peer_refused: 554 7 . 1 "Mail from your address is not taken.";
    /// `421 4.7.0`: whatever speaks here, it is not SMTP.
    not_smtp: 421 7 . 0 "This is a mail server; closing the connection.";

    // Commands.
    /// `500 5.5.2`: a command line longer than allowed.
    line_too_long: 500 5 . 2 "The line is too long.";
    /// `500 5.5.2`: control characters or broken UTF-8 in a command line.
    malformed_line: 500 5 . 2 "The line has characters that no command has; lines end with CRLF.";
    /// `500 5.5.2`: a command with a bare CR or LF in it or at its end.
    bare_line_end: 500 5 . 2 "Lines must end with CRLF, not with CR or LF alone; closing the connection.";
    /// `500 5.5.1`: no such command.
    unknown_command: 500 5 . 1 "There is no such command.";
    /// `502 5.5.1`: a known command that is not for this port.
    not_implemented: 502 5 . 1 "This command is not available here.";
    /// `501 5.5.4`: arguments that the command does not take.
    bad_arguments: 501 5 . 4 "The arguments are not what this command takes.";
    /// `501 5.1.7`: the sender is no address.
    bad_sender: 501 1 . 7 "The sender is not an address in angle brackets.";
    /// `501 5.1.3`: the recipient is no address.
    bad_recipient: 501 1 . 3 "The recipient is not an address in angle brackets.";
    /// `555 5.5.4`: a parameter that was not offered.
    unknown_parameter: 555 5 . 4 "A parameter of this command is not known here.";
    /// `553 5.6.7`: an address beyond ASCII without SMTPUTF8 (RFC 6531 §3.5).
    needs_smtputf8: 553 6 . 7 "An address beyond ASCII needs SMTPUTF8.";

    // Order.
    /// `503 5.5.1`: a command before EHLO.
    hello_first: 503 5 . 1 "Introduce yourself first.";
    /// `503 5.5.1`: a command that wants a transaction.
    mail_first: 503 5 . 1 "Begin with MAIL.";
    /// `503 5.5.1`: DATA or BDAT without an accepted recipient.
    no_valid_recipients: 503 5 . 1 "No recipient was accepted.";
    /// `503 5.5.1`: a second MAIL.
    mail_twice: 503 5 . 1 "A transaction is open already.";
    /// `503 5.5.1`: another command between two chunks.
    within_chunks: 503 5 . 1 "Finish the message with BDAT LAST, or give it up with RSET.";
    /// `503 5.5.1`: STARTTLS under TLS.
    tls_already: 503 5 . 1 "TLS is active already.";
    /// `503 5.5.1`: any command but QUIT after a 554 banner (RFC 5321 §3.1).
    only_quit: 503 5 . 1 "Mail is not taken from you; QUIT is all that is left.";
}

fn refusal(code: u16, (subject, detail): (u8, u8), text: &str) -> Refusal {
    let enhanced = Some(Enhanced { subject, detail });
    Refusal(Reply { code, enhanced, lines: vec![Text::sanitized(text)] })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wire(refusal: &Refusal) -> String {
        let mut out = Vec::new();
        refusal.reply().write(&mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn every_case_is_one_line_of_a_refusal() {
        for (name, make) in CASES {
            let wire = wire(&make());
            assert!((400..600).contains(&make().reply().code()), "{name}");
            assert!(wire.len() < 128 && wire.ends_with(".\r\n") && wire.lines().count() == 1, "{name}: {wire}");
        }
    }

    #[test]
    fn what_others_rely_on() {
        let cases = [
            (no_such_recipient(), "550 5.1.1"),
            (inactive_account(), "550 5.2.1"),
            (inactive_domain(), "550 5.1.2"),
            (foreign_domain(), "550 5.7.1"),
            (over_quota(), "452 4.2.2"),
            (outside_target(), "451 4.3.2"),
            (too_many_recipients(), "452 4.5.3"),
            (message_too_large(), "552 5.3.4"),
            (line_too_long(), "500 5.5.2"),
            (too_many_errors(), "421 4.7.0"),
            (idle(), "421 4.4.2"),
            (too_many_connections(), "421 4.7.0"),
            (bare_newline(), "550 5.5.2"),
            (nul(), "550 5.6.0"),
            (mail_loop(), "550 5.4.6"),
            (of_class(Class::Directory), "451 4.3.0"),
            (of_class(Class::Index), "451 4.3.0"),
            (of_class(Class::Scanner), "451 4.7.0"),
            (of_class(Class::Disk), "452 4.3.1"),
            (of_class(Class::DiskFull), "452 4.3.1"),
            (of_class(Class::Quota), "452 4.2.2"),
            (of_class(Class::Missing), "550 5.1.1"),
            (of_class(Class::Invalid), "554 5.6.0"),
            (of_class(Class::Internal), "451 4.3.0"),
        ];
        for (refusal, start) in cases {
            assert!(wire(&refusal).starts_with(start), "{start}: {}", wire(&refusal));
        }
    }

    #[test]
    fn a_content_refusal_keeps_its_link() {
        let link = "https://mx.example.org/report/abcdefghijklmnopqrstuvwxyz";
        let of =
            |sentence: &str, link: &str| wire(&refused_for_content(&Text::sanitized(sentence), &Text::sanitized(link)));
        assert_eq!(of("It carries a virus.", link), format!("550 5.7.1 It carries a virus. See {link}\r\n"));
        for length in 300..420 {
            let line = of(&"é".repeat(length), link);
            assert!(line.len() < 400 && line.ends_with(&format!(" See {link}\r\n")), "{line}");
        }
        assert_eq!(of("Spam.", &"x".repeat(500)), "550 5.7.1 Spam.\r\n");
        for length in 370..400 {
            let line = of("A sentence.", &"x".repeat(length));
            assert!(line.len() < 400 && line.lines().count() == 1, "{line}");
        }
    }
}
