"""Whatever is signed, or says that it is: each door answers, and none breaks."""

from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, get_args
from urllib.parse import urlencode

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from connectors.callbacks.callback import Callback, Reason, Rejected, Unmoved, Verdict
from connectors.callbacks.mail_links import MailLinks
from connectors.callbacks.pagerduty import PagerDutyDoor
from connectors.callbacks.slack import SlackDoor
from tests.connectors.callbacks.signed import (
    NOW_MS,
    Given,
    mail_settings,
    pagerduty_event,
    pagerduty_request,
    pagerduty_settings,
    slack_press,
    slack_request,
    slack_settings,
)

Json = Any
LEAVES = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text()
JSON: st.SearchStrategy[Json] = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
)
TIMES = st.sampled_from(
    ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00", "2026-03-01T10:00:00", "", "x"]
)
EVENT = msgspec.json.decode(pagerduty_event(), type=dict[str, dict[str, Json]])["event"]
PRESS = slack_press()


with TemporaryDirectory() as made:
    PAGERDUTY = PagerDutyDoor(pagerduty_settings(Path(made)))
    SLACK = SlackDoor(slack_settings(Path(made)))
    LINKS = MailLinks(mail_settings(Path(made)), "https://foreshock.example")


def changed(whole: Mapping[str, Json], name: str, value: Json) -> dict[str, Json]:
    return {**whole, name: value}


def is_sound(said: Verdict) -> bool:
    """Whether what is said of it can be shown and stored."""
    if isinstance(said, Callback):
        words = (said.name, said.note, said.assignee, said.place)
        return bool(said.name) and all(each.isprintable() or not each for each in words)
    return isinstance(said, Unmoved) or said.reason in get_args(Reason)


@given(st.sampled_from(sorted(EVENT)), TIMES | JSON)
def test_any_event_of_pagerdutys_is_answered(name: str, value: Json) -> None:
    body = msgspec.json.encode({"event": changed(EVENT, name, value)})
    assert is_sound(PAGERDUTY.read(*pagerduty_request(body), NOW_MS))


@given(st.sampled_from(sorted([*EVENT["data"], "assignees", "content"])), JSON)
def test_any_incident_of_pagerdutys_is_answered(name: str, value: Json) -> None:
    body = msgspec.json.encode(
        {"event": changed(EVENT, "data", changed(EVENT["data"], name, value))}
    )
    assert is_sound(PAGERDUTY.read(*pagerduty_request(body), NOW_MS))


@given(st.sampled_from(sorted(PRESS)), JSON)
def test_any_payload_of_slacks_is_answered(name: str, value: Json) -> None:
    assert is_sound(SLACK.read(*slack_request(changed(PRESS, name, value)), NOW_MS))


@given(st.binary(max_size=200), st.dictionaries(st.text(), st.text(), max_size=4))
def test_any_request_is_answered(body: bytes, headers: dict[str, str]) -> None:
    for door in (PAGERDUTY, SLACK):
        assert isinstance(door.read(headers, body, NOW_MS), Rejected)
    for sent in (pagerduty_request(body), slack_request({})):
        mixed = Given({**sent.headers, **headers}, body + urlencode(headers).encode())
        assert is_sound(PAGERDUTY.read(*mixed, NOW_MS))
        assert is_sound(SLACK.read(*mixed, NOW_MS))


@given(st.text())
def test_any_link_is_answered(token: str) -> None:
    assert isinstance(LINKS.read(token, NOW_MS), Rejected)
