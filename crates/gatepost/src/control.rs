//! What commands ask a running server over the Unix socket in its data folder:
//! one question, with a file beside it where it is about one, and one answer.

use std::io::{self, IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer, SendAncillaryMessage, SendFlags,
};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncReadExt, AsyncWriteExt, Interest};
use tokio::net::UnixStream;

/// The longest question, in bytes: it is sent as one piece, with its file.
pub const MAX: usize = 16 << 10;
/// The longest answer, in bytes.
pub const MAX_ANSWER: usize = 4 << 20;
/// The most sessions in one answer, which has fewer where it would be too long.
pub const MAX_SESSIONS: usize = 2000;
/// More bytes than an answer has around the list of sessions.
const AROUND: usize = 1 << 10;

/// What a command asks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Question {
    /// Order a certificate for a name now.
    Order {
        /// The name.
        name: String,
    },
    /// Is a virus in the file that comes with the question?
    Scan {
        /// Bytes of the file.
        length: u64,
        /// Their SHA-256.
        sha256: [u8; 32],
    },
    /// Who is logged in? What was not written yet of this account's logins is
    /// written, too.
    Sessions {
        /// Whose sessions; all if not given.
        address: Option<String>,
    },
    /// End all sessions of an account.
    End {
        /// Whose.
        address: String,
    },
}

/// What the server says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Answer {
    /// What came of an order.
    Ordered(Ordered),
    /// The scanner looked at the file.
    Scanned(Scanned),
    /// Who is logged in.
    Sessions(Sessions),
    /// So many sessions were told to end.
    Ended(usize),
    /// It could not be done; why, as one sentence.
    Failed(String),
}

/// Who is logged in, sorted by address, protocol and time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sessions {
    /// The first [`MAX_SESSIONS`], or as many as [`MAX_ANSWER`] has room for.
    pub sessions: Vec<Session>,
    /// How many there are in all.
    pub total: usize,
}

/// A session, as programs see it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Session {
    /// The account.
    pub address: String,
    /// `imap` or `pop3`.
    pub protocol: String,
    /// What was shown to get in: `password`, or `app_password`.
    pub login: String,
    /// The address that it comes from.
    pub from: String,
    /// When it logged in, RFC 3339.
    pub since: String,
    /// When its last command came, RFC 3339.
    pub heard: String,
    /// Seconds since then.
    pub quiet_seconds: u64,
    /// Whether a command is being carried out.
    pub busy: bool,
    /// The last command; empty before the first.
    pub command: String,
    /// The folder that is open.
    pub folder: Option<String>,
    /// What the program calls itself.
    pub client: Option<String>,
    /// Bytes of answers since the login.
    pub bytes_sent: u64,
}

impl Sessions {
    /// The first of all sessions, as many as an answer has room for: folders and
    /// programs call themselves what they like.
    #[must_use]
    pub fn first_of(all: impl ExactSizeIterator<Item = Session>) -> Self {
        let (total, mut room) = (all.len(), MAX_ANSWER - AROUND);
        let fits = |session: &Session| {
            let bytes = serde_json::to_vec(session).map_or(usize::MAX, |bytes| bytes.len().saturating_add(1));
            room.checked_sub(bytes).map(|left| room = left).is_some()
        };
        Self { sessions: all.take(MAX_SESSIONS).take_while(fits).collect(), total }
    }
}

/// What came of a scan, and by what.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Scanned {
    /// `clean`, `virus`, `unscannable` or `poison`.
    pub outcome: String,
    /// The signature's name, or what could not be looked into.
    pub detail: Option<String>,
    /// Milliseconds that it took.
    pub took_ms: u64,
    /// How many signatures are loaded.
    pub signatures: u32,
    /// The version of libclamav.
    pub engine: String,
}

/// What came of an order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ordered {
    /// Why there is no new certificate.
    pub error: Option<String>,
    /// Who made the one in use.
    pub issuer: Option<String>,
    /// When that one ends, in seconds since 1970.
    pub expires: Option<u64>,
}

/// Where the server with this data folder listens.
#[must_use]
pub fn path(data: &Path) -> PathBuf {
    data.join("control.sock")
}

/// Asks the server with this data folder; `None` where none is running, or it
/// is none of this user's.
///
/// # Errors
///
/// When the server went away in between, did not answer in time, or said what
/// this program does not understand.
pub async fn ask(
    data: &Path,
    question: &Question,
    file: Option<BorrowedFd<'_>>,
    patience: Duration,
) -> io::Result<Option<Answer>> {
    let stream = match UnixStream::connect(path(data)).await {
        Ok(stream) => stream,
        Err(error) if nobody_is_there(&error) => return Ok(None),
        Err(error) => return Err(error),
    };
    let conversation = async {
        send(&stream, question, file).await?;
        receive_all(stream).await
    };
    tokio::time::timeout(patience, conversation).await.map_err(|_| io::ErrorKind::TimedOut)?.map(Some)
}

