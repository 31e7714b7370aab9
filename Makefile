# Two commands from a fresh clone: `make demo` and `make test`. Both need Python >= 3.11 only.
PYTHON ?= python3
BIN := .venv/bin
# A changed front end is built again.
WEB := $(shell find web packaging -name node_modules -prune -o -type f -print 2>/dev/null)

# What tests talk to (Debian's names): a DICOM conformance checker, an archive, a browser.
COMPONENTS := dicom3tools orthanc orthanc-dicomweb chromium

.PHONY: demo test test-slow pictures components clean

demo: .venv/run.stamp
	$(BIN)/hepatica demo -o out/demo --overwrite

test: .venv/dev.stamp components
	$(BIN)/ruff check src tests packaging benchmarks
	$(BIN)/ruff format --check src tests packaging benchmarks
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/pytest

test-slow: .venv/dev.stamp components
	$(BIN)/pytest -m slow

pictures: .venv/dev.stamp components
	$(BIN)/python -m tests.serve.browser.screenshots

components:
	@if command -v dciodvfy >/dev/null && [ -x /usr/sbin/Orthanc ] && command -v chromium >/dev/null; then :; \
	elif [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
	  apt-get -qq update && \
	  DEBIAN_FRONTEND=noninteractive apt-get -qq -y install --no-install-recommends $(COMPONENTS) \
	  || echo "$(COMPONENTS) could not be installed: the tests that need them will be skipped."; \
	else echo "$(COMPONENTS) are not installed: the tests that need them will be skipped."; fi

.venv/bin/pip:
	$(PYTHON) -m venv .venv

.venv/run.stamp: pyproject.toml constraints.txt $(WEB) | .venv/bin/pip
	$(BIN)/pip install -q -c constraints.txt -e .
	touch $@

.venv/dev.stamp: pyproject.toml constraints.txt $(WEB) | .venv/bin/pip
	$(BIN)/pip install -q -c constraints.txt -e '.[train,dev]'
	touch $@ .venv/run.stamp

clean:
	rm -rf .venv out/demo
