//! Values as they are written, read and shown.

use super::super::network::Networks;
use super::super::sections::LogFormat;
use super::*;
use proptest::prelude::*;

fn read<T: Setting>(text: &str) -> Result<T, String> {
    let value = DeValue::parse(text).unwrap();
    T::read(&value).map_err(|wrong| format!("{}; {}", wrong.what, wrong.hint))
}

#[track_caller]
fn shows<T: Setting>(cases: &[(&str, &str)]) {
    for (text, shown) in cases {
        let value = read::<T>(text).unwrap_or_else(|error| panic!("{text}: {error}"));
        assert_eq!(value.show(), *shown, "{text}");
        assert_eq!(read::<T>(shown).unwrap().show(), *shown);
    }
}

#[track_caller]
fn refuses<T: Setting>(cases: &[(&str, &str)]) {
    for (text, said) in cases {
        let error = read::<T>(text).err().unwrap_or_else(|| panic!("{text} was taken"));
        assert!(error.contains(said), "{text}: {error}");
    }
}

#[test]
fn sizes() {
    shows::<Size>(&[
        ("\"50M\"", "\"50M\""),
        ("52428800", "\"50M\""),
        ("\"1024K\"", "\"1M\""),
        ("\"1 GiB\"", "\"1G\""),
        ("\"2tb\"", "\"2T\""),
        ("\"1000\"", "1000"),
        ("0", "0"),
        ("0x10", "16"),
    ]);
    let hint = "such as \"50M\"";
    refuses::<Size>(&[
        ("\"\"", hint),
        ("\"M\"", hint),
        ("\"1.5M\"", hint),
        ("\"-1M\"", hint),
        ("\"+1M\"", hint),
        ("\"99999999999T\"", hint),
        ("-1", "negative"),
        ("1.5", "a number with a point cannot stand here"),
        ("true", "true or false cannot stand here"),
    ]);
}

#[test]
fn servers_with_ports() {
    shows::<HostPort>(&[("\"SMTP.example.net:465\"", "\"smtp.example.net:465\"")]);
    let hint = "such as \"smtp.example.net:465\"";
    refuses::<HostPort>(&[
        ("\"smtp.example.net\"", hint),
        ("\"smtp.example.net:0\"", hint),
        ("\"smtp.example.net:65536\"", hint),
        ("\"[192.0.2.1]:465\"", hint),
        ("\":465\"", hint),
        ("465", "a number cannot stand here"),
    ]);
}

#[test]
fn durations() {
    shows::<Duration>(&[
        ("\"60s\"", "\"60s\""),
        ("\"1m\"", "\"60s\""),
        ("\"300 s\"", "\"5m\""),
        ("\"90s\"", "\"90s\""),
        ("\"250ms\"", "\"250ms\""),
        ("\"1000ms\"", "\"1s\""),
        ("\"48h\"", "\"2d\""),
        ("\"14d\"", "\"14d\""),
        ("\"0s\"", "\"0s\""),
    ]);
    let hint = "such as \"60s\"";
    refuses::<Duration>(&[
        ("60", "did you mean \"60s\"?"),
        ("\"60\"", hint),
        ("\"\"", hint),
        ("\"s\"", hint),
        ("\"1.5h\"", hint),
        ("\"1w\"", hint),
        ("\"99999999999999999d\"", hint),
        ("\"40000d\"", hint),
    ]);
}

#[test]
fn addresses() {
    shows::<ListenList>(&[
        ("\"0.0.0.0:25\"", "[\"0.0.0.0:25\"]"),
        ("[\"[::]:25\", \"unix:/run/x\"]", "[\"[::]:25\", \"unix:/run/x\"]"),
        ("\"\"", "[]"),
        ("[]", "[]"),
    ]);
    let long = format!("\"unix:/{}\"", "a".repeat(107));
    refuses::<ListenList>(&[
        ("\":25\"", "did you mean [\"0.0.0.0:25\", \"[::]:25\"]?"),
        ("\"*:25\"", "did you mean"),
        ("\"25\"", "did you mean"),
        ("25", "a number cannot stand here"),
        ("\"localhost:25\"", "such as \"0.0.0.0:25\""),
        ("[\"0.0.0.0:25\", \"\"]", "no address"),
        ("\"unix:\"", "1 to 107 bytes"),
        (&long, "1 to 107 bytes"),
        ("\"0.0.0.0:99999\"", "no address"),
    ]);
    shows::<Networks>(&[("\"192.0.2.1\"", "[\"192.0.2.1/32\"]"), ("[\"2001:db8::/32\"]", "[\"2001:db8::/32\"]")]);
    refuses::<Networks>(&[("[\"192.0.2.0/33\"]", "no network"), ("[1]", "a number cannot stand here")]);
}

