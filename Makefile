.DEFAULT_GOAL := help
.PHONY: help needs doctor install up down test test-service unit coverage covered watch lint format audit check accept image wheel scan e2e bench bench-events bench-growth bench-cluster bench-monitoring fuzz soak
BIN := .venv/bin
# $(call on,NAME): the setting if it is yes; empty for no. Another value is an error.
on = $(if $(filter-out yes true on 1 no false off 0,$($(1))),$(error $(1) must be yes or no, got '$($(1))'),$(filter yes true on 1,$($(1))))
# Without bytecode, every process that a test starts compiles its imports again.
unexport PYTHONDONTWRITEBYTECODE

# More workers than cores, because tests wait for processes. Tests of a file share a service.
PYTEST := $(BIN)/pytest --quiet --numprocesses 6 --dist loadfile -W error
SERVICE := -c packages/lambda-live/pytest.toml packages/lambda-live/tests

help: ## List the commands
	@awk -F ':.* ##+ ' '/^[a-z0-9-]+:.* ## / {printf "make %-8s %s\n", $$1, $$2} /^[a-z0-9-]+:.* ### / {rest = rest (++n == 6 ? "\n " : " ") $$1} \
	END {printf "\nMore:\n%s\n", rest}' $(MAKEFILE_LIST)

install: .venv/.installed ## Install Poetry (.poetry) and the locked dependencies (.venv)

.venv/.installed: poetry.lock pyproject.toml mise.toml requirements/poetry.txt scripts/install
	@scripts/install

# Written for sh, because bash may be missing.
needs:
	@missing=; for tool in bash curl; do command -v $$tool >/dev/null 2>&1 || missing="$$missing $$tool"; done; \
	[ -z "$$missing" ] || { echo "make: missing:$$missing. Install the packages of these names (apt, dnf, apk, brew)." >&2; exit 1; }

doctor: ## Check prerequisites, and show what make up would do
	@scripts/doctor

up: needs ## Start the function with live reload (EMBEDDED=yes: no cluster)
	@scripts/up $(if $(call on,EMBEDDED),--embedded) $(if $(call on,DEBUG),--debug)

down: ## Remove the cluster and its registry
	@scripts/down

test: unit ## Run the tests of the function and the environment
	@$(PYTEST) tests/environment

test-service: install ### Run the tests of packages/lambda-live
	@$(PYTEST) $(SERVICE)

# Separate from test-service, because measuring slows down each process that a test starts.
coverage: install ### Run the tests of packages/lambda-live with coverage
	@$(BIN)/coverage erase
	@$(PYTEST) $(SERVICE) --measured; status=$$?; \
	$(BIN)/coverage combine --quiet && $(BIN)/coverage report --skip-covered --show-missing && exit $$status

covered: ### Print the coverage of the last `make coverage` as Markdown
	@$(BIN)/coverage report --format markdown

unit: install ## Run the function's own tests, with coverage
	@scripts/unit $(addprefix --cov=,$(shell $(BIN)/python -P -m lambda_live describe --folders)) --cov-report term-missing:skip-covered

watch: install ## Run the function's own tests after each save
	@$(BIN)/python -W ignore::SyntaxWarning -P -m pytest_watch --wait --ext .py,.json,.lock,.toml,.txt,.yaml,.yml --runner 'scripts/unit --quiet'

lint: install ## Run every static check
	@scripts/lint

format: install ## Fix what ruff can fix
	@$(BIN)/ruff check --fix-only --quiet . && $(BIN)/ruff format .

# pip-audit has its own environment: it brings rich, which structlog would import at a cold start.
audit: install ### List known vulnerabilities of the locked dependencies
	@test -x .cache/audit/bin/pip-audit || { $(BIN)/python -P -m venv .cache/audit && .cache/audit/bin/pip install --quiet --require-hashes --requirement requirements/audit.txt; }
	@.cache/audit/bin/pip-audit --path $(BIN)/../lib/python*/site-packages --strict --desc off --progress-spinner off

check: ## Compare responses with expected ones (EVENTS=events/event.json)
	@scripts/check $(EVENTS)

accept: ## Save current responses as expected (EVENTS=events/event.json)
	@scripts/check --accept $(EVENTS)

image: install ## Build the image for AWS, and check it with AWS's emulator
	@scripts/image

wheel: install ## Build lambda-live as a wheel into dist/
	@scripts/wheel

scan: install ## List known vulnerabilities of the image
	@scripts/scan

e2e: install ## Run tilt ci, then the tests that need the cluster
	@scripts/e2e

fuzz: install ### Send 100,000 invalid requests and random events (FUZZ_CASES=n)
	@FUZZ_CASES=$(or $(FUZZ_CASES),100000) $(BIN)/pytest --quiet -W error -c packages/lambda-live/pytest.toml packages/lambda-live/tests/fuzz

soak: install ### Look for leaks in 30 minutes of load, saves and crashes (MINUTES=n)
	@PYTHONPATH=packages/lambda-live:packages/lambda-live/tests $(BIN)/python -P -m bench.soak $(or $(MINUTES),30)

bench: install .cache/bench/smyth/.installed .cache/bench/emulator/.installed .cache/bench/imports/.installed ## Run benchmarks against other tools (ARGS=--quick: a tenth)
	@PYTHONPATH=packages/lambda-live:packages/lambda-live/tests $(BIN)/python -P -m bench $(ARGS)

.cache/bench/%/.installed: packages/lambda-live/bench/%.txt
	@$(BIN)/python -P -m venv --clear $(@D)
	@$(@D)/bin/python -P -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes --requirement $<
	@touch $@

bench-events: install ### Measure the delivery of queue messages
	@PYTHONPATH=packages/lambda-live:packages/lambda-live/tests $(BIN)/python -P -m bench.events

bench-growth: install ### Measure how cost grows with environments, files and events
	@PYTHONPATH=packages/lambda-live:packages/lambda-live/tests $(BIN)/python -P -m bench.growth

bench-cluster: install ### Measure saves, rollouts, killed pods and scaling in the cluster
	@PYTHONPATH=packages/lambda-live:packages/lambda-live/tests:. $(BIN)/python -P -m tests.cluster.bench.cluster $(ARGS)
	@$(if $(ARGS),,PYTHONPATH=packages/lambda-live:packages/lambda-live/tests:. $(BIN)/python -P -m tests.cluster.bench.messages)
	@$(if $(ARGS),,PYTHONPATH=packages/lambda-live:packages/lambda-live/tests:. $(BIN)/python -P -m tests.cluster.bench.pods)

bench-monitoring: install ### Measure the delay and the cost of logs and metrics
	@PYTHONPATH=packages/lambda-live:packages/lambda-live/tests:. $(BIN)/python -P -m tests.cluster.bench.monitoring
