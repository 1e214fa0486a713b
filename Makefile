.DEFAULT_GOAL := help
.PHONY: help needs doctor install up down test test-service unit coverage covered watch lint format audit check accept image wheel scan e2e bench bench-growth bench-cluster bench-monitoring
BIN := .venv/bin
# Without bytecode every process that a test starts compiles all that it imports once more.
unexport PYTHONDONTWRITEBYTECODE

# More workers than cores, because tests wait for processes. Tests of a file share a service.
PYTEST := $(BIN)/pytest --quiet --numprocesses 6 --dist loadfile -W error
SERVICE := -c packages/lambda-live/pytest.toml packages/lambda-live/tests

help: ## What there is to run
	@awk -F ':.* ##+ ' '/^[a-z0-9-]+:.* ## / {printf "make %-8s %s\n", $$1, $$2} /^[a-z0-9-]+:.* ### / {rest = rest (++n == 6 ? "\n " : " ") $$1} \
	END {printf "\nMore:\n%s\n", rest}' $(MAKEFILE_LIST)

install: .venv/.installed ## Poetry and the locked dependencies, into .poetry and .venv

.venv/.installed: poetry.lock pyproject.toml mise.toml requirements/poetry.txt scripts/install
	@scripts/install

# In sh alone: what it looks for may not be there.
needs:
	@missing=; for tool in bash curl jq; do command -v $$tool >/dev/null 2>&1 || missing="$$missing $$tool"; done; \
	[ -z "$$missing" ] || { echo "make: missing:$$missing. Install the packages of these names (apt, dnf, apk, brew)." >&2; exit 1; }

doctor: ## What this machine has and lacks, and what make up would do
	@scripts/doctor

up: needs install ## The function with live reload and checks, in a cluster or not
	@scripts/up $(if $(EMBEDDED),--embedded) $(if $(DEBUG),--debug)

down: ## Remove the cluster and its registry
	@scripts/down

test: unit ## The function's tests, then the environment's; no cluster needed
	@$(PYTEST) tests/environment

test-service: install ### The tests of packages/lambda-live
	@$(PYTEST) $(SERVICE)

# Separate from test-service, because measuring slows down each process that a test starts.
coverage: install ### The tests of packages/lambda-live, with its coverage
	@$(BIN)/coverage erase
	@$(PYTEST) $(SERVICE) --measured; status=$$?; \
	$(BIN)/coverage combine --quiet && $(BIN)/coverage report --skip-covered --show-missing && exit $$status

covered: ### What the last `make coverage` found, as Markdown
	@$(BIN)/coverage report --format markdown

unit: install ## The function's own tests, if it has any, with coverage
	@scripts/unit $(addprefix --cov=,$(shell $(BIN)/python -m lambda_live.cli.describe --folders)) --cov-report term-missing:skip-covered

watch: install ## The function's tests again at each save
	@$(BIN)/ptw --wait --ext .py,.json,.lock,.toml,.txt,.yaml,.yml --runner scripts/unit

lint: install ## Every static check
	@scripts/lint

format: install ## Let ruff mend what it can
	@$(BIN)/ruff check --fix-only --quiet . && $(BIN)/ruff format .

# In an environment of its own: it brings rich, which structlog would import at each cold start.
audit: install ### Known vulnerabilities in the locked dependencies
	@test -x .cache/audit/bin/pip-audit || { $(BIN)/python -m venv .cache/audit && .cache/audit/bin/pip install --quiet --require-hashes --requirement requirements/audit.txt; }
	@.cache/audit/bin/pip-audit --path $(BIN)/../lib/python*/site-packages --strict --desc off --progress-spinner off

check: ## Every event against a running function
	@scripts/check

accept: ## Expect what is answered now (EVENTS=events/event.json …)
	@scripts/check --accept $(EVENTS)

image: install ## The image that AWS Lambda runs, and each event's answer from it
	@scripts/image

wheel: install ## lambda_live alone, with the command lambda-live, in dist/
	@scripts/wheel

scan: install ## Known vulnerabilities in that image
	@scripts/scan

e2e: install ## tilt ci, then the tests that need the cluster
	@scripts/e2e

fuzz: install ### 100,000 requests as nobody should send them, events and answers of any kind (FUZZ_CASES=n)
	@FUZZ_CASES=$(or $(FUZZ_CASES),100000) $(BIN)/pytest --quiet -W error -c packages/lambda-live/pytest.toml packages/lambda-live/tests/fuzz

soak: install ### What grows in 30 minutes of half the load, with saves and crashes (MINUTES=n)
	@PYTHONPATH=packages/lambda-live:packages/lambda-live/tests $(BIN)/python -m bench.soak $(or $(MINUTES),30)

bench: install .cache/bench/smyth/.installed .cache/bench/emulator/.installed .cache/bench/imports/.installed ## Every figure against its peers (ARGS=--quick: a tenth of it)
	@PYTHONPATH=packages/lambda-live:packages/lambda-live/tests $(BIN)/python -m bench $(ARGS)

.cache/bench/%/.installed: packages/lambda-live/bench/%.txt
	@$(BIN)/python -m venv --clear $(@D)
	@$(@D)/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes --requirement $<
	@touch $@

bench-growth: install ### How the cost grows with environments, files and events
	@PYTHONPATH=packages/lambda-live:packages/lambda-live/tests $(BIN)/python -m bench.growth

bench-cluster: install ### What a save, a rollout, a killed pod and more pods cost in the cluster
	@PYTHONPATH=packages/lambda-live:packages/lambda-live/tests:. $(BIN)/python -m tests.cluster.bench.cluster
	@PYTHONPATH=packages/lambda-live:packages/lambda-live/tests:. $(BIN)/python -m tests.cluster.bench.pods

bench-monitoring: install ### How soon logs and metrics are there, and what they cost
	@PYTHONPATH=packages/lambda-live:packages/lambda-live/tests:. $(BIN)/python -m tests.cluster.bench.monitoring
