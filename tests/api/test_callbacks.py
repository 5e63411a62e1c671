"""Answers of people as they arrive: taken once, refused with a reason, logged without a secret."""

import logging
import socket
from collections.abc import Iterator
from pathlib import Path

import httpx
import msgspec
import pytest

from api.app import create_app
from config.serve import ServeSettings
from connectors.callbacks.mail_links import MailCallbacks
from connectors.callbacks.settings import CallbackSettings
from connectors.control_log import FileControlLog
from connectors.requests_store import RequestsStore
from flows.desk import Desk
from schema import Act, Feedback
from tests.api.answered import Answered, answered, listening
from tests.api.serving import serving, url_of
from tests.connectors.callbacks.signed import (
    LINK_KEY,
    NOW_MS,
    PD_SECRET,
    SLACK_SECRET,
    Given,
    pagerduty_event,
    pagerduty_request,
    pagerduty_settings,
    secret,
    slack_press,
    slack_request,
    slack_settings,
)
from tests.connectors.channels.provider import Asked, Reply, provider


def post(there: Answered, via: str, given: Given) -> httpx.Response:
    return there.client.post(f"/callbacks/{via}", content=given.body, headers=dict(given.headers))


def test_pagerduty_is_taken_and_its_own_retry_is_answered_and_not_taken_twice(
    there: Answered, tmp_path: Path
) -> None:
    given = pagerduty_request(pagerduty_event())
    first, again = post(there, "pagerduty", given), post(there, "pagerduty", given)
    assert (first.status_code, again.status_code) == (200, 200)
    assert (first.json()["status"], again.json()["status"]) == ("requested", "repeated")
    (act,) = there.logged()
    assert isinstance(act, Act)
    assert (act.action, act.actor) == ("ack", "Ann Lee (via pagerduty)")
    requests = RequestsStore(url_of(tmp_path))
    assert [(each.act, each.status) for each in requests.requests_of("inc-1")] == [
        (act, "requested")
    ]
    requests.close()
    assert there.counted() == {"pagerduty requested": 1, "pagerduty repeated": 1}


def test_slack_is_taken_and_a_copy_of_it_is_refused(there: Answered) -> None:
    given = slack_request(slack_press("foreshock.resolve", response_url=""))
    first, again = post(there, "slack", given), post(there, "slack", given)
    assert (first.status_code, first.content) == (200, b"")
    assert again.status_code == 409
    assert len(there.logged()) == 1
    assert there.counted() == {"slack requested": 1, "slack replayed": 1}


def test_a_copy_is_known_after_a_restart(tmp_path: Path) -> None:
    given = slack_request(slack_press("foreshock.resolve", response_url=""))
    with answered(tmp_path) as there:
        assert post(there, "slack", given).status_code == 200
    with answered(tmp_path) as there:
        assert post(there, "slack", given).status_code == 409


def test_who_pressed_is_told_what_came_of_it(tmp_path: Path) -> None:
    with provider(lambda _: Reply(200, b"ok")) as hooks:
        settings = msgspec.structs.replace(
            slack_settings(tmp_path), reply_hosts=(f"{hooks.url}/",), allow_private=True
        )
        with answered(tmp_path, CallbackSettings(slack=settings)) as there:
            url = f"{hooks.url}/actions/1"
            for incident in ("inc-1", "inc-9"):
                payload = slack_press(incident=incident, response_url=url)
                assert post(there, "slack", slack_request(payload)).status_code == 200
            hooks.next.append(Reply(500))
            payload = slack_press("foreshock.false_positive", response_url=url)
            assert post(there, "slack", slack_request(payload)).status_code == 200
    said = sorted(str(each.body["text"]) for each in hooks.asked)  # each after its answer
    assert said[0].startswith("acknowledgement of inc-1 is requested, in force at")
    assert said[1].startswith("false positive of inc-1 is requested, in force at")
    assert said[2] == "there is no such incident here"
    assert there.counted() == {"slack requested": 2, "slack unknown": 1}
    assert len(there.logged()) == 2


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (pagerduty_event("incident.triggered"), "ignored"),
        (pagerduty_event(agent="inbound_integration_reference"), "ignored"),
        (pagerduty_event("incident.reopened"), "refused"),
        (pagerduty_event(key="inc-9"), "unknown"),
        (pagerduty_event(key=None), "unknown"),
    ],
)
def test_pagerduty_is_answered_200_where_nothing_is_to_be_done(
    there: Answered, body: bytes, status: str
) -> None:
    answer = post(there, "pagerduty", pagerduty_request(body))
    assert answer.status_code == 200  # it drops a subscription that is refused too often
    assert answer.json()["status"] == status
    assert there.logged() == []
    assert there.counted() == {f"pagerduty {status}": 1}


