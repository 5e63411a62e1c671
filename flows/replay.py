"""A bounded run whose outcome is wanted: backtest and demo."""

import threading
import time
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TypeVar

import msgspec
from bytewax.dataflow import Dataflow

from config.app import App
from connectors.incident_wire import decode_transition, encode_transition
from connectors.line_file import LineFileSink
from connectors.scored_spool import ScoredSpool
from flows.assemble import (
    Sources,
    catalogue_of,
    dead_letter_sinks,
    group_settings,
    incident_sinks,
    late_sinks,
    standing_sinks,
    topology_of,
    training_sinks,
)
from flows.control import control_log, control_of
from flows.detect import AnySink, Outputs, build
from flows.drift_labels import drift_agreement
from flows.figures import curve_of_incidents, figures_of
from flows.judged import Raised, covered_days, judge
from flows.labels import Alert, Labels, false_positive_rate
from flows.launch import run as launch
from flows.retraining import answering
from flows.summary import Counts, Summary, summarise
from flows.warm_up import compile_kernels
from schema import Closed, Drift, Tally, Transition

T = TypeVar("T")
_EVENTS, _TALLIES, _WORDS, _DRIFTS = "events", "tallies", "words", "drifts"
_PACE, _CONTROL = "pace", "control.jsonl"


class Stopped(RuntimeError):
    """The run was stopped before its sources had ended."""


class _Edge(msgspec.Struct, frozen=True, array_like=True):
    key: str
    name: str
    tick_ms: int
    opens: bool


class _Word(msgspec.Struct, frozen=True, array_like=True):
    group: int
    until_ms: int
    resources: int
    scored: int
    absorbed: int
    late: int
    edges: tuple[_Edge, ...]
    raised: tuple[Raised, ...]


class Outcome(msgspec.Struct, frozen=True):
    """What came out of a run."""

    counts: Counts
    transitions: tuple[Transition, ...]
    scored: int  # rows: a resource at a tick
    tick_ms: int
    alerts: tuple[Alert, ...]  # of metrics: what rules and silence say is not scored
    drifts: tuple[Drift, ...]
    raised: tuple[Raised, ...]
    days: float  # with data
    threshold: float  # of the fused score, in use


