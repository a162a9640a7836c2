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
    pub(crate) not_taken: &'static str,
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

    pub(crate) account: AccountTexts,
}

/// The sentences of the account's pages.
#[derive(Debug)]
pub(crate) struct AccountTexts {
    pub(crate) link: &'static str,
    pub(crate) link_about: &'static str,
    pub(crate) sign_in_title: &'static str,
    pub(crate) sign_in_lead: &'static str,
    pub(crate) password: &'static str,
    pub(crate) code: &'static str,
    pub(crate) code_hint: &'static str,
    pub(crate) sign_in_submit: &'static str,
    pub(crate) sign_in_summary: &'static str,
    pub(crate) no_password: &'static str,
    pub(crate) refused: &'static str,
    pub(crate) refused_code: &'static str,
    pub(crate) away: &'static str,
    pub(crate) title: &'static str,
    pub(crate) signed_in: &'static str,
    pub(crate) sign_out: &'static str,
    pub(crate) summary: &'static str,
    pub(crate) not_here: &'static str,
    pub(crate) apps_title: &'static str,
    pub(crate) apps_about: &'static str,
    pub(crate) apps_needed: &'static str,
    pub(crate) apps_none: &'static str,
    pub(crate) made: &'static str,
    pub(crate) used: &'static str,
    pub(crate) never_used: &'static str,
    pub(crate) revoke: &'static str,
    pub(crate) revoke_all: &'static str,
    pub(crate) apps_full: &'static str,
    pub(crate) new_title: &'static str,
    pub(crate) name: &'static str,
    pub(crate) name_hint: &'static str,
    pub(crate) scope: &'static str,
    pub(crate) imap: &'static str,
    pub(crate) pop3: &'static str,
    pub(crate) submission: &'static str,
    pub(crate) make: &'static str,
    pub(crate) bad_name: &'static str,
    pub(crate) taken: &'static str,
    pub(crate) no_scope: &'static str,
    pub(crate) gone: &'static str,
    pub(crate) made_title: &'static str,
    pub(crate) made_for: &'static str,
    pub(crate) made_user: &'static str,
    pub(crate) made_once: &'static str,
    pub(crate) back: &'static str,
    pub(crate) two_title: &'static str,
    pub(crate) two_about: &'static str,
    pub(crate) two_start: &'static str,
    pub(crate) two_on: &'static str,
    pub(crate) two_left: &'static str,
    pub(crate) two_off: &'static str,
    pub(crate) enrol_title: &'static str,
    pub(crate) enrol_scan: &'static str,
    pub(crate) enrol_picture: &'static str,
    pub(crate) enrol_type: &'static str,
    pub(crate) enrol_uri: &'static str,
    pub(crate) enrol_step: &'static str,
    pub(crate) confirm_step: &'static str,
    pub(crate) confirm_code: &'static str,
    pub(crate) confirm_hint: &'static str,
    pub(crate) confirm_submit: &'static str,
    pub(crate) confirm_summary: &'static str,
    pub(crate) wrong_code: &'static str,
    pub(crate) codes_title: &'static str,
    pub(crate) codes_text: &'static str,
    pub(crate) codes_next: &'static str,
    pub(crate) off_title: &'static str,
    pub(crate) off_lead: &'static str,
    pub(crate) off_code: &'static str,
    pub(crate) off_submit: &'static str,
    pub(crate) off_summary: &'static str,
    pub(crate) off_refused: &'static str,
    pub(crate) no_code: &'static str,
    pub(crate) revoke_too: &'static str,
    pub(crate) revoke_too_hint: &'static str,
    pub(crate) revoked_too: &'static str,
    pub(crate) not_revoked: &'static str,
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
    not_taken: "The server where your password is kept did not take the new one: it has rules of its own. Choose \
        another.",
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

