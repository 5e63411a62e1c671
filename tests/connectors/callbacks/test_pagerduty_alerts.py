from pathlib import Path

import msgspec
import pytest

from connectors.callbacks.pagerduty import PagerDutyCallbacks
from connectors.callbacks.pagerduty_alerts import PagerDutyAlerts
from tests.connectors.callbacks.signed import pagerduty_settings, secret
from tests.connectors.channels.provider import Asked, Reply, provider

ALERTS = [
    {"alert_key": "inc-1", "body": {"details": "x" * 20_000}},
    {"alert_key": "inc-2", "body": {"details": "x" * 60_000}},
    {"alert_key": None},
    {"alert_key": "inc-1"},
]


def rule(asked: Asked) -> Reply:
    if asked.headers["authorization"] != "Token token=t0ken":
        return Reply(401)
    if asked.path != "/incidents/PGR0VU2/alerts?limit=100":
        return Reply(404)
    return Reply(200, msgspec.json.encode({"alerts": ALERTS, "more": False}))


def settings(folder: Path, url: str, value: str = "t0ken") -> PagerDutyCallbacks:
    return msgspec.structs.replace(
        pagerduty_settings(folder), api=url, api_token=secret(folder, "token", value),
        allow_private=True,
    )  # fmt: skip


def test_an_incident_there_leads_to_all_that_it_groups(tmp_path: Path) -> None:
    with provider(rule) as there:
        alerts = PagerDutyAlerts(settings(tmp_path, there.url))
        assert alerts.keys("PGR0VU2") == ("inc-1", "inc-2")
        assert alerts.keys("PGONE") == ()


def test_without_a_token_nobody_is_asked(tmp_path: Path) -> None:
    assert PagerDutyAlerts(pagerduty_settings(tmp_path)).keys("PGR0VU2") == ()


@pytest.mark.parametrize(
    "reply", [Reply(500), Reply(429), Reply(200, b"<html>"), Reply(cuts=True)], ids=str
)
def test_no_answer_is_not_the_answer_that_there_is_none(tmp_path: Path, reply: Reply) -> None:
    with provider(rule) as there:
        there.next.append(reply)
        with pytest.raises(ConnectionError):
            PagerDutyAlerts(settings(tmp_path, there.url)).keys("PGR0VU2")


def test_an_error_does_not_show_the_token(tmp_path: Path) -> None:
    with provider(rule) as there, pytest.raises(ConnectionError) as said:
        PagerDutyAlerts(settings(tmp_path, there.url, "wr0ng")).keys("PGR0VU2")
    assert "401" in str(said.value)
    assert "wr0ng" not in str(said.value)
