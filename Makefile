# `make help` lists what there is. Everything runs in .venv, which `make setup` makes.
.DEFAULT_GOAL := help
.PHONY: help setup test quick lint format types rules coverage editors bench pages docs release ci clean
python := .venv/bin/python

help: ## this list
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

setup: ## the development environment
	@[ -x $(python) ] || $${PYTHON:-python3} -m venv .venv
	@$(python) -m pip install -q --disable-pip-version-check -e '.[dev]'

test: ## every test, on all cores: the README's command
	./test

quick: ## the tests that need no daemon and no editor
	$(python) -m pytest -q -n auto tests/unit tests/store tests/arch

coverage: ## how much the quicker tests run through of index, read, serve and pool: daemon and workers counted
	@$(python) -c 'import coverage' 2>/dev/null || $(python) -m pip install -q --disable-pip-version-check -e '.[dev]'
	@rm -f .coverage .coverage.*
	PYTHONPATH=$(CURDIR)/tests $(python) -m coverage run -m pytest -q -n auto --tb=native tests/unit tests/store \
	  tests/worker tests/e2e/test_commands.py tests/e2e/test_daemon.py || echo 'coverage: some tests failed: it slows them down'
	PYTHONPATH=$(CURDIR)/tests $(python) -m coverage combine -q
	PYTHONPATH=$(CURDIR)/tests $(python) -m coverage report

lint: ## ruff's rules and format, and spelling
	.venv/bin/ruff check . && .venv/bin/ruff format --check . && $(python) -m codespell_lib .

format: ## format, and mend what can be mended by itself
	.venv/bin/ruff check --fix . && .venv/bin/ruff format .

types: ## mypy, strict
	.venv/bin/mypy

rules: ## what the architecture and the documents promise
	$(python) -m pytest -q tests/arch

editors: ## the tests of the Neovim plugin and the VS Code extension
	LOWTIDE=$(CURDIR)/.venv/bin/lowtide editors/nvim/ci.sh
	LOWTIDE=$(CURDIR)/.venv/bin/lowtide editors/vscode/ci.sh

bench: ## what ended other indexers, on small trees
	$(python) -m bench.seeds.run --quick

pages: ## what is made from the code: pages of the docs, manual page, completions
	$(python) -m docs.pages

docs: ## the site, into site/: strict, and nothing loaded from elsewhere
	@$(python) -c 'import material' 2>/dev/null || $(python) -m pip install -q --disable-pip-version-check -e '.[docs]'
	NO_MKDOCS_2_WARNING=1 $(python) -m mkdocs build --quiet --strict

release: ## all that a release must be; publishes nothing
	$(python) -m release.check

ci: ## all that must hold before a change lands
	bash .ci/run

clean: ## caches and build output
	rm -rf .mypy_cache .ruff_cache .pytest_cache .hypothesis build dist site *.egg-info .coverage .coverage.*
