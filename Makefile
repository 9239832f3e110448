# `make` prints the commands. Everything runs in .venv, which is made when it is missing or out of date.
SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

BIN := .venv/bin
STAMP := .venv/.installed
SOURCES := shared/src $(wildcard services/*/src) deploy/local/src
# Two workers: most tests wait. What a worker finds undone at its end it takes over from the other. Those of tests/e2e have one
# running copy of everything in common and listen to real audio, some during kills: one after the other.
SIDE_BY_SIDE := $(BIN)/pytest -n 2 --dist worksteal
E2E := $(BIN)/pytest tests/e2e
PROJECTS := $(wildcard shared/pyproject.toml services/*/pyproject.toml deploy/local/pyproject.toml)

.PHONY: help setup packages lint types lock lock-check test unit e2e features demo simulate-faults fuzz bench up down status clean chaos

help: ## this list
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "  make %-15s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: $(STAMP) ## the environment in .venv, from requirements.lock (skipped when nothing changed)

$(STAMP): requirements.lock $(PROJECTS) .ci/environment
	@.ci/environment
	@touch $@

packages: ## sipp, baresip, chromium and npm for the end-to-end tests, by apt-get, when missing
	@.ci/system-packages

lint: setup types ## ruff, strict types, import rules
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports

types: setup
	$(BIN)/mypy $(SOURCES)

lock: setup ## bring requirements.lock up to date with the pyproject files (pins that fit are kept)
	@.ci/lock write

lock-check: setup
	@.ci/lock check

test: setup packages lint lock-check ## everything that CI runs
	@status=0; set -x; $(SIDE_BY_SIDE) --ignore tests/e2e || status=$$?; $(E2E) || status=$$?; exit $$status

unit: setup ## tests of the parts alone, and of the contracts
	$(SIDE_BY_SIDE) $(wildcard shared/tests services/*/tests deploy/local/tests tests/contracts tests/simulation)

e2e: setup packages ## tests across services, with foreign phones
	@status=0; set -x; $(SIDE_BY_SIDE) tests/integration || status=$$?; $(E2E) || status=$$?; exit $$status

features: setup ## which features the tests carried when they ran last (build/features.json)
	$(BIN)/python -m tools.features

demo: setup ## real calls through a fresh copy: CALLS=20 AGENTS=5, KEEP=1 leaves it running
	$(BIN)/callstream demo $(if $(CALLS),--calls $(CALLS)) $(if $(AGENTS),--agents $(AGENTS)) $(if $(KEEP),--keep)

simulate-faults: setup ## random histories under kills and a bad network: EVENTS=1000000, SEED=n to repeat
	$(BIN)/python -m tests.simulation.run --events $(or $(EVENTS),1000000) $(if $(SEED),--seed $(SEED))

fuzz: setup ## hunt for input that breaks a parser: SECONDS=600 for all of them together, ONLY=message for one
	$(BIN)/python -m tests.fuzz.run --seconds $(or $(SECONDS),60) $(if $(ONLY),--only $(ONLY))

bench: setup ## measure; ONLY=media for one part (build/bench.json)
	$(BIN)/callstream bench $(if $(ONLY),--only $(ONLY))

chaos: setup ## kill parts during calls, and tell what everybody heard: ONLY=media or one part
	$(BIN)/callstream chaos $(if $(ONLY),--only $(ONLY))

up: setup ## start everything in the background (data in ./.callstream)
	$(BIN)/callstream up --detach

down: ## stop it
	$(BIN)/callstream down

status: ## what runs, where, and whether it is ready
	$(BIN)/callstream status

clean: ## remove the environment, caches and build results; data stays
	rm -rf .venv build .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
