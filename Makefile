PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet
# More threads in a worker would only wait for those of the others. The suite starts thousands of processes, and each
# would compile our modules anew where the shell forbids Python to keep them compiled.
PYTEST := env -u PYTHONDONTWRITEBYTECODE OMP_NUM_THREADS=1 $(BIN)/pytest -n auto --dist loadfile --no-loadscope-reorder

.PHONY: help setup demo serve test quick lint bench clean

help:  ## Say what can be made
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/make \1 \t\2/p' $(MAKEFILE_LIST)

demo: $(VENV)/base  ## Install, fill in forms by a drawing pen, read them, and compare
	@$(BIN)/python jobs/demo.py

serve: $(VENV)/base  ## Answer online at http://127.0.0.1:8000, until Ctrl-C
	@$(BIN)/python jobs/serve.py

setup: $(VENV)/test  ## Make .venv with everything that development needs

test: lint  ## Install, lint, check types, run every test
	@$(PYTEST) --durations=10 --durations-min=5 || { echo "make test: a test failed, see above" >&2; exit 1; }
	@test -n "$$(git status --porcelain 2>&1)" || git rev-parse 'HEAD^{tree}' > $(VENV)/green

quick: lint  ## Lint, check types, run the tests that take no long
	@$(PYTEST) -m 'not slow' || { echo "make quick: a test failed, see above" >&2; exit 1; }

lint: $(VENV)/test  ## Check style and types
	@$(BIN)/ruff check . || { echo "make lint: ruff found something, see above" >&2; exit 1; }
	@$(BIN)/ruff format --check --quiet . || { echo "make lint: run .venv/bin/ruff format" >&2; exit 1; }
	@$(BIN)/mypy --no-error-summary || { echo "make lint: a type does not fit, see above" >&2; exit 1; }

bench: $(VENV)/base  ## Measure speed against named rivals
	@$(BIN)/python jobs/bench.py train

clean:  ## Remove .venv and what the tools left
	@rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .hypothesis *.egg-info
	@find .packaging cluster jobs pipelines serve_app tests -name __pycache__ -prune -exec rm -rf {} +

# A stamp is made last, so an interrupted step is done again and a finished one is not.
$(VENV)/pip:
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' \
		|| { echo "$(PYTHON) is not Python 3.11 to 3.13; name one: make PYTHON=python3.12" >&2; exit 1; }
	@$(PYTHON) -m venv $(VENV) \
		|| { echo "$(PYTHON) cannot make a virtual environment; on Debian: apt-get install python3-venv" >&2; exit 1; }
	@touch $@

$(VENV)/base: $(VENV)/pip pyproject.toml constraints.txt
	@echo "installing inkray into $(VENV) (some minutes, about 7 GB)"
	@$(PIP) install --constraint constraints.txt --editable . \
		|| { echo "the installation failed, see above; run it again when mended" >&2; exit 1; }
	@touch $@

$(VENV)/test: $(VENV)/base
	@echo "installing what the tests need"
	@$(PIP) install --constraint constraints.txt --editable '.[test,rtx]' \
		|| { echo "the installation failed, see above; run it again when mended" >&2; exit 1; }
	@touch $@
