//! A thin binding to libclamav 1.x.

