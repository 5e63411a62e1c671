"""What a replay leaves in its folder, and what that comes to."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TypeVar

import msgspec

from config.app import App
from connectors.incident_wire import decode_transition
from flows.judged import Raised, covered_days
from flows.labels import Alert
from flows.summary import Counts
from flows.usage import usage_in
from schema import Closed, Drift, Tally, Transition

T = TypeVar("T")

EVENTS, TALLIES, WORDS, DRIFTS = "events", "tallies", "words", "drifts"  # files of lines
PACE, CONTROL = "pace", "control.jsonl"  # beside them


class _Edge(msgspec.Struct, frozen=True, array_like=True):
    key: str
    name: str
    tick_ms: int
    opens: bool


class Word(msgspec.Struct, frozen=True, array_like=True):
    """What is kept of a key group's word."""

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
    from_ms: int = 0  # event time from which on, and before which, everything has been judged
    until_ms: int = 0
    partial: str = ""  # why it is not the whole; "": it is


def word_line(closed: Closed) -> bytes:
    """Return the line that is kept of a key group's word."""
    edges = tuple(
        _Edge(edge.resource.key, edge.resource.name, edge.tick_ms, edge.edge == "open")
        for edge in closed.anomalies
        if edge.kind == "metrics" and edge.edge != "update"
    )
    word = Word(
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


def read_outcome(folder: Path, app: App, elapsed_s: float, stopped: str = "") -> Outcome:
    """Sum up the files of a run that has ended, or was `stopped` by what this names."""
    tick_ms = app.ingest.tick_s * 1000
    payloads = samples = late = absorbed = rejected = scored = 0
    spans: list[tuple[int, int]] = []
    for tally in _lines(folder / TALLIES, Tally):
        spans += [] if tally.span_ms is None else [tally.span_ms]
        payloads += tally.payloads
        samples += tally.samples
        late += tally.late
        absorbed += tally.absorbed
        rejected += tally.rejected
    held: dict[int, int] = {}
    until: dict[int, int] = {}
    edges: list[_Edge] = []
    raised: list[Raised] = []
    for word in _lines(folder / WORDS, Word):
        held[word.group] = word.resources
        until[word.group] = max(word.until_ms, until.get(word.group, word.until_ms))
        scored += word.scored
        absorbed += word.absorbed
        late += word.late
        samples -= word.absorbed + word.late
        edges += word.edges
        raised += word.raised
    usage = usage_in(folder)
    from_ms = min(first for first, _ in spans) // tick_ms * tick_ms if spans else 0
    until_ms = min(until.values(), default=0)
    counts = Counts(
        payloads=payloads,
        samples=samples,
        late=late,
        absorbed=absorbed,
        rejected=rejected,
        resources=sum(held.values()),
        elapsed_s=elapsed_s,
        event_s=max(0, max(until.values(), default=0) - from_ms) / 1000,
        cpu_s=usage.cpu_s,
        peak_rss_bytes=usage.peak_rss_bytes,
    )
    return Outcome(
        counts,
        tuple(decode_transition(line) for line in _raw_lines(folder / EVENTS)),
        scored,
        tick_ms,
        _alerts(edges, max(until.values(), default=0)),
        tuple(_lines(folder / DRIFTS, Drift)),
        tuple(raised),
        covered_days(spans),
        app.detect.fusion.threshold,
        from_ms,
        until_ms,
        f"stopped by {stopped}: {_reached(until_ms)}" if stopped else "",
    )


def _reached(until_ms: int) -> str:
    if not until_ms:
        return "nothing has been judged"
    until = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=until_ms)
    return f"judged up to {until:%Y-%m-%d %H:%M} UTC"


def _alerts(edges: Sequence[_Edge], until_ms: int) -> tuple[Alert, ...]:
    """Return the alerts that the edges make; those still open last until the end of the data."""
    opened: dict[str, _Edge] = {}
    out: list[Alert] = []
    for edge in sorted(edges, key=lambda e: e.tick_ms):
        if edge.opens:
            opened[edge.key] = edge
        elif edge.key in opened:
            out.append(Alert(edge.name, opened.pop(edge.key).tick_ms, edge.tick_ms))
    out += [Alert(edge.name, edge.tick_ms, until_ms) for edge in opened.values()]
    return tuple(out)


def _raw_lines(path: Path) -> Iterator[bytes]:
    if path.exists():  # a stream without items opens no file
        with path.open("rb") as file:
            yield from file


def _lines(path: Path, kind: type[T]) -> Iterator[T]:
    decoder = msgspec.json.Decoder(kind)
    return map(decoder.decode, _raw_lines(path))
