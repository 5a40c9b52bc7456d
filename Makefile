# make serve | test | lint | coverage-api | bench | clean
# VENV, PYTHON, WORKERS and ARGS may be set, as in: make test ARGS="tests/queue -x" WORKERS=0

VENV ?= .venv
WORKERS ?= 2
ARGS ?=
BIN := $(VENV)/bin
SETUP := VENV="$(VENV)" PYTHON="$(PYTHON)" tools/setup.sh

.PHONY: serve test lint coverage-api bench clean
.DEFAULT_GOAL := test

# The program with what it needs to run.
$(VENV)/.runtime: pyproject.toml tools/setup.sh
	@$(SETUP) . $@

# The same with what its tests and checks need.
$(VENV)/.develop: pyproject.toml tools/setup.sh
	@$(SETUP) ".[test,lint]" $@

serve: $(VENV)/.runtime
	@$(BIN)/postwright serve

test: $(VENV)/.develop
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

bench: $(VENV)/.develop
	@$(BIN)/python -m bench.accept
	@$(BIN)/python -m bench.deliver

clean:
	rm -rf build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis src/*.egg-info
	find src tests tools bench -name __pycache__ -type d -prune -exec rm -rf {} +
