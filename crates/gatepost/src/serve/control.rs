//! The socket on which the running server answers the commands of its
//! administrator, so that they see what it sees.

use std::fs::{self, File, Permissions};
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use access::State;
use access::gate::Gate;
use acme::Outcome;
use avscan_client::{Message, Prefix, Scanner};
use index::Index;
use login::Opener;
use mail::{Address, Domain};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::JoinHandle;
use tokio::time::timeout;

use super::logbook::{Logbook, Which};
use super::orders::Orders;
use super::site::Sites;
use crate::commands::scan;
use crate::control::{self, Answer, Ordered, Question, Session, Sessions, path, receive};

/// Questions at a time; further ones wait.
const AT_A_TIME: usize = 8;
/// Orders at a time, which take minutes; further ones are refused.
const ORDERS_AT_A_TIME: usize = 8;
/// How long a command may take to say what it wants, or to hear the answer.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long writing last logins may keep who asks about an account.
const WRITING: Duration = Duration::from_secs(5);

/// The open socket; it is gone from its folder when this is dropped.
pub struct Control {
    path: PathBuf,
    task: JoinHandle<()>,
}

/// What questions are about.
#[derive(Clone)]
pub struct Server {
    /// Certificates that are ordered, where some are.
    pub orders: Option<Arc<Orders>>,
    /// The scanner, where there is one.
    pub scanner: Option<Scanner>,
    /// What holds for messages now.
    pub sites: Sites,
    /// Who is logged in.
    pub gate: Gate,
    /// Who was.
    pub logbook: Arc<Logbook>,
    /// Where that is written.
    pub index: Index,
}

impl Control {
    /// Listens in the data folder, which is ours alone. Where that cannot be,
    /// the server serves without.
    pub fn open(data: &Path, server: Server) -> Option<Self> {
        let path = path(data);
        match bind(&path) {
            Ok(listener) => {
                let task = tokio::spawn(accept(listener, server));
                Some(Self { path, task })
            }
            Err(error) => {
                tracing::warn!(path = %path.display(), %error, "commands cannot ask this server");
                None
            }
        }
    }
}

impl Drop for Control {
    fn drop(&mut self) {
        self.task.abort();
        // If it is gone already, so much the better.
        let _ = fs::remove_file(&self.path);
    }
}

/// Whoever holds the folder's lock may take away what a crash left there.
fn bind(path: &Path) -> io::Result<UnixListener> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let listener = UnixListener::bind(path)?;
    fs::set_permissions(path, Permissions::from_mode(0o600))?;
    Ok(listener)
}

/// How many are answered at a time.
struct Places {
    questions: Arc<Semaphore>,
    orders: Arc<Semaphore>,
}

/// One of them.
struct Place {
    held: OwnedSemaphorePermit,
    orders: Arc<Semaphore>,
}

impl Places {
    fn new() -> Self {
        let (questions, orders) = (Semaphore::new(AT_A_TIME), Semaphore::new(ORDERS_AT_A_TIME));
        Self { questions: Arc::new(questions), orders: Arc::new(orders) }
    }

    async fn next(&self) -> Option<Place> {
        let held = Arc::clone(&self.questions).acquire_owned().await.ok()?;
        Some(Place { held, orders: Arc::clone(&self.orders) })
    }
}

impl Place {
    /// A place that this question may take as long as it needs: an order keeps
    /// nobody waiting who asks for less. `None` where too many are under way.
    fn taken_for(self, question: &Question) -> Option<OwnedSemaphorePermit> {
        match question {
            Question::Order { .. } => self.orders.try_acquire_owned().ok(),
            Question::Scan { .. } | Question::Sessions { .. } | Question::End { .. } => Some(self.held),
        }
    }
}

async fn accept(listener: UnixListener, server: Server) {
    let places = Places::new();
    while let Some(place) = places.next().await {
        match listener.accept().await {
            Ok((mut stream, _)) => {
                let server = server.clone();
                tokio::spawn(async move {
                    if let Err(error) = converse(&mut stream, &server, place).await {
                        tracing::debug!(%error, "a command was not answered");
                    }
                });
            }
            Err(error) => {
                tracing::warn!(%error, "a command could not be listened to");
                tokio::time::sleep(Duration::from_secs(1)).await;
            }
        }
    }
}

async fn converse(stream: &mut UnixStream, server: &Server, place: Place) -> io::Result<()> {
    // The folder keeps others out, and so does this.
    let asker = stream.peer_cred()?.uid();
    if asker != 0 && asker != rustix::process::geteuid().as_raw() {
        return Err(io::ErrorKind::PermissionDenied.into());
    }
    let (question, file) = timeout(PATIENCE, receive(stream)).await??;
    let place = place.taken_for(&question);
    let answer = match (question, file) {
        _ if place.is_none() => Answer::Failed("too many orders are under way; try again later".to_owned()),
        (Question::Order { name }, _) => server.order(&name).await,
        (Question::Scan { length, sha256 }, Some(file)) => server.scan(length, sha256, file).await,
        (Question::Scan { .. }, None) => Answer::Failed("there is no file to scan".to_owned()),
        (Question::Sessions { address: None }, _) => server.sessions(None),
        (Question::Sessions { address: Some(address) }, _) => server.sessions_of(&address).await,
        (Question::End { address }, _) => server.end(&address),
    };
    timeout(PATIENCE, control::answer(stream, &answer)).await?
}

