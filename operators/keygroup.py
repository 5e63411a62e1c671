"""A key group: holds open ticks, closes them at its watermark, scores what they held."""

import heapq
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise

import msgspec
import numpy as np

from operators.admission import LimitSettings
from operators.agenda import Agenda, tick_of
from operators.announcer import said_every_ms
from operators.cohort import CohortTable
from operators.cohort_pass import new_cohort, score_in_passes
from operators.commands import collect_anew, collect_ms, obey
from operators.counters import Counters, Readings
from operators.detect_settings import DetectSettings
from operators.drift import DriftSettings
from operators.effects import Chosen, Rows, effect_of, strongest, take_effects
from operators.evidence import EvidenceSettings
from operators.findings import anomalies, new_found, roomy
from operators.forests import Forests
from operators.gauge import LiveSettings
from operators.ingest import FOREVER_MS, NEVER_MS
from operators.layout import FIRST_TICK, MAX_RULES, ROWS
from operators.metric_settings import spec_in_force
from operators.packing import Named, unpack
from operators.pulses import pulses
from operators.reservoir import feature_batch, no_rows
from operators.room import Room
from operators.roster import PLAIN, Roster
from operators.rules import RuleTable
from operators.screens import Screens, laid_over
from operators.seen_edges import calls, places
from operators.shelf import EMPTY_SHELF, Serving, Shelf
from operators.standing import WINDOW_MS, standing
from operators.tap import Tap
from operators.ticks import Column, TickBuffer, ordered
from schema import (
    F64,
    I32,
    I64,
    Anomaly,
    Catalogue,
    Closed,
    Command,
    Drift,
    Effect,
    FeatureBatch,
    MetricSpec,
    Promotion,
    Pulse,
    Resource,
    Seen,
    Series,
    Standing,
    TrainingRows,
    TriageCommand,
)


@dataclass(frozen=True, slots=True)
class GroupSettings:
    """What every key group of a flow shares."""

    groups: int
    partitions: int  # of all sources together
    tick_s: int
    detect: DetectSettings
    catalogue: Catalogue
    models: Shelf = EMPTY_SHELF  # what the registry holds when the flow starts
    collect: bool = False  # hand out the feature rows at the end, to train from
    drift: DriftSettings = field(default_factory=DriftSettings)
    tapped: bool = False  # say how every sample was judged
    limits: LimitSettings = field(default_factory=LimitSettings)
    evidence: EvidenceSettings | None = None  # None: nothing is followed
    live: LiveSettings | None = None  # None: nothing is said of how it stands


