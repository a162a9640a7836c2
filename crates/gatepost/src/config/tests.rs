//! Whole files: what they mean, and what is said about wrong ones.

use std::path::Path;
use std::time::Duration;

use super::*;

const SMALL: &str = "[server]\nhostname = \"mail.example.org\"\n";

fn parse(text: &str) -> Result<Config, ConfigError> {
    Config::parse(text, Path::new("/etc/gatepost/gatepost.toml"))
}

/// Everything that is wrong with a file, a line each, without the file's name.
fn wrong(text: &str) -> String {
    let error = parse(text).map(|_| ()).unwrap_err().to_string();
    error.replace("/etc/gatepost/gatepost.toml:", "")
}

#[test]
fn a_hostname_is_enough() {
    let config = parse(SMALL).unwrap();
    assert_eq!(config.server.hostname.as_str(), "mail.example.org");
    assert_eq!(config.server.user.get(), None);
    assert_eq!(config.server.data, Path::new("/var/lib/gatepost"));
    assert_eq!(config.mail.path, Path::new("/var/lib/gatepost/mail"));
    assert_eq!(config.index.url.expose(), "sqlite:/var/lib/gatepost/index.sqlite");
    assert_eq!(config.directory.url.expose(), "sqlite:/var/lib/gatepost/directory.sqlite");
    assert_eq!(config.judge.report_base, "https://mail.example.org");
    assert_eq!(config.judge.budget, Duration::from_secs(60));
    assert_eq!(config.smtp.max_message, 50 << 20);
    assert_eq!(config.listen.all().count(), 0);
    assert_eq!(config.rules.len(), 1);
}

#[test]
fn what_is_told_outside_may_be_another_port() {
    let listen = "[listen]\nimaps = [\"unix:i\", \"127.0.0.1:2993\"]\nhttps = \"127.0.0.1:2443\"\n";
    let ports = |more: &str| {
        let config = parse(&format!("{SMALL}[tls]\ncert = \"c\"\nkey = \"k\"\n{listen}{more}")).unwrap();
        let PublicPorts { imaps, pop3s, https } = config.public_ports();
        (imaps, pop3s, https)
    };
    assert_eq!(ports(""), (Some(2993), None, Some(2443)));
    let public = "[web]\nimaps_port = 993\npop3s_port = 995\nhttps_port = 443\n";
    assert_eq!(ports(public), (Some(993), None, Some(443)), "what is off stays off");
}

#[test]
fn paths_are_relative_to_the_file() {
    let text = "[server]\nhostname = \"a.example\"\ndata = \"data\"\n[listen]\nlmtp = \"unix:run/lmtp.sock\"\n\
        [directory]\nurl = \"sqlite:d.sqlite\"\n[mail]\npath = \"/srv/mail\"\n[tls]\ncert = \"c.pem\"\nkey = \"k.pem\"\n";
    let config = parse(text).unwrap();
    assert_eq!(config.server.data, Path::new("/etc/gatepost/data"));
    assert_eq!(config.directory.url.expose(), "sqlite:/etc/gatepost/d.sqlite");
    assert_eq!(config.index.url.expose(), "sqlite:/etc/gatepost/data/index.sqlite");
    assert_eq!(config.mail.path, Path::new("/srv/mail"));
    assert_eq!(config.listen.lmtp, [Listen::Unix("/etc/gatepost/run/lmtp.sock".into())]);
    assert_eq!(config.cert_files().unwrap().1, Path::new("/etc/gatepost/k.pem"));
    let here = Config::parse(text, Path::new("gatepost.toml")).unwrap();
    assert_eq!(here.server.data, Path::new("data"));
}

#[test]
fn rules_keep_their_order_and_an_empty_list_is_none() {
    let text = format!(
        "{SMALL}[[rule]]\nname = \"a\"\nwhen = \"no Date\"\naction = \"tag\"\n\
        [[rule]]\nname = \"b\"\nwhen = 'header Subject matches /\\bx\\b/i'\naction = \"reject\"\nsentence = \"No.\"\n"
    );
    let config = parse(&text).unwrap();
    let names: Vec<&str> = config.rules.iter().map(rules::Rule::name).collect();
    assert_eq!(names, ["a", "b"]);
    assert!(parse(&format!("rule = []\n{SMALL}")).unwrap().rules.is_empty());
}

