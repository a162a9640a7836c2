//! `gatepost-avscan`: the process in which hostile messages meet libclamav.
//!
//! It is started by `gatepost`, one end of a socket pair as its standard input.
//! In this order: options, resource limits, the engine with its signatures,
//! the sandbox, and only then threads, since a sandbox holds the thread that
//! asks for it and those that it starts. A crash or panic of one scan ends the
//! whole process on purpose: what is in its memory is not trusted any more.
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
