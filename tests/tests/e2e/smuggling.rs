//! What tries to pass for the end of a message, or to be taken for something
//! said under TLS, against the real port.

use testkit::command::python;
use testkit::server::{Server, Setup};

use crate::delivery::messages;
use crate::house::{at_data, plain, reply, say};

/// A second message, as a server behind one that is taken in would see it.
const EVIL: &[u8] = b"MAIL FROM:<evil@client.example>\r\nRCPT TO:<bob@example.org>\r\nDATA\r\n\
    From: evil@client.example\r\n\r\nevil\r\n.\r\n";

const WRONG_ENDS: [(&[u8], &str); 22] = [
    (b"\n.\n", "550 5.5.2"),
    (b"\n.\r\n", "550 5.5.2"),
    (b"\r\n.\n", "550 5.5.2"),
    (b"\r.\r", "550 5.5.2"),
    (b"\r.\r\n", "550 5.5.2"),
    (b"\r\n.\r", "550 5.5.2"),
    (b"\n.\r", "550 5.5.2"),
    (b"\r.\n", "550 5.5.2"),
    (b"\n\n.\n\n", "550 5.5.2"),
    (b"\n\r.\n\r", "550 5.5.2"),
    (b"\n\r.\r\n", "550 5.5.2"),
    (b"\r\n.\n\r\n", "550 5.5.2"),
    (b"\r\n.\r\r\n", "550 5.5.2"),
    (b"\r\n\r.\r\n", "550 5.5.2"),
    (b"\0\n.\n", "550 5.6.0"),
    (b"\r\n\0.\r\n", "550 5.6.0"),
    (b"\r\n.\0\r\n", "550 5.6.0"),
    (b"\r\0\n.\r\n", "550 5.6.0"),
    (b"\r\n.\r\0\n", "550 5.6.0"),
    (b"\r\n..\r\n", "250 2.0.0"),
    (b"\r\n. \r\n", "250 2.0.0"),
    (b"\r\n.=0D=0A\r\n", "250 2.0.0"),
];

#[test]
fn no_wrong_end_lets_a_second_message_in() {
    let server = Server::start(Setup::default());
    let mut lawful = 0;
    for (end, expected) in WRONG_ENDS {
        let mut wire = at_data(&server);
        wire.send(&[b"From: a@client.example\r\n\r\nfirst", end, EVIL].concat());
        let said = reply(&mut *wire);
        assert!(said.starts_with(expected), "{end:?}: {said}");
        let said = say(&mut *wire, "VRFY nobody");
        assert!(said.starts_with("252"), "{end:?}: there was a second reply: {said}");
        lawful += usize::from(expected.starts_with("250"));
    }
    let found = messages(&server.maildir("alice@example.org"));
    assert_eq!(found.len(), lawful);
    assert!(found.iter().all(|text| text.contains("MAIL FROM:<evil@client.example>")), "the rest belongs to the first");
    assert!(messages(&server.maildir("bob@example.org")).is_empty());
}

#[test]
fn the_lawful_end_split_at_each_octet() {
    let server = Server::start(Setup::default());
    let mut wire = at_data(&server);
    for octet in b"From: a@client.example\r\n\r\nx\r\n.\r\n" {
        wire.send(&[*octet]);
    }
    assert!(reply(&mut *wire).starts_with("250 2.0.0"));
    assert_eq!(messages(&server.maildir("alice@example.org")).len(), 1);
}

#[test]
fn bdat_repairs_bare_newlines_and_refuses_nul() {
    let server = Server::start(Setup::default());
    let chunk = |text: &[u8]| {
        let mut wire = plain(&server);
        reply(&mut *wire);
        for line in ["EHLO client.example", "MAIL FROM:<s@client.example>", "RCPT TO:<alice@example.org>"] {
            assert!(say(&mut *wire, line).starts_with("250"));
        }
        wire.send(&[format!("BDAT {} LAST\r\n", text.len()).as_bytes(), text].concat());
        reply(&mut *wire)
    };
    let said = chunk(b"From: a@client.example\r\n\r\none\ntwo\rthree\r\n.\r\nMAIL FROM:<evil@x>\r\n");
    assert!(said.starts_with("250"), "{said}");
    let found = messages(&server.maildir("alice@example.org"));
    assert!(found[0].ends_with("one\ntwo\nthree\n.\nMAIL FROM:<evil@x>\n"), "{}", found[0]);
    let said = chunk(b"From: a@client.example\r\n\r\none\0two\r\n");
    assert!(said.starts_with("550 5.6.0"), "{said}");
    assert_eq!(messages(&server.maildir("alice@example.org")).len(), 1);
}

