# The front door. `make` alone lists what there is.

CARGO  ?= cargo
TARGET := $(or $(CARGO_TARGET_DIR),target)
DEMO   := pcaps/plant-and-office.pcap

# Seconds that each fuzz target runs, and what is passed on to bench, soak, load and flood.
FUZZ_SECONDS ?= 600
BENCH        ?=
SOAK         ?=
FLOOD        ?=
LOAD         ?= --seconds 10 --rates 1,0.25

.DEFAULT_GOAL := help
.PHONY: help setup demo test check bench fuzz golden lab deb deb-try soak load flood

help: ## this list
	@sed -n 's/^\([a-z-]*\):.*## /  make \1\t/p' Makefile | expand -t 16

setup: ## install what building needs: a C compiler, pkg-config, libpcap
	@scripts/setup.sh build > /dev/null

demo: ## build wirecensus and read the plant of pcaps/ with it
	@scripts/demo.sh $(DEMO)

test: ## all tests
	@features=$$(scripts/setup.sh build) && exec $(CARGO) test --workspace --locked $$features

check: ## what CI checks: format, lints, tests, docs, evidence, licences, advisories, unused dependencies
	@scripts/check.sh

bench: ## the figures of bench/README.md; BENCH="--only mix" passes options on
	@features=$$(scripts/setup.sh build) && $(CARGO) build --release --locked $$features && $(TARGET)/release/bench $(BENCH)
	@if [ "$$(id -u)" = 0 ] && command -v tcpreplay > /dev/null; then scripts/load.py $(TARGET)/release/wirecensus $(LOAD); \
	else echo "live: not measured, it takes root and tcpreplay (make load)"; fi

fuzz: ## both fuzz targets, each for FUZZ_SECONDS (600); needs a nightly toolchain
	@FUZZ_SECONDS=$(FUZZ_SECONDS) scripts/fuzz.sh

golden: ## write tests/golden/ anew from pcaps/; read the difference before you commit it
	@features=$$(scripts/setup.sh build) && UPDATE_GOLDEN=1 $(CARGO) test --locked $$features -p daemon --test wirecensus golden::
	@git --no-pager diff --stat -- tests/golden

lab: ## record the captures of pcaps/ again from real stacks (Debian 12, root)
	@pcaps/lab/setup.sh && exec pcaps/lab/record.sh

deb: ## the Debian package, in target/debian/
	@scripts/deb.sh

deb-try: ## install, run, upgrade and purge that package on a bare Debian 12 (root, debootstrap, systemd-container); DEB=FILE tries another
	@scripts/deb-try.sh $(DEB)

soak: ## ten minutes on a port and thirty kills: is it flat, is anything lost (Linux, root)? SOAK="--seconds 60" passes options on
	@features=$$(scripts/setup.sh build) && $(CARGO) build --release --locked $$features --package daemon && exec scripts/soak.py $(TARGET)/release/wirecensus $(SOAK)

load: ## what listening costs at the highest rate, beside tcpdump (Linux, root, tcpreplay); LOAD="--seconds 60" passes options on
	@features=$$(scripts/setup.sh build) && $(CARGO) build --release --locked $$features --package daemon && exec scripts/load.py $(TARGET)/release/wirecensus $(LOAD)

flood: ## ten million made-up senders: is memory bounded, does what was known stay (Linux)? FLOOD="--limits default" passes options on
	@features=$$(scripts/setup.sh build) && $(CARGO) build --release --locked $$features --package daemon && exec scripts/flood.py $(TARGET)/release/wirecensus $(FLOOD)
