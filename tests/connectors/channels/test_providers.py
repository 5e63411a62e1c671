"""Each channel against a server that checks requests as the provider's API documents them."""

import hashlib
import hmac
from collections.abc import Callable
from datetime import UTC, datetime

import msgspec
import pytest

from connectors.channels import http
from connectors.channels.channel import Channel, Later, Message, Refused, Sent
from connectors.channels.opsgenie import OpsgenieChannel, OpsgenieSettings
from connectors.channels.pagerduty import PagerDutyChannel, PagerDutySettings
from connectors.channels.slack import SlackChannel, SlackSettings
from connectors.channels.teams import TeamsChannel, TeamsSettings
from connectors.channels.webhook import WebhookChannel, WebhookSettings
from connectors.secret import Secret
from tests.connectors.channels.documented import (
    KEY,
    opsgenie,
    pagerduty,
    slack_api,
    slack_webhook,
    teams,
)
from tests.connectors.channels.messages import HOSTILE, digest, message
from tests.connectors.channels.provider import Asked, Provider, Reply, provider

WHEN = datetime(2026, 3, 1, 10, 0, tzinfo=UTC)


@pytest.fixture(autouse=True)
def _secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KEY", KEY)


def secret(monkeypatch: pytest.MonkeyPatch, value: str) -> Secret:
    monkeypatch.setenv("VALUE", value)
    return Secret(env="VALUE")


Open = Callable[[Provider, pytest.MonkeyPatch], Channel]
OPENED: dict[str, tuple[Callable[[Asked], Reply], Open]] = {
    "pagerduty": (pagerduty, lambda server, _: PagerDutyChannel(PagerDutySettings(
        routing_key=Secret(env="KEY"), url=server.url + "/v2/enqueue", allow_private=True))),
    "opsgenie": (opsgenie, lambda server, _: OpsgenieChannel(OpsgenieSettings(
        api_key=Secret(env="KEY"), url=server.url, allow_private=True))),
    "teams": (teams, lambda server, patch: TeamsChannel(TeamsSettings(
        url=secret(patch, server.url + "/workflow"), allow_private=True))),
    "slack": (slack_webhook, lambda server, patch: SlackChannel(SlackSettings(
        url=secret(patch, server.url + "/services/T/B/x"), allow_private=True))),
    "slack-token": (slack_api, lambda server, _: SlackChannel(SlackSettings(
        token=Secret(env="KEY"), channel="C1", api=server.url + "/api", allow_private=True))),
}  # fmt: skip


