# Everything runs in .venv, which 'setup' makes from the lock. 'make help' lists the targets.
PYTHON ?= $(shell command -v python3.11 || command -v python3)
BIN := .venv/bin
READY := .venv/.ready

.DEFAULT_GOAL := help
.PHONY: help setup demo test test-fast check lock compile clean

help:  ## list the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*##/\t/' | expand -t 12

setup: $(READY)  ## make .venv with the locked packages

$(READY): requirements.lock pyproject.toml
	$(PYTHON) -c 'import sys; v = sys.version_info; sys.exit(None if v >= (3, 11) else f"Python 3.11 or newer is needed, not {v.major}.{v.minor}: set PYTHON=")'
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

demo: setup  ## prepare, train, evaluate, add a modality, search: on embedded examples
	$(BIN)/python -m examples.digits.demo

test: setup  ## all tests
	$(BIN)/python -m pytest

test-fast: setup  ## the tests that take seconds
	$(BIN)/python -m pytest -m 'not slow and not server'

check: setup  ## lint, types, import direction, compiled pipelines
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/python -m pytest -q tests/test_import_direction.py

lock: setup  ## renew requirements.lock from pyproject.toml
	$(BIN)/uv pip compile pyproject.toml --all-extras --python-version 3.11 --no-header \
	  --annotation-style line --output-file requirements.lock

clean:  ## remove what the targets above have made
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis build *.egg-info examples/*/data examples/*/.sdml
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
