//! A message's structure and decoded parts, within fixed budgets.
#![forbid(unsafe_code)]
