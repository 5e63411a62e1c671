"""Training: the sources through the same operators, then a forest a service into the registry."""

import threading
from collections.abc import Sequence
from datetime import timedelta
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import bytewax.operators as op
import msgspec
from bytewax.dataflow import Dataflow

from config.app import App, Source
from connectors.control_log import ControlLog, soonest_ms
from connectors.kafka_settings import KafkaSource
from connectors.source import wall_clock
from connectors.training_rows import RowsFolder, RowsSink
from flows.assemble import Sources, catalogue_of, group_settings
from flows.control import control_log, is_live
from flows.launch import run as launch
from flows.replay import Stopped
from flows.trainer import Settled, Trainer
from flows.warm_up import compile_kernels
from operators.detect import detect_anomalies
from operators.groups import group_names
from schema import FeatureBatch, TrainingRows, stable_id

FLOW_ID = "foreshock_train"
LEAST_RESERVOIR = 4_096  # rows a group and service: training need not save memory as the flow does
YEAR_S = 31_536_000
_PACE = "pace"


def run(app: App, *, workers: int = 1, promote: bool = True, force: bool = False) -> list[Settled]:
    """Train on the settings' sources; return what became of each service that has feature rows.

    A model serves from the end of its data on, so a replay of that data never sees it. Where the
    sources are live, it serves from as soon on as live flows can hear of it, and they are told.

    Raises: ValueError without a registry or without the forest among the detectors; Stopped on a
    signal; what `flows.launch.run` raises.
    """
    trainer = Trainer(app, catalogue_of(app))
    batches = collected(ended(app), workers)
    if not promote:
        return trainer.train(batches, lambda _: None)
    if not is_live(app):
        return trainer.train(batches, lambda trained: trained.until_ms, force=force)
    settled = trainer.train(
        batches, lambda _: soonest_ms(wall_clock(), app.ingest.tick_s), force=force
    )
    tell(control_log(app), settled)
    return settled


def tell(log: ControlLog | None, settled: Sequence[Settled]) -> None:
    """Write what was promoted into the control log, if there is one."""
    for one in settled:
        if one.promoted and log is not None:
            log.append(one.promotion())


def ended(app: App, hours: float | None = None) -> App:
    """Return the settings with live topics read up to where they end now, the last hours of them.

    None: as far back as the settings say.
    """

    def part(source: Source) -> Source:
        if not isinstance(source, KafkaSource) or source.end != "never":
            return source
        start = source.start
        if hours is not None:
            start = (wall_clock() - timedelta(hours=hours)).isoformat()
        return msgspec.structs.replace(source, start=start, end="now")

    return msgspec.structs.replace(app, sources=tuple(map(part, app.sources)))


def collected(app: App, workers: int) -> list[FeatureBatch]:
    """Run the flow to the end of its sources; return what each key group kept."""
    compile_kernels(app, catalogue_of(app))
    with TemporaryDirectory(prefix="foreshock-") as name:
        folder = Path(name)
        stopped = launch(partial(train_flow, app, folder), processes=workers)
        if stopped is not None:
            raise Stopped(f"stopped by {stopped.name} before the end of the data")
        rows = RowsFolder(folder)
        return [batch for request in rows.requests() for batch in rows.read(request)]


def train_flow(app: App, folder: Path, stop: threading.Event) -> Dataflow:
    """Build the flow, which writes each key group's feature rows into `folder`."""
    catalogue = catalogue_of(app)
    source = Sources(app, catalogue).intake(stop, folder / _PACE)
    settings = group_settings(_patient(app), catalogue, len(source.names), collect=True)
    flow = Dataflow(FLOW_ID)
    packed = op.flat_map("by_group", op.input("read", flow, source), lambda item: item.packed)
    names = group_names(settings.groups)

    def rows(said: tuple[str, object]) -> TrainingRows | None:
        name, batch = said
        if not isinstance(batch, FeatureBatch):
            return None
        return TrainingRows(f"{stable_id(batch.service):016x}", names.index(name), batch)

    said = detect_anomalies("detect", packed, settings)
    op.output("keep", op.filter_map("rows", said, rows), RowsSink(folder))
    return flow


def _patient(app: App) -> App:
    """Return settings under which groups keep more rows, and fit as good as no forest."""
    forest = app.detect.isolation_forest
    rows = max(forest.reservoir_rows, LEAST_RESERVOIR)
    forest = msgspec.structs.replace(forest, reservoir_rows=rows, refit_s=YEAR_S)
    detect = msgspec.structs.replace(app.detect, isolation_forest=forest)
    return msgspec.structs.replace(app, detect=detect)
