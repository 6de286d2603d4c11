# The two commands of the README: `make ingest` and `make test`. Each sets up what it needs.
SHELL := /bin/bash
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# One more than processors: most tests wait for processes that wait for each other.
WORKERS = $(shell echo $$(($$(getconf _NPROCESSORS_ONLN) + 1)))

.PHONY: help ingest test quick check format docker-test soak mutants requirements clean

help: ## Show this help
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 16

ingest: $(VENV)/.runtime ## Ingest the sample knowledge base (against the simulator if there is no key)
	@if [[ -n "$$GOOGLE_API_KEY$$GEMINI_API_KEY" ]] || grep -qsE '^(GOOGLE|GEMINI)_API_KEY=.+' .env; then simulate=; \
	else simulate=--simulate; echo "no GOOGLE_API_KEY: using the built-in simulator"; fi; \
	$(BIN)/python scripts/ingest.py examples/knowledge_base $$simulate $(ARGS)

test: $(VENV)/.dev ## Run the tests
	$(BIN)/python -m pytest -n $(WORKERS) --dist worksteal -m "not docker and not slow" $(ARGS)

quick: $(VENV)/.dev ## Run the unit and contract tests, in little more than a minute
	$(BIN)/python -m pytest -n $(WORKERS) --dist worksteal -m "not docker and not slow" \
	  tests/unit tests/contract $(ARGS)

check: $(VENV)/.dev ## Everything that has to hold: lint, types, import contracts, tests
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo
	$(MAKE) test

format: $(VENV)/.dev ## Format the code
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

docker-test: $(VENV)/.dev ## Build and run the images (needs a Docker host)
	$(BIN)/python -m pytest -m docker tests/docker $(ARGS)

soak: $(VENV)/.dev ## The long tests: minutes, by hand
	$(BIN)/python -m pytest -m slow $(ARGS)
	HYPOTHESIS_PROFILE=search $(BIN)/python -m pytest tests/unit $(ARGS)

mutants: $(VENV)/.dev ## Which changes of the code no quick test notices (ARGS: names of mutants)
	$(BIN)/pip install --quiet mutmut==3.8.1
	$(BIN)/mutmut run $(ARGS)
	$(BIN)/mutmut results

requirements: $(VENV)/.dev ## Pin the requirements anew
	$(BIN)/pip install --quiet uv
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --no-header --no-annotate \
	  --no-emit-index-url --upgrade requirements.in --output-file requirements.txt
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --no-header --no-annotate \
	  --no-emit-index-url --upgrade requirements-dev.in --output-file requirements-dev.txt
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --no-header --no-annotate \
	  --no-emit-index-url --upgrade --constraint requirements.txt requirements-plots.in \
	  --output-file requirements-plots.txt
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --no-header --no-annotate \
	  --no-emit-index-url --upgrade --constraint requirements.txt requirements-ocr.in \
	  --output-file requirements-ocr.txt

clean: ## Remove the environment and caches; stores, logs and reports stay
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "Waypoint needs Python 3.11 or newer: make PYTHON=python3.12 …"; exit 1; }
	$(PYTHON) -m venv $(VENV)

# Not compiled: half of it is never loaded, and Python compiles the rest when it is.
$(VENV)/.runtime: requirements.txt | $(VENV)/bin/python
	$(BIN)/pip install --quiet --disable-pip-version-check --no-compile -r requirements.txt
	@# `waypoint`: a path to this folder, not a copy of it.
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps \
	  --config-settings editable_mode=compat --editable .
	@touch $@

$(VENV)/.dev: requirements-dev.txt $(VENV)/.runtime
	$(BIN)/pip install --quiet --disable-pip-version-check --no-compile -r requirements-dev.txt
	@touch $@
