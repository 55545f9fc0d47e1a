# `make search`: a first search, from nothing to a Pareto front. `make test`: lint, types and all tests.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.PHONY: search test

search: $(VENV)/.installed
	$(BIN)/ganetic search quick

test: $(VENV)/.installed-test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/pytest

$(BIN)/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/.installed: pyproject.toml | $(BIN)/python
	$(BIN)/python -m pip install --quiet --editable .
	touch $@

$(VENV)/.installed-test: pyproject.toml | $(BIN)/python
	$(BIN)/python -m pip install --quiet --editable '.[test]'
	touch $@ $(VENV)/.installed