def replay(
    app: App,
    *,
    workers: int = 1,
    also: Outputs | None = None,
    retrain: bool = False,
    spool: Path | None = None,
) -> Outcome:
    """Run the detect flow to the end of its sources; sinks of the settings are written too.

    With one worker, `also` may name more sinks, which are used in this process. To `retrain` is to
    train a model into the settings' registry whenever a service drifts, and to wait for it. How
    every sample was judged goes into the folder `spool`, if one is named.

    Raises: Stopped on a signal, what `flows.launch.run` raises, ValueError where a source has no
    end, or where there is no registry to retrain into.
    """
    if retrain and app.models is None:
        raise ValueError("models must name the registry's folder to retrain, got None")
    retrain = retrain and app.drift.enabled
    compile_kernels(app, catalogue_of(app))
    started = time.perf_counter()
    with TemporaryDirectory(prefix="foreshock-") as name:
        folder = Path(name)
        for output in (_EVENTS, _TALLIES, _WORDS, _DRIFTS):
            (folder / output).touch()  # a stream without items opens no file
        if app.control_log is None and app.drift.enabled:
            app = msgspec.structs.replace(app, control_log=str(folder / _CONTROL))
        with trained_meanwhile(app) if retrain else nullcontext():
            build_flow = partial(replay_flow, app, folder, also, retrain, spool)
            stopped = launch(build_flow, processes=workers)
        if stopped is not None:
            raise Stopped(f"stopped by {stopped.name} before the end of the data")
        elapsed_s = time.perf_counter() - started
        tallies = _lines(folder / _TALLIES, Tally)
        words = _lines(folder / _WORDS, _Word)
        drifts = _lines(folder / _DRIFTS, Drift)
        events = (folder / _EVENTS).read_bytes().splitlines()
    held = {word.group: word.resources for word in words}
    absorbed_in_group = sum(word.absorbed for word in words)
    late_in_group = sum(word.late for word in words)
    counts = Counts(
        payloads=sum(t.payloads for t in tallies),
        samples=sum(t.samples for t in tallies) - absorbed_in_group - late_in_group,
        late=sum(t.late for t in tallies) + late_in_group,
        absorbed=sum(t.absorbed for t in tallies) + absorbed_in_group,
        rejected=sum(t.rejected for t in tallies),
        resources=sum(held.values()),
        elapsed_s=elapsed_s,
    )
    transitions = tuple(decode_transition(line) for line in events)
    scored = sum(word.scored for word in words)
    tick_ms = app.ingest.tick_s * 1000
    return Outcome(
        counts,
        transitions,
        scored,
        tick_ms,
        _alerts(words),
        tuple(drifts),
        raised=tuple(each for word in words for each in word.raised),
        days=covered_days(tally.span_ms for tally in tallies if tally.span_ms is not None),
        threshold=app.detect.fusion.threshold,
    )


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
    control = control_of(app, folder / _PACE, waits=retrain)
    intake = Sources(app, catalogue).intake(stop, folder / _PACE, control=control.source)
    mine: list[AnySink[Transition]] = [LineFileSink(folder / _EVENTS, encode_transition)]
    also = also or Outputs(incidents=())
    outputs = Outputs(
        incidents=[*mine, *incident_sinks(app), *also.incidents],
        dead_letter=[*dead_letter_sinks(app), *also.dead_letter],
        late=[*late_sinks(app), *also.late],
        tallies=[LineFileSink(folder / _TALLIES, msgspec.json.encode), *also.tallies],
        progress=[LineFileSink(folder / _WORDS, _word), *standing_sinks(app), *also.progress],
        judged=[*control.judged, *also.judged],
        drifts=[LineFileSink(folder / _DRIFTS, msgspec.json.encode), *also.drifts],
        training=[*(training_sinks(app) if retrain else ()), *also.training],
        scored=[*(() if spool is None else (ScoredSpool(spool),)), *also.scored],
    )
    group = group_settings(app, catalogue, len(intake.names))
    return build(intake, group, app.triage, outputs, topology_of(app))


def summary_of(outcome: Outcome, labels: Labels | None = None) -> Summary:
    """Return the outcome as it is printed."""
    summary = summarise(outcome.counts, outcome.transitions, labels, outcome.drifts)
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


def _word(closed: Closed) -> bytes:
    edges = tuple(
        _Edge(edge.resource.key, edge.resource.name, edge.tick_ms, edge.edge == "open")
        for edge in closed.anomalies
        if edge.kind == "metrics" and edge.edge != "update"
    )
    word = _Word(
        closed.group,
        closed.until_ms,
        closed.resources,
        closed.scored,
        closed.absorbed,
        closed.late,
        edges,
        tuple(Raised.of(edge) for edge in closed.anomalies if edge.edge == "open"),
    )
    return msgspec.json.encode(word)


def _alerts(words: Sequence[_Word]) -> tuple[Alert, ...]:
    """Return the alerts that the edges make; those still open last until the end of the data."""
    until_ms = max((word.until_ms for word in words), default=0)
    opened: dict[str, _Edge] = {}
    out: list[Alert] = []
    for edge in sorted((edge for word in words for edge in word.edges), key=lambda e: e.tick_ms):
        if edge.opens:
            opened[edge.key] = edge
        elif edge.key in opened:
            out.append(Alert(edge.name, opened.pop(edge.key).tick_ms, edge.tick_ms))
    out += [Alert(edge.name, edge.tick_ms, until_ms) for edge in opened.values()]
    return tuple(out)


def _lines(path: Path, kind: type[T]) -> list[T]:
    return msgspec.json.Decoder(kind).decode_lines(path.read_bytes())
