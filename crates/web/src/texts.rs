//! Every sentence that a visitor reads, in each language that we speak. What
//! stands in braces is filled in.

/// The sentences of one language.
#[derive(Debug)]
pub(crate) struct Texts {
    /// What the language calls itself.
    pub(crate) own_name: &'static str,
    pub(crate) skip: &'static str,
    pub(crate) other_language: &'static str,
    pub(crate) home: &'static str,
    pub(crate) error_prefix: &'static str,

    pub(crate) home_title: &'static str,
    pub(crate) home_lead: &'static str,
    pub(crate) change_link: &'static str,
    pub(crate) change_about: &'static str,
    pub(crate) certificate_link: &'static str,
    pub(crate) certificate_about: &'static str,
    pub(crate) programs_title: &'static str,
    pub(crate) programs_about: &'static str,
    pub(crate) column_kind: &'static str,
    pub(crate) column_server: &'static str,
    pub(crate) column_port: &'static str,
    pub(crate) column_security: &'static str,

    pub(crate) password_title: &'static str,
    pub(crate) address: &'static str,
    pub(crate) address_hint: &'static str,
    pub(crate) old: &'static str,
    pub(crate) new: &'static str,
    pub(crate) new_hint: &'static str,
    pub(crate) again: &'static str,
    pub(crate) submit: &'static str,
    pub(crate) summary: &'static str,

    pub(crate) no_address: &'static str,
    pub(crate) bad_address: &'static str,
    pub(crate) no_old: &'static str,
    pub(crate) no_new: &'static str,
    pub(crate) not_the_same: &'static str,
    pub(crate) too_short: &'static str,
    pub(crate) too_long: &'static str,
    pub(crate) unprintable: &'static str,
    pub(crate) space_around: &'static str,
    pub(crate) common: &'static str,
    pub(crate) personal: &'static str,
    pub(crate) unchanged: &'static str,
    pub(crate) refused: &'static str,
    pub(crate) slowed: &'static str,
    pub(crate) one_second: &'static str,
    pub(crate) seconds: &'static str,
    pub(crate) expired: &'static str,
    pub(crate) not_from_here: &'static str,
    pub(crate) meanwhile: &'static str,
    pub(crate) away: &'static str,
    pub(crate) busy: &'static str,
    pub(crate) elsewhere: &'static str,

    pub(crate) changed_title: &'static str,
    pub(crate) changed: &'static str,
    pub(crate) changed_next: &'static str,

    pub(crate) missing_title: &'static str,
    pub(crate) missing_text: &'static str,
    pub(crate) method_title: &'static str,
    pub(crate) too_large: &'static str,

    pub(crate) report_title: &'static str,
    pub(crate) report_what: &'static str,
    pub(crate) report_who: &'static str,
    pub(crate) report_quote: &'static str,
    pub(crate) report_nothing: &'static str,

    pub(crate) guide_title: &'static str,
    pub(crate) guide_lead: &'static str,
    pub(crate) guide_compare: &'static str,
    pub(crate) guide_fingerprint: &'static str,
    pub(crate) guide_files: &'static str,
    pub(crate) guide_pem: &'static str,
    pub(crate) guide_der: &'static str,
    pub(crate) guide_profile: &'static str,
}

