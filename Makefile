# Everything runs in .venv; the first target that needs it makes it.
PYTHON ?= python3.11
BIN := .venv/bin
export LEMONPRESS_HOME ?= $(CURDIR)/.lemonpress
export OMP_WAIT_POLICY ?= passive
export PIP_DISABLE_PIP_VERSION_CHECK := 1

.PHONY: help demo test lint smoke bench hub space clean
help:
	@echo 'make demo    press, train, self-distil, release and read back, on packaged weights (about 10 minutes)'
	@echo 'make test    run the tests'
	@echo 'make lint    check style and types'
	@echo 'make smoke   the whole walk of the demo at its smallest size'
	@echo 'make bench   measure what Lemonpress claims to do faster'
	@echo 'make hub     serve the local Hub; make space: open the demo on the released student'
	@echo 'make clean   remove .venv and everything the demo made (.lemonpress)'

$(BIN)/.installed: pyproject.toml constraints.txt packages.txt
	test -d .venv || $(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet -c constraints.txt -e '.[offline,test,lint]'
	$(BIN)/pip install --quiet --no-deps --require-hashes -r packages.txt
	touch $@

demo: $(BIN)/.installed
	$(BIN)/lemonpress demo

# A process for each core, up to four; one thread in each, which the small models of the tests use best.
test: $(BIN)/.installed
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n auto --maxprocesses 4 --dist loadfile

lint: $(BIN)/.installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

smoke: $(BIN)/.installed
	$(BIN)/lemonpress demo --config dataset_builders/recipes/smoke.yaml

bench: $(BIN)/.installed
	for script in benchmarks/*.py; do $(BIN)/python $$script || exit 1; done

hub: $(BIN)/.installed
	$(BIN)/lemonpress hub serve

space: $(BIN)/.installed
	$(BIN)/lemonpress space

clean:
	rm -rf .venv .lemonpress
