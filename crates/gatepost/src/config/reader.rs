//! Reads a file section by section and key by key, and keeps what is wrong with
//! it and what may stand in it.

use std::cell::RefCell;
use std::ops::Range;
use std::path::{Path, PathBuf};

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::problem::{ConfigError, Page, Problem};
use super::suggest;
use super::value::{Setting, Wrong};

/// A file being read.
pub(super) struct Document<'a> {
    file: &'a Path,
    text: &'a str,
    table: &'a DeTable<'a>,
    problems: RefCell<Vec<(usize, Problem)>>,
    entries: RefCell<Vec<Entry>>,
    sections: RefCell<Vec<(&'static str, &'static str)>>,
}

/// A key that may stand in the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) section: &'static str,
    pub(super) key: &'static str,
    pub(super) kind: &'static str,
    pub(super) default: String,
    pub(super) about: &'static str,
}

impl<'a> Document<'a> {
    pub(super) fn new(file: &'a Path, text: &'a str, table: &'a DeTable<'a>) -> Self {
        let (problems, entries, sections) = (RefCell::default(), RefCell::default(), RefCell::default());
        Self { file, text, table, problems, entries, sections }
    }

    pub(super) fn file(&self) -> &Path {
        self.file
    }

    /// The section with this name, there or not.
    pub(super) fn section(&'a self, name: &'static str, about: &'static str) -> Section<'a> {
        self.sections.borrow_mut().push((name, about));
        let table = self.get(name).and_then(|value| match value.get_ref() {
            DeValue::Table(table) => Some(table),
            _ => {
                self.wrong(&value.span(), format!("{name} is not a section"), format!("write [{name}] above its keys"));
                None
            }
        });
        Section { document: self, name, table }
    }

    /// The tables of `[[name]]`; none where there is no such key at all.
    pub(super) fn list(&'a self, name: &'static str, about: &'static str) -> Option<Vec<Section<'a>>> {
        self.sections.borrow_mut().push((name, about));
        let value = self.get(name)?;
        let not_a_list = || self.wrong(&value.span(), format!("{name} is not a list"), format!("write [[{name}]]"));
        let DeValue::Array(items) = value.get_ref() else {
            not_a_list();
            return None;
        };
        let tables = items.iter().map(|item| match item.get_ref() {
            DeValue::Table(table) => Some(Section { document: self, name, table: Some(table) }),
            _ => None,
        });
        let tables: Option<Vec<_>> = tables.collect();
        if tables.is_none() {
            not_a_list();
        }
        tables
    }

    /// A section without anything in it, for its keys to be entered.
    pub(super) fn empty(&'a self, name: &'static str) -> Section<'a> {
        Section { document: self, name, table: None }
    }

    fn get(&self, name: &str) -> Option<&'a Spanned<DeValue<'a>>> {
        self.table.iter().find(|(key, _)| key.get_ref() == name).map(|(_, value)| value)
    }

    /// Notes a mistake.
    pub(super) fn wrong(&self, span: &Range<usize>, what: String, hint: String) {
        let problem = Problem::at(self.file, self.text, span.start, what, hint);
        self.problems.borrow_mut().push((span.start, problem));
    }

    /// Notes a mistake in a rule.
    pub(super) fn wrong_rule(&self, span: &Range<usize>, what: &str, hint: String) {
        let problem = Problem::at(self.file, self.text, span.start, format!("[[rule]] {what}"), hint);
        self.problems.borrow_mut().push((span.start, Problem { page: Page::Rules, ..problem }));
    }

    /// Notes a mistake about a key that may or may not be in the file: at its
    /// value, else at its section, else at the start.
    pub(super) fn wrong_key(&self, section: &str, key: &str, what: String, hint: String) {
        let found = self.table.iter().find(|(name, _)| name.get_ref() == section);
        let span = found.map_or(0..0, |(name, value)| match value.get_ref() {
            DeValue::Table(table) => {
                table.iter().find(|(name, _)| name.get_ref() == key).map_or(name.span(), |(_, value)| value.span())
            }
            _ => name.span(),
        });
        self.wrong(&span, what, hint);
    }

    /// A path, relative to the folder of the file.
    pub(super) fn path(&self, path: impl AsRef<Path>) -> PathBuf {
        let folder = self.file.parent().unwrap_or_else(|| Path::new(""));
        // Without the dots of `./x`: these paths are shown to people.
        let path: PathBuf = folder.join(path).components().collect();
        if path.as_os_str().is_empty() { PathBuf::from(".") } else { path }
    }

    /// A byte of a string value, as a place in the file. Exact where the string
    /// is written without escapes, else the start of the value.
    pub(super) fn within(&self, span: &Range<usize>, content: &str, offset: usize) -> Range<usize> {
        let raw = self.text.get(span.clone()).unwrap_or_default();
        match raw.find(content) {
            Some(start) if raw.trim_matches(['"', '\'']).trim_start_matches('\n') == content => {
                span.start + start + offset..span.end
            }
            _ => span.clone(),
        }
    }

    /// All keys and sections that may stand in the file.
    pub(super) fn manual(self) -> (Vec<(&'static str, &'static str)>, Vec<Entry>) {
        (self.sections.into_inner(), self.entries.into_inner())
    }

    /// Looks for what nobody asked for, and says what is wrong.
    pub(super) fn finish(self) -> Result<(), ConfigError> {
        self.unknown();
        let mut problems = self.problems.into_inner();
        if problems.is_empty() {
            return Ok(());
        }
        problems.sort_by_key(|(offset, _)| *offset);
        Err(ConfigError::Wrong { problems: problems.into_iter().map(|(_, problem)| problem).collect() })
    }

    fn unknown(&self) {
        let sections: Vec<&'static str> = self.sections.borrow().iter().map(|(name, _)| *name).collect();
        for (name, value) in self.table {
            if !sections.contains(&name.get_ref().as_ref()) {
                self.unknown_section(name, value, &sections);
                continue;
            }
            match value.get_ref() {
                DeValue::Table(table) => self.unknown_keys(name.get_ref(), table),
                DeValue::Array(items) => items.iter().for_each(|item| {
                    if let DeValue::Table(table) = item.get_ref() {
                        self.unknown_keys(name.get_ref(), table);
                    }
                }),
                _ => {}
            }
        }
    }

    fn unknown_section(
        &self,
        name: &Spanned<impl AsRef<str>>,
        value: &Spanned<DeValue<'_>>,
        sections: &[&'static str],
    ) {
        let name_text = name.get_ref().as_ref();
        if !matches!(value.get_ref(), DeValue::Table(_) | DeValue::Array(_)) {
            let what = format!("the key {name_text:?} stands in no section");
            return self.wrong(&name.span(), what, self.elsewhere(name_text));
        }
        let meant = suggest::nearest(name_text, sections.iter().copied());
        let hint = meant
            .map_or_else(|| format!("there are {}", sections.join(", ")), |meant| format!("did you mean {meant:?}?"));
        self.wrong(&name.span(), format!("unknown section {name_text:?}"), hint);
    }

    fn unknown_keys(&self, section: &str, table: &DeTable<'_>) {
        let entries = self.entries.borrow();
        let known: Vec<&str> = entries.iter().filter(|entry| entry.section == section).map(|entry| entry.key).collect();
        for (key, _) in table {
            let text = key.get_ref().as_ref();
            if known.contains(&text) {
                continue;
            }
            let hint = match suggest::nearest(text, known.iter().copied()) {
                Some(meant) => format!("did you mean {meant:?}?"),
                None => self.elsewhere(text),
            };
            match section {
                "rule" => self.wrong_rule(&key.span(), &format!("has an unknown key {text:?}"), hint),
                _ => self.wrong(&key.span(), format!("unknown key {text:?} in [{section}]"), hint),
            }
        }
    }

    /// Where a key belongs that stands in the wrong section.
    fn elsewhere(&self, key: &str) -> String {
        let entries = self.entries.borrow();
        let home = entries.iter().find(|entry| entry.key == key);
        home.map(|entry| format!("did you mean {key:?} in [{}]?", entry.section)).unwrap_or_default()
    }
}

/// One section being read.
pub(super) struct Section<'a> {
    document: &'a Document<'a>,
    name: &'static str,
    table: Option<&'a DeTable<'a>>,
}

impl<'a> Section<'a> {
    /// A key with a default.
    pub(super) fn get<T: Setting>(&self, key: &'static str, default: T, about: &'static str) -> T {
        self.enter::<T>(key, default.show(), about);
        self.value(key).unwrap_or(default)
    }

