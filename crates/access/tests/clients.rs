//! IMAP sessions behind a real socket, with a client that others wrote.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may end at what it did not expect")]

mod house;

use std::sync::Arc;

use access::imap::{Gone, Next, Services, Session, Settings, Sink};
use testkit::command::python;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::OwnedWriteHalf;
use tokio::net::{TcpListener, TcpStream};

use house::House;

struct Out(OwnedWriteHalf);

impl Sink for Out {
    async fn write(&mut self, bytes: Vec<u8>) -> Result<(), Gone> {
        self.0.write_all(&bytes).await.map_err(|_| Gone)
    }
}

/// As the shell does it, without TLS and times.
async fn serve(stream: TcpStream, services: Arc<Services>) -> Result<(), Gone> {
    let peer = stream.peer_addr().map_err(|_| Gone)?.ip();
    let (mut input, output) = stream.into_split();
    let mut out = Out(output);
    let mut session = Session::new(services, Settings::default(), peer);
    out.write(session.greeting()).await?;
    let mut buffer = vec![0; 16 << 10];
    let mut next = Next::Read;
    while next != Next::Close {
        let read = tokio::select! {
            read = input.read(&mut buffer) => read.map_err(|_| Gone)?,
            () = session.news(), if next == Next::Idle => {
                next = session.announce(&mut out).await?;
                continue;
            }
        };
        if read == 0 {
            return Ok(());
        }
        session.input(&buffer[..read]);
        next = session.step(&mut out).await?;
    }
    Ok(())
}

/// The port of a server for all that comes.
fn listen(house: &House) -> u16 {
    let services = Arc::clone(&house.services);
    let listener = house.runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
    let port = listener.local_addr().unwrap().port();
    house.runtime.spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(serve(stream, Arc::clone(&services)));
        }
    });
    port
}

#[test]
fn pythons_imaplib_reads_and_writes() {
    let house = House::new();
    let port = listen(&house);
    let script = r#"
import imaplib, sys, time, email
c = imaplib.IMAP4("127.0.0.1", int(sys.argv[1]))
def ok(answer, what):
    assert answer[0] == "OK", (what, answer)
    return answer[1]
ok(c.authenticate("PLAIN", lambda _: b"\0alice@example.org\0secret"), "authenticate")
assert b"INBOX" in b"".join(ok(c.list(), "list"))
assert ok(c.select("INBOX"), "select") == [b"3"]
assert ok(c.search(None, "UNSEEN"), "search") == [b"1 2"]
c.literal = "grüße".encode()
assert ok(c.uid("SEARCH", "CHARSET", "UTF-8", "SUBJECT"), "search") == [b"1"]
whole = ok(c.fetch("2", "(RFC822)"), "fetch")[0][1]
message = email.message_from_bytes(whole)
assert [p.get_content_type() for p in message.walk()] == ["multipart/mixed", "text/plain", "message/rfc822", "text/plain"]
assert message.get_payload(0).get_payload(decode=True).decode() == "Grüße"
ok(c.create("from.python"), "create")
data = b"Subject: big\r\n\r\n" + b"0123456789\r\n" * 20000
ok(c.append("from.python", r"(\Flagged)", imaplib.Time2Internaldate(1000000000), data), "append")
ok(c.copy("1", "from.python"), "copy")
assert ok(c.select("from.python"), "select") == [b"2"]
parts = ok(c.fetch("1", "(FLAGS INTERNALDATE RFC822.SIZE BODY.PEEK[])"), "fetch")
assert parts[0][1] == data, len(parts[0][1])
assert b"\\Flagged" in parts[0][0] and str(len(data)).encode() in parts[0][0], parts[0][0]
ok(c.store("1", "+FLAGS", r"(\Deleted)"), "store")
assert ok(c.expunge(), "expunge") == [b"1"]
ok(c.rename("from.python", "by.python"), "rename")
ok(c.status("by.python", "(MESSAGES UIDNEXT)"), "status")
ok(c.close(), "close")
assert c.logout()[0] == "BYE"
print("done")
"#;
    assert_eq!(python(script, &[&port.to_string()]).ok(), "done\n");
}
