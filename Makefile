# Two commands do all the set-up on a fresh machine: `make demo` and `make test`.
PYTHON ?= python3
VENV   ?= .venv
RUN    := $(VENV)/bin
READY  := $(VENV)/.ready

.DEFAULT_GOAL := help
.PHONY: help setup demo check test learn promises bench report docs clean

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

promises: $(READY)  ## every promise of docs/reliability.md, the long part with it (an hour on two cores)
	$(RUN)/pytest -s -m "slow or not slow" tests/test_promises.py tests/test_durable.py tests/test_full_disk.py tests/test_checkpoint.py

bench: $(READY)  ## t2t beside the Hugging Face Trainer and generate; CASE=all for every case
	$(RUN)/t2t bench $(if $(CASE),--case $(CASE)) --json runs/bench/bench.json --out runs/bench/bench.md

report: $(READY)  ## print the demo's scores and write its report anew
	$(RUN)/t2t report runs/demo

docs: $(VENV)/.docs  ## the documentation as a site that opens from disk: site/index.html
	$(RUN)/mkdocs build

$(VENV)/.docs: $(READY)
	$(RUN)/pip install --quiet --disable-pip-version-check --no-build-isolation -c requirements.lock -e ".[docs]"
	@touch $@

# Security. Each tool is in an environment of its own, so that none of them comes into the product's.
.PHONY: audit fuzz hashes sbom
TOOLS   := $(VENV)-tools
MINUTES ?= 30

$(TOOLS)/.ready:
	$(PYTHON) -m venv $(TOOLS)
	$(TOOLS)/bin/pip install --quiet --disable-pip-version-check pip-audit==2.10.1 cyclonedx-bom==7.5.0 uv==0.13.9
	@touch $@

fuzz: $(READY)  ## fuzz every reader of outside data with atheris, MINUTES=30 each
	$(RUN)/pip install --quiet --disable-pip-version-check --upgrade --target $(VENV)/fuzz \
	  atheris==3.0.0 "fastapi>=0.115,<1" "uvicorn>=0.34,<1"
	for target in jsonl csv yaml template answers checkpoint model http; do \
	  PYTHONPATH=.:$(VENV)/fuzz $(RUN)/python tests/fuzz.py $$target --minutes $(MINUTES) || exit 1; done

sbom: $(READY) $(TOOLS)/.ready  ## list what is installed as runs/sbom.json (CycloneDX)
	mkdir -p runs
	$(TOOLS)/bin/cyclonedx-py environment --of JSON -o runs/sbom.json $(RUN)/python

audit: $(TOOLS)/.ready  ## look the locked versions up among known advisories (needs the network)
	$(TOOLS)/bin/pip-audit --strict --no-deps --disable-pip -r requirements.lock

# PyPI has no build of torch for CPUs alone under Linux: the sum is that of the one that the tests ran with.
CPU_TORCH := --hash=sha256:6746dbcbeb526eb61330b76b41ff1b4eb848951103a892eeb080dfa2b264667b
hashes: $(TOOLS)/.ready  ## write requirements.hashes: requirements.lock with the sums of its files (needs the network)
	rm -f requirements.hashes  # its sums would be kept
	$(TOOLS)/bin/uv pip compile --quiet --generate-hashes --no-deps --no-header --no-annotate \
	  --index-url https://pypi.org/simple --python-version 3.11 requirements.lock -o requirements.hashes
	sed -i -E 's/^(torch==[^ ]+).*/\1+cpu ; platform_system == "Linux" $(CPU_TORCH)\n\1 ; platform_system != "Linux" \\/' \
	  requirements.hashes

clean:   ## remove the environments, caches, runs and the site
	rm -rf $(VENV) $(TOOLS) runs site build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
