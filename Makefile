# Everything runs in .venv, which 'setup' makes from the lock. 'make help' lists the targets.
PYTHON ?= $(shell command -v python3.11 || command -v python3)
BIN := .venv/bin
READY := .venv/.ready
COMPILE := $(BIN)/uv pip compile --python-version 3.11 --no-header --quiet --annotation-style line

IN_IMAGES := --constraint requirements.lock --python-platform x86_64-manylinux_2_28

.DEFAULT_GOAL := help
.PHONY: help setup demo test test-fast check manifests compile lock image image-check clean

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

PYTEST = $(BIN)/python -m pytest --numprocesses logical --maxprocesses 4 --dist loadfile --no-loadscope-reorder

test: setup  ## all tests
	$(PYTEST)

test-fast: setup  ## the tests that take seconds
	$(PYTEST) -m 'not slow and not server'

check: setup  ## lint, types, import direction, compiled pipelines
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/python -m pytest -q tests/test_import_direction.py

manifests: setup  ## build the Kubernetes manifests, validate them for 1.30 to 1.36, scan them
	$(BIN)/python -m k8s.check

compile: setup  ## compile the kept pipelines again
	$(BIN)/python -m pipelines.compiled

lock: setup  ## renew requirements.lock from pyproject.toml, and the images' locks from it
	$(COMPILE) pyproject.toml --all-extras --output-file requirements.lock
	sed -i.old -E '/^(cuda-|nvidia-|triton)/d' requirements.lock && rm requirements.lock.old  # pinned by torch
	$(COMPILE) pyproject.toml --extra extract --extra tracking --extra pipelines $(IN_IMAGES) \
	  --output-file docker/requirements.lock
	$(COMPILE) docker/mlflow/requirements.in $(IN_IMAGES) --output-file docker/mlflow/requirements.lock

IMAGE_TAG ?= 0.1.0
BASE_IMAGE ?= python:3.11-slim
TARGET ?= cpu
DOCKER ?= docker
IMAGE_FLAGS ?=
BUILD = $(DOCKER) build $(IMAGE_FLAGS) --build-arg BASE_IMAGE=$(BASE_IMAGE) --build-arg VERSION=$(IMAGE_TAG) \
  --build-arg REVISION=$$(git rev-parse HEAD 2>/dev/null || echo unknown)

image:  ## build sdml:IMAGE_TAG-TARGET (TARGET=cpu or gpu) and sdml-mlflow:IMAGE_TAG
	$(BUILD) --file docker/Dockerfile --target $(TARGET) --tag sdml:$(IMAGE_TAG)-$(TARGET) .
	$(BUILD) --file docker/mlflow/Dockerfile --tag sdml-mlflow:$(IMAGE_TAG) .

image-check: setup  ## build the images and try them for real (Docker, or root and dockerd)
	DOCKER=$(DOCKER) PYTHONPATH=docker $(BIN)/python -m check --base $(BASE_IMAGE) --tag $(IMAGE_TAG) \
	  --target $(TARGET) $(CHECK_FLAGS)

clean:  ## remove what the targets above have made
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis build *.egg-info examples/*/data examples/*/.sdml
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
