"""By what an incident can be found: where its members are, the words of its title, who has it.

A term is one such thing, as 64 bits; an incident's standing is its state and severity in one small
number. `incident_index` holds (term, standing, opened_ms, incident) in order, so that a page of any
state and severity at any place is read off the ends of a few lists, however many rows there are.
"""

import re
from collections.abc import Iterable, Sequence
from functools import lru_cache
from itertools import product
from typing import NamedTuple, get_args

from schema import Severity, State, stable_id

STATES: tuple[State, ...] = get_args(State)  # only ever added to at the end
EVERYTHING = ""  # the term of every incident
MAX_WORDS = 24  # of a title that are indexed
MAX_PLACES = 64  # of an incident
_WORD = re.compile(r"[^\W_]+(?:[-_./][^\W_]+)*")
_PART = re.compile(r"[^\W_]+")
_COMMON = frozenset({"and", "at", "from", "in", "is", "of", "on", "the", "to"})


class Place(NamedTuple):
    """Where a member is."""

    cloud: str
    account: str
    region: str
    service: str


def standing_of(state: State, severity: Severity) -> int:
    """Return state and severity in one number."""
    return STATES.index(state) * 8 + int(severity)


def standings(states: Sequence[State], least: Severity, most: Severity) -> list[int]:
    """Return the standings of some states (none: of all), of the severities from one to another."""
    levels = [severity for severity in Severity if least <= severity <= most]
    return [standing_of(state, level) for state, level in product(states or STATES, levels)]


@lru_cache(maxsize=65_536)
def term_id(term: str) -> int:
    """Return the term as the signed 64 bits that databases hold."""
    return stable_id(term) - 2**63


def terms_of(places: Iterable[Place], title: str, assignee: str) -> set[str]:
    """Return everything by which an incident can be found."""
    found = {EVERYTHING, *(f"word:{word}" for word in words_of(title))}
    if assignee:
        found.add(f"assignee:{assignee}")
    return found.union(*map(_place_terms, places))


@lru_cache(maxsize=16_384)
def _place_terms(place: Place) -> frozenset[str]:
    kept = (
        place_term(*(part if keep else "" for part, keep in zip(place[1:], keeps, strict=True)))
        for keeps in product((True, False), repeat=3)
    )
    return frozenset((f"cloud:{place.cloud}", *kept))


def place_term(account: str, region: str, service: str) -> str:
    """Return the term of what lies there; "" is anywhere, and all three that of everything."""
    parts = (account, region, service)
    return "\n".join(("place", *parts)) if any(parts) else EVERYTHING


@lru_cache(maxsize=16_384)
def words_of(text: str) -> tuple[str, ...]:
    """Return the words to find a text by: as they stand, and their parts, in small letters.

    >>> words_of("latency of orders-db rose to 820 ms")
    ('latency', 'orders-db', 'orders', 'db', 'rose', 'ms')
    """
    found: dict[str, None] = {}
    for word in _WORD.findall(text.lower()):
        for each in (word, *_PART.findall(word)):
            if len(each) > 1 and not each.isdigit() and each not in _COMMON:
                found[each] = None
    return tuple(found)[:MAX_WORDS]