pub(crate) static EN: Texts = Texts {
    own_name: "English",
    skip: "Skip to the content",
    other_language: "Language",
    home: "Start page",
    error_prefix: "Error: ",

    home_title: "Your mail server",
    home_lead: "This server keeps mail for the people of several domains. Your mail itself is read with a mail program.",
    change_link: "Change your password",
    change_about: "You need your present one.",
    certificate_link: "Certificate for mail programs",
    certificate_about: "Needed once if your program says that it does not trust this server.",
    programs_title: "Settings of mail programs",
    programs_about: "The user name is your whole mail address.",
    column_kind: "Kind",
    column_server: "Server",
    column_port: "Port",
    column_security: "Security",

    password_title: "Change your password",
    address: "Mail address",
    address_hint: "The whole address, such as anna@example.org",
    old: "Present password",
    new: "New password",
    new_hint: "At least {least} characters. Length helps more than odd characters: four or five words that do not belong \
        together are good.",
    again: "New password once more",
    submit: "Change password",
    summary: "The password was not changed",

    no_address: "Enter your mail address.",
    bad_address: "This is not a whole mail address, such as anna@example.org.",
    no_old: "Enter your present password.",
    no_new: "Enter a new password.",
    not_the_same: "The two new passwords are not the same. Enter both again.",
    too_short: "The new password is too short: it needs at least {least} characters.",
    too_long: "The new password is too long: it may have {most} characters at most.",
    unprintable: "The new password has characters in it that cannot be typed in a mail program.",
    space_around: "The new password begins or ends with a space, which many programs cut off.",
    common: "The new password is easily guessed: most of it is words, names, dates or rows of keys that are tried \
        first.",
    personal: "The new password is easily guessed: most of it is your own address or name. Take something that has \
        nothing to do with you.",
    unchanged: "The new password is the present one. Choose another.",
    refused: "Address or present password is wrong.",
    slowed: "After several wrong attempts the next one has to wait. Try again in {seconds}, at {time}.",
    one_second: "one second",
    seconds: "{n} seconds",
    expired: "This form was open for too long, or your browser refuses cookies. Please fill it in again.",
    not_from_here: "Your browser says that this form was sent from another site. Please fill it in here.",
    meanwhile: "Your password was changed in another way at the same moment. Please look which one holds now.",
    away: "The password cannot be changed at the moment, because the directory of users does not answer. Please try \
        again in a few minutes.",
    busy: "Many logins are under way at the moment. Please try again in a minute.",
    elsewhere: "Passwords are not changed here, but where your administrator keeps them. Please ask there.",

    changed_title: "Your password was changed",
    changed: "The new password of {address} holds from now on.",
    changed_next: "Enter it in each of your mail programs: the connections that they had with the old one were ended.",

    missing_title: "There is no such page",
    missing_text: "Perhaps the address was not copied completely.",
    method_title: "That cannot be done here",
    too_large: "What was sent is too large",

    report_title: "Your message was refused",
    report_what: "You probably come here because a message that you sent was not accepted by {hostname}, and the \
        answer had this link in it. It was refused, and not silently dropped, so that you know of it.",
    report_who: "If you think that this was a mistake, tell the postmaster of the domain that you wrote to: for \
        anna@example.org that is postmaster@example.org. Mail to a postmaster is not refused for what is in it. Or \
        reach the person in another way, and ask them to tell their postmaster.",
    report_quote: "Quote this reference, and the sentence that you were sent:",
    report_nothing: "Looking at this page has changed nothing, and it does not say whether a copy of a message was \
        kept.",

    guide_title: "Certificate for mail programs",
    guide_lead: "This server shows a certificate that was signed by its own authority. Programs trust it when you \
        have imported the certificate of that authority once.",
    guide_compare: "Compare this fingerprint with the one that your administrator tells you in another way, before \
        you import the file. The page itself proves nothing while your browser does not trust it.",
    guide_fingerprint: "SHA-256 fingerprint",
    guide_files: "The certificate",
    guide_pem: "PEM (ca.pem): Thunderbird, Linux, Android",
    guide_der: "DER (ca.cer): Windows, Outlook",
    guide_profile: "Apple profile (ca.mobileconfig): iPhone, iPad, Mac",
};