#[test]
fn names_words_and_numbers() {
    shows::<UserName>(&[("\"gatepost\"", "\"gatepost\""), ("\"\"", "\"\"")]);
    refuses::<UserName>(&[("\"a b\"", "no user's name"), ("1", "a number cannot")]);
    shows::<Choice<LogFormat>>(&[("\"json\"", "\"json\"")]);
    refuses::<Choice<LogFormat>>(&[("\"jsn\"", "did you mean \"json\"?"), ("\"xml\"", "unknown word \"xml\"")]);
    shows::<Number<1, 10>>(&[("10", "10"), ("1", "1")]);
    refuses::<Number<1, 10>>(&[("0", "from 1 to 10"), ("11", "from 1 to 10"), ("\"1\"", "a text cannot stand here")]);
    shows::<bool>(&[("true", "true")]);
    refuses::<bool>(&[("\"true\"", "a text cannot")]);
    shows::<Domain>(&[("\"Mail.Example.ORG\"", "\"mail.example.org\"")]);
    refuses::<Domain>(&[("\"a b\"", "such as \"mail.example.org\"")]);
    refuses::<PathBuf>(&[("\"\"", "empty"), ("\"a\\u0000b\"", "NUL")]);
    shows::<WebUrl>(&[("\"https://a.example/x/\"", "\"https://a.example/x\"")]);
    let long = format!("\"https://{}\"", "a".repeat(300));
    refuses::<WebUrl>(&[("\"ftp://a\"", "no URL"), ("\"https://u@a\"", "no URL"), (&long, "at most 200 bytes")]);
}

#[test]
fn database_urls_never_show_a_password() {
    let cases = [
        ("\"mysql://gp:hunter2@db.example.org/mail?ssl-ca=x\"", "mysql://…@db.example.org/mail"),
        ("\"mysql://gp:hun@ter2@db.example.org/mail\"", "mysql://…@db.example.org/mail"),
        ("\"mysql://gp:hun?ter2@db.example.org/mail\"", "mysql://…@db.example.org/mail"),
        ("\"sqlite:/var/lib/x.sqlite\"", "sqlite:/var/lib/x.sqlite"),
    ];
    for (text, shown) in cases {
        let url: DatabaseUrl = read(text).unwrap();
        assert_eq!((url.to_string(), format!("{url:?}")), (shown.to_owned(), shown.to_owned()));
        assert!(format!("\"{}\"", url.expose()) == text);
    }
    for secret in ["\"postgres://gp:hunter2@db\"", "\"hunter2\"", "\"mysql://a\\nhunter2\""] {
        let error = read::<DatabaseUrl>(secret).unwrap_err();
        assert!(!error.contains("hunter2") && error.contains("mysql://USER"), "{error}");
    }
}

#[test]
fn sqlite_paths() {
    let odd = std::path::Path::new("/a b/50%#?.sqlite");
    let url = DatabaseUrl::sqlite(odd);
    assert_eq!(url.expose(), "sqlite:/a b/50%25%23%3F.sqlite");
    assert_eq!(url.sqlite_path().unwrap(), odd);
    let url: DatabaseUrl = read("\"sqlite://x.sqlite?mode=rwc\"").unwrap();
    assert_eq!(url.sqlite_path().unwrap(), PathBuf::from("x.sqlite"));
    assert_eq!(read::<DatabaseUrl>("\"mysql://a/b\"").unwrap().sqlite_path(), None);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]
    #[test]
    fn what_is_shown_reads_back(bytes in 0..i64::MAX as u64, ms in 0..LONGEST_MS) {
        prop_assert_eq!(read::<Size>(&Size(bytes).show()), Ok(Size(bytes)));
        let duration = Duration::from_millis(ms);
        prop_assert_eq!(read::<Duration>(&duration.show()), Ok(duration));
    }

    #[test]
    fn no_text_makes_them_fall(text in "\\PC{0,20}") {
        let _ = (size(&text), duration(&text));
        let quoted = toml::Value::String(text).to_string();
        let _ = (read::<ListenList>(&quoted), read::<DatabaseUrl>(&quoted), read::<WebUrl>(&quoted));
    }
}
