"""Runs with as many incidents as one likes, without running anything."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec
import numpy as np

from config.app import App
from connectors.files import FileSource
from connectors.scored_spool import ScoredSpool
from connectors.scored_windows import Spool
from flows.backtest import Run
from flows.compare import compare
from flows.labels import Fault, Labels
from flows.outcome import Outcome
from flows.replay import summary_of
from flows.summary import Counts
from models.fusion import DETECTORS
from report.facts import Facts, gather, gather_both
from schema import (
    Evidence,
    Impact,
    Incident,
    Member,
    Resource,
    Scored,
    ScoredSeries,
    Series,
    Severity,
    Suspect,
    Transition,
    stable_id,
)

START_MS = 1_772_323_200_000  # 2026-03-01 00:00 UTC
MINUTE_MS = 60_000
METRICS = ("latency", "error.count")
RESOURCES = 20
HIGH = 8.0  # a score
HOSTILE = "</script><img src=x onerror=alert(1)>'\"`{{7*7}}<b>"
LONG = "arn:aws:rds:eu-west-1:111122223333:db:" + "orders-and-payments-" * 8


@dataclass
class MadeRun:
    """What a run left."""

    app: App
    outcome: Outcome
    folder: Path  # of its spool

    @property
    def spool(self) -> Spool:
        return Spool(self.folder)

    def ended(self, labels: Labels | None = None) -> Run:
        return Run(self.app, self.outcome, summary_of(self.outcome, labels), self.folder)

    def facts(self, labels: Labels | None = None) -> Facts:
        return gather(self.ended(labels), labels, ("made",))


def facts_of_both(before: MadeRun, after: MadeRun, labels: Labels | None = None) -> Facts:
    """Return what a report says of two runs."""
    between = compare(before.outcome, after.outcome, labels, (HOSTILE, "other.yaml"))
    return gather_both(before.ended(labels), after.ended(labels), between, labels, ("made",))


def resource(number: int, name: str = "") -> Resource:
    return Resource("aws", "aws.rds", "111122223333", "eu-west-1", name or f"db-{number:02}")


def made_run(folder: Path, incidents: int, days: float = 1.0, names: Sequence[str] = ()) -> MadeRun:
    """Return a run of `days` in which resources have trouble in turn, evenly spread.

    The first resources are called by `names`.
    """
    minutes = round(days * 1440)
    held = [
        resource(i, names[i] if i < len(names) else "")
        for i in range(min(RESOURCES, max(1, incidents)))
    ]
    gap = minutes // (incidents + 1)
    troubles = [(held[i % len(held)], (i + 1) * gap) for i in range(incidents)]
    lasts = max(5, min(60, gap // 2))
    part = ScoredSpool(folder).build("spool", 0, 1)
    part.write_batch([_scored(i, one, minutes, troubles, lasts) for i, one in enumerate(held)])
    part.close()
    transitions = tuple(
        said
        for i, (one, minute) in enumerate(troubles)
        for said in _life(i, one, minute, lasts, minutes)
    )
    counts = Counts(
        payloads=minutes, samples=2 * minutes * len(held), late=3, absorbed=0, rejected=1,
        resources=len(held), elapsed_s=2.5,
    )  # fmt: skip
    outcome = Outcome(
        counts, transitions, minutes * len(held), MINUTE_MS, (), (), raised=(), days=days,
        threshold=4.1,
    )  # fmt: skip
    return MadeRun(App(sources=(FileSource(("made",)),)), outcome, folder)


def labels_of(run: MadeRun, every: int = 2) -> Labels:
    """Return labels by which every so many incidents is right; one fault is missed."""
    opened = [said.incident for said in run.outcome.transitions if said.event == "opened"]
    faults = [
        Fault(f"F{i:03}", said.onset_ms, said.opened_ms + MINUTE_MS,
              frozenset({said.members[0].resource.name}), "leak")
        for i, said in enumerate(opened)
        if i % every == 0
    ]  # fmt: skip
    missed = Fault("F999", START_MS, START_MS + MINUTE_MS, frozenset({"nobody"}), "outage")
    return Labels((*faults, missed))


def _scored(
    number: int,
    one: Resource,
    minutes: int,
    troubles: Sequence[tuple[Resource, int]],
    lasts: int,
) -> Scored:
    rng = np.random.default_rng(number)
    tick = np.arange(minutes, dtype=np.int64)
    bad = np.zeros(minutes, np.bool_)
    for who, minute in troubles:
        if who is one:
            bad[minute : minute + lasts] = True
    ts_ms = START_MS + tick * MINUTE_MS
    normal = 100.0 + 30.0 * np.sin(tick / 1440 * 2 * np.pi)
    uids = [stable_id(f"{one.key}{metric}") for metric in METRICS]
    rows = np.flatnonzero(tick >= 30)
    score = np.where(bad, HIGH, 1.0)[rows].astype(np.float32)
    surprises = np.full((len(rows), len(DETECTORS)), np.nan, np.float32)
    surprises[:, 1], surprises[:, 4] = score, score / 2
    expected = np.where(tick < 30, np.nan, normal).astype(np.float32)
    value = normal + rng.normal(0.0, 4.0, minutes) + 120.0 * bad
    return Scored(
        0,
        tuple(
            ScoredSeries(uid, stable_id(one.key), Series(one, metric, "ms"), "ms", 0.0, None)
            for uid, metric in zip(uids, METRICS, strict=True)
        ),
        np.repeat(np.array(uids, np.uint64), minutes),
        np.tile(ts_ms, 2),
        np.concatenate((value, value / 10)),
        np.concatenate((expected, expected / 10)),
        np.repeat(np.array([15.0, 1.5], np.float32), minutes),
        np.full(len(rows), stable_id(one.key), np.uint64),
        ts_ms[rows],
        score,
        surprises,
    )


def _life(
    number: int, one: Resource, minute: int, lasts: int, minutes: int
) -> Iterator[Transition]:
    onset_ms = START_MS + minute * MINUTE_MS
    opened_ms, end_ms = onset_ms + 3 * MINUTE_MS, onset_ms + lasts * MINUTE_MS
    evidence = tuple(
        Evidence(metric, (), "ms", 220.0 / scale, 100.0 / scale, 85.0 / scale, 115.0 / scale,
                 share, onset_ms)
        for metric, scale, share in zip(METRICS, (1, 10), (0.7, 0.3), strict=True)
    )  # fmt: skip
    member = Member(one, "metrics", opened_ms, onset_ms, None, 0.9, HIGH + number % 7, evidence)
    incident = Incident(
        f"inc-{stable_id(f'{number}'):016x}",
        1,
        "open",
        Severity(1 + number % 4),
        ("confidence 90 % (+2)", "tier 1 service (+1)"),
        f"latency of {one.name} rose to 220 ms",
        f"`latency` of `{one.name}` rose to 220 ms (expected 85-115 ms)",
        (("cloud", "aws"), ("service", "aws.rds")),
        opened_ms,
        onset_ms,
        opened_ms,
        None,
        0.9,
        1,
        (member,),
        (Suspect(one, 0.8, f"`latency` of `{one.name}` rose first"),),
        "saturation",
        Impact(2, (one.name, f"{one.name}-lb"), ("1",), 1200, (f"{one.name}-lb",)),
        ack_by_ms=opened_ms + 15 * MINUTE_MS,
        resolve_by_ms=opened_ms + 240 * MINUTE_MS,
        silenced_by=("s1",) if number % 10 == 7 else (),
    )
    yield Transition("opened", opened_ms, "foreshock", "1 alert opened", incident)
    updated = msgspec.structs.replace(incident, revision=2, updated_ms=opened_ms + MINUTE_MS)
    yield Transition("updated", updated.updated_ms, "foreshock", "severity rose", updated)
    if minute + lasts < minutes:
        member = msgspec.structs.replace(member, closed_ms=end_ms)
        ended = msgspec.structs.replace(
            updated, revision=3, state="resolved", resolved_ms=end_ms, members=(member,)
        )
        yield Transition("resolved", end_ms, one.name, "every alert has been closed", ended)