#[test]
fn what_is_wrong_is_said_with_its_place_and_what_would_be_right() {
    let cases = [
        ("", "1:1: [server] hostname is missing; such as hostname = \"mail.example.org\""),
        ("[server]\n", "1:2: [server] hostname is missing; such as hostname = \"mail.example.org\""),
        (
            "[server]\nhostname = \"a b\"\n",
            "2:12: hostname: the domain has a character other than letters, digits, \
            hyphens and dots; a full host name is expected, such as \"mail.example.org\"",
        ),
        ("[server\n", "1:8: unclosed table, expected `]`"),
    ];
    for (text, said) in cases {
        assert_eq!(wrong(text), said, "{text}");
    }
}

#[test]
fn what_is_wrong_behind_a_good_start() {
    let cases = [
        ("[smpt]\nmax_message = 1\n", "3:2: unknown section \"smpt\"; did you mean \"smtp\"?"),
        ("[smtp]\nmax_mesage = 1\n", "4:1: unknown key \"max_mesage\" in [smtp]; did you mean \"max_message\"?"),
        ("[smtp]\npath = 1\n", "4:1: unknown key \"path\" in [smtp]; did you mean \"path\" in [mail]?"),
        (
            "[smtp]\nmax_message = \"50X\"\n",
            "4:15: max_message: \"50X\" is no size; a number of bytes is expected, with \
            K, M, G or T (1024 each) behind it, such as \"50M\"",
        ),
        ("[smtp]\n  max_errors = \"3\" # é\n", "4:16: max_errors: a text cannot stand here; a number is expected"),
        ("[smtp]\nmax_errors = 0\n", "4:14: max_errors: 0 is out of bounds; a number from 1 to 10000 is expected"),
        ("[judge]\nbudget = 60\n", "4:10: budget: a duration needs a unit; did you mean \"60s\"?"),
        ("[judge]\nbudget = \"0s\"\n", "4:10: no message can be judged in no time; such as \"60s\""),
        ("[scan]\nsandbox = \"of\"\n", "4:11: sandbox: unknown word \"of\"; did you mean \"off\"?"),
        (
            "[scan]\nmax_file = \"1M\"\n",
            "4:12: max_file is smaller than [smtp] max_message: larger messages would not be \
            scanned; at least 52428800 is expected",
        ),
        (
            "[scan]\ntimeout = \"30s\"\n",
            "3:2: hang_after must be more than twice timeout, which ends a scan in an orderly \
            way; raise hang_after or lower timeout",
        ),
        ("[listen]\nimaps = \"[::]:993\"\n", "4:9: imaps needs [tls] cert and key; `gatepost ca` makes a certificate"),
        ("[listen]\nsmtp = \"[::]:25\"\nlmtp = [\"[::]:25\"]\n", "5:8: lmtp and smtp have the same address [::]:25"),
        (
            "[listen]\nmetrics = \"0.0.0.0:9980\"\n",
            "4:11: metrics would be readable by everybody at 0.0.0.0:9980; a \
            loopback address is expected, such as \"127.0.0.1:9980\"",
        ),
        ("[tls]\ncert = \"c\"\n", "3:2: cert has no key beside it; `gatepost ca` makes a certificate"),
        ("[smtp]\nmax_errors = 3\nmax_errors = 4\n", "5:1: duplicate key"),
        ("[[rule]]\nname = \"a\"\nwhen = \"no From\"\n", "4:1: [[rule]] has no action"),
        (
            "[[rule]]\nname = \"a\"\nwhen = \"form From\"\naction = \"junk\"\n",
            "5:9: [[rule]] when: form cannot stand here; a test \
            begins with header, no, count, sender, recipient, recipients, peer, helo, size or always",
        ),
        (
            "[[rule]]\nname = \"a\"\nwhen = 'no Date no'\naction = \"junk\"\n",
            "5:17: [[rule]] when: no cannot stand here; and, or, or \
            the end of the condition is expected",
        ),
        (
            "[[rule]]\nname = \"a\"\nwhen = \"no \\u0044ate no\"\naction = \"junk\"\n",
            "5:8: [[rule]] when: no cannot stand here; and, \
            or, or the end of the condition is expected",
        ),
        (
            "[[rule]]\nname = \"a\"\nwhen = \"always\"\naction = \"junc\"\n",
            "6:10: [[rule]] action: unknown word \"junc\"; did you \
            mean \"junk\"?",
        ),
        (
            "[[rule]]\nname = \"a\"\nwhen = \"always\"\naction = \"junk\"\nsentence = \"x\"\n",
            "7:12: [[rule]] sentence: this \
            action has none; only action = \"reject\" tells the sender something",
        ),
        (
            "[[rule]]\nname = \"a\"\nwhen = \"always\"\naction = \"junk\"\nwehn = 1\n",
            "7:1: [[rule]] has an unknown key \"wehn\"; did you mean \"when\"?",
        ),
        ("[rule]\nname = \"a\"\n", "3:1: rule is not a list; write [[rule]]"),
    ];
    for (text, said) in cases {
        assert_eq!(wrong(&format!("{SMALL}{text}")), said, "{text}");
    }
    let twice = "[[rule]]\nname = \"a\"\nwhen = \"always\"\naction = \"junk\"\n".repeat(2);
    assert_eq!(wrong(&format!("{SMALL}{twice}")), "8:1: [[rule]] name: there are two rules with the name \"a\"");
    assert_eq!(
        wrong(&format!("user = \"x\"\n{SMALL}")),
        "1:1: the key \"user\" stands in no section; did you mean \"user\" in [server]?"
    );
}

