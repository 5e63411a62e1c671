"""A small estate with known faults, as payloads by partition, and a machine that runs the operators
over it without Bytewax, in any schedule.
"""

import itertools
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache

import msgspec
import numpy as np

from config.catalogue import load_catalogue
from connectors.formats.registry import create_decoder
from models.half_space_trees import HalfSpaceTreesSettings
from models.isolation_forest import IsolationForestSettings
from operators.control_stage import Broadcast
from operators.detect_settings import DetectSettings
from operators.groups import group_names
from operators.ingest import Ingest, Ingested, IngestSettings
from operators.keygroup import GroupSettings, KeyGroup
from operators.keygroup_state import dump, load
from operators.rules import Rule
from operators.triage import Triage, TriageSettings
from schema import Catalogue, Chunk, Closed, Command, TrainingRows, Transition

START_MS = 1_772_366_400_000  # 2026-03-01 12:00 UTC
MINUTE_MS = 60_000
PARTITIONS = 3
RESOURCES = 12
MINUTES = 330
INGEST = IngestSettings(groups=2, out_of_order_s=120.0)
DETECT = DetectSettings(
    isolation_forest=IsolationForestSettings(
        trees=10, max_samples=64, min_rows=128, reservoir_rows=256, refit_s=3_600
    ),
    half_space_trees=HalfSpaceTreesSettings(trees=5, height=5, window=50),
    rules=(Rule("saturated", "cpu.utilization", above=90.0, for_ticks=3),),
)
TRIAGE = TriageSettings()


@cache
def catalogue() -> Catalogue:
    return load_catalogue()


def group_settings(partitions: int) -> GroupSettings:
    return GroupSettings(INGEST.groups, partitions, INGEST.tick_s, DETECT, catalogue())


def point(
    resource: str,
    metric: str,
    minute: float,
    value: float,
    *,
    service: str = "aws.ec2",
    account: str = "1",
    region: str = "eu-west-1",
    team: str = "shop",
) -> bytes:
    """Return one line of `foreshock-json`."""
    return msgspec.json.encode(
        {
            "resource": resource,
            "cloud": "aws",
            "service": service,
            "account": account,
            "region": region,
            "metric": metric,
            "ts_ms": START_MS + round(minute * MINUTE_MS),
            "value": value,
            "attributes": {"team": team},
        }
    )


def _fault(resource: int, minute: int) -> str:
    """Return what is wrong: nothing, a rule's matter ("full") or a shift of level ("high")."""
    if resource < 3 and 60 + 30 * resource <= minute < 70 + 30 * resource:
        return "full"
    if resource >= 6 and 262 + 8 * (resource - 6) <= minute < 280 + 8 * (resource - 6):
        return "high"
    return ""


@cache
def estate(seed: int = 1, new_teams_at: int = MINUTES) -> tuple[tuple[bytes, ...], ...]:
    """Return the payloads of each partition: out of order, some late, some broken, some double.

    A resource's two metrics come by different partitions, and disagree on its team.
    """
    rng = np.random.default_rng(seed)
    parts: list[list[tuple[float, bytes]]] = [[] for _ in range(PARTITIONS)]
    for minute, r in itertools.product(range(MINUTES), range(RESOURCES)):
        fault = _fault(r, minute)
        cpu = {"full": 97.0, "high": 60.0}.get(fault, 20.0) + rng.normal(0, 1.5)
        latency = (400.0 if fault == "high" else 80.0) + rng.normal(0, 4.0)
        for k, (metric, value) in enumerate((("cpu.utilization", cpu), ("latency", latency))):
            line = point(
                f"i-{r}", metric, minute, value,
                account=str(r % 6), service="aws.rds" if r % 4 == 3 else "aws.ec2",
                team=f"t{k}" if minute < new_teams_at else f"u{k}",
            )  # fmt: skip
            arrives = minute + rng.random() * 1.5
            if rng.random() < 0.01:
                arrives += 5.0
            part = parts[(r + k) % PARTITIONS]
            part.append((arrives, line))
            if rng.random() < 0.01:
                part.append((arrives + 0.1, line if rng.random() < 0.5 else line[:-9]))
    return tuple(tuple(line for _, line in sorted(part, key=lambda at: at[0])) for part in parts)


@dataclass
class Saved:
    """A consistent snapshot of all: what a recovery store holds at an epoch's end."""

    stages: list[tuple[int, bytes]]
    groups: dict[str, bytes]
    triage: bytes
    ended: list[bool]
    control: tuple[int, bytes, bool] | None = None  # next command, state, whether it has ended


@dataclass
class Counted:
    samples: int = 0
    late: int = 0
    rejected: int = 0


