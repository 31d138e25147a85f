# Each target works alone, from nothing but Python, make and the network.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable

.PHONY: demo test test-all lint bench fuzz train wheel clean

demo: $(VENV)/.demo  ## route, log, learn, evaluate, promote, simulate: the whole loop once
	$(BIN)/python -m training.demo

test: $(VENV)/.test  ## the quick suite
	$(BIN)/python -m pytest -q -m "not slow" -n 2 --dist worksteal

test-all: $(VENV)/.train  ## everything, with training (torch), the built wheel and the demo; ONLY=slow: what test leaves out
	$(BIN)/python -m pytest -q -n 2 --dist worksteal $(if $(ONLY),-m "$(ONLY)")

lint: $(VENV)/.dev  ## ruff and mypy --strict
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

bench: $(VENV)/.demo  ## latency, throughput, start-up and memory of the serving path
	$(BIN)/python -m benchmarks.serving
	$(BIN)/python -m training.benchmark routing
	$(BIN)/python -m training.benchmark classifier
	$(BIN)/python -m training.benchmark guardrails

fuzz: $(VENV)/.demo  ## the guardrails on input that nobody would write, for SECONDS (60)
	$(BIN)/python -m benchmarks.fuzz --seconds $(or $(SECONDS),60)

train: $(VENV)/.train  ## rebuild the shipped bundle: OUTCOMES=outcome matrix, PUBLIC=folder of public sets
	@test -f "$(OUTCOMES)" || { echo "A new encoder needs a new outcome pack: make train OUTCOMES=FILE.parquet"; exit 1; }
	$(BIN)/python -m training.tuning --out runs/first $(if $(PUBLIC),--public $(PUBLIC))
	$(BIN)/python -m training.tuning --source runs/first --resume --epochs 1 --rate 4e-5 --seed 1 --out runs/tuned $(if $(PUBLIC),--public $(PUBLIC))
	$(BIN)/python -m training.encoder --source runs/tuned --out models/default/encoder --name all-MiniLM-L6-v2-router
	$(BIN)/python -m training.classifier --heads runs/tuned/heads.safetensors $(if $(PUBLIC),--public $(PUBLIC))
	$(BIN)/python -m training.entities --out models/default $(if $(PUBLIC),--public $(PUBLIC))
	$(BIN)/python -m training.outcomes --data $(OUTCOMES)
	$(BIN)/python -m training.retrain --base models/default --out models/default

wheel: $(VENV)/.dev  ## the package with the shipped bundle inside
	$(BIN)/python -m build --wheel --outdir dist

clean:
	rm -rf $(VENV) runs dist build .mypy_cache .ruff_cache .pytest_cache .hypothesis

$(BIN)/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/.demo: $(BIN)/python pyproject.toml constraints.txt
	$(INSTALL) ".[registry,offline,execute]"
	touch $@

$(VENV)/.test: $(BIN)/python pyproject.toml constraints.txt
	$(INSTALL) ".[test]"
	touch $@

$(VENV)/.dev: $(BIN)/python pyproject.toml constraints.txt
	$(INSTALL) ".[dev]"
	touch $@

$(VENV)/.train: $(BIN)/python pyproject.toml constraints.txt
	$(INSTALL) ".[train,dev]"
	touch $@
