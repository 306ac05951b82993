# Seaway: each target does its own set-up. `make run` shows a call, `make test` runs the tests.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
.PHONY: help run prove setup test unit interop lint bench fuzz-dataplane clean

PYTEST ?=
RUNS ?= 1000000

help:
	@echo "make run            a call through two firewalls, with its proof (ONCE=1: exit after the proof)"
	@echo "make test           all tests, with independent peers when root"
	@echo "make setup          .venv, so that .venv/bin/seaway runs"
	@echo "make lint           ruff and mypy"
	@echo "make bench          figures beside Kamailio, rtpengine and coturn (ONLY=name: one of them)"
	@echo "make fuzz-dataplane RUNS=n  the worker's packet path under a fuzzer and sanitizers"
	@echo "make clean          remove what was built"

setup:
	@scripts/python runtime

run:
	@scripts/python runtime
	@scripts/packages run
	@.venv/bin/seaway lab run $(if $(ONCE),--once)

prove:
	@scripts/python runtime
	@scripts/packages run
	@.venv/bin/seaway lab prove $(if $(JSON),--json $(JSON))

test:
	@scripts/python dev
	@scripts/packages run test
	@.venv/bin/python -m pytest $(PYTEST)

unit:
	@scripts/python dev
	@.venv/bin/python -m pytest -m "not interop" $(PYTEST)

interop:
	@scripts/python dev
	@scripts/packages run test
	@.venv/bin/python -m pytest -m interop $(PYTEST)

lint:
	@scripts/python dev
	@.venv/bin/ruff check .
	@.venv/bin/ruff format --check .
	@.venv/bin/mypy

bench:
	@scripts/python dev
	@scripts/packages bench
	@mkdir -p build
	@.venv/bin/python bench/run.py $(ONLY)

# What it found is kept in build/fuzz, and a later run goes on from there.
fuzz-dataplane:
	@scripts/packages fuzz
	@$(MAKE) -s -C dataplane fuzz
	@python3 dataplane/fuzz/seeds.py build/fuzz
	@dataplane/build/fuzz-packets -runs=$(RUNS) -max_len=400 -print_final_stats=1 -artifact_prefix=build/fuzz- build/fuzz

clean:
	@rm -rf build dataplane/build .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis src/*.egg-info src/seaway/_compiled
	@find src tests bench -name __pycache__ -type d -prune -exec rm -rf {} +