    account: AccountTexts {
        link: "Your account",
        link_about: "App passwords for mail programs, and two-step login.",
        sign_in_title: "Sign in",
        sign_in_lead: "Here you make passwords for your mail programs, and protect your account with two-step login.",
        password: "Password",
        code: "Code, if you use two-step login",
        code_hint: "The six digits that your app shows now, or a recovery code. Leave it empty otherwise.",
        sign_in_submit: "Sign in",
        sign_in_summary: "You are not signed in",
        no_password: "Enter your password.",
        refused: "Address or password is wrong.",
        refused_code: "With two-step login, it may also be the code: each opens once, so wait for the next one.",
        away: "This cannot be done at the moment, because the directory of users does not answer. Please try again \
            in a few minutes.",
        title: "Your account",
        signed_in: "You are signed in as {address}.",
        sign_out: "Sign out",
        summary: "Nothing was changed",
        not_here: "App passwords and two-step login are not available here, because your administrator keeps the users \
            elsewhere than in this server's own tables. Mail programs use your password.",
        apps_title: "App passwords",
        apps_about: "Give each mail program one of its own instead of your password. If a device is lost, revoke \
            its app password: what it was connected with ends within seconds, and the others go on.",
        apps_needed: "Two-step login is on: mail programs are refused with your password, and need an app password.",
        apps_none: "You have none yet.",
        made: "made {day}",
        used: "last used {day}",
        never_used: "never used",
        revoke: "Revoke",
        revoke_all: "Revoke all app passwords",
        apps_full: "You have as many as there may be. Revoke those that you do not use any more.",
        new_title: "Make an app password",
        name: "Name",
        name_hint: "Of the device or program, such as “Anna’s phone”",
        scope: "What it may do",
        imap: "Read mail over IMAP",
        pop3: "Read mail over POP3",
        submission: "Send mail",
        make: "Make app password",
        bad_name: "Enter a name of 1 to 64 characters.",
        taken: "You have one of this name already. Choose another name.",
        no_scope: "Choose at least one.",
        gone: "This app password was not there any more.",
        made_title: "Your new app password",
        made_for: "For {name}. Enter it there in the place of your password; spaces and capitals do not matter.",
        made_user: "The user name is {address}.",
        made_once: "It is shown only now. You need not write it down: if it gets lost, revoke it and make another.",
        back: "Back to your account",
        two_title: "Two-step login",
        two_about: "With it, these pages ask for a code from an app on your phone besides the password. Your \
            password alone then opens nothing, and mail programs need app passwords.",
        two_start: "Set up two-step login",
        two_on: "It has been on since {day}.",
        two_left: "Recovery codes that are left: {n}.",
        two_off: "Switch it off",
        enrol_title: "Set up two-step login",
        enrol_scan: "Scan this code with an authenticator app, such as Aegis, FreeOTP, Google Authenticator or 2FAS.",
        enrol_picture: "QR code with the key that stands below as text",
        enrol_type: "Or type this key into the app:",
        enrol_uri: "The same as an address, for programs that take one",
        enrol_step: "First: let your app know the key",
        confirm_step: "Then: enter the code that it shows",
        confirm_code: "Code",
        confirm_hint: "Six digits. From then on mail programs are refused with your password.",
        confirm_submit: "Switch on",
        confirm_summary: "It was not switched on",
        wrong_code: "This is not the code that belongs to this key and this moment. Look whether the clock of your \
            device is right.",
        codes_title: "Two-step login is on",
        codes_text: "If your phone is lost, one of these recovery codes opens in the place of a code, each once. \
            They are shown only now: print them, or write them down, and keep them apart from your password.",
        codes_next: "Mail programs that used your password were disconnected: make an app password for each.",
        off_title: "Switch two-step login off",
        off_lead: "Your password alone opens everything again then.",
        off_code: "Code or recovery code",
        off_submit: "Switch off",
        off_summary: "It is on still",
        off_refused: "Password or code is wrong.",
        no_code: "Enter the code.",
        revoke_too: "Revoke all my app passwords as well",
        revoke_too_hint: "They open as before otherwise.",
        revoked_too: "All your app passwords were revoked.",
        not_revoked: "Your new password holds. But the app passwords could not be revoked: please do it on the page \
            of your account.",
    },
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
    not_taken: "Der Server, der Ihr Passwort führt, hat das neue nicht angenommen: Er hat eigene Regeln. Wählen Sie \
        ein anderes.",
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

