# The two commands are `make demo` and `make test`; `make help` lists the others.

# Empty: the newest that is supported; constraints/python.sh looks for it.
PYTHON ?=
VENV ?= .venv
BIN := $(VENV)/bin
DATA ?= ../shared/data/speech_commands
# Folders of the shipped models of pictures.
SIGNS ?= ../shared/data/sign_language_digits
CELLS ?= ../shared/data/bccd
NUCLEI ?= ../shared/data/nuclei
DIGITS ?= ../shared/data/fsdd
PLAYS ?= ../shared/data/tinyshakespeare
REVIEWS ?= ../shared/data/sentiment_mr
METERS ?= ../shared/data/ett
NAB ?= ../shared/data/nab
WORDS ?= lights music stop
OUT ?= demo-out
SUITE ?= trixie
HOURS ?= 0.25

export TF_CPP_MIN_LOG_LEVEL ?= 2

.DEFAULT_GOAL := help
.PHONY: help setup demo test twins test-torch matrix newest bounds pins debian lint bench truth attack docs-recipes zoo profiles soak twin-full clean

help: ## List the targets.
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /  \1\t/' | expand -t 12

setup: $(VENV)/.installed ## Prepare .venv with everything that edgenets can use.

$(VENV)/.python:
	@python="$(PYTHON)"; [ -n "$$python" ] || python=$$(sh constraints/python.sh) || exit 1; \
	  "$$python" -m venv $(VENV) && $(BIN)/python --version
	@touch $@

# Install extras of edgenets with the versions of this Python's constraints; first say what comes.
define install
	@$(BIN)/python constraints/downloads.py $(1)
	@quiet=$$([ -t 1 ] || echo --quiet); \
	  pins=constraints/$$($(BIN)/python -c 'import sys; print("%d.%d" % sys.version_info[:2])').txt; \
	  $(BIN)/python -m pip install $$quiet --disable-pip-version-check -c $$pins -e '.[$(1)]'
	@touch $@
endef

$(VENV)/.demo: $(VENV)/.python pyproject.toml $(wildcard constraints/*.txt)
	$(call install,demo)

$(VENV)/.installed: $(VENV)/.python pyproject.toml $(wildcard constraints/*.txt)
	$(call install,all)

$(VENV)/.tested: $(VENV)/.python pyproject.toml $(wildcard constraints/*.txt)
	$(call install,test)

demo: $(VENV)/.demo ## The whole road with words of your choice: make demo WORDS="lights music stop"
	$(BIN)/edgenets demo $(WORDS) --out $(OUT)

test: $(VENV)/.tested ## Run the suite; Debian packages that it needs are installed where it may.
	@sh tests/packages.sh
	$(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder -m 'not twin and not twin_full'

twins: $(VENV)/.tested ## Run the tests on emulated boards, one after another.
	@sh tests/packages.sh
	$(BIN)/edgenets twin build || echo 'tests with twins will be skipped' >&2
	$(BIN)/python -m pytest -m 'twin and not twin_full' --durations=5

test-torch: $(VENV)/.tested ## Tests of PyTorch models; installs PyTorch, of which the suite has no need.
	$(BIN)/python -m pip install --disable-pip-version-check 'torch>=2.13' 'onnxscript>=0.7.2'
	$(BIN)/python -m pytest tests/converters/test_torch.py

matrix: $(VENV)/.tested ## Every Python here × pinned, newest and lowest versions × every command.
	$(BIN)/python -m tests.matrix $(MATRIX)

newest: $(VENV)/.tested ## The whole suite with the newest of everything, and a table of what broke.
	@sh tests/packages.sh
	$(BIN)/python -m tests.matrix.newest

bounds: $(VENV)/.tested ## Measure the lowest release of each dependency that works; hours.
	@sh tests/packages.sh
	$(BIN)/python -m tests.matrix.bounds

pins: $(VENV)/.tested ## Write the constraints anew; make pins UPGRADE=--upgrade takes the newest versions.
	$(BIN)/python -m tests.matrix.pins $(UPGRADE)

debian: ## README's two commands in a clean Debian: make debian SUITE=trixie
	@sh tests/packages.sh
	sh tests/matrix/debian.sh $(SUITE)

lint: $(VENV)/.tested ## Ruff, mypy, and the ceilings of complexity, size and style (radon).
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/python -m tests.typecheck
	$(BIN)/python -m tests.ceilings

bench: $(VENV)/.tested ## The pipeline's cost beside a peer's, and a shipped bundle's figures.
	$(BIN)/python -m tests.benchmarks.pipeline
	$(BIN)/edgenets bench kws-gru
	$(BIN)/python -m tests.benchmarks.vision object-detect
	$(BIN)/python -m tests.benchmarks.throughput segment

docs-recipes: setup ## Write docs/recipes.md, the reference of all keys of recipes.
	$(BIN)/python -m tests.reference

# What nobody recorded: the phrase of `wake`.
runs/hey-edge: | setup
	$(BIN)/edgenets words "hey edge" --clips 700 --out $@

zoo: setup runs/hey-edge ## Rebuild the shipped bundles from DATA (Speech Commands), SIGNS, CELLS, NUCLEI, DIGITS, PLAYS, REVIEWS, METERS, NAB and PAIRS.
	for pair in kws-gru:$(DATA) kws-dscnn:$(DATA) image-classify:$(SIGNS) object-detect:$(CELLS) \
	    segment:$(NUCLEI) asr-digits:$(DIGITS) char-lm:$(PLAYS) text-sentiment:$(REVIEWS) \
	    text-sentiment-cnn:$(REVIEWS) forecast:$(METERS) forecast-cnn:$(METERS) anomaly:$(NAB) embed:$(DATA) \
	    speech-embedding:$(DATA) wake:runs/hey-edge \
	    translate-en-de:$(PAIRS); do \
	  name=$${pair%%:*}; \
	  $(BIN)/edgenets build $$name --data $${pair#*:} --run runs/$$name --out edgenets/zoo/$$name.edge && \
	  $(BIN)/edgenets inspect edgenets/zoo/$$name.edge --card > edgenets/zoo/$$name.md || exit 1; \
	done

profiles: setup ## Ask the index which wheels boards would get, and write it into their profiles.
	$(BIN)/python -m edgenets.devices.wheelfacts

soak: $(VENV)/.tested ## Cameras, a microphone and a broker that are killed at random: make soak HOURS=2
	@sh tests/packages.sh
	$(BIN)/python -m tests.soak 600
	$(BIN)/python -m tests.endurance $(HOURS)

truth: $(VENV)/.tested ## Is what arrives at the sinks what was sent? 10,000 items, with faults.
	@sh tests/packages.sh
	$(BIN)/python -m tests.benchmarks.truth

attack: $(VENV)/.tested ## Mutated bundles, hostile inputs, slow clients, kills; a table of figures.
	@sh tests/packages.sh
	$(BIN)/python -m tests.attacks
	$(BIN)/python -m tests.attacks.slow_clients

twin-full: $(VENV)/.tested ## Flash a card and start a board from it; pull a plug in 50 deployments.
	@sh tests/packages.sh
	$(BIN)/edgenets twin build
	$(BIN)/python -m pytest -m 'twin or twin_full'
	$(BIN)/python -m tests.power_cuts 50

clean: ## Remove what was built; .venv stays.
	rm -rf build dist *.egg-info runs $(OUT) .pytest_cache .mypy_cache .ruff_cache .hypothesis