class KeyGroup:
    """State and step of one key group. Knows no I/O, clock or Bytewax.

    Memory: its cohorts' arrays, and the samples between watermark and newest.
    """

    def __init__(self, settings: GroupSettings, index: int) -> None:
        self.settings = settings
        self.index = index
        self.watermark: I64 = np.full(settings.partitions, NEVER_MS, np.int64)
        self.newest: I64 = np.full(settings.partitions, NEVER_MS, np.int64)
        self.closed_ms = NEVER_MS  # every tick before is closed
        self.waiting = TickBuffer()
        self.readings = TickBuffer("i4", "i8", "f8", "i8", "f8")  # of counters; and start, count
        self.counters = Counters()
        self.names: list[tuple[int, int, Named]] = []  # tick, partition, name, as they came
        self.roster = Roster(settings.detect.max_label_sets, said_every_ms(settings.tick_s * 1000))
        share = settings.limits.share(settings.groups)
        self.room = Room(share, self.roster, settings.tick_s * 1000)
        self.forests: list[Forests] = []  # by cohort
        self.promoted: list[Promotion] = []  # obeyed; the registry has them for the next start
        self.scored = 0  # rows so far
        self.late = 0  # since the last word
        self._tick_ms = settings.tick_s * 1000
        self.agenda = Agenda(self._tick_ms)
        self.requests: list[Drift] = []  # whose rows are being collected
        self._handed: list[TrainingRows] = []
        self._told: list[tuple[int, TriageCommand]] = []  # since the last word; of group 0
        self._seen: list[tuple[int, Seen]] = []  # since the last word
        self._placed: dict[tuple[int, int], Resource] = {}  # the same, by tick and id, once each
        self.rules = RuleTable(settings.detect.rules)
        knobs = settings.detect.knobs(self.rules, settings.tick_s)
        knobs = settings.drift.laid_over(knobs, settings.tick_s)
        self._knobs = laid_over(knobs, settings.evidence, settings.live)
        self._pulses: list[Pulse] = []  # since the last word
        self._effects: list[Effect] = []  # since the last word
        self._rows: list[Rows] = []  # of the ticks being closed
        self._found = new_found(0, 0)
        self.tap = Tap(index, self._tick_ms)
        place = index, settings.groups
        self.screens = Screens(
            settings.evidence, settings.live, place, self._knobs, self.rules, self._tick_ms
        )

    # ------------------------------------------------------------------ input

    def feed(self, buffer: bytes) -> None:
        """Take what one chunk of one partition holds for this group."""
        packed = unpack(buffer)
        at = packed.partition
        self.watermark[at] = packed.watermark_ms
        self.newest[at] = packed.max_event_ms
        self.agenda.add(packed.commands)
        for named in packed.names:
            self.names.append((named.ts_ms // self._tick_ms, at, named))
        if packed.names:
            self.roster.meet([n for n in packed.names if not self.room.admission.refuses(n)])
        columns: list[Column] = [self.room.find(packed.uid), packed.ts_ms, packed.value]
        if packed.start_ms is not None and packed.count is not None:
            columns += [packed.start_ms, packed.count]
        columns = self.room.known(columns)
        if len(columns[1]) and columns[1].min() < self.closed_ms:
            # A partition judges lateness by itself. Only one that joined the flow later can be
            # behind what the others had closed by then.
            timely = columns[1] >= self.closed_ms
            self.late += int((~timely).sum())
            columns = [column[timely] for column in columns]
        if packed.start_ms is None:
            self.waiting.add(*columns)
            return
        plain = self.roster.kind[columns[0]] == PLAIN
        self.waiting.add(*(column[plain] for column in columns[:3]))
        self.readings.add(*(column[~plain] for column in columns))

    def spec(self, series: Series) -> MetricSpec:
        """Return what catalogue and settings know of a series' metric."""
        spec = self.settings.catalogue.lookup(series.resource.service, series.metric)
        return spec_in_force(self.settings.detect.metrics, series, spec)

    def new_cohort(self, service: str) -> CohortTable:
        """Return an empty cohort, its forests added to `forests`; the caller keeps the table."""
        table, forests = new_cohort(
            service, self.settings.detect, self.rules, self._tick_ms, self.settings.models
        )
        for promotion in self.promoted:
            if promotion.service == service:
                forests.shelve(Serving(promotion.effective_ms, promotion.version))
        self.forests.append(forests)
        return table

    # ------------------------------------------------------------------ a tick's end

    def close(self) -> Closed | None:
        """Close the ticks that every partition has passed; None if there are none."""
        watermark = int(self.watermark.min())
        final = watermark >= FOREVER_MS
        heard = self.newest > NEVER_MS
        if final or (heard.any() and self.watermark[heard].min() >= FOREVER_MS):
            # What has had samples is over, so their end is that of time: a control log that leads
            # the flow to where no sample comes from must not make it later.
            watermark = min(watermark, int(self.newest.max()) + self._tick_ms)
        until_ms = watermark // self._tick_ms * self._tick_ms
        if watermark < 0 or (until_ms <= self.closed_ms and not final):
            return None
        says = final or until_ms // WINDOW_MS > self.closed_ms // WINDOW_MS
        found: list[Anomaly] = []
        absorbed = 0
        self.room.open(until_ms, self.waiting, self.readings)
        while (stop_ms := self._next_stop()) is not None and stop_ms < until_ms:
            absorbed += self._close_until(max(stop_ms, self.closed_ms), found)
            self._obey()
        absorbed += self._close_until(until_ms, found)
        late, self.late = self.late, 0
        over, forgotten = self.room.told()
        said, self._pulses = tuple(self._pulses), []
        told, self._told = tuple(self._told), []
        seen, self._seen = self._seen, []
        seen += [(tick * self._tick_ms, places(r)) for (tick, _), r in self._placed.items()]
        self._placed.clear()
        effects, self._effects = tuple(self._effects), []
        return Closed(
            self.index,
            until_ms,
            final,
            tuple(found),
            sum(len(table.resources) for table in self.roster.tables),
            self._count_rows(),
            absorbed,
            late,
            said,
            standings=self.standings() if says else (),
            commands=told,
            seen=tuple(seen),
            effects=effects,
            over=over,
            refused=self.room.admission.told(),
            forgotten=forgotten,
            plots=self.screens.close(self.roster.tables, until_ms, final),
        )

    def standings(self) -> tuple[Standing, ...]:
        """Return how each service stands whose resources the group holds."""
        pairs = zip(self.roster.tables, self.forests, strict=True)
        return tuple(standing(t, f.version, self._knobs, self._tick_ms) for t, f in pairs)

    def _close_until(self, until_ms: int, into: list[Anomaly]) -> int:
        """Close the ticks before `until_ms`; return how many samples gave no value."""
        series, ts_ms, value, absorbed = self._values(until_ms)
        found: list[Anomaly] = []
        if len(series):
            order = self.roster.order()
            series, tick, value = ordered(series, ts_ms, value, self._tick_ms, order)
            bounds = np.searchsorted(order.cohort[series], np.arange(len(self.roster.tables) + 1))
            rows = self.roster.row[series]
            for i, (lo, hi) in enumerate(pairwise(bounds)):
                if hi > lo:
                    found += self._score(i, tick[lo:hi], rows[lo:hi], value[lo:hi])
        found.sort(key=lambda a: (a.tick_ms, a.resource.key, a.kind, a.edge))
        into += self._named(found, until_ms)
        for table in self.roster.tables:
            self._pulses += self._ended_pulses(table, until_ms // self._tick_ms)
        self.closed_ms = until_ms
        self.room.tidy(self.waiting, self.readings)
        return absorbed

    def _values(self, until_ms: int) -> tuple[I32, I64, F64, int]:
        """Take what waits for the ticks before `until_ms`; return values, and how many gave none.

        Streams without a row get one, by tick and name.
        """
        series, ts_ms, value = self.waiting.take(until_ms)
        readings = self.readings.take(until_ms)
        if self.roster.has_unplaced:
            streams, times = np.append(series, readings[0]), np.append(ts_ms, readings[1])
            admit, ticks = self.room.admission, times // self._tick_ms
            self.roster.place(streams, ticks, self.spec, self.new_cohort, admit)
        series, ts_ms, value = self.room.placed([series, ts_ms, value])
        readings = self.room.placed(readings)
        if not len(readings[0]):
            return series, ts_ms, value, 0
        made = self.counters.values(Readings(*readings), self._tick_ms, self.roster)
        return (
            np.append(series, made[0]),
            np.append(ts_ms, made[1]),
            np.append(value, made[2]),
            made[3],
        )

    def _count_rows(self) -> int:
        total = int(sum(table.arrays.counters[ROWS] for table in self.roster.tables))
        new, self.scored = total - self.scored, total
        return new

    def _named(self, found: list[Anomaly], until_ms: int) -> list[Anomaly]:
        """Give each edge the attributes of its tick: they take effect with the sample they came on.

        `found` is in the order of ticks; of one partition's names the later counts.
        """
        until = until_ms // self._tick_ms
        due = sorted((n for n in self.names if n[0] < until), key=lambda n: n[:2])
        self.names = [n for n in self.names if n[0] >= until]
        rows, self._rows = self._rows, []
        by_tick: list[Sequence[Anomaly | Chosen]] = [
            found,
            strongest(rows, self.settings.detect.effects.most),
        ]
        out = []
        at = 0
        for each in heapq.merge(*by_tick, key=self._tick_ms_of):
            while at < len(due) and due[at][0] * self._tick_ms <= self._tick_ms_of(each):
                self._take_name(*due[at])
                at += 1
            if isinstance(each, Anomaly):
                resource = self.roster.as_named(each.resource)
                out.append(msgspec.structs.replace(each, resource=resource))
            else:
                self._effects.append(effect_of(each, self.settings.tick_s))
        for named in due[at:]:
            self._take_name(*named)
        return out

    def _tick_ms_of(self, each: Anomaly | Chosen) -> int:
        return each.tick_ms if isinstance(each, Anomaly) else each.tick * self._tick_ms

    def _take_name(self, tick: int, partition: int, named: Named) -> None:
        resource = self.roster.set_attributes(named, partition)
        if resource is None:
            return  # none of its samples was in time, or it was refused
        self._placed[tick, named.resource_id] = resource
        call = calls(named.series)
        if call is not None:
            self._seen.append((tick * self._tick_ms, call))

    def _score(self, index: int, tick: I64, rows: I32, value: F64) -> list[Anomaly]:
        table, forests = self.roster.tables[index], self.forests[index]
        self._make_room(table, len(tick) if self.settings.tapped else 0)
        self.screens.count(table, tick, rows)
        out: list[Anomaly] = []
        at = 0
        passes = score_in_passes(
            table, forests, tick, rows, value, self._knobs, self.settings.tick_s, self._found
        )
        for _ in passes:
            at = self.tap.take(self._found, table, at, (tick, rows, value))
            edges = anomalies(self._found, table, self.rules, self._tick_ms)
            self.screens.take(self._found, table, edges)
            out += edges
            self._pulses += self._ended_pulses(table)
            if (effects := take_effects(self._found, table)) is not None:
                self._rows.append(effects)
        return out

    def _ended_pulses(self, table: CohortTable, until_tick: int = 0) -> list[Pulse]:
        return pulses(self._found, table, until_tick, self._tick_ms, self._knobs)

    def _make_room(self, table: CohortTable, traced: int) -> None:
        """Have room for all that one tick can find, not much less than several, and the trace."""
        rules = MAX_RULES if self.rules.rules else 0
        edges = 4 * len(table.resources) + rules * len(table.members)
        effects = len(table.members) if self.settings.detect.effects.most else 0
        raised = 0 if self.settings.live is None else len(table.resources)
        followed = self._knobs.followed
        self._found = roomy(self._found, edges, traced, effects, followed, raised)

    # ------------------------------------------------------------------ commands

    def _next_stop(self) -> int | None:
        """Return the tick before which something other than scoring is to be done."""
        stops = [tick_of(collect_ms(request), self._tick_ms) for request in self.requests]
        due_ms = self.agenda.next_ms()
        ends_ms = self.room.ends_ms
        return min([*stops, *(at for at in (due_ms, ends_ms) if at is not None)], default=None)

    def _obey(self) -> None:
        """Do what is due before the tick at `closed_ms`: hand out rows, then obey commands."""
        if self.room.ends_ms is not None and self.closed_ms >= self.room.ends_ms:
            names = [named for _, _, named in self.names]
            tick = self.closed_ms // self._tick_ms
            self.room.turn(self.closed_ms, tick, names, self.counters, self.waiting, self.readings)
        due = [r for r in self.requests if tick_of(collect_ms(r), self._tick_ms) <= self.closed_ms]
        for request in due:
            self.requests.remove(request)
            batches = [b for b in self.feature_batches() if b.service == request.service]
            batches = batches or [no_rows(request.service, self.closed_ms)]
            self._handed += [TrainingRows(request.id, self.index, batch) for batch in batches]
        for command in self.agenda.take(self.closed_ms):
            self._take_up(command)

    def _take_up(self, command: Command) -> None:
        tables = self.roster.tables
        obey(command, self.closed_ms // self._tick_ms, tables, self.forests, self._knobs)
        if self.index == 0 and isinstance(command, TriageCommand):
            self._told.append((tick_of(command.effective_ms, self._tick_ms), command))
        if isinstance(command, Promotion) and command.version:
            self.promoted.append(command)
        if isinstance(command, Drift):
            self.requests.append(command)
            for table, forests in zip(tables, self.forests, strict=True):
                if table.service == command.service:
                    self.scored -= collect_anew(table, forests)

    # ------------------------------------------------------------------ training

    def training_rows(self) -> list[TrainingRows]:
        """Return, once, what `close` came to hand out."""
        handed, self._handed = self._handed, []
        return handed

    def feature_batches(self) -> list[FeatureBatch]:
        """Return each cohort's reservoir."""
        return [
            feature_batch(
                table, self._tick_ms, int(table.arrays.counters[FIRST_TICK]), self.closed_ms
            )
            for table in self.roster.tables
        ]
