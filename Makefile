# `make search`: a first search, from nothing to a Pareto front and a page about it.
# `make quick`: lint, types and the quick tests. `make test`: all tests but the slow ones. `make test-slow`: those.
# `make docs`: writes the generated pages of docs/reference again and builds the site into site/.
# `make gpu-check`: on a machine with a CUDA device, all that needs one; writes the table of docs/gpu.md, in about an hour.
# `make test-lowest`: all tests but the slow ones with the lowest versions that pyproject.toml allows.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
LOWEST := .venv-lowest

.PHONY: search quick test test-slow test-lowest gpu-check lint docs

search: $(VENV)/.installed
	$(BIN)/ganetic search quick
	$(BIN)/ganetic report

quick: lint
	$(BIN)/pytest -n 2 -m "not slow and not ray"

test: lint
	$(BIN)/pytest -m "not slow"

test-slow: $(VENV)/.installed-test
	$(BIN)/pytest -m slow --timeout 900

test-lowest: $(LOWEST)/.installed  # whose warnings, words for options, and Ray are those of their time
	$(LOWEST)/bin/python -m pytest -m "not slow" --override-ini filterwarnings= \
		--deselect tests/test_docs.py::test_a_generated_page_is_that_of_this_code \
		--deselect tests/jobs/test_deployments.py::test_the_ray_that_is_started_is_the_one_that_is_tested

gpu-check: $(VENV)/.installed-test
	$(BIN)/python -m analysis.gpu_check

lint: $(VENV)/.installed-test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

docs: $(VENV)/.installed-docs
	$(BIN)/python -m docs.tooling
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict

$(BIN)/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/.installed: pyproject.toml | $(BIN)/python
	$(BIN)/python -m pip install --quiet --editable .
	touch $@

$(VENV)/.installed-test: pyproject.toml | $(BIN)/python
	$(BIN)/python -m pip install --quiet --editable '.[test]'
	touch $@ $(VENV)/.installed

$(VENV)/.installed-docs: pyproject.toml | $(BIN)/python
	$(BIN)/python -m pip install --quiet --editable '.[docs]'
	touch $@ $(VENV)/.installed

$(LOWEST)/.installed: pyproject.toml tests/lowest.py
	$(PYTHON) -m venv $(LOWEST)
	$(PYTHON) tests/lowest.py > $(LOWEST)/constraints.txt
	$(LOWEST)/bin/python -m pip install --quiet --constraint $(LOWEST)/constraints.txt --editable '.[test]'
	touch $@
