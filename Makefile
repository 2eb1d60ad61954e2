# make            what there is
# make demo       a fresh machine to a running demo
# make test       a fresh machine to a tested project
# Stdout belongs to what a verb is asked for: setting up talks on stderr.
SHELL := /bin/bash
.DEFAULT_GOAL := help
PYTHON ?= python3
BIN := .venv/bin
ARGS ?=
NAME ?= gateway

export OMP_NUM_THREADS ?= 1

help: ## this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 12

.venv/.uv: requirements/bootstrap.txt
	@echo "making the environment in .venv" >&2
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Foreroute needs Python 3.11 or newer; this is " + sys.version.split()[0] + ". Try: make PYTHON=python3.12")' >&2
	@$(PYTHON) -m venv .venv >&2
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/bootstrap.txt >&2
	@touch $@

.venv/.demo: .venv/.uv requirements/demo.txt pyproject.toml
	@echo "installing what the demo needs (pinned, hashed)" >&2
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --require-hashes -r requirements/demo.txt >&2
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation --editable . >&2
	@touch $@

.venv/.dev: .venv/.demo requirements/dev.txt
	@echo "installing what development needs (pinned, hashed)" >&2
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --require-hashes -r requirements/dev.txt >&2
	@touch $@

setup: .venv/.dev ## the environment with everything that development needs

demo: .venv/.demo ## set up, then run the demo (ARGS="--headless --seconds 90 --json")
	@$(BIN)/foreroute demo $(ARGS)

services: .venv/.dev ## what the tests need from the system's packages (says what it could not get)
	@$(BIN)/python scripts/test_services.py

test: .venv/.dev services ## set up, then run all tests with coverage
	@$(BIN)/pytest --cov --cov-report=term:skip-covered $(ARGS)

check: .venv/.dev ## lint, format, types, import contracts, fresh generated files
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-logo
	@$(BIN)/python scripts/generate.py --check

fix: .venv/.dev ## lint and format what a tool can fix; regenerate schema and reference pages
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .
	@$(BIN)/python scripts/generate.py

bench: .venv/.dev ## one benchmark of bench/: make bench NAME=gateway ARGS="--json --quick"
	@$(BIN)/python -m bench $(NAME) $(ARGS)

docs: .venv/.dev ## regenerate the reference pages and the screenshots
	@$(BIN)/python scripts/generate.py
	@$(BIN)/python scripts/screenshots.py

lock: .venv/.uv ## resolve the pinned, hashed dependencies again
	$(BIN)/uv pip compile --quiet --generate-hashes --python-version 3.11 --no-header --extra stats --group build -c requirements/constraints.in pyproject.toml -o requirements/demo.txt
	$(BIN)/uv pip compile --quiet --generate-hashes --python-version 3.11 --no-header --extra alerts --extra aws --extra azure --extra bills --extra compare --extra cost --extra gcp --extra geo --extra ml --extra postgres --extra redis --extra report --extra stats --group build --group dev -c requirements/demo.txt pyproject.toml -o requirements/dev.txt
	$(BIN)/uv pip compile --quiet --generate-hashes --python-version 3.11 --no-header --extra geo --extra ml --extra otel --extra postgres --extra redis --extra stats --group build -c requirements/dev.txt pyproject.toml -o requirements/image.txt
	$(BIN)/uv pip compile --quiet --generate-hashes --python-version 3.11 --no-header requirements/deploy.in -o requirements/deploy.txt
	$(BIN)/uv pip compile --quiet --generate-hashes --python-version 3.11 --no-header requirements/llama-index.in -o requirements/llama-index.txt
	$(BIN)/uv pip compile --quiet --generate-hashes --python-version 3.11 --no-header pyproject.toml requirements/adapters.in -o requirements/adapters.txt
	$(BIN)/uv pip compile --quiet --generate-hashes --python-version 3.11 --no-header pyproject.toml requirements/ray.in -o requirements/ray.txt
	$(BIN)/uv pip compile --quiet --generate-hashes --python-version 3.11 --no-header --override requirements/models-overrides.txt pyproject.toml requirements/models.in -o requirements/models.txt

sbom: .venv/.dev ## the software bill of materials of what the image holds, in dist/sbom.cdx.json
	@$(BIN)/python scripts/sbom.py requirements/image.txt dist/sbom.cdx.json

wheel: .venv/.dev ## the wheel, the same bytes from the same sources, in dist/
	@SOURCE_DATE_EPOCH=1767225600 $(BIN)/hatchling build -t wheel

clean: ## remove the environment and what tests and tools left
	rm -rf .venv .clients .mypy_cache .ruff_cache .pytest_cache .hypothesis .coverage htmlcov dist

.PHONY: help setup demo services test check fix bench docs lock sbom wheel clean
