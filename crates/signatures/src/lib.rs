//! The virus signature folder: watched, checked, handed to a new worker.
#![forbid(unsafe_code)]
