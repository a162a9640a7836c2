# The two commands of a newcomer are `make run` and `make test`.

CARGO ?= cargo
export CARGO_TERM_COLOR ?= auto

.PHONY: run test test-long fuzz bench audit fmt lint deny build help

help:
	@echo "make run        build, set up ./var with two demo domains, start the server"
	@echo "make test       everything that CI runs"
	@echo "make test-long  the long forms: more kills, more random cases"
	@echo "make fuzz       build and run the fuzzers for a minute each"
	@echo "make bench      drive a server over the network and print figures"
	@echo "make audit      known advisories of what we depend on (needs the network)"

run:
	@config/dev/packages run
	$(CARGO) build --locked --release -p gatepost -p avscan
	@exec config/dev/run target/release

test: lint deny
	$(CARGO) build --locked --workspace --bins
	$(CARGO) test --locked --workspace

lint:
	@config/dev/packages test
	$(CARGO) fmt --all --check
	$(CARGO) clippy --locked --workspace --all-targets -- -D warnings

deny:
	@command -v cargo-deny >/dev/null || $(CARGO) install --locked --debug cargo-deny
	cd crates/gatepost && $(CARGO) deny --log-level error --config ../../deny.toml check --hide-inclusion-graph licenses bans sources
	cd crates/avscan && $(CARGO) deny --log-level error --config ../../deny-avscan.toml check --hide-inclusion-graph licenses bans sources

test-long:
	@config/dev/packages test
	$(CARGO) build --locked --workspace --bins
	GATEPOST_LONG=1 PROPTEST_CASES=5000 $(CARGO) test --locked --workspace -- --include-ignored

audit:
	@command -v cargo-audit >/dev/null || $(CARGO) install --locked cargo-audit
	-$(CARGO) audit
