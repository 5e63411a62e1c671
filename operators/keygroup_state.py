"""A key group as bytes, and back. The tag is the version."""

from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt

from operators.admission import AdmissionState
from operators.cohort import CohortNames, CohortTable
from operators.counters import Counters, CounterState
from operators.evidence import Followed
from operators.forests import ForestState
from operators.gauge import GaugeState
from operators.ingest import NEVER_MS
from operators.kept_array import KeptArray, keep, restore
from operators.keygroup import GroupSettings, KeyGroup
from operators.layout import Cohort
from operators.packing import Named
from operators.roster import Streams
from schema import Command, Drift

# what today's catalogue and rules decide is not kept
_KEPT = (
    "state",
    "away",
    "shape",
    "past",
    "trend",
    "plain",
    "season",
    "owner",
    "rule_run",
    "bar",
    "resource",
    "tails",
    "cohort_tails",
    "counters",
    "figures",
    "reservoir",
    "reservoir_tick",
)


class CohortState(msgspec.Struct, frozen=True, array_like=True):
    """One cohort."""

    names: CohortNames
    arrays: dict[str, KeptArray]
    forests: ForestState


class GroupState(msgspec.Struct, frozen=True, tag="keygroup.v1"):
    """One key group."""

    index: int
    groups: int
    watermark: KeptArray
    newest: KeptArray
    closed_ms: int
    scored: int
    waiting: tuple[KeptArray, KeptArray, KeptArray]  # series id, time, value
    names: tuple[tuple[int, int, Named], ...]
    cohorts: tuple[CohortState, ...]
    streams: Streams = Streams()
    counters: CounterState = CounterState()
    readings: tuple[KeptArray, ...] = ()  # as `waiting`, start and count; none: nothing waits
    commands: tuple[Command, ...] = ()  # not yet due
    requests: tuple[Drift, ...] = ()  # whose rows are being collected
    admission: AdmissionState | None = None  # None: of a release without limits
    followed: tuple[tuple[str, tuple[Followed, ...]], ...] = ()  # alerts, by service
    gauge: GaugeState = msgspec.field(default_factory=GaugeState)


def dump(group: KeyGroup) -> bytes:
    """Return all that `load` needs."""
    series, ts_ms, value = group.waiting.columns()
    counting, *readings = group.readings.columns()
    state = GroupState(
        group.index,
        group.settings.groups,
        keep(group.watermark),
        keep(group.newest),
        group.closed_ms,
        group.scored,
        (keep(group.roster.uid[series]), keep(ts_ms), keep(value)),
        tuple(group.names),
        tuple(
            CohortState(
                table.names(),
                {name: keep(getattr(table.arrays, name)) for name in _KEPT},
                forests.snapshot(),
            )
            for table, forests in zip(group.roster.tables, group.forests, strict=True)
        ),
        group.roster.streams(),
        group.counters.state(),
        tuple(map(keep, (group.roster.uid[counting], *readings))) if len(counting) else (),
        group.agenda.commands(),
        tuple(group.requests),
        group.room.admission.state(),
        *group.screens.state(),
    )
    return msgspec.msgpack.encode(state)


def load(raw: bytes, settings: GroupSettings) -> KeyGroup:
    """Return the key group that `raw` was dumped from.

    Raises: ValueError where the number of key groups or partitions is another one;
    msgspec.ValidationError for a snapshot of another version.
    """
    state = msgspec.msgpack.decode(raw, type=GroupState)
    if state.groups != settings.groups:
        raise ValueError(
            f"groups must be {state.groups} as in the recovery store, got {settings.groups!r}"
        )
    more = settings.partitions - state.watermark.shape[0]
    if more < 0:
        raise ValueError(
            f"the sources must have the {state.watermark.shape[0]} partitions of the recovery "
            f"store, got {settings.partitions!r}"
        )
    group = KeyGroup(settings, state.index)
    unheard = np.full(more, NEVER_MS, np.int64)  # partitions that came since, last in the list
    group.watermark = np.append(restore(state.watermark), unheard)
    group.newest = np.append(restore(state.newest), unheard)
    group.closed_ms = state.closed_ms
    group.scored = state.scored
    group.names = list(state.names)
    for cohort in state.cohorts:
        table = group.new_cohort(cohort.names.service)
        held = {name: restore(array) for name, array in cohort.arrays.items()}
        arrays = table.arrays._replace(**_fitted(held, table.arrays))
        table = CohortTable.restore(cohort.names, group.rules, arrays, group.spec)
        group.forests[-1].restore(cohort.forests, table)
        group.roster.tables.append(table)
    group.roster.renumber(state.streams)
    if state.admission is not None:
        group.room.admission.resume(state.admission)
    elif state.closed_ms > 0:
        window = (state.closed_ms - 1) // group.room.admission.every_ms
        group.room.admission.begin(window, *group.roster.accounts())
    group.counters = Counters(state.counters)
    for buffer, kept in ((group.waiting, state.waiting), (group.readings, state.readings)):
        if kept:
            uid, *columns = map(restore, kept)
            buffer.add(*group.room.known([group.room.find(uid), *columns]))
    group.agenda.add(state.commands)
    group.requests = list(state.requests)
    group.screens.resume(state.followed, state.gauge, group.roster.tables)
    return group


def check_arrays(state: GroupState) -> None:
    """Raise ValueError unless every array has as many bytes as its shape says."""
    named = [
        ("watermark", state.watermark),
        ("newest", state.newest),
        *(("waiting", array) for array in (*state.waiting, *state.readings)),
        *(
            (f"{cohort.names.service}.{name}", array)
            for cohort in state.cohorts
            for name, array in cohort.arrays.items()
        ),
    ]
    for name, array in named:
        try:
            restore(array)
        except ValueError as ex:
            raise ValueError(f"{name} {ex}") from ex


def _fitted(kept: dict[str, npt.NDArray[Any]], today: Cohort) -> dict[str, npt.NDArray[Any]]:
    """Return the arrays of a snapshot as wide as today's, with what it did not have as at first.

    A past of another length is forgotten, with what was learned beside it.
    """
    rows = len(kept["state"])
    if "past" not in kept or kept["past"].shape[1:] != today.past.shape[1:]:
        kept["past"] = np.zeros((rows, *today.past.shape[1:]), np.float32)
        kept["shape"] = np.zeros((rows, *today.shape.shape[1:]))
    for name in ("bar", "away", "plain"):
        kept.setdefault(name, np.zeros((rows, getattr(today, name).shape[1])))
    if "reservoir_tick" not in kept:  # of no time: as old as can be
        kept["reservoir_tick"] = np.zeros(len(kept["reservoir"]), np.int64)
    kept.setdefault("figures", np.zeros(0))
    kept.setdefault("trend", np.zeros((rows, 0)))
    for name in ("state", "resource", "trend", "tails", "cohort_tails", "figures", "counters"):
        old, like = kept[name], getattr(today, name)
        lead = 1 if name in {"state", "resource", "trend", "tails"} else 0
        if old.shape[lead:] != like.shape[lead:]:
            wide = np.zeros((*old.shape[:lead], *like.shape[lead:])) if lead else like.copy()
            wide[tuple(slice(0, n) for n in old.shape)] = old
            kept[name] = wide
    return kept
