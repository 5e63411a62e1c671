"""What happens without being a fault: surges, deploys, drift and collection gaps."""

from typing import Literal

import msgspec
import numpy as np

from connectors.simulator.draws import generator
from connectors.simulator.fleet import Fleet
from connectors.simulator.settings import CLOUDS, SimulatorSource

BenignKind = Literal["surge", "deploy", "drift", "gap"]
# In turn, so that every kind occurs; surges and deploys are what operators see most.
TURN: tuple[BenignKind, ...] = ("surge", "deploy", "surge", "drift", "deploy", "surge", "gap")
SURPLUS = 1.25  # benign events a fault
DEPLOY_STAGGER_MIN = 4  # between two instances of a rolling deploy


class Benign(msgspec.Struct, frozen=True):
    """One benign event, in steps from the start of the run; `end` is exclusive."""

    id: str
    kind: BenignKind
    start: int
    end: int  # of a drift: when the level stops moving; it stays
    cloud: str
    application: int  # -1: a gap, which concerns a whole cloud
    nodes: tuple[int, ...]
    strength: float  # surge: traffic times; drift: relative growth; else 0


def deploy_of(event: Benign, node: int, settings: SimulatorSource) -> tuple[int, int, float]:
    """Return when a deploy restarts this node, until when, and by how much its level moves.

    The level is in [-0.5, 0.5] of what `panel` makes of it: always below a deviation.
    """
    place = event.nodes.index(node)
    draw = generator(settings.seed, f"deploy:{event.id}", place)
    start = event.start + place * settings.minutes(DEPLOY_STAGGER_MIN)
    return start, start + settings.minutes(draw.integers(1, 4)), float(draw.uniform(-0.5, 0.5))


def plan_benign(settings: SimulatorSource, fleet: Fleet) -> tuple[Benign, ...]:
    """Draw the benign events: more of them than faults, over the whole run, by time.

    Independent of the faults, so that the fault-free twin has the very same events.
    """
    quiet = settings.quiet_steps
    faults = max(1.0, settings.faults_per_day * settings.days * (1 - quiet / settings.steps))
    count = int(np.ceil(SURPLUS * faults)) + 1
    slot = settings.steps / count
    found: list[Benign] = []
    for i in range(count):
        draw = generator(settings.seed, "benign", i)
        start = int((i + draw.uniform(0.05, 0.75)) * slot)
        found.append(
            _draw_event(settings, fleet, f"B{i + 1:03d}", TURN[i % len(TURN)], start, draw)
        )
    return tuple(sorted(found, key=lambda event: (event.start, event.id)))


def _draw_event(
    settings: SimulatorSource,
    fleet: Fleet,
    name: str,
    kind: BenignKind,
    start: int,
    draw: np.random.Generator,
) -> Benign:
    last = settings.steps
    if kind == "gap":
        cloud = CLOUDS[draw.integers(len(CLOUDS))]
        end = min(last, start + settings.minutes(draw.integers(3, 7)))
        return Benign(name, kind, start, end, cloud, -1, (), 0.0)
    application = int(draw.integers(len(fleet.applications)))
    members = fleet.members[application]
    cloud = fleet.nodes[members[0]].cloud
    strength = 0.0
    if kind == "surge":
        end = start + settings.minutes(draw.uniform(20, 120))
        strength = float(draw.uniform(1.5, 2.5))
    elif kind == "drift":
        end = start + settings.minutes(draw.uniform(1, 4) * 1440)
        strength = float(draw.uniform(0.08, 0.25))
    else:
        members = tuple(i for i in members if fleet.nodes[i].tier == "app") or members
        end = start + settings.minutes(DEPLOY_STAGGER_MIN) * len(members)
    return Benign(name, kind, start, min(end, last), cloud, application, members, strength)
