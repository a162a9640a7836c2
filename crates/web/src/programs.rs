//! What the pages say about mail programs: how each is set up, and how each
//! comes to trust our own authority; in each language that we speak. What
//! stands in braces is filled in.

use crate::language::{Language, Speech};
use crate::services::Place;
use crate::texts::fill;

/// The sentences of one language.
#[derive(Debug)]
pub(crate) struct Programs {
    pub(crate) link: &'static str,
    pub(crate) about: &'static str,
    pub(crate) title: &'static str,
    pub(crate) lead: &'static str,
    pub(crate) servers: &'static str,
    pub(crate) user_name: &'static str,
    pub(crate) sending: &'static str,
    pub(crate) no_sending: &'static str,
    pub(crate) trust: &'static str,
    pub(crate) trust_link: &'static str,
    pub(crate) fingerprint: &'static str,
    pub(crate) apple_title: &'static str,
    pub(crate) apple_about: &'static str,
    pub(crate) apple_button: &'static str,
    pub(crate) not_here: &'static str,
    pub(crate) away: &'static str,
    /// How each program is set up.
    pub(crate) ways: &'static [Way],
    /// How each program imports the certificate of our own authority.
    pub(crate) imports: &'static [Way],
}

/// A program, what to do there, and what to write in a file, if anything.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Way {
    program: &'static str,
    text: &'static str,
    sample: &'static str,
}

/// The same with everything filled in.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Filled {
    pub(crate) program: &'static str,
    pub(crate) text: String,
    pub(crate) sample: String,
}

impl Speech {
    pub(crate) fn programs(self) -> &'static Programs {
        match self.language {
            Language::English => &EN,
            Language::German => &DE,
        }
    }
}

/// The ways that this server has: those that speak of IMAP only where there is
/// IMAP.
pub(crate) fn filled(ways: &'static [Way], place: &Place) -> Vec<Filled> {
    let host = place.hostname.to_string();
    let port = |port: Option<u16>| port.map(|port| port.to_string());
    let (imaps, pop3s) = (port(place.imaps), port(place.pop3s));
    let values: Vec<(&str, &str)> = [("host", Some(&host)), ("imaps", imaps.as_ref()), ("pop3s", pop3s.as_ref())]
        .into_iter()
        .filter_map(|(name, value)| Some((name, value?.as_str())))
        .collect();
    let has_all = |text: &str| !text.contains("{imaps}") || place.imaps.is_some();
    ways.iter()
        .filter(|way| has_all(way.text) && has_all(way.sample))
        .map(|Way { program, text, sample }| Filled {
            program,
            text: fill(text, &values),
            sample: fill(sample, &values),
        })
        .collect()
}

const MUTT: &str = "set folder = \"imaps://anna%40example.org@{host}:{imaps}/\"
set spoolfile = \"+INBOX\"
set record = \"+Sent\"
set postponed = \"+Drafts\"
set trash = \"+Trash\"";

const MBSYNC: &str = "IMAPAccount mail
Host {host}
Port {imaps}
User anna@example.org
PassCmd \"pass mail/anna\"
TLSType IMAPS

IMAPStore far
Account mail

MaildirStore near
Path ~/Mail/
Inbox ~/Mail/INBOX
SubFolders Verbatim

Channel mail
Far :far:
Near :near:
Patterns *
Create Near";

const SYSTEM: &str = "# Debian, Ubuntu
sudo cp ca.pem /usr/local/share/ca-certificates/mail-ca.crt
sudo update-ca-certificates

# Fedora, Red Hat
sudo cp ca.pem /etc/pki/ca-trust/source/anchors/mail-ca.pem
sudo update-ca-trust";

const MUTT_TRUST: &str = "set certificate_file = \"~/ca.pem\"";
const MBSYNC_TRUST: &str = "CertificateFile ~/ca.pem";

