# Everything that a developer or a packager types; `make` alone lists it. Needs git, make, python3 and python3-venv.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DELETE_ON_ERROR:
.DEFAULT_GOAL := help

# Tests begin hundreds of processes, each of which would compile all of nvmed again.
unexport PYTHONDONTWRITEBYTECODE

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet
# The version of uv that writes the lock: another one may sort or mark it differently.
UV_VERSION := 0.13.9
# The environment is current while this file exists: its name is a hash of all that decides what is in it.
INSTALLED := $(VENV)/.installed-$(shell cat requirements.lock pyproject.toml | sha256sum | cut -c 1-16)

PROTO_BASELINE := proto/baseline.binpb

##@ To see and to check

.PHONY: help
help: ## List what there is to make
	@awk '/^##@/ {printf "\n%s\n", substr($$0, 5)} \
	    /^[a-z-]+:.*## / {name = $$1; for (i = 2; $$i != "##"; i++) if ($$i ~ /\// && (getline line < $$i) < 0) next; \
	        text = $$0; sub(/.*## /, "", text); printf "  make %-15s %s\n", substr(name, 1, length(name) - 1), text}' \
	    $(MAKEFILE_LIST)

.PHONY: demo
demo: setup scripts/demo ## Start a daemon with two simulated drives, list them, save a telemetry log
	@scripts/demo

.PHONY: fleet-demo
fleet-demo: setup scripts/fleet-demo ## Update 20 simulated hosts in waves, kill everything in the middle, go on
	@scripts/fleet-demo

.PHONY: test
test: setup ## Unit, rpc and process tests: no root, no hardware (PYTEST_ARGS="-k telemetry -x")
	$(BIN)/python -m pytest $(PYTEST_ARGS)

.PHONY: fleet-test
fleet-test: setup tests/fleet/conftest.py ## Campaigns over simulated hosts on a real engine, with everything killed once
	$(BIN)/python -m pytest tests/fleet -n 2 --dist loadfile $(PYTEST_ARGS)

.PHONY: fleet-cluster
fleet-cluster: setup tests/fleet/cluster_drill.py ## The same on three nodes of Temporal with PostgreSQL, one of them killed
	$(BIN)/python -m pytest tests/fleet/cluster_drill.py $(PYTEST_ARGS)

.PHONY: vm-test
vm-test: setup tests/vm/run ## The same code on a real kernel in QEMU: root, no KVM needed
	tests/vm/run $(VM_ARGS)

.PHONY: bench
bench: setup bench/__main__.py ## Speed and memory, as ratios
	$(BIN)/python -m bench $(BENCH_ARGS)

.PHONY: vm-bench
vm-bench: setup ## Speed on a real kernel in QEMU, as ratios to nvme-cli: root (ROUNDS=3)
	$(BIN)/python -m tests.vm.bench $(ROUNDS)

.PHONY: robustness
robustness: setup ## A real daemon under attack and among faults: what is promised holds; or for long (MINUTES=60 SEED=1)
	$(BIN)/python -m $(if $(MINUTES),tests.robustness.rounds --minutes $(MINUTES) --seed $(or $(SEED),1) $(ROBUSTNESS_ARGS),pytest tests/robustness $(PYTEST_ARGS))

.PHONY: soak
soak: setup tests/robustness/soak.py ## Requests of every method by the hundred thousand: no fault, no leak (REQUESTS=1000000 SEED=1)
	$(BIN)/python -m tests.robustness.soak --requests $(or $(REQUESTS),1000000) --seed $(or $(SEED),1) $(SOAK_ARGS)

.PHONY: vopr
vopr: setup tests/vopr/__main__.py ## A host's months in minutes, from a seed that replays them: crashes, power cuts, bad drives (RUNS=10 HOURS=24 SEED=1)
	$(BIN)/python -m tests.vopr --seed $(or $(SEED),1) --runs $(or $(RUNS),10) --hours $(or $(HOURS),24) $(VOPR_ARGS)

.PHONY: mutants
mutants: setup tests/mutants/by_hand.py ## Break nvmed on purpose and see a test say so (COUNT=20 more, drawn by SEED=1)
	$(BIN)/python -m tests.mutants --count $(or $(COUNT),0) --seed $(or $(SEED),1) $(MUTANTS_ARGS)

.PHONY: fuzz
fuzz: setup ## Property tests with many more examples (EXAMPLES=500 SEED=1)
	FUZZ_EXAMPLES=$(or $(EXAMPLES),500) $(BIN)/python -m pytest tests/unit $(wildcard tests/rpc tests/fuzz) -m hypothesis --timeout 240 \
	    --hypothesis-profile fuzz --hypothesis-seed $(or $(SEED),$(shell echo $$RANDOM)) $(PYTEST_ARGS)

.PHONY: clients
clients: setup clients/run ## Build the clients in other languages and run each against a daemon
	clients/run $(CLIENTS_ARGS)

