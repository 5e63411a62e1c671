"""Each channel against a server that checks requests as the provider's API documents them."""

import hashlib
import hmac
from collections.abc import Callable
from datetime import UTC, datetime

import msgspec
import pytest

from connectors.channels.channel import Channel, Later, Refused, Sent
from connectors.channels.opsgenie import OpsgenieChannel, OpsgenieSettings
from connectors.channels.pagerduty import PagerDutyChannel, PagerDutySettings
from connectors.channels.slack import SlackChannel, SlackSettings
from connectors.channels.teams import TeamsChannel, TeamsSettings
from connectors.channels.webhook import WebhookChannel, WebhookSettings
from connectors.secret import Secret
from tests.connectors.channels.messages import HOSTILE, digest, message
from tests.connectors.channels.provider import Asked, Json, Provider, Reply, follows, provider

KEY = "k" * 32
WHEN = datetime(2026, 3, 1, 10, 0, tzinfo=UTC)

PAGERDUTY: Json = {
    "type": "object",
    "required": ["routing_key", "event_action"],
    "properties": {
        "routing_key": {"const": KEY},
        "event_action": {"enum": ["trigger", "acknowledge", "resolve"]},
        "dedup_key": {"type": "string", "minLength": 1, "maxLength": 255},
        "client": {"type": "string"},
        "client_url": {"type": "string"},
        "links": {"type": "array", "items": {"required": ["href"]}},
        "payload": {
            "type": "object",
            "required": ["summary", "source", "severity"],
            "properties": {
                "summary": {"type": "string", "minLength": 1, "maxLength": 1024},
                "source": {"type": "string", "minLength": 1},
                "severity": {"enum": ["critical", "error", "warning", "info"]},
                "timestamp": {"type": "string", "pattern": r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d"},
                "component": {"type": "string"}, "group": {"type": "string"},
                "class": {"type": "string"}, "custom_details": {"type": "object"},
            },
            "additionalProperties": False,
        },
    },
    "additionalProperties": False,
    "if": {"properties": {"event_action": {"const": "trigger"}}},
    "then": {"required": ["payload"]},
    "else": {"required": ["dedup_key"]},
}  # fmt: skip
OPSGENIE_ALERT: Json = {
    "type": "object",
    "required": ["message"],
    "properties": {
        "message": {"type": "string", "minLength": 1, "maxLength": 130},
        "alias": {"type": "string", "maxLength": 512},
        "description": {"type": "string", "maxLength": 15000},
        "source": {"type": "string", "maxLength": 100},
        "priority": {"enum": ["P1", "P2", "P3", "P4", "P5"]},
        "entity": {"type": "string", "maxLength": 512},
        "details": {"type": "object", "additionalProperties": {"type": "string"}},
    },
    "additionalProperties": False,
}
OPSGENIE_NOTE: Json = {
    "type": "object",
    "properties": {
        "user": {"type": "string", "maxLength": 100},
        "source": {"type": "string", "maxLength": 100},
        "note": {"type": "string", "maxLength": 25000},
    },
    "additionalProperties": False,
}
TEAMS: Json = {
    "type": "object",
    "required": ["type", "attachments"],
    "properties": {
        "type": {"const": "message"},
        "attachments": {
            "type": "array", "minItems": 1,
            "items": {
                "required": ["contentType", "content"],
                "properties": {
                    "contentType": {"const": "application/vnd.microsoft.card.adaptive"},
                    "content": {
                        "required": ["type", "version", "body"],
                        "properties": {
                            "type": {"const": "AdaptiveCard"},
                            "body": {
                                "type": "array",
                                "items": {
                                    "required": ["type", "text"],
                                    "properties": {
                                        "type": {"const": "TextBlock"},
                                        "color": {"enum": ["default", "dark", "light", "accent",
                                                           "good", "warning", "attention"]},
                                    },
                                },
                            },
                        },
                    },
                },
            },
        },
    },
}  # fmt: skip
_BLOCK: Json = {
    "type": "object",
    "required": ["type"],
    "oneOf": [
        {"properties": {"type": {"const": "header"}, "text": {
            "properties": {"type": {"const": "plain_text"},
                           "text": {"type": "string", "minLength": 1, "maxLength": 150}}}}},
        {"properties": {"type": {"const": "section"}, "text": {
            "properties": {"type": {"const": "mrkdwn"},
                           "text": {"type": "string", "minLength": 1, "maxLength": 3000}}}}},
        {"properties": {"type": {"const": "actions"}, "elements": {
            "type": "array", "maxItems": 25}}},
    ],
}  # fmt: skip
SLACK: Json = {
    "type": "object",
    "required": ["text"],
    "properties": {
        "text": {"type": "string", "minLength": 1, "maxLength": 40000},
        "blocks": {"type": "array", "maxItems": 50, "items": _BLOCK},
        "channel": {"type": "string", "pattern": "^C"},
        "ts": {"type": "string", "pattern": r"^\d+\.\d+$"},
        "thread_ts": {"type": "string", "pattern": r"^\d+\.\d+$"},
    },
    "additionalProperties": False,
}


def pagerduty(asked: Asked) -> Reply:
    if len(asked.raw) > 512_000:
        return Reply(413)
    wrong = follows(PAGERDUTY, asked)
    if wrong or asked.path != "/v2/enqueue":
        return Reply(400, b'{"status":"invalid event","errors":["' + wrong.encode() + b'"]}')
    return Reply(202, b'{"status":"success","message":"Event processed","dedup_key":"inc-1"}')


def opsgenie(asked: Asked) -> Reply:
    if asked.headers.get("authorization") != f"GenieKey {KEY}":
        return Reply(401, b'{"message":"Could not authenticate"}')
    path, _, query = asked.path.partition("?")
    creates = path == "/v2/alerts"
    known = creates or (
        path in {f"/v2/alerts/inc-1/{verb}" for verb in ("acknowledge", "close", "notes")}
        and query == "identifierType=alias"
    )
    wrong = follows(OPSGENIE_ALERT if creates else OPSGENIE_NOTE, asked)
    if not known or wrong:
        return Reply(422, wrong.encode() or b"no such resource")
    return Reply(202, b'{"result":"Request will be processed","took":0.1,"requestId":"r"}')


def teams(asked: Asked) -> Reply:
    if len(asked.raw) > 28_000:
        return Reply(413)
    wrong = follows(TEAMS, asked)
    return Reply(400, wrong.encode()) if wrong else Reply(202, b"")


def slack_webhook(asked: Asked) -> Reply:
    wrong = follows(SLACK, asked)
    if wrong or "<!" in str(asked.body["text"]):
        return Reply(400, b"invalid_payload")
    return Reply(200, b"ok")


def slack_api(asked: Asked) -> Reply:
    if asked.headers.get("authorization") != f"Bearer {KEY}":
        return Reply(200, b'{"ok":false,"error":"invalid_auth"}')
    wrong = follows(SLACK, asked)
    method = asked.path.rpartition("/")[2]
    needs_ts = method == "chat.update" and "ts" not in asked.body
    if wrong or "channel" not in asked.body or needs_ts:
        return Reply(200, b'{"ok":false,"error":"invalid_arguments"}')
    return Reply(200, b'{"ok":true,"ts":"1503435956.000247","channel":"C1"}')


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
            message(name=HOSTILE), digest(), digest(500),
        ]  # fmt: skip
        for each in said:
            outcome = channel.send(each)
            assert isinstance(outcome, Sent), (each.notice.kind, outcome)
        channel.close()


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


def test_the_loopback_provider_catches_what_is_wrong() -> None:
    good = {"routing_key": KEY, "event_action": "resolve", "dedup_key": "x"}
    for change in ({"routing_key": "other"}, {"event_action": "close"}, {"dedup_key": "x" * 256},
                   {"dedup_key": ""}, {"extra": 1}, {"event_action": "trigger"}):  # fmt: skip
        assert follows(PAGERDUTY, asked({**good, **change})), change
    assert not follows(PAGERDUTY, asked(good))
    for bad in (
        {},
        {"text": ""},
        {
            "text": "x",
            "blocks": [{"type": "section", "text": {"type": "mrkdwn", "text": "x" * 3_001}}],
        },
        {"text": "x", "channel": "general"},
    ):
        assert follows(SLACK, asked(bad)), bad


def asked(body: object) -> Asked:
    return Asked("POST", "/", {}, msgspec.json.encode(body))


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