#[test]
fn the_page_that_says_more_is_named() {
    let rule = "[[rule]]\nname = \"a\"\nwhen = \"form From\"\naction = \"junk\"\n";
    let key = "[smtp]\nmax_line = 1\n";
    let cases = [
        (key.to_owned(), "docs/configuration.md describes every key"),
        (rule.to_owned(), "docs/rules.md describes rules and their conditions"),
        (format!("{key}{rule}"), "docs/configuration.md describes every key, docs/rules.md rules and their conditions"),
    ];
    for (text, said) in cases {
        let error = parse(&format!("{SMALL}{text}")).unwrap_err();
        let shown = crate::output::Failure::from(error);
        assert!(format!("{shown:?}").contains(&format!("hint: {said:?}")), "{shown:?}");
    }
}

#[test]
fn all_mistakes_are_said_at_once_in_the_order_of_the_file() {
    let text = format!("{SMALL}usr = \"\"\n[smtp]\nmax_line = 1\n[scan]\nenabled = 1\n");
    let said: Vec<String> = wrong(&text).lines().map(|line| line.split(": ").next().unwrap().to_owned()).collect();
    assert_eq!(said, ["3:1", "5:12", "7:11"]);
}

#[test]
fn secrets_are_never_shown() {
    let text = format!("{SMALL}[directory]\nurl = \"mysql://gp:hunter2@127.0.0.1/mail\"\n");
    assert!(!format!("{:?}", parse(&text).unwrap()).contains("hunter2"));
    let text = format!("{SMALL}[directory]\nurl = \"mysq://gp:hunter2@127.0.0.1/mail\"\nurll = 1\n");
    assert!(!wrong(&text).contains("hunter2"));
}

#[test]
fn a_users_file_stands_in_the_place_of_a_database() {
    let config = parse(&format!("{SMALL}[directory]\nusers = \"users\"\n")).unwrap();
    assert_eq!(config.directory.tables, directory::Tables::Users("/etc/gatepost/users".into()));
    assert_eq!((config.directory.place().as_str(), config.directory.sqlite_path()), ("/etc/gatepost/users", None));
    for beside in ["url = \"sqlite:d.sqlite\"", "preset = \"ispmail\"", "alias_query = \"SELECT 1\""] {
        let said = wrong(&format!("{SMALL}[directory]\nusers = \"users\"\n{beside}\n"));
        assert!(said.starts_with("4:9: users is a file in the place of a database"), "{beside}: {said}");
    }
}

