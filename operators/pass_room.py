"""How much room a pass needs: for a resource's samples of a tick, and for what a tick can find."""

from models.jit import jit
from operators.layout import MAX_EVIDENCE, MAX_RULES, Cohort, Found, Knobs
from schema import I32, I64


@jit
def longest_run(cohort: Cohort, at: int, ticks: I64, series: I32) -> int:
    """Return the most samples that a resource has at one tick."""
    longest = 1
    run = 0
    for i in range(at, ticks.size):
        same = i > at and ticks[i] == ticks[i - 1]
        same = same and cohort.owner[series[i]] == cohort.owner[series[i - 1]]
        run = run + 1 if same else 1
        longest = max(longest, run)
    return longest


@jit
def has_room(cohort: Cohort, knobs: Knobs, found: Found) -> bool:
    """Whether all that one tick can find is sure to fit."""
    room = 4 * cohort.resource.shape[0]
    if knobs.rule_for.size:
        room += MAX_RULES * cohort.owner.size
    edges = found.edge.shape[0] - found.used[0]
    left = found.series.size - found.used[1]
    pulses = found.pulse.shape[0] - found.used[3]
    effects = found.effect.shape[0]
    fits = effects == 0 or effects - found.used[4] >= cohort.owner.size
    raised = found.raised.shape[0]
    fits = fits and (raised == 0 or raised - found.used[6] >= cohort.resource.shape[0])
    fits = fits and found.curve.shape[0] - found.used[5] >= knobs.followed
    return bool(edges >= room and left >= room * MAX_EVIDENCE and pulses > 0 and fits)
