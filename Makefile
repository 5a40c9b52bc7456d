# make serve | test | lint | panel | check-panel | coverage-api | compat | docs | bench | campaign | nightly | clean
# VENV, PYTHON, WORKERS and ARGS may be set, as in: make test ARGS="tests/queue -x" WORKERS=0, make bench ARGS=--quick

VENV ?= .venv
WORKERS ?= 2
ARGS ?=
BIN := $(VENV)/bin
SETUP := VENV="$(VENV)" PYTHON="$(PYTHON)" tools/setup.sh

PANEL := src/postwright/panel/built/index.html
PANEL_SOURCES := $(shell find web tools/build_panel.sh \( -name node_modules -o -name openapi.json -o -name schema.d.ts -o -name '*.md' \) -prune -o -type f -print)

.PHONY: serve test lint panel check-panel coverage-api compat docs bench campaign nightly clean
.DEFAULT_GOAL := test

# The program with what it needs to run.
$(VENV)/.runtime: pyproject.toml tools/setup.sh
	@$(SETUP) . $@

# The same with what its tests and checks need.
$(VENV)/.develop: pyproject.toml tools/setup.sh
	@$(SETUP) ".[test,lint]" $@

# The same with what the site of the documentation is made with.
$(VENV)/.docs: pyproject.toml tools/setup.sh
	@$(SETUP) ".[test,lint,docs]" $@

# The pages that the server serves. Node.js is needed for nothing else.
$(PANEL): $(PANEL_SOURCES)
	@tools/build_panel.sh
	@touch $@

panel: $(PANEL)

# The client's types, from what this source tree serves, and the panel's sources against them.
check-panel: $(VENV)/.develop
	@tools/build_panel.sh packages
	@$(BIN)/python tools/openapi.py > web/openapi.json
	@cd web && npm run --silent api </dev/null >/dev/null && npm run --silent check </dev/null

serve: $(VENV)/.runtime $(PANEL)
	@$(BIN)/postwright serve

test: $(VENV)/.develop $(PANEL)
	@$(BIN)/pytest -n $(WORKERS) --dist=worksteal $(ARGS)

lint: $(VENV)/.develop
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/mypy tools
	@$(BIN)/python tools/check_layers.py
	@$(BIN)/python tools/check_lines.py

coverage-api: $(VENV)/.develop
	@$(BIN)/python tools/coverage_api.py

# What official clients can do with a server: run them and write docs/compatibility.md.
compat: $(VENV)/.develop
	@$(BIN)/python -m tools.compat

# The site, in build/site.
docs: $(VENV)/.docs
	@NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet --site-dir build/site
	@echo "build/site/index.html"

bench: $(VENV)/.develop
	@$(BIN)/python -m bench $(ARGS)

# A server killed wherever it can die, and an account of all that it accepted.
MINUTES ?= 10
campaign: $(VENV)/.develop
	@$(BIN)/python -m bench.campaign --minutes $(MINUTES) $(ARGS)

# What takes too long for each change: EXAMPLES requests of each operation, MINUTES of the campaign.
EXAMPLES ?= 200
nightly: $(VENV)/.develop campaign
	@POSTWRIGHT_EXAMPLES=$(EXAMPLES) $(BIN)/pytest -n0 tests/contract/test_every_operation.py

clean:
	rm -rf build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis src/*.egg-info
	find src tests tools bench -name __pycache__ -type d -prune -exec rm -rf {} +
