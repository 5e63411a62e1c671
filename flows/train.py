"""Training: the sources through the same operators, then a forest a service into the registry."""

import logging
import threading
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import bytewax.operators as op
import msgspec
import numpy as np
from bytewax.dataflow import Dataflow

from config.app import App
from connectors.line_file import LineFileSink
from connectors.model_files import Setting, StoredModel
from connectors.model_registry import Registry
from flows.assemble import Sources, catalogue_of, group_settings
from flows.launch import run as launch
from flows.models import stored_model
from flows.replay import Stopped
from flows.warm_up import compile_kernels
from operators.detect import detect_anomalies
from operators.training import HELD_BACK, Trained, by_service, train
from schema import Catalogue, FeatureBatch

_log = logging.getLogger(__name__)

FLOW_ID = "foreshock_train"
LEAST_RESERVOIR = 4_096  # rows a group and service: training need not save memory as the flow does
YEAR_S = 31_536_000
_BATCHES, _PACE = "batches", "pace"
_ONE_KEY = "all"  # the file has one partition


class _Line(msgspec.Struct, frozen=True, array_like=True):
    service: str
    names: tuple[str, ...]
    rows: bytes
    tick_ms: bytes
    from_ms: int
    until_ms: int
    drawn_from: int


def run(app: App, *, workers: int = 1, promote: bool = True) -> list[str]:
    """Train on the settings' sources; return the versions registered, by service.

    A model serves from the end of its data on, so a replay of that data never sees it. A service
    with too few rows gets none, and a line in the log.

    Raises: ValueError without a registry, without the forest among the detectors, or where a
    newer model is active; Stopped on a signal; what `flows.launch.run` raises.
    """
    if app.models is None:
        raise ValueError("models must name the registry's folder, got None")
    if "isolation_forest" not in app.detect.detectors:
        raise ValueError(
            f"detectors must name isolation_forest to train it, got {list(app.detect.detectors)!r}"
        )
    registry = Registry(Path(app.models))
    return [
        registry.register(_stored(trained, app), state="active" if promote else "candidate")
        for trained in fitted(app, collected(app, workers), catalogue_of(app))
    ]


def collected(app: App, workers: int) -> list[FeatureBatch]:
    """Run the flow to the end of its sources; return what each key group kept."""
    compile_kernels(app, catalogue_of(app))
    with TemporaryDirectory(prefix="foreshock-") as name:
        folder = Path(name)
        (folder / _BATCHES).touch()
        stopped = launch(partial(train_flow, app, folder), processes=workers)
        if stopped is not None:
            raise Stopped(f"stopped by {stopped.name} before the end of the data")
        lines = (folder / _BATCHES).read_bytes()
    return [_batch(line) for line in msgspec.json.Decoder(_Line).decode_lines(lines)]


def fitted(app: App, batches: Sequence[FeatureBatch], catalogue: Catalogue) -> list[Trained]:
    """Fit a forest for each service that has rows enough, by service."""
    out = []
    settings = app.detect.isolation_forest
    for service, own in by_service(batches).items():

        def weight(metric: str, service: str = service) -> float:
            return catalogue.lookup(service, metric).weight

        trained = train(service, own, weight, settings)
        if isinstance(trained, Trained):
            out.append(trained)
        else:
            needed = int(np.ceil(settings.min_rows / (1 - HELD_BACK)))
            _log.warning("%s: no model: %d feature rows, %d needed", service, trained, needed)
    return out


def train_flow(app: App, folder: Path, stop: threading.Event) -> Dataflow:
    """Build the flow, which writes each key group's feature rows into `folder`."""
    catalogue = catalogue_of(app)
    source = Sources(app, catalogue).intake(stop, folder / _PACE)
    settings = group_settings(_patient(app), catalogue, len(source.names), collect=True)
    flow = Dataflow(FLOW_ID)
    packed = op.flat_map("by_group", op.input("read", flow, source), lambda item: item.packed)
    batches = op.filter_map_value(
        "batches",
        detect_anomalies("detect", packed, settings),
        lambda word: word if isinstance(word, FeatureBatch) else None,
    )
    kept = op.key_on("one_file", op.key_rm("of_groups", batches), lambda _: _ONE_KEY)
    op.output("keep", kept, LineFileSink(folder / _BATCHES, _line))
    return flow


def _patient(app: App) -> App:
    """Return settings under which groups keep more rows, and fit as good as no forest."""
    forest = app.detect.isolation_forest
    rows = max(forest.reservoir_rows, LEAST_RESERVOIR)
    forest = msgspec.structs.replace(forest, reservoir_rows=rows, refit_s=YEAR_S)
    detect = msgspec.structs.replace(app.detect, isolation_forest=forest)
    return msgspec.structs.replace(app, detect=detect)


def _stored(trained: Trained, app: App) -> StoredModel:
    forest = app.detect.isolation_forest
    tail = trained.tails[trained.tails[:, 0] > 0][0]
    settings: Mapping[str, Setting] = {
        "detector": "isolation_forest",
        "trees": forest.trees,
        "max_samples": forest.max_samples,
        "seed": trained.seed,
        "tick_s": app.ingest.tick_s,
    }
    figures = {
        "rows": float(trained.rows),
        "held_back_rows": float(trained.held_rows),
        "held_back_mean_score": trained.held_mean,
        "held_back_tail_score": float(tail[1]),
        "held_back_tail_excess": float(tail[2]),
    }
    return stored_model(trained, settings, figures)


def _line(batch: FeatureBatch) -> bytes:
    line = _Line(
        batch.service,
        batch.names,
        batch.rows.tobytes(),
        batch.tick_ms.tobytes(),
        batch.from_ms,
        batch.until_ms,
        batch.drawn_from,
    )
    return msgspec.json.encode(line)


def _batch(line: _Line) -> FeatureBatch:
    rows = np.frombuffer(line.rows, np.float32).reshape(-1, max(1, len(line.names)))
    return FeatureBatch(
        line.service,
        line.names,
        rows,
        np.frombuffer(line.tick_ms, np.int64),
        line.from_ms,
        line.until_ms,
        line.drawn_from,
    )
