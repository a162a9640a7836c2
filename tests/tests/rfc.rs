//! `docs/rfc.md` says where each standard is kept; it must not name files that
//! are not there, nor call anything done that has none.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::fs;
use std::path::Path;

#[test]
fn the_table_of_standards_is_true() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the workspace");
    let text = fs::read_to_string(root.join("docs/rfc.md")).unwrap();
    let mut rows = 0;
    for (number, line) in text.lines().enumerate().filter(|(_, line)| line.starts_with('|')) {
        let cells: Vec<&str> = line.trim_matches('|').split('|').map(str::trim).collect();
        let [standard, _section, what, status, files] = cells.as_slice() else {
            panic!("docs/rfc.md:{}: {} cells instead of five", number + 1, cells.len());
        };
        if *standard == "standard" || standard.starts_with("---") {
            continue;
        }
        rows += 1;
        let files: Vec<&str> = files.split('`').skip(1).step_by(2).collect();
        let place = format!("docs/rfc.md:{}: {standard}, {what}", number + 1);
        for file in &files {
            assert!(root.join(file).is_file(), "{place}: {file} is not there");
        }
        let there = *status == "done" || status.strip_prefix("partly: ").is_some_and(|missing| !missing.is_empty());
        assert!(there || *status == "later", "{place}: {status:?} is not done, partly: …, or later");
        assert_eq!(there, !files.is_empty(), "{place}: a file for what is there, and none for what comes later");
    }
    assert!(rows > 50, "only {rows} rows were found");
}
