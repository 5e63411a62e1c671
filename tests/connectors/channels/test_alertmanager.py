"""A real Alertmanager takes incidents in, keeps each as one alert, and tells a webhook of it."""

from collections.abc import Iterator
from contextlib import closing
from typing import Any

import msgspec
import pytest

from connectors.channels.alertmanager import AlertmanagerChannel, AlertmanagerSettings
from connectors.channels.channel import Later, Message, Outcome, Refused, Sent
from connectors.secret import Secret
from connectors.source import wall_clock
from flows.rendering import Renderer
from schema import Incident, Kind, Notice, Severity
from tests.connectors.channels.messages import HOSTILE, digest
from tests.connectors.channels.provider import Reply, provider
from tests.connectors.made_transitions import INCIDENT, OPENED
from tests.prometheus.alertmanager import MISSING, Alertmanager, binary
from tests.prometheus.told import Told

HOUR_MS = 3_600_000


@pytest.fixture(scope="module")
def real(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Alertmanager, Told]]:
    """An Alertmanager, and what it tells."""
    if binary() is None:
        pytest.skip(MISSING)
    told = Told()
    with (
        provider(told.take) as webhook,
        Alertmanager(tmp_path_factory.mktemp("alertmanager"), webhook.url) as server,
    ):
        yield server, told


def said(kind: Kind, name: str, **given: object) -> Message:
    """Return word of an incident that has just opened by the clock on the wall."""
    now_ms = round(wall_clock().timestamp() * 1000)
    changes: dict[str, Any] = {"id": name, "opened_ms": now_ms - HOUR_MS, **given}
    incident: Incident = msgspec.structs.replace(INCIDENT, **changes)
    opened = msgspec.structs.replace(OPENED, incident=incident)
    notice = Notice(name, incident.revision, "page", kind, "transition:1", now_ms, "so")
    return Renderer("https://foreshock.example/incidents/{id}").render(notice, opened)


def send(where: Alertmanager | AlertmanagerSettings, message: Message) -> Outcome:
    """Send by a channel that has just been opened, as after a crash."""
    if isinstance(where, Alertmanager):
        where = AlertmanagerSettings(url=f"http://{where.address}")
    with closing(AlertmanagerChannel(where)) as channel:
        return channel.send(message)


def test_an_incident_that_is_told_again_is_one_alert_and_ends_with_it(
    real: tuple[Alertmanager, Told],
) -> None:
    server, told = real
    settings = AlertmanagerSettings(url=f"http://{server.address}", labels={"team": "shop"})
    for kind in ("trigger", "trigger", "update", "acknowledge"):  # a crash, a repeat, and news
        assert send(settings, said(kind, "inc-once")) == Sent()
    told.wait_for("inc-once", lambda heard: heard == [("critical", "firing")])
    (alert,) = server.alerts(filter='incident="inc-once"')
    assert alert["labels"] == {
        "alertname": "ForeshockIncident", "incident": "inc-once", "severity": "critical",
        "cloud": "aws", "account": "111122223333", "region": "eu-west-1", "team": "shop",
    }  # fmt: skip
    assert alert["annotations"]["summary"] == "[CRITICAL] latency of orders-db rose to 820 ms"
    assert alert["annotations"]["state"] == "open"
    assert alert["generatorURL"] == "https://foreshock.example/incidents/inc-once"
    assert send(settings, said("resolve", "inc-once", state="resolved")) == Sent()
    told.wait_for("inc-once", lambda heard: heard[1:] == [("critical", "resolved")])
    assert server.alerts(filter='incident="inc-once"') == []


def test_an_incident_whose_severity_and_scope_change_stays_one_alert(
    real: tuple[Alertmanager, Told],
) -> None:
    server, told = real
    assert send(server, said("trigger", "inc-moved", severity=Severity.HIGH)) == Sent()
    told.wait_for("inc-moved", lambda heard: heard == [("high", "firing")])
    worse = {"severity": Severity.CRITICAL, "scope": (("cloud", "aws"),), "revision": 2}
    assert send(server, said("update", "inc-moved", **worse)) == Sent()
    (alert,) = server.alerts(filter='incident="inc-moved"')
    assert "region" not in alert["labels"]
    told.wait_for("inc-moved", lambda heard: {*heard[1:]} == {
        ("high", "resolved"), ("critical", "firing")})  # fmt: skip
    assert send(server, said("resolve", "inc-moved", scope=())) == Sent()
    told.wait_for("inc-moved", lambda heard: ("critical", "resolved") in heard)
    assert server.alerts(filter='incident="inc-moved"') == []
    assert told.of("inc-moved").count(("critical", "firing")) == 1


def test_two_incidents_and_names_from_outside_are_kept_apart(
    real: tuple[Alertmanager, Told],
) -> None:
    server, _ = real
    hostile = (("account", HOSTILE), ("region", 'a"b\\c'), ("cloud", ""))
    assert send(server, said("trigger", "inc-a", scope=hostile)) == Sent()
    assert send(server, said("trigger", 'inc-"b"\\')) == Sent()
    assert send(server, said("resolve", "inc-a", scope=hostile)) == Sent()
    assert server.alerts(filter='incident="inc-a"') == []
    left = [each["labels"]["incident"] for each in server.alerts(filter='incident=~"inc-.b.*"')]
    assert left == ['inc-"b"\\']


def test_what_is_held_back_is_an_alert_for_an_hour(real: tuple[Alertmanager, Told]) -> None:
    server, _ = real
    held = digest()
    now_ms = said("trigger", "x").notice.decided_ms
    held = msgspec.structs.replace(
        held, notice=msgspec.structs.replace(held.notice, decided_ms=now_ms)
    )
    assert send(server, held) == Sent()
    (alert,) = server.alerts(filter=f'incident="{held.dedup_key}"')
    assert alert["annotations"]["summary"] == "3 more incidents"


def test_what_alertmanager_refuses_is_refused(real: tuple[Alertmanager, Told]) -> None:
    server, _ = real
    sent = msgspec.structs.replace(said("trigger", "inc-bad"), link="no URL at all")
    outcome = send(server, sent)
    assert isinstance(outcome, Refused), outcome
    assert "generatorURL" in outcome.error


def test_an_alertmanager_that_is_away_or_is_none_is_tried_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("KEY", "k" * 32)
    with provider(lambda _: Reply(200, b"<html>")) as server:
        settings = AlertmanagerSettings(url=server.url, bearer_token=Secret(env="KEY"))
        outcome = send(settings, said("trigger", "x"))
        assert outcome == Later("alertmanager: it has answered with no list of alerts")
        assert server.asked[0].headers["authorization"] == "Bearer " + "k" * 32
        server.next = [Reply(503, b"", (("Retry-After", "7"),))]
        outcome = send(settings, said("trigger", "x"))
        assert isinstance(outcome, Later)
        assert outcome.after_s == 7.0


@pytest.mark.parametrize("name", ["", "1st", "a-b", "incident", "é"])
def test_labels_that_alertmanager_would_refuse_are_refused(name: str) -> None:
    with pytest.raises(ValueError, match="labels must be named"):
        AlertmanagerSettings(url="http://x", labels={name: "x"})
