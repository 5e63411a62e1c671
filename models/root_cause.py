"""Which of several resources in trouble the others suffer from, ranked by a share of suspicion.

Three things speak against a resource, each compared with what speaks against the others:

- the *harm* that it does by itself: the extra time, or the failures, of the requests that it
  serves, less what those have that it calls, since a caller inherits its callees' trouble. What
  hurts is effect times traffic, where a z-score finds the quiet, steady component first;
- a *means* of its own that is far off - processor, memory, disk, whatever is not felt by callers:
  a cause rather than a symptom;
- a *symptom* that nothing which it needs explains, early and strong, where nobody knows how many
  requests there are.

What stood before the trouble began is taken off. Source: the traversal, and its effects, follow
the measurements of Hardt et al., "The PetShop Dataset" (2024), and Pham et al., "BARO" (2024).
"""

import itertools
import math
from collections.abc import Callable, Iterable, Mapping, Sequence

import msgspec

MEANS_HALF = 10.0  # half bands at which a means counts half of what it can
SYMPTOM_HALF = 10.0
EXPLAINED = 0.1  # of a symptom that something needed explains


class RootCauseSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How much each kind of evidence weighs. Shares are of what evidence there is."""

    harm: float = 0.65
    means: float = 0.35
    symptom: float = 0.05  # where harm is known; else the larger of means and symptom is all
    outside: float = 0.3  # of the suspicion of what is seen only from outside
    late_s: float = 300.0  # of onset after the trouble began, by which suspicion falls to a third

    def __post_init__(self) -> None:
        for name in ("harm", "means", "symptom", "outside"):
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"{name} must be in [0, 1], got {getattr(self, name)!r}")
        if not 0 < self.late_s <= 86_400:
            raise ValueError(f"late_s must be in (0, 86400] s, got {self.late_s!r}")


class Trouble(msgspec.Struct, frozen=True):
    """What is known against one resource."""

    onset_ms: int
    delay: tuple[tuple[int, float], ...] = ()  # tick, extra time of all its requests; ascending
    failed: tuple[tuple[int, float], ...] = ()  # tick, requests that failed beyond the usual
    means: float = 0.0  # half bands that a means of its own is off
    symptom: float = 0.0  # the same of what is felt by those who call it
    outside: bool = False  # seen by its callers only


def rank(
    troubles: Mapping[str, Trouble],
    callees: Callable[[str], Iterable[str]],
    needs: Callable[[str], Iterable[str]],
    since_ms: int,
    delay_share: float = 0.5,
    settings: RootCauseSettings = RootCauseSettings(),  # noqa: B008
) -> list[tuple[str, float]]:
    """Return who is suspected, most first, each with a share of all suspicion, (0, 1].

    `since_ms` is when the trouble began, `delay_share` how much of what is felt is slowness rather
    than failure, [0, 1]. Names of `callees` and `needs` that have no trouble are passed over.
    The order of `troubles` does not matter.

    >>> troubles = {
    ...     "front": Trouble(0, delay=((0, 865.0),), symptom=30.0),
    ...     "cart": Trouble(0, delay=((0, 850.0),), symptom=12.0),
    ...     "cache": Trouble(0, delay=((0, 20.0),), symptom=60.0),
    ... }
    >>> calls = {"front": ("cart", "cache"), "cart": ("cache",)}
    >>> [name for name, _ in rank(troubles, lambda n: calls.get(n, ()), lambda n: (), 0)]
    ['cart', 'cache', 'front']
    """
    if len(troubles) < 2:
        return [(name, 1.0) for name in troubles]
    names = sorted(troubles)
    delay = _shares({n: _own(n, troubles, callees, since_ms, "delay") for n in names})
    failed = _shares({n: _own(n, troubles, callees, since_ms, "failed") for n in names})
    late_ms = settings.late_s * 1000
    first_ms = _begun_ms(sorted(t.onset_ms for t in troubles.values()), late_ms)
    harm = _passed_on(
        _shares({n: delay_share * delay[n] + (1 - delay_share) * failed[n] for n in names}),
        troubles,
        needs,
        late_ms,
    )
    later = {n: (troubles[n].onset_ms - first_ms) / late_ms for n in names}
    means = {n: math.exp(-max(later[n], 0.0)) * _bent(troubles[n].means, MEANS_HALF) for n in names}
    symptom = {n: math.exp(-abs(later[n])) * _unexplained(n, troubles, needs) for n in names}
    weights = [({n: max(means[n], symptom[n]) for n in names}, 1.0)]
    if any(harm.values()):
        weights = [
            (harm, settings.harm),
            (_shares(means), settings.means),
            (_shares(symptom), settings.symptom),
        ]
    score = {
        n: math.fsum(share[n] * weight for share, weight in weights)
        * (settings.outside if troubles[n].outside else 1.0)
        for n in names
    }
    total = math.fsum(score.values())
    if total <= 0.0:
        return [(n, 1.0 / len(names)) for n in sorted(names, key=lambda n: troubles[n].onset_ms)]
    ranked = sorted(names, key=lambda n: (-score[n], troubles[n].onset_ms, n))
    return [(n, score[n] / total) for n in ranked if score[n] > 0.0]


def _begun_ms(onsets_ms: Sequence[int], late_ms: float) -> int:
    """Return when the trouble began: the first onset that another one follows soon; ascending.

    What is felt of one resource long before anything else is another story. Its means are not: a
    leak takes its time.
    """
    pairs = itertools.pairwise(onsets_ms)
    return next((a for a, b in pairs if b - a <= late_ms), onsets_ms[0])


def _own(
    name: str,
    troubles: Mapping[str, Trouble],
    callees: Callable[[str], Iterable[str]],
    since_ms: int,
    kind: str,
) -> float:
    """Return the most harm at one tick that the callees do not have, less what there was before."""
    below = [dict(_harm(troubles[c], kind)) for c in callees(name) if c in troubles and c != name]
    most = before = 0.0
    for tick_ms, amount in _harm(troubles[name], kind):
        own = max(amount - math.fsum(each.get(tick_ms, 0.0) for each in below), 0.0)
        if tick_ms >= since_ms:
            most = max(most, own)
        else:
            before = max(before, own)
    return max(most - before, 0.0)


def _harm(trouble: Trouble, kind: str) -> Sequence[tuple[int, float]]:
    return trouble.delay if kind == "delay" else trouble.failed


def _passed_on(
    harm: dict[str, float],
    troubles: Mapping[str, Trouble],
    needs: Callable[[str], Iterable[str]],
    late_ms: float,
) -> dict[str, float]:
    """Give most of a harm to what its bearer needs and whose means are off, if that has none.

    A host that is full, and a database of which only the processor is known, show no requests.
    """
    passed = dict(harm)
    for name in sorted(harm):
        takers = [
            other
            for other in sorted(set(needs(name)))
            if other in harm and harm[other] == 0.0 and troubles[other].means >= 1.0
            and troubles[other].onset_ms <= troubles[name].onset_ms + late_ms
        ]  # fmt: skip
        weights = [_bent(troubles[other].means, MEANS_HALF) for other in takers]
        for other, weight in zip(takers, weights, strict=True):
            part = harm[name] * max(weights) * weight / math.fsum(weights)
            passed[other] += part
            passed[name] -= part
    return passed


def _unexplained(
    name: str,
    troubles: Mapping[str, Trouble],
    needs: Callable[[str], Iterable[str]],
) -> float:
    """Return a symptom's weight: strong, and little where something needed had trouble no later."""
    mine = troubles[name]
    weight = _bent(mine.symptom, SYMPTOM_HALF)
    for other in needs(name):
        theirs = troubles.get(other)
        if theirs is None or other == name or theirs.onset_ms > mine.onset_ms:
            continue
        if max(theirs.symptom, theirs.means) >= 1.0:
            return weight * EXPLAINED
    return weight


def _bent(strength: float, half: float) -> float:
    """Return a strength's weight, [0, 1): the tenth band outside says less than the first."""
    return strength / (strength + half) if strength > 0.0 else 0.0


def _shares(amounts: dict[str, float]) -> dict[str, float]:
    total = math.fsum(amounts.values())
    return {name: amount / total if total > 0.0 else 0.0 for name, amount in amounts.items()}
