//! Passwords verified at an even pace; makes Login.
#![forbid(unsafe_code)]
