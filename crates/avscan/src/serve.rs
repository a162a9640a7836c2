//! The conversation with the daemon: each thread takes a request, scans, and
//! answers. Packets of a `SEQPACKET` socket stay whole, so the threads share it
//! without a lock.

use std::io::{self, IoSliceMut, stdin};
use std::mem::MaybeUninit;
use std::os::fd::OwnedFd;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use avscan_wire::{MAX_FRAME, Outcome, Report, Request};
use rustix::net::{self, RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, ReturnFlags, SendFlags};

use crate::scan::Scanner;

/// libclamav calls itself for each archive in an archive.
const STACK: usize = 16 << 20;
/// How long scans under way may go on after the daemon has gone.
const LINGER: Duration = Duration::from_secs(60);

/// Serves until the daemon closes its end.
pub(crate) fn run(scanner: Scanner, threads: u16) -> ExitCode {
    let (ended, ends) = mpsc::channel();
    for number in 0..threads {
        let ended = ended.clone();
        let thread = thread::Builder::new().name(format!("scan-{number}")).stack_size(STACK);
        let started = thread.spawn(move || {
            let result = serve(&scanner);
            let _ = ended.send(result);
        });
        if let Err(error) = started {
            eprintln!("gatepost-avscan: a thread cannot be started: {error}");
            return ExitCode::FAILURE;
        }
    }
    // The first that sees the end tells that the others will, too.
    let mut status = ExitCode::SUCCESS;
    let mut patience = Duration::MAX;
    for _ in 0..threads {
        match ends.recv_timeout(patience) {
            Ok(Ok(())) => {}
            Ok(Err(error)) => {
                eprintln!("gatepost-avscan: {error}");
                status = ExitCode::FAILURE;
            }
            Err(_) => return ExitCode::FAILURE,
        }
        patience = LINGER;
    }
    status
}

/// Sends one report. If the daemon is gone there is nobody to tell.
pub(crate) fn tell(report: &Report) {
    while let Err(rustix::io::Errno::INTR) = net::send(stdin(), &report.encode(), SendFlags::NOSIGNAL) {}
}

fn serve(scanner: &Scanner) -> io::Result<()> {
    while let Some((request, file)) = receive()? {
        let began = Instant::now();
        let outcome = match file {
            Some(file) => scan(scanner, file, &request),
            None => Outcome::Failed("no file came with the request".to_owned()),
        };
        let millis = u32::try_from(began.elapsed().as_millis()).unwrap_or(u32::MAX);
        tell(&Report::Scanned { id: request.id, outcome, millis });
    }
    Ok(())
}

/// After a panic nothing here is trusted; the daemon sees which message it was.
fn scan(scanner: &Scanner, file: OwnedFd, request: &Request) -> Outcome {
    catch_unwind(AssertUnwindSafe(|| scanner.scan(file, request))).unwrap_or_else(|_| std::process::abort())
}

fn receive() -> io::Result<Option<(Request, Option<OwnedFd>)>> {
    let mut frame = vec![0; MAX_FRAME];
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut beside = RecvAncillaryBuffer::new(&mut space);
    let message = loop {
        match net::recvmsg(stdin(), &mut [IoSliceMut::new(&mut frame)], &mut beside, RecvFlags::CMSG_CLOEXEC) {
            Err(rustix::io::Errno::INTR) => {}
            Err(rustix::io::Errno::CONNRESET) => return Ok(None),
            other => break other?,
        }
    };
    if message.bytes == 0 {
        return Ok(None);
    }
    if message.flags.intersects(ReturnFlags::TRUNC | ReturnFlags::CTRUNC) {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "a request is too large"));
    }
    let mut file = None;
    for item in beside.drain() {
        if let RecvAncillaryMessage::ScmRights(files) = item {
            file = files.last();
        }
    }
    let request = Request::decode(&frame[..message.bytes])
        .map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error.to_string()))?;
    Ok(Some((request, file)))
}