.PHONY: docs-test
docs-test: setup tests/docs/tools ## What documents tell people to type, with the tools of others that some of it needs (Go)
	tests/docs/tools
	DOCS_COMPLETE=1 $(BIN)/python -m pytest tests/docs $(PYTEST_ARGS)

.PHONY: docs
docs: setup scripts/build_site.py ## The documentation as a site in dist/site; fails on what leads nowhere (VERSION=1.2.0)
	$(BIN)/python scripts/build_site.py $(VERSION)

.PHONY: docs-serve
docs-serve: setup scripts/build_site.py ## The same on a port of this machine, anew at each change
	$(BIN)/python scripts/build_site.py --serve

.PHONY: packages
packages: setup packaging/run ## Build the packages and install them where they belong
	packaging/run $(PACKAGES_ARGS)

.PHONY: ansible
ansible: setup packaging/ansible/check ## Check the Ansible collection: its sanity tests, and a play over 20 simulated hosts
	packaging/ansible/check

.PHONY: kubernetes
kubernetes: setup packaging/kubernetes/check ## Check the Helm chart and the manifests: helm, kubeconform, no cluster (Go)
	packaging/kubernetes/check

##@ To work on it

.PHONY: setup
setup: $(INSTALLED) ## Make .venv as requirements.lock says (nothing to do while it is current)

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and f"nvmed needs Python 3.11 or later: {sys.executable} is {sys.version}")'
	@echo "Making $(VENV) from requirements.lock: a minute or two, once."
	$(PYTHON) -m venv --clear $(VENV)

$(INSTALLED): $(BIN)/python
	$(PIP) install --require-hashes -r requirements.lock
	$(PIP) install --no-deps --no-build-isolation --editable .
	@rm -f $(VENV)/.installed-*
	@touch $@

.PHONY: format
format: setup ## Format the code and the contract, mend what can be mended
	$(BIN)/ruff check --fix
	$(BIN)/ruff format
	$(BIN)/buf format --write proto

LINTS := lint-code lint-imports lint-types lint-proto lint-api lint-docs lint-site lint-shell

.PHONY: lint $(LINTS)
lint: $(LINTS) ## Everything that can be checked without running it

lint-code: setup
	$(BIN)/ruff check
	$(BIN)/ruff format --check

lint-imports: setup
	$(BIN)/lint-imports --no-logo --cache-dir .cache/import-linter

lint-types: setup
	$(BIN)/mypy
	scripts/verify_types

lint-proto: setup
	$(BIN)/buf lint
	$(BIN)/buf format --diff --exit-code proto
	$(BIN)/buf breaking proto --against $(PROTO_BASELINE)
	$(BIN)/python scripts/generate_proto.py --check
	$(BIN)/python scripts/generate_contract.py --check

lint-api:
	scripts/lint_api

lint-docs: setup
	$(BIN)/python scripts/generate_error_docs.py --check
	$(BIN)/python scripts/generate_reference.py --check
	$(BIN)/python scripts/generate_service_docs.py --check
	$(BIN)/python scripts/draw_rooms.py --check

lint-site: docs

lint-shell: setup
	scripts/lint_shell

.PHONY: proto
proto: setup ## Generate nvmed/v1 from proto/, and docs/reference, errors.md, configure.md, metrics.md, rooms.svg from it and the code
	$(BIN)/python scripts/generate_proto.py
	$(BIN)/python scripts/generate_contract.py
	$(BIN)/python scripts/generate_error_docs.py
	$(BIN)/python scripts/generate_reference.py
	$(BIN)/python scripts/generate_service_docs.py
	$(BIN)/python scripts/draw_rooms.py
	@git diff --quiet HEAD -- proto || echo "The clients' stubs are due too: clients/run --generate (needs Go, Node.js and Rust)"

.PHONY: proto-release
proto-release: setup ## Before a release: keep the contract as the one that later ones must not break
	$(BIN)/buf build proto --exclude-source-info --output $(PROTO_BASELINE)
	$(BIN)/python scripts/freeze_contract.py
	$(BIN)/python scripts/generate_reference.py

.PHONY: lock
lock: ## Write requirements.lock anew from pyproject.toml (LOCK_ARGS=--upgrade takes what is newest)
	@test -x .cache/uv-$(UV_VERSION)/bin/uv || { $(PYTHON) -m venv .cache/uv-$(UV_VERSION) && \
	    .cache/uv-$(UV_VERSION)/bin/pip install --quiet uv==$(UV_VERSION); }
	scripts/lock .cache/uv-$(UV_VERSION)/bin/uv $(LOCK_ARGS)

.PHONY: clean
clean: ## Remove what was made here: .venv, caches, build results
	rm -rf $(VENV) .cache .mypy_cache .pytest_cache .ruff_cache .hypothesis dist
	find . -name __pycache__ -prune -exec rm -rf {} +
