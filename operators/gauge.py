"""How a key group stands now: what screens show of it, said now and then.

Rates are those of the last whole window of event time, so that they do not depend on how many
ticks were closed at once.
"""

from collections.abc import Sequence

import msgspec
import numpy as np
import numpy.typing as npt

from operators.cohort import CohortTable
from operators.layout import (
    FORGOTTEN,
    LAST_TICK,
    ONSET,
    OPENED,
    SCORE,
    SILENT,
    STEP,
    Found,
    Knobs,
)
from schema import F64, I32, I64, HeatCell, LiveCount, LiveResource, LiveWord, Resource

RATE_MS = 300_000  # over which rates are taken, of event time; a tick at least


class LiveSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The YAML section `live`: what is said of how the estate stands."""

    enabled: bool = True
    every_s: float = 30.0  # of event time; a tick at least
    resources: int = 20  # of a key group that are off or silent, by name
    heat_from: float = 0.5  # thresholds; what is less odd is not kept
    heat_bucket_s: float = 900.0
    heat_resources: int = 64  # of a key group and tick, the oddest
    heat_hours: float = 72.0  # that are kept, of event time

    def __post_init__(self) -> None:
        bounds = {
            "every_s": (1, 3_600), "resources": (0, 10_000), "heat_from": (0.1, 10),
            "heat_bucket_s": (60, 86_400), "heat_resources": (0, 10_000), "heat_hours": (1, 8_760),
        }  # fmt: skip
        for name, (least, most) in bounds.items():
            value = getattr(self, name)
            if not least <= value <= most:
                raise ValueError(f"{name} must be in [{least}, {most}], got {value!r}")


class Counts(msgspec.Struct, array_like=True):
    """What came of one service in one tick."""

    samples: int = 0
    rows: int = 0  # resources
    anomalous: int = 0  # of these


class GaugeState(msgspec.Struct, array_like=True):
    """What a gauge has counted since its last word, and in the last window."""

    said_ms: int = 0  # event time of that word
    counts: dict[str, dict[int, Counts]] = {}  # by cloud and service, and tick
    heat: dict[int, dict[str, float]] = {}  # by start of the bucket and resource


class Gauge:
    """Counts what a key group judges, and says how it stands.

    Memory: a few numbers a service and tick of the last window; `heat_resources` times the ticks
    since the last word.
    """

    def __init__(
        self, settings: LiveSettings | None, group: tuple[int, int], knobs: Knobs, tick_ms: int
    ) -> None:
        """Start empty. `group` is the key group's index, and how many there are."""
        self._settings = settings or LiveSettings(enabled=False)
        self._group = group
        self._knobs = knobs
        self._tick_ms = tick_ms
        self._window = max(1, RATE_MS // tick_ms)  # ticks
        self._every_ms = max(tick_ms, round(self._settings.every_s * 1000))
        self._bucket_ms = max(tick_ms, round(self._settings.heat_bucket_s * 1000))
        self._clouds: dict[str, tuple[list[Resource], list[str], I32]] = {}  # by service
        self._raised: list[tuple[CohortTable, F64]] = []  # of the ticks being closed
        self.state = GaugeState()

    def take(self, found: Found, table: CohortTable) -> None:
        """Take the odd resources that a pass wrote down, see `operators.curve`."""
        n = int(found.used[6])
        found.used[6] = 0
        if not n:
            return
        raised = found.raised[:n].copy()
        self._raised.append((table, raised))
        over = raised[raised[:, 2] >= self._knobs.open_score]
        for tick, row in over[:, :2].astype(np.int64).tolist():
            self._of(table.resources[row].cloud, table.service, tick).anomalous += 1

    def count(self, table: CohortTable, tick: I64, rows: I32) -> None:
        """Count the samples of a service, ordered by tick and resource."""
        if not self._settings.enabled:
            return
        since = max(int(tick[-1]) - self._window, 0)
        recent = slice(int(np.searchsorted(tick, since)), None)
        owner, tick = table.arrays.owner[rows[recent]], tick[recent]
        starts = np.flatnonzero(
            (np.diff(tick, prepend=-1) != 0) | (np.diff(owner, prepend=-1) != 0)
        )
        samples = np.diff(starts, append=len(tick))
        clouds, code = self._clouds_of(table)
        cell = (tick[starts] - since) * len(clouds) + code[owner[starts]]
        size = (self._window + 1) * len(clouds)
        by_cell = np.bincount(cell, samples, size).astype(np.int64).tolist()
        resources = np.bincount(cell, minlength=size).tolist()
        for at in np.flatnonzero(resources).tolist():
            counts = self._of(clouds[at % len(clouds)], table.service, since + at // len(clouds))
            counts.samples += by_cell[at]
            counts.rows += resources[at]

    def word(self, tables: Sequence[CohortTable], until_ms: int, final: bool) -> LiveWord | None:
        """Return how the group stands, where it is time to say so; all before is judged."""
        if not self._settings.enabled:
            return None
        self._heat_up()
        if not final and until_ms // self._every_ms <= self.state.said_ms // self._every_ms:
            return None
        self.state.said_ms = until_ms
        last = until_ms // self._tick_ms
        for by_tick in self.state.counts.values():
            for tick in [each for each in by_tick if each < last - self._window]:
                del by_tick[tick]
        self.state.counts = {place: held for place, held in self.state.counts.items() if held}
        troubled = [each for table in tables for each in self._troubled(table)]
        troubled.sort(key=lambda each: (-each.oddness, each.resource))
        heat, self.state.heat = self.state.heat, {}
        most = self._settings.resources
        return LiveWord(
            *self._group,
            until_ms - self._window * self._tick_ms,
            until_ms,
            self._bucket_ms,
            tuple(each for table in tables for each in self._standing(table)),
            tuple(troubled[:most]),
            max(len(troubled) - most, 0),
            tuple(
                HeatCell(resource, start_ms, oddness)
                for start_ms, cells in sorted(heat.items())
                for resource, oddness in sorted(cells.items())
            ),
        )

    def _heat_up(self) -> None:
        """Keep the oddest resources of each tick by bucket, and of each the most."""
        raised, self._raised = self._raised, []
        by_tick: dict[int, list[tuple[float, str]]] = {}
        for table, rows in raised:
            for tick, row, score in rows.tolist():
                key = table.resources[round(row)].key
                by_tick.setdefault(round(tick), []).append((-score / self._knobs.open_score, key))
        for tick, odd in sorted(by_tick.items()):
            start_ms = tick * self._tick_ms // self._bucket_ms * self._bucket_ms
            cells = self.state.heat.setdefault(start_ms, {})
            for less, key in sorted(odd)[: self._settings.heat_resources]:
                cells[key] = max(cells.get(key, 0.0), round(-less, 3))

    def _standing(self, table: CohortTable) -> list[LiveCount]:
        """Return how the resources of a service stand, by cloud."""
        clouds, code = self._clouds_of(table)
        own = table.arrays.resource
        alive = (own[:, FORGOTTEN] == 0.0) & (own[:, STEP] > 0.0)
        off, silent = _off(table), own[:, SILENT] == 1.0
        out = []
        for at, cloud in enumerate(clouds):
            mine = alive & (code == at)
            counts = self.state.counts.get(_place(cloud, table.service), {}).values()
            out.append(
                LiveCount(
                    cloud,
                    table.service,
                    int(mine.sum()),
                    int((mine & off).sum()),
                    int((mine & silent).sum()),
                    sum(each.samples for each in counts),
                    sum(each.rows for each in counts),
                    sum(each.anomalous for each in counts),
                )
            )
        return out

    def _troubled(self, table: CohortTable) -> list[LiveResource]:
        """Return the resources of a service that are off or silent."""
        own = table.arrays.resource
        silent = (own[:, SILENT] == 1.0) & (own[:, FORGOTTEN] == 0.0)
        out = []
        for row in np.flatnonzero(silent | _off(table)).tolist():
            resource, is_open = table.resources[row], own[row, OPENED] >= 0.0
            out.append(
                LiveResource(
                    resource.key,
                    resource.name,
                    resource.cloud,
                    resource.service,
                    "silent" if silent[row] else "off",
                    int(own[row, ONSET if is_open and not silent[row] else LAST_TICK])
                    * self._tick_ms,
                    round(float(own[row, SCORE]) / self._knobs.open_score, 3),
                )
            )
        return out

    def _clouds_of(self, table: CohortTable) -> tuple[list[str], I32]:
        """Return the clouds of a service's resources, and of each resource the place among them."""
        held, clouds, code = self._clouds.get(table.service, ([], [], np.zeros(0, np.int32)))
        if held is not table.resources or len(code) != len(held):
            places: dict[str, int] = {}
            found = [places.setdefault(r.cloud, len(places)) for r in table.resources]
            clouds, code = list(places), np.array(found, np.int32)
            self._clouds[table.service] = table.resources, clouds, code
        return clouds, code

    def _of(self, cloud: str, service: str, tick: int) -> Counts:
        by_tick = self.state.counts.setdefault(_place(cloud, service), {})
        return by_tick.setdefault(tick, Counts())


def _place(cloud: str, service: str) -> str:
    return f"{cloud}|{service}"


def _off(table: CohortTable) -> npt.NDArray[np.bool_]:
    """Return by resource whether it has an alert open."""
    off: npt.NDArray[np.bool_] = table.arrays.resource[:, OPENED] >= 0.0
    off[table.arrays.owner[(table.arrays.rule_run < 0).any(axis=1)]] = True
    return off