def test_pagerduty_is_asked_for_the_key_that_a_webhook_leaves_out(tmp_path: Path) -> None:
    def rule(_: Asked) -> Reply:
        return Reply(200, msgspec.json.encode({"alerts": [{"alert_key": "inc-1"}]}))

    with provider(rule) as api:
        settings = msgspec.structs.replace(
            pagerduty_settings(tmp_path), api=api.url, allow_private=True,
            api_token=secret(tmp_path, "token", "t0ken"),
        )  # fmt: skip
        with answered(tmp_path, CallbackSettings(pagerduty=settings)) as there:
            api.next.append(Reply(500))
            given = pagerduty_request(pagerduty_event(key=None))
            away = post(there, "pagerduty", given)
            assert (away.status_code, away.headers["Retry-After"]) == (503, "5")
            assert post(there, "pagerduty", given).json()["status"] == "requested"
    assert len(there.logged()) == 1
    assert there.counted() == {"pagerduty failed": 1, "pagerduty requested": 1}


GOOD = pagerduty_request(pagerduty_event())
PRESS = slack_request(slack_press())
LARGE = b"x" * 1_048_577
OLD_MS = NOW_MS - 86_400_000


@pytest.mark.parametrize(
    ("via", "given", "status", "reason"),
    [
        ("pagerduty", pagerduty_request(GOOD.body, "x" * 32), 401, "forged"),
        ("pagerduty", Given(GOOD.headers, GOOD.body[:-2]), 401, "forged"),
        ("pagerduty", Given({"content-type": "application/json"}, b"{}"), 401, "unsigned"),
        ("pagerduty", Given({**GOOD.headers, "content-type": "x/y"}, GOOD.body), 415, "wrong_type"),
        ("pagerduty", pagerduty_request(pagerduty_event(at_ms=OLD_MS)), 403, "stale"),
        ("pagerduty", pagerduty_request(b"{}"), 400, "malformed"),
        ("pagerduty", pagerduty_request(LARGE), 413, "too_large"),
        ("slack", slack_request(slack_press(), key="x" * 32), 401, "forged"),
        ("slack", Given(PRESS.headers, PRESS.body[:-2]), 401, "forged"),
        ("slack", slack_request(slack_press(), OLD_MS), 403, "stale"),
        ("slack", slack_request(slack_press(team={"id": "T9"})), 403, "stranger"),
        ("slack", slack_request(slack_press(), more="&x=" + "y" * 1_048_576), 413, "too_large"),
    ],
)
def test_what_is_not_to_count_is_refused_logged_and_counted_by_why(
    refusing: Answered,
    via: str,
    given: Given,
    status: int,
    reason: str,
    caplog: pytest.LogCaptureFixture,
) -> None:
    before = refusing.counted()
    with caplog.at_level(logging.INFO):
        answer = post(refusing, via, given)
    assert answer.status_code == status
    assert answer.json()["status"] == reason
    assert refusing.logged() == []
    assert refusing.counted(before) == {f"{via} {reason}": 1}
    (line,) = [each.getMessage() for each in caplog.records if each.name == "api.reception"]
    assert line.startswith(f"callback of {via} by 127.0.0.1: {reason}: ")
    for hidden in (PD_SECRET, SLACK_SECRET, LINK_KEY, *given.headers.values()):
        assert hidden not in caplog.text
        assert hidden not in answer.text


