//! The library's enums, and the checks between them and its integers.

use std::ffi::c_int;

use crate::version::Version;

macro_rules! checked_enum {
    ($(#[$meta:meta])* $name:ident { $($(#[$doc:meta])* $variant:ident,)* }) => {
        $(#[$meta])*
        #[repr(C)]
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum $name {
            $($(#[$doc])* $variant,)*
        }

        impl $name {
            /// All of them, in the order of their numbers.
            pub const ALL: &[Self] = &[$(Self::$variant,)*];
        }
    };
}

checked_enum! {
    /// What a function of the library returns. The numbers are the same from 1.0 to 1.5.
    cl_error_t {
        /// Nothing found; also success.
        CL_CLEAN,
        /// A signature matched.
        CL_VIRUS,
        /// A null argument.
        CL_ENULLARG,
        /// A bad argument.
        CL_EARG,
        /// A malformed signature file.
        CL_EMALFDB,
        /// A broken signature container.
        CL_ECVD,
        /// A signature container of the wrong origin.
        CL_EVERIFY,
        /// A signature container that cannot be unpacked.
        CL_EUNPACK,
        /// A file or folder that cannot be opened.
        CL_EOPEN,
        /// A file that cannot be made.
        CL_ECREAT,
        /// A file that cannot be removed.
        CL_EUNLINK,
        /// A file whose state cannot be read.
        CL_ESTAT,
        /// A read that failed.
        CL_EREAD,
        /// A seek that failed.
        CL_ESEEK,
        /// A write that failed.
        CL_EWRITE,
        /// A descriptor that cannot be duplicated.
        CL_EDUP,
        /// Access denied.
        CL_EACCES,
        /// A temporary file that cannot be made.
        CL_ETMPFILE,
        /// A temporary folder that cannot be made.
        CL_ETMPDIR,
        /// A file that cannot be mapped.
        CL_EMAP,
        /// No memory.
        CL_EMEM,
        /// Time is up.
        CL_ETIMEOUT,
        /// Internal to the library.
        CL_BREAK,
        /// Too deep a recursion.
        CL_EMAXREC,
        /// Too large.
        CL_EMAXSIZE,
        /// Too many files.
        CL_EMAXFILES,
        /// A bad format.
        CL_EFORMAT,
        /// A file that cannot be parsed.
        CL_EPARSE,
        /// An error of a bytecode signature.
        CL_EBYTECODE,
        /// A bytecode test that failed.
        CL_EBYTECODE_TESTFAIL,
        /// A lock that failed.
        CL_ELOCK,
        /// Busy.
        CL_EBUSY,
        /// Called in the wrong state.
        CL_ESTATE,
        /// Trusted.
        CL_VERIFIED,
        /// Another error.
        CL_ERROR,
        /// One past the last error.
        CL_ELAST_ERROR,
    }
}

impl cl_error_t {
    /// Success has the same number as [`cl_error_t::CL_CLEAN`].
    pub const CL_SUCCESS: Self = Self::CL_CLEAN;

    /// The error of this number; one that is not known is [`cl_error_t::CL_ERROR`].
    pub(crate) fn checked(code: c_int) -> Self {
        usize::try_from(code).ok().and_then(|code| Self::ALL.get(code)).copied().unwrap_or(Self::CL_ERROR)
    }
}

checked_enum! {
    /// A field of the engine's settings, without `CL_ENGINE_CACHE_SIZE`, which
    /// clamav-rs does not know.
    cl_engine_field {
        /// A number (`uint64`).
        CL_ENGINE_MAX_SCANSIZE,
        /// A number (`uint64`).
        CL_ENGINE_MAX_FILESIZE,
        /// A number (`uint32`).
        CL_ENGINE_MAX_RECURSION,
        /// A number (`uint32`).
        CL_ENGINE_MAX_FILES,
        /// A number (`uint32`).
        CL_ENGINE_MIN_CC_COUNT,
        /// A number (`uint32`).
        CL_ENGINE_MIN_SSN_COUNT,
        /// A text.
        CL_ENGINE_PUA_CATEGORIES,
        /// A number (`uint32`).
        CL_ENGINE_DB_OPTIONS,
        /// A number (`uint32`).
        CL_ENGINE_DB_VERSION,
        /// A time.
        CL_ENGINE_DB_TIME,
        /// A number (`uint32`).
        CL_ENGINE_AC_ONLY,
        /// A number (`uint32`).
        CL_ENGINE_AC_MINDEPTH,
        /// A number (`uint32`).
        CL_ENGINE_AC_MAXDEPTH,
        /// A text.
        CL_ENGINE_TMPDIR,
        /// A number (`uint32`).
        CL_ENGINE_KEEPTMP,
        /// A number (`uint32`).
        CL_ENGINE_BYTECODE_SECURITY,
        /// A number (`uint32`).
        CL_ENGINE_BYTECODE_TIMEOUT,
        /// A number (`uint32`).
        CL_ENGINE_BYTECODE_MODE,
        /// A number (`uint64`).
        CL_ENGINE_MAX_EMBEDDEDPE,
        /// A number (`uint64`).
        CL_ENGINE_MAX_HTMLNORMALIZE,
        /// A number (`uint64`).
        CL_ENGINE_MAX_HTMLNOTAGS,
        /// A number (`uint64`).
        CL_ENGINE_MAX_SCRIPTNORMALIZE,
        /// A number (`uint64`).
        CL_ENGINE_MAX_ZIPTYPERCG,
        /// A number (`uint32`).
        CL_ENGINE_FORCETODISK,
        /// A number (`uint32`).
        CL_ENGINE_DISABLE_CACHE,
        /// A number (`uint32`).
        CL_ENGINE_DISABLE_PE_STATS,
        /// A number (`uint32`).
        CL_ENGINE_STATS_TIMEOUT,
        /// A number (`uint32`).
        CL_ENGINE_MAX_PARTITIONS,
        /// A number (`uint32`).
        CL_ENGINE_MAX_ICONSPE,
        /// A number (`uint32`).
        CL_ENGINE_MAX_RECHWP3,
        /// A number (`uint32`).
        CL_ENGINE_MAX_SCANTIME,
        /// A number (`uint64`).
        CL_ENGINE_PCRE_MATCH_LIMIT,
        /// A number (`uint64`).
        CL_ENGINE_PCRE_RECMATCH_LIMIT,
        /// A number (`uint64`).
        CL_ENGINE_PCRE_MAX_FILESIZE,
        /// A number (`uint32`).
        CL_ENGINE_DISABLE_PE_CERTS,
        /// A number (`uint32`).
        CL_ENGINE_PE_DUMPCERTS,
    }
}

impl cl_engine_field {
    /// The field's number in a version of the library: 1.2 put
    /// `CL_ENGINE_CACHE_SIZE` before `CL_ENGINE_DISABLE_CACHE`.
    pub(crate) fn number(self, version: Version) -> c_int {
        let moved = version >= Version::RENUMBERED && self as c_int >= Self::CL_ENGINE_DISABLE_CACHE as c_int;
        self as c_int + c_int::from(moved)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_are_checked() {
        for (code, error) in [
            (0, cl_error_t::CL_SUCCESS),
            (1, cl_error_t::CL_VIRUS),
            (20, cl_error_t::CL_EMEM),
            (22, cl_error_t::CL_BREAK),
            (34, cl_error_t::CL_ERROR),
            (36, cl_error_t::CL_ERROR),
            (-1, cl_error_t::CL_ERROR),
            (i32::MAX, cl_error_t::CL_ERROR),
        ] {
            assert_eq!(cl_error_t::checked(code), error, "{code}");
        }
        for (code, error) in (0..).zip(cl_error_t::ALL) {
            assert_eq!(*error as c_int, code);
        }
    }

    #[test]
    fn fields_have_the_number_of_their_version() {
        use cl_engine_field as field;
        // From the headers of 1.0.9 and 1.4.5.
        for (field, old, new) in [
            (field::CL_ENGINE_MAX_SCANSIZE, 0, 0),
            (field::CL_ENGINE_TMPDIR, 13, 13),
            (field::CL_ENGINE_FORCETODISK, 23, 23),
            (field::CL_ENGINE_DISABLE_CACHE, 24, 25),
            (field::CL_ENGINE_MAX_SCANTIME, 30, 31),
            (field::CL_ENGINE_PE_DUMPCERTS, 35, 36),
        ] {
            assert_eq!(field.number(Version::FIRST), old, "{field:?}");
            assert_eq!(field.number(Version::RENUMBERED), new, "{field:?}");
        }
    }
}
