"""A bounded run whose outcome is wanted: backtest and demo."""

import threading
import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TypeVar

import msgspec
from bytewax.dataflow import Dataflow

from config.app import App
from connectors.incident_wire import decode_transition, encode_transition
from connectors.line_file import LineFileSink
from flows.assemble import (
    Sources,
    catalogue_of,
    dead_letter_sinks,
    group_settings,
    incident_sinks,
    late_sinks,
)
from flows.detect import AnySink, Outputs, build
from flows.labels import Fault
from flows.launch import run as launch
from flows.summary import Counts, Summary, summarise
from schema import Closed, Tally, Transition

T = TypeVar("T")
_EVENTS, _TALLIES, _WORDS, _PACE = "events", "tallies", "words", "pace"


class Stopped(RuntimeError):
    """The run was stopped before its sources had ended."""


class _Word(msgspec.Struct, frozen=True, array_like=True):
    group: int
    resources: int
    scored: int


class Outcome(msgspec.Struct, frozen=True):
    """What came out of a run."""

    counts: Counts
    transitions: tuple[Transition, ...]
    scored: int  # rows: a resource at a tick


def replay(app: App, *, workers: int = 1) -> Outcome:
    """Run the detect flow to the end of its sources; sinks of the settings are written too.

    Raises: Stopped on a signal, what `flows.launch.run` raises, ValueError where a source has no
    end.
    """
    started = time.perf_counter()
    with TemporaryDirectory(prefix="foreshock-") as name:
        folder = Path(name)
        for output in (_EVENTS, _TALLIES, _WORDS):
            (folder / output).touch()  # a stream without items opens no file
        stopped = launch(partial(replay_flow, app, folder), processes=workers)
        if stopped is not None:
            raise Stopped(f"stopped by {stopped.name} before the end of the data")
        elapsed_s = time.perf_counter() - started
        tallies = _lines(folder / _TALLIES, Tally)
        words = _lines(folder / _WORDS, _Word)
        events = (folder / _EVENTS).read_bytes().splitlines()
    held = {word.group: word.resources for word in words}
    counts = Counts(
        payloads=sum(t.payloads for t in tallies),
        samples=sum(t.samples for t in tallies),
        late=sum(t.late for t in tallies),
        rejected=sum(t.rejected for t in tallies),
        resources=sum(held.values()),
        elapsed_s=elapsed_s,
    )
    transitions = tuple(decode_transition(line) for line in events)
    return Outcome(counts, transitions, sum(word.scored for word in words))


def replay_flow(app: App, folder: Path, stop: threading.Event) -> Dataflow:
    """Build the flow, which also writes what `replay` reads into `folder`."""
    catalogue = catalogue_of(app)
    intake = Sources(app, catalogue).intake(stop, folder / _PACE)
    mine: list[AnySink[Transition]] = [LineFileSink(folder / _EVENTS, encode_transition)]
    outputs = Outputs(
        incidents=[*mine, *incident_sinks(app)],
        dead_letter=dead_letter_sinks(app),
        late=late_sinks(app),
        tallies=(LineFileSink(folder / _TALLIES, msgspec.json.encode),),
        progress=(LineFileSink(folder / _WORDS, _word),),
    )
    return build(intake, group_settings(app, catalogue, len(intake.names)), app.triage, outputs)


def summary_of(outcome: Outcome, faults: Sequence[Fault] | None = None) -> Summary:
    """Return the outcome as it is printed."""
    return summarise(outcome.counts, outcome.transitions, faults)


def _word(closed: Closed) -> bytes:
    return msgspec.json.encode(_Word(closed.group, closed.resources, closed.scored))


def _lines(path: Path, kind: type[T]) -> list[T]:
    return msgspec.json.Decoder(kind).decode_lines(path.read_bytes())