def test_a_body_without_an_end_is_not_read_to_its_end(refusing: Answered) -> None:
    sent = 0

    def endless() -> Iterator[bytes]:
        nonlocal sent
        while sent < 100:
            sent += 1
            yield b"x" * 65_536

    answer = refusing.client.post("/callbacks/pagerduty", content=endless(), headers=GOOD.headers)
    assert answer.status_code == 413


def test_a_store_that_is_away_is_asked_again(there: Answered, tmp_path: Path) -> None:
    file = tmp_path / "incidents.db"
    file.rename(tmp_path / "away.db")
    answer = post(there, "pagerduty", GOOD)
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "2")
    (tmp_path / "away.db").rename(file)
    assert post(there, "pagerduty", GOOD).json()["status"] == "requested"
    assert there.counted() == {"pagerduty failed": 1, "pagerduty requested": 1}


def test_a_word_of_pagerdutys_judges_the_incident(there: Answered) -> None:
    body = pagerduty_event("incident.annotated", {"content": "False positive: nightly backup"})
    assert post(there, "pagerduty", pagerduty_request(body)).json()["status"] == "requested"
    (word,) = there.logged()
    assert isinstance(word, Feedback)
    assert (word.verdict, word.reason) == ("false_positive", "nightly backup")


def test_the_counters_can_be_scraped_while_it_is_served(tmp_path: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    settings = CallbackSettings(slack=slack_settings(tmp_path), metrics_port=port)
    with answered(tmp_path, settings) as there:
        post(there, "slack", Given({}, b""))
        found = httpx.get(f"http://127.0.0.1:{port}/metrics", trust_env=False).text
    assert 'foreshock_callbacks_total{outcome="wrong_type",provider="slack"} 1.0' in found
    with pytest.raises(httpx.ConnectError):
        httpx.get(f"http://127.0.0.1:{port}/metrics", trust_env=False)


def test_the_application_has_the_routes_of_those_who_are_set(tmp_path: Path) -> None:
    settings = CallbackSettings(slack=slack_settings(tmp_path))
    with serving(Desk(url_of(tmp_path), listening(tmp_path, settings))) as client:
        assert client.post("/callbacks/slack").status_code == 415
        assert client.post("/callbacks/pagerduty").status_code in (404, 405)
    with serving(Desk(url_of(tmp_path))) as client:
        assert client.post("/callbacks/slack").status_code in (404, 405)


def test_nobody_is_listened_to_where_no_flow_can_be_told(tmp_path: Path) -> None:
    app = msgspec.structs.replace(listening(tmp_path), control_log=None)
    with pytest.raises(ValueError, match="control_log must be set where"):
        create_app(ServeSettings(), Desk(url_of(tmp_path), app))


def test_a_secret_that_is_not_there_is_said_at_the_start(tmp_path: Path) -> None:
    keys = {"k1": secret(tmp_path, "empty", "")}
    mail = MailCallbacks(keys=keys, sign_with="k1")
    app = listening(tmp_path, CallbackSettings(url="https://x.example", mail=mail))
    with pytest.raises(ValueError, match="empty must be set, got nothing"):
        create_app(ServeSettings(), Desk(url_of(tmp_path), app))


def test_what_could_not_be_told_is_told_when_it_comes_again(
    there: Answered, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(FileControlLog, "append", full)
        assert post(there, "pagerduty", GOOD).status_code == 503
    soon = post(there, "pagerduty", GOOD)
    assert (soon.status_code, soon.json()["status"]) == (503, "busy")
    assert there.logged() == []
    there.clock[0] += 60_000
    assert post(there, "pagerduty", GOOD).json()["status"] == "repeated"
    assert len(there.logged()) == 1
    assert there.counted() == {"pagerduty failed": 1, "pagerduty busy": 1, "pagerduty repeated": 1}
