//! The six digits of two-step login: TOTP (RFC 6238) with SHA-1 and steps of
//! 30 seconds, which is what every authenticator app knows.

use std::time::Duration;

use data_encoding::BASE32_NOPAD;
use hmac::{Hmac, Mac};
use mail::{Address, Domain, Secret};
use sha1::Sha1;

/// Seconds of a step (RFC 6238 §4.1).
const STEP: u64 = 30;
/// So many steps a clock may be ahead or behind (RFC 6238 §5.2).
const DRIFT: i64 = 1;
const DIGITS: u32 = 6;
/// As long as the hash (RFC 4226 §4, R6).
const SECRET: usize = 20;

/// The secret that an account shares with an authenticator app.
#[derive(Debug, Clone)]
pub struct Totp(Secret);

impl Totp {
    /// A new one, from random bits; what is beyond 160 is left.
    #[must_use]
    pub fn new(random: [u8; 32]) -> Self {
        Self(Secret::new(random.into_iter().take(SECRET).collect()))
    }

    /// Reads the base32 that is stored; `None` where it is none.
    #[must_use]
    pub fn parse(text: &Secret) -> Option<Self> {
        let plain: Vec<u8> = text.expose().iter().filter(|byte| **byte != b'=').map(u8::to_ascii_uppercase).collect();
        let secret = BASE32_NOPAD.decode(&plain).ok().filter(|secret| !secret.is_empty())?;
        Some(Self(Secret::new(secret)))
    }

    /// Base32 without padding, as it is stored, and typed into an app that has
    /// no camera.
    #[must_use]
    pub fn base32(&self) -> String {
        BASE32_NOPAD.encode(self.0.expose())
    }

    /// The same in groups of four, to be read.
    #[must_use]
    pub fn shown(&self) -> String {
        let text = self.base32();
        let groups: Vec<_> = text.as_bytes().chunks(4).map(String::from_utf8_lossy).collect();
        groups.join(" ")
    }

    /// What an app reads from the QR code.
    #[must_use]
    pub fn uri(&self, issuer: &Domain, account: &Address) -> String {
        let (issuer, account) = (encoded(issuer.as_str()), encoded(&account.to_string()));
        format!(
            "otpauth://totp/{issuer}:{account}?secret={}&issuer={issuer}&algorithm=SHA1&digits={DIGITS}&period={STEP}",
            self.base32()
        )
    }

    /// The step that this code belongs to, of those that are near `now`, the
    /// time since 1970.
    #[must_use]
    pub fn step_of(&self, code: &str, now: Duration) -> Option<i64> {
        let typed: String = code.chars().filter(|c| !c.is_whitespace()).collect();
        let well_formed = typed.len() == DIGITS as usize && typed.bytes().all(|byte| byte.is_ascii_digit());
        let typed: u32 = typed.parse().ok().filter(|_| well_formed)?;
        let present = i64::try_from(now.as_secs() / STEP).ok()?;
        // The last one that fits: those before it are used up with it.
        let fits = |step: &i64| self.code(*step) == Some(typed);
        (present - DRIFT..=present + DRIFT).rev().find(fits)
    }

    fn code(&self, step: i64) -> Option<u32> {
        Some(self.truncated(u64::try_from(step).ok()?)? % 10_u32.pow(DIGITS))
    }

    /// RFC 4226 §5.3.
    fn truncated(&self, counter: u64) -> Option<u32> {
        let mac = Hmac::<Sha1>::new_from_slice(self.0.expose()).ok()?;
        let hash = mac.chain_update(counter.to_be_bytes()).finalize().into_bytes();
        let offset = usize::from(hash.last()? & 0x0f);
        let four: [u8; 4] = hash.get(offset..offset + 4)?.try_into().ok()?;
        Some(u32::from_be_bytes(four) & 0x7fff_ffff)
    }
}

/// What is neither a letter nor a digit is written as `%40` (RFC 3986 §2.1).
fn encoded(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_');
    text.bytes().map(|byte| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The key of both RFCs.
    fn totp() -> Totp {
        Totp(Secret::from("12345678901234567890"))
    }

    #[test]
    fn rfc_4226_appendix_d() {
        let codes = [755_224, 287_082, 359_152, 969_429, 338_314, 254_676, 287_922, 162_583, 399_871, 520_489];
        for (counter, code) in (0_i64..).zip(codes) {
            assert_eq!(totp().code(counter), Some(code), "{counter}");
        }
        assert_eq!(totp().code(-1), None);
    }

    #[test]
    fn rfc_6238_appendix_b() {
        let cases = [
            (59, 94_287_082),
            (1_111_111_109, 7_081_804),
            (1_111_111_111, 14_050_471),
            (1_234_567_890, 89_005_924),
            (2_000_000_000, 69_279_037),
            (20_000_000_000_u64, 65_353_130),
        ];
        for (time, eight) in cases {
            assert_eq!(totp().truncated(time / STEP).map(|code| code % 100_000_000), Some(eight), "{time}");
            let six = format!("{:06}", eight % 1_000_000);
            let now = Duration::from_secs(time);
            assert_eq!(totp().step_of(&six, now), i64::try_from(time / STEP).ok(), "{time}");
        }
    }

    #[test]
    fn a_clock_may_be_a_step_off() {
        let now = Duration::from_secs(1_111_111_111);
        let step = 37_037_037;
        for (off, expected) in [(-2, false), (-1, true), (0, true), (1, true), (2, false)] {
            let code = format!("{:06}", totp().code(step + off).unwrap());
            assert_eq!(totp().step_of(&code, now), expected.then_some(step + off), "{off}");
        }
        assert_eq!(totp().step_of(" 050 471 ", now), Some(step), "as apps show it");
        for wrong in ["", "050", "0504711", "05047x", "+50471", "-50471", "٠٥٠٤٧١", "050472"] {
            assert_eq!(totp().step_of(wrong, now), None, "{wrong}");
        }
        let early = format!("{:06}", totp().code(0).unwrap());
        assert_eq!(totp().step_of(&early, Duration::ZERO), Some(0), "there is none before");
    }

    #[test]
    fn what_an_app_is_told() {
        let totp = totp();
        assert_eq!(totp.base32(), "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ");
        assert_eq!(totp.shown(), "GEZD GNBV GY3T QOJQ GEZD GNBV GY3T QOJQ");
        let (issuer, alice) = (Domain::parse("mail.example.org").unwrap(), Address::parse("a+b@example.org").unwrap());
        assert_eq!(
            totp.uri(&issuer, &alice),
            "otpauth://totp/mail.example.org:a%2Bb%40example.org?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ\
             &issuer=mail.example.org&algorithm=SHA1&digits=6&period=30"
        );
        let again = Totp::parse(&Secret::from("gezdgnbvgy3tqojqgezdgnbvgy3tqojq")).unwrap();
        assert_eq!(again.base32(), totp.base32());
        for bad in ["", "1", "GEZD!", "Ä"] {
            assert!(Totp::parse(&Secret::from(bad)).is_none(), "{bad}");
        }
        assert_eq!(Totp::new([7; 32]).base32().len(), 32, "160 bits");
    }
}
