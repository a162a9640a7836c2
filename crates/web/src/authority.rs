//! The certificate of our own authority, in the forms that programs import.

use std::sync::Arc;

use axum::extract::State;
use axum::http::HeaderValue;
use axum::http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use data_encoding::{BASE64, HEXUPPER};
use sha2::{Digest, Sha256};

use crate::language::Speech;
use crate::missing;
use crate::services::Shared;

/// The certificate of our own authority.
#[derive(Debug, Clone)]
pub struct Authority {
    der: Vec<u8>,
    sha256: [u8; 32],
}

impl Authority {
    /// Takes the certificate, DER.
    #[must_use]
    pub fn new(der: Vec<u8>) -> Self {
        let sha256 = Sha256::digest(&der).into();
        Self { der, sha256 }
    }

    /// SHA-256 of the certificate, `AB:CD:…`.
    pub(crate) fn fingerprint(&self) -> String {
        self.sha256.iter().map(|byte| format!("{byte:02X}")).collect::<Vec<_>>().join(":")
    }

    /// RFC 7468.
    fn pem(&self) -> String {
        format!("-----BEGIN CERTIFICATE-----\n{}-----END CERTIFICATE-----\n", self.base64(64))
    }

    /// In lines of so many characters.
    fn base64(&self, width: usize) -> String {
        let text = BASE64.encode(&self.der);
        let line = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned() + "\n";
        text.as_bytes().chunks(width).map(line).collect()
    }

    /// Apple's configuration profile with the one certificate. It is the same
    /// profile at each download, so that a second import replaces the first.
    fn profile(&self, hostname: &str) -> String {
        let outer = self.uuid(0);
        format!(
            r#"<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE plist PUBLIC "-//Apple//DTD PLIST 1.0//EN" "http://www.apple.com/DTDs/PropertyList-1.0.dtd">
<plist version="1.0">
<dict>
  <key>PayloadContent</key>
  <array>
{part}
  </array>
  <key>PayloadDisplayName</key><string>{hostname}</string>
  <key>PayloadIdentifier</key><string>{hostname}.{outer}</string>
  <key>PayloadType</key><string>Configuration</string>
  <key>PayloadUUID</key><string>{outer}</string>
  <key>PayloadVersion</key><integer>1</integer>
</dict>
</plist>
"#,
            part = self.payload(hostname)
        )
    }

    /// The part of a profile that has the certificate in it.
    pub(crate) fn payload(&self, hostname: &str) -> String {
        let inner = self.uuid(16);
        format!(
            r#"    <dict>
      <key>PayloadCertificateFileName</key><string>ca.cer</string>
      <key>PayloadContent</key>
      <data>
{data}      </data>
      <key>PayloadDisplayName</key><string>{hostname}</string>
      <key>PayloadIdentifier</key><string>{hostname}.ca.{inner}</string>
      <key>PayloadType</key><string>com.apple.security.root</string>
      <key>PayloadUUID</key><string>{inner}</string>
      <key>PayloadVersion</key><integer>1</integer>
    </dict>"#,
            data = self.base64(68)
        )
    }

    /// Half of the fingerprint as a UUID.
    fn uuid(&self, half: usize) -> String {
        let mut bytes = [0; 16];
        bytes.copy_from_slice(&self.sha256[half..half + 16]);
        uuid(bytes)
    }
}

/// Bytes in the form of a UUID of its own kind (version 8, RFC 9562 §5.8).
pub(crate) fn uuid(mut bytes: [u8; 16]) -> String {
    bytes[6] = (bytes[6] & 0x0f) | 0x80;
    bytes[8] = (bytes[8] & 0x3f) | 0x80;
    let hex = HEXUPPER.encode(&bytes);
    [&hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]].join("-")
}

pub(crate) async fn pem(State(shared): State<Arc<Shared>>, speech: Speech) -> Response {
    let download = |authority: &Authority| authority.pem().into_bytes();
    file(&shared, speech, ("application/x-pem-file", "ca.pem"), download).await
}

pub(crate) async fn der(State(shared): State<Arc<Shared>>, speech: Speech) -> Response {
    file(&shared, speech, ("application/x-x509-ca-cert", "ca.cer"), |authority| authority.der.clone()).await
}

pub(crate) async fn profile(State(shared): State<Arc<Shared>>, speech: Speech) -> Response {
    let hostname = shared.services.place.hostname.as_str();
    let download = |authority: &Authority| authority.profile(hostname).into_bytes();
    file(&shared, speech, ("application/x-apple-aspen-config", "ca.mobileconfig"), download).await
}

async fn file(
    shared: &Shared,
    speech: Speech,
    (kind, name): (&'static str, &str),
    content: impl FnOnce(&Authority) -> Vec<u8>,
) -> Response {
    let Some(authority) = &shared.services.authority else { return missing::page(speech).await };
    let mut response = content(authority).into_response();
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    if let Ok(disposition) = HeaderValue::try_from(format!("attachment; filename=\"{name}\"")) {
        response.headers_mut().insert(CONTENT_DISPOSITION, disposition);
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms() {
        let authority = Authority::new((0..=255).collect());
        assert!(authority.fingerprint().starts_with("40:AF:F2:E9:") && authority.fingerprint().len() == 95);
        let pem = authority.pem();
        let lines: Vec<&str> = pem.lines().collect();
        assert!(lines.len() == 8 && lines[1].len() == 64 && lines[1].starts_with("AAECAwQF"), "{pem}");
        let profile = authority.profile("mail.example.org");
        assert_eq!(profile, authority.profile("mail.example.org"));
        let uuid = authority.uuid(0);
        assert!(uuid.len() == 36 && uuid.as_bytes()[14] == b'8' && uuid != authority.uuid(16), "{uuid}");
        assert!(profile.contains("AAECAwQF") && profile.contains(&format!("<string>{uuid}</string>")));
    }
}
