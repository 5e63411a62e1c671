"""The demo: simulate three clouds, train on their quiet beginning, detect over all of it."""

import shutil
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import msgspec
from rich.console import Console

from config.app import App
from connectors.console import ConsoleFeed, ConsoleSink
from connectors.incident_database import check_url, shown_url
from connectors.incident_store import IncidentStore, SqlSink
from connectors.simulator.desk import DEFAULT_STATE_DIR
from connectors.simulator.events import deploy_lines
from connectors.simulator.origin import SimulatorOrigin
from connectors.simulator.settings import DAY_S, SimulatorSource
from flows.detect import Outputs
from flows.labels import read_labels
from flows.progress import Progress, shown
from flows.replay import Stopped, replay, summary_of
from flows.summary import Summary
from flows.telling import telling, told_line
from flows.train import run as train
from schema import Notice

OWN_STORE = "sqlite:///.foreshock/demo.db"
MODELS = ".foreshock/demo-models"
CONTROL = ".foreshock/demo-control.jsonl"

Page = Callable[[App], None]
"""Begins to show a flow of these settings to people."""


def run(
    source: SimulatorSource, sink: SqlSink, *, headless: bool, page: Page | None = None
) -> Summary:
    """Run the demo; faults that `foreshock inject` puts in meanwhile are among the labels.

    The demo's own store, registry and control log are made anew; another store must be new.
    Headless, there is no feed, and progress is a line on standard error every few seconds.

    Raises: ValueError if the store exists; flows.replay.Stopped on a signal.
    """
    _make_store(sink)
    state_dir = source.state_dir or DEFAULT_STATE_DIR
    source = msgspec.structs.replace(source, state_dir=state_dir)
    shutil.rmtree(MODELS, ignore_errors=True)
    quiet_days = source.quiet_steps * source.interval_s / DAY_S
    if quiet_days > 0:
        _say(f"training on the first {quiet_days:.1f} days; the first run compiles for a minute")
        _train(source, quiet_days)
    _say(f"detecting over {source.days:g} days of {source.resources} resources")
    console = Console()
    bar = console.is_terminal and not headless
    also = Outputs(incidents=() if headless else (ConsoleFeed(ConsoleSink(), console),))
    Path(CONTROL).unlink(missing_ok=True)
    app = App(
        sources=(source,),
        sinks=(sink,),
        models=MODELS,
        deploys=_announced(source),
        control_log=CONTROL,
    )

    if page is not None:
        page(app)

    def show(folder: Path) -> AbstractContextManager[None]:
        return shown(Progress(folder), "detect", console if bar else None)

    def say(notice: Notice) -> None:
        if source.speed is not None and not headless:  # else there are too many at once
            console.print(told_line(notice), soft_wrap=True, highlight=False, markup=False)

    with telling(sink.url, say):
        outcome = replay(app, also=also, retrain=True, show=show)
    if outcome.partial:
        raise Stopped(outcome.partial)
    labels = read_labels((Path(state_dir) / "truth.json").read_bytes())
    return summary_of(outcome, labels)


def _train(source: SimulatorSource, quiet_days: float) -> None:
    """Train at full speed on the part in which nothing is wrong; it is read again afterwards."""
    quiet = msgspec.structs.replace(source, read_days=quiet_days, speed=None, state_dir=None)
    train(App(sources=(quiet,), models=MODELS))


def _announced(source: SimulatorSource) -> str:
    """Write down what the simulation's pipelines announce; return where."""
    folder = Path(source.state_dir or DEFAULT_STATE_DIR)
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / "deploys.jsonl"
    file.write_bytes(deploy_lines(SimulatorOrigin(source).plan))
    return str(file)


def _make_store(sink: SqlSink) -> None:
    url = check_url(sink.url)
    if url.get_backend_name() != "sqlite":
        raise ValueError(f"store must be a file, sqlite:///<file>, got {shown_url(sink.url)!r}")
    path = Path(str(url.database))
    if sink.url != OWN_STORE and path.exists():
        raise ValueError(f"store must be new, or the demo's own, which is made anew: {path} exists")
    for suffix in ("", "-wal", "-shm"):
        path.with_name(path.name + suffix).unlink(missing_ok=True)
    IncidentStore(sink.url, create=True).close()  # it is there, be there incidents or not


def _say(words: str) -> None:
    sys.stderr.write(f"{words}\n")
    sys.stderr.flush()
