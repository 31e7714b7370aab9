# Two commands from a fresh clone: `make demo` and `make test`. Both need Python >= 3.11 only.
PYTHON ?= python3
BIN := .venv/bin

.PHONY: demo test clean

demo: .venv/run.stamp
	$(BIN)/hepatica demo -o out/demo --overwrite

test: .venv/dev.stamp
	$(BIN)/ruff check src tests
	$(BIN)/ruff format --check src tests
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/pytest

.venv/bin/pip:
	$(PYTHON) -m venv .venv

.venv/run.stamp: pyproject.toml constraints.txt | .venv/bin/pip
	$(BIN)/pip install -q -c constraints.txt -e .
	touch $@

.venv/dev.stamp: pyproject.toml constraints.txt | .venv/bin/pip
	$(BIN)/pip install -q -c constraints.txt -e '.[train,dev]'
	touch $@ .venv/run.stamp

clean:
	rm -rf .venv out/demo
