# Two commands do everything on a fresh machine with plain python3 >= 3.11: `make demo` and `make test`.
.PHONY: help demo test check format bench golden docs lock clean
.DEFAULT_GOAL := help

PYTHON ?= python3
BIN := .venv/bin
READY := .venv/.installed
SOURCES := src tests flows benchmarks

help:  ## Say what there is
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*##/\t/' | expand -t 10

$(READY): requirements.lock pyproject.toml
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check uv
	$(BIN)/uv pip install --quiet --python .venv --require-hashes -r requirements.lock
	$(BIN)/uv pip install --quiet --python .venv --no-deps --editable .
	$(BIN)/jnt doctor --compile > /dev/null
	touch $@

demo: $(READY)  ## Sample territory, end to end, then what to open
	$(BIN)/jnt demo

test: $(READY)  ## All tests
	$(BIN)/python -m pytest

check: $(READY)  ## ruff, mypy --strict, generated files
	$(BIN)/ruff check $(SOURCES)
	$(BIN)/ruff format --check $(SOURCES)
	$(BIN)/mypy
	$(BIN)/jnt schema | diff - config/schema.json

format: $(READY)  ## Format the code, write the generated files
	$(BIN)/ruff check --fix --quiet $(SOURCES) || true
	$(BIN)/ruff format $(SOURCES)
	$(BIN)/jnt schema > config/schema.json

bench: $(READY)  ## Benchmarks: ratios in one run, CPU seconds, peak memory
	for file in benchmarks/*.py; do $(BIN)/python $$file || exit 1; done

golden: $(READY)  ## After a wanted change of outputs and a bump of their version: write the new digests
	JNT_GOLDEN=write $(BIN)/python -m pytest -q tests/test_golden.py

docs: $(READY)  ## Documentation as a site, in site/
	$(BIN)/mkdocs build --strict --quiet

lock: $(READY)  ## Resolve the dependencies anew: names, versions, hashes, no address
	$(BIN)/uv pip compile pyproject.toml --group dev --output-file requirements.lock \
	  --generate-hashes --no-emit-index-url --python-version 3.11 --universal --upgrade

clean:  ## Remove what the other targets made
	rm -rf .venv jnt-demo site .mypy_cache .ruff_cache .pytest_cache .hypothesis