pub(crate) static DE: Texts = Texts {
    own_name: "Deutsch",
    skip: "Zum Inhalt springen",
    other_language: "Sprache",
    home: "Startseite",
    error_prefix: "Fehler: ",

    home_title: "Ihr Mailserver",
    home_lead: "Dieser Server bewahrt Post für die Menschen mehrerer Domains auf. Gelesen wird sie mit einem \
        Mailprogramm.",
    change_link: "Passwort ändern",
    change_about: "Sie brauchen dazu Ihr jetziges.",
    certificate_link: "Zertifikat für Mailprogramme",
    certificate_about: "Einmal nötig, wenn Ihr Programm sagt, dass es diesem Server nicht vertraut.",
    programs_title: "Einstellungen für Mailprogramme",
    programs_about: "Der Benutzername ist Ihre ganze Mailadresse.",
    column_kind: "Art",
    column_server: "Server",
    column_port: "Port",
    column_security: "Sicherheit",

    password_title: "Passwort ändern",
    address: "Mailadresse",
    address_hint: "Die ganze Adresse, zum Beispiel anna@example.org",
    old: "Jetziges Passwort",
    new: "Neues Passwort",
    new_hint: "Mindestens {least} Zeichen. Länge hilft mehr als Sonderzeichen: Gut sind vier oder fünf Wörter, die \
        nicht zusammengehören.",
    again: "Neues Passwort noch einmal",
    submit: "Passwort ändern",
    summary: "Das Passwort wurde nicht geändert",

    no_address: "Geben Sie Ihre Mailadresse ein.",
    bad_address: "Das ist keine ganze Mailadresse, wie zum Beispiel anna@example.org.",
    no_old: "Geben Sie Ihr jetziges Passwort ein.",
    no_new: "Geben Sie ein neues Passwort ein.",
    not_the_same: "Die beiden neuen Passwörter sind nicht gleich. Geben Sie beide noch einmal ein.",
    too_short: "Das neue Passwort ist zu kurz: Es braucht mindestens {least} Zeichen.",
    too_long: "Das neue Passwort ist zu lang: Es darf höchstens {most} Zeichen haben.",
    unprintable: "Im neuen Passwort sind Zeichen, die man in einem Mailprogramm nicht eintippen kann.",
    space_around: "Das neue Passwort beginnt oder endet mit einem Leerzeichen, das viele Programme abschneiden.",
    common: "Das neue Passwort ist leicht zu erraten: Es besteht großenteils aus Wörtern, Namen, Daten oder \
        Tastenreihen, die zuerst versucht werden.",
    personal: "Das neue Passwort ist leicht zu erraten: Es besteht großenteils aus Ihrer Adresse oder Ihrem Namen. \
        Nehmen Sie etwas, das nichts mit Ihnen zu tun hat.",
    unchanged: "Das neue Passwort ist das jetzige. Wählen Sie ein anderes.",
    refused: "Adresse oder jetziges Passwort ist falsch.",
    slowed: "Nach mehreren falschen Versuchen muss der nächste warten. Versuchen Sie es in {seconds} wieder, um {time}.",
    one_second: "einer Sekunde",
    seconds: "{n} Sekunden",
    expired: "Dieses Formular war zu lange offen, oder Ihr Browser lehnt Cookies ab. Bitte füllen Sie es noch einmal \
        aus.",
    not_from_here: "Ihr Browser sagt, dass dieses Formular von einer anderen Website kam. Bitte füllen Sie es hier aus.",
    meanwhile: "Ihr Passwort wurde im selben Augenblick auf anderem Weg geändert. Bitte sehen Sie nach, welches jetzt \
        gilt.",
    away: "Das Passwort kann im Augenblick nicht geändert werden, weil das Verzeichnis der Benutzer nicht antwortet. \
        Bitte versuchen Sie es in einigen Minuten wieder.",
    busy: "Im Augenblick laufen viele Anmeldungen. Bitte versuchen Sie es in einer Minute wieder.",
    elsewhere: "Passwörter werden nicht hier geändert, sondern dort, wo Ihr Administrator sie führt. Bitte fragen Sie \
        dort.",

    changed_title: "Ihr Passwort wurde geändert",
    changed: "Das neue Passwort von {address} gilt ab jetzt.",
    changed_next: "Geben Sie es in jedem Ihrer Mailprogramme ein: Verbindungen, die noch mit dem alten bestanden, \
        wurden beendet.",

    missing_title: "Diese Seite gibt es nicht",
    missing_text: "Vielleicht wurde die Adresse nicht vollständig kopiert.",
    method_title: "Das geht hier nicht",
    too_large: "Was gesendet wurde, ist zu groß",

    report_title: "Ihre Nachricht wurde abgelehnt",
    report_what: "Wahrscheinlich sind Sie hier, weil eine Nachricht von Ihnen von {hostname} nicht angenommen wurde \
        und in der Antwort dieser Link stand. Sie wurde abgelehnt und nicht stillschweigend verworfen, damit Sie davon \
        wissen.",
    report_who: "Wenn Sie das für einen Irrtum halten, schreiben Sie dem Postmaster der Domain, an die Ihre Nachricht \
        ging: bei anna@example.org ist das postmaster@example.org. Post an einen Postmaster wird nicht wegen ihres \
        Inhalts abgelehnt. Oder erreichen Sie den Menschen auf einem anderen Weg und bitten ihn, es seinem Postmaster \
        zu sagen.",
    report_quote: "Nennen Sie dabei dieses Zeichen und den Satz, den Sie bekommen haben:",
    report_nothing: "Der Besuch dieser Seite hat nichts verändert, und sie sagt nicht, ob von einer Nachricht eine \
        Kopie aufgehoben wurde.",

    guide_title: "Zertifikat für Mailprogramme",
    guide_lead: "Das Zertifikat dieses Servers ist von seiner eigenen Stelle unterschrieben. Programme vertrauen ihm, \
        wenn Sie das Zertifikat dieser Stelle einmal importiert haben.",
    guide_compare: "Vergleichen Sie vor dem Import diesen Fingerabdruck mit dem, den Ihnen Ihr Administrator auf \
        anderem Weg nennt. Solange Ihr Browser dieser Seite nicht vertraut, beweist sie selbst nichts.",
    guide_fingerprint: "Fingerabdruck (SHA-256)",
    guide_files: "Das Zertifikat",
    guide_pem: "PEM (ca.pem): Thunderbird, Linux, Android",
    guide_der: "DER (ca.cer): Windows, Outlook",
    guide_profile: "Apple-Profil (ca.mobileconfig): iPhone, iPad, Mac",
};