    account: AccountTexts {
        link: "Ihr Konto",
        link_about: "App-Passwörter für Mailprogramme und Anmeldung in zwei Schritten.",
        sign_in_title: "Anmelden",
        sign_in_lead: "Hier machen Sie Passwörter für Ihre Mailprogramme und schützen Ihr Konto durch die Anmeldung \
            in zwei Schritten.",
        password: "Passwort",
        code: "Code, wenn Sie sich in zwei Schritten anmelden",
        code_hint: "Die sechs Ziffern, die Ihre App jetzt zeigt, oder ein Ersatzcode. Sonst leer lassen.",
        sign_in_submit: "Anmelden",
        sign_in_summary: "Sie sind nicht angemeldet",
        no_password: "Geben Sie Ihr Passwort ein.",
        refused: "Adresse oder Passwort ist falsch.",
        refused_code: "Bei der Anmeldung in zwei Schritten kann es auch der Code sein: Jeder öffnet nur einmal; \
            warten Sie also auf den nächsten.",
        away: "Das geht im Augenblick nicht, weil das Verzeichnis der Benutzer nicht antwortet. Bitte versuchen Sie \
            es in einigen Minuten wieder.",
        title: "Ihr Konto",
        signed_in: "Sie sind angemeldet als {address}.",
        sign_out: "Abmelden",
        summary: "Es wurde nichts geändert",
        not_here: "App-Passwörter und die Anmeldung in zwei Schritten gibt es hier nicht, weil Ihr Administrator die \
            Benutzer nicht in den eigenen Tabellen dieses Servers führt. Mailprogramme verwenden Ihr Passwort.",
        apps_title: "App-Passwörter",
        apps_about: "Geben Sie jedem Mailprogramm ein eigenes statt Ihres Passworts. Geht ein Gerät verloren, \
            widerrufen Sie sein App-Passwort: Seine Verbindungen enden in Sekunden, und die anderen laufen weiter.",
        apps_needed: "Die Anmeldung in zwei Schritten ist eingeschaltet: Mailprogramme werden mit Ihrem Passwort \
            abgewiesen und brauchen ein App-Passwort.",
        apps_none: "Sie haben noch keines.",
        made: "gemacht {day}",
        used: "zuletzt benutzt {day}",
        never_used: "nie benutzt",
        revoke: "Widerrufen",
        revoke_all: "Alle App-Passwörter widerrufen",
        apps_full: "Sie haben so viele, wie es geben darf. Widerrufen Sie, was Sie nicht mehr brauchen.",
        new_title: "Ein App-Passwort machen",
        name: "Name",
        name_hint: "Des Geräts oder Programms, zum Beispiel „Annas Telefon“",
        scope: "Was es darf",
        imap: "Post lesen über IMAP",
        pop3: "Post lesen über POP3",
        submission: "Post senden",
        make: "App-Passwort machen",
        bad_name: "Geben Sie einen Namen mit 1 bis 64 Zeichen ein.",
        taken: "Eines mit diesem Namen haben Sie schon. Wählen Sie einen anderen.",
        no_scope: "Wählen Sie mindestens eines.",
        gone: "Dieses App-Passwort gab es nicht mehr.",
        made_title: "Ihr neues App-Passwort",
        made_for: "Für {name}. Geben Sie es dort anstelle Ihres Passworts ein; Leerzeichen und Groß- oder \
            Kleinschreibung sind gleich.",
        made_user: "Der Benutzername ist {address}.",
        made_once: "Es wird nur jetzt gezeigt. Aufschreiben müssen Sie es nicht: Geht es verloren, widerrufen Sie \
            es und machen ein neues.",
        back: "Zurück zu Ihrem Konto",
        two_title: "Anmeldung in zwei Schritten",
        two_about: "Diese Seiten fragen dann außer nach dem Passwort nach einem Code aus einer App auf Ihrem \
            Telefon. Ihr Passwort allein öffnet nichts mehr, und Mailprogramme brauchen App-Passwörter.",
        two_start: "Anmeldung in zwei Schritten einrichten",
        two_on: "Sie ist eingeschaltet seit {day}.",
        two_left: "Ersatzcodes, die noch gelten: {n}.",
        two_off: "Ausschalten",
        enrol_title: "Anmeldung in zwei Schritten einrichten",
        enrol_scan: "Scannen Sie diesen Code mit einer Authenticator-App wie Aegis, FreeOTP, Google Authenticator \
            oder 2FAS.",
        enrol_picture: "QR-Code mit dem Schlüssel, der darunter als Text steht",
        enrol_type: "Oder tippen Sie diesen Schlüssel in die App ein:",
        enrol_uri: "Dasselbe als Adresse, für Programme, die eine nehmen",
        enrol_step: "Erstens: Ihrer App den Schlüssel geben",
        confirm_step: "Zweitens: den Code eingeben, den sie zeigt",
        confirm_code: "Code",
        confirm_hint: "Sechs Ziffern. Ab dann werden Mailprogramme mit Ihrem Passwort abgewiesen.",
        confirm_submit: "Einschalten",
        confirm_summary: "Sie wurde nicht eingeschaltet",
        wrong_code: "Das ist nicht der Code, der zu diesem Schlüssel und diesem Augenblick gehört. Sehen Sie nach, \
            ob die Uhr Ihres Geräts richtig geht.",
        codes_title: "Die Anmeldung in zwei Schritten ist eingeschaltet",
        codes_text: "Geht Ihr Telefon verloren, öffnet einer dieser Ersatzcodes anstelle eines Codes, jeder einmal. \
            Sie werden nur jetzt gezeigt: Drucken Sie sie aus oder schreiben Sie sie auf, und bewahren Sie sie \
            getrennt von Ihrem Passwort auf.",
        codes_next: "Mailprogramme, die Ihr Passwort benutzt haben, wurden getrennt: Machen Sie für jedes ein \
            App-Passwort.",
        off_title: "Anmeldung in zwei Schritten ausschalten",
        off_lead: "Ihr Passwort allein öffnet dann wieder alles.",
        off_code: "Code oder Ersatzcode",
        off_submit: "Ausschalten",
        off_summary: "Sie ist noch eingeschaltet",
        off_refused: "Passwort oder Code ist falsch.",
        no_code: "Geben Sie den Code ein.",
        revoke_too: "Auch alle meine App-Passwörter widerrufen",
        revoke_too_hint: "Sonst öffnen sie wie bisher.",
        revoked_too: "Alle Ihre App-Passwörter wurden widerrufen.",
        not_revoked: "Ihr neues Passwort gilt. Die App-Passwörter konnten aber nicht widerrufen werden: Bitte holen \
            Sie es auf der Seite Ihres Kontos nach.",
    },
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
            (EN.account.signed_in, DE.account.signed_in, vec!["address"]),
            (EN.account.made, DE.account.made, vec!["day"]),
            (EN.account.used, DE.account.used, vec!["day"]),
            (EN.account.made_for, DE.account.made_for, vec!["name"]),
            (EN.account.made_user, DE.account.made_user, vec!["address"]),
            (EN.account.two_on, DE.account.two_on, vec!["day"]),
            (EN.account.two_left, DE.account.two_left, vec!["n"]),
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
