//! The table of verdicts.

use super::*;

const VIRUS: &str = "Win.Test.EICAR_HDB-1";

fn found() -> Scan {
    Scan::Found { name: VIRUS.to_owned() }
}

fn encrypted() -> Scan {
    Scan::Unscannable { what: Unscannable::Encrypted, detail: "Heuristics.Encrypted.Zip".to_owned() }
}

fn rule(name: &str, action: RuleAction) -> RuleHit {
    RuleHit { name: name.to_owned(), action }
}

fn form() -> RuleHit {
    rule("no From", RuleAction::Reject { sentence: None })
}

fn junk() -> RuleHit {
    rule("offers", RuleAction::Junk)
}

fn accept() -> RuleHit {
    rule("partner", RuleAction::Accept)
}

fn evidence(scan: Scan, rules: Vec<RuleHit>) -> Evidence {
    Evidence { scan, rules, arrival: Arrival::Direct, recipients: Recipients::Ordinary, failures: Vec::new() }
}

fn policy(on_unscannable: OnUnscannable) -> Policy {
    Policy { on_unscannable, relay_reject: RelayReject::Quarantine }
}

/// `verdict disposition reason rule`, in few words.
fn short(decision: &Decision) -> String {
    let verdict = match &decision.verdict {
        Verdict::Accept => "accept".to_owned(),
        Verdict::Junk => "junk".to_owned(),
        Verdict::Reject { class, .. } => format!("reject/{class:?}").to_lowercase(),
        Verdict::Defer { class } => format!("defer/{class}"),
    };
    let disposition = match decision.disposition {
        Disposition::Deliver(Place::Inbox) => "inbox",
        Disposition::Deliver(Place::Junk) => "Junk",
        Disposition::RefuseAndKeep => "550+keep",
        Disposition::TakeAndKeep => "250+keep",
        Disposition::Defer => "451",
    };
    let reason = &decision.reasons[0];
    let rule = reason.rule.as_deref().map(|rule| format!(" ({rule})")).unwrap_or_default();
    format!("{verdict} {disposition} {}:{}{rule}", reason.class.as_str(), reason.detail)
}

#[track_caller]
fn check(evidence: &Evidence, policy: &Policy, expected: &str) {
    assert_eq!(short(&judge(evidence, policy)), expected, "{evidence:?} {policy:?}");
}

#[test]
fn what_a_message_deserves() {
    use OnUnscannable::{Accept, Junk, Reject};
    let cases = [
        (Scan::Clean, vec![], Junk, "accept inbox scan:clean"),
        (Scan::Off, vec![], Junk, "accept inbox scan:off"),
        (found(), vec![], Junk, "reject/virus 550+keep virus:Win.Test.EICAR_HDB-1"),
        (found(), vec![accept()], Accept, "reject/virus 550+keep virus:Win.Test.EICAR_HDB-1"),
        (found(), vec![form()], Junk, "reject/virus 550+keep virus:Win.Test.EICAR_HDB-1"),
        (Scan::Poison, vec![accept()], Accept, "reject/poison 550+keep poison:scanner"),
        (Scan::Away, vec![], Junk, "defer/scanner 451 failure:scanner"),
        (Scan::Away, vec![form()], Junk, "defer/scanner 451 failure:scanner"),
        (Scan::Away, vec![accept()], Accept, "defer/scanner 451 failure:scanner"),
        (encrypted(), vec![], Junk, "junk Junk unscannable:Heuristics.Encrypted.Zip"),
        (encrypted(), vec![], Reject, "reject/unscannable 550+keep unscannable:Heuristics.Encrypted.Zip"),
        (encrypted(), vec![], Accept, "accept inbox unscannable:Heuristics.Encrypted.Zip"),
        (encrypted(), vec![accept()], Junk, "accept inbox form:accept (partner)"),
        (encrypted(), vec![accept()], Reject, "reject/unscannable 550+keep unscannable:Heuristics.Encrypted.Zip"),
        (encrypted(), vec![junk()], Reject, "reject/unscannable 550+keep unscannable:Heuristics.Encrypted.Zip"),
        (encrypted(), vec![junk()], Accept, "junk Junk form:junk (offers)"),
        (encrypted(), vec![form()], Junk, "reject/form 550+keep form:reject (no From)"),
        (Scan::Clean, vec![form()], Junk, "reject/form 550+keep form:reject (no From)"),
        (Scan::Off, vec![form()], Junk, "reject/form 550+keep form:reject (no From)"),
        (Scan::Clean, vec![junk()], Junk, "junk Junk form:junk (offers)"),
        (Scan::Clean, vec![accept(), form()], Junk, "accept inbox form:accept (partner)"),
        (Scan::Clean, vec![form(), accept()], Junk, "reject/form 550+keep form:reject (no From)"),
        (Scan::Clean, vec![rule("bulk", RuleAction::Tag)], Junk, "accept inbox scan:clean"),
        (Scan::Clean, vec![rule("bulk", RuleAction::Tag), junk()], Junk, "junk Junk form:junk (offers)"),
    ];
    for (scan, rules, on_unscannable, expected) in cases {
        check(&evidence(scan, rules), &policy(on_unscannable), expected);
    }
}

