# demo: a trained translator in minutes; test: the default suite; check: all that CI checks.
PYTHON ?= python3
BIN := .venv/bin
RUN := runs/miniature
TEST := data/miniature/test
WORKERS ?= 2  # test processes; each wants about 4 GiB

.PHONY: demo test check lint format benchmark

demo: .venv/installed
	$(BIN)/python -m data_prep miniature --output data/miniature
	$(BIN)/seq2seq train configs/miniature.yaml --run $(RUN)
	$(BIN)/seq2seq translate $(RUN) $(TEST).en --output $(RUN)/translations.txt
	$(BIN)/seq2seq show $(RUN) "Next week my brother will read the old book." --output $(RUN)
	@echo
	@echo "The translator:     $(RUN)"
	@echo "Its scores:         $(RUN)/scores.json"
	@echo "Unseen text:        $(TEST).en, translated in $(RUN)/translations.txt"
	@echo "Where it looked:    $(RUN)/attention.png"
	@echo "Try next:           echo 'Today she reads the book.' | $(BIN)/seq2seq translate $(RUN)"

test: .venv/installed-dev
	$(BIN)/python -m pytest -n $(WORKERS) --dist loadfile

lint: .venv/installed-dev
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

check: lint test

format: .venv/installed-dev
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

benchmark: .venv/installed-dev
	$(BIN)/python -m benchmarks.train_speed

.venv/bin/python:
	$(PYTHON) -m venv .venv

.venv/installed: setup.cfg pyproject.toml | .venv/bin/python
	$(BIN)/python -m pip install --quiet --editable .
	@touch $@

.venv/installed-dev: setup.cfg pyproject.toml | .venv/bin/python
	$(BIN)/python -m pip install --quiet --editable '.[dev]'
	@touch $@ .venv/installed
