"""Training, from sources to the registry and into the flow that uses it."""

import logging
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from msgspec.structs import replace

from config.app import App
from connectors.model_registry import Registry
from connectors.simulator.settings import SimulatorSource
from flows.assemble import catalogue_of
from flows.models import shelf_of
from flows.train import run
from models.calibration import COUNT, QUANTILE
from models.fusion import DETECTORS
from models.isolation_forest import IsolationForestSettings
from operators.comparison import figures_of_model
from operators.detect_settings import DetectSettings
from operators.layout import FEATURES
from schema import Catalogue

SOURCE = SimulatorSource(days=0.4, resources=9, interval_s=60, faults=False, seed=3)
FOREST = IsolationForestSettings(trees=5, max_samples=64, min_rows=256, reservoir_rows=512)
APP = App(sources=(SOURCE,), sinks=(), detect=DetectSettings(isolation_forest=FOREST))
END_MS = SOURCE.ms(SOURCE.steps)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("models")
    assert run(replace(APP, models=str(path)))
    return path


def test_every_service_gets_an_active_model_that_serves_from_the_end_of_its_data(
    folder: Path,
) -> None:
    entries = Registry(folder).list()
    services = [entry.service for entry in entries]
    assert services == sorted(set(services))
    assert {service.split(".")[0] for service in services} == {"aws", "azure", "gcp"}
    for entry in entries:
        stored = Registry(folder).load(entry.version)
        assert entry.state == "active"
        assert SOURCE.start_ms < stored.data_from_ms < stored.data_to_ms
        assert stored.data_to_ms == stored.effective_from_ms == entry.effective_from_ms
        assert abs(stored.data_to_ms - END_MS) <= 120_000
        assert stored.settings["trees"] == FOREST.trees
        assert stored.figures["rows"] >= FOREST.min_rows
        rows, judged = stored.figures["rows"], stored.figures["held_back_rows"]
        assert abs(judged - min(1_024, rows / 3)) <= 1
        assert stored.arrays["held_rows"].shape == (judged, len(stored.features))
    told = [Registry(folder).load(entry.version).figures["separation"] for entry in entries]
    assert 0.55 < sum(told) / len(told) < 1.0  # five trees look at few of the metrics


def test_the_flow_takes_the_models_up(folder: Path) -> None:
    shelf = shelf_of(str(folder), 60)
    assert len(shelf.servings) == len(Registry(folder).list())
    for service, ((effective_ms, version),) in shelf.servings.items():
        model = shelf.load(service, version)
        assert model is not None
        assert abs(effective_ms - END_MS) <= 120_000
        assert model.forest.features == len(model.names)
        assert set(model.columns.values()) == set(range(len(model.names) // FEATURES))
        forest = model.tails[DETECTORS.index("isolation_forest")]
        assert forest[COUNT] > 0
        assert 3.0 < forest[QUANTILE] < 10.0
        others = np.delete(model.tails, DETECTORS.index("isolation_forest"), axis=0)
        assert not others.any()


def _weight(catalogue: Catalogue, service: str, metric: str) -> float:
    return catalogue.lookup(service, metric).weight


def test_the_figures_can_be_had_again_from_the_rows_that_are_kept(folder: Path) -> None:
    shelf = shelf_of(str(folder), 60)
    catalogue = catalogue_of(APP)
    for entry in Registry(folder).list():
        stored = Registry(folder).load(entry.version)
        model = shelf.load(entry.service, entry.version)
        assert model is not None
        rows = stored.arrays["held_rows"].astype(np.float32)
        weight = partial(_weight, catalogue, entry.service)
        again = figures_of_model(model, rows, stored.features, weight)
        assert again.above_tail == stored.figures["held_back_above_tail"]
        assert again.separation == stored.figures["separation"]


def test_the_same_data_gives_the_same_versions_whatever_the_chunks(
    folder: Path, tmp_path: Path
) -> None:
    payloads = replace(SOURCE, points_per_payload=7)
    again = run(replace(APP, sources=(payloads,), models=str(tmp_path)))
    assert [one.version for one in again] == [entry.version for entry in Registry(folder).list()]


def test_a_candidate_is_not_active(tmp_path: Path) -> None:
    few = replace(APP, models=str(tmp_path), sources=(replace(SOURCE, resources=3),))
    settled = run(few, promote=False)
    assert {entry.state for entry in Registry(tmp_path).list()} == {"candidate"}
    assert len(settled) == len(Registry(tmp_path).list())
    assert shelf_of(str(tmp_path), 60).servings == {}


def test_services_with_too_few_rows_are_named(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        settled = run(replace(APP, models=str(tmp_path), sources=(replace(SOURCE, days=0.05),)))
    # 72 minutes of samples, of which the first hour warms up
    assert {one.version for one in settled} == {""}
    said = [record.getMessage() for record in caplog.records if record.name == "flows.trainer"]
    assert any("aws." in line and "feature rows, 427 needed" in line for line in said)


@pytest.mark.parametrize(
    ("app", "message"),
    [
        (APP, "models must name the registry's folder"),
        (
            replace(APP, models="x", detect=DetectSettings(detectors=("statistical",))),
            "detectors must name isolation_forest",
        ),
    ],
)
def test_what_cannot_be_trained_is_said_before_anything_is_read(app: App, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        run(app)