class Machine:
    """Stages, key groups and triage, driven by hand; with `commands` also the control log."""

    def __init__(
        self,
        parts: Sequence[Sequence[bytes]],
        saved: Saved | None = None,
        commands: Sequence[Command] = (),
    ) -> None:
        self.parts = parts
        self.settings = group_settings(len(parts) + bool(commands))
        self.commands = sorted(commands, key=lambda command: command.effective_ms)
        at, state, self.commands_ended = (0, None, not commands)
        if saved is not None and saved.control is not None:
            at, state, self.commands_ended = saved.control
        self.next_command = at
        self.control = Broadcast(INGEST, len(parts), state)
        self.rows: list[TrainingRows] = []
        self.said: list[Transition] = []
        self.words: list[Closed] = []
        self.counted = Counted()
        self.waiting: dict[str, list[bytes]] = {name: [] for name in group_names(INGEST.groups)}
        self.at = [0] * len(parts) if saved is None else [at for at, _ in saved.stages]
        self.ended = [False] * len(parts) if saved is None else list(saved.ended)
        self.stages = [
            Ingest(
                INGEST,
                create_decoder("foreshock-json", catalogue()),
                "test",
                str(i),
                i,
                None if saved is None else saved.stages[i][1],
            )
            for i in range(len(parts))
        ]
        self.groups: dict[str, KeyGroup] = {}
        if saved is not None:
            self.groups = {name: load(raw, self.settings) for name, raw in saved.groups.items()}
        self.triage = Triage(TRIAGE, INGEST.groups, None if saved is None else saved.triage)

    @property
    def done(self) -> bool:
        return all(self.ended) and self.commands_ended

    def command(self) -> None:
        """Let the control log send its next command, or end."""
        if self.commands_ended:
            return
        following = self.commands[self.next_command :]
        if not following:
            self.commands_ended = True
            self._pass_on(self.control.end())
            return
        self.next_command += 1
        complete_ms = following[1].effective_ms if len(following) > 1 else self.control.watermark_ms
        item = self.control.take(following[:1], complete_ms)
        if item is not None:
            self._pass_on(item)

    def read(self, partition: int, payloads: int) -> None:
        """Let a partition read so many payloads, or end."""
        if self.ended[partition]:
            return
        at, part = self.at[partition], self.parts[partition]
        until = min(at + payloads, len(part))
        if at == len(part):
            self.ended[partition] = True
            self._pass_on(self.stages[partition].end())
            return
        self.at[partition] = until
        self._pass_on(
            self.stages[partition].feed(Chunk(list(part[at:until]), range(at, until), until))
        )

    def _pass_on(self, item: Ingested) -> None:
        self.counted.samples += item.tally.samples
        self.counted.late += item.tally.late
        self.counted.rejected += item.tally.rejected
        for name, buffer in item.packed:
            self.waiting[name].append(buffer)

    def work(self, name: str, at_most: int) -> None:
        """Let a group take what waits for it, `at_most` buffers between two looks at its ticks."""
        index = group_names(INGEST.groups).index(name)
        while self.waiting[name]:
            group = self.groups.setdefault(name, KeyGroup(self.settings, index))
            for buffer in self.waiting[name][:at_most]:
                group.feed(buffer)
            del self.waiting[name][:at_most]
            word = group.close()
            self.rows += group.training_rows()
            if word is not None:
                self.words.append(word)
                self.said += self.triage.step(word)

    def save(self, at_most: int = 1) -> Saved:
        """End an epoch: all that was read is worked off, then everything is dumped."""
        for name in self.waiting:
            self.work(name, at_most)
        stages = []
        for at, stage in zip(self.at, self.stages, strict=True):
            held, state = stage.snapshot()
            stages.append((at if held is None else held, state))
        return Saved(
            stages,
            {name: dump(group) for name, group in self.groups.items()},
            self.triage.snapshot(),
            list(self.ended),
            (self.next_command, self.control.snapshot(), self.commands_ended),
        )


@dataclass
class Schedule:
    """Endless choices: which partition reads, how much, and how groups take it."""

    order: Iterable[int] = (0, 1, 2)
    sizes: Iterable[int] = (100,)
    batches: Iterable[int] = (1,)
    lag: int = 1  # reads between two turns of the groups
    reverse: bool = False  # the groups take turns from the last
    _order: Iterator[int] = field(init=False)

    def __post_init__(self) -> None:
        self._order = itertools.cycle((*self.order, *range(PARTITIONS)))
        self._sizes = itertools.cycle(self.sizes)
        self._batches = itertools.cycle(self.batches)

    def advance(self, machine: Machine) -> None:
        """Let partitions read, then the groups work."""
        for _ in range(self.lag):
            machine.read(next(self._order), next(self._sizes))
        machine.command()
        names = sorted(machine.waiting, reverse=self.reverse)
        for name in names:
            machine.work(name, next(self._batches))


def unbroken(parts: Sequence[Sequence[bytes]], schedule: Schedule | None = None) -> Machine:
    """Run to the end."""
    machine = Machine(parts)
    schedule = schedule or Schedule()
    while not machine.done:
        schedule.advance(machine)
    machine.save()
    return machine
