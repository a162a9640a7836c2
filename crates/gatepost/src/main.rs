//! The mail server's program.
#![forbid(unsafe_code)]

fn main() -> gatepost::output::Exit {
    gatepost::cli::main()
}
