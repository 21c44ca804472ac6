# Two commands do all the set-up on a fresh machine: `make demo` and `make test`.
PYTHON ?= python3
VENV   ?= .venv
RUN    := $(VENV)/bin
READY  := $(VENV)/.ready

.DEFAULT_GOAL := help
.PHONY: help setup demo check test learn bench report docs clean

help:    ## show this list
	@grep -E '^[a-z]+: .*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 10

setup: $(READY)  ## create the virtual environment from requirements.lock

$(READY): requirements.lock setup.cfg pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(RUN)/pip install --quiet --disable-pip-version-check -r requirements.lock
	$(RUN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

demo: $(READY)  ## fine-tune the bundled model on the bundled GLUE sample, print the scores, write the report
	rm -rf runs/demo
	$(RUN)/t2t train --mix glue --source sample --minutes 3 --out runs/demo

check: $(READY)  ## format, lint, types and layers
	$(RUN)/ruff format --check .
	$(RUN)/ruff check .
	$(RUN)/mypy
	$(RUN)/pytest tests/test_layers.py

test: check  ## what CI runs: check, then every test that is not slow
	$(RUN)/pytest -n 2

learn: $(READY)  ## the slow tests: learning, kills, long properties (half an hour on two cores)
	$(RUN)/pytest -m slow -s

bench: $(READY)  ## t2t beside the Hugging Face Trainer and generate; CASE=all for every case
	$(RUN)/t2t bench $(if $(CASE),--case $(CASE)) --json runs/bench/bench.json --out runs/bench/bench.md

report: $(READY)  ## print the demo's scores and write its report anew
	$(RUN)/t2t report runs/demo

docs: $(VENV)/.docs  ## the documentation as a site that opens from disk: site/index.html
	$(RUN)/mkdocs build

$(VENV)/.docs: $(READY)
	$(RUN)/pip install --quiet --disable-pip-version-check --no-build-isolation -c requirements.lock -e ".[docs]"
	@touch $@

clean:   ## remove the environment, caches, runs and the site
	rm -rf $(VENV) runs site build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
