.DEFAULT_GOAL := help
.PHONY: help needs doctor install up down test unit coverage covered watch lint format audit check accept image wheel scan e2e bench bench-growth bench-cluster bench-monitoring
BIN := .venv/bin
# Without bytecode every process that a test starts compiles all that it imports once more.
unexport PYTHONDONTWRITEBYTECODE

# More than there are cores: the tests wait, too. By files, as those of a file share a service, in their order: the small ones come last.
ENVIRONMENT := --quiet --numprocesses 6 --dist loadfile -W error tests/processes tests/static

help: ## What there is to run
	@awk -F ':.* ##+ ' '/^[a-z0-9-]+:.* ## / {printf "make %-8s %s\n", $$1, $$2} /^[a-z0-9-]+:.* ### / {rest = rest " " $$1} \
	END {printf "\nand, as the Makefile says:\n%s\n", rest}' $(MAKEFILE_LIST)

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

test: unit ## Everything that needs no cluster, the function's tests first
	@$(BIN)/pytest $(ENVIRONMENT)

# Apart from `test`, because it slows each process that a test starts.
coverage: unit ### The same tests, and what of lambda_local they cover
	@$(BIN)/coverage erase
	@$(BIN)/pytest $(ENVIRONMENT) --measured; ended=$$?; \
	$(BIN)/coverage combine --quiet && $(BIN)/coverage report --skip-covered --show-missing && exit $$ended

covered: ### What the last `make coverage` found, as Markdown
	@$(BIN)/coverage report --format markdown

unit: install ## The function's own tests, if it has any, with coverage
	@scripts/unit $(addprefix --cov=,$(shell $(BIN)/python -m lambda_local.template --folders)) --cov-report term-missing:skip-covered

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

wheel: install ## lambda_local alone, with the command lambda-local, in dist/
	@scripts/wheel

scan: install ## Known vulnerabilities in that image
	@scripts/scan

e2e: install ## tilt ci, then the tests that need the cluster
	@scripts/e2e

fuzz: install ### 100,000 requests as nobody should send them, events and answers of any kind (FUZZ_CASES=n)
	@FUZZ_CASES=$(or $(FUZZ_CASES),100000) $(BIN)/pytest --quiet -W error tests/processes/fuzz

soak: install ### What grows in 30 minutes of half the load, with saves and crashes (MINUTES=n)
	@$(BIN)/python -m bench.soak $(or $(MINUTES),30)

bench: install .cache/bench/smyth/.installed .cache/bench/emulator/.installed .cache/bench/imports/.installed ## Every figure against its peers (ARGS=--quick: a tenth of it)
	@$(BIN)/python -m bench $(ARGS)

.cache/bench/%/.installed: bench/%.txt
	@$(BIN)/python -m venv --clear $(@D)
	@$(@D)/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes --requirement $<
	@touch $@

bench-growth: install ### How the cost grows with environments, files and events
	@$(BIN)/python -m bench.growth

bench-cluster: install ### What a save, a rollout, a killed pod and more pods cost in the cluster
	@$(BIN)/python -m bench.cluster
	@$(BIN)/python -m bench.pods

bench-monitoring: install ### How soon logs and metrics are there, and what they cost
	@$(BIN)/python -m bench.monitoring
