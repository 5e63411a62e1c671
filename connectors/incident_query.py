"""Pages of incidents by filter, each found in about the time of the rows that it shows."""

from collections.abc import Mapping
from functools import cache
from typing import NamedTuple

import msgspec
from sqlalchemy import (
    Connection,
    Dialect,
    Integer,
    Select,
    bindparam,
    func,
    select,
    tuple_,
    union_all,
)
from sqlalchemy.sql.compiler import SQLCompiler

from connectors.incident_rows import stored_text
from connectors.incident_tables import incident_index
from connectors.incident_terms import (
    EVERYTHING,
    place_term,
    standings,
    term_id,
    words_of,
)
from schema import Severity, State

COUNTED = 5_000  # rows of a term that are counted to find out which is the rarest
MAX_TERMS = 12


class IncidentFilter(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which incidents. Every field narrows; as it is by default, all."""

    states: tuple[State, ...] = ()
    least: Severity = Severity.LOW
    cloud: str = ""
    account: str = ""
    region: str = ""
    service: str = ""  # of the same member as account and region
    title: str = ""  # words, or parts of names ("orders" of "orders-db"), in any order
    assignee: str = ""
    opened_from_ms: int | None = None
    opened_before_ms: int | None = None
    most: Severity = Severity.CRITICAL


class Cursor(NamedTuple):
    """The last incident of a page; the next page begins after it."""

    opened_ms: int
    incident_id: str

    def __str__(self) -> str:
        return f"{self.opened_ms}.{self.incident_id}"

    @classmethod
    def of(cls, text: str) -> "Cursor":
        """Return the cursor of its text.

        Raises: ValueError if it is none.
        """
        opened, dot, incident_id = text.partition(".")
        try:
            if dot and incident_id:
                return cls(int(opened), incident_id)
        except ValueError:
            pass
        raise ValueError(f"a cursor must be like 1772359200000.inc-7f3a, got {text!r}")


def find_page(
    connection: Connection,
    wanted: IncidentFilter,
    limit: int,
    after: Cursor | None,
    *,
    oldest_first: bool = False,
) -> list[Cursor]:
    """Return the incidents that a filter lets through, those that opened last, or first, first.

    Cost: a row of each of the lists (rarest term, standing) for each that is shown; where other
    terms have to hold too, one more look-up for each row that is passed over.
    """
    terms = _rarest_first(connection, _terms(wanted))
    wanted_standings = standings(wanted.states, wanted.least, wanted.most)
    if not wanted_standings:
        return []
    first, last = _bounds(wanted, after, oldest_first=oldest_first)
    values: Mapping[str, object] = {
        "first_ms": first.opened_ms,
        "first_id": first.incident_id,
        "last_ms": last.opened_ms,
        "last_id": last.incident_id,
        "most": limit,
        **{f"term{number}": term for number, term in enumerate(terms)},
        **{f"standing{number}": each for number, each in enumerate(wanted_standings)},
    }
    query = _lists(len(terms), len(wanted_standings), connection.dialect, oldest_first)
    names = query.positiontup
    values = query.construct_params(values)
    given = values if names is None else tuple(values[name] for name in names)
    found = connection.exec_driver_sql(query.string, given)
    return [Cursor(opened_ms, incident_id) for opened_ms, incident_id in found]


def _bounds(
    wanted: IncidentFilter, after: Cursor | None, *, oldest_first: bool
) -> tuple[Cursor, Cursor]:
    """Return the places between which the page lies, neither of them on it."""
    from_ms, before_ms = wanted.opened_from_ms, wanted.opened_before_ms
    first = Cursor(-(2**62) if from_ms is None else from_ms, "")
    last = Cursor(2**62 if before_ms is None else before_ms, "")
    if after is None:
        return first, last
    return (max(first, after), last) if oldest_first else (first, min(last, after))


def _terms(wanted: IncidentFilter) -> list[int]:
    terms = [f"word:{word}" for word in words_of(wanted.title)]
    if wanted.assignee:
        terms.append(f"assignee:{stored_text(wanted.assignee)}")
    if wanted.cloud:
        terms.append(f"cloud:{wanted.cloud}")
    place = place_term(wanted.account, wanted.region, wanted.service)
    if place != EVERYTHING or not terms:
        terms.append(place)
    return [term_id(term) for term in terms[-MAX_TERMS:]]


def _rarest_first(connection: Connection, terms: list[int]) -> list[int]:
    if len(terms) == 1:
        return terms
    counts = {}
    for term in terms:
        some = select(incident_index.c.term).where(incident_index.c.term == term).limit(COUNTED)
        query = select(func.count()).select_from(some.subquery())
        counts[term] = connection.execute(query).scalar_one()
    return sorted(terms, key=lambda term: (counts[term], term))


@cache
def _lists(terms: int, count: int, dialect: Dialect, oldest_first: bool) -> SQLCompiler:
    """Return the query of the first rows of so many standings, compiled once."""
    lists = (_list(terms, number, oldest_first).subquery() for number in range(count))
    merged = union_all(*(select(each) for each in lists)).subquery()
    order = (merged.c.opened_ms, merged.c.incident_id)
    page = select(*order).order_by(*(each if oldest_first else each.desc() for each in order))
    query = page.limit(bindparam("most", type_=Integer)).compile(dialect=dialect)
    if not isinstance(query, SQLCompiler):
        raise TypeError(f"a query must be of SQL, got {type(query).__name__}")
    return query


def _list(terms: int, number: int, oldest_first: bool) -> Select[int, str]:
    """Return the query of the first rows of one standing for which so many terms hold."""
    first = incident_index.alias("first")
    order = (first.c.opened_ms, first.c.incident_id)
    place = tuple_(*order)
    standing = bindparam(f"standing{number}", type_=Integer)
    query = (
        select(first.c.opened_ms, first.c.incident_id)
        .where(first.c.term == bindparam("term0"), first.c.standing == standing)
        .where(place > tuple_(bindparam("first_ms"), bindparam("first_id")))
        .where(place < tuple_(bindparam("last_ms"), bindparam("last_id")))
        .order_by(*(each if oldest_first else each.desc() for each in order))
        .limit(bindparam("most", type_=Integer))
    )
    for other_number in range(1, terms):
        other = incident_index.alias(f"also{other_number}")
        same = (other.c[name] == first.c[name] for name in ("standing", "opened_ms", "incident_id"))
        term = other.c.term == bindparam(f"term{other_number}")
        query = query.where(select(other.c.term).where(term, *same).exists())
    return query