impl Server {
    async fn order(&self, name: &str) -> Answer {
        let Some(orders) = &self.orders else {
            return Answer::Failed(
                "the running server orders no certificates; see [acme] agree_to_terms, and its log".to_owned(),
            );
        };
        let Some(name) = Domain::parse(name).ok().filter(|name| !name.is_literal()) else {
            return Answer::Failed("that is no host name".to_owned());
        };
        if !orders.wanted().await.contains(&name) {
            return Answer::Failed(format!("{name} is neither in [acme] names nor a [tls] prefix of a hosted domain"));
        }
        let Outcome { result, listed } = orders.order(&name).await;
        let since = |time: SystemTime| time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs();
        Answer::Ordered(Ordered {
            error: result.err().map(|error| error.to_string()),
            issuer: listed.issuer,
            expires: listed.expires.map(since),
        })
    }

    fn sessions(&self, of: Option<&Address>) -> Answer {
        let (now, all) = (SystemTime::now(), self.gate.sessions(of));
        Answer::Sessions(Sessions::first_of(all.iter().map(|session| shown(session, now))))
    }

    /// Who asks about one account looks at its last logins next.
    async fn sessions_of(&self, address: &str) -> Answer {
        let Ok(address) = Address::parse(address) else { return Answer::Failed("that is no address".to_owned()) };
        let now = (Instant::now(), SystemTime::now());
        let which = Which::Of(address.clone());
        match timeout(WRITING, self.logbook.write(&self.index, which, now)).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::warn!(%error, "last logins cannot be written"),
            Err(_) => tracing::warn!("last logins cannot be written in time"),
        }
        self.sessions(Some(&address))
    }

    fn end(&self, address: &str) -> Answer {
        let Ok(address) = Address::parse(address) else { return Answer::Failed("that is no address".to_owned()) };
        let count = self.gate.end_sessions_of(&address);
        tracing::info!(%address, count, "sessions ended by the administrator");
        Answer::Ended(count)
    }

    async fn scan(&self, length: u64, sha256: [u8; 32], file: OwnedFd) -> Answer {
        let Some(scanner) = &self.scanner else {
            return Answer::Failed("the running server does not scan; see [scan] enabled".to_owned());
        };
        // The worker maps or reads it: only a file that has an end will do.
        let file = File::from(file);
        match file.metadata() {
            Ok(metadata) if metadata.is_file() && metadata.len() >= length => {}
            _ => return Answer::Failed("it is no file of that length".to_owned()),
        }
        let deadline = Instant::now() + self.sites.now().budget;
        let message = Message { file: file.into(), length, prefix: Prefix::Foreign, sha256, deadline };
        match (scanner.scan(message).await, scanner.status().loaded) {
            (Ok(scan), Some(loaded)) => Answer::Scanned(scan::scanned(&scan, &loaded)),
            (Ok(_), None) => Answer::Failed("the scanner has just been stopped".to_owned()),
            (Err(error), _) => Answer::Failed(error.to_string()),
        }
    }
}

fn shown(session: &access::Session, now: SystemTime) -> Session {
    let rfc3339 =
        |time: SystemTime| OffsetDateTime::from(time).replace_nanosecond(0).unwrap_or(OffsetDateTime::UNIX_EPOCH);
    let rfc3339 = |time: SystemTime| rfc3339(time).format(&Rfc3339).unwrap_or_default();
    let login = match session.opener {
        Opener::Password => "password",
        Opener::App(_) => "app_password",
    };
    Session {
        address: session.address.to_string(),
        protocol: session.service.to_string(),
        login: login.to_owned(),
        from: session.peer.to_canonical().to_string(),
        since: rfc3339(session.since),
        heard: rfc3339(session.heard),
        quiet_seconds: now.duration_since(session.heard).unwrap_or_default().as_secs(),
        busy: session.state == State::Busy,
        command: session.command.to_owned(),
        folder: session.folder.clone(),
        client: session.client.as_ref().map(ToString::to_string),
        bytes_sent: session.sent,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn orders_keep_nobody_else_waiting() {
        let (places, order) = (Places::new(), Question::Order { name: "mail.example.org".to_owned() });
        let mut orders = Vec::new();
        for _ in 0..ORDERS_AT_A_TIME {
            orders.push(places.next().await.unwrap().taken_for(&order).unwrap());
        }
        assert_eq!(places.questions.available_permits(), AT_A_TIME);
        assert!(places.next().await.unwrap().taken_for(&order).is_none());
        assert_eq!(places.questions.available_permits(), AT_A_TIME, "who is refused holds nothing");
        let asked = places.next().await.unwrap().taken_for(&Question::Sessions { address: None });
        assert!(asked.is_some());
        assert_eq!(places.questions.available_permits(), AT_A_TIME - 1);
        orders.pop();
        assert!(places.next().await.unwrap().taken_for(&order).is_some());
    }
}
