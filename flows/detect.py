"""The main flow: payloads of metrics in, triaged incidents out. Wiring only."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import bytewax.operators as op
from bytewax.dataflow import Dataflow
from bytewax.inputs import Source
from bytewax.outputs import Sink

from operators.detect import detect_anomalies
from operators.ingest import Ingested
from operators.keygroup import GroupSettings
from operators.triage import TriageSettings, triage_alerts
from schema import Closed, LateSample, Reject, Tally, Transition

FLOW_ID = "foreshock.detect"


@dataclass(frozen=True)
class Outputs:
    """Where each stream of the flow goes; a stream without a sink is counted and dropped."""

    incidents: Sequence[Sink[Transition]]
    dead_letter: Sequence[Sink[Reject]] = ()
    late: Sequence[Sink[LateSample]] = ()
    tallies: Sequence[Sink[Tally]] = field(default=())


def build(
    source: Source[Ingested], group: GroupSettings, triage: TriageSettings, outputs: Outputs
) -> Dataflow:
    """Return the flow; step ids key the recovery store."""
    flow = Dataflow(FLOW_ID)
    ingested = op.input("read", flow, source)
    for i, tally_sink in enumerate(outputs.tallies):
        op.output(f"tally_{i}", op.map(f"tallies_{i}", ingested, lambda x: x.tally), tally_sink)
    for i, reject_sink in enumerate(outputs.dead_letter):
        rejects = op.flat_map(f"rejects_{i}", ingested, lambda x: x.rejects)
        op.output(f"dead_letter_{i}", rejects, reject_sink)
    for i, late_sink in enumerate(outputs.late):
        op.output(f"late_{i}", op.flat_map(f"lates_{i}", ingested, lambda x: x.late), late_sink)
    packed = op.flat_map("by_group", ingested, lambda x: x.packed)
    words = op.filter_map_value(
        "words",
        detect_anomalies("detect", packed, group),
        lambda word: word if isinstance(word, Closed) else None,
    )
    transitions = op.key_rm("events", triage_alerts("triage", words, triage, group.groups))
    for i, sink in enumerate(outputs.incidents):
        op.output(f"incidents_{i}", transitions, sink)
    if not outputs.incidents:
        raise ValueError("incidents must have at least one sink, got none")
    return flow
