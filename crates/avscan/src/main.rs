//! `gatepost-avscan`: the process in which hostile messages meet libclamav.
//!
//! It is started by `gatepost`, one end of a socket pair as its standard input.
//! In this order: options, resource limits, the engine with its signatures,
//! the sandbox, and only then threads, since a sandbox holds the thread that
//! asks for it and those that it starts. A crash or panic of one scan ends the
//! whole process on purpose: what is in its memory is not trusted any more.
//!
//! What it does not look into: a mail inside an archive is known by a MIME
//! header field in its first megabyte, so one that hides its fields behind more
//! than that is scanned only as libclamav itself reads it; and pieces of a
//! `message/partial` are scanned one by one, never put together.
#![deny(unsafe_op_in_unsafe_fn)]

mod collect;
mod decode;
mod embedded;
mod engine;
mod limits;
mod sandbox;
mod scan;
mod serve;

use std::io::IsTerminal;
use std::process::ExitCode;
use std::time::Instant;

use avscan_wire::{Options, Report};

fn main() -> ExitCode {
    if std::io::stdin().is_terminal() {
        eprintln!("gatepost-avscan is started by gatepost, which hands it a socket; there is nothing to see here");
        return ExitCode::from(2);
    }
    close_inherited();
    ignore_signals();
    match prepare() {
        Ok((scanner, threads)) => serve::run(scanner, threads),
        Err(reason) => {
            serve::tell(&Report::LoadFailed(reason));
            ExitCode::FAILURE
        }
    }
}

/// Everything up to the greeting. The error is one sentence for the
/// administrator.
fn prepare() -> Result<(scan::Scanner, u16), String> {
    let began = Instant::now();
    let options = Options::from_args(std::env::args_os().skip(1)).map_err(|error| error.to_string())?;
    limits::set(&options.limits).map_err(|error| format!("the scanner's resource limits cannot be set: {error}"))?;
    let (engine, mut hello) = engine::load(&options)?;
    hello.confinement = sandbox::enter(&options)?;
    hello.load_ms = u32::try_from(began.elapsed().as_millis()).unwrap_or(u32::MAX);
    serve::tell(&Report::Hello(hello));
    Ok((scan::Scanner::new(engine, options.limits), options.threads))
}

/// Whatever else was open in the process that started this one is not for here.
fn close_inherited() {
    // SAFETY: nothing has been opened yet, so nobody owns a descriptor above
    // standard error; on a kernel without this call nothing happens.
    unsafe { libc::syscall(libc::SYS_close_range, 3_u32, u32::MAX, 0_u32) };
}

/// Ctrl-C at a terminal and a stop by systemd reach every process of the
/// service. The daemon drains then, and needs its scanner for that; this process
/// ends when the daemon closes the socket, in whichever way.
fn ignore_signals() {
    for signal in [libc::SIGINT, libc::SIGTERM, libc::SIGHUP] {
        // SAFETY: no handler is installed, so none can run.
        unsafe { libc::signal(signal, libc::SIG_IGN) };
    }
}