static EN: Programs = Programs {
    link: "Set up your mail program",
    about: "Servers, ports and a few words for each program.",
    title: "Set up your mail program",
    lead: "Most programs find these settings by themselves when you enter your mail address. If yours does not, \
        enter them by hand.",
    servers: "Servers",
    user_name: "The user name is your whole mail address, such as anna@example.org. The password is the one of your \
        mail account; where you use two-step login, it is an app password.",
    sending: "Sending",
    no_sending: "Sending is not offered here: outgoing mail needs another server, which your administrator names.",
    trust: "This server shows a certificate of its own authority. Before your program trusts it, you have to import \
        the authority's certificate once.",
    trust_link: "How to import the certificate",
    fingerprint: "SHA-256 fingerprint of the authority",
    apple_title: "Profile for iPhone, iPad and Mac",
    apple_about: "Enter your mail address to download a profile that sets your account up. The password is not in it: \
        your device asks for it. The profile is not signed, and your device says so.",
    apple_button: "Download profile",
    not_here: "Mail of this domain is not kept here.",
    away: "The directory of users does not answer at the moment. Please try again in a few minutes.",
    ways: &[
        Way {
            program: "Thunderbird",
            text: "New account, Email: enter your name, your address and the password. If no settings are found, \
                choose \u{201c}Configure manually\u{201d}: IMAP, the server is {host}, port {imaps}, connection security \
                SSL/TLS, authentication \u{201c}Normal password\u{201d}.",
            sample: "",
        },
        Way {
            program: "Outlook for Windows and Mac",
            text: "File, Add Account: enter your address, choose \u{201c}Let me set up my account manually\u{201d} and \
                then IMAP. The server is {host}, port {imaps}, encryption SSL/TLS.",
            sample: "",
        },
        Way {
            program: "Apple Mail on iPhone, iPad and Mac",
            text: "Install the profile below. Or by hand: Settings, Apps, Mail, Mail Accounts, Add Account, Other (on a \
                Mac: Mail, Add Account, Other Mail Account); the server for incoming mail is {host}, port {imaps} with \
                SSL, the user name your whole address.",
            sample: "",
        },
        Way {
            program: "K-9 Mail and Thunderbird for Android",
            text: "Add account: enter your address. If no settings are found, choose IMAP; the server is {host}, port \
                {imaps}, security SSL/TLS, authentication \u{201c}Normal password\u{201d}.",
            sample: "",
        },
        Way {
            program: "mutt and neomutt",
            text: "In ~/.muttrc or ~/.config/neomutt/neomuttrc; in the address, @ is written as %40:",
            sample: MUTT,
        },
        Way {
            program: "mbsync (isync)",
            text: "In ~/.mbsyncrc; before version 1.5, TLSType is called SSLType:",
            sample: MBSYNC,
        },
    ],
    imports: &[
        Way {
            program: "Thunderbird",
            text: "Settings, Privacy & Security, Certificates, Manage Certificates, Authorities, Import: choose ca.pem \
                and tick \u{201c}Trust this CA to identify websites\u{201d}.",
            sample: "",
        },
        Way {
            program: "Firefox",
            text: "Settings, Privacy & Security, Certificates, View Certificates, Authorities, Import: choose ca.pem \
                and tick \u{201c}Trust this CA to identify websites\u{201d}. It has a store of its own, as Thunderbird \
                has.",
            sample: "",
        },
        Way {
            program: "Windows: Outlook, Edge, Chrome",
            text: "Open ca.cer, Install Certificate, Current User, \u{201c}Place all certificates in the following \
                store\u{201d}, Trusted Root Certification Authorities.",
            sample: "",
        },
        Way {
            program: "Mac",
            text: "Open the Apple profile, then System Settings, General, Device Management, and install it. It holds \
                for Mail and for Safari. Or open ca.pem with Keychain Access, and set it to \u{201c}Always \
                Trust\u{201d}.",
            sample: "",
        },
        Way {
            program: "iPhone and iPad",
            text: "Open the Apple profile, then Settings, General, VPN & Device Management, and install it. After that \
                switch it on in Settings, General, About, Certificate Trust Settings.",
            sample: "",
        },
        Way {
            program: "Android",
            text: "Settings, Security, Encryption & credentials, Install a certificate, CA certificate: choose ca.pem. \
                Some mail programs ask on their own instead, and show the fingerprint to compare.",
            sample: "",
        },
        Way {
            program: "Linux, for all programs that use the system's store",
            text: "Evolution, KMail, curl and many others then trust it:",
            sample: SYSTEM,
        },
        Way { program: "mutt and neomutt", text: "In ~/.muttrc:", sample: MUTT_TRUST },
        Way { program: "mbsync (isync)", text: "In ~/.mbsyncrc, below IMAPAccount:", sample: MBSYNC_TRUST },
    ],
};