#[test]
fn who_may_be_told_550() {
    use Arrival::{Direct, Lmtp, TrustedRelay};
    use Recipients::{Ordinary, PostmasterOrAbuseOnly as Postmaster};
    use RelayReject::{Junk, Quarantine};
    let virus = "virus:Win.Test.EICAR_HDB-1";
    let from = "form:reject (no From)";
    let cases = [
        (found(), Direct, Ordinary, Junk, format!("reject/virus 550+keep {virus}")),
        (found(), Lmtp, Ordinary, Quarantine, format!("reject/virus 250+keep {virus}")),
        (found(), Lmtp, Ordinary, Junk, format!("reject/virus 250+keep {virus}")),
        (found(), TrustedRelay, Ordinary, Junk, format!("reject/virus 250+keep {virus}")),
        (found(), Direct, Postmaster, Quarantine, format!("reject/virus 250+keep {virus}")),
        (found(), Lmtp, Postmaster, Junk, format!("reject/virus 250+keep {virus}")),
        (Scan::Poison, TrustedRelay, Ordinary, Junk, "reject/poison 250+keep poison:scanner".to_owned()),
        (Scan::Poison, Direct, Postmaster, Junk, "reject/poison 250+keep poison:scanner".to_owned()),
        (Scan::Clean, Direct, Ordinary, Junk, format!("reject/form 550+keep {from}")),
        (Scan::Clean, Lmtp, Ordinary, Quarantine, format!("reject/form 250+keep {from}")),
        (Scan::Clean, Lmtp, Ordinary, Junk, format!("junk Junk {from}")),
        (Scan::Clean, TrustedRelay, Ordinary, Quarantine, format!("reject/form 250+keep {from}")),
        (Scan::Clean, TrustedRelay, Ordinary, Junk, format!("junk Junk {from}")),
        (Scan::Clean, Direct, Postmaster, Quarantine, format!("junk Junk {from}")),
        (Scan::Clean, Lmtp, Postmaster, Quarantine, format!("junk Junk {from}")),
        (Scan::Away, Lmtp, Postmaster, Junk, "defer/scanner 451 failure:scanner".to_owned()),
    ];
    for (scan, arrival, recipients, relay_reject, expected) in cases {
        let evidence = Evidence { arrival, recipients, ..evidence(scan, vec![form()]) };
        check(&evidence, &Policy { on_unscannable: OnUnscannable::Reject, relay_reject }, &expected);
    }
}

#[test]
fn unscannable_mail_to_postmaster_is_never_refused() {
    let evidence = Evidence { recipients: Recipients::PostmasterOrAbuseOnly, ..evidence(encrypted(), vec![]) };
    check(&evidence, &policy(OnUnscannable::Reject), "junk Junk unscannable:Heuristics.Encrypted.Zip");
}

#[test]
fn what_failed_defers_all_but_a_virus() {
    let cases = [
        (Scan::Clean, vec![], Class::Directory, "defer/directory 451 failure:directory"),
        (Scan::Clean, vec![accept()], Class::Scanner, "defer/scanner 451 failure:scanner"),
        (Scan::Off, vec![form()], Class::Internal, "defer/internal 451 failure:internal"),
        (encrypted(), vec![], Class::Scanner, "defer/scanner 451 failure:scanner"),
        (found(), vec![], Class::Directory, "reject/virus 550+keep virus:Win.Test.EICAR_HDB-1"),
    ];
    for (scan, rules, class, expected) in cases {
        let evidence = Evidence { failures: vec![class, Class::Disk], ..evidence(scan, rules) };
        check(&evidence, &policy(OnUnscannable::Junk), expected);
    }
}

