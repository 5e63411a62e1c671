# Foreshock's chores. Every target first makes .venv from requirements.lock, once.
.DEFAULT_GOAL := help
SHELL := /bin/bash
BIN := .venv/bin
READY := .venv/.ready
export PYTHON

.PHONY: help setup demo screenshots test lint types bench bench-replay bench-memory bench-decode bench-forests bench-store bench-api bench-latency bench-recovery soak quality petshop ablation fuzz chaos chaos-store chaos-notify live-replay storms review-year components kafka

help: ## Say what there is (this list)
	@grep -E '^[a-z-]+:.*## ' $(firstword $(MAKEFILE_LIST)) | awk -F ':.*## ' '{ printf "  make %-14s%s\n", $$1, $$2 }'

setup: $(READY) ## Make .venv with everything in it, the foreshock command too

$(READY): requirements.lock pyproject.toml
	@python=$$(.ci/python) && if [ ! -x $(BIN)/python ]; then $$python -m venv .venv; fi
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $(READY)

demo: setup ## Watch incidents appear over a simulated week of three clouds
	$(BIN)/foreshock demo

screenshots: setup ## Draw the README's pictures of page and terminal anew
	$(BIN)/python -m tests.api.screenshots
	$(BIN)/python -m tests.terminal.screenshots

test: setup ## Run all tests; some need Java 17, Maven, Prometheus, Alertmanager and Chromium, see components
	$(BIN)/pytest -q -n 2 --dist loadscope --no-loadscope-reorder

lint: setup ## Check style and format
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: setup ## Check types, strictly
	$(BIN)/mypy

bench: setup ## Measure the whole flow beside a bare one and the per-event way
	$(BIN)/python -m benchmarks

bench-replay: setup ## Replay a week and a month of Parquet, and three days of ten times the resources
	$(BIN)/python -m benchmarks.replay

bench-memory: setup ## Measure what 100,000 resources cost one worker, by part
	$(BIN)/python -m benchmarks.memory

bench-decode: setup ## Measure every decoder beside bare readers of the same messages
	$(BIN)/python -m benchmarks.decode --write benchmarks/decode.json

bench-forests: setup ## Measure both forests a row beside scikit-learn and River, by batch size
	$(BIN)/python -m benchmarks.forests --write benchmarks/forests.json

bench-store: setup ## Measure pages of a million incidents on both databases; half an hour
	$(BIN)/python -m benchmarks.store
	$(BIN)/python -m tests.postgres.server $(BIN)/python -m benchmarks.store

bench-api: setup ## Measure the API over a million incidents, and what event streams cost; half an hour
	$(BIN)/python -m benchmarks.desk
	$(BIN)/python -m tests.postgres.server $(BIN)/python -m benchmarks.desk

bench-latency: setup ## Measure a tick's close to its incidents stored, by anomalies a minute
	$(BIN)/python -m benchmarks.latency
	$(BIN)/python -m tests.postgres.server $(BIN)/python -m benchmarks.latency

bench-recovery: setup ## Measure what snapshots, a resume and a second process cost and gain
	$(BIN)/python -m benchmarks.recovery

soak: setup ## Run for an hour at a steady load; say whether memory or handles grow
	$(BIN)/python -m benchmarks.soak

quality: setup ## Measure detection on labelled metrics, where they are; see docs/detection.md
	$(BIN)/python -m benchmarks.quality

petshop: setup ## Measure root causes on injected faults, where they are; see docs/triage.md
	$(BIN)/python -m benchmarks.petshop

ablation: setup ## Measure what each part of detection is worth; half an hour
	$(BIN)/python -m benchmarks.ablation

fuzz: setup ## Damage 100,000 payloads a format; the property tests with many more examples; the API
	$(BIN)/python -m tests.fuzz
	$(BIN)/python -m tests.fuzz.guided
	$(BIN)/python -m pytest -q -m hypothesis -p tests.fuzzing --hypothesis-profile=fuzz
	FORESHOCK_SCHEMATHESIS_S=600 $(BIN)/python -m pytest -q tests/api/test_schema.py

chaos: setup ## Kill a broker, workers and a database in the middle of a day; nothing may be lost
	BROKER_DOWN_S=60 $(BIN)/python -m pytest -q tests/acceptance/test_broker_kill.py
	CHAOS=1 $(BIN)/python -m pytest -q -s tests/acceptance/test_chaos.py

live-replay: setup ## Let a day be lived from a real broker, and replay it: the same outcome; ten minutes
	FORESHOCK_LIVED_HOURS=24 $(BIN)/python -m pytest -q tests/acceptance/test_live_equals_replay.py

storms: setup ## Simulate storms of alerts whose truth is known; say how triage does
	$(BIN)/python -m tests.storms

review-year: setup ## Simulate years of incidents whose oddities are known; say what the review finds; an hour
	$(BIN)/python -m tests.review

chaos-store: setup ## Kill the writer of the store twenty times in a storm; no event lost, none twice
	STORE_KILLS=20 $(BIN)/python -m pytest -q tests/acceptance/test_store_kill.py

chaos-notify: setup ## Kill notification thirty times in a storm of 200 incidents; nobody misses anything
	NOTIFY_KILLS=30 NOTIFY_INCIDENTS=200 $(BIN)/python -m pytest -q -s tests/acceptance/test_notify_kill.py

components: setup ## Optional: install Java, Maven, Prometheus, Alertmanager and Chromium if allowed to, and fetch Kafka, for the tests
	@.ci/components

kafka: setup ## Start an Apache Kafka on a free loopback port; prints its address; Ctrl-C ends it
	@$(BIN)/python -m tests.kafka.broker