#[test]
fn ldap_is_asked_where_nobody_reads_along() {
    let ldap =
        "[directory]\npreset = \"ldap\"\n[ldap]\nbase = \"dc=example,dc=org\"\ndomains = \"example.org, b.example\"\n";
    let config = parse(&format!("{SMALL}{ldap}url = \"ldaps://ldap.example.org\"\nca = \"ca.pem\"\n")).unwrap();
    let directory::Tables::Ldap(settings) = &config.directory.tables else { unreachable!("{config:?}") };
    assert_eq!(settings.server.ca, Path::new("/etc/gatepost/ca.pem"));
    assert_eq!((config.directory.place().as_str(), settings.alias_targets.len()), ("ldaps://ldap.example.org", 3));
    assert!(matches!(&settings.domains, directory::Domains::These(names) if names.len() == 2));
    let cases = [
        ("url = \"ldap://ldap.example.org\"", "in the clear"),
        ("url = \"ldaps://a.example\"\nstarttls = true", "StartTLS is for ldap:// alone"),
        ("", "[ldap] url is missing"),
        ("url = \"ldaps://a.example\"\nbind_dn = \"cn=x\"", "belong together"),
        ("url = \"ldaps://a.example\"\ndomain_filter = \"(dc=:domain)\"", "both given"),
        ("url = \"ldaps://a.example\"\naccount_filter = \"(mail=:adress)\"", ":adress stands for nothing"),
        ("url = \"ldaps://a.example\"\nalias_filter = \"mail=:address\"", "no filter of RFC 4515"),
    ];
    for (more, expected) in cases {
        let said = wrong(&format!("{SMALL}{ldap}{more}\n"));
        assert!(said.contains(expected), "{more}: {said}");
    }
    let said = wrong(&format!("{SMALL}[directory]\npreset = \"ldap\"\nurl = \"sqlite:d\"\n"));
    assert!(said.contains("a database or a query is named too") && said.contains("[ldap] base is missing"), "{said}");
    // Without the preset it is not looked at, but for mistakes.
    assert_eq!(parse(&format!("{SMALL}[ldap]\nbase = \"x\"\n")).unwrap().directory.tables, directory::Tables::Own);
}

#[test]
fn files_are_looked_for_and_bounded() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("gatepost.toml");
    assert!(matches!(Config::load(Some(&file)), Err(ConfigError::Unreadable { .. })));
    std::fs::write(&file, SMALL).unwrap();
    assert_eq!(Config::load(Some(&file)).unwrap().file, file);
    std::fs::write(&file, b"\xff").unwrap();
    assert!(Config::load(Some(&file)).unwrap_err().to_string().contains("not UTF-8"));
    std::fs::write(&file, vec![b'#'; 5 << 20]).unwrap();
    assert!(Config::load(Some(&file)).unwrap_err().to_string().contains("larger than 4 MB"));
    assert!(Config::load(Some(folder.path())).is_err());
}

#[test]
fn the_example_is_valid_and_shows_every_section() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../config/gatepost.example.toml");
    let text = std::fs::read_to_string(&file).unwrap();
    Config::parse(&text, &file).unwrap_or_else(|error| panic!("{error}"));
    // Without the comment signs in front of keys it must be valid, too.
    let all: String = text
        .lines()
        .map(|line| format!("{}\n", line.strip_prefix('#').filter(|l| l.contains(" = ")).unwrap_or(line)))
        .collect();
    Config::parse(&all, &file).unwrap_or_else(|error| panic!("{error}"));
    let table: toml::Table = all.parse().unwrap();
    for section in [
        "server",
        "log",
        "listen",
        "directory",
        "index",
        "mail",
        "tls",
        "acme",
        "scan",
        "judge",
        "smtp",
        "imap",
        "pop3",
        "login",
        "limits",
        "rule",
    ] {
        assert!(table.contains_key(section), "{section}");
    }
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig::with_cases(96))]

    /// Whatever stands in a file, it is read or refused, and each mistake lies
    /// within the file.
    #[test]
    fn no_file_makes_it_fall(
        text in "(\\[server\\]\n|hostname = |\"a\\.example\"\n|\\[\\[rule\\]\\]\n|when = |'no é'|\\[listen\\]\n|smtp = |\\[|\\]|\"|=|\n|é|1|x){0,24}"
    ) {
        if let Err(ConfigError::Wrong { problems }) = parse(&text) {
            let lines = text.split('\n').count();
            for problem in problems {
                proptest::prop_assert!((1..=lines).contains(&problem.line), "{} {:?}", problem, text);
                let line = text.split('\n').nth(problem.line - 1).unwrap_or_default();
                proptest::prop_assert!(problem.column <= line.chars().count() + 1, "{} {:?}", problem, text);
            }
        }
    }
}
