# Two commands on a fresh machine with python3 and make: `make demo` and `make test`.
# Both fetch uv and a virtual environment first; only the tests need Debian packages.

UV := sh scripts/uv.sh
# The distribution's Python where it is one of .python-version: it is built with optimisations, which others may lack.
PYTHON ?= $(wildcard /usr/bin/python3.11)
HOME_DIR ?= build/demo
PYTEST_ARGS ?=

.PHONY: demo test test-pjsua2 pjsua2 check fuzz interop setup prompts diagram clean bench-setup bench-report bench-import bench-calls bench-srtp bench-stall bench-progress bench-policy bench-asr bench-archive bench-search

setup: .venv/.ready

.venv/.ready: pyproject.toml uv.lock scripts/uv.sh
	$(UV) sync --frozen --compile-bytecode $(if $(PYTHON),--python $(PYTHON))
	@touch $@

demo: setup
	$(UV) run --frozen dialer --home $(HOME_DIR) demo

# The demonstration runs alone at the end: twelve customers speak in real time and share the cores with nobody.
test: setup pjsua2
	sh scripts/test-packages.sh
	$(UV) run --frozen pytest -n 3 --dist loadgroup --ignore tests/e2e $(PYTEST_ARGS)
	$(UV) run --frozen pytest tests/e2e $(PYTEST_ARGS)

# PJSIP's bindings, in an environment of their own under build/ (GPL-2 or commercial; Python 3.11 and 3.12 only).
pjsua2: setup
	sh scripts/pjsua2.sh

# The trunk contract over PJSIP alone.
test-pjsua2: pjsua2
	$(UV) run --frozen pytest tests/contract/test_trunk_contract.py tests/wire/test_wire_pjsua2.py tests/unit/sip/test_sip_pjsua.py -k pjsua -n 2 $(PYTEST_ARGS)

# Style, types, the import rule, and the committed lock.
check: setup
	$(UV) lock --check
	$(UV) run --frozen ruff check .
	$(UV) run --frozen ruff format --check .
	$(UV) run --frozen mypy
	$(UV) run --frozen lint-imports

# The fuzzing tests again and again with new examples, FUZZ_SECONDS long (300).
fuzz: setup
	$(UV) run --frozen python tests/fuzz/run.py

# Real peers, feature by feature, as a matrix: SIPp, baresip, Kamailio, Asterisk 22, pjsua2 (docs/interop.md).
# The first run installs Asterisk in build/asterisk (root, a minute). ARGS="--lang en" for English.
interop: setup
	sh scripts/test-packages.sh
	$(UV) run --frozen python -m tests.interop $(ARGS)

prompts: setup
	$(UV) run --frozen dialer prompts build

# 500 recorded calls, and Asterisk 22 on the same work (ARGS=--no-peer leaves it out). Needs root; where SIPp is older than
# 3.7 the first run brings one with Asterisk in build/asterisk, in a minute.
bench-calls: setup
	$(UV) run --frozen python -m bench.calls --calls $(or $(N),500) --seconds $(or $(SECONDS),60) $(ARGS)

# What SRTP and RTCP cost a call, beside the same calls without them.
bench-srtp: setup
	$(UV) run --frozen python -m bench.security --calls $(or $(N),100) --seconds $(or $(SECONDS),10) $(ARGS)

# The control loop blocked 200 ms every second: lateness on the wire with and without.
bench-stall: setup
	$(UV) run --frozen python -m bench.stall --calls $(or $(N),100) --seconds $(or $(SECONDS),20) $(ARGS)

# Call progress detection on generated calls: who is taken for what. Needs espeak-ng.
bench-progress: setup
	$(UV) run --frozen python -m bench.progress_corpus $(ARGS)

# The bundled recogniser on synthetic answers: who is taken for what, speed, memory. Needs espeak-ng.
bench-asr: setup
	$(UV) run --frozen python -m bench.asr $(ARGS)

# The monthly report over a million calls.
bench-report: setup
	$(UV) run --frozen python -m bench.report $(ARGS)

# 100,000 customers through `dialer import`, as CSV and as xlsx: time and memory.
bench-import: setup
	$(UV) run --frozen python -m bench.imports $(ARGS)

# Claims among a million tasks, an import, a simulated month, a month's report: a few minutes. Needs PostgreSQL.
bench-policy: setup
	$(UV) run --frozen python -m bench.policy $(ARGS)

# Call set-ups per second, without a store and on each store. ARGS="--store sqlite --rate 150". Needs SIPp.
bench-setup: setup
	$(UV) run --frozen python -m bench.setup --seconds $(or $(SECONDS),20) $(ARGS)

# What sealing a call costs, how fast the archive is verified (ARGS=--clear: not enciphered).
bench-archive: setup
	$(UV) run --frozen python -m bench.archive --calls $(or $(CALLS),300) $(ARGS)

# Finding calls among a million. STORE=sqlite or postgres.
bench-search: setup
	$(UV) run --frozen python -m bench.search --store $(or $(STORE),sqlite) $(ARGS)

clean:
	rm -rf build .venv .uv .mypy_cache .ruff_cache .pytest_cache .import_linter_cache
