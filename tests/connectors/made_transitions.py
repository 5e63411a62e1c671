"""Transitions for tests: a plain one, and every one that there may be."""

from typing import get_args

import msgspec
from hypothesis import strategies as st

from schema import (
    Event,
    Evidence,
    Impact,
    Incident,
    Member,
    Resource,
    Severity,
    State,
    Suspect,
    Transition,
)

OPENED_MS = 1_772_359_200_000  # 2026-03-01 10:00 UTC
ONSET_MS = OPENED_MS - 120_000

RESOURCE = Resource("aws", "aws.rds", "111122223333", "eu-west-1", "orders-db", (("tier", "1"),))
EVIDENCE = Evidence("latency", (), "ms", 820.0, 181.5, 120.0, 240.0, 1.0, ONSET_MS)
MEMBER = Member(RESOURCE, "metrics", OPENED_MS, ONSET_MS, None, 0.97, 12.5, (EVIDENCE,))
INCIDENT = Incident(
    "inc-1",
    1,
    "open",
    Severity.CRITICAL,
    ("tier 1 service",),
    "latency of orders-db rose to 820 ms",
    "latency of orders-db rose to 820 ms (expected 120-240 ms) at 09:58 UTC",
    (("cloud", "aws"), ("account", "111122223333"), ("region", "eu-west-1")),
    OPENED_MS,
    ONSET_MS,
    OPENED_MS,
    None,
    0.97,
    1,
    (MEMBER,),
)
OPENED = Transition("opened", OPENED_MS, "foreshock", "first alert", INCIDENT)


def later(incident_id: str, revision: int) -> Transition:
    """Return an update of an incident, a minute a revision after it opened."""
    at_ms = OPENED_MS + 60_000 * revision
    incident = msgspec.structs.replace(
        INCIDENT, id=incident_id, revision=revision, updated_ms=at_ms
    )
    return Transition("updated", at_ms, "foreshock", f"revision {revision}", incident)


def resolved(incident_id: str, revision: int) -> Transition:
    """Return the end of an incident."""
    event = later(incident_id, revision)
    incident = msgspec.structs.replace(
        event.incident, state="resolved", resolved_ms=event.ts_ms, severity=Severity.HIGH
    )
    return msgspec.structs.replace(
        event, event="resolved", reason="quiet for 10 min", incident=incident
    )


_text = st.text(max_size=20)  # without surrogates, which are no text
_number = st.floats(allow_nan=False, allow_infinity=False)
_unit = st.floats(0, 1)
_names = st.lists(_text, max_size=2).map(tuple)
_ms = st.integers(-62_135_596_800_000, 253_402_300_799_999)  # the years 1 to 9999
_pairs = st.dictionaries(_text, _text, max_size=3).map(lambda d: tuple(d.items()))

evidences = st.builds(
    Evidence,
    _text,
    _pairs,
    _text,
    _number,
    _number,
    _number | st.just(float("-inf")),
    _number | st.just(float("inf")),
    _unit,
    _ms,
    st.none() | _number,
    st.none() | _ms,
)
resources = st.builds(Resource, _text, _text, _text, _text, _text, _pairs, _text)
members = st.builds(
    Member,
    resources,
    _text,
    _ms,
    _ms,
    st.none() | _ms,
    _unit,
    st.floats(0, 1e300),
    st.lists(evidences, max_size=2).map(tuple),
    _names,
)
suspects = st.builds(Suspect, resources, _unit, _text)
impacts = st.builds(
    Impact, st.integers(0, 10**6), _names, _names, st.none() | st.integers(0, 10**9), _names
)
incidents = st.builds(
    Incident,
    st.text(min_size=1, max_size=20),
    st.integers(1, 2**31),
    st.sampled_from(get_args(State)),
    st.sampled_from(Severity),
    _names,
    _text,
    _text,
    _pairs,
    _ms,
    _ms,
    _ms,
    st.none() | _ms,
    _unit,
    st.integers(0, 10**6),
    st.lists(members, max_size=2).map(tuple),
    suspects=st.lists(suspects, max_size=2).map(tuple),
    pattern=_text,
    impact=impacts,
    assignee=_text,
    acked_ms=st.none() | _ms,
    closed_ms=st.none() | _ms,
    ack_by_ms=st.none() | _ms,
    resolve_by_ms=st.none() | _ms,
    breach_ms=st.none() | _ms,
    verdict=st.sampled_from(["", "false_positive", "real"]),
    flapping=st.booleans(),
    silenced_by=_names,
    inhibited_by=_text,
    merged_into=_text,
    merged=_names,
)
transitions = st.builds(
    Transition,
    st.sampled_from(get_args(Event)),
    _ms,
    _text,
    _text,
    incidents,
    _text,
)
