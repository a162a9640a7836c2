//! Where the parts of the last large message are, for a client that fetches it
//! in pieces: reading and parsing it again for each piece would cost the square
//! of its size.

use std::sync::Arc;

use imap::{FetchItem, Section};
use mailbox::Uid;

use super::section::Found;

/// Smaller messages are read again, which is cheap.
const LARGE: u64 = 128 << 10;
/// So many sections of one message are remembered, the last ones.
const SECTIONS: usize = 4;
/// And no more octets of headers and marks than this for each of them.
const HELD: usize = 32 << 10;

/// What is remembered of one message.
#[derive(Default)]
pub(super) struct Pieces(Option<Box<Kept>>);

struct Kept {
    uid: Uid,
    /// Of the file: another one has other parts.
    size: u64,
    sections: Vec<(Section, Arc<Found>)>,
}

/// The sections of these items, in their order; those that are no partial ones
/// have none.
pub(super) type Known = Vec<Option<Arc<Found>>>;

impl Pieces {
    /// What is known of all items that need the message; nothing where one of
    /// them is not known.
    pub(super) fn of(&self, uid: Uid, items: &[FetchItem]) -> Option<(u64, Known)> {
        let kept = self.0.as_ref().filter(|kept| kept.uid == uid)?;
        let known = items.iter().map(|item| match item {
            FetchItem::Section { section, partial: Some(_), .. } => {
                let (_, found) = kept.sections.iter().find(|(known, _)| known == section)?;
                Some(Some(Arc::clone(found)))
            }
            FetchItem::Flags | FetchItem::Uid | FetchItem::Size | FetchItem::InternalDate | FetchItem::ModSeq => {
                Some(None)
            }
            _ => None,
        });
        Some((kept.size, known.collect::<Option<Known>>()?))
    }

    /// Remembers what was found of a message, in place of what was known of
    /// another.
    pub(super) fn keep(&mut self, uid: Uid, size: u64, found: Vec<(Section, Arc<Found>)>) {
        let found: Vec<_> = found.into_iter().filter(|(_, found)| found.held() <= HELD).collect();
        if size < LARGE || found.is_empty() {
            return;
        }
        let mut kept = self.0.take().filter(|kept| kept.uid == uid && kept.size == size).unwrap_or_else(|| {
            let sections = Vec::with_capacity(1);
            Box::new(Kept { uid, size, sections })
        });
        for (section, found) in found {
            kept.sections.retain(|(known, _)| *known != section);
            if kept.sections.len() == SECTIONS {
                kept.sections.remove(0);
            }
            kept.sections.push((section, found));
        }
        self.0 = Some(kept);
    }

    /// Forgets all: the client shows messages otherwise now, or is idle.
    pub(super) fn forget(&mut self) {
        self.0 = None;
    }
}

#[cfg(test)]
mod tests {
    use imap::SectionText;
    use mime::Understands;

    use super::*;
    use crate::imap::content::Content;

    fn section(part: u32) -> Section {
        Section { part: vec![part], text: SectionText::All }
    }

    fn item(part: u32, partial: Option<(u32, u32)>) -> FetchItem {
        FetchItem::Section { section: section(part), partial, label: imap::Label::Body, sets_seen: false }
    }

    fn found() -> Arc<Found> {
        let content = Content::new(b"Subject: x\n\nbody\n".to_vec(), Understands::Ascii);
        Arc::new(Found::new(&content, &section(1)).unwrap())
    }

    #[test]
    fn the_last_sections_of_the_last_large_message() {
        let (one, two) = (Uid::new(1).unwrap(), Uid::new(2).unwrap());
        let mut pieces = Pieces::default();
        let piece = Some((0, 9));
        pieces.keep(one, LARGE - 1, vec![(section(1), found())]);
        assert!(pieces.of(one, &[item(1, piece)]).is_none(), "small ones are read again");
        for part in 1..=6 {
            pieces.keep(one, LARGE, vec![(section(part), found())]);
        }
        let knows = |pieces: &Pieces, uid, items: &[FetchItem]| pieces.of(uid, items).is_some();
        assert!(knows(&pieces, one, &[FetchItem::Flags, item(6, piece), item(3, piece)]));
        assert!(!knows(&pieces, one, &[item(2, piece)]), "four are kept");
        assert!(!knows(&pieces, one, &[item(6, None)]), "all of it is read anyway");
        assert!(!knows(&pieces, one, &[item(6, piece), FetchItem::Envelope]));
        assert!(!knows(&pieces, two, &[item(6, piece)]));
        pieces.keep(one, LARGE + 1, vec![(section(1), found())]);
        assert!(!knows(&pieces, one, &[item(6, piece)]), "another file");
        pieces.keep(two, LARGE, vec![(section(1), found())]);
        assert!(!knows(&pieces, one, &[item(1, piece)]) && knows(&pieces, two, &[item(1, piece)]));
        pieces.forget();
        assert!(!knows(&pieces, two, &[item(1, piece)]));
    }
}
