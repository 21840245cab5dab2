# The two commands to know: "make demo" shows it, "make test" checks everything.

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
# The order of checks is from quick to slow, and the tests' own closing line comes last.
.NOTPARALLEL:
MAKEFLAGS += --no-print-directory

PYTHON ?= $(shell command -v python3.11 || command -v python3.12 || command -v python3.13 || command -v python3)
VENV := .venv
PY := $(VENV)/bin/python
# Test processes; two share a small machine well.
JOBS ?= 2
# Of each target of `make fuzz`.
MINUTES ?= 1

.PHONY: help
help:  ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

# ---------------------------------------------------------------- environment

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "Python 3.11 or newer is needed; name it with: make PYTHON=/path/to/python3.11"; exit 1; }
	$(PYTHON) -m venv $(VENV)

# The stamps are older than the pins only when the pins have changed.
$(VENV)/.runtime: requirements.txt | $(VENV)/bin/python
	$(PY) -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r requirements.txt
	@touch $@

$(VENV)/.development: requirements-dev.txt $(VENV)/.runtime
	$(PY) -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r requirements-dev.txt
	@touch $@

.PHONY: setup
setup: $(VENV)/.runtime $(VENV)/.development  ## Make the environment in .venv (quick when it is there)
	@echo "The environment is in $(VENV)."

.PHONY: install
install: $(VENV)/.runtime  ## Make the environment without what only tests need, to run a gateway
	@echo "The environment is in $(VENV)."

.PHONY: pins
pins: setup  ## Pin the requirements anew, with hashes
	$(VENV)/bin/uv pip compile --quiet --generate-hashes --universal --python-version 3.11 --no-emit-index-url -o requirements.txt requirements.in
	$(VENV)/bin/uv pip compile --quiet --generate-hashes --universal --python-version 3.11 --no-emit-index-url -o requirements-dev.txt requirements-dev.in
	$(VENV)/bin/uv pip compile --quiet --generate-hashes --universal --python-version 3.11 --no-emit-index-url -o requirements-fuzz.txt requirements-fuzz.in

# ---------------------------------------------------------------- run

.PHONY: demo
demo: $(VENV)/.runtime  ## Exchange real documents between two gateways; leaves the pages open
	$(PY) scripts/demo.py

.PHONY: serve
serve: $(VENV)/.runtime  ## Run the gateway until Ctrl-C
	@exec $(PY) manage.py serve

.PHONY: pictures
pictures: setup  ## Make the documentation's pictures of the pages anew, light and dark
	AS2_SCREENSHOTS=docs/img $(PY) -m pytest tests/browser/test_pictures.py

.PHONY: bench
bench: setup  ## Measure it
	$(PY) -m bench

# Documents, and what the faults are drawn from.
MESSAGES ?= 1000
SEED ?= $(shell echo $$RANDOM)

.PHONY: chaos
chaos: setup  ## Let two gateways exchange MESSAGES=1000 while everything breaks, at random by SEED=n
	$(PY) -m tests.chaos --messages $(MESSAGES) --seed $(SEED) $(CHAOS)

.PHONY: image
image:  ## Build the container image
	docker build --tag as2gateway .

# ---------------------------------------------------------------- check

.PHONY: test
test: setup packages lint types contracts migrations-check test-postgres pytest  ## Check everything

.PHONY: packages
packages:  ## Install what the tests need from the system (Debian, as root), or say what is missing
	@scripts/system-packages

.PHONY: lint
lint: setup  ## Check style
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .

.PHONY: types
types: setup  ## Check types
	@AS2_HOME="$$(mktemp -d)" AS2_ENV_FILE= $(VENV)/bin/mypy

.PHONY: contracts
contracts: setup  ## Check the direction of imports
	$(VENV)/bin/lint-imports

.PHONY: migrations-check
migrations-check: setup
	@AS2_HOME="$$(mktemp -d)" AS2_ENV_FILE= $(PY) manage.py makemigrations --check --dry-run

.PHONY: test-postgres
test-postgres: setup  ## Run the tests that meet the database on PostgreSQL
	@if scripts/system-packages --has initdb; then \
		AS2_TEST_DATABASE=postgres $(PY) -m pytest tests/audit tests/partners tests/messages -n $(JOBS) --dist loadfile -q; \
	fi

.PHONY: pytest
pytest: setup  ## Run all tests on SQLite, with coverage
	@$(PY) -m pytest -n $(JOBS) --dist loadfile --cov --cov-report term:skip-covered

.PHONY: interop
interop: setup packages  ## Exchange every row of the matrix with other AS2 products (ten minutes)
	@INTEROP=all $(PY) -m pytest tests/interop -q

$(VENV)/.fuzz: requirements-fuzz.txt $(VENV)/.development
	$(PY) -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r requirements-fuzz.txt
	@touch $@

.PHONY: fuzz
fuzz: $(VENV)/.fuzz  ## Fuzz each parser for some minutes (MINUTES=1); findings end it
	@for target in receive mdn mime ber headers edi; do \
		echo "--- $$target"; $(PY) -m tests.fuzz $$target $(MINUTES) 2>&1 | tail -n 20; \
	done

# ---------------------------------------------------------------- change

.PHONY: format
format: setup  ## Lay out the code
	$(VENV)/bin/ruff check --fix .
	$(VENV)/bin/ruff format .

.PHONY: migrations
migrations: setup  ## Write migrations for changed models (ours is as2_messages; "messages" is Django's)
	$(PY) manage.py makemigrations as2_messages partners audit config

.PHONY: openapi
openapi: setup  ## Write the description of the API anew (docs/openapi.json)
	@AS2_HOME="$$(mktemp -d)" AS2_ENV_FILE= $(PY) manage.py shell -v 0 -c "import json; from config.api.assembly import description; print(json.dumps(description(), indent=1, ensure_ascii=False))" > docs/openapi.json

.PHONY: clean
clean:  ## Remove caches; keeps the environment and var/
	rm -rf .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis .coverage
