"""The main flow: payloads of metrics in, triaged incidents out. Wiring only."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeVar

import bytewax.operators as op
from bytewax.dataflow import Dataflow, Stream
from bytewax.inputs import Source
from bytewax.outputs import DynamicSink, FixedPartitionedSink

from operators.detect import detect_anomalies
from operators.drift import Judged, find_drifts
from operators.ingest import Ingested
from operators.keygroup import GroupSettings
from operators.measured import Measured, unmeasured
from operators.topology import NO_MAP
from operators.triage import TriageSettings, transitions_of, triage_alerts
from schema import (
    Closed,
    Drift,
    DriftStanding,
    LateSample,
    LiveWord,
    Reject,
    Scored,
    Shown,
    Tally,
    TopologyMap,
    TrainingRows,
    Transition,
    stable_id,
)

FLOW_ID = "foreshock_detect"
_ONE_KEY = "all"  # partitioned sinks have one partition

X = TypeVar("X")
AnySink = FixedPartitionedSink[X, Any] | DynamicSink[X]


@dataclass(frozen=True)
class Outputs:
    """Where each stream of the flow goes; a stream without a sink is counted and dropped."""

    incidents: Sequence[AnySink[Transition]]
    dead_letter: Sequence[AnySink[Reject]] = ()
    late: Sequence[AnySink[LateSample]] = ()
    tallies: Sequence[AnySink[Tally]] = ()
    progress: Sequence[AnySink[Closed]] = ()  # what each key group says when it closes ticks
    judged: Sequence[AnySink[Judged]] = ()  # how far drift is judged, and what was found
    drifts: Sequence[AnySink[Drift]] = ()  # what was found alone
    drift_standings: Sequence[AnySink[DriftStanding]] = ()  # whether services stand where they did
    training: Sequence[AnySink[TrainingRows]] = ()  # rows of a service that has drifted
    scored: Sequence[AnySink[Scored]] = ()  # how every sample was judged
    evidence: Sequence[AnySink[Shown]] = ()  # what incidents are to be kept with
    live: Sequence[AnySink[LiveWord]] = ()  # how key groups stand, for screens


def build(
    source: Source[Ingested],
    group: GroupSettings,
    triage: TriageSettings,
    outputs: Outputs,
    topology: TopologyMap = NO_MAP,
    measured: Measured = unmeasured,
) -> Dataflow:
    """Return the flow; step ids key the recovery store. `measured` is given the costly steps."""
    if not outputs.incidents:
        raise ValueError("incidents must have at least one sink, got none")
    flow = Dataflow(FLOW_ID)
    ingested = op.input("read", flow, source)
    group = replace(
        group,
        tapped=bool(outputs.scored),
        evidence=group.evidence if outputs.evidence else None,
        live=group.live if outputs.live else None,
    )
    packed = op.flat_map("by_group", ingested, lambda item: item.packed)
    said = detect_anomalies("detect", packed, group, measured)
    words = op.filter_map_value(
        "words", said, lambda item: item if isinstance(item, Closed) else None
    )
    told = triage_alerts("triage", words, triage, group.groups, topology, measured, group.evidence)
    _send("incidents", op.key_rm("events", transitions_of("transitions", told)), outputs.incidents)
    if outputs.evidence:
        shown = op.filter_map_value(
            "shown", told, lambda item: item if isinstance(item, Shown) else None
        )
        _send("evidence", op.key_rm("shown_events", shown), outputs.evidence)
    if outputs.live:
        live = op.filter_map_value(
            "live_said", said, lambda item: item if isinstance(item, LiveWord) else None
        )
        _send("live", op.key_rm("live_words", live), outputs.live)
    if outputs.dead_letter:
        rejects = op.flat_map("rejects", ingested, lambda item: item.rejects)
        _send("dead_letter", rejects, outputs.dead_letter)
    if outputs.late:
        _send("late", op.flat_map("late_samples", ingested, lambda item: item.late), outputs.late)
    if outputs.tallies:
        _send("tally", op.map("tallies", ingested, lambda item: item.tally), outputs.tallies)
    if outputs.progress:
        _send("progress", op.key_rm("words_said", words), outputs.progress)
    if group.drift.enabled:
        judged = op.key_rm(
            "drift_said", find_drifts("drift", words, group.drift, group.groups, group.tick_s)
        )
        if outputs.drift_standings:
            stands = op.filter_map(
                "drift_stands",
                judged,
                lambda item: item if isinstance(item, DriftStanding) else None,
            )
            _send("drift_standings", stands, outputs.drift_standings)
        frontiers = op.filter_map(
            "frontiers", judged, lambda item: item if isinstance(item, tuple) else None
        )
        _send("judged", frontiers, outputs.judged)
        _send("drifts", op.flat_map("drifts_found", frontiers, lambda j: j[1]), outputs.drifts)
    if outputs.training:
        rows = op.filter_map_value(
            "training_rows", said, lambda item: item if isinstance(item, TrainingRows) else None
        )
        _send("training", op.key_rm("rows_handed_out", rows), outputs.training)
    if outputs.scored:
        scored = op.filter_map_value(
            "scored_said", said, lambda item: item if isinstance(item, Scored) else None
        )
        _send("scored", op.key_rm("scored", scored), outputs.scored)
    return flow


def _send(step_id: str, items: Stream[X], sinks: Sequence[AnySink[X]]) -> None:
    names: Counter[str] = Counter()
    for sink in sinks:
        name = f"{step_id}_{sink_name(sink)}"
        names[name] += 1
        step = name if names[name] == 1 else f"{name}_{names[name]}"
        if isinstance(sink, DynamicSink):
            op.output(step, items, sink)
        else:
            op.output(step, op.key_on(f"{step}_key", items, lambda _: _ONE_KEY), sink)


def sink_name(sink: object) -> str:
    """Return what a sink is called in the recovery store: by its kind and its place.

    So a sink that is added, taken away or moved in the settings takes nobody else's state.
    """
    kind = type(sink).__name__
    place = getattr(sink, "place", "")
    return f"{kind}_{stable_id(place):016x}" if place else kind
