# Two commands are enough: `make demo` to see it, `make test` to check it. `make help` lists the rest.
SHELL := /bin/bash
.DEFAULT_GOAL := help
PYTHON ?= python3
BIN := .venv/bin
NLU_PYTHON := nlu/.venv/bin/python
PYTEST_ARGS ?=

.PHONY: help setup demo test check train nlu-report chat desk digest mutants screens bench lock nlu-lock clean python-ok

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-9s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

python-ok:
	@command -v $(PYTHON) >/dev/null || { echo "python3 is missing. Install Python 3.11 (Debian: apt-get install python3 python3-venv)."; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11))' || { echo "Python 3.11 is needed (the language model has no wheels for others); $(PYTHON) is $$($(PYTHON) -V). Set PYTHON=/path/to/python3.11."; exit 1; }
	@$(PYTHON) -c 'import shutil, sys; sys.exit(shutil.disk_usage(".").free < 3.5 * 2**30)' || { echo "Less than 3.5 GB of disk are free; both environments need about 2.8 GB. Free some and try again."; exit 1; }

# The two environments need uv, and not each other: with -j2 they are made side by side.
$(BIN)/uv: requirements-dev.txt | python-ok
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv || { echo "Could not make .venv. On Debian: apt-get install python3-venv"; exit 1; }
	@sed -n '/^uv==/,/[^\\]$$/p' requirements-dev.txt > .venv/uv.txt
	@$(BIN)/python -m pip install -q --disable-pip-version-check --require-hashes -r .venv/uv.txt
	@touch $@

.venv/.made: requirements-dev.txt $(BIN)/uv
	@echo "[1/3] the desk's environment (.venv) …"
	@$(BIN)/uv pip install -q --compile-bytecode --python $(BIN)/python --require-hashes -r requirements-dev.txt
	@touch $@

nlu/.venv/.made: nlu/requirements.txt nlu/pyproject.toml | $(BIN)/uv
	@echo "[2/3] the language model's environment (nlu/.venv, about 2.2 GB) …"
	@test -x $(NLU_PYTHON) || $(PYTHON) -m venv nlu/.venv
	@cd nlu && ../.venv/bin/uv pip install -q --compile-bytecode --python .venv/bin/python --require-hashes -r requirements.txt
	@touch $@

setup: .venv/.made nlu/.venv/.made ## make both environments

train: nlu/.venv/.made ## train the language model if its data or pipeline changed
	@echo "[3/3] the language model …"
	@$(NLU_PYTHON) nlu/train.py

nlu-report: setup ## train and measure the pipelines side by side: nlu/REPORT.md (an hour)
	@$(BIN)/python nlu/report.py

demo: setup train ## the whole desk with a demo estate, on http://127.0.0.1:8080
	@$(BIN)/python -m bot demo

chat: setup train ## talk to the desk on the demo estate
	@$(BIN)/python -m bot chat

desk: setup ## the staff's terminal: see tickets and act on them
	@$(BIN)/python -m bot desk

digest: setup ## the supervisor's day
	@$(BIN)/python -m bot digest

check: .venv/.made ## lint, types, import rules, the office's files
	@$(BIN)/ruff check bot simulator tests nlu/train.py nlu/serve.py nlu/runner.py nlu/report.py nlu/components nlu/encoder benchmarks
	@$(BIN)/mypy bot simulator
	@$(BIN)/lint-imports
	@$(BIN)/python -m bot check

test: setup train check ## every test; what is skipped is printed with its reason
	@$(BIN)/python -m pytest -n 2 --dist loadgroup -rs $(PYTEST_ARGS)

mutants: .venv/.made ## alter triage, deadlines and tickets line by line: do the tests notice? (docs/mutants.md)
	@rm -rf mutants
	@$(BIN)/python -m mutmut run --max-children 1
	@$(BIN)/python -m mutmut results

screens: setup train ## take the pictures of docs/screens anew (needs chromium)
	@$(BIN)/python -m pytest tests/browser/screens.py -q

bench: setup train ## what a turn costs, without and with the language model, a tick over 100,000 rows, and each channel
	@$(BIN)/python -m benchmarks.turn
	@$(BIN)/python -m benchmarks.heard
	@$(BIN)/python -m benchmarks.channels

lock: .venv/.made ## renew requirements*.txt from pyproject.toml
	@$(BIN)/uv pip compile -q --generate-hashes --no-header --python-version 3.11 pyproject.toml -o requirements.txt
	@$(BIN)/uv pip compile -q --generate-hashes --no-header --extra dev --python-version 3.11 pyproject.toml -o requirements-dev.txt

nlu-lock: .venv/.made ## renew nlu/requirements.txt and nlu/encoder/requirements.txt
	@cd nlu && ../.venv/bin/uv pip compile -q --generate-hashes --no-header pyproject.toml -o requirements.txt
	@cd nlu/encoder && ../../.venv/bin/uv pip compile -q --generate-hashes --no-header --python-version 3.11 --python-platform x86_64-unknown-linux-gnu requirements.in -o requirements.txt

clean: ## remove the demo's database and logs (not the environments)
	@rm -rf var
