# The two commands of a newcomer are `make run` and `make test`.

CARGO ?= cargo
export CARGO_TERM_COLOR ?= auto

.PHONY: run test test-long fuzz bench audit fmt lint deny build help

help:
	@echo "make run        build, set up ./var with two demo domains, start the server"
	@echo "make test       everything that CI runs"
	@echo "make test-long  the long forms: more kills, power cuts, random cases (an hour)"
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

# Within an hour on two cores: 200 kills on SQLite and 100 on MariaDB, 10 power
# cuts on ext4 and 10 on XFS (as root, and where mkfs.xfs is there), and 50,000
# random cases of each property that has no number of its own, which is half of
# the time.
test-long:
	@config/dev/packages test
	$(CARGO) build --locked --workspace --bins
	GATEPOST_LONG=1 PROPTEST_CASES=50000 $(CARGO) test --locked --workspace -- --include-ignored

audit:
	@command -v cargo-audit >/dev/null || $(CARGO) install --locked cargo-audit
	-$(CARGO) audit

# Coverage-guided fuzzing on the stable toolchain: the counters are put in by
# compiler passes that need a target of their own.
FUZZ_SECONDS ?= 60
FUZZ_HOST = $(shell rustc -vV | sed -n 's/^host: //p')
FUZZ_FLAGS = --cfg fuzzing -Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 \
	-Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table \
	-Cllvm-args=-sanitizer-coverage-trace-compares -Ccodegen-units=1

fuzz:
	RUSTFLAGS="$(FUZZ_FLAGS)" $(CARGO) build --release --manifest-path tests/fuzz/Cargo.toml \
		--target $(FUZZ_HOST) --target-dir target/fuzz
	@for corpus in tests/fuzz/corpus/*; do \
		echo "== $$(basename $$corpus)"; mkdir -p target/fuzz/found/$$(basename $$corpus); \
		FUZZ_TARGET=$$(basename $$corpus) target/fuzz/$(FUZZ_HOST)/release/fuzz -max_total_time=$(FUZZ_SECONDS) \
			-artifact_prefix=target/fuzz/found/ target/fuzz/found/$$(basename $$corpus) $$corpus || exit 1; \
	done

# Drives the server of `make run` (or any other one on loopback) over the network.
BENCH ?= --to alice@example.org --to bob@example.org
bench:
	$(CARGO) build --locked --release -p tests --bins
	target/release/gatepost-bench $(BENCH)
