"""A flow of triage that writes a storm into an incident store, and goes on where it was killed.

`python -m tests.acceptance.storm_writer URL RECOVERY_FOLDER`
"""

import sys
from datetime import timedelta
from pathlib import Path

import bytewax.operators as op
from bytewax.dataflow import Dataflow
from bytewax.inputs import FixedPartitionedSource, StatefulSourcePartition
from bytewax.recovery import RecoveryConfig, init_db_dir
from bytewax.testing import run_main

from benchmarks.words import GROUPS, words
from connectors.incident_store import IncidentStoreSink, SqlSink
from operators.triage import Triage, TriageSettings, transitions_of, triage_alerts
from schema import Closed, Transition

A_MINUTE, TICKS = 40, 60
SETTINGS = TriageSettings()


def storm() -> list[list[Closed]]:
    """Return what the groups say of each tick: the same at every start."""
    return list(words(A_MINUTE, TICKS, seed=5))


def unbroken() -> list[Transition]:
    """Return what a flow says of the storm that nobody kills."""
    triage = Triage(SETTINGS, GROUPS)
    return [said for tick in storm() for word in tick for said in triage.step(word)]


class _Part(StatefulSourcePartition[Closed, int]):
    def __init__(self, tick: int) -> None:
        self._tick, self._storm = tick, storm()

    def next_batch(self) -> list[Closed]:
        if self._tick == len(self._storm):
            raise StopIteration
        self._tick += 1
        return self._storm[self._tick - 1]

    def snapshot(self) -> int:
        return self._tick


class _Storm(FixedPartitionedSource[Closed, int]):
    def list_parts(self) -> list[str]:
        return ["storm"]

    def build_part(self, _step_id: str, _name: str, resume: int | None) -> _Part:
        return _Part(resume or 0)


def main(url: str, folder: Path) -> None:
    """Run until the storm is over."""
    if not folder.exists():
        folder.mkdir(parents=True)
        init_db_dir(folder, 1)
    flow = Dataflow("storm")
    keyed = op.key_on("group", op.input("read", flow, _Storm()), lambda word: str(word.group))
    told = triage_alerts("triage", keyed, SETTINGS, GROUPS)
    said = op.key_rm("events", transitions_of("transitions", told))
    one_key = op.key_on("one_key", said, lambda _: "all")
    op.output("store", one_key, IncidentStoreSink(SqlSink(url)))
    run_main(
        flow,
        epoch_interval=timedelta(milliseconds=100),
        recovery_config=RecoveryConfig(str(folder)),
    )


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
