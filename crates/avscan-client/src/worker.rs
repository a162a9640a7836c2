//! One worker process: started with one end of a socket pair as its standard
//! input, spoken to in frames, waited for when it ends.

use std::io::{self, IoSlice};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::net as unix;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;

use avscan_wire::{MAX_FRAME, Report, Request};
use rustix::net::{self, AddressFamily, RecvFlags, SendAncillaryBuffer, SendAncillaryMessage, SendFlags, SocketFlags};
use tokio::io::Interest;
use tokio::net::UnixDatagram;
use tokio::sync::mpsc;

use crate::board::{Source, WorkerId};
use crate::kept::{Set, Store};
use crate::scratch::Scratch;
use crate::settings::{Copies, Settings};

/// What a worker's task is told.
#[derive(Debug)]
pub(crate) enum Order {
    /// Scan the message in this file.
    Scan(Request, Arc<OwnedFd>),
    /// Keep the copy of what it has loaded.
    Keep,
    /// End after what is under way.
    Close,
    /// End now.
    Kill,
}

/// What a worker's task tells.
#[derive(Debug)]
pub(crate) enum Event {
    /// The process runs, under this number.
    Started(u32),
    /// It sent a packet.
    Report(Report),
    /// The copy of what it has loaded is kept.
    Kept,
    /// It has ended and has been waited for; how it ended.
    Ended(String),
}

/// What a worker is to load.
pub(crate) struct Load {
    pub(crate) source: Source,
    pub(crate) settings: Arc<Settings>,
    pub(crate) copies: Option<Arc<Store>>,
}

/// Runs one worker from its start to its end. The last event is always
/// [`Event::Ended`].
pub(crate) async fn run(
    id: WorkerId,
    load: Load,
    mut orders: mpsc::UnboundedReceiver<Order>,
    events: mpsc::UnboundedSender<(WorkerId, Event)>,
) {
    let how = match tokio::task::spawn_blocking(move || Process::start(id, load)).await {
        Ok(Ok((process, socket))) => {
            let _ = events.send((id, Event::Started(process.child.id())));
            let why = converse(id, &process, socket, &mut orders, &events).await;
            let ended = tokio::task::spawn_blocking(move || process.end()).await;
            let status = ended.unwrap_or_else(|error| error.to_string());
            why.map_or(status.clone(), |why| format!("{why}; {status}"))
        }
        Ok(Err(error)) => format!("it could not be started: {error}"),
        Err(error) => format!("it could not be started: {error}"),
    };
    let _ = events.send((id, Event::Ended(how)));
}

/// Carries orders and reports until one side is done; says what was wrong with
/// the other side's packets, if anything was.
async fn converse(
    id: WorkerId,
    process: &Process,
    socket: OwnedFd,
    orders: &mut mpsc::UnboundedReceiver<Order>,
    events: &mpsc::UnboundedSender<(WorkerId, Event)>,
) -> Option<String> {
    // Tokio has no type for SEQPACKET; every call on this one is our own.
    let socket = match UnixDatagram::from_std(unix::UnixDatagram::from(socket)) {
        Ok(socket) => socket,
        Err(error) => return Some(error.to_string()),
    };
    loop {
        tokio::select! {
            received = receive(&socket) => match received {
                Ok(Some(frame)) => match Report::decode(&frame) {
                    Ok(report) => events.send((id, Event::Report(process.own_words(report)))).ok()?,
                    Err(error) => return Some(error.to_string()),
                },
                // A reset is a process that died with requests unread.
                Ok(None) => return None,
                Err(error) if error.raw_os_error() == Some(rustix::io::Errno::CONNRESET.raw_os_error()) => return None,
                Err(error) => return Some(error.to_string()),
            },
            order = orders.recv() => match order {
                Some(Order::Scan(request, file)) => {
                    // A worker that died meanwhile shows at the next receive.
                    if let Err(error) = send(&socket, &request, file.as_fd()).await {
                        tracing::debug!(worker = id, %error, "a request did not reach the scanner worker");
                    }
                }
                Some(Order::Keep) => process.keep(id, events.clone()),
                Some(Order::Close) => {
                    let _ = net::shutdown(&socket, net::Shutdown::Write);
                }
                Some(Order::Kill) | None => {
                    process.kill();
                    return None;
                }
            },
        }
    }
}

async fn receive(socket: &UnixDatagram) -> io::Result<Option<Vec<u8>>> {
    let mut frame = vec![0; MAX_FRAME + 1];
    let (_, length) =
        socket.async_io(Interest::READABLE, || Ok(net::recv(socket, &mut frame[..], RecvFlags::empty())?)).await?;
    frame.truncate(length);
    Ok((length > 0).then_some(frame))
}