    /// A key that may be left out; `default` says what happens then.
    pub(super) fn optional<T: Setting>(&self, key: &'static str, default: &str, about: &'static str) -> Option<T> {
        self.enter::<T>(key, default.to_owned(), about);
        self.value(key)
    }

    /// A key that must be there; `stand_in` is used while the rest is read.
    pub(super) fn required<T: Setting>(
        &self,
        key: &'static str,
        (stand_in, example): (T, &str),
        about: &'static str,
    ) -> T {
        self.enter::<T>(key, "required".to_owned(), about);
        if self.raw(key).is_none() {
            let what = format!("[{}] {key} is missing", self.name);
            self.document.wrong_key(self.name, key, what, format!("such as {key} = {example}"));
        }
        self.value(key).unwrap_or(stand_in)
    }

    /// The value of a key as it stands in the file.
    pub(super) fn raw(&self, key: &str) -> Option<&'a Spanned<DeValue<'a>>> {
        self.table?.iter().find(|(name, _)| name.get_ref() == key).map(|(_, value)| value)
    }

    /// Where the section's table is, for what is wrong with all of it.
    pub(super) fn first_key(&self) -> Range<usize> {
        self.table
            .and_then(|table| table.iter().map(|(key, _)| key.span()).min_by_key(|span| span.start))
            .unwrap_or(0..0)
    }

    pub(super) fn document(&self) -> &'a Document<'a> {
        self.document
    }

    fn value<T: Setting>(&self, key: &'static str) -> Option<T> {
        let value = self.raw(key)?;
        match T::read(value) {
            Ok(read) => Some(read),
            Err(Wrong { span, what, hint }) => {
                let hint = if hint.is_empty() { format!("{} is expected", T::KIND) } else { hint };
                let what = format!("{key}: {what}");
                match self.name {
                    "rule" => self.document.wrong_rule(&span, &what, hint),
                    _ => self.document.wrong(&span, what, hint),
                }
                None
            }
        }
    }

    /// Every key is entered once, also where a list has several tables.
    fn enter<T: Setting>(&self, key: &'static str, default: String, about: &'static str) {
        let mut entries = self.document.entries.borrow_mut();
        if !entries.iter().any(|entry| entry.section == self.name && entry.key == key) {
            entries.push(Entry { section: self.name, key, kind: T::KIND, default, about });
        }
    }
}
