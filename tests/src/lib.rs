//! Nothing to run here; the tests are under `tests/`.
