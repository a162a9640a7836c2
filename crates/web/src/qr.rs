//! A QR code as inline SVG: one path, no script and no style, so that the
//! strict policy of the pages holds.

use std::fmt::Write;

use qrcode::{Color, EcLevel, QrCode};

/// Light modules around it (ISO/IEC 18004 asks for four).
const QUIET: usize = 4;

/// What an `<svg>` is made of.
pub(crate) struct Qr {
    /// Modules on each side, the quiet zone included.
    pub(crate) size: usize,
    /// The dark modules, as data of a `<path>`.
    pub(crate) path: String,
}

impl Qr {
    /// The code of a text; `None` where it is too long for one.
    pub(crate) fn of(text: &str) -> Option<Self> {
        let code = QrCode::with_error_correction_level(text, EcLevel::M).ok()?;
        let width = code.width();
        let colors = code.to_colors();
        let mut path = String::new();
        for (row, line) in colors.chunks(width).enumerate() {
            let mut column = 0;
            while column < width {
                let dark = line[column..].iter().take_while(|color| **color == Color::Dark).count();
                if dark > 0 {
                    let _ = write!(path, "M{} {}h{dark}v1h-{dark}z", column + QUIET, row + QUIET);
                }
                column += dark.max(1);
            }
        }
        Some(Self { size: width + 2 * QUIET, path })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_finder_pattern_is_in_each_corner_but_one() {
        let qr = Qr::of("otpauth://totp/mail.example.org:alice%40example.org?secret=GEZDGNBVGY3TQOJQ").unwrap();
        let far = qr.size - QUIET - 7;
        for (x, y) in [(QUIET, QUIET), (far, QUIET), (QUIET, far)] {
            assert!(qr.path.contains(&format!("M{x} {y}h7v1h-7z")), "{x} {y} in {}", qr.path);
        }
        assert!(!qr.path.contains(&format!("M{far} {far}h7v1h-7z")));
        assert!(Qr::of(&"x".repeat(5000)).is_none());
    }
}
