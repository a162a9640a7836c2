//! The library's constants.

/// Load: phishing.
pub const CL_DB_PHISHING: u32 = 0x2;
/// Load: phishing urls.
pub const CL_DB_PHISHING_URLS: u32 = 0x8;
/// Load: bytecode.
pub const CL_DB_BYTECODE: u32 = 0x2000;
/// Scan in all-match mode.
pub const CL_SCAN_GENERAL_ALLMATCHES: u32 = 0x1;
/// Collect metadata (--gen-json).
pub const CL_SCAN_GENERAL_COLLECT_METADATA: u32 = 0x2;
/// Option to enable heuristic alerts.
pub const CL_SCAN_GENERAL_HEURISTICS: u32 = 0x4;
/// Allow heuristic match to take precedence.
pub const CL_SCAN_GENERAL_HEURISTIC_PRECEDENCE: u32 = 0x8;
/// Scanner will not have read access to files.
pub const CL_SCAN_GENERAL_UNPRIVILEGED: u32 = 0x10;
/// Look into: archive.
pub const CL_SCAN_PARSE_ARCHIVE: u32 = 0x1;
/// Look into: elf.
pub const CL_SCAN_PARSE_ELF: u32 = 0x2;
/// Look into: pdf.
pub const CL_SCAN_PARSE_PDF: u32 = 0x4;
/// Look into: swf.
pub const CL_SCAN_PARSE_SWF: u32 = 0x8;
/// Look into: hwp3.
pub const CL_SCAN_PARSE_HWP3: u32 = 0x10;
/// Look into: xmldocs.
pub const CL_SCAN_PARSE_XMLDOCS: u32 = 0x20;
/// Look into: mail.
pub const CL_SCAN_PARSE_MAIL: u32 = 0x40;
/// Look into: ole2.
pub const CL_SCAN_PARSE_OLE2: u32 = 0x80;
/// Look into: html.
pub const CL_SCAN_PARSE_HTML: u32 = 0x100;
/// Look into: pe.
pub const CL_SCAN_PARSE_PE: u32 = 0x200;
/// Look into: onenote.
pub const CL_SCAN_PARSE_ONENOTE: u32 = 0x400;
/// Option to enable/disable parsing images (graphics).
pub const CL_SCAN_PARSE_IMAGE: u32 = 0x800;
/// Option to enable/disable image fuzzy hash calculation.
pub const CL_SCAN_PARSE_IMAGE_FUZZY_HASH: u32 = 0x1000;
/// Alert on broken PE and broken ELF files.
pub const CL_SCAN_HEURISTIC_BROKEN: u32 = 0x2;
/// Alert when files exceed scan limits (filesize, max scansize, or max recursion depth).
pub const CL_SCAN_HEURISTIC_EXCEEDS_MAX: u32 = 0x4;
/// Alert on SSL mismatches.
pub const CL_SCAN_HEURISTIC_PHISHING_SSL_MISMATCH: u32 = 0x8;
/// Alert on cloaked URLs in emails.
pub const CL_SCAN_HEURISTIC_PHISHING_CLOAK: u32 = 0x10;
/// Alert on OLE2 files containing macros.
pub const CL_SCAN_HEURISTIC_MACROS: u32 = 0x20;
/// Alert if archive is encrypted (rar, zip, etc).
pub const CL_SCAN_HEURISTIC_ENCRYPTED_ARCHIVE: u32 = 0x40;
/// Alert if a document is encrypted (pdf, docx, etc).
pub const CL_SCAN_HEURISTIC_ENCRYPTED_DOC: u32 = 0x80;
/// Alert if partition table size doesn't make sense.
pub const CL_SCAN_HEURISTIC_PARTITION_INTXN: u32 = 0x100;
/// Data loss prevention options, i.e. alert when detecting personal information.
pub const CL_SCAN_HEURISTIC_STRUCTURED: u32 = 0x200;
/// Alert when detecting social security numbers.
pub const CL_SCAN_HEURISTIC_STRUCTURED_SSN_NORMAL: u32 = 0x400;
/// Alert when detecting stripped social security numbers.
pub const CL_SCAN_HEURISTIC_STRUCTURED_SSN_STRIPPED: u32 = 0x800;
/// Alert when detecting credit card numbers.
pub const CL_SCAN_HEURISTIC_STRUCTURED_CC: u32 = 0x1000;
/// Alert if a file does not match the identified file format, works with JPEG, TIFF, GIF, PNG.
pub const CL_SCAN_HEURISTIC_BROKEN_MEDIA: u32 = 0x2000;
/// Mail partial message.
pub const CL_SCAN_MAIL_PARTIAL_MESSAGE: u32 = 0x1;
/// Enables hash output in sha-collect builds - for internal use only.
pub const CL_SCAN_DEV_COLLECT_SHA: u32 = 0x1;
/// Collect performance timings.
pub const CL_SCAN_DEV_COLLECT_PERFORMANCE_INFO: u32 = 0x2;
/// No options.
pub const CL_INIT_DEFAULT: u32 = 0x0;
/// The signatures that are recommended to be loaded.
pub const CL_DB_STDOPT: u32 = CL_DB_PHISHING | CL_DB_PHISHING_URLS | CL_DB_BYTECODE;
