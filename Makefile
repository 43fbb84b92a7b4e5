# `make help` lists the targets. All commands run in .venv, which `make setup` builds from
# requirements.lock.

.DEFAULT_GOAL := help
.PHONY: help setup train reproduce benchmark test test-slow test-exhaustive test-gpu test-floors gpu-check lint types docs site lines lock audit release-check clean

# Find or install uv; it selects a suitable Python.
UV := sh scripts/uv.sh
PY := .venv/bin/python
READY := .venv/.ready

# One worker for each core, with one torch thread each (tests/one_thread.py). The tests of a module run
# in one worker, since they share fixtures.
PYTEST := $(PY) -m pytest --numprocesses=logical --maxprocesses=8 --dist=loadscope

# Without this, albumentations asks the package index for its newest version on each import.
export NO_ALBUMENTATIONS_UPDATE := 1

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  %-13s %s\n", $$1, $$2 }' Makefile

setup: $(READY) ## build .venv with the locked packages; PYTHON=... names the interpreter

# The last command marks .venv as complete. If the mark is missing, because a set-up was interrupted,
# or if its Python no longer works, .venv is rebuilt.
$(READY): requirements.lock pyproject.toml scripts/uv.sh
	@test ! -L .venv || { echo "error: .venv is a link, and its packages would be replaced for others, too; remove it."; exit 2; }
	@$(UV) --version
	@test -f $@ \
		&& $(PY) -c 'import sys; assert (3, 11) <= sys.version_info < (3, 14)' 2>/dev/null \
		|| { rm -rf .venv && $(UV) venv --seed .venv; }
	@rm -f $@
	@$(UV) pip sync --python $(PY) --compile-bytecode --require-hashes requirements.lock
	@$(UV) pip install --python $(PY) --no-deps --editable .
	@touch $@

train: setup ## train a model; ARGS="..." are the configuration's overrides
	$(PY) src/train.py $(ARGS)

reproduce: setup ## make the paper's tables and figures; PROFILE=smoke, small, study or paper
	$(PY) src/reproduce.py profile=$(or $(PROFILE),smoke) $(ARGS)

benchmark: setup ## measure the speed of each part; ARGS="parts=[loss]", "full=true"
	$(PY) src/benchmark.py $(ARGS)

test: setup ## run the fast tests; ARGS="..." go to pytest
	$(PYTEST) -m "not slow and not gpu" $(ARGS)

# Status 5 of pytest means that no test was selected.
test-slow: setup ## run the slow tests; ARGS="..." go to pytest
	$(PYTEST) -m "slow and not exhaustive" $(ARGS) || test $$? -eq 5

# All backbones, all moments of a kill, and so on: about half an hour, before a release.
test-exhaustive: setup ## run the tests that CI leaves to every week; ARGS="..." go to pytest
	$(PYTEST) -m exhaustive $(ARGS)

# They share one GPU, each process with a context of its own.
test-gpu: setup ## run the tests that need a GPU (goal: under 4 minutes); ARGS="..." go to pytest
	$(PY) -m pytest --numprocesses=logical --maxprocesses=4 -m gpu tests/gpu $(ARGS)

gpu-check: setup ## check and measure a GPU within 9 minutes; ARGS="--parts environment tests"
	$(PY) scripts/gpu_check.py $(ARGS)

# The tools of the tests are the locked ones, the packages the oldest that pyproject.toml allows, which
# newer dependencies of theirs may call deprecated.
FLOORS := .venv-floors
TOOLS := furo|hypothesis|ipykernel|latex2mathml|mapie|myst-nb|nbclient|psutil|pytest|pytest-xdist
TOOLS := $(TOOLS)|pytorch-metric-learning|ruff|selenium|sphinx

test-floors: ## run the fast tests with the lowest versions of all packages; ARGS="..." go to pytest
	$(UV) venv --clear $(FLOORS)
	grep -oE '^($(TOOLS))==[^ ]+' requirements.lock > $(FLOORS)/tools.txt
	$(UV) pip install --python $(FLOORS) --resolution lowest-direct --requirement $(FLOORS)/tools.txt \
		--requirement pyproject.toml $(EXTRAS)
	$(UV) pip install --python $(FLOORS) --no-deps --editable .
	$(FLOORS)/bin/python -m pytest --numprocesses=logical --maxprocesses=8 --dist=loadscope \
		-W default::DeprecationWarning -W default::PendingDeprecationWarning -W default::FutureWarning \
		-m "not slow and not gpu" $(ARGS)

lint: setup ## check style and formatting
	$(PY) -m ruff check src benchmarks tests scripts examples
	$(PY) -m ruff format --check src benchmarks tests scripts examples

types: setup ## check types
	$(PY) -m mypy

docs: setup ## write docs/configuration.md from conf/
	$(PY) scripts/configuration

# Links to other hosts are not followed, since nothing here asks the network.
site: setup ## build the documentation in build/site/html; NOTEBOOKS=off leaves out their outputs
	NOTEBOOKS=$(or $(NOTEBOOKS),cache) $(PY) scripts/site

lines: setup ## write the table of lines per package into CONTRIBUTING.md
	$(PY) scripts/lines.py

EXTRAS := $(addprefix --extra ,sweep export medmnist dicom heic peft tensorboard timm)

lock: ## write requirements.lock from pyproject.toml; ARGS=--upgrade takes newer versions
	$(UV) pip compile --quiet --universal --generate-hashes --no-emit-index-url \
		--extra dev --extra docs $(EXTRAS) --python-version 3.11 --custom-compile-command "make lock" \
		--output-file requirements.lock $(ARGS) pyproject.toml

audit: ## check the locked packages for known vulnerabilities, with PyPI's service
	@$(UV) tool run pip-audit --strict --disable-pip --requirement requirements.lock

# twine and cyclonedx-bom run in environments of their own.
release-check: setup ## build the release and check it; nothing is tagged or uploaded
	rm -rf dist
	$(UV) build --quiet
	$(UV) tool run --quiet twine check --strict dist/*
	$(UV) tool run --quiet --from cyclonedx-bom cyclonedx-py requirements --pyproject pyproject.toml \
		--output-reproducible --output-file dist/components.cdx.json requirements.lock
	$(PY) scripts/release_check.py

clean: ## remove the environment and the tools' caches, but no data and no results
	rm -rf .venv .venv-floors .venv-tools .mypy_cache .pytest_cache .ruff_cache build dist
	rm -rf src/*.egg-info
	find src benchmarks tests -name __pycache__ -type d -prune -exec rm -rf {} +