async fn send(socket: &UnixDatagram, request: &Request, file: BorrowedFd<'_>) -> io::Result<()> {
    let frame = request.encode();
    socket.async_io(Interest::WRITABLE, || send_now(socket.as_fd(), &frame, file)).await
}

fn send_now(socket: BorrowedFd<'_>, frame: &[u8], file: BorrowedFd<'_>) -> io::Result<()> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut beside = SendAncillaryBuffer::new(&mut space);
    let files = [file];
    if !beside.push(SendAncillaryMessage::ScmRights(&files)) {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    net::sendmsg(socket, &[IoSlice::new(frame)], &mut beside, SendFlags::NOSIGNAL)?;
    Ok(())
}

/// A child process with its scratch folder and, where it loads one, its copy of
/// the signatures.
struct Process {
    child: Child,
    scratch: Scratch,
    set: Option<Arc<Set>>,
    load: Load,
}

impl Load {
    /// The copy to load; none to load the folder itself.
    fn set(&self, id: WorkerId) -> io::Result<Option<Arc<Set>>> {
        let Some(copies) = &self.copies else { return Ok(None) };
        match (self.source, &self.settings.copies) {
            (Source::Kept, _) => copies.good().map(Some).ok_or_else(|| io::ErrorKind::NotFound.into()),
            (Source::Folder, Copies::Keep(_)) => match copies.copy(&self.settings.signatures, id) {
                Ok(set) => Ok(Some(set)),
                Err(error) => {
                    // A full disk must not end the scanner: the folder is there.
                    tracing::warn!(worker = id, %error, "the signatures cannot be copied; they are loaded as they are");
                    Ok(None)
                }
            },
            (Source::Folder, _) => Ok(None),
        }
    }
}

impl Process {
    /// Starts the worker with an empty environment. Our end of the socket pair
    /// does not block; the worker's does.
    fn start(id: WorkerId, load: Load) -> io::Result<(Self, OwnedFd)> {
        let settings = &load.settings;
        let set = load.set(id)?;
        let signatures = set.as_ref().map_or(&*settings.signatures, |set| set.path()).to_owned();
        let scratch = Scratch::create(&settings.scratch, id)?;
        let (ours, theirs) =
            net::socketpair(AddressFamily::UNIX, net::SocketType::SEQPACKET, SocketFlags::CLOEXEC, None)?;
        rustix::io::ioctl_fionbio(&ours, true)?;
        let child = Command::new(&settings.worker)
            .args(settings.options(signatures, scratch.path().to_owned()).to_args())
            .env_clear()
            .current_dir("/")
            .stdin(Stdio::from(theirs))
            .stdout(Stdio::null())
            .spawn()?;
        Ok((Self { child, scratch, set, load }, ours))
    }

    /// What is wrong is wrong in the folder, not in our copy of it.
    fn own_words(&self, report: Report) -> Report {
        match (report, &self.set) {
            (Report::LoadFailed(text), Some(set)) if self.load.source == Source::Folder => {
                let (copy, folder) = (set.path().to_string_lossy(), self.load.settings.signatures.to_string_lossy());
                Report::LoadFailed(text.replace(&*copy, &folder))
            }
            (report, _) => report,
        }
    }

    /// Keeps the copy beside everything else: the disk may take its time.
    fn keep(&self, id: WorkerId, events: mpsc::UnboundedSender<(WorkerId, Event)>) {
        let (Some(copies), Some(set)) = (self.load.copies.clone(), self.set.clone()) else { return };
        tokio::task::spawn_blocking(move || match copies.keep(&set) {
            Ok(()) => drop(events.send((id, Event::Kept))),
            Err(error) => tracing::error!(worker = id, %error, "the copy of the signatures cannot be kept"),
        });
    }

    /// Sends SIGKILL. It is safe against a recycled number: the child has not
    /// been waited for yet.
    fn kill(&self) {
        if let Some(pid) = i32::try_from(self.child.id()).ok().and_then(rustix::process::Pid::from_raw) {
            let _ = rustix::process::kill_process(pid, rustix::process::Signal::KILL);
        }
    }

    /// Waits for the end. A worker that closed its socket has nothing more to
    /// say; if it is alive nevertheless, it is not waited for long.
    fn end(mut self) -> String {
        for _ in 0..20 {
            match self.child.try_wait() {
                Ok(Some(status)) => return status.to_string(),
                Ok(None) => std::thread::sleep(std::time::Duration::from_millis(5)),
                Err(error) => return error.to_string(),
            }
        }
        self.kill();
        let status = self.child.wait().map_or_else(|error| error.to_string(), |status| status.to_string());
        drop((self.scratch, self.set));
        status
    }
}
