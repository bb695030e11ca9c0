# Two commands, each doing all of its own set-up:
#   make run    the quickstart experiment: its verdicts, and where its figures lie
#   make test   ruff, mypy --strict and the tests
# With another Python: make test PYTHON=python3.12

PYTHON ?= python3
VENV := .venv$(if $(filter-out python3,$(notdir $(PYTHON))),-$(notdir $(PYTHON)))
BIN := $(VENV)/bin
# A path entry instead of an import hook: a folder named convlab beside a script would win over the hook.
PIP := $(BIN)/python -m pip install --quiet --config-settings editable_mode=compat

# Where pyenv manages Pythons, all that it has installed are on offer by name, the current one first.
ifneq (,$(shell command -v pyenv 2>/dev/null))
export PYENV_VERSION := $(shell (pyenv version-name; pyenv versions --bare) 2>/dev/null | tr ' \n' '::' | sed 's/:*$$//')
endif

.PHONY: run test lint results bench clean
.DELETE_ON_ERROR:

run: $(VENV)/.installed
	$(BIN)/convlab run quickstart --out runs/quickstart
	@echo 'The command is $(BIN)/convlab; after `. $(BIN)/activate` it is convlab.'

# Each session compiles anew; with CONVLAB_CACHE=FOLDER make test what it compiled is kept for the next one.
test: lint
	$(BIN)/python -m pytest -n 2 --dist loadfile

lint: $(VENV)/.installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

# Every shipped experiment at full size and every figure of the lecture, into results/
results: $(VENV)/.installed
	for file in experiments/*.toml; do $(BIN)/convlab run $$file || exit 1; done
	$(BIN)/convlab calculus --all

# convlab beside other code on the same work, into results/benchmarks; make bench BENCH='w1 w3 --rounds 7', BENCH=--quick
bench: $(VENV)/.installed-bench
	$(BIN)/python -m tests.benchmarks $(BENCH)

$(VENV)/.created:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo "convlab needs Python 3.11 or later; name one with PYTHON=python3.12"; exit 1; }
	$(PYTHON) -m venv $(VENV)
	touch $@

$(VENV)/.installed: pyproject.toml $(VENV)/.created
	$(PIP) --editable .
	touch $@

$(VENV)/.installed-dev: pyproject.toml $(VENV)/.created
	$(PIP) --editable '.[dev]'
	touch $(VENV)/.installed $@

$(VENV)/.installed-bench: pyproject.toml $(VENV)/.created
	$(PIP) --editable '.[bench]'
	touch $(VENV)/.installed $@

clean:
	rm -rf .venv .venv-* build *.egg-info runs
