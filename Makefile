PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
# Processes of tests: one more than processors, because some tests wait for others to end.
WORKERS ?= 3
# What make locked installs: the newest versions, or those of .github/lowest.txt.
REQUIREMENTS ?= .github/requirements.txt
# Each process takes whole files, in the order of tests/conftest.py.
FILES := --dist loadfile --no-loadscope-reorder
# What measures time, without collecting all the other tests again.
ALONE := $(shell grep -rl --include='test_*.py' 'mark\.alone' tests)
STAMP := $(VENV)/.installed

# Some containers set it, and every process would compile all sources again.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: quick test test-long together install locked lint machine package bench gpu board docs picture clean

quick: install
	$(BIN)/tlbench run quick

# As workers have: with more, linear algebra spins while other tests have the processors.
test test-long together: export OMP_NUM_THREADS = 1

# What measures time runs last, with nothing beside it.
test:
	$(MAKE) --jobs machine lint
	$(MAKE) together
	$(BIN)/python -m pytest $(ALONE) -m "alone and not long" --durations=5

# Hundreds of examples of each property, and what takes minutes without showing more each time.
test-long: install machine
	$(BIN)/python -m pytest -n $(WORKERS) $(FILES) --hypothesis-profile many -m "not alone" --durations=20
	$(BIN)/python -m pytest $(ALONE) -m alone --durations=5

together: install
	$(BIN)/python -m pytest -n $(WORKERS) $(FILES) -m "not alone and not long" --durations=20

install: $(STAMP)

# torch goes first, so that the pinned build is chosen before anything else asks for one. Python
# compiles what is imported; all that is installed would be several times as much.
$(STAMP): pyproject.toml constraints.txt
	$(PYTHON) -c "import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14) and 'tlbench needs Python 3.11, 3.12 or 3.13; try: make PYTHON=python3.12')"
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --no-compile --constraint constraints.txt torch
	$(BIN)/python -m pip install --quiet --no-compile --constraint constraints.txt --editable '.[dev]'
	touch $(STAMP)

# The same from builds of known digests alone, as the workflows do. They are those of the public
# index, whose torch needs the libraries of CUDA; another build of torch has another digest.
locked:
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --require-hashes --requirement $(REQUIREMENTS)
	$(BIN)/python -m pip install --quiet --no-index --no-deps --no-build-isolation --editable .
	touch $(STAMP)

lint: install
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

# A C compiler makes the backbones faster, and some tests open pages in a browser. CI machines
# get both; elsewhere what is missing is done without, because make should not install system
# packages behind a user's back. The index of manual pages would take a minute.
machine:
ifdef CI
	-command -v chromium && command -v cc || { rm -f /var/lib/man-db/auto-update; apt-get update -qq && apt-get install -y -qq --no-install-recommends chromium gcc libc6-dev; }
endif

# The release in dist, after make locked REQUIREMENTS=.github/release.txt.
package: install
	rm -rf dist
	$(BIN)/python -m build --no-isolation
	$(BIN)/python -m twine check --strict dist/*

bench: install
	$(BIN)/python -m pytest benchmarks --benchmark-disable-gc --save-results -q

# Ten minutes on a GPU: right, and how fast? The results are in runs/gpu.
gpu: install
	PYTHONPATH=benchmarks $(BIN)/python -m gpu --out runs/gpu

# The site of the leaderboard, in leaderboard/site; tlbench board serve shows it.
board: install
	$(BIN)/tlbench board build

# The manual, in docs/build/html. Its notebooks are executed, and executed again if they change.
docs: install
	$(BIN)/python -c "import furo, myst_nb, sphinx" || $(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[docs]'
	OMP_NUM_THREADS=1 $(BIN)/python -m sphinx --fail-on-warning --keep-going --quiet -b html docs docs/build/html

# The figures of README and findings, made of published runs; needs chromium.
picture: install
	$(BIN)/python docs/picture.py

clean:
	rm -rf $(VENV) runs leaderboard/site docs/build docs/generated dist build .mypy_cache .ruff_cache .pytest_cache
