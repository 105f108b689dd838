PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed

.PHONY: quick test install lint browser bench clean

quick: install
	$(BIN)/tlbench run quick

test: install lint browser
	$(BIN)/python -m pytest

install: $(STAMP)

# torch goes first, so that the pinned build is chosen before anything else asks for one.
$(STAMP): pyproject.toml constraints.txt
	$(PYTHON) -c "import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14) and 'tlbench needs Python 3.11, 3.12 or 3.13; try: make PYTHON=python3.12')"
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --constraint constraints.txt torch
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[dev]'
	touch $(STAMP)

lint: install
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

# One test opens the report in a browser. CI machines get one; elsewhere the test is skipped
# where there is none, because make should not install system packages behind a user's back.
browser:
ifdef CI
	-command -v chromium || { apt-get update -qq && apt-get install -y -qq --no-install-recommends chromium; }
endif

bench: install
	$(BIN)/python -m pytest benchmarks --benchmark-only

clean:
	rm -rf $(VENV) runs dist build .mypy_cache .ruff_cache .pytest_cache
