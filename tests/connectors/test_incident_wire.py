import hashlib
import json
import math
import re
from pathlib import Path

import jsonschema
import msgspec
import pytest
from hypothesis import given, settings

from connectors.incident_form import (
    WireEvent,
    WireEvidence,
    WireImpact,
    WireIncident,
    WireMember,
    WireResource,
    WireSuspect,
)
from connectors.incident_wire import decode_transition, encode_transition, outcome_digest, rfc3339
from schema import Evidence, Transition
from tests.connectors.made_transitions import EVIDENCE, INCIDENT, MEMBER, OPENED, later, transitions

DOCS = Path(__file__).parents[2] / "docs"
SCHEMA = json.loads((DOCS / "incident.schema.json").read_text())
VALIDATOR = jsonschema.Draft202012Validator(SCHEMA)

replace = msgspec.structs.replace


def with_evidence(evidence: Evidence) -> Transition:
    member = replace(MEMBER, evidence=(evidence,))
    return replace(OPENED, incident=replace(INCIDENT, members=(member,)))


def test_the_schema_is_a_schema() -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMA)


@settings(max_examples=150, deadline=None)
@given(transitions)
def test_every_event_is_read_back_exactly_and_satisfies_the_schema(event: Transition) -> None:
    line = encode_transition(event)
    assert decode_transition(line) == event
    assert encode_transition(decode_transition(line)) == line
    assert b"\n" not in line
    VALIDATOR.validate(json.loads(line))


@pytest.mark.parametrize(
    ("name", "form"),
    [
        ("incident", WireIncident),
        ("suspect", WireSuspect),
        ("impact", WireImpact),
        ("member", WireMember),
        ("evidence", WireEvidence),
        ("resource", WireResource),
        (None, WireEvent),
    ],
)
def test_the_schema_describes_every_field_and_no_other(
    name: str | None, form: type[msgspec.Struct]
) -> None:
    part = SCHEMA if name is None else SCHEMA["$defs"][name]
    fields = list(form.__struct_fields__)
    assert fields == sorted(fields)
    assert list(part["properties"]) == fields
    first = [each.name for each in msgspec.structs.fields(form) if each.required]
    assert part.get("required", []) == sorted({*first, *(["schema"] if form is WireEvent else [])})


def test_an_event_of_an_earlier_store_still_satisfies_the_schema_and_reads_as_if_empty() -> None:
    event = json.loads(encode_transition(OPENED))
    member = event["incident"]["members"][0]
    parts: list[tuple[type[msgspec.Struct], dict[str, object]]] = [
        (WireMember, member),
        (WireEvidence, member["evidence"][0]),
        (WireIncident, event["incident"]),
        (WireEvent, event),
    ]
    for form, part in parts:
        for each in msgspec.structs.fields(form):
            if not each.required and each.name != "schema":
                del part[each.name]
    VALIDATOR.validate(event)
    assert decode_transition(json.dumps(event)) == OPENED


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("severity",), "BAD"),
        (("revision",), 0),
        (("opened",), "2026-03-01 10:00"),
        (("members", 0, "confidence"), 1.5),
        (("members", 0, "evidence", 0, "share"), None),
        (("scope", "cloud"), 3),
    ],
)
def test_the_schema_refuses_what_is_no_event(path: tuple[str | int, ...], value: object) -> None:
    event = json.loads(encode_transition(OPENED))
    part = event["incident"]
    for step in path[:-1]:
        part = part[step]
    part[path[-1]] = value
    with pytest.raises(jsonschema.ValidationError):
        VALIDATOR.validate(event)


def test_the_keys_are_sorted_and_nothing_is_between_them() -> None:
    line = encode_transition(OPENED)
    bare = re.sub(rb'"scope":\{[^}]*\}', b'"scope":{}', line)  # a map keeps the record's order
    assert json.dumps(json.loads(bare), sort_keys=True, separators=(",", ":")).encode() == bare


def test_times_have_a_twin_for_people() -> None:
    event = json.loads(encode_transition(OPENED))
    assert (event["ts_ms"], event["ts"]) == (1_772_359_200_000, "2026-03-01T10:00:00.000Z")
    assert event["incident"]["resolved"] is None
    assert rfc3339(-1) == "1969-12-31T23:59:59.999Z"


def test_what_is_unknown_or_unbounded_is_null_on_the_wire() -> None:
    nothing = replace(EVIDENCE, value=math.nan, expected=math.nan, lower=-math.inf, upper=math.inf)
    line = encode_transition(with_evidence(nothing))
    wire = json.loads(line)["incident"]["members"][0]["evidence"][0]
    assert [wire[name] for name in ("value", "expected", "lower", "upper")] == [None] * 4
    back = decode_transition(line).incident.members[0].evidence[0]
    assert math.isnan(back.value)
    assert math.isnan(back.expected)
    assert (back.lower, back.upper) == (-math.inf, math.inf)
    VALIDATOR.validate(json.loads(line))


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_a_confidence_share_or_score_that_is_no_number_is_refused(bad: float) -> None:
    for event in (
        with_evidence(replace(EVIDENCE, share=bad)),
        replace(OPENED, incident=replace(INCIDENT, confidence=bad)),
        replace(OPENED, incident=replace(INCIDENT, members=(replace(MEMBER, score=bad),))),
    ):
        with pytest.raises(ValueError, match="must be finite, got"):
            encode_transition(event)


def test_a_time_beyond_the_calendar_is_refused() -> None:
    with pytest.raises(ValueError, match="years 1 to 9999"):
        encode_transition(replace(OPENED, ts_ms=2**60))


def test_unknown_fields_are_ignored_and_another_version_is_refused() -> None:
    line = encode_transition(OPENED)
    assert decode_transition(line.replace(b'{"actor"', b'{"new":1,"actor"')) == OPENED
    with pytest.raises(ValueError, match=r"must be foreshock\.incident/1"):
        decode_transition(line.replace(b"foreshock.incident/1", b"foreshock.incident/2"))
    with pytest.raises(ValueError, match=r"must be of its incident's revision, got 'inc-2\.1'"):
        decode_transition(line.replace(b'"id":"inc-1","incident"', b'"id":"inc-2","incident"'))
    with pytest.raises(ValueError, match="must be foreshock"):
        decode_transition(line[:-5])


def test_the_digest_does_not_depend_on_order_or_repeats() -> None:
    events = [OPENED, later("inc-1", 2), later("inc-2", 2), later("inc-1", 3)]
    told = [events[i] for i in (2, 0, 3, 2, 1, 1, 0)]
    lines = b"".join(encode_transition(event) + b"\n" for event in events)
    assert outcome_digest(told) == hashlib.sha256(lines).hexdigest()


def test_the_digest_depends_on_every_event_and_field() -> None:
    events = [OPENED, later("inc-1", 2)]
    other = replace(OPENED, incident=replace(INCIDENT, confidence=0.9700000000000001))
    digests = {outcome_digest(some) for some in (events, events[:1], [], [other, events[1]])}
    assert len(digests) == 4


def test_two_different_events_of_one_id_have_no_digest() -> None:
    with pytest.raises(ValueError, match=r"got two of 'inc-1\.1'"):
        outcome_digest([OPENED, replace(OPENED, reason="another")])


def test_the_documented_example_is_an_event() -> None:
    page = (DOCS / "incidents.md").read_text()
    example = re.search(r"```json\n(.*?)```", page, re.DOTALL)
    assert example is not None
    VALIDATOR.validate(json.loads(example[1]))
    again = encode_transition(decode_transition(example[1]))
    assert json.loads(again) == json.loads(example[1])