const STARTTLS: &str = r#"
import socket, ssl, sys
port, ca = int(sys.argv[1]), sys.argv[2]
context = ssl.create_default_context(cafile=ca)
class Peer:
    def __init__(self):
        self.s = socket.create_connection(('127.0.0.1', port), timeout=20)
        self.f = self.s.makefile('rb')
        assert self.reply()[-1].startswith('220'), 'no greeting'
    def reply(self):
        lines = []
        while True:
            line = self.f.readline().decode()
            lines.append(line.rstrip())
            if line[3:4] != '-':
                return lines
    def say(self, text):
        self.s.sendall(text.encode() + b'\r\n')
        return self.reply()
    def tls(self):
        self.s = context.wrap_socket(self.s, server_hostname='127.0.0.1')
        self.f = self.s.makefile('rb')
def starts(lines, code):
    assert lines[-1].startswith(code), (lines, code)

# What is pipelined behind STARTTLS is dropped, and nothing of it is answered.
p = Peer()
starts(p.say('EHLO client.example'), '250')
starts(p.say('STARTTLS\r\nMAIL FROM:<evil@client.example>\r\nRCPT TO:<bob@example.org>'), '220')
p.tls()
starts(p.say('EHLO client.example'), '250')
starts(p.say('RCPT TO:<bob@example.org>'), '503')

# Twice is once too often, and it is not offered any more.
lines = p.say('EHLO client.example')
assert not any('STARTTLS' in line for line in lines), lines
starts(p.say('STARTTLS'), '503 5.5.1')

# What was said before is forgotten: the name, the transaction.
p = Peer()
starts(p.say('EHLO plain.example'), '250')
starts(p.say('STARTTLS'), '220')
p.tls()
starts(p.say('MAIL FROM:<s@client.example>'), '503')
starts(p.say('EHLO secure.example'), '250')
starts(p.say('MAIL FROM:<s@client.example>'), '250')
starts(p.say('RCPT TO:<alice@example.org>'), '250')
starts(p.say('DATA'), '354')
starts(p.say('From: a@client.example\r\n\r\nx\r\n.'), '250')

# Within a transaction it is out of place or forgets it; nothing is delivered.
p = Peer()
starts(p.say('EHLO client.example'), '250')
starts(p.say('MAIL FROM:<s@client.example>'), '250')
said = p.say('STARTTLS')[-1]
if said.startswith('220'):
    p.tls()
    starts(p.say('EHLO client.example'), '250')
    starts(p.say('RCPT TO:<alice@example.org>'), '503')
else:
    assert said.startswith('503'), said

# An argument is an error, and garbage instead of a handshake ends it.
p = Peer()
starts(p.say('EHLO client.example'), '250')
starts(p.say('STARTTLS now'), '501')
starts(p.say('STARTTLS'), '220')
p.s.sendall(b'EHLO again.example\r\n' * 10)
try:
    rest = p.s.recv(1000)
except ConnectionError:
    rest = b''
assert b'250' not in rest, rest
print('done')
"#;

#[test]
fn starttls_forgets_all_that_was_said_before() {
    let server = Server::start(Setup::default());
    let script = python(STARTTLS, &[&server.smtp.port().to_string(), &server.ca().display().to_string()]);
    assert!(script.ok().contains("done"));
    let found = messages(&server.maildir("alice@example.org"));
    assert_eq!(found.len(), 1);
    assert!(found[0].contains("from secure.example ") && found[0].contains("with ESMTPS"), "{}", found[0]);
    assert!(messages(&server.maildir("bob@example.org")).is_empty());
}
