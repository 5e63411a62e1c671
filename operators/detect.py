"""The step of the dataflow that holds the key groups: packed samples in, alert edges out."""

import bytewax.operators as op
from bytewax.dataflow import operator
from bytewax.operators import KeyedStream, StatefulBatchLogic

from operators.keygroup import GroupSettings, KeyGroup
from operators.keygroup_state import dump, load
from operators.measured import Measured, unmeasured
from operators.packing import group_in
from schema import Closed, FeatureBatch, LiveWord, Scored, TrainingRows

Said = Closed | FeatureBatch | TrainingRows | Scored | LiveWord
"""A group's word; its rows at the end, where they are collected; its rows for a request; how it
judged its samples, where that is wanted; how it stands, for screens."""


class _DetectLogic(StatefulBatchLogic[bytes, Said, bytes]):
    def __init__(self, settings: GroupSettings, resume: bytes | None) -> None:
        self._settings = settings
        self._group = None if resume is None else load(resume, settings)

    def on_batch(self, values: list[bytes]) -> tuple[list[Said], bool]:
        if self._group is None:
            self._group = KeyGroup(self._settings, group_in(values[0]))
        for buffer in values:
            self._group.feed(buffer)
        closed = self._group.close()
        if closed is None:
            return [], self.RETAIN
        shown: list[Said] = [*self._group.tap.said(), *self._group.screens.words()]
        if closed.final and self._settings.collect:
            return [closed, *shown, *self._group.feature_batches()], self.RETAIN
        return [closed, *shown, *self._group.training_rows()], self.RETAIN

    def snapshot(self) -> bytes:
        if self._group is None:
            raise RuntimeError("a key group has a snapshot only after its first buffer")
        return dump(self._group)


@operator
def detect_anomalies(
    step_id: str, up: KeyedStream[bytes], settings: GroupSettings, measured: Measured = unmeasured
) -> KeyedStream[Said]:
    """Close ticks at the watermark of all partitions, score them, find alert edges.

    Upstream: buffers of `operators.packing`, keyed by `operators.groups.group_names`.
    Order: of what comes out only a group's own is ordered; ticks depend on no interleaving.
    Memory: see `keygroup.KeyGroup`. `measured` is given each group's logic, to return one like it.
    Raises: ValueError on resume with another number of key groups or partitions.
    """
    return op.stateful_batch(
        "group", up, lambda resume: measured("detect", _DetectLogic(settings, resume))
    )
