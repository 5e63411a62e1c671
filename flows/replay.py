"""A bounded run whose outcome is wanted: backtest and demo."""

import threading
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import msgspec
from bytewax.dataflow import Dataflow

from config.app import App
from connectors.incident_wire import encode_transition
from connectors.line_file import LineFileSink
from connectors.recovery_store import RecoverySettings
from connectors.scored_spool import ScoredSpool
from flows.assemble import (
    Sources,
    catalogue_of,
    dead_letter_sinks,
    drift_standing_sinks,
    evidence_sinks,
    group_settings,
    incident_sinks,
    late_sinks,
    live_sinks,
    standing_sinks,
    topology_of,
    training_sinks,
)
from flows.control import FRONTIER, control_log, control_of
from flows.detect import AnySink, Outputs, build
from flows.drift_labels import drift_agreement
from flows.figures import curve_of_incidents, figures_of
from flows.judged import judge
from flows.labels import Labels, false_positive_rate
from flows.launch import run as launch
from flows.outcome import (
    CONTROL,
    DRIFTS,
    EVENTS,
    PACE,
    TALLIES,
    WORDS,
    Outcome,
    read_outcome,
    word_line,
)
from flows.retraining import answering
from flows.summary import Summary, summarise
from flows.usage import UsageSink
from flows.warm_up import compile_kernels
from schema import Tally, Transition

Show = Callable[[Path], AbstractContextManager[None]]
"""Follows the run that writes into a folder, for as long as it takes."""

_STATE, _ELAPSED = "state", "elapsed_s"  # in a folder that is kept


class Stopped(RuntimeError):
    """The run was stopped before its sources had ended."""


def replay(
    app: App,
    *,
    workers: int = 1,
    also: Outputs | None = None,
    retrain: bool = False,
    spool: Path | None = None,
    folder: Path | None = None,
    show: Show | None = None,
) -> Outcome:
    """Run the detect flow to the end of its sources; sinks of the settings are written too.

    With one worker, `also` may name more sinks, which are used in this process. To `retrain` is to
    train a model into the settings' registry whenever a service drifts, and to wait for it. How
    every sample was judged goes into the folder `spool`, if one is named. With a `folder` the run
    keeps its state there, and goes on where an earlier one stood.

    The outcome of a run that a signal has stopped is partial.

    Raises: what `flows.launch.run` raises, ValueError where a source has no end, or where there is
    no registry to retrain into.
    """
    if retrain and app.models is None:
        raise ValueError("models must name the registry's folder to retrain, got None")
    retrain = retrain and app.drift.enabled
    compile_kernels(app, catalogue_of(app))
    with TemporaryDirectory(prefix="foreshock-") as own, ExitStack() as meanwhile:
        kept = folder or Path(own)
        state = None if folder is None else str(folder / _STATE)
        app = msgspec.structs.replace(app, recovery=RecoverySettings(dir=state))
        for stale in (PACE, FRONTIER):
            (kept / stale).unlink(missing_ok=True)
        if app.control_log is None and (app.drift.enabled or app.deploys is not None):
            app = msgspec.structs.replace(app, control_log=str(kept / CONTROL))
        if retrain:
            meanwhile.enter_context(trained_meanwhile(app))
        if show is not None:
            meanwhile.enter_context(show(kept))
        started = time.perf_counter()
        flow = partial(replay_flow, app, kept, also, retrain, spool)
        stopped = launch(flow, processes=workers, recovery=app.recovery)
        elapsed_s = _in_all(kept, time.perf_counter() - started)
        meanwhile.close()
        name = "" if stopped is None else stopped.name
        return read_outcome(kept, app, elapsed_s, name)


def _in_all(folder: Path, elapsed_s: float) -> float:
    """Add the time that a run took to that of the runs before it; return the sum."""
    file = folder / _ELAPSED
    before_s = float(file.read_text()) if file.exists() else 0.0
    file.write_text(repr(before_s + elapsed_s))
    return before_s + elapsed_s


def trained_meanwhile(app: App) -> AbstractContextManager[None]:
    """Answer what the flow asks for, in a thread."""
    log = control_log(app)
    if log is None:
        raise ValueError("control_log must be set to retrain, got None")
    return answering(app, catalogue_of(app), log)


def replay_flow(
    app: App,
    folder: Path,
    also: Outputs | None,
    retrain: bool,
    spool: Path | None,
    stop: threading.Event,
) -> Dataflow:
    """Build the flow, which also writes what `replay` reads into `folder`."""
    catalogue = catalogue_of(app)
    control = control_of(app, folder / PACE, waits=retrain)
    keeps = app.recovery.dir is not None
    sources = Sources(app, catalogue)
    intake = sources.intake(stop, folder / PACE, keeps=keeps, control=control.source)
    mine: list[AnySink[Transition]] = [LineFileSink(folder / EVENTS, encode_transition)]
    also = also or Outputs(incidents=())
    tallies: list[AnySink[Tally]] = [
        LineFileSink(folder / TALLIES, msgspec.json.encode),
        UsageSink(folder),
    ]
    outputs = Outputs(
        incidents=[*mine, *incident_sinks(app), *also.incidents],
        dead_letter=[*dead_letter_sinks(app), *also.dead_letter],
        late=[*late_sinks(app), *also.late],
        tallies=[*tallies, *also.tallies],
        progress=[LineFileSink(folder / WORDS, word_line), *standing_sinks(app), *also.progress],
        judged=[*control.judged, *also.judged],
        drifts=[LineFileSink(folder / DRIFTS, msgspec.json.encode), *also.drifts],
        drift_standings=[*drift_standing_sinks(app), *also.drift_standings],
        training=[*(training_sinks(app) if retrain else ()), *also.training],
        evidence=[*evidence_sinks(app), *also.evidence],
        live=[*live_sinks(app), *also.live],
        scored=[*(() if spool is None else (ScoredSpool(spool),)), *also.scored],
    )
    group = group_settings(app, catalogue, len(intake.names))
    return build(intake, group, app.triage, outputs, topology_of(app))


def summary_of(outcome: Outcome, labels: Labels | None = None) -> Summary:
    """Return the outcome as it is printed."""
    summary = summarise(
        outcome.counts, outcome.transitions, labels, outcome.drifts, outcome.partial
    )
    if labels is None or summary.labelled is None:
        return summary
    rate = false_positive_rate(labels.faults, outcome.alerts, outcome.scored, outcome.tick_ms)
    labelled = msgspec.structs.replace(
        summary.labelled,
        false_positive_rate=rate,
        drift=drift_agreement(labels, outcome.drifts, outcome.transitions, outcome.alerts),
    )
    judged = judge(labels, outcome.transitions, outcome.raised)
    curve = curve_of_incidents(labels, judged, outcome.threshold)
    figures = figures_of(labels, judged, outcome.days, curve)
    return msgspec.structs.replace(summary, labelled=labelled, figures=figures)
