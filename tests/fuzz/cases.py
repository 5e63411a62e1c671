"""What a fuzzer's payload is, and what must come of it."""

import random
from collections.abc import Callable
from typing import Any, NamedTuple, Protocol

MANY = 1 << 30


class Case(NamedTuple):
    """A payload; `least` and `most` bound its samples and rejects together.

    None at all may come only of what is lawfully empty in its format, whatever `least` says.
    """

    data: bytes
    how: str  # "valid", or what was done to it
    least: int
    most: int
    samples: int | None = None  # exactly, and no reject: a valid payload


class Unit(NamedTuple):
    """A point on the wire, at a node of a draft that may be damaged in place."""

    node: Any
    samples: int = 1  # of a good one
    least: int = 1  # samples and rejects of a damaged one
    most: int = 1


class Draft(Protocol):
    """A valid payload in parts."""

    @property
    def units(self) -> list[Unit]:
        """All its points."""
        ...

    def case(self, how: str, least: int, most: int, samples: int | None = None) -> Case:
        """Return what it is now."""
        ...

    def damaged(self, rng: random.Random) -> Case:
        """Return a damaged payload; the draft is used up."""
        ...


def valid(draft: Draft) -> Case:
    """Return a draft as it is."""
    points = sum(unit.samples for unit in draft.units)
    return draft.case("valid", points, points, points)


def bounds(units: list[Unit], touched: list[Unit]) -> tuple[int, int]:
    """Return the fewest and the most samples and rejects, with damage in the units `touched`."""
    ids = {id(unit.node) for unit in touched}
    least = most = 0
    for unit in units:
        if id(unit.node) in ids:
            least += unit.least
            most += unit.most
        else:
            least += unit.samples
            most += unit.samples
    return least, most


class Format(NamedTuple):
    """How payloads of one format are made."""

    draft: Callable[[random.Random], Draft]
    empties: tuple[bytes, ...]  # envelopes without points and the like
    is_empty: Callable[[bytes], bool]  # whether a payload may come to nothing at all
