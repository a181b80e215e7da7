# `make help` lists the targets. Everything that is built or downloaded is cached under ~/.cache/estimator-operator.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
PYTHON_BIN := .venv/bin
export PATH := $(CURDIR)/$(PYTHON_BIN):$(PATH)
export TF_CPP_MIN_LOG_LEVEL ?= 3
# Each process of integration tests has an API server of its own.
SERVERS ?= $(shell cores=$$(getconf _NPROCESSORS_ONLN); echo $$((cores < 4 ? cores : 4)))
# Tests wait for processes half of their time, so there is one more at a time than there are cores.
JOBS ?= $(shell cores=$$(getconf _NPROCESSORS_ONLN); echo $$((cores < 8 ? cores + 1 : 8)))

.PHONY: help venv demo local test unit runtime integration conformance conformance-once conformance-long programs e2e e2e-short bench bench-operator bench-runtime bench-stores bench-sync matrix scale lint format generate constraints images image-gpu \
        apiserver-up apiserver-down kind-up kind-down clean

help: ## list the targets
	@grep -hE '^[a-z0-9-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  %-16s %s\n", $$1, $$2}'

venv: ## make .venv with everything (the other targets do it by themselves)
	@hack/venv

demo: venv ## a real cluster, Helm install, the digits example with live progress, its export asked for ten digits
	@hack/demo

local: venv ## the digits example as local processes, no cluster needed
	@rm -rf build/local
	@estimatorctl run examples/digits/job.yaml --model-dir build/local/model

test: lint unit runtime integration ## everything but kind: lint, unit, runtime and integration tests
	@echo "lint, unit, runtime and integration tests passed"

unit: venv ## unit tests: Python alone, seconds
	@hack/tier unit -n $(JOBS) --dist worksteal tests/unit

runtime: venv ## the Estimator, real training processes and an S3 server (built on first use, 4 minutes), minutes
	@hack/stores tools s3 >/dev/null
	@hack/tier runtime -n $(JOBS) --dist worksteal tests/runtime tests/conformance

integration: venv ## the operator against a real API server (built on first use, about 8 minutes)
	@hack/cluster apiserver tools
	@hack/tier integration -n $(SERVERS) --dist loadfile tests/integration

conformance: venv ## the same programs on tf.estimator 2.15 and here, and a table of what differs
	@python tests/conformance/conformance.py

conformance-once: venv ## the same without the repetitions with Keras 2 and without TensorFlow 2's behavior
	@python tests/conformance/conformance.py --once

conformance-long: venv ## the same with clusters of real processes and every argument of canned Estimators
	@python tests/conformance/conformance.py --long

programs: venv ## public libraries on tf.estimator with their own tests, on 2.15 and here; writes docs/libraries.md
	@python tests/programs/programs.py --write

e2e: venv ## real pods on a kind cluster (Docker, node image and images built on first use)
	@hack/e2e

e2e-short: venv ## the digits example on a kind cluster
	@hack/e2e -k test_digits

bench: venv ## side by side with peers; prints ratios
	@hack/cluster apiserver tools
	@failed=; for bench in tests/bench/bench_*.py; do echo "== $$bench"; python "$$bench" || failed=1; done; [[ -z $$failed ]]

bench-operator: venv ## the operator beside Kubeflow's training-operator (built on first use, 3 minutes), 12 minutes
	@hack/cluster apiserver tools
	@python tests/bench/bench_operator.py --write

bench-runtime: venv ## the runtime beside tf.estimator 2.15, with its limits; writes docs/benchmarks.md
	@python tests/bench/bench_runtime.py --write docs/benchmarks.md

bench-stores: venv ## a model directory in a bucket beside one on disk; writes docs/benchmarks.md (BENCH_MB=20: short, writes nothing)
	@hack/stores tools s3 >/dev/null
	@python tests/bench/bench_stores.py $(if $(BENCH_MB),--pairs 1 --megabytes $(BENCH_MB),--write docs/benchmarks.md)

bench-sync: venv ## synchronous training beside tf.estimator 2.15: speed, bytes on the wire; writes docs/benchmarks.md (BENCH_STEPS=60: short, writes nothing)
	@python tests/bench/bench_synchronous.py $(if $(BENCH_STEPS),--pairs 1 --steps $(BENCH_STEPS),--write docs/benchmarks.md)

matrix: venv ## each task of a synchronous training killed and stopped at each point: what is lost, and recovery times; 30 minutes
	@python tests/bench/bench_lost_tasks.py --write docs/benchmarks.md

scale: venv ## 2,000 jobs with 10,000 pods: memory, CPU, standstill, start-up, calls (SCALE_JOBS=200 for a tenth); large jobs
	@hack/cluster apiserver tools
	@python tests/scale/measure_fleet.py
	@pytest -q -s tests/scale

lint: venv ## ruff, mypy, import contract, generated files
	@ruff check .
	@ruff format --check .
	@mypy
	@lint-imports --no-logo
	@python -m estimator_api.crd --check
	@python -m estimator_api.reference --check

format: venv ## format the sources
	@ruff check --fix-only -q . && ruff format .

generate: venv ## write what is generated: the CRD, the chart's copy of it, and docs/reference
	@python -m estimator_api.crd
	@python -m estimator_api.reference

constraints: venv ## resolve constraints.txt anew
	@uv pip compile -q pyproject.toml --all-extras --group keras-2 --universal --python-version 3.11 --upgrade --no-header \
	  --no-annotate --no-emit-index-url --no-emit-find-links -o constraints.txt

images: venv ## build the operator and runtime images
	@hack/images operator runtime

image-gpu: venv ## build the GPU image (a download of 3 GB, 20 GB of disk) and check what is in it; needs no GPU
	@image=$$(hack/images runtime-gpu); echo "$$image"; \
	docker run --rm -i --network none --read-only --tmpfs /tmp -v "$$PWD/examples/digits:/code:ro" "$$image" python - \
	  < hack/gpu_image_contents.py

apiserver-up: ## etcd and kube-apiserver on this machine
	@hack/cluster apiserver up

apiserver-down: ## stop them
	@hack/cluster apiserver down

kind-up: ## a kind cluster
	@hack/cluster kind up

kind-down: ## delete it
	@hack/cluster kind down

clean: ## remove what the targets left in the checkout
	@rm -rf build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