/// Over every combination: nobody but a stranger on a direct connection hears
/// 550, no virus reaches a mailbox, and no rule turns a failure into mail.
#[test]
fn what_always_holds() {
    let scans = [Scan::Clean, Scan::Off, found(), encrypted(), Scan::Poison, Scan::Away];
    let rules = [vec![], vec![form()], vec![junk()], vec![accept()], vec![accept(), form()]];
    let policies = [OnUnscannable::Junk, OnUnscannable::Reject, OnUnscannable::Accept].into_iter().flat_map(|on| {
        [RelayReject::Quarantine, RelayReject::Junk].map(|to| Policy { on_unscannable: on, relay_reject: to })
    });
    let mut seen = 0;
    for policy in policies {
        for (scan, rules) in scans.iter().flat_map(|scan| rules.iter().map(move |rules| (scan, rules))) {
            for arrival in [Arrival::Direct, Arrival::Lmtp, Arrival::TrustedRelay] {
                for recipients in [Recipients::Ordinary, Recipients::PostmasterOrAbuseOnly] {
                    let evidence = Evidence { arrival, recipients, ..evidence(scan.clone(), rules.clone()) };
                    always(&evidence, &judge(&evidence, &policy));
                    seen += 1;
                }
            }
        }
    }
    assert_eq!(seen, 6 * 30 * 6);
}

fn always(evidence: &Evidence, decision: &Decision) {
    let direct = evidence.arrival == Arrival::Direct && evidence.recipients == Recipients::Ordinary;
    let delivered = matches!(decision.disposition, Disposition::Deliver(_));
    assert!(direct || decision.disposition != Disposition::RefuseAndKeep, "{evidence:?}");
    let dangerous = matches!(evidence.scan, Scan::Found { .. } | Scan::Poison | Scan::Away);
    assert!(!(dangerous && delivered), "{evidence:?}");
    assert_eq!(evidence.scan == Scan::Away, decision.disposition == Disposition::Defer);
    let kept = matches!(decision.disposition, Disposition::RefuseAndKeep | Disposition::TakeAndKeep);
    assert_eq!(kept, matches!(decision.verdict, Verdict::Reject { .. }), "{evidence:?}");
    assert!(!decision.reasons.is_empty());
}

#[test]
fn every_finding_is_a_reason_and_the_one_that_decided_is_first() {
    let evidence = evidence(encrypted(), vec![rule("bulk", RuleAction::Tag), junk(), form()]);
    let decision = judge(&evidence, &Policy::default());
    let reasons: Vec<String> =
        decision.reasons.iter().map(|reason| format!("{}:{}", reason.class.as_str(), reason.detail)).collect();
    assert_eq!(reasons, ["form:junk", "unscannable:Heuristics.Encrypted.Zip", "form:reject"]);
    assert_eq!(decision.tags, ["bulk"]);
}

#[test]
fn sentences_are_one_harmless_line() {
    let cases = [
        (None, RejectClass::Form.sentence()),
        (Some(""), RejectClass::Form.sentence()),
        (Some(" \r\n "), RejectClass::Form.sentence()),
        (Some("Please use the form."), "Please use the form."),
        (Some("Nein\r\n250 Ja"), "Nein 250 Ja"),
    ];
    for (own, expected) in cases {
        let action = RuleAction::Reject { sentence: own.map(str::to_owned) };
        let decision = judge(&evidence(Scan::Clean, vec![rule("x", action)]), &Policy::default());
        let Verdict::Reject { sentence, .. } = decision.verdict else { panic!("{own:?}") };
        assert_eq!(sentence, expected);
    }
}

#[test]
fn names_from_outside_are_made_harmless() {
    let scan = Scan::Found { name: "Evil\r\nX-Spam: no; rule=\"x\"".to_owned() };
    let decision = judge(&evidence(scan, vec![rule("a;b\r\nc", RuleAction::Tag)]), &Policy::default());
    assert_eq!(decision.reasons[0].detail, "Evil X-Spam: no_ rule=_x_");
    assert_eq!(decision.tags, ["a_b c"]);
}
