# MockExchange: `make help` lists what can be done.

PYTHON ?= python3.11
VENV := .venv
BIN := $(VENV)/bin
SEED ?=
RUNS ?= 200
PIP_OPTIONS := install --disable-pip-version-check --only-binary :all:
PIP_INSTALL := $(BIN)/pip $(PIP_OPTIONS)
CLIENTS := binance-connector binance-sdk-spot
COMPILE := uv pip compile --quiet --python-version 3.11 --only-binary :all: --generate-hashes \
	--no-header --no-annotate --no-emit-index-url

.DEFAULT_GOAL := help
.SUFFIXES:
.PHONY: help up test check sim bench screenshots chromium pins clean

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-11s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

up: $(VENV)/.server ## Install on first use, then run the exchange; Ctrl-C stops it
	@exec $(BIN)/mockx up

test: check chromium $(CLIENTS:%=$(VENV)/clients/%/.ready) ## Run all checks and all tests
	$(BIN)/pytest

check: $(VENV)/.dev ## Check style, types and the direction of imports
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo

sim: $(VENV)/.dev ## Simulate the whole exchange with faults: SEED=<first seed> RUNS=<how many>
	$(BIN)/python -m tests.simulation $(if $(SEED),--seed $(SEED)) --runs $(RUNS)

bench: $(VENV)/.dev ## Measure speed, memory and recovery on this machine
	$(BIN)/python -m benchmarks

screenshots: $(VENV)/.dev chromium ## Take the pictures in docs/screenshots of an exchange that lives
	$(BIN)/python -m docs.take_screenshots

pins: ## Compile requirements/*.txt from requirements/*.in (needs uv)
	@command -v uv > /dev/null || { echo "make pins needs uv: install it, then run make pins again" >&2; exit 1; }
	$(COMPILE) requirements/server.in --output-file requirements/server.txt
	$(COMPILE) requirements/server.in requirements/dev.in --constraint requirements/server.txt --output-file requirements/dev.txt
	for client in $(CLIENTS); do \
		$(COMPILE) requirements/clients/$$client.in --output-file requirements/clients/$$client.txt || exit 1; done

clean: ## Remove the environment and all caches; data stay
	rm -rf $(VENV) build *.egg-info .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(VENV)/.server: requirements/server.txt pyproject.toml | $(BIN)/pip
	@echo "installing the server's packages"
	@$(PIP_INSTALL) --require-hashes --requirement requirements/server.txt
	@$(PIP_INSTALL) --quiet --no-deps --no-build-isolation --no-index --editable .
	@touch $@

$(VENV)/.dev: requirements/dev.txt $(VENV)/.server
	@echo "installing the development packages"
	@$(PIP_INSTALL) --require-hashes --requirement requirements/dev.txt
	@touch $@

chromium:
	@infra/deploy/make-chromium

# Clients whose packages clash with others' live in environments of their own.
$(VENV)/clients/%/.ready: requirements/clients/%.txt | $(BIN)/pip
	@echo "installing $* in an environment of its own"
	@$(BIN)/python -m venv $(@D)
	@$(@D)/bin/pip $(PIP_OPTIONS) --quiet --require-hashes --requirement $<
	@touch $@

$(BIN)/pip:
	@infra/deploy/make-venv "$(PYTHON)" "$(VENV)"
