//! All that is said to people, in every language: the one place to look for a
//! text, or to add a language.

use crate::{Language, NotThere, SyntaxError};

/// One thing to say. `{0}` and `{1}` in its texts are figures.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs, reason = "the English text says what each is")]
pub enum Phrase {
    Ready,
    Goodbye,
    NothingDone,
    WhatWorks,
    Mechanisms,
    NowThePassword,
    Messages,
    Figures,
    Octets,
    TopOfIt,
    Marked,
    Utf8,
    Languages,
    LanguageChanged,
    UnknownCommand,
    NotNow,
    ArgumentMissing,
    TooManyArguments,
    NotANumber,
    BadCharacter,
    LineTooLong,
    NoSuchMechanism,
    NoSuchLanguage,
    NotPlain,
    Cancelled,
    OnBehalf,
    TooMuchBeforeLogin,
    WrongPassword,
    InUse,
    TooManySessions,
    NoSuchFolder,
    WaitSeconds,
    MailboxUnavailable,
    TakenOver,
    LoginEnded,
    NoSuchMessage,
    MarkedAlready,
    MessageGone,
    MessageMissing,
    NotRemoved,
    CannotBeDone,
    TryLater,
}

impl Phrase {
    /// The text in a language.
    pub(crate) fn text(self, language: Language) -> &'static str {
        match language {
            Language::English => self.english(),
            Language::German => self.german(),
        }
    }

    fn english(self) -> &'static str {
        match self {
            Self::Ready => "Gatepost is ready",
            Self::Goodbye => "goodbye",
            Self::NothingDone => "nothing done",
            Self::WhatWorks => "what works",
            Self::Mechanisms => "ways to log in",
            Self::NowThePassword => "now the password",
            Self::Messages => "{0} messages, {1} octets",
            Self::Figures => "{0} {1}",
            Self::Octets => "{0} octets",
            Self::TopOfIt => "the top of it",
            Self::Marked => "marked",
            Self::Utf8 => "UTF-8 from now on",
            Self::Languages => "languages",
            Self::LanguageChanged => "en the language is English",
            Self::UnknownCommand => "unknown command",
            Self::NotNow => "that command is not allowed now",
            Self::ArgumentMissing => "an argument is missing",
            Self::TooManyArguments => "too many arguments",
            Self::NotANumber => "that is not a message number",
            Self::BadCharacter => "a character is not allowed there",
            Self::LineTooLong => "the line is too long",
            Self::NoSuchMechanism => "this mechanism is not offered",
            Self::NoSuchLanguage => "that language is not spoken here",
            Self::NotPlain => "that is no answer of the PLAIN mechanism",
            Self::Cancelled => "cancelled",
            Self::OnBehalf => "nobody can act for somebody else",
            Self::TooMuchBeforeLogin => "too much before a login",
            Self::WrongPassword => "name or password is wrong",
            Self::InUse => "another session reads this mailbox",
            Self::TooManySessions => "the account has too many sessions",
            Self::NoSuchFolder => "the account has no folder of that name",
            Self::WaitSeconds => "name or password is wrong, and the next try has to wait {0} s",
            Self::MailboxUnavailable => "the mailbox is not available, try again later",
            Self::TakenOver => "another session took this mailbox over",
            Self::LoginEnded => "the account was switched off or has a new password, or this app password was revoked",
            Self::NoSuchMessage => "no such message",
            Self::MarkedAlready => "that message is marked as deleted",
            Self::MessageGone => "that message is gone",
            Self::MessageMissing => "that message cannot be found at the moment",
            Self::NotRemoved => "some deleted messages are not removed",
            Self::CannotBeDone => "that cannot be done",
            Self::TryLater => "temporarily not available, try again later",
        }
    }

    fn german(self) -> &'static str {
        match self {
            Self::Ready => "Gatepost ist bereit",
            Self::Goodbye => "auf Wiedersehen",
            Self::NothingDone => "nichts getan",
            Self::WhatWorks => "was es gibt",
            Self::Mechanisms => "Arten der Anmeldung",
            Self::NowThePassword => "jetzt das Passwort",
            Self::Messages => "{0} Nachrichten, {1} Oktette",
            Self::Figures => "{0} {1}",
            Self::Octets => "{0} Oktette",
            Self::TopOfIt => "der Anfang davon",
            Self::Marked => "vorgemerkt",
            Self::Utf8 => "ab jetzt UTF-8",
            Self::Languages => "Sprachen",
            Self::LanguageChanged => "de die Sprache ist Deutsch",
            Self::UnknownCommand => "unbekannter Befehl",
            Self::NotNow => "dieser Befehl geht jetzt nicht",
            Self::ArgumentMissing => "eine Angabe fehlt",
            Self::TooManyArguments => "zu viele Angaben",
            Self::NotANumber => "das ist keine Nummer einer Nachricht",
            Self::BadCharacter => "ein Zeichen ist dort nicht erlaubt",
            Self::LineTooLong => "die Zeile ist zu lang",
            Self::NoSuchMechanism => "diese Art der Anmeldung gibt es hier nicht",
            Self::NoSuchLanguage => "diese Sprache gibt es hier nicht",
            Self::NotPlain => "das ist keine Antwort nach PLAIN",
            Self::Cancelled => "abgebrochen",
            Self::OnBehalf => "niemand kann für jemand anderen handeln",
            Self::TooMuchBeforeLogin => "zu viel vor einer Anmeldung",
            Self::WrongPassword => "Name oder Passwort ist falsch",
            Self::InUse => "eine andere Sitzung liest dieses Postfach",
            Self::TooManySessions => "das Konto hat zu viele Sitzungen",
            Self::NoSuchFolder => "das Konto hat keinen Ordner dieses Namens",
            Self::WaitSeconds => "Name oder Passwort ist falsch, und der nächste Versuch muss {0} s warten",
            Self::MailboxUnavailable => "das Postfach ist nicht verfügbar, bitte später wieder versuchen",
            Self::TakenOver => "eine andere Sitzung hat dieses Postfach übernommen",
            Self::LoginEnded => {
                "das Konto wurde abgeschaltet oder hat ein neues Passwort, oder dieses App-Passwort wurde widerrufen"
            }
            Self::NoSuchMessage => "diese Nachricht gibt es nicht",
            Self::MarkedAlready => "diese Nachricht ist zum Löschen vorgemerkt",
            Self::MessageGone => "diese Nachricht ist weg",
            Self::MessageMissing => "diese Nachricht ist gerade nicht zu finden",
            Self::NotRemoved => "einige gelöschte Nachrichten sind nicht entfernt",
            Self::CannotBeDone => "das geht nicht",
            Self::TryLater => "zur Zeit nicht verfügbar, bitte später wieder versuchen",
        }
    }
}

