# The few targets people type. Everything is installed into .venv; nothing else on the machine changes.
SHELL := /bin/bash
.DEFAULT_GOAL := help
.PHONY: help install run test test-long check format viz mlflow bench lock clean

ARGS ?=
VENV := .venv
BIN := $(VENV)/bin
# The first interpreter that works and is 3.11 to 3.13; `make PYTHON=...` names another.
PYTHON ?= $(shell for p in python3.11 python3.12 python3.13 python3 python; do \
	$$p -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' 2>/dev/null && echo $$p && break; done)
STAMP := $(VENV)/.installed-$(shell cat requirements.lock pyproject.toml | cksum | cut -d' ' -f1)

# Nothing is sent anywhere: MLflow's telemetry starts before any setting of the project is read.
export DO_NOT_TRACK := true
export MLFLOW_DISABLE_TELEMETRY := true
export MLFLOW_LOGGING_LEVEL := WARNING
export KEDRO_LOGGING_CONFIG := $(CURDIR)/conf/logging.yml

help: ## show this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

install: $(STAMP) ## set up .venv with the locked versions

$(STAMP): requirements.lock pyproject.toml
	@test -n "$(PYTHON)" || { echo "Python 3.11 to 3.13 is needed; none found. Install one or run make PYTHON=<path>."; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "Installing the locked versions into $(VENV) (about 7 GB, a few minutes) ..."
	@$(BIN)/pip install --quiet --disable-pip-version-check --requirement requirements.lock
	@$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --editable .
	@rm -f $(VENV)/.installed-* && touch $@

run: install ## the whole job on the shipped images; ARGS="--params target.source=<dir>" for your own
	@$(BIN)/kedro run $(ARGS)

viz: install ## the pipeline graph at http://127.0.0.1:4141
	@$(BIN)/kedro viz run --host 127.0.0.1 --port 4141 --no-browser $(ARGS)

mlflow: install ## the runs at http://127.0.0.1:5000
	@PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/kedro mlflow ui $(ARGS)

# A file stays with one process: its fixtures, such as a finished job, are made once.
test: install ## the test suite, a process a core (half an hour on 2 cores)
	@$(BIN)/python -m pytest -m "not long" --numprocesses=auto --maxprocesses=4 --dist=loadfile $(ARGS)

test-long: install ## what needs more time than that
	@$(BIN)/python -m pytest -m long $(ARGS)

check: install ## lint, format, types, import contracts
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports

format: install ## bring the code into the house format
	@$(BIN)/ruff check --fix . ; $(BIN)/ruff format .

bench: install ## measure the figures of docs/benchmarks.md on this machine
	@$(BIN)/python -m benchmarks $(ARGS)

lock: ## resolve pyproject.toml afresh and write requirements.lock
	@rm -rf .venv-lock && $(PYTHON) -m venv .venv-lock
	@.venv-lock/bin/pip install --quiet --upgrade pip && .venv-lock/bin/pip install --quiet '.[dev]'
	@.venv-lock/bin/python tools/write_lock.py > requirements.lock.new
	@mv requirements.lock.new requirements.lock && rm -rf .venv-lock

clean: ## remove .venv and caches, keep all data
	@rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
