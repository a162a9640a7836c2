//! A message while it arrives and until it is delivered.
#![forbid(unsafe_code)]
