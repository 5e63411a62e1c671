"""The live worker: the detect flow over the sources and sinks of the settings, until stopped."""

import threading
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

from bytewax.dataflow import Dataflow

from config.app import App, load_app
from flows.assemble import (
    Sources,
    catalogue_of,
    dead_letter_sinks,
    group_settings,
    incident_sinks,
    late_sinks,
)
from flows.detect import Outputs, build
from flows.launch import run as launch


def run(app: App, *, processes: int = 1) -> None:
    """Run until the sources end or a signal comes; see `flows.launch.run` for what is raised."""
    with TemporaryDirectory(prefix="foreshock-") as folder:
        flow = partial(detect_flow, app, Path(folder) / "pace")
        launch(flow, processes=processes, recovery=app.recovery)


def detect_flow(app: App, pace: Path | None, stop: threading.Event) -> Dataflow:
    """Build the flow of `foreshock run`; `pace` is the file that the host's processes share."""
    catalogue = catalogue_of(app)
    intake = Sources(app, catalogue).intake(stop, pace)
    outputs = Outputs(
        incidents=incident_sinks(app), dead_letter=dead_letter_sinks(app), late=late_sinks(app)
    )
    group = group_settings(app, catalogue, len(intake.names))
    return build(intake, group, app.triage, outputs)


def from_file(path: str) -> Dataflow:
    """Build the flow for stock Bytewax: `python -m bytewax.run "flows.run:from_file('my.yaml')"`.

    Nothing stops such a flow but its end; one process, or threads of it.
    """
    return detect_flow(load_app(path), None, threading.Event())
