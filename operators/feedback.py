"""What people say of an incident, as a bar for what it was about: how far it goes for no reason.

A false alarm raises the bar of each series that it named, on the side to which that went, to a
quarter more than it went; up to there the series then says nothing, and beyond twice the bar all
that it would say without (see `operators.series_score.heard`). So the same pattern is quiet, and a
clearly bigger one, another side or another metric is not. Which metrics of a resource belong
together need not be kept: each of them is quiet where it was, and heard elsewhere.

A bar does not fade: who has said "not this" must not be woken by it a month later. It goes with
the word "real" on an incident that it would have hushed, and with the resource when that is
forgotten. Memory: two numbers a series.
"""

import math
from typing import NamedTuple

import numpy as np

from models.baseline import LAST_TICK, SEEN
from operators.cohort import CohortTable
from operators.layout import BORN, FORGOTTEN
from schema import Evidence, Feedback, Incident, Labels, stable_id

MARGIN = 1.25  # of what was shown: it was seen when the alert opened, and may have gone on
FULLY_HEARD = 2.0  # bars
LEAST_SHARE = 0.02  # of the score; as shares go with its fourth power, the rest is below 0.4 of it


class Target(NamedTuple):
    """A series that an incident named, and how far it went; as it is in `Feedback.targets`."""

    resource: str  # its key
    metric: str
    labels: Labels
    up: float  # in its unit; 0: not to that side
    down: float


def targets_of(incident: Incident) -> tuple[Target, ...]:
    """Return which series an incident named, and how far each went; most suspect first.

    Silence and rules are not among them: no bar of a score decides those. Nor is what had next to
    no part in it.
    """
    found: dict[tuple[str, str, Labels], Target] = {}
    for member in incident.members:
        for part in member.evidence if member.kind == "metrics" else ():
            key = (member.resource.key, part.metric, part.labels)
            up, down = _reach(part)
            if part.share < LEAST_SHARE or not (math.isfinite(up) and math.isfinite(down)):
                continue
            held = found.get(key)
            if held is not None:
                up, down = max(up, held.up), max(down, held.down)
            found[key] = Target(*key, up, down)
    return tuple(found.values())


def _reach(part: Evidence) -> tuple[float, float]:
    """Return how far up and how far down a metric went, in its unit.

    One within its band was odd for its shape, to no side in particular.
    """
    if part.lower <= part.value <= part.upper:
        return part.upper - part.expected, part.expected - part.lower
    away = part.value - part.expected
    return max(away, 0.0), max(-away, 0.0)


def apply_feedback(table: CohortTable, command: Feedback) -> int:
    """Raise or drop the bars of the command's series that the cohort has; return how many it has.

    A series that the pass has not scored yet, or whose resource is forgotten, is none: when its row
    comes and goes depends on how much is closed at once.
    """
    targets = [Target(*each) for each in command.targets]
    wanted = {each[:3]: each for each in targets}
    ids = {stable_id(each.resource) for each in targets}
    known = 0
    for row, member in enumerate(table.members):
        if member.resource_id not in ids or not _is_alive(table, row):
            continue
        series = member.series
        target = wanted.get((series.resource.key, series.metric, series.labels))
        if target is None:
            continue
        known += 1
        bar, reach = table.arrays.bar[row], np.array((target.up, target.down))
        if command.verdict == "false_positive":
            bar[:] = np.maximum(bar, MARGIN * reach)
        else:
            bar[(reach > 0.0) & (reach < FULLY_HEARD * bar)] = 0.0
    return known


def _is_alive(table: CohortTable, row: int) -> bool:
    state, own = table.arrays.state[row], table.arrays.resource[table.arrays.owner[row]]
    return bool(state[SEEN] > 0 and own[FORGOTTEN] == 0 and state[LAST_TICK] >= own[BORN])
