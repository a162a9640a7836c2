//! Finds libclamav with pkg-config and refuses versions whose numbers this
//! binding does not know.

use std::process::Command;

const HOW: &str = "libclamav 1.0 to 1.5 is needed, with pkg-config: apt-get install libclamav-dev pkg-config";

fn main() {
    println!("cargo::rerun-if-env-changed=PKG_CONFIG_PATH");
    println!("cargo::rerun-if-changed=build.rs");
    let asked = Command::new("pkg-config").args(["--libs", "libclamav >= 1.0.0", "libclamav < 1.6.0"]).output();
    match asked {
        Ok(output) if output.status.success() => link(&String::from_utf8_lossy(&output.stdout)),
        Ok(output) => println!("cargo::error={HOW} ({})", one_line(&output.stderr)),
        Err(error) => println!("cargo::error={HOW} (pkg-config: {error})"),
    }
}

fn link(flags: &str) {
    for flag in flags.split_whitespace() {
        if let Some(folder) = flag.strip_prefix("-L") {
            println!("cargo::rustc-link-search=native={folder}");
        } else if let Some(library) = flag.strip_prefix("-l") {
            println!("cargo::rustc-link-lib=dylib={library}");
        }
    }
}

fn one_line(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).split_whitespace().collect::<Vec<_>>().join(" ")
}
