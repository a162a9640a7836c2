//! Mail with addresses and headers in UTF-8, sent by Python's smtplib and read
//! by its imaplib: in ASCII at first, as it is once the client asks for that.

use testkit::command::python;
use testkit::server::{Server, Setup};

const SEND: &str = r#"
import smtplib, sys
s = smtplib.SMTP('127.0.0.1', int(sys.argv[1]))
s.ehlo('client.example')
assert s.has_extn('smtputf8'), s.esmtp_features
text = 'From: J\u00f6rg <j\u00f6rg@client.example>\r\nTo: alice@example.org\r\nSubject: Gr\u00fc\u00dfe\r\n' \
       'Date: Tue, 1 Jul 2003 10:52:37 +0200\r\nMessage-ID: <1@client.example>\r\n\r\nsch\u00f6n\r\n'
s.sendmail('j\u00f6rg@client.example', ['alice@example.org'], text.encode(), mail_options=['SMTPUTF8', 'BODY=8BITMIME'])
s.quit()
print('done')
"#;

const READ: &str = r#"
import email, email.header, imaplib, re, ssl, sys
i = imaplib.IMAP4_SSL('127.0.0.1', int(sys.argv[1]), ssl_context=ssl.create_default_context(cafile=sys.argv[2]))
i.login('alice@example.org', 'password of alice')
def ok(answer):
    assert answer[0] == 'OK', answer
    return answer[1]
def whole():
    data = ok(i.fetch('1', '(RFC822.SIZE BODY.PEEK[])'))
    size = int(re.search(rb'RFC822.SIZE (\d+)', data[0][0]).group(1))
    assert size == len(data[0][1]), (size, len(data[0][1]))
    return data[0][1]
assert ok(i.select('INBOX')) == [b'1']
assert ok(i.search(None, 'SUBJECT', 'Gr')) == [b'1']
shown = whole()
head, body = shown.split(b'\r\n\r\n', 1)
assert head.isascii(), head
assert body == 'sch\u00f6n\r\n'.encode(), body
message = email.message_from_bytes(shown)
subject = str(email.header.make_header(email.header.decode_header(message['Subject'])))
assert subject == 'Gr\u00fc\u00dfe', subject
sender = str(email.header.make_header(email.header.decode_header(message['From'])))
assert 'J\u00f6rg' in sender and '@internationalized-address.invalid' in sender, sender
assert b'\xc3' not in ok(i.fetch('1', '(ENVELOPE)'))[0], 'an envelope in ASCII'
i.logout()
i = imaplib.IMAP4_SSL('127.0.0.1', int(sys.argv[1]), ssl_context=ssl.create_default_context(cafile=sys.argv[2]))
i.login('alice@example.org', 'password of alice')
ok(i.enable('UTF8=ACCEPT'))
ok(i.select('INBOX'))
original = whole()
assert 'Subject: Gr\u00fc\u00dfe\r\n'.encode() in original, original
assert 'From: J\u00f6rg <j\u00f6rg@client.example>\r\n'.encode() in original, original
ok(i.create('"\u00dcber uns"'))
names = b'\n'.join(x for x in ok(i.list()) if x)
assert '"\u00dcber uns"'.encode() in names, names
i.logout()
print('done')
"#;

#[test]
fn mail_in_utf8_is_taken_and_shown_to_each_as_he_can_read_it() {
    let server = Server::start(Setup::default());
    assert!(python(SEND, &[&server.smtp.port().to_string()]).ok().contains("done"));
    let read = python(READ, &[&server.imaps.port().to_string(), &server.ca().display().to_string()]);
    assert!(read.ok().contains("done"));
}