@pytest.mark.parametrize("kind", OPENED)
def test_every_message_of_an_incident_is_as_the_provider_documents_it(
    kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    rule, opens = OPENED[kind]
    with provider(rule) as server:
        channel = opens(server, monkeypatch)
        said = [
            message(), message("update", "1503435956.000247"), message("acknowledge"),
            message("resolve", "1503435956.000247"), message(name="n" * 3_000),
            message(name=HOSTILE), message(name="<&>" * 1_000), message(name="数据库" * 3_000),
            offered(message(), "x" * 4_000), digest(), digest(500),
        ]  # fmt: skip
        for each in said:
            outcome = channel.send(each)
            assert isinstance(outcome, Sent), (each.notice.kind, outcome)
        channel.close()


def offered(said: Message, label: str) -> Message:
    """Return a message with all that people may do about it."""
    acts = ((label, "ack"), ("Resolve", "resolve"))
    links = ((label, "https://foreshock.example/x"),)
    return msgspec.structs.replace(said, buttons=acts, actions=links)


WRONG = [
    Reply(429, b"slow", (("Retry-After", "30"),)), Reply(500), Reply(502, b"<html>"),
    Reply(cuts=True), Reply(503), Reply(408),
]  # fmt: skip


@pytest.mark.parametrize("kind", OPENED)
def test_what_may_pass_is_said_to_be_tried_again_and_what_may_not_is_refused(
    kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    rule, opens = OPENED[kind]
    with provider(rule) as server:
        channel = opens(server, monkeypatch)
        for reply in WRONG:
            server.next = [reply]
            outcome = channel.send(message())
            assert isinstance(outcome, Later), reply
            assert outcome.after_s == (30.0 if reply.status == 429 else None)
            assert KEY not in outcome.error
        for status in (400, 401, 403, 404, 410, 413, 422):
            server.next = [Reply(status, b"invalid")]
            outcome = channel.send(message())
            assert isinstance(outcome, Refused), status
            assert KEY not in outcome.error
        assert isinstance(channel.send(message()), Sent)
        channel.close()


@pytest.mark.parametrize("kind", OPENED)
def test_a_provider_that_does_not_answer_is_asked_again(
    kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    rule, opens = OPENED[kind]
    monkeypatch.setattr(http, "TIMEOUT_S", 0.2)
    with provider(rule) as server:
        channel = opens(server, monkeypatch)
        server.next = [Reply(hangs=True)]
        outcome = channel.send(message())
        assert isinstance(outcome, Later)
        assert outcome.maybe
        channel.close()


def test_with_a_token_the_first_message_is_changed_and_the_rest_is_in_its_thread(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    rule, opens = OPENED["slack-token"]
    with provider(rule) as server:
        channel = opens(server, monkeypatch)
        first = channel.send(message())
        assert first == Sent("1503435956.000247")
        assert channel.send(message("resolve", "1503435956.000247")) == first
        channel.close()
        calls = [
            (each.path.rpartition("/")[2], each.body.get("thread_ts")) for each in server.asked
        ]
        assert calls == [
            ("chat.postMessage", None), ("chat.update", None),
            ("chat.postMessage", "1503435956.000247"),
        ]  # fmt: skip


def test_a_message_that_people_have_deleted_is_posted_anew(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    rule, opens = OPENED["slack-token"]
    with provider(rule) as server:
        channel = opens(server, monkeypatch)
        server.next = [Reply(200, b'{"ok":false,"error":"message_not_found"}')]
        assert channel.send(message("update", "1.2")) == Sent("1503435956.000247")
        channel.close()
        paths = [each.path for each in server.asked]
        assert paths == ["/api/chat.update", "/api/chat.postMessage"]
        posted = server.asked[1].body
    assert "thread_ts" not in posted
    assert posted["metadata"] == {
        "event_type": "foreshock_notice",
        "event_payload": {"dedup_key": "inc-1", "notice": "inc-1.transition:1@page"},
    }


@pytest.mark.parametrize(
    ("error", "means"), [("ratelimited", Later), ("channel_not_found", Refused)]
)
def test_slack_says_in_its_body_whether_it_has_worked(
    error: str, means: type[object], monkeypatch: pytest.MonkeyPatch
) -> None:
    _, opens = OPENED["slack-token"]
    with provider(lambda _: Reply(200, b'{"ok":false,"error":"%s"}' % error.encode())) as server:
        channel = opens(server, monkeypatch)
        assert isinstance(channel.send(message()), means)
        channel.close()


def test_a_webhook_is_signed_and_can_be_verified(monkeypatch: pytest.MonkeyPatch) -> None:
    with provider(lambda _: Reply()) as server:
        settings = WebhookSettings(
            url=secret(monkeypatch, server.url + "/hook"), secret=Secret(env="KEY"),
            headers={"X-Team": "shop"}, allow_private=True,
        )  # fmt: skip
        channel = WebhookChannel(settings, lambda: WHEN)
        assert channel.send(message()) == Sent()
        channel.close()
        got = server.asked[0]
    stamp = got.headers["x-foreshock-timestamp"]
    signed = hmac.new(KEY.encode(), stamp.encode() + b"." + got.raw, hashlib.sha256).hexdigest()
    assert stamp == str(int(WHEN.timestamp()))
    assert got.headers["x-foreshock-signature"] == f"v1={signed}"
    assert got.headers["idempotency-key"] == "inc-1.transition:1@page"
    assert got.headers["x-team"] == "shop"
    assert got.body["event"] != {}
    assert got.body["dedup_key"] == "inc-1"


def test_names_from_outside_are_no_mentions_links_or_markup(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    rule, opens = OPENED["slack"]
    with provider(rule) as server:
        opens(server, monkeypatch).send(message(name=HOSTILE))
        body = server.asked[0].body
    parsed = [str(body["text"]), str(body["blocks"]).partition("'mrkdwn'")[2]]  # by Slack
    assert all("<" not in text and "&lt;!channel&gt;" in text for text in parsed)
    rule, opens = OPENED["teams"]
    with provider(rule) as server:
        opens(server, monkeypatch).send(message(name=HOSTILE))
        card = str(server.asked[0].body).replace("\\\\", "\\")
    assert "](http" not in card.replace("\\](http", "")
    assert "<script" not in card.replace("\\<script", "")
