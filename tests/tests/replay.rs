//! Every file of the fuzzers' corpora, through the same functions, in each run.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::fs;
use std::path::Path;

#[test]
fn corpora_are_replayed() {
    let corpora = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus");
    for (name, target) in tests::fuzz::TARGETS {
        let files = fs::read_dir(corpora.join(name)).unwrap_or_else(|e| panic!("corpus of {name}: {e}"));
        let mut count = 0;
        for file in files {
            let data = fs::read(file.unwrap().path()).unwrap();
            target(&data);
            // What is cut off or doubled in transit must not do harm either.
            (0..data.len().min(300)).for_each(|end| target(&data[..end]));
            target(&[data.as_slice(), data.as_slice()].concat());
            count += 1;
        }
        assert!(count > 0, "the corpus of {name} is empty");
    }
}

/// The same things over and over: what is kept of them has a bound, and costs
/// do not grow faster than they do.
#[test]
fn long_forms_keep_the_promises() {
    const OCTETS: usize = 16 << 10;
    let corpora = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus");
    for (name, target) in tests::fuzz::TARGETS {
        for file in fs::read_dir(corpora.join(name)).unwrap() {
            let data = fs::read(file.unwrap().path()).unwrap();
            target(&data.repeat(OCTETS / data.len().max(1)));
        }
    }
}