/// Fills in what stands in braces. Braces in a value are not looked at.
pub(crate) fn fill(text: &str, values: &[(&str, &str)]) -> String {
    let mut pieces = text.split('{');
    let mut filled = pieces.next().unwrap_or_default().to_owned();
    for piece in pieces {
        let (name, rest) = piece.split_once('}').unwrap_or((piece, ""));
        filled.push_str(values.iter().find(|(known, _)| *known == name).map_or("", |(_, value)| value));
        filled.push_str(rest);
    }
    filled
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The names in braces, in the order in which they come.
    fn blanks(text: &str) -> Vec<&str> {
        let mut found: Vec<&str> = text.split('{').skip(1).filter_map(|rest| rest.split('}').next()).collect();
        found.sort_unstable();
        found
    }

    #[test]
    fn the_languages_say_the_same() {
        let pairs = [
            (EN.new_hint, DE.new_hint, vec!["least"]),
            (EN.too_short, DE.too_short, vec!["least"]),
            (EN.too_long, DE.too_long, vec!["most"]),
            (EN.slowed, DE.slowed, vec!["seconds", "time"]),
            (EN.seconds, DE.seconds, vec!["n"]),
            (EN.changed, DE.changed, vec!["address"]),
            (EN.report_what, DE.report_what, vec!["hostname"]),
        ];
        let all = |texts: &Texts| blanks(&format!("{texts:?}").replace("Texts {", "").replace('}', "} ")).len();
        let expected: usize = pairs.iter().map(|(.., names)| names.len()).sum();
        for (english, german, names) in pairs {
            assert_eq!((blanks(english), blanks(german)), (names.clone(), names), "{english}");
        }
        assert_eq!((all(&EN), all(&DE)), (expected, expected), "blanks elsewhere");
    }

    #[test]
    fn blanks_are_filled() {
        assert_eq!(fill("{a} and {b}", &[("a", "{b}x"), ("b", "y")]), "{b}x and y");
        assert_eq!(fill(EN.seconds, &[("n", "20")]), "20 seconds");
    }
}