static DE: Programs = Programs {
    link: "Mailprogramm einrichten",
    about: "Server, Ports und ein paar Worte zu jedem Programm.",
    title: "So richten Sie Ihr Mailprogramm ein",
    lead: "Die meisten Programme finden diese Einstellungen selbst, wenn Sie Ihre Mailadresse eingeben. Tut Ihres das \
        nicht, tragen Sie sie von Hand ein.",
    servers: "Server",
    user_name: "Der Benutzername ist Ihre ganze Mailadresse, zum Beispiel anna@example.org. Das Passwort ist das Ihres \
        Mailkontos; wenn Sie sich in zwei Schritten anmelden, ein App-Passwort.",
    sending: "Senden",
    no_sending: "Gesendet wird hier nicht: Ausgehende Post braucht einen anderen Server, den Ihnen Ihr Administrator \
        nennt.",
    trust: "Dieser Server zeigt ein Zertifikat seiner eigenen Stelle. Bevor Ihr Programm ihm vertraut, müssen Sie das \
        Zertifikat dieser Stelle einmal importieren.",
    trust_link: "So importieren Sie das Zertifikat",
    fingerprint: "SHA-256-Fingerabdruck der Stelle",
    apple_title: "Profil für iPhone, iPad und Mac",
    apple_about: "Geben Sie Ihre Mailadresse ein, um ein Profil zu laden, das Ihr Konto einrichtet. Das Passwort steht \
        nicht darin: Ihr Gerät fragt danach. Das Profil ist nicht signiert, und Ihr Gerät sagt das.",
    apple_button: "Profil laden",
    not_here: "Post dieser Domain wird nicht hier aufbewahrt.",
    away: "Das Verzeichnis der Benutzer antwortet im Augenblick nicht. Bitte versuchen Sie es in einigen Minuten \
        wieder.",
    ways: &[
        Way {
            program: "Thunderbird",
            text: "Neues Konto, E-Mail: Namen, Adresse und Passwort eingeben. Werden keine Einstellungen gefunden, \
                \u{201e}Manuell einrichten\u{201c} wählen: IMAP, der Server ist {host}, Port {imaps}, \
                Verbindungssicherheit SSL/TLS, Authentifizierung \u{201e}Passwort, normal\u{201c}.",
            sample: "",
        },
        Way {
            program: "Outlook für Windows und Mac",
            text: "Datei, Konto hinzufügen: Adresse eingeben, \u{201e}Ich möchte mein Konto manuell \
                einrichten\u{201c} und dann IMAP wählen. Der Server ist {host}, Port {imaps}, Verschlüsselung SSL/TLS.",
            sample: "",
        },
        Way {
            program: "Apple Mail auf iPhone, iPad und Mac",
            text: "Das Profil weiter unten installieren. Oder von Hand: Einstellungen, Apps, Mail, Mail-Accounts, \
                Account hinzufügen, Andere (auf dem Mac: Mail, Account hinzufügen, Anderer Mail-Account); der Server \
                für eintreffende Mails ist {host}, Port {imaps} mit SSL, der Benutzername Ihre ganze Adresse.",
            sample: "",
        },
        Way {
            program: "K-9 Mail und Thunderbird für Android",
            text: "Konto hinzufügen: Adresse eingeben. Werden keine Einstellungen gefunden, IMAP wählen; der Server \
                ist {host}, Port {imaps}, Sicherheit SSL/TLS, Authentifizierung \u{201e}Passwort, normal\u{201c}.",
            sample: "",
        },
        Way {
            program: "mutt und neomutt",
            text: "In ~/.muttrc oder ~/.config/neomutt/neomuttrc; in der Adresse wird @ als %40 geschrieben:",
            sample: MUTT,
        },
        Way {
            program: "mbsync (isync)",
            text: "In ~/.mbsyncrc; vor Version 1.5 heißt TLSType SSLType:",
            sample: MBSYNC,
        },
    ],
    imports: &[
        Way {
            program: "Thunderbird",
            text: "Einstellungen, Datenschutz & Sicherheit, Zertifikate verwalten, Zertifizierungsstellen, \
                Importieren: ca.pem wählen und \u{201e}Dieser CA vertrauen, um Websites zu identifizieren\u{201c} \
                ankreuzen.",
            sample: "",
        },
        Way {
            program: "Firefox",
            text: "Einstellungen, Datenschutz & Sicherheit, Zertifikate anzeigen, Zertifizierungsstellen, \
                Importieren: ca.pem wählen und \u{201e}Dieser CA vertrauen, um Websites zu identifizieren\u{201c} \
                ankreuzen. Firefox hat wie Thunderbird einen eigenen Speicher.",
            sample: "",
        },
        Way {
            program: "Windows: Outlook, Edge, Chrome",
            text: "ca.cer öffnen, Zertifikat installieren, Aktueller Benutzer, \u{201e}Alle Zertifikate in folgendem \
                Speicher speichern\u{201c}, Vertrauenswürdige Stammzertifizierungsstellen.",
            sample: "",
        },
        Way {
            program: "Mac",
            text: "Das Apple-Profil öffnen, dann unter Systemeinstellungen, Allgemein, Geräteverwaltung installieren. \
                Es gilt für Mail und für Safari. Oder ca.pem mit der Schlüsselbundverwaltung öffnen und auf \
                \u{201e}Immer vertrauen\u{201c} stellen.",
            sample: "",
        },
        Way {
            program: "iPhone und iPad",
            text: "Das Apple-Profil öffnen, dann unter Einstellungen, Allgemein, VPN und Geräteverwaltung \
                installieren. Danach unter Einstellungen, Allgemein, Info, Zertifikatsvertrauenseinstellungen \
                einschalten.",
            sample: "",
        },
        Way {
            program: "Android",
            text: "Einstellungen, Sicherheit, Verschlüsselung und Anmeldedaten, Zertifikat installieren, \
                CA-Zertifikat: ca.pem wählen. Manche Mailprogramme fragen stattdessen selbst und zeigen den \
                Fingerabdruck zum Vergleich.",
            sample: "",
        },
        Way {
            program: "Linux, für alle Programme, die den Speicher des Systems benutzen",
            text: "Evolution, KMail, curl und viele andere vertrauen ihm dann:",
            sample: SYSTEM,
        },
        Way { program: "mutt und neomutt", text: "In ~/.muttrc:", sample: MUTT_TRUST },
        Way { program: "mbsync (isync)", text: "In ~/.mbsyncrc, unter IMAPAccount:", sample: MBSYNC_TRUST },
    ],
};