impl From<SyntaxError> for Phrase {
    fn from(error: SyntaxError) -> Self {
        match error {
            SyntaxError::Unknown => Self::UnknownCommand,
            SyntaxError::NotNow => Self::NotNow,
            SyntaxError::Missing => Self::ArgumentMissing,
            SyntaxError::TooMany => Self::TooManyArguments,
            SyntaxError::NotANumber => Self::NotANumber,
            SyntaxError::BadCharacter => Self::BadCharacter,
            SyntaxError::TooLong => Self::LineTooLong,
            SyntaxError::NoSuchMechanism => Self::NoSuchMechanism,
            SyntaxError::NoSuchLanguage => Self::NoSuchLanguage,
        }
    }
}

impl From<NotThere> for Phrase {
    fn from(not_there: NotThere) -> Self {
        match not_there {
            NotThere::NoSuchMessage => Self::NoSuchMessage,
            NotThere::Deleted => Self::MarkedAlready,
        }
    }
}

#[cfg(test)]
impl Phrase {
    /// In the order of the type, which ends with `TryLater`.
    pub(crate) const ALL: [Self; 42] = [
        Self::Ready,
        Self::Goodbye,
        Self::NothingDone,
        Self::WhatWorks,
        Self::Mechanisms,
        Self::NowThePassword,
        Self::Messages,
        Self::Figures,
        Self::Octets,
        Self::TopOfIt,
        Self::Marked,
        Self::Utf8,
        Self::Languages,
        Self::LanguageChanged,
        Self::UnknownCommand,
        Self::NotNow,
        Self::ArgumentMissing,
        Self::TooManyArguments,
        Self::NotANumber,
        Self::BadCharacter,
        Self::LineTooLong,
        Self::NoSuchMechanism,
        Self::NoSuchLanguage,
        Self::NotPlain,
        Self::Cancelled,
        Self::OnBehalf,
        Self::TooMuchBeforeLogin,
        Self::WrongPassword,
        Self::InUse,
        Self::TooManySessions,
        Self::NoSuchFolder,
        Self::WaitSeconds,
        Self::MailboxUnavailable,
        Self::TakenOver,
        Self::LoginEnded,
        Self::NoSuchMessage,
        Self::MarkedAlready,
        Self::MessageGone,
        Self::MessageMissing,
        Self::NotRemoved,
        Self::CannotBeDone,
        Self::TryLater,
    ];
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn none_is_left_out() {
        assert!(Phrase::ALL.iter().enumerate().all(|(at, phrase)| *phrase as usize == at));
        assert_eq!(Phrase::ALL.len(), Phrase::TryLater as usize + 1);
    }
}
