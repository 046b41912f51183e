# Each target is one line over a standard tool. The virtual environment is .venv.

PYTHON ?= python3
VENV   ?= .venv
BIN    := $(VENV)/bin
HOST   ?= 127.0.0.1
PORT   ?= 8765
ARGS   ?= $(if $(shell command -v openssl),--tls)
PYTEST ?=
RUNS   ?= 1000000
PEERS  := benchmarks/.venv
PURE   := protocol handshake extensions
# what an editable installation is made of that Python does not read anew by itself
BUILT  := pyproject.toml setup.py $(wildcard src/wspy/engine/*.pyx src/wspy/engine/*.px[di] src/wspy/engine/*.h)

.PHONY: help demo test check rules stress soak loss faults abuse fuzz interop autobahn autobahn-full
.PHONY: differential asan valgrind bench bench-quick build clean

help:
	@echo "make demo           echo server with a page to try it (HOST, PORT, ARGS)"
	@echo "make test           all tests (PYTEST holds more arguments for pytest)"
	@echo "make check          ruff, mypy --strict, full branch coverage of the pure layers"
	@echo "make rules          each rule of the RFCs against the core and every driver, with a table"
	@echo "make stress         8 threads on one connection, 1,000 connections, churn, storms; minutes"
	@echo "make soak           a million connections that come and go, and what is left (SOAK)"
	@echo "make loss           large messages while 5 % of the packets are lost; needs root, nft (LOSS)"
	@echo "make faults         100,000 faults of the socket for each driver, by seed (FAULTS)"
	@echo "make abuse          what hostile peers cost and when they are dropped; prints a table"
	@echo "make differential   a million random streams through both engines (DIFFERENTIAL)"
	@echo "make asan           tests on a build with AddressSanitizer, UBSan, bounds checks (ASAN)"
	@echo "make valgrind       random streams through the compiled engine under valgrind"
	@echo "make fuzz           seven fuzz targets, RUNS inputs each; a quarter of an hour on two cores"
	@echo "make interop        other libraries and a browser, direct and through proxies; a table"
	@echo "make autobahn       Autobahn cases 1-7 and 10, both roles, all drivers"
	@echo "make autobahn-full  the same and cases 9, 12 and 13"
	@echo "make bench          wspy beside other libraries and beside C; half an hour (BENCH)"
	@echo "make bench-quick    the same with fewer of them, under three minutes"
	@echo "make build          sdist and wheel in dist/"

$(BIN)/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/.demo: $(BUILT) | $(BIN)/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable .
	@touch $@

$(VENV)/.test: $(BUILT) | $(BIN)/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable ".[test]"
	@touch $@ $(VENV)/.demo

$(VENV)/.fuzz: $(BUILT) | $(BIN)/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --only-binary atheris \
		--editable ".[fuzz]" || { echo "no atheris for $$($(BIN)/python -V) on this machine:" \
		"it has wheels for CPython 3.10 to 3.14 on Linux x86_64" >&2; exit 1; }
	@touch $@ $(VENV)/.test $(VENV)/.demo

$(VENV)/.dev: $(BUILT) | $(BIN)/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable ".[dev]"
	@touch $@ $(VENV)/.test $(VENV)/.demo

demo: $(VENV)/.demo
	@exec $(BIN)/python -m wspy demo --host $(HOST) --port $(PORT) $(ARGS)

test: $(VENV)/.test
	$(BIN)/python -m pytest $(PYTEST)

check: $(VENV)/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	WSPY_ENGINE=reference $(BIN)/python -m pytest -q $(PURE:%=tests/%) $(PURE:%=--cov=wspy.%) --cov-branch --cov-fail-under=100

rules: $(VENV)/.test
	$(BIN)/python -m tests.rfc

stress: $(VENV)/.test
	$(BIN)/python -m tests.stress.senders
	$(BIN)/python -m tests.stress.thousand
	$(BIN)/python -m tests.stress.churn
	$(BIN)/python -m tests.stress.storm

soak: $(VENV)/.test
	$(BIN)/python -m tests.soak $(SOAK)

loss: $(VENV)/.test
	$(BIN)/python -m tests.loss $(LOSS)

faults: $(VENV)/.test
	$(BIN)/python -m tests.faults $(FAULTS)

abuse: $(VENV)/.test
	$(BIN)/python -m tests.abuse $(ABUSE)

differential: $(VENV)/.test
	$(BIN)/python -m tests.engine.differential $(DIFFERENTIAL)

asan: $(VENV)/.test
	$(BIN)/python -m tests.asan $(ASAN)

valgrind: $(VENV)/.test
	$(BIN)/python -m tests.valgrind $(VALGRIND)

fuzz: $(VENV)/.fuzz
	$(BIN)/python -m fuzz --runs $(RUNS) $(FUZZ)

interop: $(VENV)/.test
	$(BIN)/python -m tests.interop $(PYTEST)

autobahn: $(VENV)/.test
	$(BIN)/python autobahn/run.py --cases quick

autobahn-full: $(VENV)/.test
	$(BIN)/python autobahn/run.py --cases quick
	$(BIN)/python autobahn/run.py --cases full --server epoll --client blocking

# Other libraries stay out of the tests' environment; those that do not install are left out.
$(PEERS)/.peers: benchmarks/requirements.txt
	$(PYTHON) -m venv $(PEERS)
	-xargs -n 1 $(PEERS)/bin/python -m pip install --quiet --disable-pip-version-check < $<
	@touch $@

# A copy, for what is compiled in place would be found by the tests as well.
$(PEERS)/.done: $(PEERS)/.peers pyproject.toml setup.py $(shell find src -name "*.py*" -not -name "*.pyc")
	WSPY_ACCEL=$${WSPY_ACCEL:-auto} $(PEERS)/bin/python -m pip install --quiet \
	    --disable-pip-version-check --force-reinstall --no-deps .
	@rm -rf build
	@touch $@

bench: $(PEERS)/.done
	$(PEERS)/bin/python -m benchmarks $(BENCH)

bench-quick: $(PEERS)/.done
	$(PEERS)/bin/python -m benchmarks --quick $(BENCH)

build: $(VENV)/.dev
	$(BIN)/python -m build

clean:
	rm -rf $(VENV) $(PEERS) benchmarks/.build build dist reports src/wspy.egg-info .coverage .mypy_cache .pytest_cache .ruff_cache .hypothesis