#[cfg(test)]
mod tests {
    use super::*;
    use mail::Domain;

    fn place(imaps: Option<u16>) -> Place {
        let hostname = Domain::parse("mail.example.org").unwrap();
        Place { hostname, imaps, pop3s: Some(995), outgoing: None, pages: "https://mail.example.org".to_owned() }
    }

    #[test]
    fn the_languages_say_the_same() {
        let blanks = |ways: &[Way]| -> Vec<Vec<&'static str>> {
            let names = |way: &Way| {
                let mut names: Vec<&str> = [way.text, way.sample]
                    .iter()
                    .flat_map(|text| text.split('{').skip(1).filter_map(|rest| rest.split('}').next()))
                    .collect();
                names.sort_unstable();
                names
            };
            ways.iter().map(names).collect()
        };
        assert_eq!(blanks(EN.ways), blanks(DE.ways));
        assert_eq!(blanks(EN.imports), blanks(DE.imports));
    }

    #[test]
    fn everything_is_filled_in() {
        for programs in [&EN, &DE] {
            let all = filled(programs.ways, &place(Some(2993)));
            assert_eq!(all.len(), programs.ways.len());
            assert!(
                all.iter().all(|way| !way.text.contains(['{', '}']) && !way.sample.contains(['{', '}'])),
                "{all:?}"
            );
            assert!(all.iter().any(|way| way.sample.contains("imaps://anna%40example.org@mail.example.org:2993/")));
            let without = filled(programs.ways, &place(None));
            assert!(without.len() < all.len() && without.iter().all(|way| way.sample.is_empty()), "{without:?}");
        }
    }
}