fn nobody_is_there(error: &io::Error) -> bool {
    use io::ErrorKind as Kind;
    // A path that is too long for a socket cannot be one of a server either.
    matches!(error.kind(), Kind::NotFound | Kind::ConnectionRefused | Kind::PermissionDenied | Kind::InvalidInput)
}

/// Sends an answer.
///
/// # Errors
///
/// When the other side is gone, or the text is too long.
pub async fn answer(stream: &mut UnixStream, answer: &Answer) -> io::Result<()> {
    let bytes = serde_json::to_vec(answer)?;
    if bytes.len() > MAX_ANSWER {
        return Err(io::ErrorKind::InvalidData.into());
    }
    stream.write_all(&bytes).await?;
    stream.shutdown().await
}

/// Sends a question, and the file beside it.
///
/// # Errors
///
/// When the other side is gone, or the text is too long.
async fn send(stream: &UnixStream, what: &impl Serialize, file: Option<BorrowedFd<'_>>) -> io::Result<()> {
    let bytes = serde_json::to_vec(what)?;
    if bytes.len() > MAX {
        return Err(io::ErrorKind::InvalidData.into());
    }
    let sent = stream.async_io(Interest::WRITABLE, || send_now(stream.as_fd(), &bytes, file)).await?;
    if sent == bytes.len() { Ok(()) } else { Err(io::ErrorKind::WriteZero.into()) }
}

fn send_now(socket: BorrowedFd<'_>, bytes: &[u8], file: Option<BorrowedFd<'_>>) -> io::Result<usize> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut beside = SendAncillaryBuffer::new(&mut space);
    if file.is_some_and(|_| !beside.push(SendAncillaryMessage::ScmRights(file.as_slice()))) {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    Ok(rustix::net::sendmsg(socket, &[IoSlice::new(bytes)], &mut beside, SendFlags::NOSIGNAL)?)
}

/// Receives a question, and the file beside it.
///
/// # Errors
///
/// When the other side is gone, or it is no question of ours.
pub async fn receive<T: DeserializeOwned>(stream: &UnixStream) -> io::Result<(T, Option<OwnedFd>)> {
    let mut bytes = vec![0; MAX];
    let (length, file) = stream.async_io(Interest::READABLE, || receive_now(stream.as_fd(), &mut bytes)).await?;
    Ok((serde_json::from_slice(&bytes[..length])?, file))
}

fn receive_now(socket: BorrowedFd<'_>, bytes: &mut [u8]) -> io::Result<(usize, Option<OwnedFd>)> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut beside = RecvAncillaryBuffer::new(&mut space);
    let received = rustix::net::recvmsg(socket, &mut [IoSliceMut::new(bytes)], &mut beside, RecvFlags::CMSG_CLOEXEC)?;
    let files = beside.drain().find_map(|message| match message {
        RecvAncillaryMessage::ScmRights(files) => Some(files),
        _ => None,
    });
    Ok((received.bytes, files.and_then(|mut files| files.next())))
}

async fn receive_all(mut stream: UnixStream) -> io::Result<Answer> {
    let mut bytes = Vec::new();
    (&mut stream).take(MAX_ANSWER as u64).read_to_end(&mut bytes).await?;
    if bytes.is_empty() {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    Ok(serde_json::from_slice(&bytes)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn session(folder: &str) -> Session {
        Session {
            address: "alice@example.org".to_owned(),
            protocol: "imap".to_owned(),
            login: "password".to_owned(),
            from: "192.0.2.1".to_owned(),
            since: "2026-01-31T12:00:00Z".to_owned(),
            heard: "2026-01-31T12:10:00Z".to_owned(),
            quiet_seconds: 65,
            busy: false,
            command: "IDLE".to_owned(),
            folder: Some(folder.to_owned()),
            client: None,
            bytes_sent: 2048,
        }
    }

    #[tokio::test]
    async fn as_many_sessions_are_sent_as_there_is_room_for() {
        // A quotation mark takes two bytes.
        let cases = [
            ("INBOX".to_owned(), 3, 3..=3),
            ("INBOX".to_owned(), 2500, MAX_SESSIONS..=MAX_SESSIONS),
            ("x".repeat(4000), 2500, 900..=1100),
            ("\"".repeat(4000), 1500, 450..=550),
            ("x".repeat(MAX_ANSWER), 2, 0..=0),
        ];
        for (folder, total, expected) in cases {
            let found = Sessions::first_of(vec![session(&folder); total].into_iter());
            assert!(expected.contains(&found.sessions.len()) && found.total == total, "{}", found.sessions.len());
            let (mut here, there) = UnixStream::pair().unwrap();
            let said = Answer::Sessions(found);
            let (sent, received) = tokio::join!(answer(&mut here, &said), receive_all(there));
            sent.unwrap();
            assert!(received.unwrap() == said);
        }
    }
}
