# One command an intention, the same for people and for CI. `make` alone tells them all.
#
# The environment is in .venv and needs Python 3.11 alone. Serving installs the `service` extra and never torch;
# `make test`, `make train` and the rest add to the same environment.

PORT ?= 3000
# Not from the environment: some shells keep the machine's name in HOST. 0.0.0.0 opens the service to the network.
HOST = 127.0.0.1
# Of twice the capacity, in `make soak`.
MINUTES = 2
# PyTorch's CPU wheels, so that nobody downloads CUDA for a laptop. For a GPU: TORCH_INDEX_URL=https://download.pytorch.org/whl/cu130
TORCH_INDEX_URL ?= https://download.pytorch.org/whl/cpu
PYTHON ?= $(shell command -v python3.11 || command -v python3)

export BENTOML_DO_NOT_TRACK ?= True
export TORCH_INDEX_URL

VENV := .venv
BIN := $(VENV)/bin
CREATED := $(VENV)/.created
SERVICE := $(VENV)/.service-installed
ALL := $(VENV)/.all-installed
BENCH := $(VENV)/.bench-installed
FUZZ := $(VENV)/.fuzz-installed
PIP_INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check
DENSE_VAE := runs/dense-vae
CHECKED := fashion service training tests scripts $(wildcard benchmarks)
# Tests that compute, and wait for nobody: several at once. The others talk to servers, and mind the time.
COMPUTING := tests/unit/fashion tests/unit/training

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help serve test test-slow check train seeds report verify-http bench soak fuzz image bento lock clean

help: ## tell what there is
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)
	@echo "Settings: PORT=$(PORT) HOST=$(HOST) BENTOML_HOME=$(or $(BENTOML_HOME),~/bentoml) TORCH_INDEX_URL=$(TORCH_INDEX_URL)"

serve: $(SERVICE) ## answer at http://HOST:PORT with the released models
	$(BIN)/python -m service.releases
	$(BIN)/bentoml serve --host $(HOST) --port $(PORT)

test: $(ALL) ## run the tests: units, HTTP, end to end, architecture
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -m "not slow" --numprocesses logical --maxprocesses 4 --dist worksteal $(COMPUTING)
	$(BIN)/python -m pytest -m "not slow" $(COMPUTING:%=--ignore=%)

test-slow: $(FUZZ) ## run the slow tests: container, browser, faults
	$(BIN)/python -m pytest -m slow

check: $(ALL) ## format, lint, types, import boundaries, locks, known vulnerabilities
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy $(CHECKED)
	$(BIN)/lint-imports
	$(BIN)/python scripts/lock.py check
	$(BIN)/python scripts/audit.py

train: $(ALL) ## train the default classifier and VAE
	$(BIN)/python -m training train classifier
	$(BIN)/python -m training train vae

seeds: $(ALL) ## train the systems of the five texts, and print their figures beside ours
	$(BIN)/python -m training seeds

report: $(ALL) $(DENSE_VAE)/artifact/manifest.json ## measure the released models on the test split, in minutes
	$(BIN)/python -m training report --beside $(DENSE_VAE)

# What the released VAE stands beside in the report: the recipe of text 002, trained once, here.
$(DENSE_VAE)/artifact/manifest.json: | $(ALL)
	$(BIN)/python -m training train dense-vae --no-figures --out $(DENSE_VAE) $(if $(wildcard $(DENSE_VAE)/last.ckpt),--resume)

verify-http: $(ALL) ## send test pictures to the service at HOST:PORT and hold its answers against the report
	$(BIN)/python -m benchmarks.over_http --url http://$(HOST):$(PORT)

bench: $(BENCH) ## measure the service beside its peers (BENCH_ARGS="--rounds 1 --seconds 1" for a short look)
	$(BIN)/python -m benchmarks $(BENCH_ARGS)

soak: $(ALL) ## overload, kill, promote, fill the disk …: every row of the reliability targets (MINUTES=30)
	$(BIN)/python -m benchmarks.soak --minutes $(MINUTES)

fuzz: $(FUZZ) ## send 12,000 odd requests to a server of two workers, and find no 5xx (FUZZ_ARGS="--requests 500")
	$(BIN)/python -m benchmarks.fuzz $(FUZZ_ARGS)

bento: $(SERVICE) ## build the Bento, with the models that `stable` names
	$(BIN)/python -m service.releases
	$(BIN)/bentoml build

image: $(SERVICE) ## build the container image, with docker or buildah
	$(BIN)/python -m service.releases
	PYTHON=$(BIN)/python docker/build

lock: $(CREATED) ## write locks/ anew from the newest versions that pyproject.toml allows
	$(PIP_INSTALL) packaging
	$(BIN)/python scripts/lock.py write

clean: ## remove caches and build outputs; the environment and the model store stay
	rm -rf build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache *.egg-info
	find . -name __pycache__ -not -path './$(VENV)/*' -type d -prune -exec rm -rf {} +

$(CREATED):
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11))' || \
		{ echo "Python 3.11 is needed, but '$(PYTHON)' is another. Say where it is: make PYTHON=/path/to/python3.11"; exit 1; }
	$(PYTHON) -m venv $(VENV)
	@touch $@

$(SERVICE): pyproject.toml locks/all.txt | $(CREATED)
	$(PIP_INSTALL) --constraint locks/all.txt --editable '.[service]'
	@touch $@

# torch comes alone and from its own index first: nothing else is then looked for there, and CUDA is never chosen.
$(ALL): pyproject.toml locks/all.txt | $(CREATED)
	$(PIP_INSTALL) --constraint locks/all.txt --no-deps --retries 1 --index-url $(TORCH_INDEX_URL) torch
	$(PIP_INSTALL) --constraint locks/all.txt --editable '.[service,tracing,training,dev]'
	@touch $(SERVICE) $@

$(BENCH): $(ALL)
	$(PIP_INSTALL) --constraint locks/all.txt --editable '.[service,tracing,training,dev,bench]'
	@touch $@

$(FUZZ): $(ALL)
	$(PIP_INSTALL) --constraint locks/all.txt --editable '.[service,tracing,training,dev,fuzz]'
	@touch $@
