# Two commands on a fresh machine: make demo, make test. Everything else is convenience.
# What each one does stands in scripts/ under the same name. Options: make demo ARGS="--seconds 20"

.DEFAULT_GOAL := help
.PHONY: help demo serve test check format bench install clean
ARGS ?=

help:
	@echo "make demo     install into .venv, replay a real week of earthquakes, open http://127.0.0.1:8080/"
	@echo "make serve    run the gateway on http://127.0.0.1:8080/ and keep its events in ./data"
	@echo "make test     install what the tests need, check style and types, run the tests"
	@echo "make check    style and types only"
	@echo "make format   let the formatter have its way"
	@echo "make bench    measure it on this machine"
	@echo "make clean    remove .venv and everything else that can be made again"
	@echo
	@echo "Options go into ARGS: make demo ARGS=\"--seconds 20 --port 9000\", make test ARGS=\"-k sse\""

demo:
	@scripts/demo $(ARGS)

serve:
	@scripts/install
	@.venv/bin/hubbub serve --data data $(ARGS)

test:
	@scripts/install dev
	@scripts/check
	@scripts/test $(ARGS)

check:
	@scripts/install dev
	@scripts/check

format:
	@scripts/install dev
	@.venv/bin/ruff check --fix .
	@.venv/bin/ruff format .

bench:
	@scripts/install bench
	@.venv/bin/python -m bench $(ARGS)

install:
	@scripts/install dev

clean:
	rm -rf .venv .pytest_cache .ruff_cache .hypothesis dist build
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
